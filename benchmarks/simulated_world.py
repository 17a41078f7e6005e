"""One day ahead on the simulated world, against its own noise floor, for several ends of history.

No database: simulator, feature frame, candidates and champion as the platform uses them. Prints a
line a window and the ratio over all of them; a window is 60 days after about two years of history.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date, timedelta

import numpy as np
import pandas as pd
from peers import champion_of

from flow_platform.flows.parcels.flow import PARCELS
from flow_platform.forecasting.daily.data import CALENDAR_LOOKAHEAD, SeriesData, SeriesSpec
from flow_platform.forecasting.daily.engine import ENGINE
from flow_platform.forecasting.daily.forecasting import forecast
from flow_platform.ground.periods import cutoff_of, issue_times, months_between
from flow_platform.models.trainer import Trainer
from flow_platform.sources.calendar import build_calendar
from flow_platform.sources.centres import DEFAULT_CENTRES, read_centres
from flow_platform.sources.simulated_world import World, noise_floor

ENDS = (date(2025, 6, 30), date(2025, 9, 30), date(2025, 12, 31), date(2026, 3, 31))
HISTORY_DAYS, FORECAST_DAYS = 730, 60


def world_data(world: World, first: date, last: date) -> SeriesData:
    """Two years of the world as the platform would know them."""
    centres = world.centres
    ids = [centre.centre_id for centre in centres]
    reach = last + timedelta(days=14 + CALENDAR_LOOKAHEAD)
    calendar = build_calendar(centres, world.events(), first - timedelta(days=10), reach)
    weather = pd.concat(
        [world.weather_observed(ids, first, last), world.weather_forecast(ids, first, last)]
    )
    parcels = world.parcels(ids, first, last)
    return SeriesData(
        actuals=parcels.rename(columns={"centre_id": "unique_id", "day": "ds", "parcels": "y"}),
        calendar=calendar.rename(columns={"centre_id": "unique_id", "day": "ds"}),
        weather=weather.drop(columns=["day", "lead_days"]).rename(
            columns={"centre_id": "unique_id", "target_day": "ds"}
        ),
        issues=issue_times({c.centre_id: c.timezone for c in centres}, first, last),
    )


def forecast_window(data: SeriesData, start: date, last: date, spec: SeriesSpec) -> pd.DataFrame:
    """Forecasts of each day from `start` to `last` by the champion of its month."""
    made = []
    leading: str | None = None
    trainer = Trainer(ENGINE)
    for month in months_between(start, last):
        trained = {
            name: trainer.train(name, data, cutoff_of(month), spec) for name in PARCELS.candidates
        }
        leading = champion_of(leading, trained, spec)
        champion = trained[leading]
        days = data.issues["issue"]
        mine = data.issues[
            days.between(pd.Timestamp(max(start, month)), pd.Timestamp(last))
            & (days.dt.to_period("M") == str(month)[:7])
        ]
        rows = forecast(champion.artefacts, data, mine, spec, explained=False)
        made.append(rows.assign(who=champion.candidate))
    return pd.concat(made, ignore_index=True)


def one_window(world: World, last: date, spec: SeriesSpec) -> pd.DataFrame:
    """One-step forecasts of the last 60 days, with actual and expected counts."""
    data = world_data(world, last - timedelta(days=HISTORY_DAYS - 1), last)
    start = last - timedelta(days=FORECAST_DAYS - 1)
    steps = forecast_window(data, start, last, spec)
    expected = world.expected([c.centre_id for c in world.centres], start, last)
    expected = expected.rename(columns={"centre_id": "unique_id", "day": "ds"})
    return (
        steps[steps["horizon"] == 1]
        .merge(data.actuals[["unique_id", "ds", "y"]], on=["unique_id", "ds"])
        .merge(expected, on=["unique_id", "ds"])
    )


def figures(rows: pd.DataFrame) -> dict[str, float]:
    """Ratios of WAPE and RMSE to the noise floor on the same rows, R2 and band coverage."""
    floor = noise_floor(rows["y"], rows["expected"])
    error = rows["prediction"] - rows["y"]
    spread = float(((rows["y"] - rows["y"].mean()) ** 2).sum())
    inside = rows["y"].between(rows["lower_80"], rows["upper_80"])
    return {
        "n": len(rows),
        "wape": float(error.abs().sum() / rows["y"].sum()),
        "wape_ratio": float(error.abs().sum() / rows["y"].sum() / floor.wape),
        "rmse_ratio": float(np.sqrt((error**2).mean()) / floor.rmse),
        "r2": 1 - float((error**2).sum()) / spread,
        "coverage_80": float(inside.mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--end", action="append", type=date.fromisoformat, help="last day")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    world = World(read_centres(DEFAULT_CENTRES))
    everything, results = [], {}
    for last in chosen.end or ENDS:
        rows = one_window(world, last, SeriesSpec())
        everything.append(rows)
        results[str(last)] = figures(rows)
        who = ", ".join(sorted(set(rows["who"])))
        print(_line(str(last), results[str(last)], who), file=sys.stderr)
    results["all"] = figures(pd.concat(everything))
    print(json.dumps(results, indent=2) if chosen.json else _line("all", results["all"], ""))


def _line(name: str, f: dict[str, float], who: str) -> str:
    return (
        f"{name:>10}  WAPE {f['wape']:.3f} = {f['wape_ratio']:.3f} x floor"
        f"  RMSE {f['rmse_ratio']:.3f} x floor  R2 {f['r2']:.3f}"
        f"  80 % band covers {f['coverage_80']:.2f}  {who}"
    )


if __name__ == "__main__":
    main()
