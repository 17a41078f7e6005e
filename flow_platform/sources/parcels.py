"""Parcel counts: read from files or the simulated world, and validated row by row at the edge.

Nothing is dropped in silence: each row of a file is stored, quarantined with its reason, or left
for the partition it belongs to. Writing the result to PostgreSQL is the asset's business.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.ground.local_time import local_midnight_after
from flow_platform.sources import values
from flow_platform.sources.centres import Centre
from flow_platform.sources.config import SourceConfig
from flow_platform.sources.landing import (
    FileBalance,
    Landing,
    no_file,
    rejected_frame,
    rejected_rows,
)
from flow_platform.sources.simulator import EPOCH_FIRST, World
from flow_platform.sources.tables import (
    FileUnreadableError,
    Table,
    clean_text,
    read_table,
    source_files,
)

# No site of any parcel network comes near a billion a day; a larger count is a broken field.
LARGEST_COUNT = 1e9

ROW_COLUMNS = ("centre_id", "day", "parcels", "available_at", "source_file", "source_line")

_OWN_NAMES = {"centre_id": "centre_id", "day": "day", "parcels": "parcels"}


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


def _count(value: Any, decimal: str) -> tuple[float, str | None]:
    """A count, or NaN with the fault."""
    count, fault = values.number(value, "parcels", decimal)
    if fault is not None:
        return count, fault
    if count > LARGEST_COUNT:
        return math.nan, f"too_large: parcels is above {LARGEST_COUNT:.0f}"
    if count < 0:
        return math.nan, f"negative_count: parcels is {count:g}"
    return count + 0.0, None


def _judge(
    file: str, table: Table, config: SourceConfig, centres: dict[str, Centre], now: datetime
) -> _Scan:
    columns = config.columns or _OWN_NAMES
    size = len(table.rows)
    centre_id = values.each(table.column(columns["centre_id"]), values.text)
    unknown = {
        text: None
        if text in centres
        else "missing_value: centre_id is empty"
        if text.casefold() in values.MISSING
        else f"unknown_centre: no centre has the id {clean_text(text)[:60]!r}"
        for text in dict.fromkeys(centre_id)
    }
    centre_fault = np.empty(size, dtype=object)
    centre_fault[:] = [unknown[text] for text in centre_id]

    days = values.each(
        table.column(columns["day"]), lambda value: values.moment(value, "day", config.date_format)
    )
    timezones = {text: centres[text].timezone for text in unknown if text in centres}
    today = {text: now.astimezone(values.zone(zone)).date() for text, zone in timezones.items()}
    local: dict[tuple[str, Any], tuple[date | None, str | None]] = {}
    day = np.empty(size, dtype=object)
    day_fault = np.empty(size, dtype=object)
    for place, (text, (moment, fault)) in enumerate(zip(centre_id, days, strict=True)):
        if fault is not None:
            day_fault[place] = fault
            continue
        key = (text, moment)
        if key not in local:
            found = values.local_day(moment, timezones.get(text, "UTC"))
            wrong = values.day_fault(found, "day", today.get(text, date.max))
            local[key] = (found, wrong)
        day[place], day_fault[place] = local[key]

    counts = values.each(
        table.column(columns["parcels"]), lambda value: _count(value, config.decimal)
    )
    parcels = np.array([number for number, _ in counts], dtype=float)
    count_fault = np.empty(size, dtype=object)
    count_fault[:] = [fault for _, fault in counts]

    reason = values.first_faults(centre_fault, day_fault, count_fault)
    good = pd.isna(reason)
    available_at = np.full(size, np.datetime64("NaT"), dtype="datetime64[us]")
    zone_of = np.array([timezones.get(text, "UTC") for text in centre_id], dtype=object)
    for zone in dict.fromkeys(zone_of[good]):
        chosen = good & (zone_of == zone)
        index = pd.DatetimeIndex(pd.to_datetime(day[chosen])).as_unit("us")
        available_at[chosen] = local_midnight_after(index, zone).tz_localize(None)
    if "available_at" in columns:
        values.hold_back(table.column(columns["available_at"]), available_at, zone_of, reason)

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
    return Landing(rows, rejected_frame([]), (balance,))


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
        nothing = no_file(str(config.path))
        balances[nothing.file] = nothing
    _mark_duplicates(scans)

    stored: list[pd.DataFrame] = []
    rejected: list[dict[str, Any]] = []
    for scan in scans:
        good = pd.isna(scan.reason)
        chosen = good & np.isin(scan.centre_id.astype(str), asked)
        chosen[chosen] = [first_day <= day <= last_day for day in scan.day[chosen]]
        lines = np.asarray(scan.table.lines, dtype="int64")
        rejected += rejected_rows(scan.file, scan.table, scan.reason, scan.day, scan.centre_id)
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
    return Landing(rows, rejected_frame(rejected), tuple(balances.values()))


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
        found.update(values.each(table.column(name), values.text))
    return sorted(
        (text for text in found if text.casefold() not in values.MISSING),
        key=lambda text: [
            (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text)
        ],
    )
