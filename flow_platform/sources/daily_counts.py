"""Counts per centre and day: read from files or a simulator, and judged row by row at the edge.

Nothing is dropped in silence: each row of a file is stored, quarantined with its reason, or left
for the partition it belongs to. Which measure is counted, and how it is simulated, is the flow's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.ground.source_config import CountsSource, SourceConfig, WideSource
from flow_platform.sources import clocks, values
from flow_platform.sources.centres import Centre
from flow_platform.sources.dates import DateForm, SourceDates, UndecidedDatesError
from flow_platform.sources.ids import is_total, natural_order
from flow_platform.sources.judging import Reasons, first_equal, judged_numbers, unknown_id
from flow_platform.sources.landing import (
    Chosen,
    Landing,
    RejectedRow,
    all_stored,
    broken_rows,
    landed,
    refused_landing,
    rejected_frame,
    rejected_rows,
)
from flow_platform.sources.layouts import Layouts, named_so
from flow_platform.sources.reader import read_source
from flow_platform.sources.simulated_world import EPOCH_FIRST
from flow_platform.sources.tables import Column, Table, objects
from flow_platform.sources.wide_tables import HEADING, ids_with_numbers, wide_layouts

# No site of any network handles near a billion a day; a larger count is a broken field.
LARGEST_COUNT = 1e9

# Counts of centres (ids) from a first to a last local day, as a simulator makes them: columns
# centre_id, day, the measure, and available_at (UTC).
Simulated = Callable[[Sequence[str], date, date], pd.DataFrame]


@dataclass
class _Judged:
    """One file, judged: arrays with a value for each row."""

    measure: str
    file: str
    table: Table
    centre_id: np.ndarray
    day: np.ndarray
    counts: np.ndarray
    available_at: pd.DatetimeIndex
    reasons: Reasons
    # Good rows that an earlier file has already.
    repeated: np.ndarray

    def rows(self, places: np.ndarray) -> pd.DataFrame:
        """Some rows as rows of the raw table."""
        return _rows_frame(
            self.measure,
            self.centre_id[places],
            self.day[places],
            self.counts[places],
            self.available_at[places],
            self.file,
            self.table.lines[places],
        )

    def rejected(self) -> list[RejectedRow]:
        """The rows that have a reason, and those that could not be cut."""
        bad = self.reasons.bad
        judged = rejected_rows(
            self.file, self.table, self.reasons, self.day[bad], self.centre_id[bad]
        )
        return judged + broken_rows(self.file, self.table.broken)


# -- one file ------------------------------------------------------------------------------------


def _count(value: Any, measure: str, marks: str) -> tuple[float, str | None]:
    """A count, or NaN with the fault."""
    count, fault = values.number(value, measure, marks)
    if fault is not None:
        return count, fault
    if count > LARGEST_COUNT:
        return math.nan, f"too_large: {measure} is above {LARGEST_COUNT:.0f}"
    if count < 0:
        return math.nan, f"negative_count: {measure} is {count:g}"
    return count + 0.0, None


def _centre_fault(
    centre_id: str, centres: Collection[str], header: Mapping[str, str]
) -> str | None:
    if centre_id in centres:
        return None
    if not centre_id:
        return "missing_value: centre_id is empty"
    fault = unknown_id(centre_id, centres)
    is_heading = header["centre_id"] == HEADING
    return f"{fault}; a column that is no centre is named in ignore" if is_heading else fault


def _judge(
    measure: str,
    file: str,
    table: Table,
    config: CountsSource,
    form: DateForm,
    centres: dict[str, Centre],
    now: datetime,
) -> _Judged:
    reasons = Reasons(len(table))
    ids = table.column("centre_id")
    found = ids.parsed(values.whole_id)
    reasons.of_values([_centre_fault(one, centres, table.header) for one in found], ids.codes)
    centre_of = [centres.get(one) for one in found]
    day, available_at = _local_days(table, form, centre_of, now, reasons)
    counts = judged_numbers(
        table.column(measure), lambda value: _count(value, measure, config.marks), reasons
    )
    if (stated := table.get("available_at")) is not None:
        zones = objects([_timezone(one) for one in centre_of])[ids.codes]
        clocks.hold_back(stated, form, available_at, zones, reasons)
    known_from = pd.DatetimeIndex(available_at).tz_localize("UTC")
    repeated = np.zeros(len(table), dtype=bool)
    return _Judged(
        measure, file, table, found[ids.codes], day, counts, known_from, reasons, repeated
    )


def _timezone(centre: Centre | None) -> str:
    return "UTC" if centre is None else centre.timezone


def _local_days(
    table: Table,
    form: DateForm,
    centre_of: Sequence[Centre | None],
    now: datetime,
    reasons: Reasons,
) -> tuple[np.ndarray, np.ndarray]:
    """By row: the local day at its centre (a date, None where it cannot be read), and the local
    midnight after it (naive UTC)."""
    ids, column = table.column("centre_id"), table.column("day")
    moments = column.parsed(lambda value: form.moment(value, "day"))
    timezones = [_timezone(one) for one in centre_of]
    latest = [date.max if one is None else clocks.today_in(one.timezone, now) for one in centre_of]
    # Many rows are of one centre and day: each pair is looked at once.
    size = max(len(moments), 1)
    pairs, codes = np.unique(ids.codes.astype("int64") * size + column.codes, return_inverse=True)
    days: list[date | None] = []
    faults: list[str | None] = []
    for pair in pairs.tolist():
        moment, fault = moments[pair % size]
        day = None
        if fault is None:
            day = clocks.local_day(moment, timezones[pair // size])
            fault = clocks.day_fault(day, "day", latest[pair // size])
        days.append(day)
        faults.append(fault)
    reasons.of_values(faults, codes)
    sound = [None if fault else day for day, fault in zip(days, faults, strict=True)]
    over = clocks.midnights_after(sound, [timezones[pair // size] for pair in pairs.tolist()])
    return objects(days)[codes], over[codes]


# -- a load --------------------------------------------------------------------------------------


def _mark_repeated(files: Sequence[_Judged]) -> None:
    """Mark the rows that another file has already: over files the union counts.

    A row has no identity but its cells, and its number among the equal rows of its file: equal rows
    of one file are so many counts, such as a line a lorry. Cells are compared by their texts,
    whatever the order of the columns.
    """
    alike: dict[tuple[str, ...], list[_Judged]] = {}
    for one in files:
        alike.setdefault(tuple(sorted(one.table.names)), []).append(one)
    for group in alike.values():
        if len(group) > 1:
            _mark_repeated_among(group)


def _mark_repeated_among(files: Sequence[_Judged]) -> None:
    good = np.flatnonzero(np.concatenate([one.reasons.good for one in files]))
    orders = [sorted(one.table.columns, key=lambda at: one.table.names[at]) for one in files]
    columns = [
        _texts_numbered([one.table.columns[at] for one, at in zip(files, places, strict=True)])
        for places in zip(*orders, strict=True)
    ]
    sizes = [len(one.table) for one in files]
    file = np.repeat(np.arange(len(files)), sizes)[good]
    content = first_equal(*(column[good] for column in columns))
    number = pd.DataFrame({"file": file, "content": content}).groupby(["file", "content"])
    first = first_equal(content, number.cumcount().to_numpy())
    repeated = np.zeros(sum(sizes), dtype=bool)
    repeated[good] = first != np.arange(len(good))
    for one, own in zip(files, np.split(repeated, np.cumsum(sizes)[:-1]), strict=True):
        one.repeated = own


def _mark_same_keys(files: Sequence[_Judged], key: Sequence[str]) -> None:
    """The second and further rows of a declared key get their reason, across all files."""
    seen: dict[tuple[str, ...], str] = {}
    for one in files:
        columns = [one.table.columns[_place(name, one.table)].by_row(str) for name in key]
        for place in np.flatnonzero(one.reasons.good).tolist():
            own = tuple(column[place] for column in columns)
            here = f"{one.file}:{one.table.lines[place]}"
            before = seen.setdefault(own, here)
            if before != here:
                one.reasons.at(place, f"duplicate: {before} has the same {', '.join(key)}")


def _place(name: str, table: Table) -> int:
    return table.names.index(named_so(name, table.names)[0])


def _texts_numbered(columns: Sequence[Column]) -> np.ndarray:
    """A number for the text of each row's cell, one column after the other."""
    numbers: dict[str, int] = {}
    parts = []
    for column in columns:
        of_value = [numbers.setdefault(str(value), len(numbers)) for value in column.values]
        parts.append(np.array(of_value, dtype="int32")[column.codes])
    return np.concatenate(parts)


