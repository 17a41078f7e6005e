"""Monthly files of trips to raw.trips: rows a second, and the memory it takes.

Files of the official schema are made of the simulated city; they land on a real PostgreSQL in a
home of their own, once into an empty table and once over the rows that are there.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

FIRST_MONTH = date(2023, 1, 1)
TARGET_SECONDS = 120


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_300_000)
    parser.add_argument("--months", type=int, default=2)
    arguments = parser.parse_args()
    from benchmarks.trip_files import write_files
    from flow_platform.flows.trips.flow import TRIPS
    from flow_platform.flows.trips.loading import load_trips, load_zones
    from flow_platform.ground.rectangle import Rectangle
    from flow_platform.platform import Platform
    from flow_platform.settings import Settings
    from flow_platform.warehouse import embedded
    from flow_platform.warehouse.migrate import migrate
    from flow_platform.warehouse.server import create_roles_and_databases

    with tempfile.TemporaryDirectory(prefix="flow", dir="/tmp") as name:
        home = Path(name)
        write_files(home, arguments.rows, FIRST_MONTH, arguments.months)
        (home / "sources.toml").write_text(
            '[trips]\nkind = "files"\npath = "*.parquet"\nzones = "zones.csv"\n'
        )
        platform = Platform(Settings(home=home, sources=home / "sources.toml"))
        try:
            create_roles_and_databases(platform.server)
            migrate(platform.server)
            load_zones(platform)
            last = FIRST_MONTH + timedelta(days=31 * arguments.months)
            rectangle = Rectangle(platform.centre_ids_of(TRIPS), FIRST_MONTH, last)
            before = _peak_mib()
            for title in ("into an empty table", "over the rows that are there"):
                begun, used = time.perf_counter(), time.process_time()
                balance = load_trips(platform, rectangle)
                seconds = time.perf_counter() - begun
                print(
                    f"{title}: {balance.rows_in_files:,} rows in {seconds:.1f} s"
                    f" ({balance.rows_in_files / seconds:,.0f} a second; this process alone"
                    f" {time.process_time() - used:.1f} s), stored {balance.rows_stored:,},"
                    f" rejected {balance.rejected}"
                )
                print(f"  peak memory {_peak_mib():,.0f} MiB, {before:,.0f} MiB before it began")
            if seconds > TARGET_SECONDS:
                print(f"FAIL: more than {TARGET_SECONDS} s")
                sys.exit(1)
        finally:
            embedded.stop(home)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
