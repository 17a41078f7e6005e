"""The work that all candidates of one cut-off share: rows of the backtest and of the final fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from flow_platform.forecasting.records.data import RecordData, RecordSpec
from flow_platform.forecasting.records.frame import Codes, Expanding, Known, frame_of
from flow_platform.ground.errors import ModelError
from flow_platform.models.moments import utc
from flow_platform.models.records import (
    MOST_BACKTEST_ROWS,
    WARM_UP_DAYS,
    Floats,
    backtest_start,
)
from flow_platform.models.sampling import evenly_placed


def has_enough_history(data: RecordData, cutoff: pd.Timestamp, spec: RecordSpec) -> bool:
    """Whether enough outcomes were known before `cutoff` (UTC)."""
    return _history_gap(data.before(cutoff), spec) is None


def _history_gap(known: RecordData, spec: RecordSpec) -> str | None:
    """What is missing to train on `known`; None if nothing."""
    if len(known) < spec.least_records:
        return f"{len(known)} outcomes are known, {spec.least_records} are needed"
    days = int(known.day.max() - known.day.min()) + 1
    if days < spec.least_days:
        return f"records of {days} days are known, {spec.least_days} are needed"
    if not _fold_rows(known)[0].any() or not _fold_rows(known)[1].any():
        return "no outcome of the first days was known before the last days began"
    return None


@dataclass(frozen=True)
class Fold:
    """Records to fit, and later ones to test the fit on, each with its frame."""

    own: RecordData
    frame: Floats
    tested: RecordData
    tested_frame: Floats


class Prepared:
    """What all candidates share at one cut-off.

    known  the records whose outcome was known by then
    fold   of the backtest
    own    the records of the final fit, `frame` their features
    usual  the centres' usual outcomes at the cut-off, `codes` those of the categories
    """

    def __init__(self, data: RecordData, cutoff: pd.Timestamp, spec: RecordSpec) -> None:
        """Raises ModelError where too little was known before `cutoff` (UTC)."""
        self.cutoff, self.spec = utc(cutoff), spec
        self.known = known = data.before(self.cutoff)
        if gap := _history_gap(known, spec):
            raise ModelError(
                f"Cannot train {spec.measure} at {self.cutoff}: {gap}. Use the fallback until more"
                " is known."
            )
        self.fold = _fold(known, spec)
        self.own = _even_part(known, known.day >= int(known.day.min()) + WARM_UP_DAYS, spec)
        self.usual, self.codes = Known.of_records(known), Codes.of_records(known)
        self.frame = frame_of(self.own, Expanding(known), self.codes)


def _even_part(known: RecordData, chosen: np.ndarray, spec: RecordSpec) -> RecordData:
    places = np.flatnonzero(chosen)
    return known.take(places[evenly_placed(len(places), spec.most_rows)])


def _fold_rows(known: RecordData) -> tuple[np.ndarray, np.ndarray]:
    """Which records the backtest fits on, and which it tests."""
    first, start = int(known.day.min()), backtest_start(known.day)
    # An outcome that was not known yet when the backtest began was not learned from.
    earlier = (known.day < start) & (known.known_day < start)
    return earlier & (known.day >= first + WARM_UP_DAYS), known.day >= start


def _fold(known: RecordData, spec: RecordSpec) -> Fold:
    fitted, tested = _fold_rows(known)
    start = int(known.day[tested].min())
    earlier = known.take((known.day < start) & (known.known_day < start))
    own, codes = _even_part(known, fitted, spec), Codes.of_records(earlier)
    later = np.flatnonzero(tested)
    later_records = known.take(later[evenly_placed(len(later), MOST_BACKTEST_ROWS)])
    return Fold(
        own=own,
        frame=frame_of(own, Expanding(earlier), codes),
        tested=later_records,
        # As a vintage of that day would have: with what was known at its cut-off.
        tested_frame=frame_of(later_records, Known.of_records(earlier), codes),
    )
