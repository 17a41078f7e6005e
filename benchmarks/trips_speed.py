"""2.3 million trips from raw files to trained models, against plain pandas and LightGBM.

The platform's side is one command, `flow train trips --from MONTH --load-from DAY`: every row
judged, landed in PostgreSQL, merged with calendar and zones, then three candidates for each of two
models, each backtested and fitted with its band. The plain side reads the same files into one
frame, drops what is no trip by the same bounds, and fits LightGBM's defaults once on zones, time
and weekday. Both are processes of their own with one thread for LightGBM; peak memory is that of
the process, without PostgreSQL. The files are made up in the yellow taxis' layout.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

PLAIN = """
import sys, lightgbm, pandas as pd
trips = pd.concat([pd.read_parquet(path) for path in sys.argv[1:]], ignore_index=True)
minutes = (trips.tpep_dropoff_datetime - trips.tpep_pickup_datetime).dt.total_seconds() / 60
kept = minutes.between(1, 180) & trips.trip_distance.between(0.01, 99) & (trips.fare_amount >= 0)
trips, minutes = trips[kept], minutes[kept]
at = trips.tpep_pickup_datetime.dt
frame = pd.DataFrame({
    "pickup": trips.PULocationID, "dropoff": trips.DOLocationID,
    "minute": at.hour * 60 + at.minute, "weekday": at.dayofweek,
})
lightgbm.LGBMRegressor(n_jobs=1, verbose=-1).fit(frame, minutes)
print(len(frame))
"""


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Seconds of a command and the peak memory (MiB) of its process."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command[:4]} failed with status {status}")
    assert isinstance(usage, resource.struct_rusage)
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main() -> None:
    from benchmarks.trip_files import write_files

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trips", type=int, default=2_300_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tsp") as scratch:
        folder = Path(scratch)
        write_files(folder, arguments.trips, date(2024, 1, 1), 2)
        files = sorted(str(path) for path in folder.glob("*.parquet"))
        (lookup,) = folder.glob("*.csv")
        sources = folder / "sources.toml"
        sources.write_text(
            f'[trips]\nkind = "files"\npath = "{folder}/*.parquet"\nzones = "{lookup}"\n'
        )
        environment = {name: v for name, v in os.environ.items() if not name.startswith("FLOW_")}
        environment |= {
            "FLOW_HOME": str(folder / "h"),
            "FLOW_SOURCES": str(sources),
            "FLOW_FIRST_DAY": "2024-01-01",
        }
        cli = [sys.executable, "-m", "flow_platform.cli"]
        plain = timed([sys.executable, "-c", PLAIN, *files], environment)
        try:
            # What an installation does once, before its first command.
            timed([*cli, "init"], environment)
            own = timed(
                [*cli, "train", "trips", "--from", "2024-03", "--load-from", "2024-01-01"],
                environment,
            )
        finally:
            subprocess.run([*cli, "down"], cwd=ROOT, env=environment)
    result = {
        "trips": arguments.trips,
        "seconds": own[0],
        "peak_mib": own[1],
        "plain_seconds": plain[0],
        "plain_peak_mib": plain[1],
        "ratio": own[0] / plain[0],
    }
    if arguments.json:
        print(json.dumps(result))
        return
    print(
        f"{arguments.trips:,} trips, raw to six vintages in one command: {own[0]:.0f} s,"
        f" {own[1]:,.0f} MiB\nplain pandas and LightGBM, one model: {plain[0]:.0f} s,"
        f" {plain[1]:,.0f} MiB\nratio {result['ratio']:.1f}"
    )


if __name__ == "__main__":
    main()
