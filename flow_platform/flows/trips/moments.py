"""The times of trips: columns of timestamps, texts or numbers, in microseconds.

Whole columns are read at once where that is beyond doubt, other values one by one by the form of
the source (`sources/dates.py`).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.sources.dates import DAY_FIRST, MONTH_FIRST, DateForm, SourceDates
from flow_platform.sources.files import FileUnreadableError
from flow_platform.sources.tables import Column, Table, clean_text

# What represents no time in a column of integers.
NO_TIME = np.iinfo("int64").min

_PLAIN = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?$"
_WITH_OFFSET = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)")
_YEAR_AT_END = r"^\s*\d{1,2}[-/]\d{1,2}[-/]\d{4}(\D|$)"
_WITH_TIME = re.compile(r"\d{1,2}([-/.])\d{1,2}[-/.]\d{4} \d{1,2}:\d\d(:\d\d)?( [AP]M)?", re.ASCII)
# From so many distinct texts on it pays to try whether one form fits most.
_MANY = 256
# So many numbers show whether a column can be times at all.
_ENOUGH = 100


@dataclass(frozen=True)
class Moments:
    """The times of a column in microseconds: as written, and whether they are UTC already.

    `faults`: why some values are no times, each with the rows where it is so.
    """

    at: np.ndarray
    is_utc: bool
    faults: Mapping[str, np.ndarray] = field(default_factory=dict)


class OrderNeededError(Exception):
    """There are times of which only the whole source tells the order of day and month."""


@dataclass(frozen=True)
class TripDates:
    """How a source writes its times; while this `is_open`, no file was asked for it."""

    source: SourceDates
    is_open: bool = False

    @staticmethod
    def unasked(date_format: str | None) -> TripDates:
        """What the key says; without one a source is asked only where it matters."""
        given = DateForm.of(date_format)
        is_open = given.given is None and given.order is None
        return TripDates(SourceDates(date_format), is_open)

    @cached_property
    def form(self) -> DateForm:
        return self.source.form


def dates_of(
    files: Iterable[tuple[str, bool, Iterable[Table]]], date_format: str | None
) -> TripDates:
    """How all files write their times: of each its name, whether its columns have the names of New
    York's files, and its tables. New York's portal exports months first.

    A file that cannot be read has no say. Raises UndecidedDatesError where none decides.
    """
    source = SourceDates(date_format)
    others = False
    for file, is_official, tables in files:
        own = SourceDates(date_format)
        try:
            for table in tables:
                for ours in ("pickup_at", "dropoff_at"):
                    own.note(file, _dates_in(table.column(ours)))
        except FileUnreadableError:
            continue
        source.take(own)
        others = others or not (own.is_plain or is_official)
    found = TripDates(SourceDates(date_format, None if others else MONTH_FIRST))
    found.source.take(source)
    _ = found.form
    return found


def _dates_in(column: Column) -> list[str]:
    """The distinct texts of a column without their times of day."""
    import pyarrow.compute as pc

    arrow, kind = plain(column)
    if not _is_text(kind):
        return []
    heads = pc.replace_substring_regex(pc.utf8_trim_whitespace(arrow), "[ T].*$", "")
    return [text for text in pc.unique(heads).to_pylist() if text]


# -- a column ------------------------------------------------------------------------------------


def plain(column: Column) -> tuple[Any, Any]:
    """The Arrow array of a column and its type, without a dictionary of its values."""
    import pyarrow as pa

    arrow = column.arrow
    if pa.types.is_dictionary(arrow.type):
        arrow = arrow.dictionary_decode()
    return arrow, arrow.type


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def moments_of(table: Table, ours: str, dates: TripDates) -> Moments:
    """The times of a column.

    Raises FileUnreadableError where the column is of another kind, OrderNeededError where the order
    of day and month matters and was not sought.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    column, name = table.column(ours), clean_text(table.header[ours])
    arrow, kind = plain(column)
    if pa.types.is_timestamp(kind):
        found = pc.cast(arrow, pa.timestamp("us", kind.tz), safe=False)
        return Moments(_integers(found), kind.tz is not None)
    if pa.types.is_null(kind):
        return Moments(np.full(len(arrow), NO_TIME), False)
    if _is_text(kind):
        return _of_texts(arrow, ours, name, dates)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        _refuse_other_numbers(column, ours, f"column {name} holds {kind}, not times", dates.form)
        return _one_by_one(arrow, ours, name, dates.form)
    raise FileUnreadableError(
        f"column {name} holds {kind}, not times. Export it as a timestamp or text."
    )


