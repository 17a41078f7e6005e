"""Candidates that forecast each series by itself, what each needs, and what serves when one fails.

The global models, which learn from all series together, are in `boosting`.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from flow_platform.evaluation.scores import naive2
from flow_platform.evaluation.table import Panel

# Series forecast together; a candidate's time is looked at between chunks.
CHUNK = 64
# Series that a costly candidate forecasts first, to tell what the rest would take.
PILOT = 4
# A forecast further from the known values than this many times their range is nonsense.
NONSENSE = 5.0
# Longer histories say nothing new to smoothing methods and cost time.
SEASONS_KEPT = 6
LEAST_STEPS_KEPT = 500
ARIMA_STEPS_KEPT = 300

OUT_OF_TIME = "out of time"

Forecaster = Callable[[Panel, int], np.ndarray]


@dataclass
class Made:
    """Forecasts (series, horizon), and for each series where the fallback serves, why.

    widths  distance between a model's 10 and 90 % quantiles, (series, horizon), where it has them
    """

    values: np.ndarray
    reasons: dict[str, str] = field(default_factory=dict)
    widths: np.ndarray | None = None


def naive(panel: Panel, horizon: int) -> np.ndarray:
    """The last value."""
    return np.repeat(panel.filled[:, -1:], horizon, axis=1)


def seasonal_naive(panel: Panel, horizon: int) -> np.ndarray:
    """The value one season before (the first season); the last value where none is known."""
    season = panel.seasons[0]
    table = panel.filled
    if table.shape[1] < season:
        return naive(panel, horizon)
    repeated = table[:, -season:][:, np.arange(horizon) % season]
    return np.where(np.isfinite(repeated), repeated, table[:, -1:])


def naive_2(panel: Panel, horizon: int) -> np.ndarray:
    """Naive2 of the M4 competition."""
    return np.array([naive2(row, panel.seasons[0], horizon) for row in panel.filled])


def phase_means(panel: Panel, horizon: int) -> np.ndarray:
    """Mean of each phase of the longest season (hour of the week) plus an AR(1) of the rest.

    Newer seasons count more (half-life of four); the AR(1) is fitted on what the means leave.
    """
    table = panel.filled
    result = np.empty((len(table), horizon))
    for number, row in enumerate(table):
        x = row[np.isfinite(row)]
        season = max((s for s in panel.cycles if len(x) >= 2 * s), default=1)
        age = (len(x) - 1 - np.arange(len(x))) // season
        weight = 0.5 ** (age / 4.0)
        phase = np.arange(len(x)) % season
        mass = np.bincount(phase, weight, minlength=season)
        mean = np.bincount(phase, weight * x, minlength=season) / np.maximum(mass, 1e-12)
        rest = x - mean[phase]
        tail = rest[-max(4 * season, 200) :]
        power = float(tail[:-1] @ tail[:-1])
        share = float(np.clip(tail[1:] @ tail[:-1] / power, 0.0, 0.99)) if power > 0 else 0.0
        ahead = np.arange(1, horizon + 1)
        last = rest[-1] if len(rest) else 0.0
        result[number] = mean[(len(x) - 1 + ahead) % season] + last * share**ahead
    return result


def _statsforecast(make: Callable[[Panel], Any], least_kept: int = LEAST_STEPS_KEPT) -> Forecaster:
    """A statsforecast model over the last steps of the panel's series."""

    def run(panel: Panel, horizon: int) -> np.ndarray:
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
                except Exception:  # whatever it was, the fallback serves and says so
                    continue
        return result

    return run


def _ets(panel: Panel) -> Any:
    from statsforecast.models import AutoETS

    return AutoETS(season_length=panel.seasons[0])


def _theta(panel: Panel) -> Any:
    from statsforecast.models import DynamicOptimizedTheta

    return DynamicOptimizedTheta(season_length=panel.seasons[0])


def _ces(panel: Panel) -> Any:
    from statsforecast.models import AutoCES

    return AutoCES(season_length=panel.seasons[0])


def _arima(panel: Panel) -> Any:
    from statsforecast.models import AutoARIMA

    return AutoARIMA(season_length=1, max_p=3, max_q=3, approximation=True, stepwise=True)


