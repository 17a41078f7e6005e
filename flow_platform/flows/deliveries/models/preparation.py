"""The work that all candidates of one cut-off share: rows, their outcomes, folds, the frame.

How a candidate is fitted on them is in `candidates`, how it is backtested in `backtest`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from flow_platform.flows.deliveries.models.data import (
    DeliveryData,
    DeliverySpec,
    Flags,
    Floats,
    Integers,
    seen_by,
)
from flow_platform.flows.deliveries.models.features import asked_of, features
from flow_platform.flows.deliveries.models.outcomes import Outcomes
from flow_platform.ground.errors import TooLittleHistory
from flow_platform.models.moments import naive, utc
from flow_platform.models.sampling import evenly_placed

# The backtest: each fold is tested by a fit made before it began.
FOLD_DAYS, MOST_FOLDS, LEAST_FOLD_DAYS = 28, 4, 14
# Of a backtest's fits, which only calibrate; the final one takes all.
MOST_BACKTEST_ROWS = 40_000
# With fewer late orders, or fewer in time, no model can learn the difference.
LEAST_OF_BOTH = 10


@dataclass(frozen=True)
class Fold:
    """Places of rows to fit with their outcomes `y`, and of later rows to test the fit on."""

    fitted: Integers
    y: Floats
    tested: Integers
    y_tested: Floats


class Rows:
    """The rows of one cut-off and their outcomes, before any feature is made.

    at        the cut-off, naive UTC
    seen      the orders as they were known then
    asked     the moments at which these were to be scored; all rows below are of them
    outcomes  of each row
    settle    days after which nearly all rows are delivered
    learned   which rows (bool) may be learned from, and `y` the outcome of each
    """

    def __init__(self, data: DeliveryData, cutoff: pd.Timestamp, spec: DeliverySpec) -> None:
        self.at = naive(utc(cutoff))
        self.spec = spec
        self.seen = seen_by(data, utc(cutoff), spec)
        asked = asked_of(self.seen, spec)
        first = self.at - np.timedelta64(spec.training_days, "D")
        asked = asked.take(asked.moment >= first)
        self.asked = asked.take(evenly_placed(len(asked), spec.most_rows))
        self.outcomes = Outcomes.of(self.seen, self.asked)
        self.settle = self.outcomes.settle_days(self.at)
        self.learned, self.y = self.known_at(self.at)
        self.folds = self._folds()

    def known_at(self, at: np.datetime64) -> tuple[Flags, Floats]:
        """Which rows may be learned from at a moment, and the outcome of each row."""
        if self.spec.is_late_risk:
            return self.outcomes.lateness(at)
        settle = self.outcomes.settle_days(at)
        return self.outcomes.delays(at, settle), self.outcomes.remaining

    @property
    def days(self) -> float:
        """From the first row to the last that is old enough to be learned from."""
        if not self.learned.any():
            return 0.0
        return float((self._end - self.asked.moment.min()) / np.timedelta64(1, "D"))

    @property
    def _end(self) -> np.datetime64:
        return self.at - np.timedelta64(int(self.settle * 24), "h")

    def _folds(self) -> list[Fold]:
        window = self.days / 2
        length = min(FOLD_DAYS, int(window))
        if length < LEAST_FOLD_DAYS:
            return []
        number = min(MOST_FOLDS, int(window / length))
        folds = (
            self._fold(self._end - np.timedelta64(length * back, "D"), length)
            for back in range(number, 0, -1)
        )
        return [fold for fold in folds if fold is not None]

    def _fold(self, first: np.datetime64, days: int) -> Fold | None:
        """The fold of so many days from `first`; None where there is too little to fit or test."""
        learned, y = self.known_at(first)
        fitted = np.flatnonzero(learned)
        moment = self.asked.moment
        inside = (moment >= first) & (moment < first + np.timedelta64(days, "D"))
        tested = np.flatnonzero(inside & self._has_outcome())
        if len(fitted) < self.spec.least_orders // 3 or not len(tested):
            return None
        fitted = fitted[evenly_placed(len(fitted), MOST_BACKTEST_ROWS)]
        if self.spec.is_late_risk and not _has_both(y[fitted]):
            return None
        return Fold(fitted, y[fitted], tested, self.y[tested])

    def _has_outcome(self) -> Flags:
        """Rows whose outcome is known at the cut-off, whatever their age."""
        if self.spec.is_late_risk:
            return self.learned
        return self.outcomes.delivered_known_at < self.at


class Prepared:
    """What all candidates share at one cut-off: the rows and their features (`frame`)."""

    def __init__(self, data: DeliveryData, cutoff: pd.Timestamp, spec: DeliverySpec) -> None:
        """Raises TooLittleHistory unless the outcomes of enough orders were known before `cutoff`
        (UTC).
        """
        self.cutoff, self.spec = utc(cutoff), spec
        self.rows = Rows(data, self.cutoff, spec)
        if gap := _history_gap(self.rows):
            raise TooLittleHistory.at(self.cutoff, gap)
        self.frame = features(self.rows.seen, self.rows.asked, spec)


def _history_gap(rows: Rows) -> str | None:
    """What is missing to train on `rows`; None if nothing."""
    spec = rows.spec
    learned = int(rows.learned.sum())
    if learned < spec.least_orders:
        return f"the outcome of {learned} orders is known, {spec.least_orders} are needed"
    if rows.days < spec.least_days:
        return f"outcomes of {rows.days:.0f} days are known, {spec.least_days} are needed"
    if spec.is_late_risk and not _has_both(rows.y[rows.learned]):
        late = int(rows.y[rows.learned].sum())
        return f"{late} of {learned} orders were late, {LEAST_OF_BOTH} of each kind are needed"
    if not rows.folds:
        return "no part of them is left to test a fit on"
    return None


def _has_both(late: Floats) -> bool:
    return bool(min(late.sum(), len(late) - late.sum()) >= LEAST_OF_BOTH)
