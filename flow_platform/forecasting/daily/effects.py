"""The log-additive stage: what holidays, campaigns, weekdays and weather do to the log count.

Fitted on the facts known at one moment (a knot), pooled over centres, shrunk where an effect was
observed too rarely to be distinguished from noise. Trees miss rare days; this stage models them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse
from scipy.interpolate import BSpline
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dpotri

from flow_platform.forecasting.daily.data import SeriesSpec
from flow_platform.forecasting.daily.panel import WEEKDAY_CLASS, Panel

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
# What all share is estimated from about so many series at the most: more would only cost time.
MOST_SHARED = 60


@dataclass(frozen=True)
class Announced:
    """What an event adds once it is announced; arrays are (series, days)."""

    moment: int  # int64 ns
    effect: np.ndarray  # to `calendar`, `events` and `named` of `Effects`
    support: np.ndarray


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
    announced: tuple[Announced, ...] = ()  # in the days after the knot, oldest first

    def of_weather(self, values: np.ndarray, spec: SeriesSpec) -> np.ndarray:
        """Weather effect in log units for weather of shape (..., columns); 0 where unknown."""
        return weather_basis(values, spec) @ self.weather


def weather_basis(values: np.ndarray, spec: SeriesSpec) -> np.ndarray:
    """Hinges in which weather acts on volumes: (..., columns) to (..., 11), 0 where unknown.

    None at all, (..., 0), where the flow has no weather.
    """
    if not spec.weather:
        return np.zeros((*values.shape[:-1], 0))

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
    panel: Panel,
    log_y: np.ndarray,
    knot: int,
    until: int,
    rows: np.ndarray,
    basis: np.ndarray,
    spec: SeriesSpec,
) -> Effects:
    """Effects from what of `log_y` (series, days) was known at `knot` (int64 ns UTC).

    For the series `rows` of the panel (sorted), which the first axis of the result follows.
    `basis` (series, days, hinges) is the weather basis of past days as it was known when the
    day's row could first be used. Events announced after the knot, by `until`, are kept apart.
    """
    shape = (len(rows), panel.days)
    names = panel.calendar.names
    calendar = _of_series(panel.calendar.known_by(knot), rows, panel)
    cells = np.flatnonzero((panel.known_at[rows] <= knot).ravel())
    if len(cells) == 0:
        nothing, none = np.full(shape, np.nan), np.zeros(shape)
        weather = np.zeros(basis.shape[-1])
        return Effects(none, none, none, none, none, nothing, nothing, weather)
    known = _Known(
        z=log_y[rows].ravel()[cells],
        series=cells // shape[1],
        day=cells % shape[1],
        weekday=(panel.first_day + cells % shape[1] + 3) % 7,
        tokens=calendar[cells],
        weather=basis[rows].reshape(shape[0] * shape[1], basis.shape[-1])[cells],
        shape=shape,
    )
    shared = np.isin(rows, series_shared(panel, knot))
    everyone = bool(shared.all())
    fit = _fit_shared(known if everyone else known.of(shared), names)
    own = fit.own if everyone else _fit_own(known, fit)
    return _assemble(panel, known, fit, own, calendar, rows, (knot, until))


def series_shared(panel: Panel, knot: int) -> np.ndarray:
    """The series (sorted row numbers) that what all share is estimated from at `knot`.

    All, or about `MOST_SHARED` of those with known days: evenly from each distinct calendar, at
    least one of each, so that what happens in one place alone is seen too.
    """
    count = len(panel.ids)
    if count <= MOST_SHARED:
        return np.arange(count)
    alive = np.flatnonzero((panel.known_at <= knot).any(axis=1))
    kinds = panel.calendar.kinds[alive]
    chosen = []
    for kind in np.unique(kinds):
        members = alive[kinds == kind]
        size = max(1, round(MOST_SHARED * len(members) / len(alive)))
        chosen.append(members[np.linspace(0, len(members) - 1, size).round().astype(int)])
    return np.unique(np.concatenate([np.empty(0, dtype=int), *chosen]))


@dataclass(frozen=True)
class _Known:
    """What is known at a knot, a row each: log value, series, day, tokens, weather hinges."""

    z: np.ndarray
    series: np.ndarray
    day: np.ndarray
    weekday: np.ndarray
    tokens: sparse.csr_matrix
    weather: np.ndarray
    shape: tuple[int, int]  # (series, days)

    @property
    def span(self) -> slice:
        """All days up to the last known one."""
        return slice(0, int(self.day.max()) + 1)

    def of(self, chosen: np.ndarray) -> _Known:
        """The rows of the `chosen` series (bool)."""
        at = chosen[self.series]
        number = np.cumsum(chosen) - 1
        return _Known(
            self.z[at],
            number[self.series[at]],
            self.day[at],
            self.weekday[at],
            self.tokens[at],
            self.weather[at],
            (int(chosen.sum()), self.shape[1]),
        )

    def smooth(self, values: np.ndarray, weight: np.ndarray, width: float) -> np.ndarray:
        """Two-sided weighted mean of `values` (rows,) around each day, (series, days)."""
        total, mass = np.zeros(self.shape), np.zeros(self.shape)
        total[self.series, self.day] = values * weight
        mass[self.series, self.day] = weight
        smooth = np.full(self.shape, np.nan)
        upper, lower = (
            ndimage.gaussian_filter1d(part[:, self.span], width, mode="constant", truncate=3)
            for part in (total, mass)
        )
        near = lower > 1e-9
        smooth[:, self.span] = np.where(near, upper / np.where(near, lower, 1.0), np.nan)
        return smooth


@dataclass(frozen=True)
class _Own:
    """What each series has for itself: its deviation by weekday, and how far each row counts."""

    weekday: np.ndarray  # (series, 7)
    weight: np.ndarray  # (rows,)


@dataclass(frozen=True)
class _Shared:
    """What all series share at a knot, and `own` of the series it was estimated from."""

    tokens: np.ndarray  # (names,) as measured
    expected: np.ndarray  # (names,) as expected again
    count: np.ndarray  # (names,) observations
    weather: np.ndarray  # (hinges,)
    level: np.ndarray  # (days,) of the common level, up to the last known day
    scale: float  # of what is left over
    between: float  # variance of weekday deviations between series, over that of the noise
    own: _Own


def _fit_shared(known: _Known, names: list[str]) -> _Shared:
    """Alternates a smooth level per series with a ridge regression of the rest.

    Backfitting, Breiman and Friedman 1985; outliers weigh less, Huber 1964; then each coefficient
    is shrunk by its own signal-to-noise ratio.
    """
    z, series, day, weekday = known.z, known.series, known.day, known.weekday
    count = np.asarray(known.tokens.sum(axis=0)).ravel()
    active = np.flatnonzero(count > 0)
    seen = known.tokens[:, active]
    count = count[active]
    special = np.array([names[a].startswith(("holiday:", "event:")) for a in active])
    # On a holiday or a campaign an unusual count is the effect, not an outlier.
    itself = _is_day_itself(names, active)
    exempt = np.asarray(seen[:, itself].sum(axis=1)).ravel() > 0
    distinct = np.asarray(((_by_day(day) @ seen) > 0).sum(axis=0)).ravel()
    curve, roughness = _common_level(day)
    design = sparse.hstack([seen, curve, sparse.csr_matrix(known.weather)]).tocsr()
    first_curve, first_weather = len(active), len(active) + curve.shape[1]
    penalty = np.full(design.shape[1], RIDGE)
    penalty[:first_curve] = np.where(special & ~itself, RIDGE_AROUND, RIDGE)
    penalty[first_curve:first_weather] = 0.0
    penalty[first_weather:] = 3.0
    rough = np.zeros((design.shape[1], design.shape[1]))
    rough[first_curve:first_weather, first_curve:first_weather] = roughness

    weight = np.ones(len(z))
    solution = np.zeros(design.shape[1])
    centre_weekday = np.zeros((known.shape[0], 7))
    between, scale = 0.0, 1.0
    own_level = _series_mean(z, series, known.shape[0])[series]
    for width_days in LEVEL_WIDTHS:
        target = z - own_level - centre_weekday[series, weekday]
        weighted = design.multiply(weight[:, None]).tocsr()
        gram = (weighted.T @ design).toarray() + rough
        gram[np.diag_indices_from(gram)] += penalty
        factor = cho_factor(gram, lower=True, check_finite=False)
        solution = cho_solve(factor, weighted.T @ target, check_finite=False)
        common = design @ solution
        rest = z - own_level - common
        between = _between(rest, weight, known)
        centre_weekday = _centre_weekday(rest, weight, known, between)
        fitted = common + centre_weekday[series, weekday]
        own_level = known.smooth(z - fitted, weight, width_days)[series, day]
        left = z - own_level - fitted
        scale = max(1.4826 * float(np.median(np.abs(left))), 1e-3)
        weight = _huber(left, scale)
        weight[exempt] = 1.0
        # Each effect's prior variance from the data (MacKay 1992; Tipping 2001): what a shared
        # effect explains already leaves nothing to the special ones.
        noise_own, noise_shared = _noise(left, day, weight)
        noise = noise_own + noise_shared * count / np.maximum(distinct, 1)
        inverse, _ = dpotri(factor[0], lower=1)
        before = penalty[: len(active)]
        determined = np.clip(1.0 - np.diag(inverse)[: len(active)] * before, 0.01, 1.0)
        prior = solution[: len(active)] ** 2 / determined
        updated = np.clip(noise / np.maximum(prior, 1e-12), 1e-3, 1e6)
        penalty[: len(active)] = np.where(special, updated, RIDGE)

    measured, observed = np.zeros(len(names)), np.zeros(len(names))
    measured[active], observed[active] = solution[: len(active)], count
    expected = measured.copy()
    expected[active] *= _repeats(names, active, seen, day)
    return _Shared(
        tokens=measured,
        expected=expected,
        count=observed,
        weather=solution[first_weather:],
        level=_curve_values(known.span.stop - 1, day) @ solution[first_curve:first_weather],
        scale=scale,
        between=between,
        own=_Own(centre_weekday, weight),
    )


def _fit_own(known: _Known, shared: _Shared) -> _Own:
    """What each series has for itself, given what all share."""
    day = np.minimum(known.day, len(shared.level) - 1)
    common = known.tokens @ shared.tokens + shared.level[day] + known.weather @ shared.weather
    weight = np.ones(len(known.z))
    weekday = np.zeros((known.shape[0], 7))
    own_level = _series_mean(known.z, known.series, known.shape[0])[known.series]
    for width in LEVEL_WIDTHS[1:]:
        weekday = _centre_weekday(known.z - own_level - common, weight, known, shared.between)
        fitted = common + weekday[known.series, known.weekday]
        own_level = known.smooth(known.z - fitted, weight, width)[known.series, known.day]
        weight = _huber(known.z - own_level - fitted, shared.scale)
    return _Own(weekday, weight)


def _huber(left: np.ndarray, scale: float) -> np.ndarray:
    return np.minimum(1.0, 2.5 * scale / np.maximum(np.abs(left), 1e-9))


def _assemble(
    panel: Panel,
    known: _Known,
    shared: _Shared,
    own: _Own,
    calendar: sparse.csr_matrix,
    rows: np.ndarray,
    span: tuple[int, int],
) -> Effects:
    """Effects of the series `rows` on every day; `span` is the knot and until when."""
    shape = known.shape
    names = panel.calendar.names
    expected = shared.expected
    rare = np.array([name.startswith(("holiday:", "event:")) for name in names])
    of_events = np.array([name.startswith("event") for name in names])
    of_weekday = np.array([name.startswith("weekday:") for name in names])
    own_weekday = own.weekday[:, (panel.first_day + np.arange(shape[1]) + 3) % 7]
    every_day = (calendar @ expected).reshape(shape) + own_weekday
    usual = every_day[known.series, known.day] + known.weather @ shared.weather
    everyday = np.full(shape[1], np.nan)
    everyday[known.span] = np.append(
        shared.level, np.repeat(shared.level[-1], max(known.span.stop - len(shared.level), 0))
    )[known.span]
    smooth = known.smooth(known.z - usual - everyday[known.day], own.weight, LEVEL_WIDTHS[-1])
    smooth = smooth + everyday
    residual = np.full(shape, np.nan)
    residual[known.series, known.day] = known.z - usual - smooth[known.series, known.day]
    announced = [
        Announced(
            moment,
            (_of_series(tokens, rows, panel) @ expected).reshape(shape),
            (_of_series(tokens, rows, panel) @ shared.count).reshape(shape),
        )
        for moment, tokens in panel.calendar.announcements(*span)
    ]
    return Effects(
        calendar=every_day,
        weekday=(calendar @ (expected * of_weekday)).reshape(shape) + own_weekday,
        events=(calendar @ (expected * of_events)).reshape(shape),
        named=(calendar @ (expected * rare)).reshape(shape),
        support=(calendar @ (shared.count * rare)).reshape(shape),
        smooth=smooth,
        residual=residual,
        weather=shared.weather,
        announced=tuple(announced),
    )


def _of_series(tokens: sparse.csr_matrix, rows: np.ndarray, panel: Panel) -> sparse.csr_matrix:
    """The tokens of all days of some of the series."""
    if len(rows) == len(panel.ids):
        return tokens
    return tokens[(rows[:, None] * panel.days + np.arange(panel.days)).ravel()]


def _repeats(
    names: list[str], active: np.ndarray, seen: sparse.csr_matrix, day: np.ndarray
) -> np.ndarray:
    """How much of a campaign's measured effect is expected again: n / (n + CHANGE) for n times.

    Holidays are alike every year; campaigns differ in size. An effect that was large once is
    expected to be smaller the next time (regression to the mean, Galton 1886).
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
    """Which active tokens are of a holiday, its reopening or a campaign, not of days around it."""
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


