"""Files of trips as they came: their columns over the years, Parquet and CSV, read in batches.

Whether a row is a trip is decided in `trips.py`.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.sources.config import SourceConfig
from flow_platform.sources.tables import FileUnreadableError, clean_text

KILOMETRES_A_MILE = 1.609344
# Names of columns, without regard to case and to blanks around them: they changed over the years.
_NAMES: dict[str, tuple[str, ...]] = {
    "pickup_at": ("lpep_pickup_datetime", "tpep_pickup_datetime", "pickup_datetime", "pickup_at"),
    "dropoff_at": (
        "lpep_dropoff_datetime",
        "tpep_dropoff_datetime",
        "dropoff_datetime",
        "dropoff_at",
    ),
    "pickup_zone": ("pulocationid", "pickup_zone"),
    "dropoff_zone": ("dolocationid", "dropoff_zone"),
    "distance_miles": ("trip_distance", "distance_miles"),
    "distance_km": ("distance_km",),
    "fare": ("fare_amount", "fare"),
    "total": ("total_amount", "total"),
    "passengers": ("passenger_count", "passengers"),
}
_NEEDED = ("pickup_at", "dropoff_at", "pickup_zone", "dropoff_zone")
_SERVICES = {"lpep": "green", "tpep": "yellow"}
_OTHER = "other"
_MONTH_NAMED = re.compile(r"(?<!\d)(20\d\d)[-_]?(0[1-9]|1[0-2])(?!\d)")
_PARQUET = (".parquet", ".pq")
_NO_TABLES = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")

_BATCH_ROWS = 262_144
_CSV_BLOCK_BYTES = 1 << 24

# What stands for nothing in columns of integers.
NO_TIME = np.iinfo("int64").min
NO_ZONE = np.int64(-1)
NO_PASSENGERS = -1


@dataclass(frozen=True)
class Moments:
    """The times of a column in microseconds: as written, and whether they are UTC already."""

    at: np.ndarray
    is_utc: bool


@dataclass(frozen=True)
class Columns:
    """The columns of a batch that a trip is made of; `fare` and `total` NaN where there is none."""

    pickup: Moments
    dropoff: Moments
    pickup_zone: np.ndarray
    dropoff_zone: np.ndarray
    km: np.ndarray
    fare: np.ndarray
    total: np.ndarray
    passengers: np.ndarray

    def __len__(self) -> int:
        return len(self.km)


# -- columns as they came ----------------------------------------------------------------------


@dataclass(frozen=True)
class Layout:
    """Which column of a file is which, and which service wrote it."""

    names: Mapping[str, str]
    service: str


def layout_of(header: Sequence[str], config: SourceConfig, path: Path) -> Layout:
    """Which column is which. Raises FileUnreadableError where one is missing or ambiguous."""
    folded: dict[str, list[str]] = {}
    for name in header:
        folded.setdefault(name.strip().casefold(), []).append(name)
    names: dict[str, str] = {}
    for ours, known in _NAMES.items():
        mapped = config.columns.get(ours)
        wanted = (mapped.strip().casefold(),) if mapped else known
        theirs = [name for one in wanted for name in folded.get(one, ())]
        if len(theirs) > 1:
            shown = " and ".join(clean_text(name) for name in theirs)
            raise FileUnreadableError(
                f"columns {shown} both mean {ours}. Rename one, or map the right one in columns of"
                " sources.toml."
            )
        if theirs:
            names[ours] = theirs[0]
    missing = [name for name in _NEEDED if name not in names]
    if not {"distance_miles", "distance_km"} & set(names):
        missing.append("distance_miles")
    if missing:
        expected = " and no column ".join(
            config.columns.get(name) or " or ".join(_NAMES[name]) for name in missing
        )
        shown = ", ".join(clean_text(name)[:60] for name in header[:25]) or "nothing"
        old = any("longitude" in name for name in folded)
        raise FileUnreadableError(
            f"no column {expected} (found: {shown})."
            + (" It is of the years with coordinates in place of zones." if old else "")
            + " Take a file of trips with zones, or map its columns in sources.toml."
        )
    prefix = names["pickup_at"].strip().casefold()[:4]
    by_name = next((one for one in _SERVICES.values() if one in path.name.casefold()), _OTHER)
    return Layout(names, _SERVICES.get(prefix, by_name))


def _plain(column: Any) -> tuple[Any, Any]:
    """A column and its type, without a dictionary of its values."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return column, column.type


