"""The tables of a marketplace's files: which file is which, under which names, judged row by row.

No row is dropped: each is kept, rejected with its reason, or repeated. What an order becomes, with
rows of all tables, is in `deliveries.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.ground.errors import SourceError
from flow_platform.sources import values
from flow_platform.sources.centres import why_not_an_id
from flow_platform.sources.columns import Columns, read_columns
from flow_platform.sources.config import SourceConfig
from flow_platform.sources.tables import (
    FileUnreadableError,
    clean_text,
    payload_json,
    source_files,
)

_SUFFIXES = (".csv", ".txt", ".tsv", ".parquet", ".pq", ".xlsx", ".xlsm")
_LARGEST = 1e12
# A clock may run ahead by so much.
_TOLERANCE = np.timedelta64(1, "D")
_LONGEST_PROMISE = np.timedelta64(3653, "D")


@dataclass(frozen=True)
class _Layout:
    """A table: how its files' names are told, its columns by our names (theirs are Olist's), those
    without which it is not this table, those that name a row, and how columns are read.
    """

    name: str
    said: tuple[str, ...]
    columns: dict[str, str]
    required: tuple[str, ...]
    key: tuple[str, ...]
    moments: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()


# Asked in this order: "order_items" holds the word that "orders" would be told by.
LAYOUTS: tuple[_Layout, ...] = (
    _Layout(
        "items",
        ("item",),
        {
            "order_id": "order_id",
            "item_number": "order_item_id",
            "product_id": "product_id",
            "seller_id": "seller_id",
            "price": "price",
            "freight": "freight_value",
        },
        ("order_id", "price"),
        ("order_id", "item_number"),
        numbers=("price", "freight"),
    ),
    _Layout(
        "payments",
        ("payment",),
        {
            "order_id": "order_id",
            "payment_number": "payment_sequential",
            "method": "payment_type",
            "installments": "payment_installments",
            "value": "payment_value",
        },
        ("order_id", "value"),
        ("order_id", "payment_number"),
        numbers=("value", "installments"),
    ),
    _Layout(
        "translations",
        ("translation",),
        {
            "category": "product_category_name",
            "category_translated": "product_category_name_english",
        },
        ("category", "category_translated"),
        ("category",),
    ),
    _Layout(
        "products",
        ("product",),
        {
            "product_id": "product_id",
            "category": "product_category_name",
            "weight_g": "product_weight_g",
            "length_cm": "product_length_cm",
            "height_cm": "product_height_cm",
            "width_cm": "product_width_cm",
        },
        ("product_id",),
        ("product_id",),
        numbers=("weight_g", "length_cm", "height_cm", "width_cm"),
    ),
    _Layout(
        "customers",
        ("customer",),
        {
            "customer_id": "customer_id",
            "person_id": "customer_unique_id",
            "postal_code": "customer_zip_code_prefix",
            "region": "customer_state",
        },
        ("customer_id", "region"),
        ("customer_id",),
    ),
    _Layout(
        "sellers",
        ("seller",),
        {"seller_id": "seller_id", "seller_postal_code": "seller_zip_code_prefix"},
        ("seller_id", "seller_postal_code"),
        ("seller_id",),
    ),
    _Layout(
        "places",
        ("geolocation", "geo"),
        {
            "geo_postal_code": "geolocation_zip_code_prefix",
            "latitude": "geolocation_lat",
            "longitude": "geolocation_lng",
        },
        ("geo_postal_code", "latitude", "longitude"),
        # A prefix has many points, some of them twice; all count in its mean.
        (),
        numbers=("latitude", "longitude"),
    ),
    _Layout(
        "orders",
        ("order",),
        {
            "order_id": "order_id",
            "customer_id": "customer_id",
            "status": "order_status",
            "placed_at": "order_purchase_timestamp",
            "approved_at": "order_approved_at",
            "handed_over_at": "order_delivered_carrier_date",
            "delivered_at": "order_delivered_customer_date",
            "promised_at": "order_estimated_delivery_date",
            "cancelled_at": "cancelled_at",
            "carrier": "carrier",
        },
        ("order_id", "customer_id", "placed_at", "promised_at"),
        ("order_id",),
        moments=(
            "placed_at",
            "approved_at",
            "handed_over_at",
            "delivered_at",
            "promised_at",
            "cancelled_at",
        ),
    ),
)
_BY_NAME = {layout.name: layout for layout in LAYOUTS}
# Without these no order can be told.
NEEDED = ("orders", "customers", "items")
# What people wrote about orders: it is not read, and is no fault of the folder.
_IGNORED = ("review",)


@dataclass
class MarketTable:
    """The rows of one kind of table, over all its files.

    `rows`: our columns (texts, "" where there is none; numbers NaN; moments naive UTC, NaT), and
    `file` (place in `files`), `line`, `reason` (None for a good row), `is_repeated`. Rows that
    could not be cut are there with their reason alone. `payload` gives a row whole, as JSON.
    """

    name: str
    files: list[str]
    rows: pd.DataFrame
    payload: Callable[[int], str]


@dataclass
class Market:
    """Every table that the files have, by name, and files that are none of them, with why."""

    tables: dict[str, MarketTable]
    strangers: dict[str, str] = field(default_factory=dict)

    def rows(self, name: str) -> pd.DataFrame:
        """The good rows of a table, each once; without the table none."""
        table = self.tables.get(name)
        if table is None:
            columns = [*_BY_NAME[name].columns, "file", "line"]
            return pd.DataFrame({one: pd.Series(dtype=object) for one in columns})
        return table.rows[table.rows["reason"].isna() & ~table.rows["is_repeated"]]


def market_files(config: SourceConfig) -> list[Path]:
    """The files of the marketplace: those of a folder, or those that a pattern names; sorted."""
    folder = Path(config.path or "")
    if not folder.is_dir():
        return source_files(config)
    return sorted(path for path in folder.iterdir() if path.suffix.casefold() in _SUFFIXES)


def table_of(path: Path) -> str | None:
    """Which table a file is, by its name: "ignored" for one that is not read, None for another."""
    name = path.stem.casefold()
    if any(word in name for word in _IGNORED):
        return "ignored"
    return next(
        (layout.name for layout in LAYOUTS if any(word in name for word in layout.said)), None
    )


def header_of(config: SourceConfig, name: str) -> dict[str, str]:
    """Our names of a table's columns to the source's."""
    return {
        ours: config.columns.get(ours, theirs) for ours, theirs in _BY_NAME[name].columns.items()
    }


def read_market(config: SourceConfig, timezone: str, now: datetime) -> Market:
    """Every table of the source, whole. Moments without an offset are local in `timezone`.

    Raises SourceError where a table that orders need is not there, or a table cannot be read: an
    order that is judged without one of its tables would be judged wrongly.
    """
    found: dict[str, list[tuple[str, Columns]]] = {}
    strangers: dict[str, str] = {}
    paths = market_files(config)
    if not paths:
        raise SourceError(
            f"no file is in {clean_text(str(config.path))}. Correct path in sources.toml, section"
            " [deliveries], or put the marketplace's tables there. Nothing was changed."
        )
    for path in paths:
        name = table_of(path)
        if name == "ignored":
            continue
        if name is None:
            shown = clean_text(str(path))
            known = ", ".join(layout.said[0] for layout in LAYOUTS)
            strangers[shown] = (
                f"{shown} is none of the marketplace's tables: its name has none of the words"
                f" {known}. Rename it, or narrow path in sources.toml."
            )
            continue
        for file, columns in read_columns(
            path, config, [header_of(config, name)], _BY_NAME[name].required
        ):
            if isinstance(columns, FileUnreadableError):
                raise SourceError(
                    f"{file} {columns} Deliveries need all of their tables; nothing was changed."
                ) from columns
            found.setdefault(name, []).append((file, columns))
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise SourceError(
            f"{clean_text(str(config.path))} has no table of {', '.join(missing)}: a file whose"
            f" name has the word {', '.join(_BY_NAME[name].said[0] for name in missing)}. Correct"
            " path in sources.toml, section [deliveries]. Nothing was changed."
        )
    zone = _Clock(timezone, now)
    return Market(
        {name: _table(_BY_NAME[name], parts, config, zone) for name, parts in found.items()},
        strangers,
    )


# -- one table -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Clock:
    timezone: str
    now: datetime

    def in_utc(self, local: np.ndarray, is_first_turn: bool) -> np.ndarray:
        """Local moments as naive UTC; what lies in an hour that is skipped is moved past it."""
        found = pd.DatetimeIndex(local).tz_localize(
            self.timezone,
            ambiguous=np.full(len(local), is_first_turn),
            nonexistent="shift_forward",
        )
        return found.tz_convert("UTC").tz_localize(None).to_numpy().astype("M8[us]")


def _table(
    layout: _Layout, parts: list[tuple[str, Columns]], config: SourceConfig, clock: _Clock
) -> MarketTable:
    frames, whole = [], []
    for number, (_, columns) in enumerate(parts):
        frames.append(_rows(layout, columns, config, clock).assign(file=number))
        whole.append(columns)
    rows = pd.concat(frames, ignore_index=True)
    starts = np.cumsum([0, *(len(frame) for frame in frames)])

    def payload(row: int) -> str:
        part = int(np.searchsorted(starts, row, side="right")) - 1
        columns, place = whole[part], row - int(starts[part])
        if place >= len(columns):
            return columns.broken[place - len(columns)].payload
        return payload_json(columns.names, columns.row(place))

    _mark_repeated(layout, rows)
    return MarketTable(layout.name, [file for file, _ in parts], rows, payload)


def _rows(layout: _Layout, columns: Columns, config: SourceConfig, clock: _Clock) -> pd.DataFrame:
    made: dict[str, Any] = {}
    faults: list[np.ndarray] = []
    for ours in layout.columns:
        column = columns.columns.get(ours)
        is_required = ours in layout.required
        if ours in layout.moments:
            made |= _moments(ours, column, len(columns), config, clock, is_required, faults)
        elif ours in layout.numbers:
            made[ours] = _numbers(ours, column, len(columns), config, is_required, faults)
        else:
            texts = np.full(len(columns), "", dtype=object)
            if column is not None:
                texts = column.parsed(_text)[column.codes]
            made[ours] = texts
            if is_required:
                fault = np.full(len(texts), None, dtype=object)
                fault[texts == ""] = f"missing_value: {ours} is empty"
                faults.append(fault)
    if layout.name == "customers":
        faults.append(values.each(made["region"], _region_fault))
    reason = values.first_faults(*faults) if faults else np.full(len(columns), None, dtype=object)
    good = pd.DataFrame({**made, "line": columns.lines, "reason": reason})
    if not columns.broken:
        return good
    broken = pd.DataFrame(
        {
            "line": [row.line for row in columns.broken],
            "reason": [row.reason for row in columns.broken],
        }
    )
    for ours in made:
        if ours not in layout.numbers and good[ours].dtype == object:
            broken[ours] = ""
    return pd.concat([good, broken], ignore_index=True)


def _text(value: Any) -> str:
    found = clean_text(values.text(value))
    return "" if found.casefold() in values.MISSING else found


def _region_fault(region: str) -> str | None:
    if not region:
        return "missing_value: region is empty"
    return None if why_not_an_id(region) is None else "bad_region: region cannot be a centre's id"


def _numbers(
    ours: str,
    column: Any,
    length: int,
    config: SourceConfig,
    is_required: bool,
    faults: list[np.ndarray],
) -> np.ndarray:
    if column is None:
        return np.full(length, np.nan)
    lowest = -180.0 if ours in ("latitude", "longitude") else 0.0
    # A bare minus sign may stand before the value of a person's row: reasons quote none of them.
    found, fault = np.full(len(column.values), np.nan), np.full(len(column.values), None, object)
    for place, value in enumerate(column.values):
        number, why = values.number(value, ours, config.decimal)
        if why is not None and (is_required or not why.startswith("missing_value")):
            fault[place] = f"{why.partition(':')[0]}: {ours} is no plain number"
        elif why is None and not lowest <= number <= _LARGEST:
            fault[place] = f"bad_number: {ours} is negative or too large"
        elif ours == "installments" and why is None and (number > 32767 or number % 1):
            fault[place] = f"bad_number: {ours} is no count"
        else:
            found[place] = number
    faults.append(fault[column.codes])
    return np.asarray(found[column.codes])


def _moments(
    ours: str,
    column: Any,
    length: int,
    config: SourceConfig,
    clock: _Clock,
    is_required: bool,
    faults: list[np.ndarray],
) -> dict[str, np.ndarray]:
    """A column of moments as naive UTC: `ours` as the second turn of an hour that comes twice,
    and <ours>_first as the first; the two differ nowhere else.
    """
    if column is None:
        nothing = np.full(length, np.datetime64("NaT"), dtype="M8[us]")
        return {ours: nothing, f"{ours}_first": nothing}
    size = len(column.values)
    local = np.full(size, np.datetime64("NaT"), dtype="M8[us]")
    fault = np.full(size, None, dtype=object)
    offset = np.zeros(size, dtype=bool)
    for place, value in enumerate(column.values):
        at, why = values.moment(value, ours, config.date_format)
        if why is not None:
            if is_required or not why.startswith("missing_value"):
                code = why.partition(":")[0]
                fault[place] = f"{code}: {ours} is no moment such as 2025-12-31 18:30:00"
            continue
        assert at is not None
        if not isinstance(at, datetime):
            at = datetime(at.year, at.month, at.day)
        if not date(1970, 1, 2) < at.date() < date(2200, 1, 1):
            fault[place] = f"impossible_date: {ours} lies beyond every order"
            continue
        offset[place] = at.tzinfo is not None
        local[place] = np.datetime64(
            at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at, "us"
        )
    first = np.where(offset, local, clock.in_utc(local, True))
    second = np.where(offset, local, clock.in_utc(local, False))
    now = np.datetime64(clock.now.astimezone(UTC).replace(tzinfo=None), "us")
    latest = now + (_LONGEST_PROMISE if ours == "promised_at" else _TOLERANCE)
    earliest = np.datetime64(values.EARLIEST_DAY + timedelta(days=1), "us")
    fault[second > latest] = f"future_day: {ours} has not come yet"
    fault[second < earliest] = f"before_2005: {ours} lies before 2005"
    bad = np.array([one is not None for one in fault], dtype=bool)
    first[bad], second[bad] = np.datetime64("NaT"), np.datetime64("NaT")
    faults.append(fault[column.codes])
    return {ours: second[column.codes], f"{ours}_first": first[column.codes]}


def _mark_repeated(layout: _Layout, rows: pd.DataFrame) -> None:
    """Mark rows that say again what an earlier one said; reject those of the same key that say
    otherwise.
    """
    rows["is_repeated"] = False
    # Items without numbers are told apart by nothing: two equal ones are two pieces.
    if not layout.key or any((rows[name] == "").all() for name in layout.key):
        return
    good = rows.index[rows["reason"].isna()]
    keys = rows.loc[good, list(layout.key)].astype(str).to_numpy().tolist()
    said = rows.loc[good, list(layout.columns)].astype(str).to_numpy().tolist()
    firsts: dict[tuple[str, ...], int] = {}
    repeated, otherwise = (np.zeros(len(rows), dtype=bool) for _ in range(2))
    places = np.flatnonzero(rows["reason"].isna())
    for number, key in enumerate(keys):
        first = firsts.setdefault(tuple(key), number)
        if first != number:
            (repeated if said[number] == said[first] else otherwise)[places[number]] = True
    rows.loc[repeated, "is_repeated"] = True
    what = " and ".join(layout.key)
    rows.loc[otherwise, "reason"] = f"twice: an earlier row of the same {what} says otherwise"
