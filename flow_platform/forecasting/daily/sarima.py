"""SARIMA on the log scale: fitted once per series by statsmodels, forecast from filtered states.

Orders and parameters travel as JSON; states come from re-filtering what each issue may know.
Selection among candidates is in `training`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from flow_platform.forecasting.daily.data import SeriesSpec
from flow_platform.forecasting.daily.panel import Panel

ORDER = (1, 0, 1)
SEASONAL_ORDER = (0, 1, 1)
FIT_DAYS = 420
MIN_DAYS = 70
ITERATIONS = 12
# Each series is fitted by itself: with more of them training would take hours.
MOST_SERIES = 200


@dataclass(frozen=True)
class SeriesSarima:
    """Orders and parameters of one series, on log(1 + y)."""

    order: tuple[int, int, int]
    seasonal_order: tuple[int, int, int, int]
    params: tuple[float, ...]


def _model(values: np.ndarray, fitted: SeriesSarima):  # type: ignore[no-untyped-def]
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    return SARIMAX(
        values,
        order=fitted.order,
        seasonal_order=fitted.seasonal_order,
        enforce_stationarity=True,
        enforce_invertibility=True,
    )


def fit_series(
    values: np.ndarray, spec: SeriesSpec, start: SeriesSarima | None = None
) -> SeriesSarima | None:
    """Maximum-likelihood parameters for one log series (days,), missing days NaN.

    None where fewer than `MIN_DAYS` days are known or the likelihood cannot be climbed.
    `start` warm-starts the search. Durbin and Koopman 2012, chapter 7.
    """
    window = values[-FIT_DAYS:]
    known = np.flatnonzero(np.isfinite(window))
    if len(known) < MIN_DAYS or np.nanstd(window) < 1e-9:
        return None
    window = window[known[0] :]
    shell = SeriesSarima(ORDER, (*SEASONAL_ORDER, spec.season), ())
    model = _model(window, shell)  # outside: its import resets the warning filters
    with warnings.catch_warnings(), threadpool_limits(1, "blas"):
        warnings.simplefilter("ignore")
        try:
            # Nobody reads the results object, whose standard errors cost as much as the search.
            params = model.fit(
                start_params=None if start is None else list(start.params),
                disp=False,
                maxiter=ITERATIONS,
                return_params=True,
            )
        except (np.linalg.LinAlgError, ValueError):
            return None
    params = np.asarray(params, dtype=float)
    if not np.isfinite(params).all():
        return None
    return SeriesSarima(
        shell.order, shell.seasonal_order, tuple(float(f"{p:.10g}") for p in params)
    )


def forecast_series(
    values: np.ndarray,
    known_at: np.ndarray,
    day: np.ndarray,
    issued: np.ndarray,
    horizons: np.ndarray,
    fitted: SeriesSarima,
) -> np.ndarray:
    """Log forecasts (issues, horizons) of one series for issues on `day` at `issued` (int64 ns).

    `values` and `known_at` are (days,). One pass of the Kalman filter serves every issue for
    which all earlier days were known; the others are stepped again, from the last state before
    the first day they may not see, with such days missing.
    """
    result = np.full((len(day), len(horizons)), np.nan)
    known = np.flatnonzero(np.isfinite(values))
    if not len(known) or not len(day):
        return result
    first, last = int(known[0]), int(day.max())
    if last < first:
        return result
    series = values[first : last + 1]
    available = known_at[first : last + 1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = _model(series, fitted)
        # The states alone: standard errors of the parameters would take longer than the filter.
        filtered = model.filter(np.array(fitted.params), return_ssm=True)
    states = filtered.predicted_state.T  # (days + 1, k): state of day t from days before t
    covariances = np.moveaxis(filtered.predicted_state_cov, -1, 0)
    system = model.ssm
    design = np.asarray(system["design"])[0]
    transition = np.asarray(system["transition"])
    selection = np.asarray(system["selection"])
    noise = selection @ np.asarray(system["state_cov"]) @ selection.T
    intercept = np.asarray(system["obs_intercept"]).ravel()
    # Rows of the design times powers of the transition give every horizon at once.
    row, rows = design.copy(), []
    for step in range(int(horizons.max())):
        if step:
            row = row @ transition
        rows.append(row.copy())
    reader = np.stack([rows[h - 1] for h in horizons])

    never = np.isnan(series)
    for number in range(len(day)):
        end = int(day[number]) - first
        if end < 0:
            continue
        hidden = np.flatnonzero(~never[: end + 1] & (available[: end + 1] > issued[number]))
        if (end + 1 - len(hidden) - int(never[: end + 1].sum())) == 0:
            continue
        if not len(hidden):
            state = states[end + 1]
        else:
            state, covariance = states[hidden[0]], covariances[hidden[0]]
            for t in range(hidden[0], end + 1):
                if not never[t] and available[t] <= issued[number]:
                    gain = covariance @ design
                    variance = float(design @ gain)
                    error = series[t] - float(design @ state) - float(intercept[0])
                    state = state + gain * (error / variance)
                    covariance = covariance - np.outer(gain, gain) / variance
                state = transition @ state
                covariance = transition @ covariance @ transition.T + noise
        result[number] = reader @ state + intercept[0]
    return result


def fit_panel(
    panel: Panel, moment: int, spec: SeriesSpec, start: dict[str, SeriesSarima] | None = None
) -> dict[str, SeriesSarima]:
    """Parameters of every series that has enough days known at `moment` (int64 ns UTC).

    None at all in a panel of more than `MOST_SERIES`.
    """
    if len(panel.ids) > MOST_SERIES:
        return {}
    found: dict[str, SeriesSarima] = {}
    for number, name in enumerate(panel.ids):
        visible = panel.known_at[number] < moment
        if not visible.any():
            continue
        values = np.where(visible, np.log1p(panel.y[number]), np.nan)
        values = values[: int(np.flatnonzero(visible).max()) + 1]
        fitted = fit_series(values, spec, (start or {}).get(str(name)))
        if fitted is not None:
            found[str(name)] = fitted
    return found


def forecast_panel(
    panel: Panel,
    series: np.ndarray,
    day: np.ndarray,
    issued: np.ndarray,
    horizons: np.ndarray,
    fitted: dict[str, SeriesSarima],
) -> np.ndarray:
    """Log forecasts (issues, horizons); NaN for series without parameters or known days."""
    result = np.full((len(series), len(horizons)), np.nan)
    log_y = np.log1p(panel.y)
    for number in np.unique(series):
        own = fitted.get(str(panel.ids[number]))
        if own is None:
            continue
        at = np.flatnonzero(series == number)
        result[at] = forecast_series(
            log_y[number], panel.known_at[number], day[at], issued[at], horizons, own
        )
    return result
