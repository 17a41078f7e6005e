"""Reads what a flow knows from the warehouse, as the forecasting core wants it.

Nothing is cut by time here: the core compares every fact's `available_at` with each issue time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pandas as pd

from flow_platform.flows import DELIVERIES, Flow, RecordFlow, SeriesFlow
from flow_platform.forecasting.daily.data import CALENDAR_LOOKAHEAD, SeriesData, SeriesSpec
from flow_platform.forecasting.hourly.data import (
    FACT_COLUMNS,
    LOOKBACK_DAYS,
    HourlyData,
    HourlySpec,
)
from flow_platform.forecasting.hourly.data import WEATHER_COLUMNS as HOURLY_WEATHER
from flow_platform.ground.columns import CALENDAR_FACTS, WEATHER_COLUMNS
from flow_platform.ground.errors import ConfigurationError
from flow_platform.ground.local_time import local_midnight_after
from flow_platform.ground.periods import cutoff_of, issue_times
from flow_platform.ground.roles import ML_ROLE
from flow_platform.models.sampling import evenly_chosen
from flow_platform.platform import Platform
from flow_platform.sources.config import deliveries_option


def spec_of(platform: Platform, flow: Flow, measure: str) -> Any:
    """The flow's fixed choices, as its core takes them: Series-, Hourly-, Trip- or DeliverySpec."""
    if flow == DELIVERIES:
        from flow_platform.scoring.deliveries.data import DeliverySpec

        config = platform.sources[flow.name]
        return DeliverySpec(
            measure=measure,
            seed=platform.settings.seed,
            timezone=platform.deliveries_timezone,
            cost_late=deliveries_option(config, "cost_late"),
            cost_call=deliveries_option(config, "cost_call"),
        )
    if not isinstance(flow, SeriesFlow):
        from flow_platform.scoring.trips.data import TripSpec

        return TripSpec(measure=measure, seed=platform.settings.seed)
    if flow.is_hourly:
        return HourlySpec(horizons=flow.horizons, season=flow.season, seed=platform.settings.seed)
    return SeriesSpec(
        horizons=flow.horizons,
        season=flow.season,
        seed=platform.settings.seed,
        weather=WEATHER_COLUMNS if flow.has_weather else (),
    )


def read_for_training(
    platform: Platform, flow: Flow, measure: str, first_month: date, last_month: date
) -> Any:
    """What vintages of these months may see, for the flow's core, as its data class."""
    if isinstance(flow, RecordFlow):
        from flow_platform.stages import deliveries, trips

        stage = deliveries if flow == DELIVERIES else trips
        return stage.read_for_months(platform, flow, first_month, last_month)
    assert isinstance(flow, SeriesFlow)
    if not flow.is_hourly:
        return read_history(platform, flow, measure, last_month)
    spec = spec_of(platform, flow, measure)
    # As many as training takes: the years of thousands of counters would fill the memory.
    chosen = evenly_chosen(platform.centre_ids_of(flow), spec.most_series)
    first = cutoff_of(first_month).date() - timedelta(days=spec.training_days)
    return read_hours(platform, flow, measure, chosen, first, last_month)


def read_hours(
    platform: Platform,
    flow: SeriesFlow,
    measure: str,
    centre_ids: Sequence[str],
    first_day: date,
    last_day: date,
) -> HourlyData:
    """The hours of some counters on the UTC days `first_day` to `last_day`.

    Calendar and weather reach a day further, as far as the last day's forecasts look.
    """
    flow.check_measure(measure)
    store = platform.store(ML_ROLE)
    counters = {one.centre_id: one for one in platform.centres_of(flow)}
    actuals = store.read(
        f"select centre_id as unique_id, target_at as ds, {measure} as y, occupancy,"
        f" state = 'barred' as barred, available_at from {flow.merged}"
        " where centre_id = any(%(centres)s) and day between %(first)s and %(last)s"
        f" and ({measure} is not null or occupancy is not null) order by centre_id, target_at",
        {"centres": list(centre_ids), "first": first_day, "last": last_day},
    )
    actuals["ds"] = pd.DatetimeIndex(actuals["ds"]).tz_convert("UTC").tz_localize(None)
    places = {str(counters[one].place) for one in centre_ids}
    window = {
        "flow": flow.name,
        "places": list(places),
        "first": first_day - timedelta(days=1),
        "last": last_day + timedelta(days=2),
    }
    calendar = store.read(
        f"select centre_id as place, day, {', '.join(FACT_COLUMNS)}, event_announced"
        " from staging.calendar where flow = %(flow)s and centre_id = any(%(places)s)"
        " and day between %(first)s and %(last)s order by centre_id, day",
        window,
    )
    zones = {str(one.place): one.timezone for one in counters.values()}
    calendar["event_known_at"] = _announced_at(
        calendar.rename(columns={"place": "unique_id"}), zones
    )
    weather = store.read(
        f"select centre_id as place, target_day as day, available_at, {', '.join(HOURLY_WEATHER)}"
        " from staging.weather where centre_id = any(%(places)s)"
        " and target_day between %(first)s and %(last)s"
        " order by centre_id, target_day, available_at",
        window,
    )
    return HourlyData(
        actuals=actuals,
        places=pd.DataFrame(
            [
                {"unique_id": one, "place": counters[one].place, "timezone": counters[one].timezone}
                for one in centre_ids
            ],
            columns=["unique_id", "place", "timezone"],
        ),
        calendar=calendar.drop(columns="event_announced"),
        weather=weather,
    )


def read_for_hours(
    platform: Platform,
    flow: SeriesFlow,
    measure: str,
    centre_ids: Sequence[str],
    first_day: date,
    last_day: date,
) -> HourlyData:
    """What issues of these UTC days look back on."""
    first = first_day - timedelta(days=LOOKBACK_DAYS)
    return read_hours(platform, flow, measure, centre_ids, first, last_day)


def read_history(platform: Platform, flow: SeriesFlow, measure: str, last_day: date) -> SeriesData:
    """Everything that may be known by the close of `last_day`, for every centre with history.

    The calendar and the weather reach past `last_day` as far as its forecasts look. Raises
    ConfigurationError for a flow that has hours.
    """
    if flow.is_hourly:
        raise ConfigurationError(
            f"{flow.name} is forecast by the hour: this is for flows with days."
            " `flow forecast` and `flow backfill` issue its forecasts."
        )
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
        f"select centre_id as unique_id, day as ds, {', '.join(CALENDAR_FACTS)}"
        " from staging.calendar"
        " where flow = %(flow)s and day between %(first)s and %(last)s"
        " order by centre_id, day",
        window,
    )
    calendar["event_known_at"] = _announced_at(calendar, zones)
    weather = pd.DataFrame()
    if flow.has_weather:
        weather = store.read(
            "select centre_id as unique_id, target_day as ds, vintage, available_at,"
            f" {', '.join(WEATHER_COLUMNS)}"
            " from staging.weather where target_day between %(first)s and %(last)s"
            " order by centre_id, target_day, available_at",
            window,
        )
        weather = weather[weather["unique_id"].isin(known)].reset_index(drop=True)
    return SeriesData(
        actuals=actuals[actuals["unique_id"].isin(known)].reset_index(drop=True),
        calendar=calendar,
        weather=weather,
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
