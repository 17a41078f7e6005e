"""The demonstration: simulated days of every flow, the last of them predicted as they would have
been. Which days is the flow's own part `demo`.

The window is fixed at the first run and kept in FLOW_HOME, so that a later `flow demo` finds its
work done and changes no row.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.flows.catalogue import CATALOGUE
from flow_platform.flows.deliveries.flow import DELIVERIES
from flow_platform.flows.kinds import Flow
from flow_platform.flows.trips.flow import TRIPS
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import DASHBOARD_ROLE
from flow_platform.orchestration import dagster_instance, run_job
from flow_platform.partitions import range_tags, rectangle_tags
from flow_platform.parts import DemoWindow, parts_of
from flow_platform.platform import Platform
from flow_platform.sources.simulated_world import noise_floor

# Of orders placed so long ago nearly all have arrived.
ARRIVED_DAYS = 21

Tracker = Callable[[str], Callable[[int, int], None]]


@dataclass(frozen=True)
class DemoResult:
    """What the demo shows: tomorrow's forecasts, errors by horizon, ratio to the noise floor.

    `trips` has a row a model: how many trips of the last weeks, RMSE in minutes, R2, coverage.
    `deliveries` is of delivered orders that are old enough: how many, MAE in days, coverage, and
    the share that was late, among the tenth most at risk by the forecast and among the others.
    """

    last_day: date
    forecasts: pd.DataFrame
    errors: pd.DataFrame
    trips: pd.DataFrame
    deliveries: dict[str, float]
    wape_ratio: float
    rmse_ratio: float
    r2: float
    floor_rows: int
    was_done: bool
    seconds: float

    def as_json(self) -> dict[str, Any]:
        return {
            **{
                name: value
                for name, value in vars(self).items()
                if name not in ("forecasts", "errors", "trips")
            },
            "forecasts": json.loads(self.forecasts.to_json(orient="records", date_format="iso")),
            "errors": json.loads(self.errors.to_json(orient="records")),
            "trips": json.loads(self.trips.to_json(orient="records")),
        }


def run_demo(platform: Platform, track: Tracker, announce: Callable[[str], None]) -> DemoResult:
    """Bring the demo's window in and forecast it, unless that is done; then measure and report."""
    start = time.monotonic()
    platform.announce = announce
    path = platform.settings.home_path / "demo.json"
    state = json.loads(path.read_text()) if path.exists() else {}
    last_day = (
        date.fromisoformat(state["last_day"])
        if state
        else datetime.now(UTC).date() - timedelta(days=1)
    )
    shown = [flow.name for flow in _windows()]
    done = state.get("done") == shown
    if not done:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"last_day": str(last_day), "done": []}))
        _materialise(platform, track, last_day)
        path.write_text(json.dumps({"last_day": str(last_day), "done": shown}))
    return _measure(platform, last_day, done, start)


@dataclass(frozen=True)
class _Step:
    """One run of the demo: a job, its tags, and its title."""

    job: str
    tags: dict[str, str]
    title: str


def _windows() -> dict[Flow, DemoWindow]:
    """The flows that the demo shows, and which days of each."""
    found = {flow: parts_of(flow).demo for flow in CATALOGUE}
    return {flow: window for flow, window in found.items() if window is not None}


def _steps(platform: Platform, last_day: date) -> list[_Step]:
    steps = [_Step("foundation", {}, "Centres, calendar, views")]
    for flow, window in _windows().items():
        centres = platform.areas_of(flow)

        def days(count: int, centres: tuple[str, ...] = centres) -> dict[str, str]:
            first = last_day - timedelta(days=count - 1)
            return rectangle_tags(Rectangle(centres, first, last_day))

        steps.append(_Step(f"{flow.name}_history", days(window.loaded_days), window.loaded))
        if window.months_job is not None:
            first = last_day - timedelta(days=window.predicted_days - 1)
            months = range_tags(str(first.replace(day=1)), str(last_day.replace(day=1)))
            steps.append(_Step(f"{flow.name}_{window.months_job}", months, window.months))
        steps.append(_Step(f"{flow.name}_daily", days(window.predicted_days), window.predicted))
    return steps


