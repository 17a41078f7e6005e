"""Measures the drift of a rectangle: what is compared with what. Statistics: `monitoring/`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from flow_platform.flows.kinds import Flow, RecordFlow, SeriesFlow
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import ML_ROLE
from flow_platform.monitoring.drift import measure_drift
from flow_platform.parts import DriftFeatures, parts_of
from flow_platform.platform import Platform
from flow_platform.stages.case import Case

WEATHER_FEATURES = ("temperature_mean", "precipitation_mm", "wind_max_kmh")
# Years of history a reading looks back on, and a margin for its season.
_HISTORY_DAYS = 4 * 366 + 60
# A day of fewer hours or records than these says nothing of their mean.
_LEAST_HOURS, _LEAST_RECORDS = 18, 20


def daily_features(flow: SeriesFlow) -> DriftFeatures:
    """The measures of a flow of days, and its weather."""
    plain = WEATHER_FEATURES if flow.has_weather else ()
    return DriftFeatures(
        seasonal=flow.measures, plain=plain, select=", ".join((*flow.measures, *plain))
    )


def hourly_features(flow: SeriesFlow) -> DriftFeatures:
    """The mean of a day's hours of each measure, where enough of them are known."""
    select = ", ".join(_mean_of(name, f"count({name}) >= {_LEAST_HOURS}") for name in flow.measures)
    return DriftFeatures(seasonal=flow.measures, select=select, by_day=True, whole_days=True)


def record_features(flow: RecordFlow) -> DriftFeatures:
    """The mean of a day's records, where there are enough of them, and their number."""
    means = [_mean_of(name, f"count(*) >= {_LEAST_RECORDS}") for name in flow.drift_columns]
    number = f"count(*)::double precision as {flow.name}"
    return DriftFeatures(
        seasonal=(*flow.drift_columns, flow.name), select=", ".join([*means, number]), by_day=True
    )


def _mean_of(name: str, enough: str) -> str:
    return f"case when {enough} then avg({name}) end as {name}"


def measure_rectangle(platform: Platform, flow: Flow, rectangle: Rectangle) -> pd.DataFrame:
    """PSI and KS of each feature for every centre and day; replaces `monitoring.drift`.

    A seasonal feature is compared as its ratio to the mean of the same weekday over the 52 weeks
    before, so that neither the week's pattern nor slow growth hides or feigns a change; a plain one
    (weather) as it is.
    """
    watched = parts_of(flow).models.drift
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    if watched.whole_days and rectangle.last_day > yesterday:
        rectangle = Rectangle(rectangle.centres, rectangle.first_day, yesterday)
    if rectangle.last_day < rectangle.first_day:
        return pd.DataFrame({"day": [], "status": []})
    store = platform.store(ML_ROLE)
    grouped = " group by 1, 2" if watched.by_day else ""
    # Several rows of a day are all counted or none, but for hours: those without a value are not.
    is_counted = Case(platform, flow, flow.measures[0]).is_counted
    is_counted = f"bool_or({is_counted})" if watched.by_day else is_counted
    history = store.read(
        f"select centre_id, day, {is_counted} as is_counted, {watched.select} from {flow.merged}"
        f" where centre_id = any(%(centres)s) and day between %(since)s and %(last)s"
        f"{grouped} order by centre_id, day",
        {**rectangle.window, "since": rectangle.first_day - timedelta(days=_HISTORY_DAYS)},
    )
    for name in watched.seasonal:
        history[name] = history[name].where(history["is_counted"])
        history[name] = _against_its_weekday(history, name)
    first, last = pd.Timestamp(rectangle.first_day), pd.Timestamp(rectangle.last_day)
    readings = history.loc[history["day"].between(first, last), ["centre_id", "day"]]
    drift = measure_drift(history, readings, (*watched.seasonal, *watched.plain))
    drift.insert(0, "flow", flow.name)
    store.replace("monitoring.drift", drift, rectangle, equal={"flow": flow.name})
    return drift


def _against_its_weekday(history: pd.DataFrame, measure: str) -> pd.Series:
    weekday = history["day"].dt.day_of_week
    usual = history.groupby([history["centre_id"], weekday])[measure].transform(
        lambda values: values.shift(1).rolling(52, min_periods=4).mean()
    )
    return (history[measure] / usual.where(usual > 0)).replace([np.inf, -np.inf], np.nan)