def _between(rest: np.ndarray, weight: np.ndarray, known: _Known) -> float:
    """Variance of weekday deviations between series, over that of the noise."""
    mean, mass = _by_weekday(rest, weight, known)
    cell = known.series * 7 + known.weekday
    noise = float(np.average((rest - mean[cell]) ** 2, weights=weight))
    usable = mass > 3
    if not usable.any():
        return 0.0
    between = float(np.mean(mean[usable] ** 2 - noise / mass[usable]))
    return max(between, 1e-4 * noise, 1e-12) / max(noise, 1e-12)


def _centre_weekday(
    rest: np.ndarray, weight: np.ndarray, known: _Known, between: float
) -> np.ndarray:
    """Centre's own deviation by weekday, shrunk by the variance between centres (empirical Bayes).

    Robbins 1956; Efron and Morris 1973.
    """
    if between == 0:
        return np.zeros((known.shape[0], 7))
    mean, mass = _by_weekday(rest, weight, known)
    return (mean * mass / (mass + 1 / between)).reshape(known.shape[0], 7)


def _by_weekday(
    rest: np.ndarray, weight: np.ndarray, known: _Known
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean and mass of each series and weekday, (series * 7,)."""
    cell = known.series * 7 + known.weekday
    mass = np.bincount(cell, weight, minlength=known.shape[0] * 7)
    total = np.bincount(cell, weight * rest, minlength=known.shape[0] * 7)
    return total / np.maximum(mass, 1e-9), mass


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
