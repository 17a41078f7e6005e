"""Invoice lines of a web shop: read from files or simulated, judged line by line, classed.

No line is dropped: it is stored with one class, quarantined with its reason, left for the partition
it belongs to, or known from another file. Customers are pseudonyms before anything leaves here.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.ground.errors import ConfigurationError
from flow_platform.ground.local_time import days_index, local_midnight_after
from flow_platform.sources import values
from flow_platform.sources.centres import Centre, why_not_an_id
from flow_platform.sources.config import SourceConfig
from flow_platform.sources.countries import ZONES, country_centre
from flow_platform.sources.landing import (
    FileBalance,
    Landing,
    no_file,
    rejected_frame,
    rejected_rows,
)
from flow_platform.sources.retail_simulator import CONTENT, COUNTRIES, simulated_lines
from flow_platform.sources.tables import (
    FileUnreadableError,
    Table,
    clean_text,
    distinct_values,
    payload_json,
    read_tables,
    source_files,
)

DEFAULT_SHOP_COUNTRY = "GB"
# No line of a shop comes near a billion pieces or pounds; a larger number is a broken field.
LARGEST_NUMBER = 1e9

# The two headers under which Online Retail II circulates (UCI machine learning repository, 502).
_HEADERS: tuple[dict[str, str], ...] = (
    {
        "invoice": "Invoice",
        "stock_code": "StockCode",
        "description": "Description",
        "quantity": "Quantity",
        "sold_at": "InvoiceDate",
        "price": "Price",
        "customer": "Customer ID",
        "country": "Country",
    },
    {
        "invoice": "InvoiceNo",
        "stock_code": "StockCode",
        "description": "Description",
        "quantity": "Quantity",
        "sold_at": "InvoiceDate",
        "price": "UnitPrice",
        "customer": "CustomerID",
        "country": "Country",
    },
)
# Without these a file is not one of lines; the others are read where a file has them.
_REQUIRED = ("invoice", "stock_code", "quantity", "sold_at", "price", "customer", "country")

LINE_CLASSES = ("cancellation", "bad_debt", "return", "no_price", "duplicate", "sale")
ROW_COLUMNS = (
    "centre_id",
    "day",
    "invoice",
    "stock_code",
    "description",
    "quantity",
    "price",
    "sold_at",
    "customer",
    "has_customer",
    "occurrence",
    "line_class",
    "available_at",
    "source_file",
    "source_line",
)
DAY_COLUMNS = ("centre_id", "day", "shop_sale_lines", "seen_before", "available_at")

_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}) +(\d{1,2}):(\d{2})(?::(\d{2}))?", re.ASCII)
_WHOLE = re.compile(r"(\d+)\.0+", re.ASCII)
_TOKEN = re.compile(r'[^\s,;|"]+')
_PLAIN_TOKEN = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(T\S*)?|\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?|-?\d+\.\d*[1-9]\d*",
    re.ASCII,
)


@dataclass(frozen=True)
class RetailLanding(Landing):
    """What a load of invoice lines brings; `rows` have ROW_COLUMNS.

    `days` (DAY_COLUMNS) has one row per asked country and day: what the whole source says of it.
    """

    days: pd.DataFrame


# -- customers ---------------------------------------------------------------------------------


def pseudonym(key: bytes, customer: Any) -> str | None:
    """The pseudonym of a customer's id, None where there is none: HMAC-SHA256, 128 bits in hex.

    "13085", 13085 and 13085.0 are one customer: spreadsheets write an id in all these ways.
    """
    written = clean_text(values.text(customer))
    if written.casefold() in values.MISSING:
        return None
    whole = _WHOLE.fullmatch(written)
    return hmac.new(key, (whole[1] if whole else written).encode(), hashlib.sha256).hexdigest()[:32]


def _veiled(value: Any, key: bytes) -> Any:
    """A value of a row that could not be cut: what may be a customer's id is its pseudonym."""
    if isinstance(value, dict):
        return {name: _veiled(inner, key) for name, inner in value.items()}
    if isinstance(value, list):
        return [_veiled(inner, key) for inner in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _TOKEN.sub(lambda found: _veiled_token(found[0], key), value)
    return _veiled_token(values.text(value), key)


def _veiled_token(token: str, key: bytes) -> str:
    telling = "@" in token or any(character.isdigit() for character in token)
    if not telling or _PLAIN_TOKEN.fullmatch(token):
        return token
    return pseudonym(key, token) or token


def _payload_with(customer_column: str, key: bytes) -> Callable[[Sequence[str], Any], str]:
    def payload(names: Sequence[str], row: Sequence[Any]) -> str:
        place = list(names).index(customer_column)
        return payload_json(names, [*row[:place], pseudonym(key, row[place]), *row[place + 1 :]])

    return payload


# -- a table -----------------------------------------------------------------------------------


@dataclass
class _Scan:
    """One table, judged: `lines` has CONTENT, day, available_at, reason and source_line by row."""

    file: str
    table: Table
    header: dict[str, str]
    lines: pd.DataFrame


def headers(config: SourceConfig) -> tuple[dict[str, str], ...]:
    """Our names to the source's, in each way its files may call them."""
    return (config.columns,) if config.columns else _HEADERS


def _alternatives(config: SourceConfig) -> list[list[str]]:
    return [[header[name] for name in _REQUIRED] for header in headers(config)]


def _bounded(value: Any, name: str, decimal: str) -> tuple[float, str | None]:
    found, fault = values.number(value, name, decimal)
    if fault is None and abs(found) > LARGEST_NUMBER:
        return math.nan, f"too_large: {name} is beyond {LARGEST_NUMBER:.0f}"
    return found + 0.0, fault


def _invoice_fault(invoice: str) -> str | None:
    missing = invoice.casefold() in values.MISSING
    return "missing_value: invoice is empty" if missing else None


def _country_fault(country: str) -> str | None:
    if country.casefold() in values.MISSING:
        return "missing_value: country is empty"
    fault = why_not_an_id(country)
    return None if fault is None else f"bad_country: {clean_text(fault)[:200]}"


def month_first(tables: Collection[np.ndarray]) -> bool:
    """Whether "12/1/2010 8:26" may be read as 1 December, as this data circulates.

    No moment of the source may contradict it: one that begins with more than 12 does.
    """
    return not any(
        isinstance(value, str)
        and (found := _SLASHED.fullmatch(value.strip()))
        and int(found[1]) > 12
        for column in tables
        for value in column
    )


def _moment(value: Any, config: SourceConfig, slashes: bool) -> tuple[Any, str | None]:
    if slashes and config.date_format is None and isinstance(value, str):
        found = _SLASHED.fullmatch(value.strip())
        if found:
            month, day, year, hour, minute = map(int, found.groups()[:5])
            try:
                return datetime(year, month, day, hour, minute, int(found[6] or 0)), None
            except ValueError:
                return None, f"impossible_date: sold_at is {value.strip()!r}"
    return values.moment(value, "sold_at", config.date_format)


def _judge(
    file: str,
    table: Table,
    config: SourceConfig,
    *,
    key: bytes,
    timezone: str,
    slashes: bool,
    now: datetime,
) -> _Scan:
    header = next(
        header
        for header in headers(config)
        if {header[name] for name in _REQUIRED} <= set(table.names)
    )

    def column(name: str, parse: Callable[[Any], Any]) -> np.ndarray:
        return values.each(table.column(header[name]), parse)

    def text(value: Any) -> str:
        return clean_text(values.text(value))

    def sold(value: Any) -> tuple[pd.Timestamp | None, date | None, str | None]:
        at, fault = _moment(value, config, slashes)
        if fault is not None:
            return None, None, fault
        day = values.local_day(at, timezone)
        fault = values.day_fault(day, "sold_at", today)
        stamp = pd.Timestamp(at) if fault is None else None
        if stamp is not None and stamp.tzinfo is not None:
            stamp = stamp.tz_convert(timezone).tz_localize(None)
        return stamp, day, fault

    today = now.astimezone(values.zone(timezone)).date()
    moments = column("sold_at", sold)
    quantities = column("quantity", lambda value: _bounded(value, "quantity", config.decimal))
    prices = column("price", lambda value: _bounded(value, "price", config.decimal))
    lines = pd.DataFrame(
        {
            "invoice": column("invoice", text),
            "stock_code": column("stock_code", text),
            "description": column("description", text)
            if header.get("description") in table.names
            else "",
            "quantity": np.array([found for found, _ in quantities], dtype=float),
            "sold_at": pd.to_datetime([at for at, _, _ in moments]).astype("datetime64[us]"),
            "price": np.array([found for found, _ in prices], dtype=float),
            "customer": column("customer", lambda value: pseudonym(key, value)),
            "country": column("country", text),
            "day": _objects([day for _, day, _ in moments]),
            "source_line": np.asarray(table.lines, dtype="int64"),
        }
    )
    for name in ("invoice", "stock_code", "description", "customer", "country"):
        lines[name] = lines[name].astype(object)
    reason = values.first_faults(
        values.each(lines["invoice"].to_numpy(), _invoice_fault),
        _objects([fault for _, _, fault in moments]),
        _objects([fault for _, fault in quantities]),
        _objects([fault for _, fault in prices]),
        values.each(lines["country"].to_numpy(), _country_fault),
    )
    lines["available_at"] = _known_from(lines["day"], pd.isna(reason), timezone)
    if header.get("available_at") in table.names:
        known = lines["available_at"].to_numpy(copy=True)
        zones = np.full(len(lines), timezone, dtype=object)
        values.hold_back(table.column(header["available_at"]), known, zones, reason)
        lines["available_at"] = known
    lines["reason"] = reason
    return _Scan(file, table, header, lines)


def _objects(found: Sequence[Any]) -> np.ndarray:
    out = np.empty(len(found), dtype=object)
    out[:] = found
    return out


def _known_from(days: pd.Series, good: np.ndarray, timezone: str) -> np.ndarray:
    """The local midnight after each good row's day, naive UTC."""
    known = np.full(len(days), np.datetime64("NaT"), dtype="datetime64[us]")
    distinct = days[good].unique()
    over = local_midnight_after(pd.DatetimeIndex(pd.to_datetime(distinct)).as_unit("us"), timezone)
    by_day = dict(zip(distinct, over.tz_localize(None).to_numpy(), strict=True))
    known[good] = [by_day[day] for day in days[good]]
    return known


def classed(lines: pd.DataFrame) -> pd.Series:
    """The one class of each line of a frame with invoice, quantity, price and occurrence."""
    first = lines["invoice"].str[:1].str.upper()
    conditions = [
        first == "C",
        first == "A",
        lines["quantity"] < 0,
        lines["price"] <= 0,
        lines["occurrence"] > 1,
    ]
    return pd.Series(
        np.select(conditions, LINE_CLASSES[:-1], LINE_CLASSES[-1]), index=lines.index, dtype=object
    )


# -- a load ------------------------------------------------------------------------------------


def read_retail(
    config: SourceConfig,
    first_day: date,
    last_day: date,
    countries: Collection[str],
    *,
    key: bytes,
    now: datetime,
    seed: int,
) -> RetailLanding:
    """The invoice lines of the shop's days `first_day` to `last_day` in `countries`.

    A line is its content and its number among equal lines of its file. Over files the union is
    taken: a line that two files hold is one line. Every sheet of a workbook is a file here. Moments
    are the shop's local time; one with an offset is turned into it. `key` makes pseudonyms; `now`
    (aware) tells which days lie in the future; `seed` is that of the simulated shop.

    A table that cannot be read is an entry with `error` in `files`; it stops nothing else.
    """
    asked = list(dict.fromkeys(countries))
    timezone = shop_timezone(config)
    if config.kind == "simulated":
        lines = simulated_lines(seed, first_day, last_day, now=now)
        lines["customer"] = [pseudonym(key, customer) for customer in lines["customer"]]
        lines["source_file"] = "simulated"
        lines["available_at"] = _known_from(lines["day"], np.ones(len(lines), dtype=bool), timezone)
        lines["occurrence"] = _occurrences(lines)
        days = _days(lines, None, asked, first_day, last_day, timezone)
        rows = _rows(lines[lines["country"].isin(asked)], timezone)
        balance = FileBalance("simulated", rows_in_file=len(rows), rows_stored=len(rows))
        return RetailLanding(rows, rejected_frame([]), (balance,), days)

    tables: list[tuple[str, Table]] = []
    balances: dict[str, FileBalance] = {}
    for path in source_files(config):
        for file, table in read_tables(path, config, *_alternatives(config)):
            if isinstance(table, FileUnreadableError):
                balances[file] = FileBalance(file, error=f"{file} {table}")
            else:
                balances[file] = FileBalance(file)
                tables.append((file, table))
    if not balances:
        nothing = no_file(str(config.path))
        balances[nothing.file] = nothing
    slashes = month_first([_moments_of(table, config) for _, table in tables])

    rejected: list[dict[str, Any]] = []
    chosen: list[pd.DataFrame] = []
    first_sales: dict[str, date] = {}
    for file, table in tables:
        scan = _judge(file, table, config, key=key, timezone=timezone, slashes=slashes, now=now)
        reason = scan.lines["reason"].to_numpy()
        rejected += rejected_rows(
            file,
            table,
            reason,
            scan.lines["day"].to_numpy(),
            scan.lines["country"].to_numpy(),
            payload=_payload_with(scan.header["customer"], key),
            broken_payload=lambda text: json.dumps(
                _veiled(json.loads(text), key), ensure_ascii=False
            ),
        )
        good = scan.lines[pd.isna(reason)]
        _note_first_sales(first_sales, good)
        within = good[(good["day"] >= first_day) & (good["day"] <= last_day)].copy()
        within["source_file"] = file
        within["occurrence"] = _occurrences(within)
        chosen.append(within)
        bad = int((~pd.isna(reason)).sum()) + len(table.broken)
        balances[file] = FileBalance(
            file,
            rows_in_file=len(scan.lines) + len(table.broken),
            rows_quarantined=bad,
            rows_left=len(good) - int(within["country"].isin(asked).sum()),
        )
    lines = pd.concat(chosen, ignore_index=True) if chosen else _no_lines()
    repeated = (
        lines.duplicated([*CONTENT, "occurrence"]) if len(chosen) > 1 else lines["day"].isna()
    )
    wanted = lines["country"].isin(asked)
    stored = lines.loc[wanted & ~repeated, "source_file"].value_counts()
    again = lines.loc[wanted & repeated, "source_file"].value_counts()
    for file, balance in balances.items():
        balances[file] = replace(
            balance,
            rows_stored=int(stored.get(file, 0)),
            rows_repeated=int(again.get(file, 0)),
        )
    union = lines[~repeated]
    return RetailLanding(
        _rows(union[union["country"].isin(asked)], timezone),
        rejected_frame(rejected),
        tuple(balances.values()),
        _days(union, first_sales, asked, first_day, last_day, timezone),
    )


def _moments_of(table: Table, config: SourceConfig) -> np.ndarray:
    names = [header["sold_at"] for header in headers(config) if header["sold_at"] in table.names]
    return table.column(names[0])


def _occurrences(lines: pd.DataFrame) -> pd.Series:
    """The number of each line among the equal lines of its file, from 1."""
    return lines.groupby(list(CONTENT), sort=False, dropna=False).cumcount() + 1


def _is_sale(lines: pd.DataFrame) -> pd.Series:
    return classed(lines.assign(occurrence=1)) == "sale"


def _note_first_sales(first_sales: dict[str, date], lines: pd.DataFrame) -> None:
    sold = lines[_is_sale(lines)]
    for country, day in sold.groupby("country")["day"].min().items():
        first_sales[str(country)] = min(day, first_sales.get(str(country), day))


def _days(
    lines: pd.DataFrame,
    first_sales: dict[str, date] | None,
    countries: Sequence[str],
    first_day: date,
    last_day: date,
    timezone: str,
) -> pd.DataFrame:
    """DAY_COLUMNS of each country and day; in the simulated shop every country has always sold."""
    index = days_index(first_day, last_day)
    sold = lines[classed(lines) == "sale"]["day"].value_counts()
    sales = [int(sold.get(day.date(), 0)) for day in index]
    over = local_midnight_after(index, timezone)
    parts = [
        pd.DataFrame(
            {
                "centre_id": pd.Series([country] * len(index), dtype=object),
                "day": index,
                "shop_sale_lines": np.asarray(sales, dtype="int64"),
                "seen_before": True
                if first_sales is None
                else index > pd.Timestamp(first_sales.get(country, date.max)),
                "available_at": over,
            }
        )
        for country in countries
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(DAY_COLUMNS))


def _rows(lines: pd.DataFrame, timezone: str) -> pd.DataFrame:
    """Lines as rows of raw.retail."""
    local = pd.DatetimeIndex(lines["sold_at"])
    rows = lines.rename(columns={"country": "centre_id"}).assign(
        day=pd.DatetimeIndex(pd.to_datetime(lines["day"])).as_unit("us"),
        sold_at=local.tz_localize(
            timezone, ambiguous=np.zeros(len(local), dtype=bool), nonexistent="shift_forward"
        )
        .tz_convert("UTC")
        .as_unit("us"),
        available_at=pd.DatetimeIndex(lines["available_at"]).tz_localize("UTC").as_unit("us"),
        has_customer=lines["customer"].notna().astype(bool),
        line_class=classed(lines),
        customer=lines["customer"].where(lines["customer"].notna(), None),
    )
    rows["occurrence"] = rows["occurrence"].astype("int64")
    return rows[list(ROW_COLUMNS)].reset_index(drop=True)


def _no_lines() -> pd.DataFrame:
    texts = dict.fromkeys(("invoice", "stock_code", "description", "customer", "country"), object)
    types: dict[str, Any] = {
        **texts,
        "quantity": float,
        "price": float,
        "sold_at": "datetime64[us]",
        "day": object,
        "available_at": "datetime64[us]",
        "source_file": object,
        "source_line": "int64",
        "occurrence": "int64",
    }
    return pd.DataFrame({name: pd.Series([], dtype=kind) for name, kind in types.items()})


# -- the shop and its countries ----------------------------------------------------------------


def shop_country(config: SourceConfig) -> str:
    """The ISO code of the shop's own country, whose holidays and clock are the shop's.

    Raises ConfigurationError where it is not known.
    """
    country = str(getattr(config, "shop_country", DEFAULT_SHOP_COUNTRY)).upper()
    if country not in ZONES:
        raise ConfigurationError(
            f"sources.toml, section [retail]: shop_country {country!r} is not known."
            f" Use one of {', '.join(sorted(ZONES))}."
        )
    return country


def shop_timezone(config: SourceConfig) -> str:
    """The time zone in which the shop writes its invoices, and in which its days begin and end."""
    return ZONES[shop_country(config)]


def retail_centres(config: SourceConfig, cache: Path) -> tuple[Centre, ...]:
    """The countries of the source as centres, by name; none where no file can be read.

    What a file names is kept in `cache` under its path, size and time: the graph is loaded in every
    run's process, and reading files there would cost more than the run.
    """
    timezone = shop_timezone(config)
    names = set(COUNTRIES) if config.kind == "simulated" else _discovered(config, cache)
    return tuple(country_centre(name, timezone) for name in sorted(names))


def _discovered(config: SourceConfig, cache: Path) -> set[str]:
    columns = tuple(dict.fromkeys(header["country"] for header in headers(config)))
    try:
        kept = json.loads(cache.read_text())
    except (OSError, ValueError):
        kept = {}
    known = {}
    for path in source_files(config):
        state = path.stat()
        stamp = f"{path}|{state.st_size}|{state.st_mtime_ns}|{'|'.join(columns)}"
        known[stamp] = kept.get(stamp) or sorted(
            {
                name
                for name in map(_country_name, distinct_values(path, config, *columns))
                if _country_fault(name) is None
            }
        )
    if known != kept:
        cache.parent.mkdir(parents=True, exist_ok=True)
        fresh = cache.with_suffix(".new")
        fresh.write_text(json.dumps(known, ensure_ascii=False))
        fresh.replace(cache)
    return {name for names in known.values() for name in names}


@lru_cache(maxsize=1024)
def _country_name(value: Any) -> str:
    return clean_text(values.text(value))