def _rows_frame(
    measure: str, centre_id: Any, day: Any, counts: Any, available_at: Any, file: str, lines: Any
) -> pd.DataFrame:
    size = len(counts)
    return pd.DataFrame(
        {
            "centre_id": pd.Series(list(centre_id), dtype=object),
            "day": pd.DatetimeIndex(pd.to_datetime(day)).as_unit("us"),
            measure: np.asarray(counts, dtype=float),
            "available_at": available_at,
            "source_file": pd.Series([file] * size, dtype=object),
            "source_line": np.asarray(lines, dtype="int64"),
        }
    )


def _nothing(measure: str) -> pd.DataFrame:
    none = pd.DatetimeIndex([], dtype="datetime64[us, UTC]")
    return _rows_frame(measure, [], pd.DatetimeIndex([]), [], none, "", [])


def _known(made: pd.DataFrame, measure: str, now: datetime) -> Landing:
    """Simulated counts that are known by `now`."""
    made = made.loc[made["available_at"] <= pd.Timestamp(now)]
    lines = (made["day"] - pd.Timestamp(EPOCH_FIRST)).dt.days + 1
    rows = _rows_frame(
        measure,
        made["centre_id"],
        made["day"].to_numpy(),
        made[measure],
        pd.DatetimeIndex(made["available_at"]),
        "simulated",
        lines,
    )
    return Landing(rows, rejected_frame([]), (all_stored(rows, "simulated"),))


