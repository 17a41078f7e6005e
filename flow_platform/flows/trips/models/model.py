"""A trained vintage as it serves: minutes, an 80 % band, and what made them.

Reads the artefacts that `training.py` wrote; which vintage serves is decided elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from flow_platform.flows.trips.models import candidates
from flow_platform.flows.trips.models.data import Floats, TripInputs
from flow_platform.flows.trips.models.history import (
    SUBJECTS,
    Table,
    columns,
    features,
    usual_minutes,
)
from flow_platform.ground.errors import ModelError
from flow_platform.models.records import check_golden, not_whole
from flow_platform.models.roots import Fitted, LightGBM, banded

# No trip is shorter: those are kept aside before they reach a model.
SHORTEST_MINUTES = 1.0
# Relative: golden scores may differ by so much.
_GOLDEN_TOLERANCE = 1e-6
_INTEGERS = ("pickup_zone", "dropoff_zone", "local_minute", "weekday")


@dataclass(frozen=True)
class TripModel:
    """One vintage. Make it with `load`."""

    measure: str
    candidate: str
    table: Table
    fitted: Fitted
    widening: float
    typical: Floats
    golden: Mapping[str, Any]

    @classmethod
    def load(cls, artefacts: Mapping[str, bytes]) -> TripModel:
        """The vintage of these artefacts. Raises ModelError where they are not whole."""
        try:
            settings = json.loads(artefacts["training.json"])
            calibration = json.loads(artefacts["calibration.json"])
            measure, candidate = settings["measure"], settings["candidate"]
            return cls(
                measure=measure,
                candidate=candidate,
                table=Table.from_bytes(artefacts["history.npz"]),
                fitted=candidates.load(candidate, artefacts, measure == "planned_distance"),
                widening=float(calibration["widening"]),
                typical=np.array(settings["typical"], dtype=np.float64),
                golden=json.loads(artefacts["golden.json"]),
            )
        except (KeyError, ValueError, TypeError, OSError) as error:
            raise not_whole("trips", error) from error

    @property
    def has_distance(self) -> bool:
        return self.measure == "planned_distance"

    def score(self, inputs: TripInputs, threads: int = 1) -> Floats:
        """Shape (n, 3): minutes, and the lower and upper side of the 80 % band.

        Raises ModelError for a model of planned distances where a trip has none.
        """
        return banded(
            self.fitted.predict(self._frame(inputs), threads), self.widening, SHORTEST_MINUTES
        )

    def usual_minutes(self, inputs: TripInputs) -> Floats:
        """Shape (n,): the usual minutes of each trip's zone pair, as the vintage knows them."""
        frame = features(inputs, self.table, self.has_distance)
        return usual_minutes(frame, self.has_distance)

    def explain(self, inputs: TripInputs) -> dict[str, Floats]:
        """Minutes that add up to the prediction: "usual", then what each subject adds.

        LightGBM's own contributions (SHAP), which are square roots c_i that add up to s from a base
        b: s^2 - b^2 is the sum of c_i (s + b). For other candidates the subjects of a typical trip
        are replaced by those of the trip one after the other, in the order of SUBJECTS.
        """
        frame = self._frame(inputs)
        minutes = self.score(inputs)[:, 0]
        if isinstance(self.fitted, LightGBM):
            parts = self.fitted.boosters["middle"].contributions(frame)
            base, total = parts[:, -1], parts.sum(axis=1)
            names = columns(self.has_distance)
            effects = {
                subject: parts[:, [names.index(one) for one in own if one in names]].sum(axis=1)
                * (total + base)
                for subject, own in SUBJECTS.items()
            }
        else:
            effects = self._one_by_one(frame)
        return {"usual": minutes - np.sum(list(effects.values()), axis=0), **effects}

    def check_golden(self) -> None:
        """Raise ModelError unless the vintage scores its golden trips as when it was trained."""
        scores = self.score(inputs_from(self.golden["inputs"]))
        check_golden(scores, self.golden, _GOLDEN_TOLERANCE)

    def _frame(self, inputs: TripInputs) -> Floats:
        if self.has_distance and np.isnan(inputs.planned_distance_km).any():
            raise ModelError(
                "This model uses the distance of the planned route, and a trip has none."
                " Give planned_distance_km, or ask the default model."
            )
        return features(inputs, self.table, self.has_distance)

    def _one_by_one(self, frame: Floats) -> dict[str, Floats]:
        names = columns(self.has_distance)
        shown = np.tile(self.typical, (len(frame), 1))
        before = banded(self.fitted.predict(shown), self.widening, SHORTEST_MINUTES)[:, 0]
        effects = {}
        for subject, own in SUBJECTS.items():
            chosen = [names.index(one) for one in own if one in names]
            shown[:, chosen] = frame[:, chosen]
            now = banded(self.fitted.predict(shown), self.widening, SHORTEST_MINUTES)[:, 0]
            effects[subject], before = now - before, now
        return effects


def inputs_as_json(inputs: TripInputs) -> dict[str, list[float | None]]:
    """Inputs as JSON holds them: what is unknown is null."""
    return {
        name: [None if value != value else value for value in array.tolist()]
        for name, array in asdict(inputs).items()
    }


def inputs_from(kept: Mapping[str, list[float | None]]) -> TripInputs:
    """What `inputs_as_json` gave."""
    arrays: dict[str, Any] = {
        one.name: np.array(
            [np.nan if value is None else value for value in kept[one.name]],
            dtype=np.int64 if one.name in _INTEGERS else np.float64,
        )
        for one in fields(TripInputs)
    }
    return TripInputs(**arrays)
