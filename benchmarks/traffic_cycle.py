"""One hour's forecast cycle of thousands of counters, end to end, as the hourly schedule runs it.

A grid of counters with several months of readings is put into a home of its own; one vintage is
trained; then a new hour arrives, and the job `traffic_daily` runs for the present day: readings
landed, merged, forecast 1 to 24 hours ahead with bands, and measured. Nothing is simulated but the
readings.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np
import pandas as pd

TARGET_SECONDS = 300


def counters_csv(path: Path, count: int) -> list[str]:
    """A file of counters on a grid over Paris; returns their ids."""
    side = int(np.ceil(np.sqrt(count)))
    rows = [
        (str(n), f"Arc {n}", 48.81 + (n // side) * 0.10 / side, 2.25 + (n % side) * 0.17 / side)
        for n in range(1, count + 1)
    ]
    frame = pd.DataFrame(rows, columns=["centre_id", "name", "latitude", "longitude"])
    frame.to_csv(path, index=False)
    return [row[0] for row in rows]


def readings(ids: list[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    """Readings of every hour after `first` up to `last` (UTC), as raw.traffic holds them."""
    random = np.random.default_rng(4)
    hours = pd.date_range(first, last, freq="h", tz="UTC", inclusive="right")
    local = (hours - pd.Timedelta(hours=1)).tz_convert("Europe/Paris")
    week = np.asarray(local.day_of_week * 24 + local.hour)
    shape = np.exp(0.8 * np.sin((np.asarray(local.hour) - 7) / 24 * 2 * np.pi))
    shape = shape * np.where(np.asarray(local.day_of_week) >= 5, 0.7, 1.0)
    shared = np.convolve(random.normal(0, 0.03, len(hours) + 48), 0.85 ** np.arange(49))[
        48 : 48 + len(hours)
    ]
    parts = []
    for number, name in enumerate(ids):
        level = 50 * (1 + number % 40)
        own = np.exp(random.normal(0, 0.12, 168))[week]
        noise = np.exp(shared + random.normal(0, 0.1, len(hours)))
        vehicles = np.round(level * shape * own * noise)
        parts.append(
            pd.DataFrame(
                {
                    "centre_id": name,
                    "counted_at": hours,
                    "vehicles": vehicles,
                    "occupancy": np.clip(vehicles / (level * 2.5) * 20, 0, 95).round(2),
                }
            )
        )
    frame = pd.concat(parts, ignore_index=True)
    frame["day"] = frame["counted_at"].dt.tz_localize(None).dt.normalize()
    frame["state"], frame["available_at"] = "open", frame["counted_at"]
    frame["event_id"] = frame["centre_id"] + frame["counted_at"].dt.strftime("@%Y%m%d%H")
    frame["source_file"], frame["source_line"] = "benchmark", 1
    return frame


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counters", type=int, default=3000)
    parser.add_argument("--days", type=int, default=150, help="days of history")
    arguments = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="fc"))
    ids = counters_csv(home / "counters.csv", arguments.counters)
    (home / "sources.toml").write_text('[traffic]\nkind = "mqtt"\ncounters = "counters.csv"\n')
    now = pd.Timestamp(datetime.now(UTC)).floor("h")
    first = (now - timedelta(days=arguments.days)).normalize()
    os.environ.update(
        FLOW_HOME=str(home / "h"),
        FLOW_SOURCES=str(home / "sources.toml"),
        FLOW_FIRST_DAY=f"{first:%Y-%m-%d}",
    )
    from flow_platform.assets.dbt import build_arguments, window_variables
    from flow_platform.definitions import build_definitions
    from flow_platform.flows.traffic.flow import TRAFFIC
    from flow_platform.ground.rectangle import Rectangle
    from flow_platform.orchestration import dagster_instance, ensure_foundation, run_job
    from flow_platform.partitions import rectangle_tags
    from flow_platform.platform import Platform
    from flow_platform.settings import Settings
    from flow_platform.warehouse import embedded
    from flow_platform.warehouse.store import copy_rows

    platform = Platform(Settings())
    try:
        with dagster_instance(platform) as instance:
            ensure_foundation(platform, instance, build_definitions)
            definitions = platform.kept(build_definitions)
            areas = platform.areas_of(TRAFFIC)
            print(f"{len(ids):,} counters in {len(areas)} areas, {arguments.days} days", flush=True)
            store = platform.store("flow_ingest")
            started = time.perf_counter()
            rows = 0
            for start in range(0, len(ids), 300):
                part = readings(ids[start : start + 300], first, now - timedelta(hours=1))
                with store.connect() as connection, connection.cursor() as cursor:
                    copy_rows(cursor, "raw.traffic", part)
                rows += len(part)
            print(
                f"history put in: {rows:,} rows, {time.perf_counter() - started:.0f} s", flush=True
            )
            started = time.perf_counter()
            everything = Rectangle(platform.centre_ids_of(TRAFFIC), first.date(), now.date())
            platform.dbt.run(
                platform.server,
                build_arguments(["merged__traffic"]),
                window_variables(everything),
            )
            print(f"history merged: {time.perf_counter() - started:.0f} s", flush=True)
            today = Rectangle(areas, now.date(), now.date())
            started = time.perf_counter()
            run_job(platform, instance, definitions, "traffic_daily", rectangle_tags(today))
            print(
                f"first run of the day, vintages trained: {time.perf_counter() - started:.0f} s,"
                f" {now.hour} issues",
                flush=True,
            )
            # The next hour arrives: the last issue is taken back, as if it had not come yet.
            now = pd.Timestamp(datetime.now(UTC)).floor("h")
            with platform.store("admin").connect() as connection:
                connection.execute("delete from ml.forecasts where issued_at >= %s", (now,))
                connection.execute("delete from raw.traffic where counted_at >= %s", (now,))
            newest = readings(ids, now - timedelta(hours=1), now)
            started = time.perf_counter()
            with store.connect() as connection, connection.cursor() as cursor:
                copy_rows(cursor, "raw.traffic", newest)
            run = run_job(platform, instance, definitions, "traffic_daily", rectangle_tags(today))
            seconds = time.perf_counter() - started
            made = platform.store("flow_dashboard").read(
                "select count(*) as rows, count(distinct centre_id) as counters"
                " from published.predictions where flow = 'traffic' and issued_at = %(now)s",
                {"now": now},
            )
            for step in instance.get_run_step_stats(run):
                if step.start_time and step.end_time:
                    print(f"  {step.step_key:<32} {step.end_time - step.start_time:6.1f} s")
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            print(
                f"one hour's cycle: {seconds:.0f} s (target {TARGET_SECONDS}),"
                f" {int(made['rows'].iloc[0]):,} forecasts of {int(made['counters'].iloc[0]):,}"
                f" counters; peak memory of the process {memory:.1f} GiB"
            )
    finally:
        embedded.stop(platform.settings.home_path)


if __name__ == "__main__":
    main()
