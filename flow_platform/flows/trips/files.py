"""Files of trips, opened, and the columns that a trip is made of, typed.

Whether a row is a trip is decided in `judging.py`; names of columns are in `layouts.py`, the days
of a file in `spans.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.flows.trips.layouts import is_header
from flow_platform.flows.trips.moments import Moments, TripDates, moments_of, plain
from flow_platform.flows.trips.options import TripsSource
from flow_platform.sources.amounts import amount
from flow_platform.sources.files import FileUnreadableError, Kind, kind_of
from flow_platform.sources.parts import Parts, open_parts, unreadable
from flow_platform.sources.tables import Column, Table, clean_text

KILOMETRES_A_MILE = 1.609344

# What represents nothing in columns of integers; of times it is NO_TIME.
NO_ZONE = np.int64(-1)
NO_PASSENGERS = -1


@dataclass(frozen=True)
class TripColumns:
    """The columns of a part that a trip is made of; `fare` and `total` NaN where there is none.
    `is_odd` is whether one of them is a text that is no amount."""

    pickup: Moments
    dropoff: Moments
    pickup_zone: np.ndarray
    dropoff_zone: np.ndarray
    km: np.ndarray
    fare: np.ndarray
    total: np.ndarray
    passengers: np.ndarray
    is_odd: np.ndarray

    def __len__(self) -> int:
        return len(self.km)


def open_trips(path: Path, config: TripsSource) -> Parts:
    """A file of trips, to be read in parts. Raises FileUnreadableError, here or in reading it."""
    if kind_of(path) in (Kind.WORKBOOK, Kind.OTHER_WORKBOOK):
        raise FileUnreadableError(
            f"is a {path.suffix.casefold()} workbook, which is not read in parts. Save it as"
            " Parquet or CSV."
        )
    return open_parts(path, config, lambda names: is_header(names, config))


# -- typed columns -------------------------------------------------------------------------------


def columns_of(table: Table, config: TripsSource, dates: TripDates) -> TripColumns:
    """The columns of a part. Raises FileUnreadableError where one is of another kind."""
    import pyarrow as pa

    try:
        return _columns_of(table, config, dates)
    except pa.ArrowException as error:
        raise unreadable(error) from error


def zones_of(table: Table, config: TripsSource) -> tuple[np.ndarray, np.ndarray]:
    """The zones of pickups and drop-offs of a part, as in `TripColumns`.

    Raises FileUnreadableError where one is of another kind.
    """
    pickup, dropoff = (
        _zones(_numbers(table.column(ours), table.header[ours], config)[0])
        for ours in ("pickup_zone", "dropoff_zone")
    )
    return pickup, dropoff


def pickups_of(table: Table, dates: TripDates) -> Moments:
    """The pickups of a part.

    Raises FileUnreadableError where the column is of another kind, OrderNeededError where that
    order matters and was not sought.
    """
    import pyarrow as pa

    try:
        return moments_of(table, "pickup_at", dates)
    except pa.ArrowException as error:
        raise unreadable(error) from error


def _columns_of(table: Table, config: TripsSource, dates: TripDates) -> TripColumns:
    def numbers(ours: str) -> np.ndarray:
        column = table.get(ours)
        if column is None:
            return np.full(len(table), np.nan)
        return _numbers(column, table.header[ours], config)[0]

    def amounts(ours: str) -> tuple[np.ndarray, np.ndarray]:
        column = table.get(ours)
        if column is None:
            return np.full(len(table), np.nan), np.zeros(len(table), dtype=bool)
        return _numbers(column, table.header[ours], config)

    def moments(ours: str) -> Moments:
        return moments_of(table, ours, dates)

    if "distance_km" in table.header:
        km = numbers("distance_km")
    else:
        km = numbers("distance_miles") * KILOMETRES_A_MILE
    passengers = numbers("passengers")
    (fare, odd_fare), (total, odd_total) = amounts("fare"), amounts("total")
    with np.errstate(invalid="ignore"):
        counted = (passengers >= 0) & (passengers <= 1000)
    return TripColumns(
        moments("pickup_at"),
        moments("dropoff_at"),
        _zones(numbers("pickup_zone")),
        _zones(numbers("dropoff_zone")),
        # To 10 cm: further digits show only how miles were turned into kilometres.
        np.round(km, 4),
        fare,
        total,
        np.where(counted, np.where(counted, passengers, 0), NO_PASSENGERS).astype("i2"),
        odd_fare | odd_total,
    )


def _numbers(column: Column, name: str, config: TripsSource) -> tuple[np.ndarray, np.ndarray]:
    """A column as float64, NaN where it is empty or no number; and whether it is a text that is
    no number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    arrow, kind = plain(column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _numbers_of_texts(pd.Series(arrow.to_pandas(), dtype=object).str.strip(), config)
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if not (is_number or pa.types.is_decimal(kind) or pa.types.is_null(kind)):
        raise FileUnreadableError(
            f"column {clean_text(name)} holds {kind}, not numbers. Export it as numbers."
        )
    found = pc.cast(arrow, pa.float64(), safe=False)
    numbers = np.array(found.to_numpy(zero_copy_only=False), dtype=float)
    return numbers, np.zeros(len(numbers), dtype=bool)


def _numbers_of_texts(texts: pd.Series, config: TripsSource) -> tuple[np.ndarray, np.ndarray]:
    """Texts as float64, as `_numbers`: plain ones at once, the others one by one."""
    plain = texts
    if config.thousands is not None:
        plain = texts.where(texts.str.isdigit().eq(True))
    elif config.decimal != ".":
        # A point would be one of another language's numbers.
        plain = texts.where(~texts.str.contains(".", regex=False).eq(True))
        plain = plain.str.replace(config.decimal, ".", regex=False)
    found = pd.to_numeric(plain, errors="coerce").to_numpy(dtype=float, na_value=np.nan, copy=True)
    odd = np.zeros(len(texts), dtype=bool)
    left = np.flatnonzero(~np.isfinite(found) & texts.notna().to_numpy() & (texts != "").to_numpy())
    if len(left):
        codes, distinct = pd.factorize(texts.iloc[left])
        read = [amount(one, "number", config.marks) for one in distinct]
        found[left] = np.array([number for number, _ in read])[codes]
        is_text = [why is not None and not why.startswith("missing") for _, why in read]
        odd[left] = np.array(is_text, dtype=bool)[codes]
    return found, odd


def _zones(found: np.ndarray) -> np.ndarray:
    """Zone numbers as int64, NO_ZONE for what is no whole number."""
    with np.errstate(invalid="ignore"):
        whole = (found >= 0) & (found < 2**31) & (found == np.floor(found))
    return np.where(whole, np.where(whole, found, 0).astype("i8"), NO_ZONE)


# -- rejected rows -------------------------------------------------------------------------------


def payloads(table: Table, places: Sequence[int]) -> list[str]:
    """Some rows of a part as JSON texts, whole."""
    import pyarrow as pa

    frame = pa.Table.from_batches([table.batch]).take(pa.array(places)).to_pandas()
    for name in frame.columns:
        texts = frame[name]
        if not pd.api.types.is_numeric_dtype(texts.dtype) and not (
            pd.api.types.is_datetime64_any_dtype(texts.dtype)
        ):
            frame[name] = texts.astype(object).map(_jsonable, na_action="ignore")
        elif texts.dtype.kind == "f" and np.isinf(texts).any():
            frame[name] = texts.astype(object).where(~np.isinf(texts), texts.astype(str))
    frame.columns = pd.Index([clean_text(str(name)) for name in frame.columns])
    text = frame.to_json(
        orient="records",
        lines=True,
        date_format="iso",
        date_unit="us",
        double_precision=15,
        force_ascii=False,
    )
    return text.split("\n")[: len(frame)]


def _jsonable(value: Any) -> Any:
    return value if isinstance(value, bool | int | float) else clean_text(str(value))
