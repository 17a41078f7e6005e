"""The candidates that forecast each series by itself: what each needs, and which series it fits.

They run in `per_series`. Models that learn from all series together are in `global_models`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from flow_platform.evaluation.naive_methods import naive, naive2, phase_means, seasonal_naive
from flow_platform.evaluation.series_matrix import SeriesMatrix

# Longer histories add nothing to smoothing methods and cost time.
SEASONS_KEPT = 6
LEAST_STEPS_KEPT = 500
ARIMA_STEPS_KEPT = 300

Forecaster = Callable[[SeriesMatrix, int], np.ndarray]


def _statsforecast(
    make: Callable[[SeriesMatrix], Any], least_kept: int = LEAST_STEPS_KEPT
) -> Forecaster:
    """Forecasts by a statsforecast model of the last steps of each series; NaN where it fails."""

    def run(panel: SeriesMatrix, horizon: int) -> np.ndarray:
        # Compiling some of these takes most of a minute: once a machine, not once a process.
        os.environ.setdefault("NIXTLA_NUMBA_CACHE", "1")
        model = make(panel)
        keep = max(least_kept, SEASONS_KEPT * max((1, *panel.cycles)))
        result = np.full((len(panel.ids), horizon), np.nan)
        for number, row in enumerate(panel.filled[:, -keep:]):
            x = row[np.isfinite(row)]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    result[number] = model.forecast(y=x.astype(float), h=horizon)["mean"]
                except Exception:  # of any type: NaN makes the fallback take its place
                    continue
        return result

    return run


def _ets(panel: SeriesMatrix) -> Any:
    from statsforecast.models import AutoETS

    return AutoETS(season_length=panel.seasons[0])


def _theta(panel: SeriesMatrix) -> Any:
    from statsforecast.models import DynamicOptimizedTheta

    return DynamicOptimizedTheta(season_length=panel.seasons[0])


def _ces(panel: SeriesMatrix) -> Any:
    from statsforecast.models import AutoCES

    return AutoCES(season_length=panel.seasons[0])


def _arima(panel: SeriesMatrix) -> Any:
    from statsforecast.models import AutoARIMA

    return AutoARIMA(season_length=1, max_p=3, max_q=3, approximation=True, stepwise=True)


def _mstl(panel: SeriesMatrix) -> Any:
    from statsforecast.models import MSTL, AutoETS

    # Loess at every few steps and lines between, as R's stl does: ten times as fast.
    jump = min(panel.cycles) // 6 + 1
    return MSTL(
        season_length=list(panel.cycles),
        trend_forecaster=AutoETS(model="ZZN"),
        stl_kwargs={"seasonal_jump": 2, "trend_jump": jump, "low_pass_jump": jump},
    )


def _sarima(panel: SeriesMatrix, horizon: int) -> np.ndarray:
    """SARIMA (1,0,1)(0,1,1) of statsmodels, on logs where no value is below zero.

    NaN where it fails. A missing step stays unknown: the state space model needs no filling.
    """
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    season = panel.seasons[0]
    keep = max(LEAST_STEPS_KEPT, 10 * season)
    result = np.full((len(panel.ids), horizon), np.nan)
    logs = panel.non_negative
    for number, row in enumerate(panel.values[:, -keep:]):
        start = np.isfinite(row).argmax()
        x = np.log1p(row[start:]) if logs[number] else row[start:]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                model = SARIMAX(
                    x,
                    order=(1, 0, 1) if season > 1 else (1, 1, 1),
                    seasonal_order=(0, 1, 1, season) if season > 1 else (0, 0, 0, 0),
                    simple_differencing=False,
                )
                ahead = model.fit(disp=0, maxiter=30).forecast(horizon)
            except (ValueError, np.linalg.LinAlgError):
                continue
        result[number] = np.expm1(ahead) if logs[number] else ahead
    return result


@dataclass(frozen=True)
class Candidate:
    """A kind of model that forecasts each series from that series' own history.

    name   as in `--candidates` and in the results
    run    forecasts (series, horizon) of a matrix and a horizon; NaN where it fails
    needs  in words, which series it fits
    fits   which series of a matrix it fits, bool, shape (series,)

    Example: Candidate("naive", naive, "a known value", lambda panel: panel.lengths > 0)
    """

    name: str
    run: Forecaster
    needs: str
    fits: Callable[[SeriesMatrix], np.ndarray]


def _any_value(panel: SeriesMatrix) -> np.ndarray:
    return panel.lengths > 0


def _two_first_seasons(panel: SeriesMatrix) -> np.ndarray:
    return (panel.lengths >= 2 * panel.seasons[0] + 2) & panel.varies


def _two_longest_seasons(panel: SeriesMatrix) -> np.ndarray:
    longest = max((1, *panel.cycles))
    return (panel.lengths >= 2 * longest + 2) & panel.varies & (longest > 1)


def _first_season(seasons: int, longest: int, least: int = 1) -> Callable[..., np.ndarray]:
    """Series of so many first seasons, where a season has `least` to `longest` steps."""

    def fits(panel: SeriesMatrix) -> np.ndarray:
        season = panel.seasons[0]
        enough = panel.lengths >= max(seasons * season, 10)
        return enough & panel.varies & (least <= season <= longest)

    return fits


def _without_season(steps: int) -> Callable[..., np.ndarray]:
    """Series of so many steps, in a panel without a season."""
    return lambda panel: (panel.lengths >= steps) & panel.varies & (panel.seasons == (1,))


# The candidates that others must beat; the median does not include them.
BASELINES = ("naive", "seasonal_naive", "naive2")
# The OWA is relative to this one, so it always runs.
REFERENCE = "naive2"
# Simplest first: of equal candidates the first is chosen.
PER_SERIES: tuple[Candidate, ...] = (
    Candidate("naive", naive, "a known value", _any_value),
    Candidate("seasonal_naive", seasonal_naive, "a known value", _any_value),
    Candidate("naive2", naive2, "a known value", _any_value),
    Candidate(
        "phase_means",
        phase_means,
        "two cycles of its first season",
        _two_first_seasons,
    ),
    Candidate(
        "theta",
        _statsforecast(_theta),
        "two seasons and 10 steps, not constant",
        _first_season(seasons=2, longest=10_000),
    ),
    Candidate(
        "ets",
        _statsforecast(_ets),
        "two seasons and 10 steps, a first season of at most 12, not constant",
        _first_season(seasons=2, longest=12),
    ),
    Candidate(
        "ces",
        _statsforecast(_ces),
        "10 steps, no season (a fit takes a second with one), not constant",
        _without_season(steps=10),
    ),
    Candidate(
        "arima",
        _statsforecast(_arima, ARIMA_STEPS_KEPT),
        "30 steps, no season, not constant",
        _without_season(steps=30),
    ),
    Candidate(
        "mstl",
        _statsforecast(_mstl),
        "two cycles of its longest season, not constant",
        _two_longest_seasons,
    ),
    Candidate(
        "sarima",
        _sarima,
        "three seasons and 30 steps, a first season of 2 to 12 steps, not constant",
        _first_season(seasons=3, longest=12, least=2),
    ),
)
# Candidates whose fits take long, the slowest last: they have shares of the time and processes.
COSTLY = ("theta", "ets", "ces", "mstl", "sarima", "arima")
