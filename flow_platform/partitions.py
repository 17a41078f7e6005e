"""Centres, days and months as Dagster partitions, and the mappings between them; nowhere else.

A partition key is `centre|day`. Every stage is written for a rectangle of keys (`Keys`), of which
one partition is the smallest.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import dagster as dg
import numpy as np
import pandas as pd
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)
from numpy.typing import NDArray

from flow_platform.errors import ConfigurationError
from flow_platform.sources.local_time import day_closes_at, days_index
from flow_platform.warehouse.store import Keys

if TYPE_CHECKING:
    from flow_platform.flows import Flow
    from flow_platform.platform import Platform

CENTRE, DAY, MONTH, CANDIDATE, MEASURE = "centre", "day", "month", "candidate", "measure"

# Status pages of an asset take seconds beyond this many keys (docs/architecture.md, "Limits").
_MANY_KEYS = 50_000

logger = logging.getLogger(__name__)


@lru_cache(maxsize=64)
def centre_day_partitions(
    centre_ids: tuple[str, ...], first_day: date, with_today: bool = False
) -> dg.MultiPartitionsDefinition:
    """Partitions centre x day from `first_day` to the last complete UTC day, or to today.

    Warns above 50,000 keys, where Dagster's status pages grow slow, and says what to do.
    """
    days = (datetime.now(UTC).date() - first_day).days
    if len(centre_ids) * days > _MANY_KEYS:
        logger.warning(
            "%d centres x %d days make %d partitions; Dagster advises at most 100,000 an asset and"
            " grows slow above %d. Set FLOW_FIRST_DAY later, or declare areas as partition key.",
            len(centre_ids),
            days,
            len(centre_ids) * days,
            _MANY_KEYS,
        )
    return dg.MultiPartitionsDefinition(
        {
            CENTRE: dg.StaticPartitionsDefinition(list(centre_ids)),
            DAY: dg.DailyPartitionsDefinition(
                start_date=first_day.isoformat(), end_offset=int(with_today)
            ),
        }
    )


def partitions_of(platform: Platform, flow: Flow) -> dg.MultiPartitionsDefinition:
    """The partitions of a flow's rows: centres or areas, and days, of some flows today's too."""
    return centre_day_partitions(
        platform.areas_of(flow), platform.settings.first_day, flow.has_today
    )


def month_partitions(first_day: date) -> dg.MonthlyPartitionsDefinition:
    """Months by the first day, which is the training cut-off: the current month is one of them."""
    return dg.MonthlyPartitionsDefinition(
        start_date=first_day.replace(day=1).isoformat(), end_offset=1
    )


def model_partitions(candidates: Sequence[str], first_day: date) -> dg.MultiPartitionsDefinition:
    """Partitions candidate x month of the training cut-off."""
    return dg.MultiPartitionsDefinition(
        {
            CANDIDATE: dg.StaticPartitionsDefinition(list(candidates)),
            MONTH: month_partitions(first_day),
        }
    )


def champion_partitions(measures: Sequence[str], first_day: date) -> dg.MultiPartitionsDefinition:
    """Partitions measure x month: one champion for each."""
    return dg.MultiPartitionsDefinition(
        {
            MEASURE: dg.StaticPartitionsDefinition(list(measures)),
            MONTH: month_partitions(first_day),
        }
    )


def vintage_known_by_day() -> dg.PartitionMapping:
    """Forecast of (centre, day) <- champion of the month in which the day lies."""
    return dg.MultiPartitionMapping(
        {MONTH: dg.DimensionPartitionMapping(DAY, dg.TimeWindowPartitionMapping())}
    )


def same_month() -> dg.PartitionMapping:
    """Champion of a month <- every candidate of that month."""
    return dg.MultiPartitionMapping(
        {MONTH: dg.DimensionPartitionMapping(MONTH, dg.IdentityPartitionMapping())}
    )


def same_day() -> dg.PartitionMapping:
    """(area, day) <- every centre on the same day: counters have the weather of their places."""
    return dg.MultiPartitionMapping(
        {DAY: dg.DimensionPartitionMapping(DAY, dg.IdentityPartitionMapping())}
    )


def day_before() -> dg.PartitionMapping:
    """(centre, day) <- every centre on the day before: what their place knew as the day began."""
    return dg.MultiPartitionMapping(
        {
            DAY: dg.DimensionPartitionMapping(
                DAY,
                dg.TimeWindowPartitionMapping(
                    start_offset=-1, end_offset=-1, allow_nonexistent_upstream_partitions=True
                ),
            )
        }
    )


def days_before(first: int, last: int) -> dg.PartitionMapping:
    """(centre, day) <- the same centre on the days from day-first to day-last."""
    return dg.MultiPartitionMapping(
        {
            CENTRE: dg.DimensionPartitionMapping(CENTRE, dg.IdentityPartitionMapping()),
            DAY: dg.DimensionPartitionMapping(
                DAY,
                dg.TimeWindowPartitionMapping(
                    start_offset=-first,
                    end_offset=-last,
                    allow_nonexistent_upstream_partitions=True,
                ),
            ),
        }
    )


def keys_of(partition_keys: Iterable[str]) -> Keys:
    """The rectangle that a run's partition keys form.

    Raises ConfigurationError where they form none: every stage replaces whole rectangles.
    """
    parsed = [key.split("|", 1) for key in partition_keys]
    centres = tuple(dict.fromkeys(centre for centre, _ in parsed))
    days = sorted({day for _, day in parsed})
    keys = Keys(centres, date.fromisoformat(days[0]), date.fromisoformat(days[-1]))
    if len(keys) != len(parsed):
        raise ConfigurationError(
            f"{len(parsed)} partitions between {days[0]} and {days[-1]} of {len(centres)} centres"
            " are no rectangle. Materialise them in several runs, each all of its centres x days."
        )
    return keys


def range_tags(first_key: str, last_key: str) -> dict[str, str]:
    """Run tags that make one run cover the rectangle between two keys."""
    return {
        ASSET_PARTITION_RANGE_START_TAG: first_key,
        ASSET_PARTITION_RANGE_END_TAG: last_key,
    }


def rectangle_tags(keys: Keys) -> dict[str, str]:
    """Run tags for a rectangle of centre x day whose centres stand side by side."""
    return range_tags(f"{keys.centres[0]}|{keys.first_day}", f"{keys.centres[-1]}|{keys.last_day}")


def contiguous(chosen: Sequence[str], all_centres: Sequence[str]) -> list[tuple[str, ...]]:
    """`chosen` cut into blocks that stand side by side in `all_centres`, in that order.

    One run covers a block. Raises ConfigurationError for a centre that does not exist.
    """
    place = {centre: index for index, centre in enumerate(all_centres)}
    unknown = [centre for centre in chosen if centre not in place]
    if unknown:
        raise ConfigurationError(
            f"Unknown centres: {', '.join(unknown)}. Known: {', '.join(list(all_centres)[:20])}"
            f"{' ...' if len(all_centres) > 20 else ''}. FLOW_CENTRES names their file."
        )
    order = sorted({place[centre] for centre in chosen})
    cuts = [0, *(i + 1 for i, (a, b) in enumerate(pairwise(order)) if b != a + 1), len(order)]
    return [tuple(all_centres[i] for i in order[a:b]) for a, b in pairwise(cuts)]


# What starting a run costs, in partitions that it could have covered instead.
_RUN_WORTH = 60


def covering(
    cells: Iterable[tuple[str, date]], all_centres: Sequence[str], most: int
) -> list[Keys]:
    """Few rectangles, at most `most`, that cover these centres and days: what runs are asked for.

    A rectangle is cut in two where that saves more partitions than starting a run is worth. The
    centres of each stand side by side in `all_centres`; cells of other centres raise KeyError.
    """
    place = {centre: index for index, centre in enumerate(all_centres)}
    points = np.array(
        sorted({(place[centre], day.toordinal()) for centre, day in cells}), dtype=np.int64
    ).reshape(-1, 2)
    worth = _RUN_WORTH
    while len(boxes := _cut(points, worth)) > most:
        worth *= 2
    return [
        Keys(
            tuple(all_centres[box[0, 0] : box[1, 0] + 1]),
            date.fromordinal(int(box[0, 1])),
            date.fromordinal(int(box[1, 1])),
        )
        for box in boxes
    ]


def _cut(points: NDArray[np.int64], worth: int) -> list[NDArray[np.int64]]:
    """Boxes (lowest and highest corner) around the points, cut where it pays."""
    if not len(points):
        return []
    whole = np.array([points.min(axis=0), points.max(axis=0)])
    best, parts = _area(whole) - worth, None
    for axis in (0, 1):
        for border in np.unique(points[:, axis])[1:]:
            below = points[:, axis] < border
            sides = [points[below], points[~below]]
            area = sum(_area(np.array([one.min(axis=0), one.max(axis=0)])) for one in sides)
            if area < best:
                best, parts = area, sides
    if parts is None:
        return [whole]
    return [box for part in parts for box in _cut(part, worth)]


def _area(box: NDArray[np.int64]) -> int:
    return int(np.prod(box[1] - box[0] + 1))


def day_named(text: str) -> date:
    """The day that people write as 2025-12-31. Raises ConfigurationError for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(f"{text!r} is no day. Write it as 2025-12-31.") from error


