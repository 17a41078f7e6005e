"""The tables of a marketplace's files, judged row by row.

No row is dropped: each is kept, rejected with its reason, or repeated. Orders are put together in
`orders.py`. Reasons quote no row, which may identify a person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.flows.deliveries.layouts import (
    BY_NAME,
    LAYOUTS,
    MONEY,
    NEEDED,
    Layout,
    delivery_layouts,
    is_id,
    table_of,
)
from flow_platform.flows.deliveries.options import DeliveriesSource
from flow_platform.ground.errors import SourceError
from flow_platform.sources import clocks, values
from flow_platform.sources.amounts import amount, other_currency
from flow_platform.sources.clocks import NO_MOMENT
from flow_platform.sources.dates import DateForm, SourceDates
from flow_platform.sources.files import FileUnreadableError, source_files
from flow_platform.sources.forms import FileForm
from flow_platform.sources.ids import is_total, why_not_an_id
from flow_platform.sources.judging import Reasons, first_equal, judged_numbers
from flow_platform.sources.landing import whole_rows
from flow_platform.sources.reader import read_file
from flow_platform.sources.tables import Column, Table, clean_text

_SUFFIXES = (".csv", ".txt", ".tsv", ".parquet", ".pq", ".xlsx", ".xlsm")
_LARGEST = 1e12
# How far the source's clock may be ahead.
_TOLERANCE = np.timedelta64(1, "D")
_LONGEST_PROMISE = np.timedelta64(3653, "D")


@dataclass
class MarketTable:
    """The rows of one kind of table, over all its files.

    `rows`: our columns (texts, "" where there is none; numbers NaN; moments naive UTC, NaT), and
    `file` (position in `files`), `line`, `reason` (None for a good row), `is_repeated`. Rows that
    could not be split into cells have only a reason. `payloads` gives rows whole, as JSON.
    `encodings` are those of the files where they were detected, `forms` how they were understood.
    """

    name: str
    files: list[str]
    rows: pd.DataFrame
    payloads: Callable[[Sequence[int]], list[str]]
    encodings: list[str | None]
    forms: list[FileForm | None]


@dataclass
class Market:
    """Every table that the files have, by name, and other files, with the reason for each; `dates`
    is how the tables write their moments."""

    tables: dict[str, MarketTable]
    strangers: dict[str, str] = field(default_factory=dict)
    dates: SourceDates = field(default_factory=lambda: SourceDates(None))

    def rows(self, name: str) -> pd.DataFrame:
        """The good rows of a table, each once; none if there is no such table."""
        table = self.tables.get(name)
        if table is None:
            columns = [*BY_NAME[name].columns, "file", "line"]
            return pd.DataFrame({one: pd.Series(dtype=object) for one in columns})
        return table.rows[table.rows["reason"].isna() & ~table.rows["is_repeated"]]


def market_files(config: DeliveriesSource) -> list[Path]:
    """The files of the marketplace: those of a folder, or those that a pattern names; sorted."""
    folder = Path(config.path or "")
    if not folder.is_dir():
        return source_files(config)
    return sorted(path for path in folder.iterdir() if path.suffix.casefold() in _SUFFIXES)


def read_market(config: DeliveriesSource, timezone: str, now: datetime) -> Market:
    """Every table of the source, whole. Moments without an offset are local in `timezone`.

    Raises SourceError if a table that orders need is missing, or a table cannot be read: without
    one of its tables an order would be judged wrongly; UndecidedDatesError where the order of day
    and month is not known.
    """
    found: dict[str, list[tuple[str, Table]]] = {}
    strangers: dict[str, str] = {}
    currency: dict[str, str] = {}
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
            known = ", ".join(layout.words[0] for layout in LAYOUTS)
            strangers[shown] = (
                f"{shown} is none of the marketplace's tables: its name has none of the words"
                f" {known}. Rename it, or narrow path in sources.toml."
            )
            continue
        for file, table in read_file(path, config, delivery_layouts(config, name)):
            if isinstance(table, FileUnreadableError):
                raise _refused(file, table) from table
            if (error := other_currency(file, table, MONEY, currency)) is not None:
                raise _refused(file, error)
            found.setdefault(name, []).append((file, table))
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise SourceError(
            f"{clean_text(str(config.path))} has no table of {', '.join(missing)}: a file whose"
            f" name has the word {', '.join(BY_NAME[name].words[0] for name in missing)}. Correct"
            " path in sources.toml, section [deliveries]. Nothing was changed."
        )
    clock = _Clock(timezone, now, _dates_of(found, config.date_format))
    return Market(
        {name: _table(BY_NAME[name], parts, config, clock) for name, parts in found.items()},
        strangers,
        clock.dates,
    )


def _refused(file: str, error: FileUnreadableError) -> SourceError:
    return SourceError(f"{file} {error} Deliveries need all of their tables; nothing was changed.")


def _dates_of(found: Mapping[str, list[tuple[str, Table]]], date_format: str | None) -> SourceDates:
    """How all tables write their moments."""
    dates = SourceDates(date_format)
    for name, parts in found.items():
        dates.note_tables(parts, BY_NAME[name].moments)
    return dates


# -- one table -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Clock:
    timezone: str
    now: datetime
    dates: SourceDates

    @cached_property
    def form(self) -> DateForm:
        return self.dates.form


def _table(
    layout: Layout, parts: list[tuple[str, Table]], config: DeliveriesSource, clock: _Clock
) -> MarketTable:
    tables = [table for _, table in parts]
    frames = [
        _rows(layout, table, config, clock).assign(file=number)
        for number, table in enumerate(tables)
    ]
    rows = pd.concat(frames, ignore_index=True)
    starts = np.cumsum([0, *(len(frame) for frame in frames)])

    def payloads(places: Sequence[int]) -> list[str]:
        found = []
        for place in places:
            part = int(np.searchsorted(starts, place, side="right")) - 1
            table, row = tables[part], place - int(starts[part])
            is_broken = row >= len(table)
            found.append(
                table.broken[row - len(table)].payload if is_broken else whole_rows(table, [row])[0]
            )
        return found

    _mark_repeated(layout, rows)
    encodings = [table.encoding for table in tables]
    forms = [table.form for table in tables]
    return MarketTable(layout.name, [file for file, _ in parts], rows, payloads, encodings, forms)


def _rows(layout: Layout, table: Table, config: DeliveriesSource, clock: _Clock) -> pd.DataFrame:
    """The rows of one file under our names, with `line` and `reason`; those not cut are last."""
    reasons = Reasons(len(table))
    made: dict[str, Any] = {}
    for ours in layout.columns:
        column, is_required = table.get(ours), ours in layout.required
        if ours in layout.moments:
            made |= _moments(ours, column, clock, is_required, reasons)
        elif ours in layout.numbers:
            made[ours] = _numbers(ours, column, config, is_required, reasons)
        else:
            made[ours] = _texts(ours, column, is_required, reasons)
    if layout.name == "customers":
        region = table.column("region")
        faults = [_region_fault(one) for one in region.parsed(values.whole_id)]
        reasons.of_values(faults, region.codes)
    good = pd.DataFrame(
        {**made, "line": table.lines, "reason": reasons.texts(np.arange(len(table)))}
    )
    if not table.broken:
        return good
    broken = pd.DataFrame(
        {
            "line": [row.line for row in table.broken],
            "reason": [row.reason for row in table.broken],
        }
    )
    for ours in made:
        if ours not in layout.numbers and good[ours].dtype == object:
            broken[ours] = ""
    return pd.concat([good, broken], ignore_index=True)


def _texts(ours: str, column: Column | None, is_required: bool, reasons: Reasons) -> np.ndarray:
    """The texts of a column by row, "" where there is none."""
    if column is None:
        return np.full(len(reasons), "", dtype=object)
    texts = column.parsed(values.whole_id if is_id(ours) else _text)
    if is_required:
        fault = f"missing_value: {ours} is empty"
        reasons.of_values([None if text else fault for text in texts], column.codes)
    if is_required and is_id(ours):
        faults = [
            f"totals_row: {ours} is that of a totals row" if is_total(one) else None
            for one in texts
        ]
        reasons.of_values(faults, column.codes)
    return texts[column.codes]


def _text(value: Any) -> str:
    found = values.name_text(value)
    return "" if found.casefold() in values.MISSING else found


def _region_fault(region: str) -> str | None:
    if not region:
        return "missing_value: region is empty"
    return None if why_not_an_id(region) is None else "bad_region: region cannot be a centre's id"


def _numbers(
    ours: str, column: Column | None, config: DeliveriesSource, is_required: bool, reasons: Reasons
) -> np.ndarray:
    if column is None:
        return np.full(len(reasons), np.nan)
    read = amount if ours in MONEY else values.number
    lowest = -180.0 if ours in ("latitude", "longitude") else 0.0

    def parse(value: Any) -> tuple[float, str | None]:
        number, why = read(value, ours, config.marks)
        if why is not None and (is_required or not why.startswith("missing_value")):
            return np.nan, f"{why.partition(':')[0]}: {ours} is no plain number"
        if why is None and not lowest <= number <= _LARGEST:
            return np.nan, f"bad_number: {ours} is negative or too large"
        if ours == "installments" and why is None and (number > 32767 or number % 1):
            return np.nan, f"bad_number: {ours} is no count"
        return number, None

    return judged_numbers(column, parse, reasons)


def _moments(
    ours: str,
    column: Column | None,
    clock: _Clock,
    is_required: bool,
    reasons: Reasons,
) -> dict[str, np.ndarray]:
    """A column of moments as naive UTC: `ours` as the second turn of an hour that occurs twice,
    and <ours>_first as the first; the two differ nowhere else.
    """
    if column is None:
        nothing = np.full(len(reasons), NO_MOMENT)
        return {ours: nothing, f"{ours}_first": nothing}
    read = [_moment(value, ours, clock.form, is_required) for value in column.values]
    written = np.array([at for at, _, _ in read], dtype="M8[us]")
    has_offset = np.array([one for _, one, _ in read], dtype=bool)
    fault = np.array([why for _, _, why in read], dtype=object)
    first, second = (
        np.where(
            has_offset,
            written,
            clocks.local_in_utc(
                written, clock.timezone, first_turn=is_first, skipped="shift_forward"
            ),
        )
        for is_first in (True, False)
    )
    latest = clocks.naive(clock.now) + (_LONGEST_PROMISE if ours == "promised_at" else _TOLERANCE)
    earliest = np.datetime64(values.EARLIEST_DAY + timedelta(days=1), "us")
    fault[second > latest] = f"future_day: {ours} is in the future"
    fault[second < earliest] = f"before_2005: {ours} is before 2005"
    bad = np.array([one is not None for one in fault], dtype=bool)
    first[bad], second[bad] = NO_MOMENT, NO_MOMENT
    reasons.of_values(fault, column.codes)
    return {ours: second[column.codes], f"{ours}_first": first[column.codes]}


def _moment(
    value: Any, ours: str, form: DateForm, is_required: bool
) -> tuple[np.datetime64, bool, str | None]:
    """A moment as written, or in UTC if it has an offset; whether it has one; the fault, if any."""
    at, why = form.moment(value, ours, is_quoted=False)
    if why is not None:
        if not is_required and why.startswith("missing_value"):
            return NO_MOMENT, False, None
        return NO_MOMENT, False, why
    assert at is not None
    if not isinstance(at, datetime):
        at = datetime(at.year, at.month, at.day)
    if not date(1970, 1, 2) < at.date() < date(2200, 1, 1):
        return NO_MOMENT, False, f"impossible_date: {ours} is outside the years of any order"
    if at.tzinfo is not None:
        return clocks.naive(at), True, None
    return np.datetime64(at, "us"), False, None


def _mark_repeated(layout: Layout, rows: pd.DataFrame) -> None:
    """Mark rows that equal an earlier one; reject those of the same key that do not."""
    rows["is_repeated"] = False
    # Nothing distinguishes items without numbers: two equal ones are two pieces.
    if not layout.key or any((rows[name] == "").all() for name in layout.key):
        return
    good = rows[rows["reason"].isna()]
    of_key = first_equal(*(good[name].to_numpy() for name in layout.key))
    of_content = first_equal(*(good[name].to_numpy() for name in layout.columns))
    is_first = of_key == np.arange(len(good))
    rows.loc[good.index[(of_content == of_key) & ~is_first], "is_repeated"] = True
    what = " and ".join(layout.key)
    rows.loc[good.index[of_content != of_key], "reason"] = (
        f"twice: an earlier row of the same {what} says otherwise"
    )
