"""The work that all candidates of one cut-off share: rows of the backtest and of the final fit."""

from __future__ import annotations

import numpy as np
import pandas as pd

from flow_platform.forecasting.records.data import RecordData, RecordSpec
from flow_platform.forecasting.records.frame import Codes, Expanding, Known, frame_of
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

    known  the records whose outcome was known by then
    fold   of the backtest
    own    the records of the final fit, `frame` their features
    usual  the centres' usual outcomes at the cut-off, `codes` those of the categories
    """

    def __init__(self, data: RecordData, cutoff: pd.Timestamp, spec: RecordSpec) -> None:
        """Raises TooLittleHistory unless enough outcomes were known before `cutoff` (UTC)."""
        self.cutoff, self.spec = utc(cutoff), spec
        self.known = known = data.before(self.cutoff)
        if gap := history_gap(known.day, spec.least_records, spec.least_days, "outcomes"):
            raise TooLittleHistory.at(self.cutoff, gap)
        self.fold = _fold(self.cutoff, known, spec)
        every = np.ones(len(known), dtype=bool)
        self.own = known.take(places_to_fit(known.day, every, spec.most_rows))
        self.usual, self.codes = Known.of_records(known), Codes.of_records(known)
        self.frame = frame_of(self.own, Expanding(known), self.codes)


def _fold(cutoff: pd.Timestamp, known: RecordData, spec: RecordSpec) -> Fold:
    was_known, tested_places = places_of_fold(known.day, known.known_day)
    fitted = places_to_fit(known.day, was_known, spec.most_rows)
    if not len(fitted):
        raise TooLittleHistory.at(
            cutoff, "no outcome of the first days was known before the last days began"
        )
    earlier, own, tested = (known.take(one) for one in (was_known, fitted, tested_places))
    codes = Codes.of_records(earlier)
    # As a vintage of that day would have: with what was known at its cut-off.
    tested_frame = frame_of(tested, Known.of_records(earlier), codes)
    return Fold(
        frame=frame_of(own, Expanding(earlier), codes),
        outcome=own.outcome,
        tested_at=tested.began_at,
        tested_frame=tested_frame,
        tested_outcome=tested.outcome,
        # The first column is what is usual at the centre.
        tested_usual=tested_frame[:, 0],
    )
