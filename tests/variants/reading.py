"""What each flow's reader makes of a table that is written in some way, against the true one.

The reader is the one that a load uses; the true rows are those that it gives of plain CSV, which
the tests of each flow hold.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from flow_platform.evaluation.panel_file import read_panel_file
from flow_platform.flows.deliveries.options import DeliveriesSource
from flow_platform.flows.deliveries.source import read_deliveries
from flow_platform.flows.parcels.options import ParcelsSource
from flow_platform.flows.retail.options import RetailSource
from flow_platform.flows.retail.source import read_retail
from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.flows.traffic.source import read_traffic
from flow_platform.flows.trips.options import TripsSource
from flow_platform.flows.trips.source import read_trips
from flow_platform.flows.trips.zones import Zone, boroughs_of
from flow_platform.ground.errors import FlowError
from flow_platform.sources.daily_counts import read_daily_counts
from flow_platform.sources.landing import FileBalance
from flow_platform.sources.weather import fetch_weather
from flow_platform.sources.weather_options import WeatherSource
from tests.unit.sources.samples import NOW, plain_centre
from tests.variants import tables
from tests.variants.writing import TrueTable, Way, date_format, drawn_way, write

SPAN = (date(2005, 1, 2), date(2026, 5, 1))
ZONES = (Zone(4, "Alphabet City", "Manhattan"), Zone(7, "Astoria", "Queens"))


@dataclass(frozen=True)
class Read:
    """What a reader made of files: its rows, without where they are from; how many rows it refused,
    and the sentences of files and rows that it refused."""

    rows: Counter[Any]
    rejected: int = 0
    refusals: tuple[str, ...] = ()
    repeated: int = 0


@dataclass(frozen=True)
class Outcome:
    """How a way of writing was read.

    `equal`: the rows are the true ones. `refused`: none was stored, and sentences say why.
    `partial`: some rows are missing, and all of these are in quarantine. `wrong`: anything else.
    """

    verdict: str
    way: Way
    words: tuple[str, ...]


def _counted(
    frame: pd.DataFrame, leave: Iterable[str] = ("source_file", "source_line")
) -> Counter[Any]:
    kept = frame.drop(columns=[name for name in leave if name in frame])
    texts = kept.astype(object).where(kept.notna(), "").astype(str)
    return Counter(texts.itertuples(index=False, name=None))


def _read(
    rows: pd.DataFrame, reasons: Sequence[str], files: Sequence[FileBalance], **more: Any
) -> Read:
    errors = [file.error for file in files if file.error is not None]
    words = dict.fromkeys([*errors, *reasons])
    repeated = sum(file.rows_repeated for file in files)
    return Read(_counted(rows, **more), len(reasons), tuple(words), repeated)


def _parcels(folder: Path, keys: dict[str, Any]) -> Read:
    config = ParcelsSource(kind="files", path=str(folder / "*"), **keys)
    centres = [plain_centre(one) for one in tables.CENTRES]
    found = read_daily_counts(config, "parcels", centres, *SPAN, tables.CENTRES, now=NOW)
    return _read(found.rows, found.rejected["reason"].tolist(), found.files)


def _traffic(folder: Path, keys: dict[str, Any]) -> Read:
    config = TrafficSource(kind="files", path=str(folder / "*"), time_zone=tables.PARIS, **keys)
    found = read_traffic(config, [], *SPAN, tables.COUNTERS, now=NOW)
    return _read(found.rows, found.rejected["reason"].tolist(), found.files)


def _retail(folder: Path, keys: dict[str, Any]) -> Read:
    config = RetailSource(kind="files", path=str(folder / "*"), **keys)
    found = read_retail(config, *SPAN, tables.COUNTRIES, key=b"k", now=NOW, seed=1)
    return _read(found.rows, found.rejected["reason"].tolist(), found.files)


def _trips(folder: Path, keys: dict[str, Any]) -> Read:
    config = TripsSource(kind="files", path=str(folder / "*"), zones="unread.csv", **keys)
    reading = read_trips(config, ZONES, tables.NEW_YORK, *SPAN, boroughs_of(ZONES))
    blocks = list(reading.blocks())
    frames = [frame for one in blocks for file in one.rejected for frame in file.frames()]
    reasons = [reason for frame in frames for reason in frame["reason"]]
    # A source that is refused as a whole gives no block.
    rows = pd.concat([pd.DataFrame(), *(one.rows for one in blocks)], ignore_index=True)
    return _read(rows, reasons, reading.files)


def _deliveries(folder: Path, keys: dict[str, Any]) -> Read:
    config = DeliveriesSource(kind="files", path=str(folder), **keys)
    reading = read_deliveries(config, *SPAN, tables.REGIONS, timezone=tables.SAO_PAULO, now=NOW)
    events = Counter(json.dumps(one.body, sort_keys=True) for one in reading.events(*SPAN))
    balances = reading.balances()
    reasons = [one.reason for one in reading.rejects()]
    errors = [file.error for file in balances if file.error is not None]
    repeated = sum(file.rows_repeated for file in balances)
    return Read(events, len(reasons), tuple(dict.fromkeys([*errors, *reasons])), repeated)


def _weather(folder: Path, keys: dict[str, Any]) -> Read:
    names = ("centre_id", "day", "temperature_mean", "precipitation_mm")
    columns = {name: name for name in names}
    config = WeatherSource(kind="files", path=str(folder / "*"), columns=columns, **keys)
    centres = [plain_centre(one) for one in tables.CENTRES]
    found = fetch_weather(config, centres, *SPAN, now=NOW)
    read = _read(found.rows, found.rejected["reason"].tolist(), found.files)
    return replace(read, refusals=(*read.refusals, *found.warnings))


def _panel(folder: Path, _: dict[str, Any]) -> Read:
    frames = [read_panel_file(path, "D") for path in sorted(folder.iterdir())]
    return Read(_counted(pd.concat(frames)))


@dataclass(frozen=True)
class Reader:
    """A reader of files, the tables that it is tried with, and the kinds of files it has."""

    tables: Callable[[int], dict[str, TrueTable]]
    read: Callable[[Path, dict[str, Any]], Read]
    is_of_days: bool = False
    containers: tuple[str, ...] = ("csv", "csv", "xlsx", "parquet")
    # Other columns may be in a file of the panel; parts of it are files of their own.
    has_parts: bool = True
    # Which tables have one number for each centre and day, so that they may be written wide.
    can_be_wide: Callable[[int], bool] = lambda _: False


READERS: dict[str, Reader] = {
    "parcels": Reader(
        tables.parcels, _parcels, is_of_days=True, can_be_wide=lambda number: number % 3 == 0
    ),
    "traffic": Reader(tables.traffic, _traffic),
    "retail": Reader(tables.retail, _retail),
    "trips": Reader(tables.trips, _trips),
    "deliveries": Reader(tables.deliveries, _deliveries),
    "weather": Reader(tables.weather, _weather, is_of_days=True),
    "panel": Reader(
        tables.panel, _panel, is_of_days=True, containers=("csv", "csv", "parquet"), has_parts=False
    ),
}


def _written_and_read(reader: Reader, number: int, way: Way) -> Read:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for stem, table in reader.tables(number).items():
            write(folder, stem, table, way)
        try:
            return reader.read(folder, date_format(way, is_day=reader.is_of_days))
        except FlowError as error:
            return Read(Counter(), refusals=(str(error),))


def outcome(name: str, number: int) -> Outcome:
    """How the reader of this name reads its table of this number, written in the way of it."""
    reader = READERS[name]
    can_be_wide = reader.can_be_wide(number)
    way = drawn_way(number, reader.containers, can_be_wide=can_be_wide)
    if not reader.has_parts:
        # Ids of a panel are the texts that it has: no other file names them.
        way = replace(way, parts="one", float_ids=False)
    true = _written_and_read(reader, number, Way())
    assert true.rows and not true.refusals, f"plain CSV is not read: {true.refusals}"
    found = _written_and_read(reader, number, way)
    return Outcome(_verdict(true, found, way, len(reader.tables(number))), way, found.refusals)


def _verdict(true: Read, found: Read, way: Way, files: int) -> str:
    parts = 1 if way.parts == "one" else 2
    totals = parts * files if "totals" in way.dressing else 0
    if found.rows == true.rows:
        return "equal" if found.rejected <= totals else "wrong"
    if not found.rows:
        return "refused" if found.refusals else "wrong"
    missing, more = true.rows - found.rows, found.rows - true.rows
    return "partial" if found.rejected and missing and not more else "wrong"
