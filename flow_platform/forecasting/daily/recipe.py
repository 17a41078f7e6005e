"""How each candidate turns a feature frame into log forecasts.

What its parts are fitted on is in `preparation`, how a vintage keeps it in `artefacts`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from flow_platform.forecasting.daily import candidates, lstm, sarima
from flow_platform.forecasting.daily.panel import Panel, places
from flow_platform.models.moments import day_numbers, nanoseconds

# Simplest first: of candidates that do about as well, the earlier one leads.
CANDIDATES: tuple[str, ...] = (
    "seasonal_naive",
    "sarima",
    "effects",
    "lightgbm",
    "blend",
    "lstm",
)
# Those that contain LightGBM: what `SeriesSpec.boosting` changes.
BOOSTED: tuple[str, ...] = ("lightgbm", "blend")
# Those that contain SARIMA.
WITH_SARIMA: tuple[str, ...] = ("sarima", "blend")
# Those that look back on the panel itself, not only on the frame.
ON_PANEL: tuple[str, ...] = (*WITH_SARIMA, "lstm")
# What the blend averages, and the weights that the backtest chooses from. Freely fitted weights
# lose to fixed ones (Smith and Wallis 2009), so they are few, and the first, which has a part of
# each, stays unless beaten by more than a tie.
PARTS_OF_BLEND: tuple[str, ...] = ("lightgbm", "effects", "sarima")
BLEND_WEIGHTS: tuple[tuple[float, float, float], ...] = (
    (0.5, 0.25, 0.25),
    (0.25, 0.75, 0.0),
    (0.5, 0.5, 0.0),
    (0.75, 0.25, 0.0),
)


def missing_requirement(candidate: str) -> str | None:
    """What must be installed before a candidate can be trained or forecast; None if nothing."""
    return lstm.ABSENT if candidate == "lstm" and not lstm.is_installed() else None


@dataclass(frozen=True)
class Recipe:
    """All a candidate needs to turn a frame into log forecasts."""

    candidate: str
    features: list[str] = field(default_factory=list)
    memory: candidates.Memory = field(default_factory=candidates.Memory)
    booster: str = ""
    weights: tuple[float, ...] = BLEND_WEIGHTS[0]
    sarimas: dict[str, sarima.SeriesSarima] = field(default_factory=dict)
    network: lstm.Network = field(default_factory=lstm.Network)

    @property
    def needs_panel(self) -> bool:
        return self.candidate in ON_PANEL

    @property
    def has_booster(self) -> bool:
        return self.candidate in BOOSTED

    def predict(self, frame: pd.DataFrame, panel: Panel | None) -> np.ndarray:
        """Log forecasts (rows,); the seasonal naive where the candidate has none.

        `panel` is that of the frame; it may be None unless `needs_panel`.
        """
        naive = frame["naive"].to_numpy()
        if self.candidate == "seasonal_naive":
            return naive
        if self.candidate == "blend":
            forecast = blended(self.parts(frame, panel), self.weights)
        else:
            forecast = self._part(self.candidate, frame, panel)
        return np.where(np.isfinite(forecast), forecast, naive)

    def parts(self, frame: pd.DataFrame, panel: Panel | None) -> list[np.ndarray]:
        """Log forecasts (rows,) of each of `PARTS_OF_BLEND`, NaN where there is none."""
        return [self._part(name, frame, panel) for name in PARTS_OF_BLEND]

    def _part(self, name: str, frame: pd.DataFrame, panel: Panel | None) -> np.ndarray:
        if name == "sarima":
            assert panel is not None
            return self._sarima(frame, panel)
        if name == "lstm":
            assert panel is not None
            return lstm.forecast_frame(panel, frame, self.network)
        if name == "effects":
            return candidates.structural(frame, self.memory)
        return candidates.predict_lightgbm(self.booster, frame, self.features, self.memory)

    def corrections(self, frame: pd.DataFrame) -> dict[str, np.ndarray]:
        """What LightGBM adds to the log forecasts, by feature; empty for other candidates."""
        if not self.has_booster:
            return {}
        share = self.weights[0] if self.candidate == "blend" else 1.0
        table = candidates.contributions(self.booster, frame, self.features)
        return {name: share * table[:, n] for n, name in enumerate(self.features)}

    def _sarima(self, frame: pd.DataFrame, panel: Panel) -> np.ndarray:
        heads = frame.drop_duplicates(["unique_id", "issue"])
        series = places(panel.ids, heads["unique_id"])
        day = day_numbers(heads["issue"]) - panel.first_day
        steps = np.arange(1, int(frame["horizon"].max()) + 1)
        table = sarima.forecast_panel(
            panel, series, day, nanoseconds(heads["issued_at"]), steps, self.sarimas
        )
        row = np.full(panel.y.shape, -1)
        row[series, day] = np.arange(len(heads))
        own = places(panel.ids, frame["unique_id"])
        at = row[own, day_numbers(frame["issue"]) - panel.first_day]
        return table[at, frame["horizon"].to_numpy() - 1]


def blended(parts: list[np.ndarray], weights: tuple[float, ...]) -> np.ndarray:
    """The weighted mean of `parts` (each (rows,)), over those that are known in a row."""
    values = np.stack(parts)
    mass = np.where(np.isfinite(values), np.array(weights)[:, None], 0.0)
    total = (mass * np.nan_to_num(values)).sum(axis=0)
    return np.where(mass.sum(axis=0) > 0, total / np.maximum(mass.sum(axis=0), 1e-9), np.nan)
