"""Forecasts of an hourly vintage from its artefacts, and those that need no model.

Which vintage serves which hour is the registry's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import pandas as pd

from flow_platform.forecasting.hourly import adaptation
from flow_platform.forecasting.hourly.adaptation import Positions
from flow_platform.forecasting.hourly.artefacts import Stored, read
from flow_platform.forecasting.hourly.candidates import (
    USUAL_PERSISTENCE,
    profile_ar,
    seasonal_naive,
)
from flow_platform.forecasting.hourly.data import (
    ADAPTATION_DAYS,
    HOUR,
    LOOKBACK_DAYS,
    HourlyData,
    HourlySpec,
)
from flow_platform.forecasting.hourly.frame import Frame, build_frame
from flow_platform.forecasting.hourly.intervals import ordered
from flow_platform.forecasting.hourly.levels import LEVELS, level_of
from flow_platform.forecasting.hourly.panel import Panel, build_panel
from flow_platform.models.engine import FORECAST_COLUMNS
from flow_platform.models.vintage import DECIMALS

# What forecasts have beyond `FORECAST_COLUMNS`: the expected traffic level.
EXTRA_COLUMNS = ("level",)
# Rows of a frame that are made at once: bounds memory.
CHUNK = 250_000
# The bands of a forecast without a model, over the size of recent residuals.
_FALLBACK_WIDTHS = np.array([-3.5, -1.9, 1.9, 3.5])
_COLUMNS = (*FORECAST_COLUMNS, *EXTRA_COLUMNS)

# From a frame and its panel: readings (rows,) and band edges (rows, 4).
Predict = Callable[[Frame, Panel], tuple[np.ndarray, np.ndarray]]


def forecast(
    artefacts: Mapping[str, bytes], data: HourlyData, issues: pd.DataFrame, spec: HourlySpec
) -> pd.DataFrame:
    """Forecasts with bands and levels for `issues` (unique_id, issue: naive UTC hour, issued_at).

    Returns `FORECAST_COLUMNS` and level, ordered by unique_id, issue, horizon; never negative,
    bands that do not cross. A series of which nothing is known at an issue gets no row. Raises
    ModelError for incomplete artefacts.
    """
    stored = read(artefacts)
    if issues.empty or data.actuals.empty:
        return _empty()
    panel = _panel(data, issues, spec)
    ids = panel.ids.to_numpy()

    @cache
    def seen() -> Positions:
        # Only once there is a row: without one there may be nothing to look back on.
        return _recent_positions(stored, panel, issues, spec)

    def predict(frame: Frame, panel: Panel) -> tuple[np.ndarray, np.ndarray]:
        prediction = stored.predict(frame, ids)
        wider = adaptation.factors(
            ids[frame.series], (frame.issue + panel.first) // 24, frame.horizon, seen()
        )
        return prediction, stored.bands.around(frame, prediction, wider)

    return _in_chunks(panel, issues, spec, predict)


def fallback_forecast(data: HourlyData, issues: pd.DataFrame, spec: HourlySpec) -> pd.DataFrame:
    """As-of profile and AR(1) with wide bands, until there is a vintage. Columns of `forecast`."""
    if issues.empty or data.actuals.empty:
        return _empty()
    return _in_chunks(_panel(data, issues, spec), issues, spec, _without_model)


def _without_model(frame: Frame, panel: Panel) -> tuple[np.ndarray, np.ndarray]:
    made = profile_ar(frame, panel.ids.to_numpy(), {"": USUAL_PERSISTENCE})
    prediction = np.round(
        np.maximum(np.where(np.isfinite(made), made, seasonal_naive(frame)), 0.0), DECIMALS
    )
    size = np.where(np.isfinite(frame.size), frame.size, 0.3 * frame.level)
    size = np.maximum(np.nan_to_num(size), 0.05 * np.nan_to_num(frame.level))
    edges = prediction[:, None] + size[:, None] * _FALLBACK_WIDTHS
    return prediction, ordered(edges, prediction)


def _panel(data: HourlyData, issues: pd.DataFrame, spec: HourlySpec) -> Panel:
    """The series of `issues`, and the hours that these look back on and ahead to."""
    first = issues["issue"].min() - pd.Timedelta(days=LOOKBACK_DAYS)
    last = issues["issue"].max() + pd.Timedelta(hours=max(spec.horizons))
    return build_panel(data.of(set(issues["unique_id"].astype(str))), first, last, spec)


def _recent_positions(
    stored: Stored, panel: Panel, issues: pd.DataFrame, spec: HourlySpec
) -> Positions:
    """Where readings fell in what this vintage forecast of them after its cut-off.

    Those of the backtest are among them; of the days that `adaptation` looks back on.
    """
    hours = panel.hour_index(issues["issue"])
    last = (int(hours.max()) + panel.first) // 24 * 24 - panel.first
    begin = (int(hours.min()) + panel.first) // 24 * 24 - panel.first - ADAPTATION_DAYS * 24
    cutoff = int(panel.hour_index(pd.DatetimeIndex([stored.cutoff]))[0])
    seen = stored.positions
    for step in adaptation.STEPS:
        # Issues from the cut-off on, whose readings are of the days that count.
        targets = np.arange(max(begin + 1, cutoff + step, step), last + 1)
        targets = targets[(targets + panel.first) % adaptation.EVERY == 0]
        series = np.repeat(np.arange(len(panel.ids)), len(targets))
        target = np.tile(targets, len(panel.ids))
        known = np.isfinite(panel.y[series, target])
        series, target = series[known], target[known]
        for start in range(0, len(series), CHUNK):
            part = slice(start, start + CHUNK)
            own, at = series[part], target[part]
            seen = seen.and_then(_positions_of(stored, panel, own, at, step, spec))
    return seen


def _positions_of(
    stored: Stored,
    panel: Panel,
    series: np.ndarray,
    target: np.ndarray,
    step: int,
    spec: HourlySpec,
) -> Positions:
    """Where the readings at `target` fell in their bands as forecast `step` hours before."""
    frame = build_frame(panel, series, target - step, np.full(len(target), step), spec)
    frame = frame.where(np.isfinite(frame.level))
    ids = panel.ids.to_numpy()
    prediction = stored.predict(frame, ids)
    edges = stored.bands.around(frame, prediction)[:, 1:3]
    return Positions(
        ids[frame.series],
        frame.target + panel.first,
        frame.y_known / HOUR + panel.first,
        adaptation.positions(frame.y, prediction, edges),
        np.full(len(frame), step >= adaptation.LATER),
    )


def _in_chunks(
    panel: Panel, issues: pd.DataFrame, spec: HourlySpec, predict: Predict
) -> pd.DataFrame:
    """Forecasts of all issues, a bounded number of rows at a time."""
    ordered_issues = issues.sort_values(["unique_id", "issue"])
    place = panel.ids.get_indexer(pd.Index(ordered_issues["unique_id"].astype(str)))
    hour = panel.hour_index(ordered_issues["issue"])
    steps = np.array(sorted(spec.horizons))
    size = max(1, CHUNK // len(steps))
    parts = []
    for start in range(0, len(place), size):
        rows = slice(start, start + size)
        series, issue = (np.repeat(part[rows], len(steps)) for part in (place, hour))
        horizon = np.tile(steps, len(place[rows]))
        frame = build_frame(panel, series, issue, horizon, spec)
        # Nothing known for four weeks: there is nothing to forecast from.
        frame = frame.where(np.isfinite(frame.level))
        if len(frame):
            parts.append(_as_rows(frame, panel, *predict(frame, panel)))
    if not parts:
        return _empty()
    made = pd.concat(parts, ignore_index=True)
    return made[np.isfinite(made["prediction"])].reset_index(drop=True)


def _as_rows(frame: Frame, panel: Panel, prediction: np.ndarray, edges: np.ndarray) -> pd.DataFrame:
    times = (np.array([frame.issue, frame.target]) + panel.first) * HOUR
    issued, target = (pd.to_datetime(row, unit="s").as_unit("us") for row in times)
    return pd.DataFrame(
        {
            "unique_id": panel.ids.to_numpy()[frame.series],
            "issue": issued,
            "issued_at": issued.tz_localize("UTC"),
            "horizon": frame.horizon,
            "ds": target,
            "prediction": prediction,
            "lower_80": np.round(edges[:, 1], DECIMALS),
            "upper_80": np.round(edges[:, 2], DECIMALS),
            "lower_95": np.round(edges[:, 0], DECIMALS),
            "upper_95": np.round(edges[:, 3], DECIMALS),
            "level": np.array([*LEVELS, None], dtype=object)[level_of(frame)],
        }
    )


def _empty() -> pd.DataFrame:
    frame = pd.DataFrame({name: pd.Series(dtype="float64") for name in _COLUMNS})
    return frame.astype({"unique_id": object, "level": object, "issue": "datetime64[us]"}).assign(
        ds=pd.Series(dtype="datetime64[us]"), issued_at=pd.Series(dtype="datetime64[us, UTC]")
    )[list(_COLUMNS)]
