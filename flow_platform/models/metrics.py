"""Error figures of point and interval forecasts, each with its definition and source.

Functions take arrays, or a frame of forecasts with their actuals; nothing here knows a model.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from flow_platform.ground.errors import ModelError


def _pair(y: ArrayLike, prediction: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    actual, forecast = np.asarray(y, dtype=float), np.asarray(prediction, dtype=float)
    if actual.shape != forecast.shape:
        raise ModelError(
            f"A metric got {actual.shape} actuals and {forecast.shape} predictions; "
            "give one prediction per actual."
        )
    both = np.isfinite(actual) & np.isfinite(forecast)
    return actual[both], forecast[both]


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")


def mae(y: ArrayLike, prediction: ArrayLike) -> float:
    """Mean absolute error, mean |y - f|, in units of y (Hyndman and Athanasopoulos, FPP3 5.8)."""
    actual, forecast = _pair(y, prediction)
    return _mean(np.abs(actual - forecast))


def rmse(y: ArrayLike, prediction: ArrayLike) -> float:
    """Root mean squared error, sqrt(mean (y - f)^2), in units of y (FPP3 5.8)."""
    actual, forecast = _pair(y, prediction)
    return float(np.sqrt(_mean((actual - forecast) ** 2)))


def mape(y: ArrayLike, prediction: ArrayLike) -> float:
    """Mean absolute percentage error as a fraction, mean |y - f| / y over y > 0 (FPP3 5.8).

    The `mape` of `flow evaluate` is another: in percent, over y other than 0 (`evaluation.scores`).
    """
    actual, forecast = _pair(y, prediction)
    positive = actual > 0
    return _mean(np.abs(actual - forecast)[positive] / actual[positive])


def wape(y: ArrayLike, prediction: ArrayLike) -> float:
    """Weighted absolute percentage error as a fraction, sum |y - f| / sum |y|.

    Kolassa and Schuetz 2007, "Advantages of the MAD/Mean ratio over the MAPE".
    """
    actual, forecast = _pair(y, prediction)
    total = np.abs(actual).sum()
    return float(np.abs(actual - forecast).sum() / total) if total > 0 else float("nan")


def bias(y: ArrayLike, prediction: ArrayLike) -> float:
    """Signed relative error as a fraction, sum (f - y) / sum |y|; positive is too high."""
    actual, forecast = _pair(y, prediction)
    total = np.abs(actual).sum()
    return float((forecast - actual).sum() / total) if total > 0 else float("nan")


def mase(y: ArrayLike, prediction: ArrayLike, scale: ArrayLike) -> float:
    """Mean absolute scaled error, mean |y - f| / scale (Hyndman and Koehler 2006).

    `scale` is per row or one number: the in-sample MAE of the seasonal naive of the row's series
    (`seasonal_scale`). Rows with a scale of 0 or without one are left out.
    """
    actual, forecast = np.asarray(y, dtype=float), np.asarray(prediction, dtype=float)
    scales = np.broadcast_to(np.asarray(scale, dtype=float), actual.shape)
    usable = np.isfinite(actual) & np.isfinite(forecast) & np.isfinite(scales) & (scales > 0)
    return _mean(np.abs(actual - forecast)[usable] / scales[usable])


def seasonal_scale(values: ArrayLike, season: int) -> float:
    """In-sample MAE of the seasonal naive, mean |y_t - y_(t-season)| over pairs that are known.

    `values` is one series on a regular grid, missing steps NaN (Hyndman and Koehler 2006).
    """
    series = np.asarray(values, dtype=float)
    steps = np.abs(series[season:] - series[:-season])
    return _mean(steps[np.isfinite(steps)])


def coverage(y: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> float:
    """Share of actuals inside their closed interval [lower, upper], as a fraction."""
    actual = np.asarray(y, dtype=float)
    low, high = np.asarray(lower, dtype=float), np.asarray(upper, dtype=float)
    usable = np.isfinite(actual) & np.isfinite(low) & np.isfinite(high)
    return _mean(((actual >= low) & (actual <= high))[usable].astype(float))


def r2(y: ArrayLike, prediction: ArrayLike) -> float:
    """Coefficient of determination, 1 - sum (y - f)^2 / sum (y - mean y)^2."""
    actual, forecast = _pair(y, prediction)
    if not actual.size:
        return float("nan")
    spread = ((actual - actual.mean()) ** 2).sum()
    return float(1 - ((actual - forecast) ** 2).sum() / spread) if spread > 0 else float("nan")


def pinball(y: ArrayLike, quantile_forecast: ArrayLike, quantile: float) -> float:
    """Mean quantile loss, max(q (y - f), (q - 1) (y - f)) (Koenker and Bassett 1978)."""
    if not 0 < quantile < 1:
        raise ModelError(f"pinball got the quantile {quantile}; give one between 0 and 1.")
    actual, forecast = _pair(y, quantile_forecast)
    error = actual - forecast
    return _mean(np.maximum(quantile * error, (quantile - 1) * error))


# The figures that a vintage keeps of its backtest.
_OF_BACKTEST = ("mae", "rmse", "mape", "wape", "mase", "bias", "r2", "coverage_80", "coverage_95")


def rounded(value: float) -> float:
    """`value` with ten significant digits, as artefacts keep it."""
    return float(f"{value:.10g}")


def backtest_figures(scored: pd.DataFrame) -> dict[str, float]:
    """The figures of `summarise` over all rows, each with ten significant digits."""
    row = summarise(scored).iloc[0]
    return {name: rounded(row[name]) for name in _OF_BACKTEST} | {"n": float(row["n"])}


def summarise(frame: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """Every figure per group of `by` (one row with no `by`).

    `frame` has y and prediction; lower_80, upper_80, lower_95, upper_95 and scale (for MASE)
    where known. Returns `by` columns, n, mae, rmse, mape, wape, mase, bias, r2, coverage_80,
    coverage_95; n counts rows with both y and prediction.
    """

    def figures(group: pd.DataFrame) -> dict[str, float]:
        y, prediction = group["y"], group["prediction"]
        row: dict[str, float] = {
            "n": int((y.notna() & prediction.notna()).sum()),
            "mae": mae(y, prediction),
            "rmse": rmse(y, prediction),
            "mape": mape(y, prediction),
            "wape": wape(y, prediction),
            "mase": mase(y, prediction, group["scale"]) if "scale" in group else float("nan"),
            "bias": bias(y, prediction),
            "r2": r2(y, prediction),
        }
        for level in (80, 95):
            bounds = f"lower_{level}", f"upper_{level}"
            known = all(b in group for b in bounds)
            row[f"coverage_{level}"] = (
                coverage(y, group[bounds[0]], group[bounds[1]]) if known else float("nan")
            )
        return row

    if not by:
        return pd.DataFrame([figures(frame)])
    keys = list(by)
    rows = []
    for key, group in frame.groupby(keys, sort=True):
        rows.append(dict(zip(keys, key, strict=True)) | figures(group))
    return pd.DataFrame(rows)
