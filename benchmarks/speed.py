"""Frame, fit and forecast against mlforecast with LightGBM: CPU seconds and memory, equal trees.

Simulated panels of several sizes, two years each; every measurement is a process of its own on one
thread. `bare` is what a point forecast takes; `banded` is a whole vintage with backtest and bands,
against mlforecast with conformal intervals of two windows.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import warnings

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd
from peers import calendar_features, global_learner, near_holidays

from flow_platform.forecasting.daily import candidates
from flow_platform.forecasting.daily.data import SeriesData, SeriesSpec
from flow_platform.forecasting.daily.engine import ENGINE
from flow_platform.forecasting.daily.forecasting import forecast
from flow_platform.forecasting.daily.frame import build_frame, feature_names
from flow_platform.models.boosters import Boosting
from flow_platform.models.trainer import Trainer

SIZES, DAYS = (100, 1000, 5000), 730
OURS = Boosting()
TREES = {
    "n_estimators": OURS.rounds,
    "learning_rate": OURS.learning_rate,
    "num_leaves": OURS.num_leaves,
    "min_child_samples": OURS.min_data_in_leaf,
}
TARGET, TARGET_MIB = 1.5, 4096


def panel(series: int) -> SeriesData:
    """Counts with weekly and yearly waves and noise, under the French calendar."""
    import holidays

    generator = np.random.default_rng(0)
    days = pd.date_range("2023-01-02", periods=DAYS)
    ids = [f"s{number:05d}" for number in range(series)]
    week = np.array([0, 0.05, 0.1, 0.08, 0.0, -0.4, -0.9])[days.dayofweek]
    wave = np.sin(2 * np.pi * np.arange(DAYS) / 365 + generator.uniform(0, 6, (series, 1)))
    log = generator.normal(7, 1, (series, 1)) + week * generator.uniform(0.7, 1.3, (series, 1))
    y = np.exp(log + 0.2 * wave + generator.normal(0, 0.12, (series, DAYS))).round()
    closing = (days + pd.Timedelta(days=1)).tz_localize("UTC")
    keys = {"unique_id": np.repeat(ids, DAYS), "ds": np.tile(days.to_numpy(), series)}
    ahead = pd.DataFrame({"ds": pd.date_range(days[0], periods=DAYS + 30)})
    france = holidays.country_holidays("FR", years=range(2023, 2026))
    ahead["holiday"] = [france.get(day) for day in ahead["ds"]]
    ahead = ahead.assign(event=None, is_bridge_day=False, is_school_holiday=False)
    ahead = ahead.join(near_holidays(ahead["ds"], list(france)))
    calendar = pd.concat([ahead] * series, ignore_index=True)
    calendar["unique_id"] = np.repeat(ids, len(ahead))
    known = pd.DataFrame(keys | {"y": y.ravel()})
    known["available_at"] = closing[np.tile(np.arange(DAYS), series)]
    issues = pd.DataFrame({"unique_id": keys["unique_id"], "issue": keys["ds"]})
    issues["issued_at"] = known["available_at"]
    return SeriesData(known, calendar, pd.DataFrame(), issues)


def measure(who: str, series: int) -> dict[str, float]:
    """CPU seconds of one way and the most memory of this process (MiB)."""
    data, spec = panel(series), SeriesSpec(weather=())
    last = data.issues["issue"].max()
    now = data.issues[data.issues["issue"] == last]
    import lightgbm  # noqa: F401  # its import is nobody's work

    started = time.process_time()
    if who == "bare":
        _bare(data, now, spec)
    elif who == "banded":
        cutoff = now["issued_at"].iloc[0] + pd.Timedelta(hours=1)
        model = Trainer(ENGINE).train("lightgbm", data, cutoff, spec)
        forecast(model.artefacts, data, now, spec, explained=False)
    else:
        _peer(data, last, max(spec.horizons), banded=who == "peer banded")
    used = time.process_time() - started
    return {"seconds": used, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _bare(data: SeriesData, now: pd.DataFrame, spec: SeriesSpec) -> None:
    limit = int(np.clip(len(data.actuals) // 15, *candidates.TRAINING_ROWS)) // len(spec.horizons)
    chosen = data.issues[candidates.spread(data.issues, limit)]
    frame = build_frame(data, chosen, spec.horizons, spec)
    features = feature_names(frame)
    memory = candidates.choose_memory(frame)
    rows = frame[candidates.learnable(frame, memory)]
    text = candidates.fit_lightgbm(rows, features, memory, spec)
    ahead = build_frame(data, now, spec.horizons, spec)
    candidates.predict_lightgbm(text, ahead, features, memory)


def _peer(data: SeriesData, last: pd.Timestamp, horizon: int, banded: bool) -> None:
    from mlforecast.utils import PredictionIntervals

    known = calendar_features(data.calendar)
    history = data.actuals[["unique_id", "ds", "y"]].merge(known, on=["unique_id", "ds"])
    learner = global_learner(**TREES)
    windows = PredictionIntervals(n_windows=2, h=horizon) if banded else None
    learner.fit(history, static_features=[], prediction_intervals=windows)
    ahead = known[known["ds"] > last]
    learner.predict(horizon, X_df=ahead, level=[80, 95] if banded else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", action="append", type=int, help="size of the panel")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    warnings.filterwarnings("ignore")
    if chosen.one:
        print(json.dumps(measure(chosen.one, chosen.series[0])))
        return
    found = []
    for series in chosen.series or SIZES:
        row: dict[str, float] = {"series": series}
        for who in ("bare", "peer bare", "banded", "peer banded"):
            command = [sys.executable, __file__, "--series", str(series), "--one", who]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            figures = json.loads(done.stdout.splitlines()[-1])
            row |= {f"{who} s": figures["seconds"], f"{who} MiB": figures["mib"]}
        for way in ("bare", "banded"):
            row[f"{way} ratio"] = row[f"{way} s"] / row[f"peer {way} s"]
        found.append(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
    if chosen.json:
        print(json.dumps(found, indent=2))
        return
    print(pd.DataFrame(found).T.to_string(float_format="{:.2f}".format, header=False))
    print(f"target: ratio at most {TARGET}, at most {TARGET_MIB} MiB with {SIZES[-1]} series")


if __name__ == "__main__":
    main()
