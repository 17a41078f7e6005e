"""Coverage of the bands when every centre's level changes at once, on the simulated world.

Counts are multiplied from one day on, which the models do not know. Prints the coverage of the 80 %
band over all horizons before the change, in the four weeks after it, and later.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
from simulated_world import forecast_window, world_data

from flow_platform.forecasting.daily.data import SeriesData, SeriesSpec
from flow_platform.models.metrics import summarise
from flow_platform.sources.centres import DEFAULT_CENTRES, read_centres
from flow_platform.sources.simulated_world import World

END = date(2026, 8, 31)
FACTORS = (0.7, 1.4)
HISTORY_DAYS, TESTED_DAYS, CHANGED_DAYS = 730, 120, 90
SETTLING_DAYS = 28
TARGET = (0.76, 0.84)


def shifted(data: SeriesData, day: pd.Timestamp, factor: float) -> SeriesData:
    """`data` with every count from `day` on multiplied by `factor`."""
    actuals = data.actuals.copy()
    later = actuals["ds"] >= day
    actuals["y"] = np.where(later, (actuals["y"] * factor).round(), actuals["y"])
    return replace(data, actuals=actuals)


def run(world: World, last: date, factor: float) -> list[dict[str, float]]:
    """Figures before the change, while it settles, and after."""
    changed = pd.Timestamp(last - timedelta(days=CHANGED_DAYS - 1))
    data = world_data(world, last - timedelta(days=HISTORY_DAYS - 1), last)
    data = shifted(data, changed, factor)
    made = forecast_window(data, last - timedelta(days=TESTED_DAYS - 1), last, SeriesSpec())
    rows = made.merge(data.actuals[["unique_id", "ds", "y"]], on=["unique_id", "ds"])
    settled = changed + pd.Timedelta(days=SETTLING_DAYS)
    # A forecast issued before the change of a day after it could not know: it is settling too.
    rows["when"] = np.select(
        [rows["ds"] < changed, rows["issue"] < settled], ["before", "settling"], "settled"
    )
    table = summarise(rows.assign(scale=np.nan), ["when"])
    columns = ["when", "n", "wape", "bias", "coverage_80", "coverage_95"]
    return [
        {"factor": factor, **{str(name): value for name, value in row.items()}}
        for row in table[columns].to_dict("records")
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--end", type=date.fromisoformat, default=END, help="last day")
    parser.add_argument("--factor", action="append", type=float, help="what counts become")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    world = World(read_centres(DEFAULT_CENTRES))
    found = []
    for factor in chosen.factor or FACTORS:
        found += run(world, chosen.end, factor)
        print(f"counts x {factor}: done", file=sys.stderr, flush=True)
    if chosen.json:
        print(json.dumps(found, indent=2))
        return
    print(pd.DataFrame(found).to_string(index=False, float_format="{:.3f}".format))
    print(f"target: 80 % bands cover {TARGET[0]:.2f} to {TARGET[1]:.2f} once settled")


if __name__ == "__main__":
    main()
