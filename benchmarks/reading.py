"""Reading and judging the real files of every flow: CPU seconds, balances, checksums of all rows.

With `--against TREE`, another checkout is measured in turn with this one: a ratio for each reader,
and whether its rows, rejected rows and balances are equal. Every measurement is a process.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from real_data import REAL_DATA

if TYPE_CHECKING:
    from flow_platform.ground.source_config import SourceConfig

ROOT, DATA = Path(__file__).resolve().parents[1], REAL_DATA
NOW = datetime(2026, 6, 1, 3, 30, tzinfo=UTC)
ROUNDS, REPETITIONS = 3, 3
Section = TypeVar("Section", bound="SourceConfig")


def digest(frames: list[Any]) -> str:
    """A checksum of the cells of some frames, whatever their types."""
    import pandas as pd

    found = hashlib.sha256()
    for frame in frames:
        for row in frame.astype(object).itertuples(index=False, name=None):
            cells = (
                None if cell is None or cell is pd.NA or cell != cell else str(cell) for cell in row
            )
            found.update(repr(tuple(cells)).encode())
    return found.hexdigest()[:16]


def readers() -> dict[str, Callable[[], tuple[list[Any], list[Any], tuple[Any, ...]]]]:
    """By name what gives the frames of rows, the frames of rejected rows, and the balances."""
    from flow_platform.flows.deliveries.options import DeliveriesSource
    from flow_platform.flows.deliveries.source import read_deliveries
    from flow_platform.flows.parcels.options import ParcelsSource
    from flow_platform.flows.retail.options import RetailSource
    from flow_platform.flows.retail.source import read_retail
    from flow_platform.flows.traffic.options import TrafficSource
    from flow_platform.flows.traffic.source import read_traffic
    from flow_platform.flows.trips.options import TripsSource
    from flow_platform.flows.trips.source import read_trips
    from flow_platform.flows.trips.zones import boroughs_of, read_zones
    from flow_platform.sources.centres import DEFAULT_CENTRES, Centre, read_centres
    from flow_platform.sources.daily_counts import discover_centres, read_daily_counts
    from flow_platform.sources.weather import fetch_weather
    from flow_platform.sources.weather_options import WeatherSource

    def config(section: type[Section], pattern: str, **keys: Any) -> Section:
        return section(kind="files", path=str(DATA / pattern), **keys)

    names = {"centre_id": "场地2", "day": "日期", "parcels": "货量"}
    lanes = config(ParcelsSource, "parcels/*.csv", columns=names)
    ids = discover_centres(lanes)
    sites = [Centre(one, one, None, None, None, None, None, "Asia/Shanghai", None) for one in ids]
    taxi = config(
        *(TripsSource, "trips/green*.parquet"), zones=str(DATA / "trips/taxi_zone_lookup.csv")
    )
    zones = read_zones(taxi)
    regions = ["SP", "RJ", "MG", "RS", "PR", "SC", "BA", "DF", "ES", "GO"]
    files = {"paris": "1", "lyon": "2", "marseille": "3", "lille": "4"}
    turn = iter(range(10_000))

    def landed(found: Any) -> tuple[list[Any], list[Any], tuple[Any, ...]]:
        return [found.rows], [found.rejected], found.files

    def parcels() -> Any:
        return landed(
            read_daily_counts(
                lanes, "parcels", sites, date(2021, 1, 1), date(2022, 6, 30), ids, now=NOW
            )
        )

    def retail() -> Any:
        days, countries = (date(2009, 12, 1), date(2010, 11, 30)), ["United Kingdom", "France"]
        source = config(RetailSource, "retail/*.parquet")
        return landed(read_retail(source, *days, countries, key=b"key", now=NOW, seed=1))

    def traffic() -> Any:
        # Judged files are remembered by their configuration.
        source = config(TrafficSource, "traffic/**/*.csv", timeout_seconds=10 + next(turn) / 1000)
        counters = ["4264", "191", "5672", "376"]
        days = date(2010, 1, 1), date(2023, 1, 1)
        return landed(read_traffic(source, [], *days, counters, now=NOW))

    def trips() -> Any:
        days = date(2022, 12, 25), date(2023, 3, 10)
        reading = read_trips(taxi, zones, "America/New_York", *days, boroughs_of(zones))
        blocks = list(reading.blocks())
        frames = [frame for block in blocks for file in block.rejected for frame in file.frames()]
        rejected = [frame.assign(day=frame["day"].astype(str).str[:10]) for frame in frames]
        return [block.rows for block in blocks], rejected, reading.files

    def deliveries() -> Any:
        import pandas as pd

        days, clock = (date(2016, 1, 1), date(2019, 1, 1)), "America/Sao_Paulo"
        reading = read_deliveries(
            config(DeliveriesSource, "deliveries"), *days, regions, timezone=clock, now=NOW
        )
        events = [(one.topic, one.body, one.file, one.line) for one in reading.events(*days)]
        rejects = [(one.reason, one.day, one.centre_id, one.payload) for one in reading.rejects()]
        return [pd.DataFrame(events)], [pd.DataFrame(rejects)], reading.balances()

    def weather() -> Any:
        source, centres = (
            config(WeatherSource, "weather/*.parquet", centres=files),
            read_centres(DEFAULT_CENTRES),
        )
        found = fetch_weather(source, centres, date(2021, 3, 1), date(2025, 6, 1), now=NOW)
        return [found.rows], [], tuple(found.warnings)

    return {one.__name__: one for one in (parcels, retail, traffic, trips, deliveries, weather)}


def measure(name: str) -> dict[str, Any]:
    read, best = readers()[name], float("inf")
    for _ in range(REPETITIONS):
        start = time.process_time()
        rows, rejected, files = read()
        best = min(best, time.process_time() - start)
    return {
        "seconds": best,
        "rows": sum(map(len, rows)),
        "sha256": digest(rows),
        "rejected": digest(rejected),
        "files": [str(one).replace(str(DATA), "") for one in files],
    }


def measured(name: str, tree: Path) -> dict[str, Any]:
    """One process's measurement with the platform of a tree."""
    command = [sys.executable, __file__, "--only", name]
    environment = {**os.environ, "PYTHONPATH": str(tree), "FLOW_REAL_DATA": str(DATA)}
    answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", type=Path, help="another checkout, measured in turn")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.only), default=str))
        return
    for name in ("parcels", "retail", "traffic", "trips", "deliveries", "weather"):
        trees = [tree for tree in (ROOT, options.against) if tree is not None]
        rounds = [[measured(name, tree) for tree in trees] for _ in range(ROUNDS)]
        best = [min(one["seconds"] for one in column) for column in zip(*rounds, strict=True)]
        ours, *others = rounds[0]
        print(f"{name}: {ours['rows']:,} rows, {best[0]:.3f} s CPU, {ours['sha256']}")
        for file in ours["files"]:
            print(f"    {file}")
        for other in others:
            same = all(ours[key] == other[key] for key in ("sha256", "rejected", "files"))
            print(f"    {best[0] / best[1]:.2f} of the other tree; rows are equal: {same}")


if __name__ == "__main__":
    main()
