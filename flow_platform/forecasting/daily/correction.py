"""Corrects forecasts by the errors that were known when they were issued.

A model fitted at a cut-off keeps a bias for weeks when a season runs ahead of what it learned; its
own last one-step errors show it. How much of them is applied is chosen by backtest. Bands are in
`intervals`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from flow_platform.forecasting.daily.bands import special_days
from flow_platform.models.moments import DAY_NS, nanoseconds

# Errors count half after these days, and not at all beyond the window: a day forecast alone must
# see the same errors as the same day within a range.
HALF_LIFE_DAYS = 5.0
WINDOW_DAYS = 28
# A series' own errors are pulled towards those of all series as if it had this many days of them.
PRIOR_DAYS = 5.0
# Shares of the correction that the backtest chooses from, and how it fades with each step ahead.
GAINS = (0.0, 0.5, 1.0)
FADE = 0.97
# Backtest errors that differ by less than this (relative) do not show which share is better.
ALIKE = 0.03
# A single error moves a forecast no further than this (log).
LARGEST = 0.3


def usual_errors(frame: pd.DataFrame) -> pd.DataFrame:
    """One-step log errors on usual days: unique_id, known_at (UTC nanoseconds), error.

    `frame` has the feature frame's columns and log_prediction; rows without a count are left out.
    """
    rows = frame[(frame["horizon"] == frame["horizon"].min()) & frame["y"].notna()]
    rows = rows[~special_days(rows)]
    return pd.DataFrame(
        {
            "unique_id": rows["unique_id"].to_numpy(dtype=object).astype(str),
            "known_at": nanoseconds(rows["y_available_at"]),
            "error": np.log1p(rows["y"].to_numpy()) - rows["log_prediction"].to_numpy(),
        }
    )


def recent_bias(frame: pd.DataFrame, errors: pd.DataFrame, steady: np.ndarray) -> np.ndarray:
    """`bias_known_at` of each row of a feature frame, shape (rows,); 0 where not `steady`."""
    names, moments = frame["unique_id"].to_numpy(dtype=object), nanoseconds(frame["issued_at"])
    return np.where(steady, bias_known_at(names, moments, errors), 0.0)


def bias_known_at(unique_id: np.ndarray, issued_at: np.ndarray, errors: pd.DataFrame) -> np.ndarray:
    """Recent log error of each series as known at each issue, shape (rows,).

    `errors` has unique_id, known_at (UTC nanoseconds) and error (log actual - log forecast, one
    step ahead, usual days only); `issued_at` is in UTC nanoseconds. Exponentially weighted over
    WINDOW_DAYS, shrunk towards all series together and those towards none. 0 where none is known.
    """
    result = np.zeros(len(issued_at))
    if len(errors) == 0:
        return result
    ordered = errors.sort_values(["known_at", "error"])
    code, names = pd.factorize(ordered["unique_id"].astype(str), sort=True)
    known = ordered["known_at"].to_numpy(dtype=np.int64)
    error = ordered["error"].clip(-LARGEST, LARGEST).to_numpy(dtype=float)
    own = pd.Index(names).get_indexer(pd.Index(unique_id).astype(str))
    moments, which = np.unique(issued_at, return_inverse=True)
    # Each moment is summed on its own: running sums would differ by where a range begins.
    for number, moment in enumerate(moments):
        end = np.searchsorted(known, moment, side="right")
        recent = slice(np.searchsorted(known, moment - WINDOW_DAYS * DAY_NS, side="right"), end)
        weight = np.exp2((known[recent] - moment) / (DAY_NS * HALF_LIFE_DAYS))
        total = np.bincount(code[recent], weight, minlength=len(names))
        summed = np.bincount(code[recent], weight * error[recent], minlength=len(names))
        days = total.sum() / len(names)
        pooled = summed.sum() / total.sum() if total.sum() > 0 else 0.0
        prior = pooled * days / (days + PRIOR_DAYS)
        here = which == number
        # A series without an error of its own has nothing but the prior.
        own_summed = np.where(own[here] >= 0, summed[own[here]], 0.0)
        own_total = np.where(own[here] >= 0, total[own[here]], 0.0)
        result[here] = (own_summed + prior * PRIOR_DAYS) / (own_total + PRIOR_DAYS)
    return result


def correction(gain: float, bias: np.ndarray, horizon: np.ndarray) -> np.ndarray:
    """What to add to log forecasts `horizon` steps ahead, shape (rows,)."""
    return gain * bias * FADE ** (horizon - 1)
