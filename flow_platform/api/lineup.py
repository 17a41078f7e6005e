"""Who serves, as the published views tell it.

The rule is that of `registry/promotions.py`; the API may read neither `ml.vintages` nor
`ml.promotions`, so the same objects are made here from `published.models` and
`published.promotions`. Loading a model is in `serving.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from flow_platform.registry.promotions import Reign, line_of, predecessor, vintage_for
from flow_platform.registry.vintages import Vintage

if TYPE_CHECKING:
    from flow_platform.api.database import Database

Row = Mapping[str, Any]

_VINTAGES = (
    "select flow, measure, candidate, month, cutoff, model_version, is_champion, sha256,"
    " artefact_path, train_first, train_last, trained_rows"
    " from published.models where flow = any(%(flows)s) order by flow, measure, month, candidate"
)
_MOVES = (
    "select flow, measure, effective_day, kind, serving_candidate, serving_month"
    " from published.promotions"
    " where flow = any(%(flows)s) and kind in ('promote', 'rollback') order by decision_id"
)


@dataclass(frozen=True)
class Standing:
    """Who serves a measure on a day, and who did before."""

    serving: Vintage
    before: Vintage | None


async def standings(
    database: Database, flows: Sequence[str], day: date | None = None
) -> dict[tuple[str, str], Standing]:
    """Of each flow and measure that has a champion, who serves on `day` (today, UTC)."""
    wanted = {"flows": list(flows)}
    vintages = await database.rows(_VINTAGES, wanted)
    moves = await database.rows(_MOVES, wanted)
    return who_serves(vintages, moves, day or datetime.now(UTC).date())


def who_serves(
    vintages: Iterable[Row], moves: Iterable[Row], day: date
) -> dict[tuple[str, str], Standing]:
    """By flow and measure, who serves on `day`.

    `vintages` are rows of published.models, `moves` the promotions and rollbacks of
    published.promotions in the order they were decided.
    """
    known: dict[tuple[str, str], dict[tuple[str, date], Vintage]] = {}
    for row in vintages:
        own = known.setdefault((row["flow"], row["measure"]), {})
        own[row["candidate"], row["month"]] = _vintage(row)
    decided: dict[tuple[str, str], list[Reign]] = {}
    for row in moves:
        key = (row["flow"], row["measure"])
        moved = known.get(key, {}).get((row["serving_candidate"], row["serving_month"]))
        if moved is not None:
            reign = Reign(row["effective_day"], moved, row["kind"] == "rollback")
            decided.setdefault(key, []).append(reign)
    found = {}
    for key, own in known.items():
        champions = (vintage for vintage in own.values() if vintage.is_champion)
        line = line_of(champions, decided.get(key, []))
        serving = vintage_for(line, day)
        if serving is not None:
            found[key] = Standing(serving, predecessor(line, day))
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
        # What it was trained on, and how well, matters to those who train.
        fingerprint="",
        metrics={},
        train_first=row["train_first"],
        train_last=row["train_last"],
        trained_rows=row["trained_rows"],
    )
