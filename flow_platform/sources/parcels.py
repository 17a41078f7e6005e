"""Parcel counts: read from files or the simulated world, and validated row by row at the edge.

Nothing is dropped in silence: each row of a file is stored, quarantined with its reason, or left
for the partition it belongs to. Writing the result to PostgreSQL is the asset's business.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from flow_platform.sources.centres import Centre
from flow_platform.sources.config import SourceConfig
from flow_platform.sources.local_time import local_midnight_after
from flow_platform.sources.simulator import EPOCH_FIRST, World
from flow_platform.sources.tables import (
    FileUnreadableError,
    Table,
    clean_text,
    payload_json,
    read_table,
    source_files,
)

EARLIEST_DAY = date(2005, 1, 1)
# No site of any parcel network comes near a billion a day; a larger count is a broken field.
LARGEST_COUNT = 1e9

ROW_COLUMNS = ("centre_id", "day", "parcels", "available_at", "source_file", "source_line")
REJECTED_COLUMNS = ("source_file", "source_line", "reason", "day", "centre_id", "payload")

_OWN_NAMES = {"centre_id": "centre_id", "day": "day", "parcels": "parcels"}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_NOT_FINITE = frozenset({"inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"})
_MISSING = frozenset({"", "nan", "null", "none", "na", "n/a", "<na>", "nat"})
_LOOKS_ISO = re.compile(r"\d{4}-?\d{1,2}-?\d{1,2}([T ].*)?", re.ASCII)


@dataclass(frozen=True)
class FileBalance:
    """What became of one file: rows_read == rows_stored + rows_quarantined, and rows_in_file ==
    rows_read + rows_left (good rows of partitions not asked for). With an `error`, naming file,
    fault and remedy, the file gave no rows.
    """

    file: str
    rows_in_file: int = 0
    rows_stored: int = 0
    rows_quarantined: int = 0
    rows_left: int = 0
    error: str | None = None

    @property
    def rows_read(self) -> int:
        """Rows that this load answered for."""
        return self.rows_in_file - self.rows_left


@dataclass(frozen=True)
class Landing:
    """What a load brings.

    `rows` (ROW_COLUMNS): one per accepted source row of the asked partitions. `rejected`
    (REJECTED_COLUMNS): every other row of the files that cannot be stored, whatever partitions
    were asked for; `day` and `centre_id` are None where they could not be read. `files`: one
    balance a file.
    """

    rows: pd.DataFrame
    rejected: pd.DataFrame
    files: tuple[FileBalance, ...]


@dataclass
class _Scan:
    """One file, cut and judged row by row; reasons are None for good rows."""

    file: str
    table: Table
    centre_id: np.ndarray
    day: np.ndarray
    parcels: np.ndarray
    available_at: pd.DatetimeIndex
    reason: np.ndarray
    key: list[str]


# -- single values -----------------------------------------------------------------------------


def _each(values: np.ndarray, parse: Callable[[Any], Any]) -> np.ndarray:
    """`parse` of every value; of texts only the distinct ones are parsed."""
    out = np.empty(len(values), dtype=object)
    if set(map(type, values)) <= {str}:
        parsed = {text: parse(text) for text in dict.fromkeys(values)}
        out[:] = [parsed[text] for text in values]
    else:
        out[:] = [parse(value) for value in values]
    return out


def _text(value: Any) -> str:
    """A centre id as text: whole numbers without a decimal point, blanks around it removed."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()


def _count(value: Any, decimal: str) -> tuple[float, str | None]:
    """A count, or NaN with the fault."""
    if value is None:
        return math.nan, "missing_value: parcels is empty"
    if isinstance(value, bool | np.bool_):
        return math.nan, f"wrong_type: parcels is {value}, not a number"
    if isinstance(value, str):
        text = value.strip()
        folded = text.casefold()
        if folded in _MISSING:
            return math.nan, "missing_value: parcels is empty"
        if folded in _NOT_FINITE:
            return math.nan, f"not_finite: parcels is {text}"
        if decimal != ".":
            text = "?" if "." in text else text.replace(decimal, ".")
        if not _NUMBER.fullmatch(text):
            shown = clean_text(value)[:60]
            return math.nan, f"wrong_type: parcels is {shown!r}, not a plain number"
        number = float(text)
    else:
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        except (TypeError, ValueError):
            shown = clean_text(str(value))[:60]
            return math.nan, f"wrong_type: parcels is {shown!r}, not a number"
        if math.isnan(number):
            return math.nan, "missing_value: parcels is not a number (NaN)"
        if math.isinf(number) and isinstance(value, float):
            return math.nan, f"not_finite: parcels is {number}"
    if number > LARGEST_COUNT:
        return math.nan, f"too_large: parcels is above {LARGEST_COUNT:.0f}"
    if number < 0:
        return math.nan, f"negative_count: parcels is {number:g}"
    return number + 0.0, None