def _materialise(platform: Platform, track: Tracker, last_day: date) -> None:
    with dagster_instance(platform) as instance:
        from flow_platform.definitions import build_definitions

        definitions = build_definitions(platform)
        for step in _steps(platform, last_day):
            run_job(platform, instance, definitions, step.job, step.tags, track(step.title))


def _measure(platform: Platform, last_day: date, was_done: bool, start: float) -> DemoResult:
    store = platform.store(DASHBOARD_ROLE)
    forecasts = store.read(
        "select date, centre_id, measure, prediction, lower_80, upper_80, model_version"
        " from published.latest_predictions where flow = 'parcels' and issued_on = %(day)s"
        " and horizon = 1 order by centre_id",
        {"day": last_day},
    )
    scored = store.read(
        "select centre_id, date as day, horizon, prediction, actual, covered_80"
        " from published.accuracy_daily where flow = 'parcels' and date <= %(day)s",
        {"day": last_day},
    )
    errors = pd.DataFrame(
        [
            {"horizon": horizon, **_figures(rows), "coverage_80": rows["covered_80"].mean()}
            for horizon, rows in scored.groupby("horizon")
            if horizon in (1, 2, 3, 7, 14)
        ]
    )
    next_day = scored[scored["horizon"] == 1]
    expected = platform.world.expected(
        platform.centre_ids, next_day["day"].min().date(), next_day["day"].max().date()
    )
    both = next_day.merge(expected, on=["centre_id", "day"])
    floor = noise_floor(both["actual"], both["expected"])
    own = _figures(both)
    return DemoResult(
        last_day=last_day,
        forecasts=forecasts,
        errors=errors,
        trips=_trips(platform, last_day),
        deliveries=_deliveries(platform, last_day),
        wape_ratio=own["wape"] / floor.wape,
        rmse_ratio=own["rmse"] / floor.rmse,
        r2=own["r2"],
        floor_rows=floor.n,
        was_done=was_done,
        seconds=time.monotonic() - start,
    )


def _predicted(flow: Flow) -> int:
    return _windows()[flow].predicted_days


def _trips(platform: Platform, last_day: date) -> pd.DataFrame:
    return platform.store(DASHBOARD_ROLE).read(
        "select model, count(*) as trips,"
        " sqrt(avg((predicted_minutes - actual_minutes) ^ 2)) as rmse,"
        " 1 - avg((predicted_minutes - actual_minutes) ^ 2) / var_pop(actual_minutes) as r2,"
        " avg((actual_minutes between lower_80 and upper_80)::integer)::double precision"
        " as coverage_80 from published.trip_predictions"
        " where day between %(first)s and %(last)s group by model order by model",
        {"first": last_day - timedelta(days=_predicted(TRIPS) - 1), "last": last_day},
    )


def _deliveries(platform: Platform, last_day: date) -> dict[str, float]:
    frame = platform.store(DASHBOARD_ROLE).read(
        "select count(*)::float8 as orders, avg(abs(predicted_days - actual_days)) as mae,"
        " avg((actual_days between lower_80 and upper_80)::integer)::float8 as coverage_80,"
        " avg(was_late::integer) filter (where tenth = 1)::float8 as late_if_risky,"
        " avg(was_late::integer) filter (where tenth > 1)::float8 as late_otherwise"
        " from (select *, ntile(10) over (order by late_probability desc, order_id) as tenth"
        " from published.delivery_predictions where stage = 'approved'"
        " and actual_days is not null and day between %(first)s and %(last)s) as predicted",
        {
            "first": last_day - timedelta(days=_predicted(DELIVERIES) - 1),
            "last": last_day - timedelta(days=ARRIVED_DAYS),
        },
    )
    return {str(name): float(value) for name, value in frame.iloc[0].items()}


def _figures(rows: pd.DataFrame) -> dict[str, float]:
    error = rows["prediction"] - rows["actual"]
    spread = ((rows["actual"] - rows["actual"].mean()) ** 2).sum()
    return {
        "wape": float(error.abs().sum() / rows["actual"].sum()),
        "rmse": float(np.sqrt((error**2).mean())),
        "r2": float(1 - (error**2).sum() / spread),
    }
