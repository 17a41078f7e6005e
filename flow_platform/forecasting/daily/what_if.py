"""The facts of a panel with a change: other weather, an event, another level.

Forecasts of changed facts are made by `forecasting.forecast`, with the same model.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from flow_platform.forecasting.daily.data import SeriesData
from flow_platform.ground.errors import ModelError
from flow_platform.models.moments import utc

# A changed level is one that the last four weeks have shown.
LEVEL_DAYS = 28


@dataclass(frozen=True)
class Change:
    """A change on all days from `first` to `last` (naive local days) that are after the issue.

    weather  column -> value added to its forecast; event: name of a known event on these days, ""
    for none; level: share by which the counts of the last 28 known days are raised (0.1 = 10 %)
    """

    first: pd.Timestamp
    last: pd.Timestamp
    weather: dict[str, float] = field(default_factory=dict)
    event: str | None = None
    level: float = 0.0


def altered(
    data: SeriesData, unique_id: str, issued_at: pd.Timestamp, change: Change
) -> SeriesData:
    """`data` as it would be with the change, for one series and issue (UTC).

    Raises ModelError for weather that is not known for these days, for an event that the series'
    calendar never had, and for a level that would make counts negative.
    """
    moment = utc(issued_at)
    result = data
    if change.weather:
        result = replace(result, weather=_weather(data, unique_id, moment, change))
    if change.event is not None:
        result = replace(result, calendar=_event(data, unique_id, change))
    if change.level:
        result = replace(result, actuals=_level(data, unique_id, moment, change.level))
    return result


def _weather(
    data: SeriesData, unique_id: str, moment: pd.Timestamp, change: Change
) -> pd.DataFrame:
    rows = data.weather
    unknown = [name for name in change.weather if name not in rows.columns]
    if unknown:
        has = [c for c in rows.columns if c not in ("unique_id", "ds", "vintage", "available_at")]
        raise ModelError(
            f"Unknown weather: {', '.join(unknown)}. This flow has {', '.join(has) or 'none'}."
        )
    here = (rows["unique_id"] == unique_id) & rows["ds"].between(change.first, change.last)
    known = rows[here & (rows["available_at"] <= moment)].sort_values("available_at")
    newest = known.drop_duplicates("ds", keep="last").copy()
    if newest.empty:
        raise ModelError(
            f"No weather of {unique_id} for {change.first.date()} to {change.last.date()} was known"
            f" at {moment}. Choose days that its forecast reached."
        )
    for name, added in change.weather.items():
        floor = -np.inf if name.startswith("temperature") else 0.0
        newest[name] = np.maximum(newest[name] + added, floor)
    return pd.concat([rows[~here], newest.assign(available_at=moment)], ignore_index=True)


def _event(data: SeriesData, unique_id: str, change: Change) -> pd.DataFrame:
    calendar = data.calendar.copy()
    own = calendar["unique_id"] == unique_id
    names = sorted({str(name) for name in calendar.loc[own, "event"].dropna() if name})
    if change.event and change.event not in names:
        raise ModelError(
            f"{unique_id} never had an event {change.event!r}, so its effect is not known. Known:"
            f" {', '.join(names) or 'none'}."
        )
    where = own & calendar["ds"].between(change.first, change.last)
    calendar["event"] = calendar["event"].astype(object)
    calendar.loc[where, "event"] = change.event or None
    return calendar


def _level(data: SeriesData, unique_id: str, moment: pd.Timestamp, level: float) -> pd.DataFrame:
    if level <= -1:
        raise ModelError(f"A level lower by {-level:.0%} leaves no counts. Give more than -100 %.")
    actuals = data.actuals.copy()
    known = (actuals["unique_id"] == unique_id) & (actuals["available_at"] <= moment)
    newest = actuals.loc[known, "ds"].max()
    recent = known & (actuals["ds"] > newest - pd.Timedelta(days=LEVEL_DAYS))
    actuals["y"] = actuals["y"].where(~recent, actuals["y"] * (1 + level))
    return actuals
