"""Trips as the official files write them, for several tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from flow_platform.flows.trips.options import TripsSource
from flow_platform.flows.trips.source import TripReading, read_trips
from flow_platform.flows.trips.zones import Zone, boroughs_of
from flow_platform.sources.landing import rejected_frame

NEW_YORK = "America/New_York"
JANUARY = (date(2023, 1, 1), date(2023, 1, 31))
ZONES = (
    Zone(1, "Newark Airport", "EWR"),
    Zone(4, "Alphabet City", "Manhattan"),
    Zone(7, "Astoria", "Queens"),
    Zone(264, "NV", None),
    Zone(265, "NA", None),
)


def trip(pickup: str = "2023-01-10 12:00:00", minutes: float = 20.0, **other: Any) -> dict:
    """A row of a green file: a trip of twenty minutes; `other` replaces or adds values."""
    begin = pd.Timestamp(pickup)
    return {
        "VendorID": 2,
        "lpep_pickup_datetime": begin,
        "lpep_dropoff_datetime": begin + pd.Timedelta(minutes=minutes),
        "store_and_fwd_flag": "N",
        "PULocationID": 4,
        "DOLocationID": 7,
        "passenger_count": 1.0,
        "trip_distance": 4.0,
        "fare_amount": 20.0,
        "total_amount": 25.0,
        **other,
    }


def write(path: Path, rows: Sequence[Mapping[str, Any]], **types: pa.DataType) -> Path:
    """A Parquet file of rows; `types` say how columns are kept."""
    table = pa.Table.from_pandas(pd.DataFrame(list(rows)), preserve_index=False)
    for name, kind in types.items():
        table = table.set_column(
            table.column_names.index(name), name, table[name].cast(kind, safe=False)
        )
    pq.write_table(table, path)
    return path


def reading(
    folder: Path,
    first: date = JANUARY[0],
    last: date = JANUARY[1],
    *,
    pattern: str = "*",
    centres: Sequence[str] | None = None,
    zones: Sequence[Zone] = ZONES,
    timezone: str = NEW_YORK,
    **config: Any,
) -> tuple[pd.DataFrame, pd.DataFrame, TripReading]:
    """The trips and the rejects of a folder, and the reading with its tallies."""
    source = TripsSource(kind="files", path=str(folder / pattern), zones="unread.csv", **config)
    found = read_trips(source, zones, timezone, first, last, centres or boroughs_of(zones))
    blocks = list(found.blocks())
    assert blocks[0].first_day == first and blocks[-1].last_day == last
    for block, following in pairwise(blocks):
        assert (following.first_day - block.last_day).days == 1
    rows = pd.concat([block.rows for block in blocks], ignore_index=True)
    files = [file for block in blocks for file in block.rejected]
    frames = [frame for file in files for frame in file.frames()]
    rejected = pd.concat([rejected_frame([]), *frames], ignore_index=True)
    for file in found.files:
        assert file.rows_read == file.rows_stored + file.rows_quarantined
    assert sum(file.rows_stored for file in found.files) == len(rows)
    assert sum(file.rows_quarantined for file in found.files) == len(rejected)
    assert sum(found.rejected.values()) == len(rejected)
    return rows, rejected, found
