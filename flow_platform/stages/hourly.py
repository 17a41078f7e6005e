"""The stages of hourly series: what is read for them, in blocks of days, for each has 24 issues.

Calendar and weather are those of a counter's place. Nothing is cut by time here: the engine
compares every fact's `available_at` with each issue time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pandas as pd

from flow_platform.flows.kinds import SeriesFlow
from flow_platform.forecasting.hourly.data import (
    FACT_COLUMNS,
    LOOKBACK_DAYS,
    WEATHER_COLUMNS,
    HourlyData,
    HourlySpec,
)
from flow_platform.forecasting.hourly.engine import ENGINE
from flow_platform.forecasting.hourly.preparation import Prepared
from flow_platform.ground.periods import cutoff_of, months_between
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import ML_ROLE
from flow_platform.models.sampling import evenly_chosen
from flow_platform.parts import ModelParts, Refresh
from flow_platform.platform import Platform
from flow_platform.stages.case import Case
from flow_platform.stages.daily import announced_at
from flow_platform.stages.drift import hourly_features
from flow_platform.stages.forecasting import FORECASTS, Block
from flow_platform.stages.promotion import REPLAYED_DAYS, Replayable
from flow_platform.stages.series import series_models

# Rows that are forecast and written at once, in days of all centres: bounds memory.
_ROWS_A_BLOCK = 1_000_000
# Of a comparison: counters, and every how many hours an issue. Five and 24 have no common divisor.
COUNTERS, EVERY_HOURS = 60, 5


class HourlySeries:
    """How the stages read hourly series; see `Series` in `forecasting.py`."""

    engine = ENGINE

    def history(self, case: Case, rectangle: Rectangle) -> Callable[[], HourlyData]:
        months = months_between(rectangle.first_day, rectangle.last_day)
        return lambda: read_for_training(case, months[0], months[-1])

    def blocks(
        self, case: Case, rectangle: Rectangle, refresh: Refresh, history: object
    ) -> Iterator[Block[HourlyData]]:
        """A block of days at a time; of the present day the hours that have begun.

        A run that ends with the present day, and is no backfill, adds the hours that have no
        forecasts yet: what was forecast this morning is kept.
        """
        now = pd.Timestamp(datetime.now(UTC)).floor("h")
        length = max(1, _ROWS_A_BLOCK // (24 * len(case.spec.horizons) * len(rectangle.centres)))
        for first in pd.date_range(rectangle.first_day, rectangle.last_day, freq=f"{length}D"):
            last = min(first + timedelta(days=length - 1), pd.Timestamp(rectangle.last_day))
            block = Rectangle(rectangle.centres, first.date(), last.date())
            since = _first_hour(case, block, now, refresh)
            hours = pd.date_range(since, last + timedelta(hours=23), freq="h")
            hours = hours[hours <= now.tz_localize(None)].as_unit("us")
            if hours.empty:
                continue
            data = read_for_issues(case, block.centres, since.date(), last.date())
            yield Block(block, data, issues_at(block.centres, hours), since=since)

    def times(self, rows: pd.DataFrame, zones: Mapping[str, str]) -> pd.DataFrame:
        """Of an hour the engine's `date` is its end, in UTC."""
        rows["target_at"] = rows["date"].dt.tz_localize("UTC")
        rows["day"] = rows["day"].dt.normalize()
        for zone in set(zones.values()):
            here = rows["centre_id"].map(zones) == zone
            local = rows.loc[here, "target_at"].dt.tz_convert(zone).dt.tz_localize(None)
            rows.loc[here, "date"] = local.dt.normalize()
        return rows

    def replayable(self, case: Case, today: date) -> Replayable[HourlyData]:
        """Some counters, and an issue every so many hours, so that a comparison takes minutes.

        Each hour of the day is among them.
        """
        chosen = evenly_chosen(case.platform.centre_ids_of(case.flow), COUNTERS)
        last = today - timedelta(days=1)
        first = last - timedelta(days=REPLAYED_DAYS)
        data = read_for_issues(case, chosen, first, last)
        end = pd.Timestamp(today)
        hours = pd.date_range(first, end, freq=f"{EVERY_HOURS}h", inclusive="left")
        return Replayable(data, data.actuals, issues_at(chosen, hours.as_unit("us")))