def _moment(value: Any, name: str, form: str | None) -> tuple[date | datetime | None, str | None]:
    """A day (date), or a moment (datetime, aware or naive), or None with the fault."""
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None, f"missing_value: {name} is empty"
    if isinstance(value, datetime | date):
        return value, None
    text = str(value).strip() if isinstance(value, str | int) and value is not True else ""
    if isinstance(value, str) and text.casefold() in _MISSING:
        return None, f"missing_value: {name} is empty"
    shown = clean_text(str(value))[:60]
    if form is not None and text:
        try:
            return datetime.strptime(text, form), None
        except ValueError:
            return None, f"wrong_type: {name} is {shown!r}, not written as {form}"
    if isinstance(value, str):
        try:
            return (
                date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text)
            ), None
        except ValueError:
            if _LOOKS_ISO.fullmatch(text):
                return None, f"impossible_date: {name} is {shown!r}"
    return None, (
        f"wrong_type: {name} is {shown!r}, not a day such as 2025-12-31 (set date_format for"
        " other forms)"
    )


# -- a file ------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _zone(timezone: str) -> ZoneInfo:
    return ZoneInfo(timezone)


def _local_day(moment: Any, timezone: str) -> date | None:
    if not isinstance(moment, datetime):
        return moment if isinstance(moment, date) else None
    if moment.tzinfo is None:
        return moment.date()
    try:
        return moment.astimezone(_zone(timezone)).date()
    except (OverflowError, ValueError):
        return moment.date()


def _known_from(moment: Any, timezone: str) -> datetime | None:
    """A mapped available_at as naive UTC; without an offset it is the centre's local time."""
    if not isinstance(moment, date):
        return None
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    try:
        if moment.tzinfo is None:
            # fold=1: an hour that comes twice counts as its second turn, never as too early.
            moment = moment.replace(tzinfo=_zone(timezone), fold=1)
        return moment.astimezone(ZoneInfo("UTC")).replace(tzinfo=None)
    except (OverflowError, ValueError):
        return None


def _first_faults(*columns: np.ndarray) -> np.ndarray:
    reason = columns[0].copy()
    for column in columns[1:]:
        empty = pd.isna(reason)
        reason[empty] = column[empty]
    return reason


