"""A trained vintage in use: it predicts days with a band, or a probability with its reasons.

Reads the artefacts that `training.py` wrote; which vintage serves is decided elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from flow_platform.flows.deliveries.models import candidates
from flow_platform.flows.deliveries.models.calibration import Platt, banded, probability
from flow_platform.flows.deliveries.models.data import Floats
from flow_platform.flows.deliveries.models.features import columns, leg
from flow_platform.models.records import check_golden, not_whole

# Relative: golden scores may differ by so much.
_GOLDEN_TOLERANCE = 1e-5
# Scores are rounded to a tenth of a second and a millionth: below what anybody sees, above what a
# sum in another order changes, so that an order alone gets the bits that it gets among others.
_DECIMALS = 6
MOST_REASONS = 3


@dataclass(frozen=True)
class DeliveryModel:
    """One vintage. Make it with `load`.

    `platt` is of late risk alone, `widening` of delays, one for each leg of the way; `has_skill`
    is whether the backtest showed it to be better than the base rate, beyond noise. Without it the
    base rate is served.
    """

    measure: str
    candidate: str
    fitted: candidates.Fitted
    widening: Floats
    platt: Platt
    has_skill: bool
    threshold: float
    typical: Floats
    golden: Mapping[str, Any]

    @classmethod
    def load(cls, artefacts: Mapping[str, bytes]) -> DeliveryModel:
        """The vintage of these artefacts. Raises ModelError where they are not whole."""
        try:
            settings = json.loads(artefacts["training.json"])
            calibration = json.loads(artefacts["calibration.json"])
            measure, candidate = settings["measure"], settings["candidate"]
            in_transit = measure.endswith("in_transit")
            if tuple(settings["columns"]) != columns(in_transit):
                raise ValueError("it was trained on other columns than this code makes")
            return cls(
                measure=measure,
                candidate=candidate,
                fitted=candidates.load(
                    candidate, artefacts, in_transit, measure.startswith("late_risk")
                ),
                widening=np.array(calibration["widening"], dtype=np.float64),
                platt=Platt(**calibration["platt"]),
                has_skill=bool(calibration["has_skill"]),
                threshold=float(settings["threshold"]),
                typical=np.array(settings["typical"], dtype=np.float64),
                golden=json.loads(artefacts["golden.json"]),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise not_whole("deliveries", error) from error

    @property
    def in_transit(self) -> bool:
        return self.measure.endswith("in_transit")

    @property
    def is_late_risk(self) -> bool:
        return self.measure.startswith("late_risk")

    @property
    def served(self) -> Platt:
        """The calibration in use: that of the base rate where no skill was shown."""
        return self.platt if self.has_skill else Platt(self.platt.centre)

    def score(self, frame: Floats) -> Floats:
        """The scores of rows of `features`.

        Delays: shape (n, 3), days from placing and the sides of their 80 % band. Late risk: shape
        (n, 1), the probability; 1 where the promise has passed, which is a fact and needs no model.
        """
        if not len(frame):
            return np.zeros((0, 1 if self.is_late_risk else 3))
        names = columns(self.in_transit)
        raw = self.fitted.predict(frame)
        if not self.is_late_risk:
            wider = self.widening[leg(frame, self.in_transit)]
            made = banded(raw, frame[:, names.index("elapsed_days")], wider)
            return np.round(made, _DECIMALS)
        return np.round(risk(frame, raw, self.served, self.in_transit), _DECIMALS)[:, None]

    def reasons(self, frame: Floats, most: int = MOST_REASONS) -> list[list[dict[str, Any]]]:
        """For each row the features that raised its risk most: {feature, effect in log-odds}.

        The largest first, none that lowered it. Empty for delays, for the base rate, and where
        the promise has passed: then nothing else matters.
        """
        none: list[list[dict[str, Any]]] = [[] for _ in range(len(frame))]
        slope = self.served.slope
        if not self.is_late_risk or self.candidate == "usual" or not slope or not none:
            return none
        names = columns(self.in_transit)
        effects = np.round(slope * self.fitted.contributions(frame, self.typical), _DECIMALS - 2)
        largest = np.argsort(-effects, axis=1, kind="stable")[:, :most]
        over = frame[:, names.index("promise_left_days")] <= 0
        return [
            []
            if over[row]
            else [
                {"feature": names[column], "effect": float(effects[row, column])}
                for column in largest[row]
                if effects[row, column] > 0
            ]
            for row in range(len(frame))
        ]

    def check_golden(self) -> None:
        """Raise ModelError unless the vintage scores its golden rows as when it was trained."""
        scores = self.score(frame_from(self.golden["frame"]))
        check_golden(scores, self.golden, _GOLDEN_TOLERANCE)


def risk(frame: Floats, raw: Floats, platt: Platt, in_transit: bool) -> Floats:
    """Shape (n,): the probability to be late, of a candidate's own log-odds `raw` of rows."""
    made = probability(platt.log_odds(raw, candidates.base_log_odds(frame, in_transit)))
    over = frame[:, columns(in_transit).index("promise_left_days")] <= 0
    return np.where(over, 1.0, made)


def frame_as_json(frame: Floats) -> list[list[float | None]]:
    """A frame as JSON holds it: what is unknown is null."""
    return [[None if value != value else value for value in row] for row in frame.tolist()]


def frame_from(kept: list[list[float | None]]) -> Floats:
    """What `frame_as_json` gave."""
    return np.array(
        [[np.nan if value is None else value for value in row] for row in kept], dtype=np.float64
    )
