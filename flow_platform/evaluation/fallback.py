"""The replacement for a forecast that failed or is absurd: the seasonal naive."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from flow_platform.evaluation.naive_methods import seasonal_naive
from flow_platform.evaluation.series_matrix import SeriesMatrix

# A forecast further from the known values than this many times their range is absurd.
ABSURD = 5.0


@dataclass
class CandidateForecasts:
    """One candidate's forecasts from one origin.

    values  (series, horizon), finite for every series with a known value
    reasons for each series that has the fallback's forecast, by its id: why
    widths  distance between the model's 10 and 90 % quantiles, (series, horizon), if it has them
    """

    values: np.ndarray
    reasons: dict[str, str] = field(default_factory=dict)
    widths: np.ndarray | None = None


def plausible(values: np.ndarray, panel: SeriesMatrix) -> np.ndarray:
    """Which rows of forecasts (series, horizon) are finite and near the known values, (series,)."""
    known = panel.values
    any_known = np.isfinite(known).any(axis=1)
    low = np.where(any_known, np.nanmin(np.where(any_known[:, None], known, 0.0), axis=1), 0.0)
    high = np.where(any_known, np.nanmax(np.where(any_known[:, None], known, 0.0), axis=1), 0.0)
    reach = ABSURD * np.maximum(high - low, 0.1 * np.maximum(np.abs(high), np.abs(low)) + 1e-9)
    inside = (values >= (low - reach)[:, None]) & (values <= (high + reach)[:, None])
    return np.isfinite(values).all(axis=1) & inside.all(axis=1)


def with_fallback(
    values: np.ndarray, panel: SeriesMatrix, reasons: dict[str, str], name: str
) -> CandidateForecasts:
    """`values` (series, horizon), with the seasonal naive where they are not plausible.

    The reasons, by series, are completed for these. A constant series has the seasonal naive too,
    without a reason; a series that was never negative has no negative forecast.
    """
    bad = ~plausible(values, panel)
    for row in np.flatnonzero(bad):
        reasons.setdefault(str(panel.ids[row]), f"{name} failed or gave nonsense")
    replaced = bad | ~panel.varies
    safe = np.where(replaced[:, None], seasonal_naive(panel, values.shape[1]), values)
    safe = np.where(panel.non_negative[:, None], np.maximum(safe, 0.0), safe)
    return CandidateForecasts(safe, reasons)
