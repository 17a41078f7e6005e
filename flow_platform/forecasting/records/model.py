"""A trained vintage as it serves: the outcome and its 80 % band.

Reads the artefacts that `training.py` wrote; which vintage serves is decided elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.forecasting.records.data import RecordData, records_of
from flow_platform.forecasting.records.frame import Codes, Expanding, Known, frame_of
from flow_platform.ground.errors import ModelError
from flow_platform.ground.record_columns import RecordColumns
from flow_platform.models.records import Floats, not_whole
from flow_platform.models.roots import Fitted, LightGBM, UsualValue, banded

# The simplest first.
CANDIDATES = ("centre_mean", "lightgbm")


@dataclass(frozen=True)
class RecordModel:
    """One vintage. Make it with `load`."""

    columns: RecordColumns
    known: Known
    codes: Codes
    fitted: Fitted
    widening: float

    @classmethod
    def load(cls, artefacts: Mapping[str, bytes], flow: str, columns: RecordColumns) -> RecordModel:
        """The vintage of these artefacts. Raises ModelError where they are not whole, or where it
        was trained on other columns than the flow's."""
        try:
            settings = json.loads(artefacts["training.json"])
            _check_columns(settings["columns"], flow, columns)
            return cls(
                columns=columns,
                known=Known({name: (float(a), int(b)) for name, a, b in settings["known"]}),
                codes=Codes(tuple(map(tuple, settings["codes"]))),
                fitted=_fitted(settings["candidate"], artefacts, columns),
                widening=float(json.loads(artefacts["calibration.json"])["widening"]),
            )
        except (KeyError, ValueError, TypeError, OSError) as error:
            raise not_whole(flow, error) from error

    def score(self, frame: pd.DataFrame) -> Floats:
        """Shape (n, 3): the outcome, and the lower and upper side of the 80 % band.

        `frame` has the flow's columns, of which the outcome is not looked at.
        """
        return self.score_records(records_of(frame, self.columns))

    def score_records(self, records: RecordData) -> Floats:
        """Shape (n, 3): as `score`."""
        rows = frame_of(records, self.known, self.codes)
        return banded(self.fitted.predict(rows), self.widening, least=0.0)

    def usual(self, frame: pd.DataFrame) -> Floats:
        """Shape (n,): the usual outcome of each record's centre, as the vintage knows it."""
        return self.known.of(records_of(frame, self.columns))


def _check_columns(trained: Any, flow: str, columns: RecordColumns) -> None:
    own = [*columns.numbers, *columns.categories]
    if trained != own:
        raise ModelError(
            f"This vintage of {flow} was trained on the columns {', '.join(trained)}; the flow now"
            f" has {', '.join(own)}. Train it again: flow train {flow} --from MONTH."
        )


def _fitted(candidate: str, artefacts: Mapping[str, bytes], columns: RecordColumns) -> Fitted:
    if candidate == "centre_mean":
        return UsualValue.load(artefacts)
    return LightGBM.load(artefacts, 1 + len(columns.numbers) + len(columns.categories))


def fallback_scores(known: RecordData, asked: RecordData) -> Floats:
    """The outcome and an 80 % band, shape (n, 3), without any vintage: the centre's usual outcome.

    Of `known`, the records count whose outcome was known when the day of the asked record began.
    The band is 0.3 to 2 times that, about how far outcomes stray of which nothing is known.
    """
    counted = known.take(~np.isnan(known.outcome) & ~np.isnat(known.available_at))
    usual = Expanding(counted).of(asked)
    return np.column_stack([usual, 0.3 * usual, 2.0 * usual])
