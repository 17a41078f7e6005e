"""Conformal bands: bounds of 80 and 95 % from the errors at the rolling origins.

Why these and not the intervals of statsforecast or mlforecast: docs/adr/0017.
"""

from __future__ import annotations

import numpy as np

from flow_platform.evaluation.backtest import mean_of_known

LEVELS = {"lower_95": 0.025, "lower_80": 0.1, "upper_80": 0.9, "upper_95": 0.975}
# Bounds where no error is known, in MASE scales: those of a normal error.
WITHOUT_ERRORS = {"lower_95": -2.9, "lower_80": -1.9, "upper_80": 1.9, "upper_95": 2.9}
# Errors of a series count as much as its usual size after so many of them.
PRIOR_ERRORS = 8.0
# A band is at least and at most so many times the series' usual band.
SHAPES = (0.1, 10.0)


def bands(
    forecast: np.ndarray,
    backtest: np.ndarray,
    actuals: np.ndarray,
    scale: np.ndarray,
    widths: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """lower_80, upper_80, lower_95 and upper_95 of a forecast, each (series, horizon).

    forecast  (series, horizon)
    backtest  (origins, series, horizon), the same candidate's forecasts at the rolling origins
    actuals   (origins, series, horizon), NaN where unknown
    scale     (series,) of the MASE, NaN where a series has none
    widths    (origins + 1, series, horizon), the forecast's own last: the distance between a
              model's quantiles, where it has them

    Conformal: quantiles, pooled over series and smoothed over horizons, of errors divided by the
    size of the series' errors at the other origins. With `widths` a band is wider where they are,
    in proportion, while the errors decide how wide it is in all (after Romano et al., Conformalized
    quantile regression, 2019). Without one known error the bounds are WITHOUT_ERRORS.
    """
    errors = actuals - backtest
    origins, _, horizon = errors.shape
    usual = np.where(
        np.isfinite(scale), scale, np.nanmedian(scale) if np.isfinite(scale).any() else 0
    )
    usual = np.maximum(usual, 1e-9)[:, None]
    shape = _shape(np.ones((origins + 1, 1, 1)) if widths is None else widths)
    errors = errors / (usual * shape[:-1])
    # How large errors are in MASE scales, at each horizon, over the panel.
    growth = _smooth(np.nan_to_num(_median(np.abs(errors), (0, 1)), nan=1.0))
    relative = np.abs(errors) / growth
    spread = _sizes(relative)[:, None] * growth * usual * shape[-1]
    if origins and np.isfinite(errors).any():
        sizes = [_sizes(np.delete(relative, k, axis=0)) for k in range(origins)]
        scaled = np.concatenate([errors[k] / (sizes[k][:, None] * growth) for k in range(origins)])
        offsets = {name: _quantiles(scaled, level) for name, level in LEVELS.items()}
    else:
        offsets = {name: np.full(horizon, offset) for name, offset in WITHOUT_ERRORS.items()}
    bounds = {name: forecast + offset * spread for name, offset in offsets.items()}
    lower = np.minimum(bounds["lower_80"], forecast)
    upper = np.maximum(bounds["upper_80"], forecast)
    return {
        "lower_80": lower,
        "upper_80": upper,
        "lower_95": np.minimum(bounds["lower_95"], lower),
        "upper_95": np.maximum(bounds["upper_95"], upper),
    }


def widths_help(
    backtest: np.ndarray, actuals: np.ndarray, scale: np.ndarray, widths: np.ndarray
) -> bool:
    """Whether bands shaped by `widths` have a lower pinball loss than plain ones at the origins.

    Shapes as in `bands`, but `widths` of the origins alone. The bands of each origin are made from
    the other origins. False with one origin, where there is no other.
    """
    origins = len(actuals)
    if origins < 2:
        return False
    usual = np.where(np.isfinite(scale), scale, np.nan)[:, None]
    gain = []
    for k in range(origins):
        others = [j for j in range(origins) if j != k]
        losses = []
        for shape in (None, widths[[*others, k]]):
            found = bands(backtest[k], backtest[others], actuals[others], scale, shape)
            for name, level in LEVELS.items():
                above = (actuals[k] - found[name]) / usual
                losses.append(np.maximum(level * above, (level - 1) * above))
        plain, shaped = np.split(mean_of_known(np.array(losses), (1, 2)), 2)
        gain.append(plain.mean() - shaped.mean())
    return bool(np.nanmean(gain) > 0) if np.isfinite(gain).any() else False


def _shape(widths: np.ndarray) -> np.ndarray:
    """Widths over the median one of the same series; 1 where a width is unknown or 0."""
    middle = np.median(widths, axis=(0, 2), keepdims=True)
    usable = np.isfinite(widths) & np.isfinite(middle) & (middle > 0)
    shape = np.where(usable, widths, 1.0) / np.where(usable, middle, 1.0)
    return np.clip(shape, *SHAPES)


def _sizes(relative: np.ndarray) -> np.ndarray:
    """Mean |scaled error| of each series, drawn to what is usual in the panel."""
    count = np.isfinite(relative).sum(axis=(0, 2))
    total = np.nansum(relative, axis=(0, 2))
    own = total / np.maximum(count, 1)
    usual = np.median(own[count > 0]) if (count > 0).any() else 1.0
    size = (total + PRIOR_ERRORS * usual) / (count + PRIOR_ERRORS)
    return np.maximum(size, 1e-9 + 0.02 * usual)


def _quantiles(errors: np.ndarray, level: float) -> np.ndarray:
    """The quantile at each horizon of errors (errors, horizon), from those of near horizons too.

    With the conformal correction for few errors.
    """
    width = max(1, errors.shape[1] // 8)
    result = np.empty(errors.shape[1])
    for step in range(errors.shape[1]):
        near = errors[:, max(0, step - width) : step + width + 1]
        known = near[np.isfinite(near)]
        share = (len(known) + 1) / max(len(known), 1) * abs(level - 0.5)
        result[step] = np.quantile(known, np.clip(0.5 + np.sign(level - 0.5) * share, 0, 1))
    return result


def _smooth(values: np.ndarray) -> np.ndarray:
    """Means of near horizons, above zero."""
    width = max(1, len(values) // 8)
    padded = np.pad(values, width, mode="edge")
    kernel = np.ones(2 * width + 1) / (2 * width + 1)
    return np.maximum(np.convolve(padded, kernel, mode="valid"), 1e-9)


def _median(values: np.ndarray, axis: tuple[int, ...]) -> np.ndarray:
    kept = np.where(np.isfinite(values), values, np.nan)
    if not np.isfinite(kept).any():
        return np.full(values.shape[-1], np.nan)
    return np.nanmedian(kept, axis=axis)
