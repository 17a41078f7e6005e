"""A year of five centres through every stage: the command's cost against plain function calls.

In a home of its own: (1) `flow backfill` of 5 centres x 365 days, everything in one Dagster run;
(2) the same stages again as plain functions on the same database. Prints seconds, seconds an
asset-partition and the ratio; the difference, an asset-partition, is what orchestration costs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from flow_platform.assets.dbt import build_arguments, window_variables
from flow_platform.automation.jobs import stage_keys
from flow_platform.flows.parcels.flow import PARCELS
from flow_platform.flows.parcels.stage import load_parcels
from flow_platform.ground.rectangle import Rectangle
from flow_platform.orchestration import prepare, set_environment
from flow_platform.platform import Platform
from flow_platform.settings import PROJECT_ROOT, Settings
from flow_platform.stages.calendar import load_calendar
from flow_platform.stages.drift import measure_rectangle
from flow_platform.stages.predictions import predict
from flow_platform.stages.weather import load_weather
from flow_platform.warehouse import embedded


def plain_functions(platform: Platform, rectangle: Rectangle) -> float:
    """Every stage of the rectangle without Dagster; returns seconds."""
    start = time.perf_counter()
    load_calendar(platform)
    load_weather(platform, rectangle)
    load_parcels(platform, rectangle)
    for model in ("merged__parcels", None, "monitoring__parcels_accuracy"):
        if model is None:
            predict(platform, PARCELS, rectangle, refresh="stale")
            continue
        platform.dbt.run(platform.server, build_arguments([model]), window_variables(rectangle))
    measure_rectangle(platform, PARCELS, rectangle)
    return time.perf_counter() - start


def new_platform(folder: Path) -> Platform:
    platform = Platform(Settings(home=folder))
    prepare(platform)
    set_environment(platform)
    return platform


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="first", type=date.fromisoformat, default=date(2025, 1, 1))
    parser.add_argument("--to", dest="last", type=date.fromisoformat, default=date(2025, 12, 31))
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="flow", dir="/tmp"))
    scratch.chmod(0o755)
    try:
        plain = new_platform(scratch / "plain")
        rectangle = Rectangle(plain.centre_ids, chosen.first, chosen.last)
        functions = plain_functions(plain, rectangle)
        new_platform(scratch / "run")
        start = time.perf_counter()
        subprocess.run(
            [
                *(sys.executable, "-m", "flow_platform.cli", "backfill", "parcels"),
                *("--from", str(chosen.first), "--to", str(chosen.last)),
            ],
            cwd=PROJECT_ROOT,
            env={**os.environ, "FLOW_HOME": str(scratch / "run")},
            check=True,
        )
        command = time.perf_counter() - start
    finally:
        for name in ("plain", "run"):
            embedded.stop(scratch / name)
        shutil.rmtree(scratch, ignore_errors=True)
    partitions = len(rectangle) * len(stage_keys(PARCELS))
    result = {
        "asset_partitions": partitions,
        "command_seconds": round(command, 1),
        "functions_seconds": round(functions, 1),
        "command_seconds_per_asset_partition": round(command / partitions, 5),
        "ratio_to_plain_functions": round(command / functions, 3),
        "orchestration_ms_per_asset_partition": round((command - functions) / partitions * 1000, 2),
    }
    print(json.dumps(result, indent=None if chosen.json else 2))


if __name__ == "__main__":
    main()
