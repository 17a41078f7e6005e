"""Scores with stated definitions; y is the actual, f the forecast, means run over rows with a y."""

from __future__ import annotations

import numpy as np
import pandas as pd

DEFINITIONS = {
    "smape": "200 |y - f| / (|y| + |f|), 0 where both are 0; mean within a series, then over series"
    " (Makridakis et al., The M4 Competition, 2020)",
    "mase": "|y - f| over the in-sample mean |y_t - y_(t-m)|, m the first season; mean within a"
    " series, then over series; a series whose scale is 0 or unknown is left out",
    "owa": "(smape / smape of Naive2 + mase / mase of Naive2) / 2",
    "wape": "sum |y - f| / sum |y|",
    "rmse": "square root of the mean of (y - f)^2",
    "mae": "mean |y - f|",
    "mape": "100 |y - f| / |y|, rows with y = 0 left out",
    "bias": "sum (f - y) / sum |y|",
    "pinball": "mean over the quantiles 2.5, 10, 50, 90, 97.5 % of the pinball loss over the MASE"
    " scale; mean within a series, then over series",
    "coverage_80": "share of rows within lower_80 and upper_80",
    "coverage_95": "share of rows within lower_95 and upper_95",
}

QUANTILES = {
    "lower_95": 0.025,
    "lower_80": 0.1,
    "prediction": 0.5,
    "upper_80": 0.9,
    "upper_95": 0.975,
}


def seasonal_scales(values: np.ndarray, season: int) -> np.ndarray:
    """In-sample mean |y_t - y_(t-m)| of each row of `values` (series, steps); NaN where unknown."""
    if values.shape[1] <= season:
        return np.full(len(values), np.nan)
    apart = np.abs(values[:, season:] - values[:, :-season])
    count = np.isfinite(apart).sum(axis=1)
    scale = np.nansum(apart, axis=1) / np.maximum(count, 1)
    return np.where((count > 0) & (scale > 0), scale, np.nan)


def score(rows: pd.DataFrame, reference: pd.DataFrame | None = None) -> dict[str, float]:
    """The scores of `rows` (unique_id, y, scale, prediction, bands); OWA against `reference`.

    `reference` bears the rows of Naive2 for the same targets.
    """
    rows = rows[rows["y"].notna()]
    y, f = rows["y"].to_numpy(dtype=float), rows["prediction"].to_numpy(dtype=float)
    if len(rows) == 0:
        return {"rows": 0.0}
    size = np.abs(y) + np.abs(f)
    relative = np.where(size > 0, 200 * np.abs(y - f) / np.where(size > 0, size, 1.0), 0.0)
    scaled = np.abs(y - f) / rows["scale"].to_numpy(dtype=float)
    by = rows["unique_id"].to_numpy(dtype=object)
    nonzero = y != 0
    total = float(np.abs(y).sum())
    result = {
        "rows": float(len(rows)),
        "smape": _over_series(relative, by),
        "mase": _over_series(scaled, by),
        "wape": float(np.abs(y - f).sum() / total) if total > 0 else float("nan"),
        "rmse": float(np.sqrt(np.mean((y - f) ** 2))),
        "mae": float(np.mean(np.abs(y - f))),
        "mape": float(100 * np.mean(np.abs((y - f)[nonzero] / y[nonzero])))
        if nonzero.any()
        else float("nan"),
        "bias": float((f - y).sum() / total) if total > 0 else float("nan"),
    }
    if "lower_80" in rows:
        losses = []
        for name, quantile in QUANTILES.items():
            short = y - rows[name].to_numpy(dtype=float)
            losses.append(np.maximum(quantile * short, (quantile - 1) * short))
        result["pinball"] = _over_series(
            np.mean(losses, axis=0) / rows["scale"].to_numpy(dtype=float), by
        )
        for share in (80, 95):
            inside = rows["y"].between(rows[f"lower_{share}"], rows[f"upper_{share}"])
            result[f"coverage_{share}"] = float(inside.mean())
    if reference is not None:
        base = score(reference[["unique_id", "y", "scale", "prediction"]])
        result["owa"] = (result["smape"] / base["smape"] + result["mase"] / base["mase"]) / 2
    return result


def _over_series(values: np.ndarray, by: np.ndarray) -> float:
    means = pd.Series(values).groupby(by).mean()
    return float(means.mean())


def naive2(history: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """The last seasonally adjusted value, with its seasonal index put back, shape (horizon,).

    As in the M4 competition: multiplicative classical decomposition where the autocorrelation at
    the season is significant at 90 % (with R's limit of 10 log10(n) lags), naive otherwise.
    """
    known = history[np.isfinite(history)]
    if len(known) == 0:
        return np.full(horizon, np.nan)
    index = np.ones(horizon)
    last = known[-1]
    if season > 1 and _is_seasonal(known, season):
        figure = _seasonal_figure(known, season)
        phase = np.arange(len(known)) % season
        last = known[-1] / figure[phase[-1]]
        index = figure[(len(known) + np.arange(horizon)) % season]
    return last * index


def _is_seasonal(x: np.ndarray, season: int) -> bool:
    lags = int(np.floor(10 * np.log10(len(x))))
    if len(x) < 3 * season or season > lags or (x <= 0).any():
        return False
    centred = x - x.mean()
    power = float(centred @ centred)
    if power == 0:
        return False
    acf = np.array([centred[k:] @ centred[:-k] / power for k in range(1, season + 1)])
    limit = 1.645 / np.sqrt(len(x)) * np.sqrt(1 + 2 * np.sum(acf[:-1] ** 2))
    return bool(abs(acf[-1]) > limit)


def _seasonal_figure(x: np.ndarray, season: int) -> np.ndarray:
    """Multiplicative seasonal indices of R's `decompose`: ratios to a centred moving average."""
    half = season // 2
    weights = np.ones(season)
    if season % 2 == 0:
        weights = np.concatenate([[0.5], np.ones(season - 1), [0.5]])
    trend = np.full(len(x), np.nan)
    middle = np.convolve(x, weights / season, mode="valid")
    trend[half : half + len(middle)] = middle
    ratio = x / trend
    phase = np.arange(len(x)) % season
    figure = np.array([np.nanmean(ratio[phase == p]) for p in range(season)])
    return figure / figure.mean()