def hourly_series(flow: SeriesFlow) -> ModelParts[HourlyData, HourlySpec, Prepared]:
    """How the models of a flow of hourly series are trained, forecast and are compared."""
    return series_models(
        flow,
        HourlySeries(),
        spec=partial(_spec, flow),
        read_for_training=read_for_training,
        training_views=("calendar", "weather"),
        drift=hourly_features(flow),
        issued="every hour of the day",
    )


def _spec(flow: SeriesFlow, platform: Platform, measure: str) -> HourlySpec:
    return HourlySpec(horizons=flow.horizons, season=flow.season, seed=platform.settings.seed)


def issues_at(centre_ids: Sequence[str], hours: pd.DatetimeIndex) -> pd.DataFrame:
    """An issue of every centre at every hour (naive UTC): unique_id, issue, issued_at."""
    issues = pd.MultiIndex.from_product([centre_ids, hours], names=["unique_id", "issue"]).to_frame(
        index=False
    )
    issues["issued_at"] = issues["issue"].dt.tz_localize("UTC")
    return issues


def read_for_training(case: Case, first_month: date, last_month: date) -> HourlyData:
    """What vintages of these months may see, of as many counters as training takes.

    The years of thousands of counters would fill the memory.
    """
    chosen = evenly_chosen(case.platform.centre_ids_of(case.flow), case.spec.most_series)
    first = cutoff_of(first_month).date() - timedelta(days=case.spec.training_days)
    return read_hours(case, chosen, first, last_month)


def read_for_issues(
    case: Case, centre_ids: Sequence[str], first_day: date, last_day: date
) -> HourlyData:
    """What issues of these UTC days look back on."""
    return read_hours(case, centre_ids, first_day - timedelta(days=LOOKBACK_DAYS), last_day)


def read_hours(
    case: Case, centre_ids: Sequence[str], first_day: date, last_day: date
) -> HourlyData:
    """The hours of some counters on the UTC days `first_day` to `last_day`.

    Calendar and weather reach a day further, as far as the last day's forecasts look.
    """
    platform, flow, measure = case.platform, case.flow, case.measure
    store = platform.store(ML_ROLE)
    counters = {one.centre_id: one for one in platform.centres_of(flow)}
    actuals = store.read(
        f"select centre_id as unique_id, target_at as ds, {measure} as y, occupancy,"
        f" state = 'barred' as barred, available_at from {flow.merged}"
        " where centre_id = any(%(centres)s) and day between %(first)s and %(last)s"
        f" and ({measure} is not null or occupancy is not null) and {case.is_counted}"
        " order by centre_id, target_at",
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
    calendar["event_known_at"] = announced_at(
        calendar.rename(columns={"place": "unique_id"}), zones
    )
    weather = store.read(
        f"select centre_id as place, target_day as day, available_at, {', '.join(WEATHER_COLUMNS)}"
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


def _first_hour(case: Case, block: Rectangle, now: pd.Timestamp, refresh: Refresh) -> pd.Timestamp:
    """The first hour (naive UTC) of a block to forecast: its begin, or the next one of today."""
    if block.last_day < now.date() or block.days > 2 or refresh == "stale":
        return pd.Timestamp(block.first_day)
    newest = (
        case.platform.store(ML_ROLE)
        .read(
            f"select min(newest) as newest from (select max(issued_at) as newest from {FORECASTS}"
            " where flow = %(flow)s and measure = %(measure)s and centre_id = any(%(centres)s)"
            " and day >= %(first)s group by centre_id) as each",
            {"flow": case.flow.name, "measure": case.measure, **block.window},
        )["newest"]
        .iloc[0]
    )
    if pd.isna(newest):
        return pd.Timestamp(block.first_day)
    return pd.Timestamp(newest).tz_localize(None) + timedelta(hours=1)
