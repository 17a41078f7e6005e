"""What the demonstration shows of the predictions that it made: how right they were.

How they are made is in `running.py`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.demo.plan import newest_day, windows
from flow_platform.flows.catalogue import SERIES_FLOWS
from flow_platform.flows.deliveries.flow import DELIVERIES
from flow_platform.flows.kinds import Flow
from flow_platform.flows.trips.flow import TRIPS
from flow_platform.ground.roles import DASHBOARD_ROLE
from flow_platform.platform import Platform
from flow_platform.sources.simulated_world import noise_floor

# Of orders placed so long ago nearly all have arrived.
ARRIVED_DAYS = 21


@dataclass(frozen=True)
class DemoResult:
    """What the demo shows: tomorrow's forecasts, errors by horizon, ratio to the noise floor.

    `forecasts`, `errors` and the ratios are of parcels. `series` has a row for each measure of
    every flow of series, one step ahead: WAPE, the share inside the 80 % interval, and the error
    over that of the value a season before (`mase`). `trips` has a row for each model: how many
    trips of the last weeks, RMSE in minutes, R2, coverage. `deliveries` is of delivered orders that
    are old enough: how many, MAE in days, coverage, and the late share of the tenth with the
    highest risk and of the others. `steps` has the seconds of each step that was made just now, in
    the order in which they ended.
    """

    last_day: date
    forecasts: pd.DataFrame
    errors: pd.DataFrame
    series: pd.DataFrame
    trips: pd.DataFrame
    deliveries: dict[str, float]
    wape_ratio: float
    rmse_ratio: float
    r2: float
    floor_rows: int
    was_done: bool = False
    seconds: float = 0.0
    steps: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The same with rows in place of frames."""
        shown: dict[str, Any] = dict(vars(self))
        for name, value in shown.items():
            if isinstance(value, pd.DataFrame):
                shown[name] = json.loads(value.to_json(orient="records", date_format="iso"))
        return shown


def measure(platform: Platform, last_day: date) -> DemoResult:
    """How right the predictions of the demo's window were, up to `last_day`."""
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
        series=_series(platform),
        trips=_trips(platform, last_day),
        deliveries=_deliveries(platform, last_day),
        wape_ratio=own["wape"] / floor.wape,
        rmse_ratio=own["rmse"] / floor.rmse,
        r2=own["r2"],
        floor_rows=floor.n,
    )


def _series(platform: Platform) -> pd.DataFrame:
    return platform.store(DASHBOARD_ROLE).read(
        "select flow, measure, n, wape, mase, coverage_80 from published.accuracy"
        " where centre_id = '*' and horizon = 1 and flow = any(%(flows)s) order by flow, measure",
        {"flows": [flow.name for flow in SERIES_FLOWS]},
    )


def _first_predicted(flow: Flow, last_day: date) -> date:
    return newest_day(flow, last_day) - timedelta(days=windows()[flow].predicted.days - 1)


def _trips(platform: Platform, last_day: date) -> pd.DataFrame:
    return platform.store(DASHBOARD_ROLE).read(
        "select model, count(*) as trips,"
        " sqrt(avg((predicted_minutes - actual_minutes) ^ 2)) as rmse,"
        " 1 - avg((predicted_minutes - actual_minutes) ^ 2) / var_pop(actual_minutes) as r2,"
        " avg((actual_minutes between lower_80 and upper_80)::integer)::double precision"
        " as coverage_80 from published.trip_predictions"
        " where day between %(first)s and %(last)s group by model order by model",
        {"first": _first_predicted(TRIPS, last_day), "last": last_day},
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
            "first": _first_predicted(DELIVERIES, last_day),
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
