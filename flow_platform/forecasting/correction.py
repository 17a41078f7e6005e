"""Corrects forecasts by the errors that were known when they were issued.

A model fitted at a cut-off keeps a bias for weeks when a season runs ahead of what it learned; its
own last one-step errors tell. How much of them is applied is chosen by backtest. Bands are in
`intervals`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

# Errors count half after these days, and not at all beyond the window: a day forecast alone must
# see the same errors as the same day within a range.
HALF_LIFE_DAYS = 5.0
WINDOW_DAYS = 28
# A series' own errors are pulled towards those of all series as if it had this many days of them.
PRIOR_DAYS = 5.0
# Shares of the correction that the backtest chooses from, and how it fades with each step ahead.
GAINS = (0.0, 0.5, 1.0)
FADE = 0.97
# A single error moves a forecast no further than this (log).
LARGEST = 0.3

_DAY = 86_400_000_000_000


def bias_known_at(unique_id: np.ndarray, issued_at: np.ndarray, errors: pd.DataFrame) -> np.ndarray:
    """Recent log error of each series as known at each issue, shape (rows,).

    `errors` has unique_id, known_at (UTC nanoseconds) and error (log actual - log forecast, one
    step ahead, usual days only); `issued_at` is in UTC nanoseconds. Exponentially weighted over
    WINDOW_DAYS, shrunk towards all series together and those towards none. 0 where none is known.
    """
    if len(errors) == 0:
        return np.zeros(len(issued_at))
    clipped = errors.assign(error=errors["error"].clip(-LARGEST, LARGEST))
    series = max(1, clipped["unique_id"].nunique())
    pooled, days = _recent_mean(clipped, issued_at)
    days = days / series
    prior = pooled * days / (days + PRIOR_DAYS)
    result = prior.copy()
    groups = {str(name): group for name, group in clipped.groupby("unique_id")}
    for name in pd.unique(unique_id):
        if str(name) not in groups:
            continue
        rows = unique_id == name
        own, weight = _recent_mean(groups[str(name)], issued_at[rows])
        result[rows] = (own * weight + prior[rows] * PRIOR_DAYS) / (weight + PRIOR_DAYS)
    return result


def correction(gain: float, bias: np.ndarray, horizon: np.ndarray) -> np.ndarray:
    """What to add to log forecasts `horizon` steps ahead, shape (rows,)."""
    return gain * bias * FADE ** (horizon - 1)


def _recent_mean(errors: pd.DataFrame, moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean of the errors known at each moment, and the days it is worth."""
    ordered = errors.sort_values(["known_at", "error"])
    known = ordered["known_at"].to_numpy(dtype=np.int64)
    error = ordered["error"].to_numpy(dtype=float)
    distinct, which = np.unique(moments, return_inverse=True)
    mean, total = np.zeros(len(distinct)), np.zeros(len(distinct))
    # Each moment is summed on its own: running sums would differ by where a range begins.
    for number, moment in enumerate(distinct):
        end = np.searchsorted(known, moment, side="right")
        first = np.searchsorted(known, moment - WINDOW_DAYS * _DAY, side="right")
        weight = np.exp2((known[first:end] - moment) / (_DAY * HALF_LIFE_DAYS))
        total[number] = weight.sum()
        if total[number] > 0:
            mean[number] = float((weight * error[first:end]).sum()) / total[number]
    return mean[which], total[which]
