"""The work that all candidates of one cut-off share: the rows of the backtest and of the final fit.

How a candidate is fitted on them is in `candidates`, how it is judged in `training`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from flow_platform.flows.trips.models.data import Floats, TripData, TripSpec
from flow_platform.flows.trips.models.history import Expanding, Table, features
from flow_platform.ground.errors import ModelError
from flow_platform.models.moments import utc
from flow_platform.models.records import MOST_BACKTEST_ROWS, WARM_UP_DAYS, backtest_start
from flow_platform.models.sampling import evenly_placed


def has_enough_history(data: TripData, cutoff: pd.Timestamp, spec: TripSpec) -> bool:
    """Whether enough trips were over before `cutoff` (UTC)."""
    return _history_gap(data.before(cutoff), spec) is None


def _history_gap(known: TripData, spec: TripSpec) -> str | None:
    """What is missing to train on `known`; None if nothing."""
    if len(known) < spec.least_trips:
        return f"{len(known)} trips are known, {spec.least_trips} are needed"
    days = int(known.day.max() - known.day.min()) + 1
    if days < spec.least_days:
        return f"trips of {days} days are known, {spec.least_days} are needed"
    return None


@dataclass(frozen=True)
class Fold:
    """Rows to fit (`frame`, `minutes`), and later rows to test the fit on."""

    frame: Floats
    minutes: Floats
    tested: TripData
    tested_frame: Floats


class Prepared:
    """What all candidates share at one cut-off.

    known   the trips that were over by then
    fold    of the backtest
    own     the trips of the final fit, `frame` their features
    table   what is known of zones at the cut-off
    """

    def __init__(self, data: TripData, cutoff: pd.Timestamp, spec: TripSpec) -> None:
        """Raises ModelError where too little was known before `cutoff` (UTC)."""
        self.cutoff, self.spec = utc(cutoff), spec
        self.known = known = data.before(self.cutoff)
        if gap := _history_gap(known, spec):
            raise ModelError(
                f"Cannot train {spec.measure} at {self.cutoff}: {gap}. Use the fallback until more"
                " is known."
            )
        self.fold = _fold(known, spec)
        chosen = np.flatnonzero(known.day >= int(known.day.min()) + WARM_UP_DAYS)
        self.own = known.take(chosen[evenly_placed(len(chosen), spec.most_rows)])
        self.frame = features(self.own.inputs, Expanding(known, self.own.day), spec.has_distance)
        self.table = Table.of(known)


def _fold(known: TripData, spec: TripSpec) -> Fold:
    start = backtest_start(known.day)
    # What was not over yet when the backtest began was not known either.
    earlier = known.take((known.day < start) & (known.known_day < start))
    chosen = np.flatnonzero(earlier.day >= int(known.day.min()) + WARM_UP_DAYS)
    own = earlier.take(chosen[evenly_placed(len(chosen), spec.most_rows)])
    later = np.flatnonzero(known.day >= start)
    tested = known.take(later[evenly_placed(len(later), MOST_BACKTEST_ROWS)])
    return Fold(
        frame=features(own.inputs, Expanding(earlier, own.day), spec.has_distance),
        minutes=own.minutes,
        tested=tested,
        # As a vintage of that day would have: with what was known at its cut-off.
        tested_frame=features(tested.inputs, Table.of(earlier), spec.has_distance),
    )
