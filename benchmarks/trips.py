"""Arrival times of New York's green taxis: January 2023 trains, February tests, against LightGBM.

The platform loads, merges, trains and scores in a home of its own, as `flow backfill trips` does.
Then plain LightGBM (its defaults, minutes as the target) is fitted in this process on the same
January trips and predicts the same February trips, twice: from the inputs themselves (zones, time,
holiday, and the distance where it is an input of the model), and from all columns that the platform
makes of them. Months are the city's own. Real data: ../shared/data/trips or FLOW_REAL_DATA.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from flow_platform.flows.trips.context import TripsContext

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np
import pandas as pd
from real_data import real_data

TARGET = 0.98
INPUTS = ("pickup_zone", "dropoff_zone", "local_minute", "weekday", "is_public_holiday")
SOURCES = """[trips]
kind = "files"
path = "{folder}/green_tripdata_2023-0[12].parquet"
zones = "{folder}/taxi_zone_lookup.csv"
"""


def figures(y: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """RMSE and MAE in minutes, and R2."""
    from flow_platform.models.metrics import mae, r2, rmse

    return {"rmse": rmse(y, predicted), "mae": mae(y, predicted), "r2": r2(y, predicted)}


def plain(train: np.ndarray, minutes: np.ndarray, test: np.ndarray) -> np.ndarray:
    """LightGBM as it comes, with one thread."""
    import lightgbm

    model = lightgbm.LGBMRegressor(n_jobs=1, verbose=-1).fit(train, minutes)
    return np.asarray(model.predict(test))


def measure(home: Path, folder: Path) -> dict[str, Any]:
    """Run the platform, then its rivals on the trips that it kept."""
    sources = home / "sources.toml"
    home.mkdir(parents=True, exist_ok=True)
    sources.write_text(SOURCES.format(folder=folder))
    os.environ |= {
        "FLOW_HOME": str(home),
        "FLOW_SOURCES": str(sources),
        "FLOW_FIRST_DAY": "2022-12-01",
    }
    command = ["backfill", "trips", "--from", "2022-12-31", "--to", "2023-03-01"]
    subprocess.run([sys.executable, "-m", "flow_platform.cli", *command], check=True, cwd=ROOT)

    from flow_platform.flows.trips.models.data import trips_of
    from flow_platform.flows.trips.models.history import Expanding, Table, columns, features
    from flow_platform.models.moments import naive
    from flow_platform.platform import Platform
    from flow_platform.settings import Settings

    platform = Platform(Settings())
    store = platform.store("flow_ml")
    trips = store.read("select * from merged.trips order by pickup_at, trip_id")
    scores = store.read(
        "select trip_id, model, predicted_minutes, lower_80, upper_80 from ml.trips_scores"
    )
    local = trips["local_day"]
    city = platform.kept(TripsContext)
    cutoff = pd.Timestamp("2023-02-01", tz=city.place.timezone)
    known = trips_of(trips[trips["available_at"] < cutoff], city.zone_frame)
    tested = trips[(local >= "2023-02-01") & (local <= "2023-02-28")]
    tested = tested.sort_values(["pickup_at", "trip_id"], kind="stable")
    asked = trips_of(tested, city.zone_frame)
    y = tested["minutes"].to_numpy()
    short = y <= 60
    result: dict[str, Any] = {"trips": len(trips), "trained": len(known), "tested": len(tested)}
    for model in ("default", "planned_distance"):
        has_distance = model == "planned_distance"
        own = tested[["trip_id"]].merge(scores[scores["model"] == model], on="trip_id", how="left")
        assert own["predicted_minutes"].notna().all(), "every kept trip has a score"
        predicted = own["predicted_minutes"].to_numpy()
        names = columns(has_distance)
        inputs = [names.index(name) for name in INPUTS]
        inputs += [names.index("planned_km")] if has_distance else []
        # As its vintage was trained: each trip with what was known when its own day began.
        learned = features(known.inputs, Expanding(known, known.day), has_distance)
        shown = features(asked.inputs, Table.of(known), has_distance)
        assert (known.pickup_at < naive(cutoff)).all()
        on_inputs = plain(learned[:, inputs], known.minutes, shown[:, inputs])
        on_columns = plain(learned, known.minutes, shown)
        usual = np.exp(shown[:, names.index("pair_log_minutes")])
        row: dict[str, Any] = {
            "platform": figures(y, predicted)
            | {
                "coverage_80": float(
                    ((y >= own["lower_80"].to_numpy()) & (y <= own["upper_80"].to_numpy())).mean()
                ),
                "mean_width_80": float((own["upper_80"] - own["lower_80"]).mean()),
            },
            "platform, trips up to an hour": figures(y[short], predicted[short]),
            "plain LightGBM, same inputs": figures(y, on_inputs),
            "plain LightGBM, the platform's columns": figures(y, on_columns),
            "mean of the zone pair": figures(y, usual),
        }
        row["ratio"] = row["platform"]["rmse"] / row["plain LightGBM, same inputs"]["rmse"]
        row["ratio_columns"] = (
            row["platform"]["rmse"] / row["plain LightGBM, the platform's columns"]["rmse"]
        )
        result[model] = row
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, help="Keep the home here; without it a temporary one.")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    folder = real_data("trips")
    if folder is None:
        return
    with tempfile.TemporaryDirectory(prefix="trips") as scratch:
        home = arguments.home or Path(scratch) / "home"
        try:
            result = measure(home, folder)
        finally:
            subprocess.run([sys.executable, "-m", "flow_platform.cli", "down"], cwd=ROOT)
    if arguments.json:
        print(json.dumps(result))
        return
    print(f"{result['trained']} trips trained, {result['tested']} tested")
    for model in ("default", "planned_distance"):
        print(f"\n{model}")
        for name, row in result[model].items():
            if isinstance(row, dict):
                shown = "  ".join(f"{key} {value:.4f}" for key, value in row.items())
                print(f"  {name:<40} {shown}")
        print(
            f"  RMSE over plain LightGBM: {result[model]['ratio']:.3f} with the same inputs"
            f" (target {TARGET}), {result[model]['ratio_columns']:.3f} with the platform's columns"
        )


if __name__ == "__main__":
    main()
