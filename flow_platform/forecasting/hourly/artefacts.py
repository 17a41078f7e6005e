"""What an hourly vintage keeps to forecast with: LightGBM's texts and JSON, nothing executable.

Its metrics and backtest are for the registry and are written in `training`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from flow_platform.forecasting.hourly.adaptation import Positions
from flow_platform.forecasting.hourly.candidates import Recipe
from flow_platform.forecasting.hourly.frame import Frame
from flow_platform.forecasting.hourly.intervals import Bands
from flow_platform.models.artefacts import compact_artefact, parsed, reading, required
from flow_platform.models.moments import utc
from flow_platform.models.vintage import DECIMALS

_NAMES = ("training.json", "features.json", "parameters.json", "calibration.json")
_SIZE = "size.txt"


@dataclass(frozen=True)
class Stored:
    """What a vintage forecasts with; `positions` are of its backtest, see `adaptation`."""

    recipe: Recipe
    cutoff: pd.Timestamp
    bands: Bands
    positions: Positions

    def predict(self, frame: Frame, ids: np.ndarray) -> np.ndarray:
        """Rounded readings (rows,); `ids` are those of the panel."""
        return np.round(self.recipe.predict(frame, ids), DECIMALS)

    def as_artefacts(self, boosting: Mapping[str, float], newest_known_at: int) -> dict[str, bytes]:
        """The artefacts that `read` takes, without training.json; equal contents, equal bytes.

        `boosting` are the parameters that LightGBM was fitted with, if it was; `newest_known_at`
        (seconds since 1970) is when the newest reading that the bands rest on became known.
        """
        return {
            "features.json": compact_artefact(self.recipe.names),
            "parameters.json": compact_artefact(
                {"persistence": dict(self.recipe.persistence), "lightgbm": dict(boosting)}
            ),
            "calibration.json": compact_artefact(
                self.bands.as_json()
                | {
                    "positions": self.positions.as_json(),
                    "recent": {"known_at": [newest_known_at * 1_000_000_000]},
                    "errors": {"unique_id": [], "known_at": [], "error": []},
                }
            ),
            _SIZE: self.bands.size.encode(),
            **{_file(name): text.encode() for name, text in self.recipe.boosters.items()},
        }


def _file(booster: str) -> str:
    return f"model.{booster}.txt"


def read(artefacts: Mapping[str, bytes]) -> Stored:
    """What the artefacts of an hourly vintage hold. Raises ModelError where they are incomplete."""
    *_, size = required(artefacts, (*_NAMES, _SIZE))
    training, names, parameters, calibration = parsed(artefacts, _NAMES)
    with reading():
        return Stored(
            recipe=Recipe(
                training["candidate"],
                names=list(names),
                persistence=parameters["persistence"],
                boosters={
                    name.removeprefix("model.").removesuffix(".txt"): content.decode()
                    for name, content in artefacts.items()
                    if name.startswith("model.")
                },
            ),
            cutoff=utc(pd.Timestamp(training["cutoff"])),
            bands=Bands(
                size.decode(),
                tuple(calibration["horizons"]),
                np.array(calibration["quantiles"], dtype=float),
                float(calibration["least"]),
            ),
            positions=Positions.from_json(calibration["positions"]),
        )