def _layouts(config: CountsSource, measure: str, known: Collection[str]) -> Layouts:
    if config.is_wide:
        return wide_layouts(config, measure)
    names = config.columns or {name: name for name in ("centre_id", "day", measure)}
    # What a key names must be there too.
    keys = {name: name for name in config.key if name not in names.values()}
    required = (*names, *keys)
    counts = (measure,)
    return Layouts(
        ({**names, **keys},),
        required,
        numbers=counts,
        counts=counts,
        every_column=True,
        known=known,
    )


def read_daily_counts(
    config: CountsSource,
    measure: str,
    centres: Sequence[Centre],
    first_day: date,
    last_day: date,
    centre_ids: Collection[str],
    *,
    now: datetime,
    simulated: Simulated | None = None,
) -> Landing:
    """The counts of local days `first_day` to `last_day` at `centre_ids`, from the source.

    Rows have centre_id, day, `measure`, available_at (UTC), source_file and source_line. `now`
    (aware) decides which days are in the future at each centre. Simulated counts need `simulated`,
    and are there only once they are known. A time with an offset is turned into the centre's local
    day. Where the order of day and month is not known, nothing is read (`SourceDates`). Counts are
    plain numbers ("=1+1" is quarantined; "1,5" counts under decimal = ",").
    A count is available at the local midnight after its day, or at the mapped available_at if that
    is later.

    Raises ValueError where the source is simulated and `simulated` is not given. A file that cannot
    be read is an entry with `error` in `files`; it stops nothing else.
    """
    asked = list(dict.fromkeys(centre_ids))
    if config.kind == "simulated":
        if simulated is None:
            raise ValueError("read_daily_counts needs `simulated` for a simulated source.")
        return _known(simulated(asked, first_day, last_day), measure, now)

    by_id = {centre.centre_id: centre for centre in centres}
    tables = list(read_source(config, _layouts(config, measure, by_id)))
    dates = SourceDates(config.date_format)
    dates.note_tables(tables, ("day", "available_at"))
    try:
        form = dates.form
    except UndecidedDatesError as error:
        return refused_landing(_nothing(measure), str(config.path), error)
    found = [
        (
            file,
            _judge(measure, file, table, config, form, by_id, now)
            if isinstance(table, Table)
            else table,
        )
        for file, table in tables
    ]
    judged = [one for _, one in found if isinstance(one, _Judged)]
    if config.key:
        _mark_same_keys(judged, config.key)
    _mark_repeated(judged)

    def chosen(one: _Judged) -> Chosen:
        good = np.flatnonzero(one.reasons.good)
        days = one.day[good].astype("datetime64[D]")
        inside = (days >= np.datetime64(first_day)) & (days <= np.datetime64(last_day))
        places = good[inside & pd.Series(one.centre_id[good]).isin(asked).to_numpy()]
        again = one.repeated[places]
        return Chosen(len(good), one.rows(places[~again]), int(again.sum()))

    return landed(found, chosen, lambda: _nothing(measure), str(config.path), dates)


def discover_centres(config: SourceConfig) -> list[str]:
    """The distinct centre ids in a source's files, numbers in their order; files that cannot be
    read are passed over, and so are columns of wide tables in which no cell is a number. A
    simulated source has none of its own.
    """
    if config.kind != "files":
        return []
    name = config.columns.get("centre_id", "centre_id")
    layouts = Layouts(({"centre_id": name},), ("centre_id",))
    if isinstance(config, WideSource) and config.is_wide:
        layouts = wide_layouts(config, "count")
    found: set[str] = set()
    for _, table in read_source(config, layouts):
        if isinstance(table, Table):
            ids = table.column("centre_id").values
            if layouts.wide is not None:
                ids = ids[ids_with_numbers(table, layouts.wide, config.marks)]
            found.update(map(values.whole_id, ids))
    known = sorted(one for one in found - {""} if not is_total(one))
    return sorted(known, key=natural_order)