def _mstl(panel: Panel) -> Any:
    from statsforecast.models import MSTL, AutoETS

    # Loess at every few steps and lines between, as R's stl does: ten times as fast.
    jump = min(panel.cycles) // 6 + 1
    return MSTL(
        season_length=list(panel.cycles),
        trend_forecaster=AutoETS(model="ZZN"),
        stl_kwargs={"seasonal_jump": 2, "trend_jump": jump, "low_pass_jump": jump},
    )


def sarima(panel: Panel, horizon: int) -> np.ndarray:
    """SARIMA (1,0,1)(0,1,1) of statsmodels on logs where no value is below zero."""
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
    """A kind of model that forecasts one series from its own history.

    `needs` says in words which series it fits; `fits` tests them, giving one bool a series.
    """

    name: str
    run: Forecaster
    needs: str
    fits: Callable[[Panel], np.ndarray]


def _always(panel: Panel) -> np.ndarray:
    return panel.lengths > 0


def _varies(panel: Panel) -> np.ndarray:
    known = np.isfinite(panel.values)
    highest = np.where(known, panel.values, -np.inf).max(axis=1)
    return highest > np.where(known, panel.values, np.inf).min(axis=1)


def _long(steps: Callable[[Panel], int]) -> Callable[[Panel], np.ndarray]:
    return lambda panel: (panel.lengths >= steps(panel)) & _varies(panel)


def _seasonal_within(limit: int, cycles: int) -> Callable[[Panel], np.ndarray]:
    def fits(panel: Panel) -> np.ndarray:
        season = panel.seasons[0]
        enough = panel.lengths >= max(cycles * season, 10)
        return enough & _varies(panel) & (season <= limit)

    return fits


def _mstl_fits(panel: Panel) -> np.ndarray:
    longest = max((1, *panel.cycles))
    return (panel.lengths >= 2 * longest + 2) & _varies(panel) & (longest > 1)


# Candidates that are there to be beaten; they are no members of the median.
BASELINES = ("naive", "seasonal_naive", "naive2")
# Simplest first: a tie goes to the earlier one.
STATISTICAL: tuple[Candidate, ...] = (
    Candidate("naive", naive, "a known value", _always),
    Candidate("seasonal_naive", seasonal_naive, "a known value", _always),
    Candidate("naive2", naive_2, "a known value", _always),
    Candidate(
        "phase_means",
        phase_means,
        "two cycles of its first season",
        _long(lambda panel: 2 * panel.seasons[0] + 2),
    ),
    Candidate(
        "theta",
        _statsforecast(_theta),
        "two seasons and 10 steps, not constant",
        _seasonal_within(10_000, 2),
    ),
    Candidate(
        "ets",
        _statsforecast(_ets),
        "two seasons and 10 steps, a first season of at most 12, not constant",
        _seasonal_within(12, 2),
    ),
    Candidate(
        "ces",
        _statsforecast(_ces),
        "10 steps, no season (a fit takes a second with one), not constant",
        lambda panel: (panel.lengths >= 10) & _varies(panel) & (panel.seasons == (1,)),
    ),
    Candidate(
        "arima",
        _statsforecast(_arima, ARIMA_STEPS_KEPT),
        "30 steps, no season, not constant",
        lambda panel: (panel.lengths >= 30) & _varies(panel) & (panel.seasons == (1,)),
    ),
    Candidate(
        "mstl",
        _statsforecast(_mstl),
        "two cycles of its longest season, not constant",
        _mstl_fits,
    ),
    Candidate(
        "sarima",
        sarima,
        "three seasons and 30 steps, a first season of 2 to 12 steps, not constant",
        lambda panel: _seasonal_within(12, 3)(panel) & (panel.seasons[0] > 1),
    ),
)


def sensible(values: np.ndarray, panel: Panel) -> np.ndarray:
    """Which rows of forecasts (series, horizon) are finite and not absurdly far from the past."""
    known = panel.values
    any_known = np.isfinite(known).any(axis=1)
    low = np.where(any_known, np.nanmin(np.where(any_known[:, None], known, 0.0), axis=1), 0.0)
    high = np.where(any_known, np.nanmax(np.where(any_known[:, None], known, 0.0), axis=1), 0.0)
    reach = NONSENSE * np.maximum(high - low, 0.1 * np.maximum(np.abs(high), np.abs(low)) + 1e-9)
    inside = (values >= (low - reach)[:, None]) & (values <= (high + reach)[:, None])
    return np.isfinite(values).all(axis=1) & inside.all(axis=1)


