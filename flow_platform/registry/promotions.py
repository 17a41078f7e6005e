"""Decisions on which vintage serves, and the serving history that follows from them.

A decision only counts from its effective day on. How one is reached is in `stages/` and
`models/promotion.py`; they are read and written in `vintages.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

if TYPE_CHECKING:
    from flow_platform.models.promotion import Comparison
    from flow_platform.models.vintage import Vintage

Kind = Literal["first", "monthly", "promote", "rollback", "refused"]


@dataclass(frozen=True)
class Decision:
    """One row of `ml.promotions`.

    `champion` served, or would have; `challenger` wanted its place; `serving` forecasts from
    `effective_day` on. A rollback's challenger is the vintage it returns to.
    """

    kind: Kind
    effective_day: date
    champion: Vintage | None
    challenger: Vintage | None
    serving: Vintage
    reason: str
    decided_by: str
    comparison: Comparison | None = None

    @property
    def promoted(self) -> bool:
        """Whether the challenger took the place."""
        return (
            self.challenger is not None
            and self.serving.model_version == self.challenger.model_version
        )

    def as_row(self) -> dict[str, Any]:
        """The columns of `ml.promotions`; unknown figures are None."""
        row: dict[str, Any] = {
            "flow": self.serving.flow,
            "measure": self.serving.measure,
            "effective_day": self.effective_day,
            "kind": self.kind,
            "champion_version": self.champion.model_version if self.champion else None,
            "challenger_version": self.challenger.model_version if self.challenger else None,
            "promoted": self.promoted,
            "serving_candidate": self.serving.candidate,
            "serving_month": self.serving.month,
            "reason": self.reason,
            "origins": 0,
            "rows": 0,
            "decided_by": self.decided_by,
        }
        compared = self.comparison
        if compared is None:
            return row
        row |= {
            "origins": compared.origins,
            "rows": compared.rows,
            "first_origin": compared.first_origin,
            "last_origin": compared.last_origin,
            "champion_mase": compared.champion_mase,
            "challenger_mase": compared.challenger_mase,
            "difference": compared.difference,
            "champion_coverage": compared.champion_coverage,
            "challenger_coverage": compared.challenger_coverage,
        }
        for name in ("difference", "champion_coverage", "challenger_coverage"):
            interval = getattr(compared, f"{name}_interval")
            row |= {f"{name}_low": interval.low, f"{name}_high": interval.high}
        return {name: None if pd.isna(value) else value for name, value in row.items()}


@dataclass(frozen=True)
class ServingPeriod:
    """A vintage serves from `first_day` on, until the next period begins."""

    first_day: date
    vintage: Vintage
    is_rollback: bool = False


def serving_history(
    champions: Iterable[Vintage], manual: Sequence[ServingPeriod]
) -> list[ServingPeriod]:
    """The periods of the months' champions and of manual decisions, in the order of first days.

    `manual` are promotions and rollbacks in the order they were decided. Of two periods that begin
    on one day the later decision counts, and it counts more than the month's own champion.
    """
    months = [ServingPeriod(vintage.month, vintage) for vintage in champions]
    return sorted([*months, *manual], key=lambda period: period.first_day)


def vintage_for(periods: Sequence[ServingPeriod], day: date) -> Vintage | None:
    """The vintage that serves at the close of `day`; its cut-off is not after the day's start."""
    known = [
        period.vintage
        for period in periods
        if period.first_day <= day and period.vintage.cutoff <= pd.Timestamp(day, tz="UTC")
    ]
    return known[-1] if known else None


def predecessor(periods: Sequence[ServingPeriod], day: date) -> Vintage | None:
    """The vintage that served before that of `day`; what was rolled back does not count."""
    served: list[Vintage] = []
    for period in periods:
        if period.first_day > day:
            break
        versions = [vintage.model_version for vintage in served]
        version = period.vintage.model_version
        if period.is_rollback and version in versions:
            del served[versions.index(version) + 1 :]
        elif versions[-1:] != [version]:
            served.append(period.vintage)
    return served[-2] if len(served) > 1 else None
