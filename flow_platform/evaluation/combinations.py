"""The two candidates that combine others: the median, and a mean weighted by the backtest."""

from __future__ import annotations

import numpy as np

from flow_platform.evaluation.backtest import Backtest
from flow_platform.evaluation.candidates import BASELINES, REFERENCE

MEDIAN, WEIGHTED = "median", "weighted"
NEEDS = {
    MEDIAN: "two candidates beyond the naive ones",
    WEIGHTED: "two candidates and one origin to backtest",
}
# Steps of the greedy search for weights: each adds one share of 1/STEPS.
STEPS = 20


def median_members(backtest: Backtest) -> list[str]:
    """The candidates whose median is taken: those no worse than Naive2 in the backtest.

    The naive ones are not among them.
    """
    mase = backtest.mase
    rivals = [name for name in backtest.names if name not in BASELINES]
    return [name for name in rivals if not mase[name] >= mase[REFERENCE]]


def weights_of(backtest: Backtest) -> dict[str, float]:
    """Weights, adding up to 1, that lower the scaled error of the backtest; others have none.

    Greedy selection with replacement (Caruana et al., Ensemble selection, ICML 2004): each step
    adds the candidate that lowers the mean most. Coarse steps keep few origins from overfitting.

    Example: weights_of(backtest) == {"linear": 0.4, "lightgbm": 0.6}
    """
    known = np.isfinite(backtest.actuals) & np.isfinite(backtest.scale)[:, None]
    usable = known & np.isfinite(backtest.forecasts).all(axis=0)
    if not usable.any():
        share = 1.0 / len(backtest.names)
        return dict.fromkeys(backtest.names, share)
    scale = np.broadcast_to(backtest.scale[:, None], usable.shape)[usable]
    forecasts = backtest.forecasts[:, usable] / scale
    actual = backtest.actuals[usable] / scale
    # Each series counts alike, however many of its steps are known.
    series = np.broadcast_to(np.arange(usable.shape[1])[:, None], usable.shape)[usable]
    weight = 1.0 / np.bincount(series, minlength=usable.shape[1])[series]
    counts = np.zeros(len(forecasts), dtype=int)
    total = np.zeros(forecasts.shape[1])
    for step in range(1, STEPS + 1):
        losses = [np.sum(np.abs((total + one) / step - actual) * weight) for one in forecasts]
        best = int(np.argmin(losses))
        counts[best] += 1
        total += forecasts[best]
    return {name: float(n / STEPS) for name, n in zip(backtest.names, counts, strict=True) if n}


def weighted(weights: dict[str, float], forecasts: dict[str, np.ndarray]) -> np.ndarray:
    """The weighted mean of the forecasts of the candidates in `weights`, in their shape."""
    return np.sum([w * forecasts[name] for name, w in weights.items()], axis=0)


def cross_weighted(backtest: Backtest) -> np.ndarray:
    """The weighted mean at each origin, its weights from the other origins.

    The shape is (origins, series, horizon).
    """
    origins = backtest.actuals.shape[0]
    parts = []
    for k in range(origins):
        others = [j for j in range(origins) if j != k] or [k]
        here = dict(zip(backtest.names, backtest.forecasts[:, k], strict=True))
        parts.append(weighted(weights_of(backtest.at(others)), here))
    return np.stack(parts)
