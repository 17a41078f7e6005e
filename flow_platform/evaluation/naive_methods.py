"""Methods that need no fit: the naive ones that others must beat, and means of each phase.

The candidates that they are, and what each needs, are in `candidates`.
"""

from __future__ import annotations

import numpy as np

from flow_platform.evaluation.series_matrix import SeriesMatrix

# Seasons after which a value counts half in the mean of its phase.
HALF_LIFE = 4.0


def naive(panel: SeriesMatrix, horizon: int) -> np.ndarray:
    """The last value of each series, shape (series, horizon)."""
    return np.repeat(panel.filled[:, -1:], horizon, axis=1)


def seasonal_naive(panel: SeriesMatrix, horizon: int) -> np.ndarray:
    """The value one (first) season before, else the last value, shape (series, horizon)."""
    season = panel.seasons[0]
    table = panel.filled
    if table.shape[1] < season:
        return naive(panel, horizon)
    repeated = table[:, -season:][:, np.arange(horizon) % season]
    return np.where(np.isfinite(repeated), repeated, table[:, -1:])


def naive2(panel: SeriesMatrix, horizon: int) -> np.ndarray:
    """Naive2 of the M4 competition, shape (series, horizon)."""
    return np.array([naive2_of(row, panel.seasons[0], horizon) for row in panel.filled])


def phase_means(panel: SeriesMatrix, horizon: int) -> np.ndarray:
    """Means of each phase of the longest season, plus an AR(1) of what they leave.

    The phases of a season of 168 hours are the hours of the week. Newer seasons count more. The
    shape is (series, horizon).
    """
    cycles = panel.cycles
    return np.array(
        [_phase_means_of(row[np.isfinite(row)], cycles, horizon) for row in panel.filled]
    )


def _phase_means_of(x: np.ndarray, cycles: tuple[int, ...], horizon: int) -> np.ndarray:
    season = max((s for s in cycles if len(x) >= 2 * s), default=1)
    age = (len(x) - 1 - np.arange(len(x))) // season
    weight = 0.5 ** (age / HALF_LIFE)
    phase = np.arange(len(x)) % season
    mass = np.bincount(phase, weight, minlength=season)
    mean = np.bincount(phase, weight * x, minlength=season) / np.maximum(mass, 1e-12)
    rest = x - mean[phase]
    tail = rest[-max(4 * season, 200) :]
    power = float(tail[:-1] @ tail[:-1])
    share = float(np.clip(tail[1:] @ tail[:-1] / power, 0.0, 0.99)) if power > 0 else 0.0
    ahead = np.arange(1, horizon + 1)
    last = rest[-1] if len(rest) else 0.0
    return mean[(len(x) - 1 + ahead) % season] + last * share**ahead


def naive2_of(series: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """Naive2 of one series: its last value without its season, times the season of each step.

    As in the M4 competition: multiplicative classical decomposition where the autocorrelation at
    the season is significant at 90 % (with R's limit of 10 log10(n) lags), naive otherwise. The
    shape is (horizon,); NaN where the series has no known value.
    """
    known = series[np.isfinite(series)]
    if len(known) == 0:
        return np.full(horizon, np.nan)
    if season == 1 or not _is_seasonal(known, season):
        return np.full(horizon, known[-1])
    from statsmodels.tsa.seasonal import seasonal_decompose

    figure = seasonal_decompose(known, "multiplicative", period=season).seasonal[:season]
    last = known[-1] / figure[(len(known) - 1) % season]
    return last * figure[(len(known) + np.arange(horizon)) % season]


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
