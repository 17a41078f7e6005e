"""Measures the drift of a rectangle: what is compared with what. Statistics: `monitoring/`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from flow_platform.flows import Flow, RecordFlow, SeriesFlow
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import ML_ROLE
from flow_platform.monitoring.drift import measure_drift
from flow_platform.platform import Platform

WEATHER_FEATURES = ("temperature_mean", "precipitation_mm", "wind_max_kmh")
# Years of history a reading looks back on, and a margin for its season.
_HISTORY_DAYS = 4 * 366 + 60


def measure_rectangle(platform: Platform, flow: Flow, rectangle: Rectangle) -> pd.DataFrame:
    """PSI and KS of each feature for every centre and day; replaces `monitoring.drift`.

    A measure is compared as its ratio to the mean of the same weekday over the 52 weeks before, so
    that neither the week's pattern nor slow growth hides or feigns a change; the weather of flows
    that have it is compared as it is. Of an hourly flow a day is measured when it is over. Of
    records the mean of the day is watched, where there are enough, and their number.
    """
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    if flow.is_hourly and rectangle.last_day > yesterday:
        rectangle = Rectangle(rectangle.centres, rectangle.first_day, yesterday)
    if rectangle.last_day < rectangle.first_day:
        return pd.DataFrame({"day": [], "status": []})
    store = platform.store(ML_ROLE)
    weather = isinstance(flow, SeriesFlow) and flow.has_weather
    features = (*_watched(flow), *(WEATHER_FEATURES if weather else ()))
    grouped = " group by 1, 2" if flow.is_hourly or isinstance(flow, RecordFlow) else ""
    history = store.read(
        f"select centre_id, day, {_columns(flow, features)} from {flow.merged}"
        f" where centre_id = any(%(centres)s) and day between %(first)s and %(last)s"
        f"{grouped} order by centre_id, day",
        {
            "centres": list(rectangle.centres),
            "first": rectangle.first_day - timedelta(days=_HISTORY_DAYS),
            "last": rectangle.last_day,
        },
    )
    for measure in _watched(flow):
        history[measure] = _against_its_weekday(history, measure)
    readings = history.loc[
        history["day"].between(pd.Timestamp(rectangle.first_day), pd.Timestamp(rectangle.last_day)),
        ["centre_id", "day"],
    ]
    drift = measure_drift(history, readings, features)
    drift.insert(0, "flow", flow.name)
    store.replace("monitoring.drift", drift, rectangle, equal={"flow": flow.name})
    return drift


# A day of fewer records than that says nothing of their mean.
_LEAST_RECORDS = 20


def _watched(flow: Flow) -> tuple[str, ...]:
    """What is compared with the same weekday of the weeks before."""
    return (*flow.watched, flow.name) if isinstance(flow, RecordFlow) else flow.measures


def _columns(flow: Flow, features: tuple[str, ...]) -> str:
    """The features of a day as SQL: of hours and records their mean, where enough are known."""
    if isinstance(flow, RecordFlow):
        means = [
            f"case when count(*) >= {_LEAST_RECORDS} then avg({name}) end as {name}"
            for name in flow.watched
        ]
        return ", ".join([*means, f"count(*)::double precision as {flow.name}"])
    if not flow.is_hourly:
        return ", ".join(features)
    return ", ".join(
        f"case when count({name}) >= 18 then avg({name}) end as {name}" for name in features
    )


def _against_its_weekday(history: pd.DataFrame, measure: str) -> pd.Series:
    weekday = history["day"].dt.weekday
    usual = history.groupby([history["centre_id"], weekday])[measure].transform(
        lambda values: values.shift(1).rolling(52, min_periods=4).mean()
    )
    return (history[measure] / usual.where(usual > 0)).replace([np.inf, -np.inf], np.nan)
