"""Centres, days and months as Dagster partitions, and the mappings between them; nowhere else.

A partition key is `centre|day`. Every stage is written for a rectangle of centres and days
(`ground/rectangle.py`), of which one partition is the smallest.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from flow_platform.ground.errors import ConfigurationError
from flow_platform.ground.rectangle import Rectangle

if TYPE_CHECKING:
    from flow_platform.flows.kinds import Flow
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


def rectangle_of(partition_keys: Iterable[str]) -> Rectangle:
    """The rectangle that a run's partition keys form.

    Raises ConfigurationError where they form none: every stage replaces whole rectangles.
    """
    parsed = [key.split("|", 1) for key in partition_keys]
    centres = tuple(dict.fromkeys(centre for centre, _ in parsed))
    days = sorted({day for _, day in parsed})
    rectangle = Rectangle(centres, date.fromisoformat(days[0]), date.fromisoformat(days[-1]))
    if len(rectangle) != len(parsed):
        raise ConfigurationError(
            f"{len(parsed)} partitions between {days[0]} and {days[-1]} of {len(centres)} centres"
            " are no rectangle. Materialise them in several runs, each all of its centres x days."
        )
    return rectangle


def range_tags(first_key: str, last_key: str) -> dict[str, str]:
    """Run tags that make one run cover the rectangle between two keys."""
    return {
        ASSET_PARTITION_RANGE_START_TAG: first_key,
        ASSET_PARTITION_RANGE_END_TAG: last_key,
    }


def rectangle_tags(rectangle: Rectangle) -> dict[str, str]:
    """Run tags for a rectangle of centre x day whose centres stand side by side."""
    return range_tags(
        f"{rectangle.centres[0]}|{rectangle.first_day}",
        f"{rectangle.centres[-1]}|{rectangle.last_day}",
    )