def _integers(arrow: Any) -> np.ndarray:
    """Arrow timestamps as int64, NO_TIME where one is null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.fill_null(pc.cast(arrow, pa.int64()), int(NO_TIME))
    return np.array(found.to_numpy(zero_copy_only=False), dtype="i8")


def _refuse_other_numbers(column: Column, ours: str, what: str, form: DateForm) -> None:
    shown = [value for value in column.values[:_ENOUGH].tolist() if value is not None]
    faults = [fault for value in shown if (fault := form.moment(value, ours)[1])]
    if shown and len(faults) == len(shown):
        raise FileUnreadableError(f"{what} ({faults[0]}). Export it as a timestamp or text.")


def _of_texts(arrow: Any, ours: str, name: str, dates: TripDates) -> Moments:
    import pyarrow as pa
    import pyarrow.compute as pc

    if dates.form.given is not None:
        return _one_by_one(arrow, ours, name, dates.form)
    try:
        # Some ten times faster than pandas, but all must be in the one form that files have.
        return Moments(_integers(pc.cast(arrow, pa.timestamp("us"))), False)
    except pa.ArrowInvalid:
        pass
    if dates.is_open and pc.any(pc.match_substring_regex(arrow, _YEAR_AT_END)).as_py():
        raise OrderNeededError
    is_plain = pc.fill_null(pc.match_substring_regex(arrow, _PLAIN), False)
    nothing = pa.scalar(None, arrow.type)
    try:
        at = _integers(pc.cast(pc.if_else(is_plain, arrow, nothing), pa.timestamp("us")))
    except pa.ArrowInvalid:  # one of them is in no calendar
        return _one_by_one(arrow, ours, name, dates.form)
    rest = _one_by_one(pc.if_else(is_plain, nothing, arrow), ours, name, dates.form)
    if rest.is_utc and (at != NO_TIME).any():
        raise _mixed(name)
    return Moments(np.where(at != NO_TIME, at, rest.at), rest.is_utc, rest.faults)


def _mixed(name: str) -> FileUnreadableError:
    return FileUnreadableError(
        f"column {name} mixes times with and without an offset. Write all in one way."
    )


def _one_by_one(arrow: Any, ours: str, name: str, form: DateForm) -> Moments:
    """The times of distinct values, most of them at once where they have one form."""
    import pyarrow.compute as pc

    encoded = pc.dictionary_encode(arrow, null_encoding="encode")
    if hasattr(encoded, "combine_chunks"):
        encoded = encoded.combine_chunks()
    values = encoded.dictionary.to_pylist()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    at, aware = np.full(len(values), NO_TIME), np.zeros(len(values), dtype=bool)
    if len(values) > _MANY:
        _read_most(values, form, at, aware)
    faulty: dict[str, list[int]] = {}
    for place in np.flatnonzero(at == NO_TIME).tolist():
        found, fault = form.moment(values[place], ours, is_quoted=False)
        if found is not None:
            at[place], aware[place] = _microseconds(found)
        elif fault is not None and not fault.startswith("missing_value"):
            faulty.setdefault(fault.partition(": ")[2], []).append(place)
    known = at != NO_TIME
    if aware[known].any() and not aware[known].all():
        raise _mixed(name)
    faults = {fault: np.isin(codes, places) for fault, places in faulty.items()}
    return Moments(at[codes], bool(aware[known].any()), faults)


def _microseconds(found: date) -> tuple[np.int64, bool]:
    """A time as written, or in UTC if it has an offset; and whether it has one."""
    aware = isinstance(found, datetime) and found.tzinfo is not None
    if isinstance(found, datetime) and aware:
        # At the ends of the years that Python has, a row of which is no trip whatever the hour.
        with contextlib.suppress(OverflowError):
            found = found.astimezone(UTC)
        found = found.replace(tzinfo=None)
    return np.datetime64(found, "us").astype("i8"), aware


def _read_most(values: Sequence[Any], form: DateForm, at: np.ndarray, aware: np.ndarray) -> None:
    """Fill in the values that have the form of the first: that of the key, ISO with an offset, or
    one with AM or PM whose order is known."""
    first = next((value.strip() for value in values if isinstance(value, str) and value), "")
    is_iso = form.given is None and _WITH_OFFSET.fullmatch(first) is not None
    pattern = form.given or ("ISO8601" if is_iso else _pattern_of(first, form))
    if pattern is None:
        return
    texts = pd.Series(values, dtype=object)
    if is_iso:
        texts = texts.where(texts.str.fullmatch(_WITH_OFFSET.pattern, na=False).astype(bool))
    try:
        parsed = pd.to_datetime(texts.str.strip(), format=pattern, errors="coerce", utc=is_iso)
    except (ValueError, AttributeError):  # offsets that change, numbers among texts
        return
    moments = pd.DatetimeIndex(parsed)
    aware[:] = moments.tz is not None
    if moments.tz is not None:
        moments = moments.tz_convert("UTC").tz_localize(None)
    at[:] = moments.as_unit("us").asi8
    aware &= at != NO_TIME


def _pattern_of(text: str, form: DateForm) -> str | None:
    """The strptime format of a text such as 01/31/2024 02:05:00 PM, None for another one."""
    parts = _WITH_TIME.fullmatch(text)
    order = None if parts is None else form.dotted if parts[1] == "." else form.order
    if parts is None or order is None:
        return None
    day = ("%d{}%m{}%Y" if order == DAY_FIRST else "%m{}%d{}%Y").format(parts[1], parts[1])
    hour = "%I" if parts[3] else "%H"
    return f"{day} {hour}:%M{':%S' if parts[2] else ''}{' %p' if parts[3] else ''}"
