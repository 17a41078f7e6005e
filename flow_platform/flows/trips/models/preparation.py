"""The work that all candidates of one cut-off share: the rows of the backtest and of the final fit.

How a candidate is fitted on them is in `candidates`, how it is judged in `training`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from flow_platform.flows.trips.models.data import TripData, TripSpec
from flow_platform.flows.trips.models.history import Expanding, Table, features, usual_minutes
from flow_platform.ground.errors import TooLittleHistory
from flow_platform.models.moments import utc
from flow_platform.models.record_training import (
    Fold,
    history_gap,
    places_of_fold,
    places_to_fit,
)


class Prepared:
    """What all candidates share at one cut-off.

    known   the trips that were over by then
    fold    of the backtest
    own     the trips of the final fit, `frame` their features
    table   what is known of zones at the cut-off
    """

    def __init__(self, data: TripData, cutoff: pd.Timestamp, spec: TripSpec) -> None:
        """Raises TooLittleHistory unless enough trips were over before `cutoff` (UTC)."""
        self.cutoff, self.spec = utc(cutoff), spec
        self.known = known = data.before(self.cutoff)
        if gap := history_gap(known.day, spec.least_trips, spec.least_days, "trips"):
            raise TooLittleHistory.at(self.cutoff, gap)
        self.fold = _fold(known, spec)
        every = np.ones(len(known), dtype=bool)
        self.own = known.take(places_to_fit(known.day, every, spec.most_rows))
        self.frame = features(self.own.inputs, Expanding(known, self.own.day), spec.has_distance)
        self.table = Table.of(known)


def _fold(known: TripData, spec: TripSpec) -> Fold:
    was_known, tested_places = places_of_fold(known.day, known.known_day)
    earlier = known.take(was_known)
    own = known.take(places_to_fit(known.day, was_known, spec.most_rows))
    tested = known.take(tested_places)
    # As a vintage of that day would have: with what was known at its cut-off.
    tested_frame = features(tested.inputs, Table.of(earlier), spec.has_distance)
    return Fold(
        frame=features(own.inputs, Expanding(earlier, own.day), spec.has_distance),
        outcome=own.minutes,
        tested_at=tested.pickup_at,
        tested_frame=tested_frame,
        tested_outcome=tested.minutes,
        tested_usual=usual_minutes(tested_frame, spec.has_distance),
    )