def with_fallback(values: np.ndarray, panel: Panel, reasons: dict[str, str], name: str) -> Made:
    """`values` made safe: nonsense is replaced by the seasonal naive, and said in `reasons`.

    A series that never varied stays what it was, whoever forecasts it.
    """
    bad = ~sensible(values, panel)
    for row in np.flatnonzero(bad):
        reasons.setdefault(str(panel.ids[row]), f"{name} failed or gave nonsense")
    replaced = bad | ~_varies(panel)
    safe = np.where(replaced[:, None], seasonal_naive(panel, values.shape[1]), values)
    safe = np.where(panel.non_negative[:, None], np.maximum(safe, 0.0), safe)
    return Made(safe, reasons)


def forecast_each(
    candidate: Candidate,
    panel: Panel,
    horizon: int,
    budget: float,
    workers: int = 1,
    tick: Callable[[int], None] = lambda count: None,
) -> Made:
    """Forecasts of every series, chunk by chunk, within `budget` seconds.

    Series that a candidate does not fit, that fail, or that its time does not reach, get the
    seasonal naive; `Made.reasons` says which and why.
    """
    started = time.monotonic()
    fits = candidate.fits(panel)
    values = np.full((len(panel.ids), horizon), np.nan)
    reasons = {str(panel.ids[row]): f"needs {candidate.needs}" for row in np.flatnonzero(~fits)}
    pieces = [rows for rows in panel.chunks(CHUNK)]
    parts = _parts(candidate, panel, fits, pieces, horizon, started + budget, workers)
    for rows, part in zip(pieces, parts, strict=True):
        chosen = np.arange(rows.start, rows.stop)[fits[rows]]
        if part is None:
            for row in chosen:
                reasons[str(panel.ids[row])] = f"{OUT_OF_TIME} after {budget:.0f} s"
        else:
            values[chosen] = part
        tick(rows.stop - rows.start)
    return with_fallback(values, panel, reasons, candidate.name)


def _parts(
    candidate: Candidate,
    panel: Panel,
    fits: np.ndarray,
    pieces: list[slice],
    horizon: int,
    deadline: float,
    workers: int,
) -> Any:
    if workers > 1 and len(panel.ids) >= 4 * workers and candidate.name in COSTLY:
        import joblib

        jobs = []
        for rows in pieces:
            small = np.array_split(np.arange(rows.start, rows.stop)[fits[rows]], workers)
            jobs.append([subset(panel, part) for part in small])
        with joblib.Parallel(n_jobs=workers) as pool:
            for job in jobs:
                if time.monotonic() > deadline:
                    yield None
                    continue
                done = pool(joblib.delayed(_run)(candidate.name, part, horizon) for part in job)
                yield np.concatenate(done)
        return
    for rows in pieces:
        if time.monotonic() > deadline:
            yield None
            continue
        yield candidate.run(subset(panel, np.arange(rows.start, rows.stop)[fits[rows]]), horizon)


# Candidates whose fits are worth a process of their own, the dearest last: it has all time left.
COSTLY = ("theta", "ets", "ces", "mstl", "sarima", "arima")


def seconds_needed(candidate: Candidate, panel: Panel, horizon: int, workers: int) -> float:
    """What forecasts of every series would take by a few series of different lengths; 0 if few.

    The first fit is left out of it: it compiles.
    """
    fits = np.flatnonzero(candidate.fits(panel))
    if candidate.name not in COSTLY or len(fits) < 4 * PILOT:
        return 0.0
    ordered = fits[np.argsort(panel.lengths[fits], kind="stable")]
    chosen = ordered[np.linspace(0, len(ordered) - 1, PILOT + 2).round().astype(int)[1:-1]]
    candidate.run(subset(panel, chosen[:1]), horizon)
    started = time.monotonic()
    candidate.run(subset(panel, chosen), horizon)
    return (time.monotonic() - started) / PILOT * len(fits) / workers


def _run(name: str, panel: Panel, horizon: int) -> np.ndarray:
    (candidate,) = [c for c in STATISTICAL if c.name == name]
    if len(panel.ids) == 0:
        return np.empty((0, horizon))
    return candidate.run(panel, horizon)


def subset(panel: Panel, rows: np.ndarray) -> Panel:
    """The panel of some of its series."""
    return Panel(panel.ids[rows], panel.values[rows], panel.last[rows], panel.freq, panel.seasons)