def _moments(column: Any, name: str, config: SourceConfig) -> Moments:
    import pyarrow as pa
    import pyarrow.compute as pc

    column, kind = _plain(column)
    if pa.types.is_timestamp(kind):
        is_utc = kind.tz is not None
        found = pc.cast(column, pa.timestamp("us", kind.tz), safe=False)
        return Moments(_integers(found), is_utc)
    if pa.types.is_null(kind):
        return Moments(np.full(len(column), NO_TIME), False)
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise FileUnreadableError(
            f"column {clean_text(name)} holds {kind}, not times. Export it as a timestamp or text."
        )
    texts = pd.Series(column.to_pandas(), dtype=object).str.strip()
    try:
        parsed = pd.to_datetime(texts, format=config.date_format or "ISO8601", errors="coerce")
    except ValueError as error:
        raise FileUnreadableError(
            f"column {clean_text(name)} mixes times with and without an offset. Write all in one"
            " way."
        ) from error
    moments = pd.DatetimeIndex(parsed)
    is_utc = moments.tz is not None
    if is_utc:
        moments = moments.tz_convert("UTC")
    return Moments(moments.as_unit("us").asi8.copy(), is_utc)


def _integers(column: Any) -> np.ndarray:
    """A column of Arrow timestamps as int64, NO_TIME where it is null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.fill_null(pc.cast(column, pa.int64()), int(NO_TIME))
    return np.array(found.to_numpy(zero_copy_only=False), dtype="i8")


def _numbers(column: Any, name: str, config: SourceConfig) -> np.ndarray:
    """A column as float64, NaN where it is empty or no number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column, kind = _plain(column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = pd.Series(column.to_pandas(), dtype=object).str.strip()
        if config.decimal != ".":
            texts = texts.str.replace(config.decimal, ".", regex=False)
        return pd.to_numeric(texts, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if not (is_number or pa.types.is_decimal(kind) or pa.types.is_null(kind)):
        raise FileUnreadableError(
            f"column {clean_text(name)} holds {kind}, not numbers. Export it as numbers."
        )
    found = pc.cast(column, pa.float64(), safe=False)
    return np.array(found.to_numpy(zero_copy_only=False), dtype=float)


def _zones(found: np.ndarray) -> np.ndarray:
    """Zone numbers as int64, NO_ZONE for what is no whole number."""
    with np.errstate(invalid="ignore"):
        whole = (found >= 0) & (found < 2**31) & (found == np.floor(found))
    return np.where(whole, np.where(whole, found, 0).astype("i8"), NO_ZONE)


def columns_of(batch: Any, layout: Layout, config: SourceConfig) -> Columns:
    """The columns of a batch. Raises FileUnreadableError where one is of another kind."""
    import pyarrow as pa

    try:
        return _columns_of(batch, layout, config)
    except pa.ArrowException as error:
        raise _unreadable(error) from error


def _columns_of(batch: Any, layout: Layout, config: SourceConfig) -> Columns:
    def column(ours: str) -> Any:
        return batch.column(batch.schema.get_field_index(layout.names[ours]))

    def numbers(ours: str) -> np.ndarray:
        if ours not in layout.names:
            return np.full(batch.num_rows, np.nan)
        return _numbers(column(ours), layout.names[ours], config)

    if "distance_km" in layout.names:
        km = numbers("distance_km")
    else:
        km = numbers("distance_miles") * KILOMETRES_A_MILE
    passengers = numbers("passengers")
    with np.errstate(invalid="ignore"):
        counted = (passengers >= 0) & (passengers <= 1000)
    return Columns(
        _moments(column("pickup_at"), layout.names["pickup_at"], config),
        _moments(column("dropoff_at"), layout.names["dropoff_at"], config),
        _zones(numbers("pickup_zone")),
        _zones(numbers("dropoff_zone")),
        # To 10 cm: beyond that it says only how miles were turned into kilometres.
        np.round(km, 4),
        numbers("fare"),
        numbers("total"),
        np.where(counted, np.where(counted, passengers, 0), NO_PASSENGERS).astype("i2"),
    )


# -- opening ----------------------------------------------------------------------------------


@dataclass
class OpenFile:
    """A file being read: its Arrow record batches, and the rows that CSV could not cut."""

    header: list[str]
    batches: Iterator[Any]
    # Row number (from 1) to its text, of the rows that were passed over.
    ragged: dict[int, str] = field(default_factory=dict)


def open_file(path: Path, config: SourceConfig) -> OpenFile:
    """A file by its suffix: .parquet and .pq are Parquet, everything else CSV, packed or not.

    Raises FileUnreadableError, here or while the batches are read."""
    suffix = path.suffix.casefold()
    if suffix in _NO_TABLES:
        raise FileUnreadableError(
            f"is a {suffix} workbook, which holds no month of trips. Save it as Parquet or CSV."
        )
    try:
        if not path.stat().st_size:
            raise FileUnreadableError("is empty. Remove it, or fetch it again.")
        opened = _open_parquet(path) if suffix in _PARQUET else _open_csv(path, config)
    except OSError as error:
        raise _unreadable(error) from error
    twice = [name for name, count in Counter(opened.header).items() if count > 1]
    if twice:
        raise FileUnreadableError(
            f"two columns are called {clean_text(twice[0])}. Rename one, so that it is clear"
            " which is meant."
        )
    return opened


def _unreadable(error: BaseException) -> FileUnreadableError:
    said = clean_text(" ".join(str(error).split()))[:160]
    remedy = "Name its encoding in sources.toml" if "UTF8" in said else "Fetch or export it again"
    return FileUnreadableError(f"cannot be read ({type(error).__name__}: {said}). {remedy}.")


def _open_parquet(path: Path) -> OpenFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        header = list(file.schema_arrow.names)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(error) from error

    def batches() -> Iterator[Any]:
        with file:
            yield from file.iter_batches(batch_size=_BATCH_ROWS)

    return OpenFile(header, batches())


def _open_csv(path: Path, config: SourceConfig) -> OpenFile:
    import pyarrow as pa
    import pyarrow.csv

    encoding, separator = config.encoding or "utf-8-sig", config.separator or ","
    header, width, skipped = _header(path, encoding, separator)
    # Some years have more fields in each row than in the header, all of them empty.
    names = [*header, *(f"(beyond the header {place})" for place in range(len(header), width))]
    opened = OpenFile(header, iter(()))

    def passed_over(row: Any) -> str:
        opened.ragged[row.number - skipped] = row.text or ""
        return "skip"

    try:
        reader = pyarrow.csv.open_csv(
            path,
            # One thread: only then are the rows numbered that are passed over.
            pyarrow.csv.ReadOptions(
                use_threads=False,
                block_size=_CSV_BLOCK_BYTES,
                column_names=names,
                skip_rows=skipped,
                encoding="utf-8" if encoding == "utf-8-sig" else encoding,
            ),
            pyarrow.csv.ParseOptions(delimiter=separator, invalid_row_handler=passed_over),
            pyarrow.csv.ConvertOptions(
                column_types={name: pa.string() for name in names},
                # As it came: "N/A" is a text.
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(error) from error
    opened.batches = iter(reader)
    return opened


def _header(path: Path, encoding: str, separator: str) -> tuple[list[str], int, int]:
    """The header of a CSV file, how many fields its rows have, and the lines before its rows."""
    import pyarrow as pa

    try:
        with pa.input_stream(path, compression="detect") as stream:
            start = stream.read(1 << 16)
        text = bytes(start).decode(encoding, errors="replace")
    except (pa.ArrowException, LookupError) as error:
        raise _unreadable(error) from error
    numbered = [(number, line) for number, line in enumerate(text.split("\n")[:20], start=1)]
    lines = [(number, line.rstrip("\r")) for number, line in numbered if line.strip()]
    if not lines:
        raise FileUnreadableError("holds no row. Remove it, or fetch it again.")
    header, *rows = csv.reader([line for _, line in lines], delimiter=separator)
    fields = rows[0] if rows else header
    beyond = fields[len(header) :]
    width = len(fields) if beyond and not any(beyond) else len(header)
    return header, width, lines[0][0]


def month_of(path: Path, config: SourceConfig) -> date | None:
    """The month that a file's name says, else that of most of its pickups; None without any."""
    named = set(_MONTH_NAMED.findall(path.stem))
    if len(named) == 1:
        ((year, number_of_month),) = named
        return date(int(year), int(number_of_month), 1)
    opened = open_file(path, config)
    layout = layout_of(opened.header, config, path)
    counts: Counter[int] = Counter()
    for batch in guarded(opened.batches):
        column = batch.column(batch.schema.get_field_index(layout.names["pickup_at"]))
        at = _moments(column, layout.names["pickup_at"], config).at
        months = at[at != NO_TIME].view("M8[us]").astype("M8[M]").astype("i8")
        found, number = np.unique(months, return_counts=True)
        counts.update(dict(zip(found.tolist(), number.tolist(), strict=True)))
    if not counts:
        return None
    # Of two that are as common the earlier one.
    best = min(counts, key=lambda month: (-counts[month], month))
    found_month = np.datetime64(best, "M").astype("M8[D]").astype(object)
    # Years beyond 9999 come out as a number; at the ends of the calendar no neighbour month exists.
    is_plausible = isinstance(found_month, date) and 1900 <= found_month.year <= 2200
    return found_month if is_plausible else None


def guarded(batches: Iterator[Any]) -> Iterator[Any]:
    """The batches; what breaks while they are read is a FileUnreadableError."""
    import pyarrow as pa

    try:
        yield from batches
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _unreadable(error) from error


def payloads(batch: Any) -> list[str]:
    """The rows of an Arrow table as JSON texts, whole."""
    frame = batch.to_pandas()
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
