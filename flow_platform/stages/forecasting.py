"""Issues the forecasts of a rectangle: for each day the champion who serves it.

Only the as-of choice of the vintage and the writing are here; predictions come from `forecasting/`.
Flows with hours are written in blocks, for each of their days has 24 issues.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pandas as pd

from flow_platform.flows import SeriesFlow
from flow_platform.ground.local_time import local_midnight
from flow_platform.ground.periods import months_between
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import ML_ROLE
from flow_platform.models.vintage import FALLBACK_VERSION
from flow_platform.platform import Platform
from flow_platform.registry.promotions import Reign, vintage_for
from flow_platform.registry.vintages import Vintage
from flow_platform.stages.core import AnySeriesEngine, series_engine_of
from flow_platform.stages.history import (
    read_for_hours,
    read_for_training,
    read_history,
    spec_of,
)
from flow_platform.stages.trading import closed_weekdays
from flow_platform.stages.training import Progress, Trained, ensure_vintages, logger
from flow_platform.warehouse.store import Store


@dataclass(frozen=True)
class Issued:
    """What was said of one rectangle and measure, as it stands in `ml.forecasts`.

    `issues` counts the partitions that have rows, `incomplete` those that lack some;
    `closed_targets` the targets that have no row because the shop is closed on their weekday.
    `shown` has the rows one step ahead of the first centre.
    """

    rows: int
    issues: int
    incomplete: int
    closed_targets: int
    vintages: list[Trained]
    issues_by_version: dict[str, int]
    shown: pd.DataFrame


def issue_forecasts(
    platform: Platform,
    flow: SeriesFlow,
    measure: str,
    rectangle: Rectangle,
    *,
    refresh: Literal["missing", "stale"] = "missing",
    progress: Progress = logger.info,
) -> Issued:
    """Forecast every centre and day with what was known then, and replace the partitions.

    Vintages that the days need are trained first. Days before any vintage, and series a vintage
    cannot forecast, get the fallback; a centre that never reported gets no row.
    """
    if flow.is_hourly:
        return _issue_hours(platform, flow, measure, rectangle, refresh, progress)
    spec = spec_of(platform, flow, measure)
    data = read_history(platform, flow, measure, rectangle.last_day)
    trained = ensure_vintages(
        platform,
        flow,
        measure,
        months_between(rectangle.first_day, rectangle.last_day),
        lambda: data,
        spec,
        refresh=refresh,
        progress=progress,
    )
    wanted = data.issues[
        data.issues["unique_id"].isin(rectangle.centres)
        & data.issues["issue"].between(
            pd.Timestamp(rectangle.first_day), pd.Timestamp(rectangle.last_day)
        )
    ]
    line = platform.registry.line(flow.name, measure)
    parts = [
        forecast_with(platform, flow, vintage, data, wanted[wanted["issue"].isin(days)], spec)
        for vintage, days in days_by_vintage(line, wanted["issue"])
    ]
    made = pd.concat(parts, ignore_index=True)
    closed = closed_weekdays(data.actuals, wanted) if flow.has_trading_days else {}
    frame = _as_rows(platform, flow, measure, _without_closed(made, closed))
    platform.store(ML_ROLE).replace(
        "ml.forecasts", frame, rectangle, equal={"flow": flow.name, "measure": measure}
    )
    counts = frame.groupby("model_version")["day"].nunique()
    left_out = {
        day: sum((day.weekday() + step) % 7 in weekdays for step in flow.horizons)
        for day, weekdays in closed.items()
    }
    steps = frame.groupby(["centre_id", "day"]).size().reset_index(name="horizons")
    return Issued(
        rows=len(frame),
        issues=len(steps),
        incomplete=sum(
            count != len(flow.horizons) - left_out.get(day, 0)
            for day, count in zip(steps["day"], steps["horizons"], strict=True)
        ),
        closed_targets=sum(left_out.values()),
        vintages=trained,
        issues_by_version={str(name): int(count) for name, count in counts.items()},
        shown=frame[(frame["centre_id"] == rectangle.centres[0]) & (frame["horizon"] == 1)],
    )


# Rows that are forecast and written at once, in days of all centres: bounds memory.
_ROWS_A_BLOCK = 1_000_000


def _issue_hours(
    platform: Platform,
    flow: SeriesFlow,
    measure: str,
    rectangle: Rectangle,
    refresh: Literal["missing", "stale"],
    progress: Progress,
) -> Issued:
    """Forecast every hour of every day of `rectangle`, a block of days at a time.

    Of the present day the hours that have begun. A run that ends with the present day, and is no
    backfill, adds the hours that have no forecasts yet: what was said this morning stands.
    """
    spec = spec_of(platform, flow, measure)
    months = months_between(rectangle.first_day, rectangle.last_day)
    trained = ensure_vintages(
        platform,
        flow,
        measure,
        months,
        lambda: read_for_training(platform, flow, measure, months[0], months[-1]),
        spec,
        refresh=refresh,
        progress=progress,
    )
    line = platform.registry.line(flow.name, measure)
    store, now = platform.store(ML_ROLE), pd.Timestamp(datetime.now(UTC)).floor("h")
    length = max(1, _ROWS_A_BLOCK // (24 * len(flow.horizons) * len(rectangle.centres)))
    rows = issues = incomplete = 0
    versions: dict[str, int] = {}
    shown = []
    for first in pd.date_range(rectangle.first_day, rectangle.last_day, freq=f"{length}D"):
        last = min(first + timedelta(days=length - 1), pd.Timestamp(rectangle.last_day))
        block = Rectangle(rectangle.centres, first.date(), last.date())
        since = _first_hour(store, flow, measure, block, now, refresh)
        hours = pd.date_range(since, last + timedelta(hours=23), freq="h")
        hours = hours[hours <= now.tz_localize(None)].as_unit("us")
        if hours.empty:
            continue
        data = read_for_hours(platform, flow, measure, block.centres, since.date(), last.date())
        parts = []
        for vintage, days in days_by_vintage(line, pd.Series(hours.normalize())):
            wanted = pd.MultiIndex.from_product(
                [block.centres, hours[hours.normalize().isin(days)]], names=["unique_id", "issue"]
            ).to_frame(index=False)
            wanted["issued_at"] = wanted["issue"].dt.tz_localize("UTC")
            parts.append(forecast_with(platform, flow, vintage, data, wanted, spec))
        frame = _as_rows(platform, flow, measure, pd.concat(parts, ignore_index=True))
        store.replace(
            "ml.forecasts",
            frame,
            block,
            equal={"flow": flow.name, "measure": measure},
            since=("issued_at", since.tz_localize("UTC").to_pydatetime()),
        )
        partitions = len(frame[["centre_id", "day"]].drop_duplicates())
        # An hour at which nothing had been known of a counter for four weeks has no forecast.
        steps = frame.groupby(["centre_id", "issued_at"], sort=False).size()
        rows, issues = rows + len(frame), issues + partitions
        incomplete += int((steps != len(flow.horizons)).sum())
        for name, count in frame.groupby("model_version")["day"].nunique().items():
            versions[str(name)] = versions.get(str(name), 0) + int(count)
        shown.append(frame[(frame["centre_id"] == rectangle.centres[0]) & (frame["horizon"] == 1)])
        if len(rectangle) > len(block):
            progress(f"{flow.name} {measure}: {first:%Y-%m-%d} to {last:%Y-%m-%d} forecast")
    return Issued(
        rows=rows,
        issues=issues,
        incomplete=incomplete,
        closed_targets=0,
        vintages=trained,
        issues_by_version=versions,
        shown=pd.concat(shown, ignore_index=True) if shown else pd.DataFrame(),
    )


def _first_hour(
    store: Store,
    flow: SeriesFlow,
    measure: str,
    block: Rectangle,
    now: pd.Timestamp,
    refresh: Literal["missing", "stale"],
) -> pd.Timestamp:
    """The first hour (naive UTC) of a block to forecast: its begin, or the next one of today."""
    if block.last_day < now.date() or block.days > 2 or refresh == "stale":
        return pd.Timestamp(block.first_day)
    newest = store.read(
        "select min(newest) as newest from (select max(issued_at) as newest from ml.forecasts"
        " where flow = %(flow)s and measure = %(measure)s and centre_id = any(%(centres)s)"
        " and day >= %(day)s group by centre_id) as each",
        {
            "flow": flow.name,
            "measure": measure,
            "centres": list(block.centres),
            "day": block.first_day,
        },
    )["newest"].iloc[0]
    if pd.isna(newest):
        return pd.Timestamp(block.first_day)
    return pd.Timestamp(newest).tz_localize(None) + timedelta(hours=1)


def _without_closed(made: pd.DataFrame, closed: Mapping[pd.Timestamp, set[int]]) -> pd.DataFrame:
    if not any(closed.values()):
        return made
    weekdays = pd.DatetimeIndex(made["ds"]).day_of_week
    kept = [
        weekday not in closed.get(pd.Timestamp(day), ())
        for day, weekday in zip(made["issue"], weekdays, strict=True)
    ]
    return made[kept]


def days_by_vintage(
    line: Sequence[Reign], days: pd.Series
) -> list[tuple[Vintage | None, list[pd.Timestamp]]]:
    """The days that each vintage of the line serves; None serves those before any."""
    groups: dict[str, tuple[Vintage | None, list[pd.Timestamp]]] = {}
    for day in sorted(days.unique()):
        vintage = vintage_for(line, pd.Timestamp(day).date())
        name = vintage.model_version if vintage else FALLBACK_VERSION
        groups.setdefault(name, (vintage, []))[1].append(day)
    return list(groups.values())


def forecast_with(
    platform: Platform,
    flow: SeriesFlow,
    vintage: Vintage | None,
    data: Any,
    issues: pd.DataFrame,
    spec: Any,
) -> pd.DataFrame:
    """What is said at `issues` where `vintage` serves: `FORECAST_COLUMNS` and model_version.

    Where it cannot forecast a series, the fallback does.
    """
    engine = series_engine_of(flow)
    if vintage is None:
        return _fallback(engine, data, issues, spec)
    made = engine.forecast(platform.registry.load(vintage), data, issues, spec)
    made = made.assign(model_version=vintage.model_version)
    if engine.covers_every_series:
        return made
    complete = made.dropna(subset=["prediction"])
    done = complete.groupby(["unique_id", "issue"]).size().reset_index(name="steps")
    left = issues.merge(done, on=["unique_id", "issue"], how="left")
    left = left[left["steps"].fillna(0) < len(spec.horizons)].drop(columns="steps")
    if left.empty:
        return complete
    short = complete.merge(
        left[["unique_id", "issue"]], on=["unique_id", "issue"], how="left", indicator=True
    )
    rest = _fallback(engine, data, left, spec)
    return pd.concat(
        [short[short["_merge"] == "left_only"].drop(columns="_merge"), rest], ignore_index=True
    )


def _fallback(engine: AnySeriesEngine, data: Any, issues: pd.DataFrame, spec: Any) -> pd.DataFrame:
    return engine.fallback_forecast(data, issues, spec).assign(model_version=FALLBACK_VERSION)


def _as_rows(
    platform: Platform, flow: SeriesFlow, measure: str, made: pd.DataFrame
) -> pd.DataFrame:
    zones = {centre.centre_id: centre.timezone for centre in platform.centres_of(flow)}
    rows = made.rename(columns={"unique_id": "centre_id", "issue": "day", "ds": "date"})
    rows["target_at"] = pd.Series(pd.NaT, index=rows.index, dtype="datetime64[us, UTC]")
    if flow.is_hourly:
        # Of an hour `ds` is its end, in UTC.
        rows["target_at"] = rows["date"].dt.tz_localize("UTC")
        rows["day"] = rows["day"].dt.normalize()
    for zone in set(zones.values()):
        here = rows["centre_id"].map(zones) == zone
        if flow.is_hourly:
            local = rows.loc[here, "target_at"].dt.tz_convert(zone).dt.tz_localize(None)
            rows.loc[here, "date"] = local.dt.normalize()
            continue
        rows.loc[here, "target_at"] = local_midnight(pd.DatetimeIndex(rows.loc[here, "date"]), zone)
    rows["flow"], rows["measure"] = flow.name, measure
    return rows[
        [
            "flow",
            "measure",
            "centre_id",
            "day",
            "date",
            "target_at",
            "horizon",
            "issued_at",
            "prediction",
            "lower_80",
            "upper_80",
            "lower_95",
            "upper_95",
            "model_version",
            *series_engine_of(flow).extra_columns,
        ]
    ]
