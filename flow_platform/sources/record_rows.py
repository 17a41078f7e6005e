"""Records of files with a row each, or of a simulator: judged row by row at the edge.

Nothing is dropped in silence: each row of a file is stored, quarantined with its reason, or left
for the partition it belongs to. Which columns a record has, and how it is simulated, is the flow's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.ground.record_columns import RecordColumns
from flow_platform.sources import clocks, values
from flow_platform.sources.centres import Centre
from flow_platform.sources.config import SourceConfig
from flow_platform.sources.dates import DateForm, SourceDates, UndecidedDatesError
from flow_platform.sources.judging import Parsed, Reasons, judged_numbers, unknown_id
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
from flow_platform.sources.layouts import Layouts
from flow_platform.sources.reader import read_source
from flow_platform.sources.tables import Table, clean_text, objects

# Records of centres (ids) that begin on the days (UTC) from a first to a last, as a simulator makes
# them: the columns of `RecordColumns.all`. An outcome that is known later is there all the same.
Simulated = Callable[[Sequence[str], date, date], pd.DataFrame]
_EMPTY = "missing_value"


@dataclass
class _Judged:
    """One file, judged: `rows` has a row for each of the file, good or not."""

    file: str
    table: Table
    rows: pd.DataFrame
    reasons: Reasons

    def rejected(self) -> list[RejectedRow]:
        """The rows that have a reason, and those that could not be cut."""
        bad = self.rows.iloc[self.reasons.bad]
        days = [None if day is pd.NaT else day.date() for day in bad["day"]]
        judged = rejected_rows(self.file, self.table, self.reasons, days, bad["centre_id"])
        return judged + broken_rows(self.file, self.table.broken)


def read_records(
    config: SourceConfig,
    columns: RecordColumns,
    centres: Sequence[Centre],
    first_day: date,
    last_day: date,
    centre_ids: Collection[str],
    *,
    now: datetime,
    simulated: Simulated | None = None,
) -> Landing:
    """The records that began on the days (UTC) `first_day` to `last_day` at `centre_ids`.

    Rows have `columns.all`, source_file and source_line. A moment without an offset is local to the
    centre. A record is open while its outcome and its end are empty. Of several rows of one key the
    newest is kept: that with the latest end, the last one where ends are equal. `now` (aware)
    decides what is in the future. Where the order of day and month is not known, nothing is read.

    Raises ValueError where the source is simulated and `simulated` is not given. A file that cannot
    be read is an entry with `error` in `files`; it stops nothing else.
    """
    asked = list(dict.fromkeys(centre_ids))
    if config.kind == "simulated":
        if simulated is None:
            raise ValueError("read_records needs `simulated` for a simulated source.")
        return _known(simulated(asked, first_day, last_day), columns, now)
    by_id = {centre.centre_id: centre for centre in centres}
    names = {ours: config.columns.get(ours, ours) for ours in columns.in_files}
    numbers = (columns.outcome, *columns.numbers)
    layouts = Layouts((names,), tuple(names), numbers=numbers)
    tables = list(read_source(config, layouts))
    dates = SourceDates(config.date_format)
    dates.note_tables(tables, (columns.began_at, "ended_at"))
    try:
        form = dates.form
    except UndecidedDatesError as error:
        return refused_landing(_rows(columns, {}, "", []), str(config.path), error)
    found = [
        (
            file,
            _judge(file, one, columns, config, form, by_id, now) if isinstance(one, Table) else one,
        )
        for file, one in tables
    ]
    _keep_the_newest([one for _, one in found if isinstance(one, _Judged)], columns.key)

    def chosen(one: _Judged) -> Chosen:
        good = one.rows[one.reasons.good]
        inside = good["day"].between(pd.Timestamp(first_day), pd.Timestamp(last_day))
        return Chosen(len(good), good[inside & good["centre_id"].isin(asked)])

    return landed(found, chosen, lambda: _rows(columns, {}, "", []), str(config.path), dates)


def _judge(
    file: str,
    table: Table,
    columns: RecordColumns,
    config: SourceConfig,
    form: DateForm,
    centres: Mapping[str, Centre],
    now: datetime,
) -> _Judged:
    reasons = Reasons(len(table))
    keys, centre_ids = (_texts(table, name) for name in (columns.key, "centre_id"))
    for name, found in ((columns.key, keys), ("centre_id", centre_ids)):
        reasons.where(found == "", f"{_EMPTY}: {name} is empty")
    for one in sorted(set(centre_ids) - set(centres) - {""}):
        reasons.where(centre_ids == one, unknown_id(one, centres))
    zones = [centres[one].timezone if one in centres else "UTC" for one in centre_ids]
    limit = now.astimezone(UTC).replace(tzinfo=None)
    began = _moments(table, columns.began_at, form, zones, limit, reasons, required=True)
    ended = _moments(table, "ended_at", form, zones, limit, reasons, required=False)
    outcome = _numbers(table, columns.outcome, config, reasons)
    reasons.where(outcome < 0, f"negative: {columns.outcome} is below zero")
    reasons.where(ended < began, f"ends_before_it_begins: ended_at is before {columns.began_at}")
    open_ended = np.isnat(ended) & ~np.isnan(outcome)
    reasons.where(open_ended, f"{_EMPTY}: ended_at is empty, {columns.outcome} is not")
    unknown = ~np.isnat(ended) & np.isnan(outcome)
    reasons.where(unknown, f"{_EMPTY}: {columns.outcome} is empty, ended_at is not")
    made = {
        columns.key: keys,
        "centre_id": centre_ids,
        "day": began.astype("datetime64[D]").astype("datetime64[us]"),
        columns.began_at: pd.DatetimeIndex(began).tz_localize("UTC"),
        "available_at": pd.DatetimeIndex(ended).tz_localize("UTC"),
        columns.outcome: outcome,
        **{name: _numbers(table, name, config, reasons) for name in columns.numbers},
        **{name: _or_none(_texts(table, name)) for name in columns.categories},
    }
    return _Judged(file, table, _rows(columns, made, file, table.lines), reasons)


def _texts(table: Table, name: str) -> np.ndarray:
    column = table.column(name)
    return column.parsed(values.whole_id)[column.codes]


def _or_none(texts: np.ndarray) -> np.ndarray:
    return objects([one or None for one in texts])


def _numbers(table: Table, name: str, config: SourceConfig, reasons: Reasons) -> np.ndarray:
    """A column's numbers, NaN where it is empty."""

    def parse(value: Any) -> Parsed:
        found, fault = values.number(value, name, config.marks)
        if fault is None and not math.isfinite(found):
            fault = f"not_finite: {name} is {clean_text(str(value))[:60]}"
        return (math.nan, None) if fault and fault.startswith(_EMPTY) else (found, fault)

    return judged_numbers(table.column(name), parse, reasons)


