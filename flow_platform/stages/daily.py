"""The stages of daily series: what is read for them, and how their models are bound.

One read serves training and forecasting: everything that may be known by the last day's close.
Nothing is cut by time here: the engine compares every fact's `available_at` with each issue time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from functools import cache, partial

import pandas as pd

from flow_platform.flows.kinds import SeriesFlow
from flow_platform.forecasting.daily.data import CALENDAR_LOOKAHEAD, SeriesData, SeriesSpec
from flow_platform.forecasting.daily.engine import ENGINE
from flow_platform.forecasting.daily.preparation import Prepared
from flow_platform.ground.columns import CALENDAR_FACTS, WEATHER_COLUMNS
from flow_platform.ground.errors import ConfigurationError
from flow_platform.ground.local_time import local_midnight, local_midnight_after
from flow_platform.ground.periods import issue_times
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import ML_ROLE
from flow_platform.parts import ModelParts, Refresh
from flow_platform.platform import Platform
from flow_platform.stages.case import Case
from flow_platform.stages.drift import daily_features
from flow_platform.stages.forecasting import Block
from flow_platform.stages.promotion import Replayable
from flow_platform.stages.series import series_models

# By issue day, the weekdays on which a place is closed, from its actuals and its issues.
ClosedWeekdays = Callable[[pd.DataFrame, pd.DataFrame], dict[pd.Timestamp, set[int]]]


class DailySeries:
    """How the stages read daily series; see `Series` in `forecasting.py`."""

    engine = ENGINE

    def __init__(self, closed_weekdays: ClosedWeekdays | None = None) -> None:
        self._closed_weekdays = closed_weekdays

    def history(self, case: Case, rectangle: Rectangle) -> Callable[[], SeriesData]:
        return cache(lambda: read_history(case, rectangle.last_day))

    def blocks(
        self, case: Case, rectangle: Rectangle, refresh: Refresh, history: Callable[[], SeriesData]
    ) -> Iterator[Block[SeriesData]]:
        data = history()
        first, last = pd.Timestamp(rectangle.first_day), pd.Timestamp(rectangle.last_day)
        issues = data.issues[
            data.issues["unique_id"].isin(rectangle.centres)
            & data.issues["issue"].between(first, last)
        ]
        closed = self._closed_weekdays(data.actuals, issues) if self._closed_weekdays else {}
        yield Block(rectangle, data, issues, closed=closed)

    def times(self, rows: pd.DataFrame, zones: Mapping[str, str]) -> pd.DataFrame:
        for zone in set(zones.values()):
            here = rows["centre_id"].map(zones) == zone
            days = pd.DatetimeIndex(rows.loc[here, "date"])
            rows.loc[here, "target_at"] = local_midnight(days, zone)
        return rows

    def replayable(self, case: Case, today: date) -> Replayable[SeriesData]:
        data = read_history(case, today - timedelta(days=1))
        return Replayable(data, data.actuals, data.issues)


def daily_series(
    flow: SeriesFlow, closed_weekdays: ClosedWeekdays | None = None
) -> ModelParts[SeriesData, SeriesSpec, Prepared]:
    """How the models of a flow of daily series are trained, forecast and are compared.

    `closed_weekdays` is given by a flow whose place as a whole is closed on some days.
    """
    return series_models(
        flow,
        DailySeries(closed_weekdays),
        spec=partial(_spec, flow),
        read_for_training=lambda case, first, last: read_history(case, last),
        training_views=("calendar", "weather") if flow.has_weather else ("calendar",),
        drift=daily_features(flow),
        issued="at the close of the day",
    )


def _spec(flow: SeriesFlow, platform: Platform, measure: str) -> SeriesSpec:
    return SeriesSpec(
        horizons=flow.horizons,
        season=flow.season,
        seed=platform.settings.seed,
        weather=WEATHER_COLUMNS if flow.has_weather else (),
    )


def read_history(case: Case, last_day: date) -> SeriesData:
    """Everything that may be known by the close of `last_day`, for every centre with history.

    The calendar and the weather reach past `last_day` as far as its forecasts look.
    """
    platform, flow = case.platform, case.flow
    assert isinstance(flow, SeriesFlow)
    store = platform.store(ML_ROLE)
    actuals = store.read(
        f"select centre_id as unique_id, day as ds, {case.measure} as y, available_at"
        f" from {flow.merged} where {case.measure} is not null and day <= %(last)s"
        f" and {case.is_counted}"
        " order by centre_id, day",
        {"last": last_day},
    )
    first_day = actuals["ds"].min().date() if len(actuals) else last_day
    zones = {centre.centre_id: centre.timezone for centre in platform.centres_of(flow)}
    known = set(zones)
    window = {
        "flow": flow.name,
        "first": first_day - timedelta(days=CALENDAR_LOOKAHEAD),
        "last": last_day + timedelta(days=flow.longest_horizon + CALENDAR_LOOKAHEAD),
    }
    calendar = store.read(
        f"select centre_id as unique_id, day as ds, {', '.join(CALENDAR_FACTS)}"
        " from staging.calendar"
        " where flow = %(flow)s and day between %(first)s and %(last)s"
        " order by centre_id, day",
        window,
    )
    calendar["event_known_at"] = announced_at(calendar, zones)
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


def announced_at(calendar: pd.DataFrame, zones: Mapping[str, str]) -> pd.Series:
    """When each day's event became known (UTC): at the end of the day it was announced on.

    `calendar` has unique_id and event_announced; `zones` the IANA time zone by unique_id.
    """
    known = pd.Series(pd.NaT, index=calendar.index, dtype="datetime64[us, UTC]")
    announced = calendar["event_announced"].notna()
    for zone in set(zones.values()):
        here = announced & (calendar["unique_id"].map(zones) == zone)
        days = pd.DatetimeIndex(calendar.loc[here, "event_announced"])
        known[here] = local_midnight_after(days, zone)
    return known


def daily_case(platform: Platform, flow: SeriesFlow, measure: str) -> Case:
    """The case of a daily series. Raises ConfigurationError for another measure or step."""
    flow.check_measure(measure)
    if flow.is_hourly:
        raise ConfigurationError(
            f"{flow.name} is forecast by the hour: this is for flows with days."
            " `flow forecast` and `flow backfill` issue its forecasts."
        )
    return Case(platform, flow, measure)
