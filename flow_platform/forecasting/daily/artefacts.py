"""What a daily vintage keeps to forecast with: LightGBM's text and JSON, nothing executable.

Its metrics and backtest are for the registry and are written in `training`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.forecasting.daily import candidates, lstm, sarima
from flow_platform.forecasting.daily.intervals import Calibration
from flow_platform.forecasting.daily.recipe import CANDIDATES, Recipe
from flow_platform.models.artefacts import compact_artefact, parsed, reading
from flow_platform.models.moments import utc

_NAMES = ("training.json", "features.json", "parameters.json", "calibration.json")


@dataclass(frozen=True)
class Stored:
    """What a vintage forecasts with.

    known_at, positions   (rows,) of the backtest: when counts became known (int64 ns), and where
                          they fell in their band, for `intervals.recent_factors`
    gain, errors          the share of recent errors that forecasts are corrected by, and those
                          errors, see `correction`
    """

    recipe: Recipe
    cutoff: pd.Timestamp
    calibration: Calibration
    known_at: np.ndarray
    positions: np.ndarray
    gain: float
    errors: pd.DataFrame

    def as_artefacts(self, boosting: Mapping[str, float]) -> dict[str, bytes]:
        """The artefacts that `read` takes, without training.json; equal contents, equal bytes.

        `boosting` are the parameters that LightGBM was fitted with, if it was.
        """
        recipe = self.recipe
        made = {
            "features.json": compact_artefact(recipe.features),
            "parameters.json": compact_artefact(
                {
                    "memory": asdict(recipe.memory),
                    "gain": self.gain,
                    "weights": list(recipe.weights),
                    "lightgbm": dict(boosting),
                    "sarima": {name: _as_json(own) for name, own in recipe.sarimas.items()},
                }
            ),
            "calibration.json": compact_artefact(self.calibration.as_json() | self._recent()),
        }
        if recipe.has_booster:
            made["model.txt"] = recipe.booster.encode()
        if recipe.candidate == "lstm":
            made["network.json"] = compact_artefact(asdict(recipe.network))
        return made

    def _recent(self) -> dict[str, object]:
        return {
            "recent": {
                "known_at": self.known_at.tolist(),
                "position": [float(f"{p:.5g}") for p in self.positions],
            },
            "errors": {
                "unique_id": self.errors["unique_id"].tolist(),
                "known_at": self.errors["known_at"].tolist(),
                "error": [float(f"{e:.5g}") for e in self.errors["error"]],
            },
        }


def _as_json(fitted: sarima.SeriesSarima) -> dict[str, object]:
    return {
        "order": list(fitted.order),
        "seasonal_order": list(fitted.seasonal_order),
        "params": list(fitted.params),
    }


def read(artefacts: Mapping[str, bytes]) -> Stored:
    """What the artefacts of a daily vintage hold. Raises ModelError where they are incomplete."""
    training, features, parameters, calibration = parsed(artefacts, _NAMES)
    with reading():
        return Stored(
            recipe=_recipe(artefacts, training["candidate"], features, parameters),
            cutoff=utc(pd.Timestamp(training["cutoff"])),
            calibration=Calibration.from_json(calibration),
            known_at=np.array(calibration["recent"]["known_at"], dtype=np.int64),
            positions=np.array(calibration["recent"]["position"], dtype=float),
            gain=float(parameters["gain"]),
            errors=pd.DataFrame(calibration["errors"]),
        )


def _recipe(
    artefacts: Mapping[str, bytes],
    candidate: str,
    features: list[str],
    parameters: dict[str, Any],
) -> Recipe:
    if candidate not in CANDIDATES:
        raise ValueError(f"there is no candidate {candidate!r}")
    network = json.loads(artefacts["network.json"]) if candidate == "lstm" else {}
    return Recipe(
        candidate=candidate,
        features=list(features),
        memory=candidates.Memory(**parameters["memory"]),
        weights=tuple(parameters["weights"]),
        booster=artefacts["model.txt"].decode() if "model.txt" in artefacts else "",
        sarimas={
            name: sarima.SeriesSarima(
                tuple(own["order"]), tuple(own["seasonal_order"]), tuple(own["params"])
            )
            for name, own in parameters["sarima"].items()
        },
        network=lstm.Network(**network),
    )
