"""Monthly files of trips as the official site writes them, of the simulated city, of any size.

What is measured with them is in the benchmarks of trips.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np
import pandas as pd

from flow_platform.flows.trips.context import NEW_YORK
from flow_platform.flows.trips.files import KILOMETRES_A_MILE
from flow_platform.flows.trips.simulator import City
from flow_platform.sources.simulated_world import World

# As many in a hundred as in the real months are no trips.
FAULTY = 0.06


def write_lookup(path: Path, city: City) -> None:
    """The zone lookup, with the two zones that are nowhere."""
    rows = [
        *((zone.zone_id, zone.borough, zone.zone, "Yellow Zone") for zone in city.zones),
        (264, "Unknown", "NV", "N/A"),
        (265, "N/A", "Outside of NYC", "N/A"),
    ]
    columns = ["LocationID", "Borough", "Zone", "service_zone"]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)


def write_files(folder: Path, rows: int, first_month: date, months: int, seed: int = 7) -> Path:
    """Monthly files of yellow trips, of about so many rows in all, and `zones.csv` next to them.

    Six rows in a hundred are faulty in one of five ways. Returns the path of the lookup.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    ends = [first_month]
    for _ in range(months):
        ends.append((ends[-1] + timedelta(days=32)).replace(day=1))
    city = City(NEW_YORK, World([NEW_YORK], seed), rows / (ends[-1] - ends[0]).days)
    write_lookup(folder / "zones.csv", city)
    for begin, end in pairwise(ends):
        writer: pq.ParquetWriter | None = None
        path = folder / f"yellow_tripdata_{begin:%Y-%m}.parquet"
        for part in _days(city, begin, end, seed):
            table = pa.Table.from_pandas(part, preserve_index=False)
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()
    return folder / "zones.csv"


def _days(city: City, begin: date, end: date, seed: int) -> Iterator[pd.DataFrame]:
    """The trips that begin on the local days from `begin` to before `end`, a week at a time."""
    held: list[pd.DataFrame] = []
    # A local day is part of two UTC days.
    for number in range((end - begin).days + 1):
        trips = city.trips(begin + timedelta(days=number))
        local = trips["pickup_at"].dt.tz_convert(city.place.timezone).dt.tz_localize(None)
        held.append(trips[(local >= pd.Timestamp(begin)) & (local < pd.Timestamp(end))])
        if len(held) == 7:
            yield _official(pd.concat(held), city, seed)
            held = []
    if sum(map(len, held)):
        yield _official(pd.concat(held), city, seed)


def _official(trips: pd.DataFrame, city: City, seed: int) -> pd.DataFrame:
    size = len(trips)
    random = np.random.default_rng([seed, size])

    def local(name: str) -> pd.Series:
        zone = city.place.timezone
        return trips[name].dt.tz_convert(zone).dt.tz_localize(None).dt.as_unit("us")

    frame = pd.DataFrame(
        {
            "VendorID": random.integers(1, 3, size).astype("int32"),
            "tpep_pickup_datetime": local("pickup_at"),
            "tpep_dropoff_datetime": local("dropoff_at"),
            "passenger_count": trips["passengers"].astype("int64"),
            "trip_distance": (trips["distance_km"] / KILOMETRES_A_MILE).round(2),
            "RatecodeID": np.ones(size, dtype="int64"),
            "store_and_fwd_flag": "N",
            "PULocationID": trips["pickup_zone"].astype("int32"),
            "DOLocationID": trips["dropoff_zone"].astype("int32"),
            "payment_type": random.integers(1, 3, size),
            "fare_amount": trips["fare"],
            "extra": 1.0,
            "mta_tax": 0.5,
            "tip_amount": (trips["total_amount"] - trips["fare"]).round(2),
            "tolls_amount": 0.0,
            "improvement_surcharge": 1.0,
            "total_amount": trips["total_amount"],
            "congestion_surcharge": 2.5,
            "Airport_fee": 0.0,
        }
    ).reset_index(drop=True)
    kinds = random.integers(0, 5, size)
    faulty = random.random(size) < FAULTY
    frame.loc[faulty & (kinds == 0), "trip_distance"] = 0.0
    frame.loc[faulty & (kinds == 1), "tpep_dropoff_datetime"] = frame["tpep_pickup_datetime"]
    frame.loc[faulty & (kinds == 2), "total_amount"] *= -1
    frame.loc[faulty & (kinds == 3), "PULocationID"] = 264
    frame.loc[faulty & (kinds == 4), "tpep_pickup_datetime"] = pd.Timestamp("2009-01-01")
    return frame