def _judge(
    file: str, table: Table, config: SourceConfig, centres: dict[str, Centre], now: datetime
) -> _Scan:
    columns = config.columns or _OWN_NAMES
    size = len(table.rows)
    centre_id = _each(table.column(columns["centre_id"]), _text)
    unknown = {
        text: None
        if text in centres
        else "missing_value: centre_id is empty"
        if text.casefold() in _MISSING
        else f"unknown_centre: no centre has the id {clean_text(text)[:60]!r}"
        for text in dict.fromkeys(centre_id)
    }
    centre_fault = np.empty(size, dtype=object)
    centre_fault[:] = [unknown[text] for text in centre_id]

    days = _each(
        table.column(columns["day"]), lambda value: _moment(value, "day", config.date_format)
    )
    timezones = {text: centres[text].timezone for text in unknown if text in centres}
    today = {text: now.astimezone(_zone(zone)).date() for text, zone in timezones.items()}
    local: dict[tuple[str, Any], tuple[date | None, str | None]] = {}
    day = np.empty(size, dtype=object)
    day_fault = np.empty(size, dtype=object)
    for place, (text, (moment, fault)) in enumerate(zip(centre_id, days, strict=True)):
        if fault is not None:
            day_fault[place] = fault
            continue
        key = (text, moment)
        if key not in local:
            found = _local_day(moment, timezones.get(text, "UTC"))
            wrong = None
            if found is None:
                wrong = "wrong_type: day cannot be read"
            elif found < EARLIEST_DAY:
                wrong = f"before_2005: day is {found}, before {EARLIEST_DAY}"
            elif found > today.get(text, found):
                wrong = f"future_day: day is {found}, the centre's day is still {today[text]}"
            local[key] = (found, wrong)
        day[place], day_fault[place] = local[key]

    counts = _each(table.column(columns["parcels"]), lambda value: _count(value, config.decimal))
    parcels = np.array([number for number, _ in counts], dtype=float)
    count_fault = np.empty(size, dtype=object)
    count_fault[:] = [fault for _, fault in counts]

    reason = _first_faults(centre_fault, day_fault, count_fault)
    good = pd.isna(reason)
    available_at = np.full(size, np.datetime64("NaT"), dtype="datetime64[us]")
    zone_of = np.array([timezones.get(text, "UTC") for text in centre_id], dtype=object)
    for zone in dict.fromkeys(zone_of[good]):
        chosen = good & (zone_of == zone)
        index = pd.DatetimeIndex(pd.to_datetime(day[chosen])).as_unit("us")
        available_at[chosen] = local_midnight_after(index, zone).tz_localize(None)
    if "available_at" in columns:
        stated = _each(
            table.column(columns["available_at"]),
            lambda value: _moment(value, "available_at", None),
        )
        for place in np.flatnonzero(good).tolist():
            moment, fault = stated[place]
            if fault is not None and fault.startswith("missing_value"):
                continue
            known = _known_from(moment, zone_of[place])
            if known is None:
                reason[place] = fault or "impossible_date: available_at cannot be read"
            else:
                available_at[place] = max(available_at[place], np.datetime64(known, "us"))

    order = sorted(range(len(table.names)), key=lambda place: table.names[place])
    prefix = "\x1e".join(table.names[place] for place in order)
    key_rows = [
        prefix + "\x1f" + "\x1f".join([str(row[place]) for place in order]) for row in table.rows
    ]
    known_from = pd.DatetimeIndex(available_at).tz_localize("UTC")
    return _Scan(file, table, centre_id, day, parcels, known_from, reason, key_rows)


def _mark_duplicates(scans: Sequence[_Scan]) -> None:
    """The second and further identical whole rows get their reason, across all files."""
    first: dict[str, tuple[str, int]] = {}
    for scan in scans:
        for place in np.flatnonzero(pd.isna(scan.reason)):
            here = (scan.file, scan.table.lines[place])
            seen = first.setdefault(scan.key[place], here)
            if seen is not here:
                scan.reason[place] = f"duplicate: the same row as {seen[0]}:{seen[1]}"


def _rejected_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(REJECTED_COLUMNS), dtype=object)
    frame["source_line"] = frame["source_line"].astype("int64")
    return frame


def _rows_frame(
    centre_id: Any, day: Any, parcels: Any, available_at: Any, file: str, lines: Any
) -> pd.DataFrame:
    size = len(parcels)
    return pd.DataFrame(
        {
            "centre_id": pd.Series(list(centre_id), dtype=object),
            "day": pd.DatetimeIndex(pd.to_datetime(day)).as_unit("us"),
            "parcels": np.asarray(parcels, dtype=float),
            "available_at": available_at,
            "source_file": pd.Series([file] * size, dtype=object),
            "source_line": np.asarray(lines, dtype="int64"),
        }
    )


def _nothing() -> pd.DataFrame:
    none = pd.DatetimeIndex([], dtype="datetime64[us, UTC]")
    return _rows_frame([], pd.DatetimeIndex([]), [], none, "", [])


def _simulated(
    world: World, first_day: date, last_day: date, centre_ids: Sequence[str], now: datetime
) -> Landing:
    made = world.parcels(centre_ids, first_day, last_day)
    made = made.loc[made["available_at"] <= pd.Timestamp(now)]
    lines = (made["day"] - pd.Timestamp(EPOCH_FIRST)).dt.days + 1
    rows = _rows_frame(
        made["centre_id"],
        made["day"].to_numpy(),
        made["parcels"],
        pd.DatetimeIndex(made["available_at"]),
        "simulated",
        lines,
    )
    balance = FileBalance("simulated", rows_in_file=len(rows), rows_stored=len(rows))
    return Landing(rows, _rejected_frame([]), (balance,))


