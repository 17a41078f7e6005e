"""Hourly traffic of three arcs of Paris against named peers, on the same rows in the same run.

Everything is trained on what was known before July 2022 and forecasts the second half of that year,
one hour and 24 hours ahead. The platform's candidates are those of the flow; its champion is chosen
by the backtest before the cut-off. Nothing is written but the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np
import pandas as pd
from real_data import REAL_DATA, real_data

from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.flows.traffic.source import read_traffic
from flow_platform.forecasting.hourly.candidates import CANDIDATES
from flow_platform.forecasting.hourly.data import HourlyData, HourlySpec
from flow_platform.forecasting.hourly.engine import ENGINE
from flow_platform.forecasting.hourly.forecasting import forecast
from flow_platform.ground.local_time import local_midnight
from flow_platform.models.champions import choose_champion
from flow_platform.sources.calendar import build_calendar
from flow_platform.sources.events import read_events

ARCS = {"5672": "Convention", "4264": "Champs-Elysees", "376": "St-Antoine"}
ZONE = "Europe/Paris"
CUTOFF, END = "2022-07-01", "2022-12-31"
HORIZONS = (1, 24)
# Against hour of the week + AR(1), and against plain LightGBM, one hour ahead.
TARGETS = {"hour_of_week_ar1": 0.95, "plain_lightgbm": 0.98}


def arcs(folder: Path) -> HourlyData:
    """The three arcs, 2021 and 2022, with the calendar of Paris; no weather."""
    from flow_platform.flows.traffic.context import PARIS

    config = TrafficSource(kind="files", path=str(folder / "*_202*.csv"))
    landing = read_traffic(
        config, (), date(2021, 1, 1), date(2022, 12, 31), list(ARCS), now=datetime.now(UTC)
    )
    rows = landing.rows.sort_values(["centre_id", "counted_at", "source_file", "source_line"])
    rows = rows.drop_duplicates(["centre_id", "counted_at"], keep="last")
    actuals = pd.DataFrame(
        {
            "unique_id": rows["centre_id"],
            "ds": pd.DatetimeIndex(rows["counted_at"]).tz_convert("UTC").tz_localize(None),
            "y": rows["vehicles"],
            "occupancy": rows["occupancy"],
            "barred": rows["state"] == "barred",
            "available_at": rows["available_at"],
        }
    ).reset_index(drop=True)
    calendar = build_calendar((PARIS,), read_events(None, (PARIS,)), date(2020, 12, 1))
    calendar = calendar.rename(columns={"centre_id": "place"})
    calendar["event_known_at"] = local_midnight(pd.DatetimeIndex(calendar["day"]), ZONE)
    places = pd.DataFrame({"unique_id": list(ARCS), "place": PARIS.centre_id, "timezone": ZONE})
    return HourlyData(actuals, places, calendar[calendar["day"] < "2023-02-01"], pd.DataFrame())


def wide(data: HourlyData) -> pd.DataFrame:
    """Readings by hour (UTC) and counter; NaN where there is none."""
    hours = pd.date_range(data.actuals["ds"].min(), data.actuals["ds"].max(), freq="h")
    return data.actuals.pivot(index="ds", columns="unique_id", values="y").reindex(hours)


def hour_of_week_ar1(y: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """Mean of the local hour of the week plus AR(1) of the residual, fitted before the cut-off."""
    local = (pd.DatetimeIndex(y.index) - pd.Timedelta(hours=1)).tz_localize("UTC").tz_convert(ZONE)
    slot = np.asarray(local.day_of_week * 24 + local.hour)
    before = y.index < CUTOFF
    made = {}
    for name in y.columns:
        values = y[name]
        mean = values[before].groupby(slot[before]).mean().reindex(slot).to_numpy()
        residual = values - mean
        now, after = residual.shift(1)[before], residual[before]
        both = now.notna() & after.notna()
        share = float((now * after)[both].sum() / (now[both] ** 2).sum())
        made[name] = mean + share**horizon * residual.shift(horizon).fillna(0.0)
    return pd.DataFrame(made)


def plain_lightgbm(y: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """LightGBM as it comes, with lags, hour, weekday and month, one model for all counters."""
    import lightgbm

    local = (pd.DatetimeIndex(y.index) - pd.Timedelta(hours=1)).tz_localize("UTC").tz_convert(ZONE)
    parts = []
    for number, name in enumerate(y.columns):
        lags = sorted({horizon, horizon + 1, horizon + 2, 24, 48, 168} - set(range(horizon)))
        part = pd.DataFrame({f"lag_{lag}": y[name].shift(lag) for lag in lags})
        part["hour"], part["weekday"], part["month"] = local.hour, local.day_of_week, local.month
        part["counter"], part["y"], part["unique_id"] = number, y[name], name
        parts.append(part)
    rows = pd.concat(parts)
    features = [name for name in rows if name not in ("y", "unique_id")]
    learned = rows[rows["y"].notna() & (rows.index < CUTOFF)]
    model = lightgbm.LGBMRegressor(n_jobs=1, verbosity=-1, random_state=1)
    model.fit(learned[features], learned["y"], categorical_feature=["counter"])
    rows["made"] = model.predict(rows[features])
    return rows.pivot(columns="unique_id", values="made")


def seasonal_naive(y: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """The reading of a week before."""
    return y.shift(168)


def persistence(y: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """The reading at the issue."""
    return y.shift(horizon)


PEERS = {
    "hour_of_week_ar1": hour_of_week_ar1,
    "plain_lightgbm": plain_lightgbm,
    "seasonal_naive": seasonal_naive,
    "persistence": persistence,
}


def candidates(data: HourlyData, spec: HourlySpec) -> tuple[pd.DataFrame, str]:
    """What each candidate says of the test hours, and who is champion at the cut-off."""
    hours = pd.date_range(CUTOFF, END, freq="h").as_unit("us")
    issues = pd.MultiIndex.from_product([list(ARCS), hours], names=["unique_id", "issue"])
    wanted = issues.to_frame(index=False)
    wanted["issued_at"] = wanted["issue"].dt.tz_localize("UTC")
    metrics, made = {}, []
    prepared = ENGINE.prepare(data, pd.Timestamp(CUTOFF, tz="UTC"), spec)
    for name in CANDIDATES:
        trained = ENGINE.train(name, prepared)
        metrics[name] = trained.metrics
        predicted = forecast(trained.artefacts, data, wanted, spec)
        made.append(predicted[predicted["horizon"].isin(HORIZONS)].assign(model=name))
    return pd.concat(made, ignore_index=True), choose_champion(metrics, CANDIDATES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="machine-readable figures")
    arguments = parser.parse_args()
    if real_data("traffic", "convention_2022.csv") is None:
        return
    folder = REAL_DATA / "traffic"
    started = time.perf_counter()
    data, spec = arcs(folder), HourlySpec()
    y = wide(data)
    predicted, champion = candidates(data, spec)
    rows = predicted.merge(data.actuals[["unique_id", "ds", "y"]], on=["unique_id", "ds"])
    rows = rows[rows["y"].notna()]
    for name, peer in PEERS.items():
        for horizon in HORIZONS:
            made = peer(y, horizon).rename_axis(index="ds", columns="unique_id").reset_index()
            table = made.melt(id_vars="ds", value_name="prediction")
            some = rows.loc[rows["model"] == champion, ["unique_id", "issue", "ds", "horizon", "y"]]
            some = some[some["horizon"] == horizon].merge(table, on=["ds", "unique_id"])
            rows = pd.concat([rows, some.assign(model=name)], ignore_index=True)
    # Hours for which all have a forecast, so that every error is of the same hours.
    keys = ["unique_id", "ds", "horizon"]
    known = rows[rows["prediction"].notna()].groupby(keys)["model"].nunique()
    both = known[known == rows["model"].nunique()].reset_index()[keys]
    rows = rows.merge(both, on=keys)
    rows["error"] = (rows["prediction"] - rows["y"]).abs()
    rows["inside"] = rows["y"].between(rows["lower_80"], rows["upper_80"])
    mae = rows.groupby(["horizon", "model"])["error"].mean()
    own = rows[rows["model"] == champion]
    result: dict[str, Any] = {
        "champion": champion,
        "hours": {h: int((own["horizon"] == h).sum()) for h in HORIZONS},
        "mae": {h: {m: round(float(v), 3) for m, v in mae[h].items()} for h in HORIZONS},
        "per_counter": {
            h: {
                ARCS[str(name)]: round(float(value), 2)
                for name, value in own[own["horizon"] == h]
                .groupby("unique_id")["error"]
                .mean()
                .items()
            }
            for h in HORIZONS
        },
        "ratios": {
            h: {peer: round(float(mae[h][champion] / mae[h][peer]), 3) for peer in PEERS}
            for h in HORIZONS
        },
        "coverage_80": {
            h: round(float(own.loc[own["horizon"] == h, "inside"].mean()), 3) for h in HORIZONS
        },
        "seconds": round(time.perf_counter() - started),
    }
    if arguments.json:
        print(json.dumps(result))
        return
    print(f"traffic: three arcs, {CUTOFF} to {END}, champion {champion}")
    for h in HORIZONS:
        print(
            f"  {h} h ahead, {result['hours'][h]:,} hours,"
            f" 80 % band covers {result['coverage_80'][h]:.1%}"
        )
        for name, value in sorted(result["mae"][h].items(), key=lambda pair: pair[1]):
            ratio = mae[h][champion] / value
            target = f" (target {TARGETS[name]})" if h == 1 and name in TARGETS else ""
            print(f"    {name:<18} MAE {value:8.2f}   champion / it {ratio:.3f}{target}")
        print(f"    champion by arc    {result['per_counter'][h]}")
    print(f"  {result['seconds']} s")


if __name__ == "__main__":
    main()