def _moments(
    table: Table,
    name: str,
    form: DateForm,
    zones: Sequence[str],
    limit: datetime,
    reasons: Reasons,
    *,
    required: bool,
) -> np.ndarray:
    """A column's moments as naive UTC, NaT where it is empty or cannot be read."""
    column = table.column(name)
    parsed = column.parsed(lambda value: form.moment(value, name))
    made = np.full(len(table), clocks.NO_MOMENT)
    for place, code in enumerate(column.codes.tolist()):
        at, fault = parsed[code]
        if fault is not None:
            if required or not fault.startswith(_EMPTY):
                reasons.at(place, fault)
            continue
        moment = clocks.naive_utc(at, zones[place])
        if moment is None:
            reasons.at(place, f"impossible_date: {name} cannot be read")
        elif moment.date() < values.EARLIEST_DAY:
            reasons.at(place, f"before_2005: {name} is {moment:%Y-%m-%d}")
        elif moment > limit:
            reasons.at(place, f"future_moment: {name} is {moment:%Y-%m-%d %H:%M} UTC")
        else:
            made[place] = np.datetime64(moment, "us")
    return made


def _keep_the_newest(files: Sequence[_Judged], key: str) -> None:
    """All rows of a key but its newest get their reason, across all files."""
    if not files:
        return
    rows = pd.concat(
        [one.rows.assign(file=n, place=range(len(one.rows))) for n, one in enumerate(files)],
        ignore_index=True,
    )
    good = rows[np.concatenate([one.reasons.good for one in files])]
    # An open record has no end: it sorts before all that have one.
    ordered = good.sort_values("available_at", kind="stable", na_position="first")
    newest = ordered.drop_duplicates(key, keep="last").set_index(key)
    older = ordered[ordered.duplicated(key, keep="last")]
    for name, file, place in zip(older[key], older["file"], older["place"], strict=True):
        kept = newest.loc[name]
        reason = f"duplicate: {kept['source_file']}:{kept['source_line']} has the same {key}"
        files[file].reasons.at(place, reason)


def _known(made: pd.DataFrame, columns: RecordColumns, now: datetime) -> Landing:
    """Simulated records that have begun by `now`; an outcome that is known later is empty."""
    at = pd.Timestamp(now)
    made = made[made[columns.began_at] <= at].reset_index(drop=True)
    later = made["available_at"] > at
    made[columns.outcome] = made[columns.outcome].mask(later)
    made["available_at"] = made["available_at"].mask(later)
    lines = range(1, len(made) + 1)
    rows = _rows(columns, {name: made[name] for name in columns.all}, "simulated", lines)
    return Landing(rows, rejected_frame([]), (all_stored(rows, "simulated"),))


def _rows(
    columns: RecordColumns, made: Mapping[str, Any], file: str, lines: Sequence[int] | np.ndarray
) -> pd.DataFrame:
    """Rows of the raw table, with the types that it has."""
    types = {
        "day": "datetime64[us]",
        columns.began_at: "datetime64[us, UTC]",
        "available_at": "datetime64[us, UTC]",
        **dict.fromkeys((columns.outcome, *columns.numbers), "float64"),
    }
    found = {
        name: pd.Series(made.get(name, []), dtype=types.get(name, object)) for name in columns.all
    }
    return pd.DataFrame(found).assign(source_file=file, source_line=np.asarray(lines, "int64"))
