"""The log-additive stage: what holidays, campaigns, weekdays and weather do to the log count.

Fitted on the facts known at one moment (a knot), pooled over centres, shrunk where an effect has
been seen too seldom to be told from noise. Trees miss rare days; this stage carries them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse
from scipy.linalg import cho_factor, cho_solve

from flow_platform.forecasting.data import SeriesSpec
from flow_platform.forecasting.panel import Panel

# Widths (days) of the two-sided level around which effects are measured, first to last pass.
LEVEL_WIDTHS = (21.0, 14.0, 12.0, 12.0)
RIDGE = 0.5
DOUBT = 2.0


@dataclass(frozen=True)
class Effects:
    """Effects in log units as estimated at one knot; arrays are (series, days)."""

    calendar: np.ndarray  # tokens and centre weekday, every day of the panel
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
        nothing = np.full(shape, np.nan)
        return Effects(
            np.zeros(shape), np.zeros(shape), np.zeros(shape), nothing, nothing, np.zeros(width)
        )

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
    fitted = np.zeros(len(rows))
    token_fit = np.zeros(len(active))
    weather_fit = np.zeros(width)
    centre_weekday = np.zeros((shape[0], 7))
    weight = np.where(np.asarray(seen[:, special].sum(axis=1)).ravel() > 0, 0.2, 1.0)
    penalty = np.full(len(active) + width, RIDGE)
    penalty[len(active) :] = 3.0
    level = np.zeros(len(rows))
    smooth = np.full(shape, np.nan)
    inverse_diagonal = np.zeros(len(penalty))

    for number, spread in enumerate(LEVEL_WIDTHS):
        smooth = _smooth_level(z - fitted, weight, series, day, shape, span, spread)
        level = smooth[series, day]
        rest = z - level
        if number == 0:
            weight = np.ones(len(rows))
        weighted = seen.multiply(weight[:, None]).tocsr()
        top = (weighted.T @ seen).toarray()
        side = weighted.T @ x_weather
        corner = x_weather.T @ (x_weather * weight[:, None])
        gram = np.block([[top, side], [side.T, corner]])
        gram[np.diag_indices_from(gram)] += penalty
        factor = cho_factor(gram, lower=True, check_finite=False)
        own = centre_weekday[series, weekday]
        target = rest - own
        moment = np.concatenate([weighted.T @ target, x_weather.T @ (target * weight)])
        solution = cho_solve(factor, moment, check_finite=False)
        token_fit, weather_fit = solution[: len(active)], solution[len(active) :]
        common = seen @ token_fit + x_weather @ weather_fit
        centre_weekday = _centre_weekday(rest - common, weight, series, weekday, shape[0])
        fitted = common + centre_weekday[series, weekday]
        left = rest - fitted
        scale = max(1.4826 * float(np.median(np.abs(left))), 1e-3)
        weight = np.minimum(1.0, 2.5 * scale / np.maximum(np.abs(left), 1e-9))
        if number == len(LEVEL_WIDTHS) - 1:
            inverse_diagonal = np.diag(cho_solve(factor, np.eye(len(gram)), check_finite=False))

    left = z - level - fitted
    token_fit = _shrink(token_fit, inverse_diagonal, left, day, seen, count, special)

    everywhere = np.zeros(len(names))
    everywhere[active] = token_fit
    rare = np.zeros(len(names))
    rare[active[special]] = token_fit[special]
    tallies = np.zeros(len(names))
    tallies[active[special]] = count[special]
    day_weekday = (panel.first_day + np.arange(shape[1]) + 3) % 7
    calendar = (tokens @ everywhere).reshape(shape) + centre_weekday[:, day_weekday]
    fitted = calendar.ravel()[rows] + x_weather @ weather_fit
    smooth = _smooth_level(z - fitted, weight, series, day, shape, span, LEVEL_WIDTHS[-1])
    residual = np.full(shape, np.nan)
    residual[series, day] = z - fitted - smooth[series, day]
    return Effects(
        calendar=calendar,
        named=(tokens @ rare).reshape(shape),
        support=(tokens @ tallies).reshape(shape),
        smooth=smooth,
        residual=residual,
        weather=weather_fit,
    )


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


def _shrink(
    effect: np.ndarray,
    inverse_diagonal: np.ndarray,
    left: np.ndarray,
    day: np.ndarray,
    seen: sparse.csr_matrix,
    count: np.ndarray,
    special: np.ndarray,
) -> np.ndarray:
    """Holiday and event effects times d^2 / (d^2 + DOUBT * se^2).

    The standard error counts what all centres share on one day once a day, not once a centre.
    """
    days = np.bincount(day)
    shock = np.bincount(day, left) / np.maximum(days, 1)
    own = max(float(np.var(left - shock[day])), 1e-8)
    shared = max(float(np.mean(shock[days > 0] ** 2) - own * np.mean(1 / days[days > 0])), 0.0)
    by_day = np.unique(day, return_inverse=True)[1]
    collapse = sparse.csr_matrix((np.ones(len(day)), (by_day, np.arange(len(day)))))
    distinct = np.asarray(((collapse @ seen) > 0).sum(axis=0)).ravel()
    variance = inverse_diagonal[: len(effect)] * (own + shared * count / np.maximum(distinct, 1))
    square = effect**2
    shrunk = effect * square / (square + DOUBT * variance)
    return np.where(special, shrunk, effect)
