"""The log-additive stage: what holidays, campaigns, weekdays and weather do to the log count.

Fitted on the facts known at one moment (a knot), pooled over centres, shrunk where an effect has
been seen too seldom to be told from noise. Trees miss rare days; this stage carries them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse
from scipy.interpolate import BSpline
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dpotri

from flow_platform.forecasting.data import SeriesSpec
from flow_platform.forecasting.panel import WEEKDAY_CLASS, Panel

# Widths (days) of the two-sided level around which effects are measured, first to last pass.
LEVEL_WIDTHS = (21.0, 14.0, 12.0, 12.0)
# The level that all series share bends at most this often (days), and this willingly.
KNOT_SPACING = 10
ROUGHNESS = 1.0
RIDGE = 0.5
RIDGE_AROUND = 8.0
# Between-year variance of a campaign's effect over its square, and what parts two campaigns.
CHANGE = 0.2
APART_DAYS = 60
DOUBT = 2.0


@dataclass(frozen=True)
class Effects:
    """Effects in log units as estimated at one knot; arrays are (series, days)."""

    calendar: np.ndarray  # tokens and centre weekday, every day of the panel
    weekday: np.ndarray  # the part of `calendar` that the weekday makes
    events: np.ndarray  # the part of `calendar` that events make
    named: np.ndarray  # the part of `calendar` that holidays and events make
    support: np.ndarray  # observations behind the holiday and event effects of the day
    smooth: np.ndarray  # two-sided level of the adjusted series, NaN far from known days
    residual: np.ndarray  # known log value less level and effects, NaN where unknown
    weather: np.ndarray  # (basis,) coefficients

    def of_weather(self, values: np.ndarray, spec: SeriesSpec) -> np.ndarray:
        """Weather effect in log units for weather of shape (..., columns); 0 where unknown."""
        return weather_basis(values, spec) @ self.weather


def weather_basis(values: np.ndarray, spec: SeriesSpec) -> np.ndarray:
    """Hinges in which weather acts on volumes: (..., columns) to (..., 11), 0 where unknown."""

    def column(name: str) -> np.ndarray:
        if name in spec.weather:
            return values[..., spec.weather.index(name)]
        return np.full(values.shape[:-1], np.nan)

    rain, snow = column("precipitation_mm"), column("snowfall_cm")
    hot, cold = column("temperature_max"), column("temperature_min")
    wind = column("wind_max_kmh")
    basis = [
        np.log1p(np.maximum(rain, 0)),
        (rain > 1) * 1.0,
        np.maximum(rain - 5, 0) / 10,
        (rain > 10) * 1.0,
        np.log1p(np.maximum(snow, 0)),
        (snow > 1) * 1.0,
        np.maximum(hot - 27, 0) / 5,
        np.maximum(hot - 32, 0) / 5,
        np.maximum(-cold, 0) / 5,
        np.maximum(wind - 50, 0) / 20,
        (wind > 80) * 1.0,
    ]
    return np.nan_to_num(np.stack(basis, axis=-1))


def fit_effects(
    panel: Panel, log_y: np.ndarray, knot: int, basis: np.ndarray, spec: SeriesSpec
) -> Effects:
    """Effects from the rows of `log_y` (series, days) known at `knot` (int64 ns UTC).

    `basis` (series, days, hinges) is the weather basis of past days as it was known when the
    day's row could first be used. Alternates a smooth level per series with a ridge regression
    of the rest (backfitting, Breiman and Friedman 1985), weighs outliers down (Huber 1964), then
    shrinks each coefficient by its own signal-to-noise ratio.
    """
    shape = log_y.shape
    tokens = panel.calendar.tokens
    names = panel.calendar.names
    width = basis.shape[-1]
    known = panel.known_at <= knot
    rows = np.flatnonzero(known.ravel())
    if len(rows) == 0:
        nothing, none = np.full(shape, np.nan), np.zeros(shape)
        return Effects(none, none, none, none, none, nothing, nothing, np.zeros(width))

    last = int(np.flatnonzero(known.any(axis=0)).max())
    span = slice(0, last + 1)
    series, day = rows // shape[1], rows % shape[1]
    seen = tokens[rows]
    count = np.asarray(seen.sum(axis=0)).ravel()
    active = np.flatnonzero(count > 0)
    seen = seen[:, active]
    count = count[active]
    x_weather = basis.reshape(-1, width)[rows]
    special = np.array([names[a].startswith(("holiday:", "event:")) for a in active])
    weekday = (panel.first_day + day + 3) % 7

    z = log_y.ravel()[rows]
    # On a holiday or a campaign an unusual count is the effect, not an outlier.
    itself = _is_day_itself(names, active)
    exempt = np.asarray(seen[:, itself].sum(axis=1)).ravel() > 0
    collapse = _by_day(day)
    distinct = np.asarray(((collapse @ seen) > 0).sum(axis=0)).ravel()
    curve, roughness = _common_level(day)
    design = sparse.hstack([seen, curve, sparse.csr_matrix(x_weather)]).tocsr()
    first_curve, first_weather = len(active), len(active) + curve.shape[1]
    penalty = np.full(design.shape[1], RIDGE)
    penalty[:first_curve] = np.where(special & ~itself, RIDGE_AROUND, RIDGE)
    penalty[first_curve:first_weather] = 0.0
    penalty[first_weather:] = 3.0
    rough = np.zeros((design.shape[1], design.shape[1]))
    rough[first_curve:first_weather, first_curve:first_weather] = roughness

    weight = np.ones(len(rows))
    solution = np.zeros(design.shape[1])
    centre_weekday = np.zeros((shape[0], 7))
    own_level = _series_mean(z, series, shape[0])[series]
    for width_days in LEVEL_WIDTHS:
        target = z - own_level - centre_weekday[series, weekday]
        weighted = design.multiply(weight[:, None]).tocsr()
        gram = (weighted.T @ design).toarray() + rough
        gram[np.diag_indices_from(gram)] += penalty
        factor = cho_factor(gram, lower=True, check_finite=False)
        solution = cho_solve(factor, weighted.T @ target, check_finite=False)
        common = design @ solution
        centre_weekday = _centre_weekday(z - own_level - common, weight, series, weekday, shape[0])
        fitted = common + centre_weekday[series, weekday]
        smooth = _smooth_level(z - fitted, weight, series, day, shape, span, width_days)
        own_level = smooth[series, day]
        left = z - own_level - fitted
        scale = max(1.4826 * float(np.median(np.abs(left))), 1e-3)
        weight = np.minimum(1.0, 2.5 * scale / np.maximum(np.abs(left), 1e-9))
        weight[exempt] = 1.0
        # Each effect's prior variance from the data (MacKay 1992; Tipping 2001): what a shared
        # effect explains already leaves nothing to the special ones.
        own, shared = _noise(left, day, weight)
        noise = own + shared * count / np.maximum(distinct, 1)
        inverse, _ = dpotri(factor[0], lower=1)
        before = penalty[: len(active)]
        determined = np.clip(1.0 - np.diag(inverse)[: len(active)] * before, 0.01, 1.0)
        prior = solution[: len(active)] ** 2 / determined
        updated = np.clip(noise / np.maximum(prior, 1e-12), 1e-3, 1e6)
        penalty[: len(active)] = np.where(special, updated, RIDGE)

    token_fit, weather_fit = solution[: len(active)], solution[first_weather:]
    token_fit = token_fit * _repeats(names, active, seen, day)

    everywhere = np.zeros(len(names))
    everywhere[active] = token_fit
    rare = np.zeros(len(names))
    rare[active[special]] = token_fit[special]
    tallies = np.zeros(len(names))
    tallies[active[special]] = count[special]
    day_weekday = (panel.first_day + np.arange(shape[1]) + 3) % 7
    calendar = (tokens @ everywhere).reshape(shape) + centre_weekday[:, day_weekday]
    usual = calendar.ravel()[rows] + x_weather @ weather_fit
    level = curve @ solution[first_curve:first_weather]
    smooth = _smooth_level(z - usual - level, weight, series, day, shape, span, LEVEL_WIDTHS[-1])
    everyday = np.full(shape[1], np.nan)
    everyday[span] = _curve_values(last, day) @ solution[first_curve:first_weather]
    smooth = smooth + everyday
    residual = np.full(shape, np.nan)
    residual[series, day] = z - usual - smooth[series, day]
    of_weekday = np.where([name.startswith("weekday:") for name in names], everywhere, 0.0)
    of_events = np.where([name.startswith("event") for name in names], everywhere, 0.0)
    return Effects(
        calendar=calendar,
        weekday=(tokens @ of_weekday).reshape(shape) + centre_weekday[:, day_weekday],
        events=(tokens @ of_events).reshape(shape),
        named=(tokens @ rare).reshape(shape),
        support=(tokens @ tallies).reshape(shape),
        smooth=smooth,
        residual=residual,
        weather=weather_fit,
    )


def _repeats(
    names: list[str], active: np.ndarray, seen: sparse.csr_matrix, day: np.ndarray
) -> np.ndarray:
    """How much of a campaign's measured effect is expected again: n / (n + CHANGE) for n times.

    Holidays are law and come alike; campaigns are made anew, larger or smaller. What stood out
    once is expected to stand out less (regression to the mean, Galton 1886).
    """
    share = np.ones(len(active))
    columns = seen.tocsc()
    for place, a in enumerate(active):
        if names[a].startswith("event:"):
            rows = columns.indices[columns.indptr[place] : columns.indptr[place + 1]]
            days = np.unique(day[rows])
            times = 1 + int((np.diff(days) > APART_DAYS).sum())
            share[place] = times / (times + CHANGE)
    return share


def _is_day_itself(names: list[str], active: np.ndarray) -> np.ndarray:
    """Which active tokens stand for a holiday, its reopening or a campaign, not days around."""
    return np.array(
        [
            names[a].startswith(("holiday:any", "holiday:reopening", "holiday:eve"))
            or names[a].endswith(WEEKDAY_CLASS)
            or (names[a].startswith("event:") and names[a].endswith(":any"))
            for a in active
        ]
    )


def _knots(last: int, first: int) -> np.ndarray:
    inner = np.arange(first, last + KNOT_SPACING, KNOT_SPACING, dtype=float)
    if len(inner) < 2:
        inner = np.array([first, first + KNOT_SPACING], dtype=float)
    before = inner[0] - KNOT_SPACING * np.arange(3, 0, -1)
    after = inner[-1] + KNOT_SPACING * np.arange(1, 4)
    return np.concatenate([before, inner, after])


def _common_level(day: np.ndarray) -> tuple[sparse.csr_matrix, np.ndarray]:
    """The level that all series share as a P-spline (Eilers and Marx 1996): basis, penalty."""
    knots = _knots(int(day.max()), int(day.min()))
    basis = BSpline.design_matrix(day.astype(float), knots, 3).tocsr()
    bends = np.diff(np.eye(basis.shape[1]), 2, axis=0)
    return basis, ROUGHNESS * bends.T @ bends + 1e-6 * np.eye(basis.shape[1])


def _curve_values(last: int, day: np.ndarray) -> np.ndarray:
    """The basis on every day up to `last`; before the first known day that of the first."""
    knots = _knots(int(day.max()), int(day.min()))
    days = np.clip(np.arange(last + 1, dtype=float), day.min(), None)
    return BSpline.design_matrix(days, knots, 3).toarray()


def _series_mean(z: np.ndarray, series: np.ndarray, count: int) -> np.ndarray:
    tally = np.bincount(series, minlength=count)
    return np.bincount(series, z, minlength=count) / np.maximum(tally, 1)


def _smooth_level(
    adjusted: np.ndarray,
    weight: np.ndarray,
    series: np.ndarray,
    day: np.ndarray,
    shape: tuple[int, int],
    span: slice,
    width: float,
) -> np.ndarray:
    total, mass = np.zeros(shape), np.zeros(shape)
    total[series, day] = adjusted * weight
    mass[series, day] = weight
    smooth = np.full(shape, np.nan)
    upper = ndimage.gaussian_filter1d(total[:, span], width, axis=1, mode="constant", truncate=3)
    lower = ndimage.gaussian_filter1d(mass[:, span], width, axis=1, mode="constant", truncate=3)
    near = lower > 1e-9
    smooth[:, span] = np.where(near, upper / np.where(near, lower, 1.0), np.nan)
    return smooth


def _centre_weekday(
    rest: np.ndarray, weight: np.ndarray, series: np.ndarray, weekday: np.ndarray, count: int
) -> np.ndarray:
    """Centre's own deviation by weekday, shrunk by the variance between centres (empirical Bayes).

    Robbins 1956; Efron and Morris 1973.
    """
    cell = series * 7 + weekday
    mass = np.bincount(cell, weight, minlength=count * 7)
    mean = np.bincount(cell, weight * rest, minlength=count * 7) / np.maximum(mass, 1e-9)
    noise = float(np.average((rest - mean[cell]) ** 2, weights=weight))
    usable = mass > 3
    if not usable.any():
        return np.zeros((count, 7))
    between = float(np.mean(mean[usable] ** 2 - noise / mass[usable]))
    between = max(between, 1e-4 * noise, 1e-12)
    return (mean * mass / (mass + noise / between)).reshape(count, 7)


def _by_day(day: np.ndarray) -> sparse.csr_matrix:
    """(distinct days, rows): sums the rows of each day."""
    number = np.unique(day, return_inverse=True)[1]
    return sparse.csr_matrix((np.ones(len(day)), (number, np.arange(len(day)))))


def _noise(left: np.ndarray, day: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Variance of what is left over: each series' own, and what all share on one day.

    An effect seen once in ten centres has been seen once as far as the day's own shock goes.
    """
    mass = np.bincount(day, weight)
    shock = np.bincount(day, weight * left) / np.maximum(mass, 1e-9)
    seen = mass > 0
    own = max(float(np.average((left - shock[day]) ** 2, weights=weight)), 1e-8)
    shared = float(np.mean(shock[seen] ** 2) - own * np.mean(1 / np.maximum(mass[seen], 1e-9)))
    return own, max(shared, 0.0)