def month_named(text: str) -> date:
    """The first day of the month that people write as 2025-12, or as one of its days."""
    return day_named(text if len(text) > 7 else f"{text}-01").replace(day=1)


def months_between(first: date, last: date) -> list[date]:
    """First days of the months from `first`'s to `last`'s."""
    starts = pd.period_range(first, last, freq="M")
    return [period.start_time.date() for period in starts]


def cutoff_of(month: date) -> pd.Timestamp:
    """The training cut-off of a month's vintages: its first moment, UTC."""
    return pd.Timestamp(month, tz="UTC")


def issue_times(zones: Mapping[str, str], first_day: date, last_day: date) -> pd.DataFrame:
    """When the forecasts of each centre (`zones`: centre_id -> IANA zone) and day are issued.

    Columns unique_id, issue (midnight, naive), issued_at (UTC): the later of the end of the UTC day
    and of the centre's local day; west of Greenwich a day's own count is not known at UTC midnight.
    """
    days = days_index(first_day, last_day)
    closes = {zone: day_closes_at(days, zone) for zone in set(zones.values())}
    return pd.concat(
        [
            pd.DataFrame({"unique_id": centre, "issue": days, "issued_at": closes[zone]})
            for centre, zone in zones.items()
        ],
        ignore_index=True,
    )
