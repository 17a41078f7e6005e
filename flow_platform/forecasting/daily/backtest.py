"""Forecasts of a cut-off's rolling origins, what is chosen by them, and how good they were.

Each origin is forecast by a fit made before its fold, so that all errors are out of sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from flow_platform.forecasting.daily import correction, intervals
from flow_platform.forecasting.daily.bands import band_rows, calibrated, with_bands
from flow_platform.forecasting.daily.preparation import Prepared
from flow_platform.forecasting.daily.recipe import BLEND_WEIGHTS, Recipe, blended
from flow_platform.ground.errors import ModelError
from flow_platform.models.champions import TIE
from flow_platform.models.moments import DAY_NS, nanoseconds
from flow_platform.models.vintage import DECIMALS


@dataclass(frozen=True)
class Backtest:
    """The rolling origins of one cut-off as one candidate forecast them.

    rows         of the feature frame, with log_prediction (corrected) and error, both in logs
    errors       one-step errors on usual days before the correction, see `correction`
    gain         the share of recent errors that forecasts are corrected by
    calibration  of the bands
    """

    rows: pd.DataFrame
    errors: pd.DataFrame
    gain: float
    calibration: intervals.Calibration

    def table(self) -> pd.DataFrame:
        """unique_id, issue, horizon, ds, prediction (counts) and y of each origin."""
        table = self.rows[["unique_id", "issue", "horizon", "ds", "y"]].copy()
        counts = np.expm1(self.rows["log_prediction"])
        table["prediction"] = np.round(np.maximum(counts, 0), DECIMALS)
        columns = ["unique_id", "issue", "horizon", "ds", "prediction", "y"]
        return table[columns].reset_index(drop=True)

    def recent_errors(self, cutoff: pd.Timestamp) -> pd.DataFrame:
        """Those of `errors` that forecasts after the cut-off are still corrected by."""
        window = correction.WINDOW_DAYS * DAY_NS
        return self.errors[self.errors["known_at"] > cutoff.value - window]

    def recent_positions(self, cutoff: pd.Timestamp) -> tuple[np.ndarray, np.ndarray]:
        """When counts became known (int64 ns), and where they fell in their band, both (rows,).

        Of the days that `intervals.recent_factors` looks back on, without sparse series: their
        errors are all or nothing, and do not show how wide other bands must be.
        """
        offsets = self.calibration.bounds(band_rows(self.rows))
        known_at = nanoseconds(self.rows["y_available_at"])
        newest = known_at > cutoff.value - intervals.RECENT_DAYS * DAY_NS
        newest = newest & ~self.calibration.is_sparse(self.rows)
        positions = intervals.position(self.rows["error"].to_numpy(), offsets)
        return known_at[newest], positions[newest]

    def scored(self, scales: dict[str, float]) -> pd.DataFrame:
        """`rows` with bands and MASE scale; bands of a half are calibrated on the other half."""
        tested = self.rows
        half = tested["issue"] >= tested["issue"].quantile(0.5)
        parts = [
            with_bands(own, calibrated(other), np.ones(len(own)))
            for own, other in ((tested[half], tested[~half]), (tested[~half], tested[half]))
            if len(own) and len(other)
        ]
        if not parts:
            parts = [with_bands(tested, calibrated(tested), np.ones(len(tested)))]
        frame = pd.concat(parts)
        frame["scale"] = frame["unique_id"].map(scales).to_numpy(dtype=float)
        return frame


def backtest(recipes: Sequence[Recipe], prepared: Prepared) -> Backtest:
    """Forecast the origins of each fold by its recipe; later recipes than folds are not used.

    Raises ModelError where no origin has a count.
    """
    tested = pd.concat(_forecast_folds(recipes, prepared))
    # Errors of series that are all or nothing do not show the next one, nor a bias of others.
    steady = ~intervals.often_zero(tested["unique_id"], tested["y"])
    errors = correction.usual_errors(tested[steady])
    bias = correction.recent_bias(tested, errors, steady)
    gain = choose_gain(tested[steady], bias[steady], young=prepared.is_young)
    tested["log_prediction"] += correction.correction(
        gain, bias, tested["horizon"].to_numpy(dtype=float)
    )
    tested["error"] = np.log1p(tested["y"]) - tested["log_prediction"]
    return Backtest(tested, errors, gain, calibrated(tested))


def _forecast_folds(recipes: Sequence[Recipe], prepared: Prepared) -> list[pd.DataFrame]:
    panel = prepared.panel if recipes[0].needs_panel else None
    parts = []
    for recipe, fold in zip(recipes, prepared.folds, strict=False):
        rows = prepared.origins(fold)
        if len(rows):
            parts.append(rows.assign(log_prediction=recipe.predict(rows, panel), fold=fold[0]))
    if not parts:
        raise ModelError(
            f"Cannot backtest at {prepared.cutoff}: no day with a count in the last "
            f"{prepared.spec.backtest_days} days before the cut-off. Check that counts still"
            " arrive."
        )
    return parts


def choose_weights(recipes: Sequence[Recipe], prepared: Prepared) -> tuple[float, ...]:
    """Those of `BLEND_WEIGHTS` that err least over the origins; the first unless clearly beaten."""
    rows = [prepared.origins(fold) for fold in prepared.folds]
    made = [recipe.parts(part, prepared.panel) for recipe, part in zip(recipes, rows, strict=False)]
    tested = pd.concat([part[["unique_id", "y"]] for part in rows])
    parts = [np.concatenate(of_folds) for of_folds in zip(*made, strict=True)]
    known = np.flatnonzero(np.isfinite(parts[0]) & np.isfinite(parts[1]))
    losses = [
        _scaled_loss(tested.iloc[known], blended([part[known] for part in parts], weights))
        for weights in BLEND_WEIGHTS
    ]
    best = int(np.argmin(losses))
    return BLEND_WEIGHTS[0 if losses[0] <= losses[best] * (1 + TIE) else best]


def choose_gain(tested: pd.DataFrame, bias: np.ndarray, young: bool) -> float:
    """The share of the recent error that forecasts of the origins are best corrected by.

    A young history has not met all seasons of a year: then the largest share that is about as good.
    """
    if tested.empty:
        return 0.0
    horizon = tested["horizon"].to_numpy(dtype=float)

    def loss(gain: float) -> float:
        moved = correction.correction(gain, bias, horizon)
        return _scaled_loss(tested, tested["log_prediction"].to_numpy() + moved)

    losses = {gain: loss(gain) for gain in correction.GAINS}
    least = min(losses.values()) * (1 + (correction.ALIKE if young else 0.0))
    near = [gain for gain in losses if losses[gain] <= least]
    return max(near) if young else min(near)


def scaled_errors(tested: pd.DataFrame, log_prediction: np.ndarray) -> np.ndarray:
    """Absolute errors (rows,) over the mean of each series, so that small centres count as well."""
    scale = tested["unique_id"].map(tested.groupby("unique_id")["y"].mean()).to_numpy(dtype=float)
    miss = np.abs(np.expm1(log_prediction) - tested["y"].to_numpy())
    return miss / np.maximum(scale, 1.0)


def _scaled_loss(tested: pd.DataFrame, log_prediction: np.ndarray) -> float:
    return float(np.mean(scaled_errors(tested, log_prediction)))
