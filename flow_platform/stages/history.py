"""Reads what a flow knows from the warehouse, as the forecasting core wants it.

Nothing is cut by time here: the core compares every fact's `available_at` with each issue time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import pandas as pd

from flow_platform.flows import SeriesFlow
from flow_platform.forecasting.data import (
    CALENDAR_LOOKAHEAD,
    WEATHER_COLUMNS,
    SeriesData,
    SeriesSpec,
)
from flow_platform.partitions import issue_times
from flow_platform.platform import Platform
from flow_platform.registry.vintages import ML_ROLE
from flow_platform.sources.local_time import local_midnight_after


def spec_of(platform: Platform, flow: SeriesFlow) -> SeriesSpec:
    """The flow's fixed choices, as the core takes them."""
    return SeriesSpec(
        horizons=flow.horizons,
        season=flow.season,
        seed=platform.settings.seed,
        weather=WEATHER_COLUMNS if flow.has_weather else (),
    )


def read_history(platform: Platform, flow: SeriesFlow, measure: str, last_day: date) -> SeriesData:
    """Everything that may be known by the close of `last_day`, for every centre with history.

    The calendar and the weather reach past `last_day` as far as its forecasts look.
    """
    store = platform.store(ML_ROLE)
    reach = last_day + timedelta(days=flow.longest_horizon + CALENDAR_LOOKAHEAD)
    actuals = store.read(
        f"select centre_id as unique_id, day as ds, {measure} as y, available_at"
        f" from {flow.merged} where {measure} is not null and day <= %(last)s"
        " order by centre_id, day",
        {"last": last_day},
    )
    first_day = actuals["ds"].min().date() if len(actuals) else last_day
    zones = {centre.centre_id: centre.timezone for centre in platform.centres_of(flow)}
    known = set(zones)
    window = {
        "flow": flow.name,
        "first": first_day - timedelta(days=CALENDAR_LOOKAHEAD),
        "last": reach,
    }
    calendar = store.read(
        "select centre_id as unique_id, day as ds, weekday, holiday, is_public_holiday,"
        " is_bridge_day, is_school_holiday, school_holiday, days_to_holiday, days_since_holiday,"
        " is_month_start, is_month_end, event, is_event,"
        " event_announced from staging.calendar"
        " where flow = %(flow)s and day between %(first)s and %(last)s"
        " order by centre_id, day",
        window,
    )
    calendar["event_known_at"] = _announced_at(calendar, zones)
    vintages = pd.DataFrame()
    if flow.has_weather:
        vintages = store.read(
            "select centre_id as unique_id, target_day as ds, vintage, available_at,"
            " temperature_mean, temperature_min, temperature_max, precipitation_mm, snowfall_cm,"
            " wind_max_kmh from staging.weather where target_day between %(first)s and %(last)s"
            " order by centre_id, target_day, available_at",
            window,
        )
        vintages = vintages[vintages["unique_id"].isin(known)].reset_index(drop=True)
    return SeriesData(
        actuals=actuals[actuals["unique_id"].isin(known)].reset_index(drop=True),
        calendar=calendar,
        vintages=vintages,
        issues=issue_times(zones, first_day, last_day),
    )


def _announced_at(calendar: pd.DataFrame, zones: Mapping[str, str]) -> pd.Series:
    """When each day's event became known (UTC): at the end of the day it was announced on."""
    known = pd.Series(pd.NaT, index=calendar.index, dtype="datetime64[us, UTC]")
    told = calendar["event_announced"].notna()
    for zone in set(zones.values()):
        here = told & (calendar["unique_id"].map(zones) == zone)
        days = pd.DatetimeIndex(calendar.loc[here, "event_announced"])
        known[here] = local_midnight_after(days, zone)
    return known
