"""Which vintages are in service, read from the published views.

The rule is that of `registry/promotions.py`; the service may read neither `ml.vintages` nor
`ml.promotions`, so the same objects are made here from `published.models` and
`published.promotions`. Loading a model is in `serving.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from flow_platform.registry.promotions import (
    ServingPeriod,
    predecessor,
    serving_history,
    vintage_for,
)
from flow_platform.registry.vintages import Vintage

if TYPE_CHECKING:
    from flow_platform.api.database import Database

Row = Mapping[str, Any]

_VINTAGES = (
    "select flow, measure, candidate, month, cutoff, model_version, is_champion, sha256,"
    " artefact_path, train_first, train_last, trained_rows"
    " from published.models where flow = any(%(flows)s) order by flow, measure, month, candidate"
)
_DECISIONS = (
    "select flow, measure, effective_day, kind, serving_candidate, serving_month"
    " from published.promotions"
    " where flow = any(%(flows)s) and kind in ('promote', 'rollback') order by decision_id"
)


@dataclass(frozen=True)
class InService:
    """The vintage that serves a measure on a day, and the one that served before it, if any."""

    vintage: Vintage
    previous: Vintage | None


async def read_vintages_in_service(
    database: Database, flows: Sequence[str], day: date | None = None
) -> dict[tuple[str, str], InService]:
    """By flow and measure, the vintage in service on `day` (without it today, UTC).

    A measure without a champion is left out. Raises DatabaseDown.
    """
    wanted = {"flows": list(flows)}
    vintages = await database.rows(_VINTAGES, wanted)
    decisions = await database.rows(_DECISIONS, wanted)
    return vintages_in_service(vintages, decisions, day or datetime.now(UTC).date())


def vintages_in_service(
    vintages: Iterable[Row], decisions: Iterable[Row], day: date
) -> dict[tuple[str, str], InService]:
    """By flow and measure, the vintage in service on `day`; without a champion left out.

    `vintages` are rows of published.models, `decisions` the promotions and rollbacks of
    published.promotions in the order in which they were made.
    """
    known: dict[tuple[str, str], dict[tuple[str, date], Vintage]] = {}
    for row in vintages:
        own = known.setdefault((row["flow"], row["measure"]), {})
        own[row["candidate"], row["month"]] = _vintage(row)
    decided: dict[tuple[str, str], list[ServingPeriod]] = {}
    for row in decisions:
        key = (row["flow"], row["measure"])
        chosen = known.get(key, {}).get((row["serving_candidate"], row["serving_month"]))
        if chosen is not None:
            period = ServingPeriod(row["effective_day"], chosen, row["kind"] == "rollback")
            decided.setdefault(key, []).append(period)
    found = {}
    for key, own in known.items():
        champions = (vintage for vintage in own.values() if vintage.is_champion)
        periods = serving_history(champions, decided.get(key, []))
        vintage = vintage_for(periods, day)
        if vintage is not None:
            found[key] = InService(vintage, predecessor(periods, day))
    return found


def _vintage(row: Row) -> Vintage:
    return Vintage(
        flow=row["flow"],
        measure=row["measure"],
        candidate=row["candidate"],
        month=row["month"],
        cutoff=pd.Timestamp(row["cutoff"]),
        model_version=row["model_version"],
        is_champion=row["is_champion"],
        sha256=row["sha256"],
        artefact_path=row["artefact_path"] or "",
        # Only training reads these two.
        fingerprint="",
        metrics={},
        train_first=row["train_first"],
        train_last=row["train_last"],
        trained_rows=row["trained_rows"],
    )
