"""Trips as compact arrays, their identity, and as rows of raw.trips.

Which rows are trips is decided in `judging.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd

from flow_platform.flows.trips.files import NO_PASSENGERS

COLUMNS = (
    "trip_id",
    "centre_id",
    "day",
    "service",
    "pickup_at",
    "dropoff_at",
    "pickup_zone",
    "dropoff_zone",
    "distance_km",
    "passengers",
    "total_amount",
    "available_at",
    "source_file",
    "source_line",
)

# A good row, in 60 bytes: times in microseconds of UTC, `centre` and `file` places in their lists.
TRIP = np.dtype(
    [
        ("pickup", "i8"),
        ("dropoff", "i8"),
        ("hash", "u8"),
        ("km", "f8"),
        ("total", "f8"),
        ("line", "i8"),
        ("pickup_zone", "i4"),
        ("dropoff_zone", "i4"),
        ("file", "i4"),
        ("centre", "i2"),
        ("passengers", "i2"),
    ]
)


# -- the identity of a trip ------------------------------------------------------------------------


def _mixed(value: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every bit moves all others."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def _salt(text: str) -> np.uint64:
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "big"))


def hashed(
    trips: np.ndarray, fare: np.ndarray, service: str, boroughs: Sequence[str]
) -> np.ndarray:
    """A uint64 for each of some TRIPs, made of the content of its row."""
    columns = [
        # Another borough or clock is another partition, and must not clash with its rows.
        np.array([_salt(borough) for borough in boroughs], dtype="u8")[trips["centre"]],
        *(trips[name] for name in ("pickup", "dropoff", "pickup_zone", "dropoff_zone", "km")),
        fare,
        trips["total"],
        trips["passengers"],
    ]
    found = np.full(len(trips), _salt(service), dtype="u8")
    for column in columns:
        if column.dtype.kind == "f":
            # One zero, one not-a-number: what is equal has equal bits.
            column = np.where(np.isnan(column), np.nan, column + 0.0).astype("f8").view("u8")
        found = _mixed(found * np.uint64(3) + column.astype("u8") + np.uint64(0x9E3779B97F4A7C15))
    return found


def numbered(found: np.ndarray, files: np.ndarray | None = None) -> np.ndarray:
    """The hashes, with the second, third ... of equal ones made different by their number, in each
    of the `files` by itself."""
    if files is None:
        files = np.zeros(len(found), dtype="i4")
    order = np.lexsort((files, found))
    ordered, of_file = found[order], files[order]
    new = np.ones(len(found), dtype=bool)
    new[1:] = (ordered[1:] != ordered[:-1]) | (of_file[1:] != of_file[:-1])
    if new.all():
        return found
    place = np.arange(len(found))
    number = np.empty(len(found), dtype="u8")
    number[order] = place - np.maximum.accumulate(np.where(new, place, 0))
    return np.where(number == 0, found, _mixed(found + number))


_HEX = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), dtype="S2")


def trip_ids(pickup: np.ndarray, hashes: np.ndarray) -> pd.Series:
    """Ids of 24 hexadecimal digits: the second of the pickup, then the hash.

    The time comes first so that the index of a table of trips grows at its end.
    """
    import pyarrow as pa

    raw = np.empty((len(pickup), 12), dtype="u1")
    raw[:, :4] = (pickup // 1_000_000).astype(">u4").view("u1").reshape(-1, 4)
    raw[:, 4:] = hashes.astype(">u8").view("u1").reshape(-1, 8)
    texts = pa.Array.from_buffers(
        pa.string(),
        len(pickup),
        [
            None,
            pa.py_buffer(np.arange(0, 24 * len(pickup) + 1, 24, dtype="i4")),
            pa.py_buffer(np.ascontiguousarray(_HEX[raw]).tobytes()),
        ],
    )
    return pd.Series(texts, dtype=pd.ArrowDtype(pa.string()))


def rows_of(
    trips: np.ndarray, boroughs: Sequence[str], services: Sequence[str], files: Sequence[str]
) -> pd.DataFrame:
    """Some TRIPs as rows of raw.trips: `boroughs` are what their `centre` counts, `services` and
    `files` what their `file` does.
    """
    passengers = pd.array(trips["passengers"], dtype="Int16")
    passengers[trips["passengers"] == NO_PASSENGERS] = pd.NA
    pickup, dropoff = (
        pd.DatetimeIndex(np.ascontiguousarray(trips[name]).view("M8[us]"))
        for name in ("pickup", "dropoff")
    )
    return pd.DataFrame(
        {
            "trip_id": trip_ids(trips["pickup"], trips["hash"]),
            "centre_id": _texts(trips["centre"], boroughs),
            "day": pickup.normalize(),
            "service": _texts(trips["file"], services),
            "pickup_at": pickup.tz_localize("UTC"),
            "dropoff_at": dropoff.tz_localize("UTC"),
            "pickup_zone": trips["pickup_zone"],
            "dropoff_zone": trips["dropoff_zone"],
            "distance_km": trips["km"],
            "passengers": passengers,
            "total_amount": trips["total"],
            "available_at": dropoff.tz_localize("UTC"),
            "source_file": _texts(trips["file"], files),
            "source_line": trips["line"],
        },
        columns=list(COLUMNS),
    )


def _texts(codes: np.ndarray, names: Sequence[str]) -> pd.Series:
    import pyarrow as pa

    found = pa.DictionaryArray.from_arrays(
        pa.array(codes.astype("i4")), pa.array(list(names), pa.string())
    )
    return pd.Series(found.cast(pa.string()), dtype=pd.ArrowDtype(pa.string()))