def read_parcels(
    config: SourceConfig,
    centres: Sequence[Centre],
    first_day: date,
    last_day: date,
    centre_ids: Collection[str],
    *,
    now: datetime,
    world: World | None = None,
) -> Landing:
    """The counts of local days `first_day` to `last_day` at `centre_ids`, from the source.

    `now` (aware) tells which days lie in the future at each centre. Simulated counts need `world`
    and come only once they are known. Days are ISO, with or without a time; a time with an offset
    is turned into the centre's local day; other forms need `date_format`. Counts are plain numbers
    ("1 234", "1,234" and "=1+1" are quarantined; "1,5" counts under decimal = ","). A count is
    available at the local midnight after its day, or at the mapped available_at if that is later.

    Raises ValueError where the source is simulated and no world is given. A file that cannot be
    read is an entry with `error` in `files`; it stops nothing else.
    """
    asked = list(dict.fromkeys(centre_ids))
    if config.kind == "simulated":
        if world is None:
            raise ValueError("read_parcels needs `world` for a simulated source.")
        return _simulated(world, first_day, last_day, asked, now)

    by_id = {centre.centre_id: centre for centre in centres}
    wanted = list((config.columns or _OWN_NAMES).values())
    scans: list[_Scan] = []
    balances: dict[str, FileBalance] = {}
    for path in source_files(config):
        file = clean_text(str(path))
        try:
            table = read_table(path, config, wanted)
        except FileUnreadableError as error:
            balances[file] = FileBalance(file, error=f"{file} {error}")
            continue
        balances[file] = FileBalance(file)
        scans.append(_judge(file, table, config, by_id, now))
    if not balances:
        missing = clean_text(str(config.path))
        text = f"no file matches {missing}. Correct path in sources.toml, or put the files there."
        balances[missing] = FileBalance(missing, error=text)
    _mark_duplicates(scans)

    stored: list[pd.DataFrame] = []
    rejected: list[dict[str, Any]] = []
    for scan in scans:
        good = pd.isna(scan.reason)
        chosen = good & np.isin(scan.centre_id.astype(str), asked)
        chosen[chosen] = [first_day <= day <= last_day for day in scan.day[chosen]]
        lines = np.asarray(scan.table.lines, dtype="int64")
        for place in np.flatnonzero(~good):
            rejected.append(
                {
                    "source_file": scan.file,
                    "source_line": int(lines[place]),
                    "reason": scan.reason[place],
                    "day": scan.day[place],
                    "centre_id": clean_text(scan.centre_id[place]) or None,
                    "payload": payload_json(scan.table.names, scan.table.rows[place]),
                }
            )
        for row in scan.table.broken:
            rejected.append(
                {
                    "source_file": scan.file,
                    "source_line": row.line,
                    "reason": row.reason,
                    "day": None,
                    "centre_id": None,
                    "payload": row.payload,
                }
            )
        bad = int((~good).sum()) + len(scan.table.broken)
        kept = int(chosen.sum())
        balances[scan.file] = FileBalance(
            scan.file,
            rows_in_file=len(good) + len(scan.table.broken),
            rows_stored=kept,
            rows_quarantined=bad,
            rows_left=int(good.sum()) - kept,
        )
        if kept:
            stored.append(
                _rows_frame(
                    scan.centre_id[chosen],
                    scan.day[chosen],
                    scan.parcels[chosen],
                    scan.available_at[chosen],
                    scan.file,
                    lines[chosen],
                )
            )
    rows = pd.concat(stored, ignore_index=True) if stored else _nothing()
    return Landing(rows, _rejected_frame(rejected), tuple(balances.values()))


def discover_centres(config: SourceConfig) -> list[str]:
    """The distinct centre ids in a source's files, numbers in their order; files that cannot be
    read are passed over. A simulated source has none of its own.
    """
    if config.kind != "files":
        return []
    name = (config.columns or _OWN_NAMES)["centre_id"]
    found: set[str] = set()
    for path in source_files(config):
        try:
            table = read_table(path, config, [name])
        except FileUnreadableError:
            continue
        found.update(_each(table.column(name), _text))
    return sorted(
        (text for text in found if text.casefold() not in _MISSING),
        key=lambda text: [
            (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text)
        ],
    )
