"""Homes of a few road counters, their files, and a `flow` command that grows few trees."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.assets.dbt import build_arguments, window_variables
from flow_platform.flows.traffic.simulator import simulated_readings
from flow_platform.flows.traffic.stage import load_traffic
from flow_platform.ground.rectangle import Rectangle
from flow_platform.platform import Platform
from flow_platform.settings import Settings
from tests.conftest import new_settings
from tests.integration.conftest import HEADER

# 30 March has 23 local hours; April is the first month with enough history for a vintage.
FIRST, LAST = date(2025, 2, 20), date(2025, 4, 3)
COUNTERS = ("101", "105", "107")
CENTRES = f"""{HEADER},daily_capacity
paris,Paris,48.86,2.35,FR,,C,Europe/Paris,40000
far,Montreal,45.5,-73.6,CA,QC,,America/Toronto,30000
"""
YEARLY = (
    "iu_ac,libelle,iu_nd_amont,libelle_nd_amont,iu_nd_aval,libelle_nd_aval,"
    "t_1h,q,k,etat_trafic,etat_barre"
)
STATES = {"open": 1, "barred": 2, "invalid": 3, "unknown": 0}
# The `flow` command with fewer trees: what is forecast is not at stake here, but how long it takes.
QUICK = (
    "-c",
    """
from functools import partial
from flow_platform.cli.app import main
from flow_platform.forecasting.hourly.data import HourlyBoosting, HourlySpec
from flow_platform.stages import hourly
hourly.HourlySpec = partial(HourlySpec, boosting=HourlyBoosting(rounds=20))
main()
""",
)


def readings(first: date, last: date, counters: tuple[str, ...] = COUNTERS) -> pd.DataFrame:
    return simulated_readings(7, counters, first, last)


def write_yearly(folder: Path, rows: pd.DataFrame, more: tuple[str, ...] = ()) -> None:
    """One file a counter, as Paris writes a year: local stamps without offset, numbers as text."""
    folder.mkdir(parents=True, exist_ok=True)
    for counter, own in rows.groupby("centre_id"):
        local = own["counted_at"].dt.tz_convert("Europe/Paris")
        lines = [
            f"{counter},Road,1,A,2,B,{stamp:%Y-%m-%d %H:%M:%S},{number(q)},{number(k)},1,{state}"
            for stamp, q, k, state in zip(
                local, own["vehicles"], own["occupancy"], own["state"].map(STATES), strict=True
            )
        ]
        # Backwards: the files of the city are in no order.
        own_more = [line for line in more if line.startswith(f"{counter},")]
        text = "\n".join([YEARLY, *reversed(lines), *own_more, ""])
        (folder / f"{counter}_2025.csv").write_text(text)


def number(value: float) -> str:
    return "" if np.isnan(value) else f"{value}"


def make_settings(home: Path, kind: str = "files", **more: Any) -> Settings:
    home.mkdir(parents=True, exist_ok=True)
    (home / "centres.csv").write_text(CENTRES)
    path = 'path = "in/*.csv"\n' if kind == "files" else ""
    (home / "sources.toml").write_text(f'[traffic]\nkind = "{kind}"\n{path}')
    given = {"first_day": FIRST, "centres": home / "centres.csv"} | more
    return new_settings(home, sources=home / "sources.toml", **given)


def read(platform: Platform, query: str) -> pd.DataFrame:
    return platform.store("admin").read(query)


def merge(platform: Platform, rectangle: Rectangle, *more: str) -> None:
    """Land and merge a rectangle of counters and days, without Dagster."""
    load_traffic(platform, rectangle)
    platform.dbt.run(
        platform.server, build_arguments(["merged__traffic", *more]), window_variables(rectangle)
    )
