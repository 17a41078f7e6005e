"""Days and moments of source rows: every form that is read, and what decides between two of them.

The order of 05/01/2024 is a property of the whole source: `SourceDates` finds it, `DateForm` reads
by it. Time zones are in `clocks.py`; what a day may be is the business of each flow's module.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd

from flow_platform.ground.errors import SourceError
from flow_platform.ground.number_dates import EXCEL, EXCEL_ZERO, READINGS
from flow_platform.ground.source_config import DATE_FORMATS
from flow_platform.ground.written_dates import (
    MOMENT,
    YEAR_LAST,
    iso_clock,
    iso_day,
    moment_of_iso,
    month_by_name,
    why_no_day,
    year_first,
)
from flow_platform.sources.tables import Column, Table, clean_text
from flow_platform.sources.values import MISSING

DAY_FIRST, MONTH_FIRST = "day-first", "month-first"
ISO = "ISO"

# A date that ends in its year, and what may follow it.
_YEAR_AT_END = re.compile(r"\s*(\d{1,2})([-/.])(\d{1,2})\2\d{4}(?!\d)", re.ASCII)
_NUMBER = re.compile(r"(\d+)(\.\d*)?", re.ASCII)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?", re.ASCII)
_DIRECTIVES = re.compile(r"(%[YymdHMSjIp])+")
_UTC_BY_NAME = re.compile(r" (?:UTC|GMT)$")
_ZERO = EXCEL_ZERO.to_pydatetime()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = {"epoch": 1, "epoch_ms": 1000}
# The key that a number needs which looks like this; other likenesses need a strptime format.
_KEYS = {
    "serial days of Excel": '"excel"',
    "epoch seconds": '"epoch"',
    "epoch milliseconds": '"epoch_ms"',
    "YYYYMMDDHH": '"%Y%m%d%H"',
}
_ANY_KEY = "Write ISO days such as 2025-12-31, or set date_format."


class UndecidedDatesError(SourceError):
    """The order of day and month in a source is not known. Names examples and the key to set."""


@dataclass(frozen=True)
class DateForm:
    """How a source writes days and moments.

    `given` is the strptime format that all have, None without one. `order` is that of the numbers
    in 05/01/2024 and 05-01-2024, `dotted` of those in 5.1.2024; None where it is not known.
    `numbers` is what numbers are: excel, epoch or epoch_ms; None for YYYYMMDD alone. `are_days` is
    whether all epochs are midnights in UTC, which are days and no moments.

    >>> DateForm(order="day-first").moment("05/01/2024 2:30 PM", "day")
    (datetime.datetime(2024, 1, 5, 14, 30), None)
    """

    given: str | None = None
    order: str | None = None
    dotted: str | None = DAY_FIRST
    numbers: str | None = None
    are_days: bool = False

    @staticmethod
    def of(date_format: str | None) -> DateForm:
        """What the key alone says."""
        if date_format in (DAY_FIRST, MONTH_FIRST):
            return DateForm(order=date_format, dotted=date_format)
        if date_format in DATE_FORMATS:
            return DateForm(numbers=date_format)
        order = None
        if date_format is not None and {"%d", "%m"} <= set(re.findall("%.", date_format)):
            is_day_first = date_format.index("%d") < date_format.index("%m")
            order = DAY_FIRST if is_day_first else MONTH_FIRST
        return DateForm(date_format, order)

    def moment(
        self, value: Any, name: str, *, is_quoted: bool = True
    ) -> tuple[date | datetime | None, str | None]:
        """A day (date), or a moment (datetime, aware or naive), or None with the fault.

        24:00 of a day is 00:00 of the next. No value is read as a day that it may not be. The fault
        quotes the value unless it may identify a person.
        """
        if self.given is None and value.__class__ is str and value[4:5] == "-" == value[7:8]:
            try:
                if len(value) == 10:
                    return date.fromisoformat(value), None
                if value[10:11] in ("T", " ") and value[11:13] != "24":
                    return datetime.fromisoformat(value), None
            except ValueError:
                pass
        if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
            return None, f"missing_value: {name} is empty"
        if isinstance(value, date):
            return value, None
        written = _written(value)
        if isinstance(value, str) and written.casefold() in MISSING:
            return None, f"missing_value: {name} is empty"
        try:
            return self._read(written), None
        except (_UnreadError, _ImpossibleError) as error:
            code = "wrong_type" if isinstance(error, _UnreadError) else "impossible_date"
            shown = repr(clean_text(str(value))[:60]) if is_quoted else "a value"
            return None, f"{code}: {name} is {shown}{error}"

    def stated(self, value: Any, name: str) -> tuple[date | datetime | None, str | None]:
        """The same of a column that is often ISO where the others are as `given`."""
        found = DateForm(None, self.order, self.dotted, self.numbers).moment(value, name)
        if self.given is None or found[1] is None or found[1].startswith("missing_value"):
            return found
        return self.moment(value, name)

    def _read(self, written: str) -> date | datetime:
        """Raises _UnreadError or _ImpossibleError."""
        if not written:
            raise _UnreadError(f", not a day such as 2025-12-31. {_ANY_KEY}")
        if self.given is not None:
            return _by_given(written, self.given)
        if number := _NUMBER.fullmatch(written):
            return self._of_number(written, number[1] if not (number[2] or "").strip(".0") else "")
        try:
            return moment_of_iso(written)
        except (ValueError, OverflowError):
            return self._of_text(written)

    def _of_text(self, written: str) -> date | datetime:
        if (other := why_no_day(written)) is not None:
            raise _UnreadError(f", {other}. {_ANY_KEY}")
        parts = MOMENT.fullmatch(_UTC_BY_NAME.sub("Z", written))
        day = None if parts is None else self._day(parts["date"])
        if day is None:
            raise _UnreadError(f", not a day such as 2025-12-31. {_ANY_KEY}")
        # A day with an offset is a day, wherever it is midnight then.
        clock = iso_clock(parts) if parts is not None and parts["hour"] else ""
        try:
            return moment_of_iso(day + clock)
        except (ValueError, OverflowError):
            raise _ImpossibleError(", which is in no calendar") from None

    def _day(self, text: str) -> str | None:
        """A date as ISO, "" for an impossible one; None where it is none."""
        for read in (year_first, month_by_name):
            if (day := read(text)) is not None:
                return day
        parts = YEAR_LAST.fullmatch(text)
        if parts is None:
            return None
        first, second, year = int(parts[1]), int(parts[3]), parts[4]
        if len(year) == 2:
            raise _UnreadError(
                ', a date with two digits for its year: set date_format, such as "%d/%m/%y"'
            )
        order = self.dotted if parts[2] == "." else self.order
        if order is None and first != second:
            raise _UnreadError(
                ', and the source does not say which part is the day: set date_format = "day-first"'
                ' or "month-first"'
            )
        number, month = (first, second) if order == DAY_FIRST else (second, first)
        return iso_day(year, month, number)

    def _of_number(self, written: str, whole: str) -> date | datetime:
        """A number: by the key, or else YYYYMMDD, alone or with HHMM or HHMMSS."""
        if self.numbers == "excel":
            if not EXCEL[0] <= float(written) < EXCEL[1]:
                raise _UnreadError(", which is no serial day of Excel from 1970 to 2099")
            return _ZERO + timedelta(seconds=round(float(written) * 86_400))
        if self.numbers is not None:
            number = Decimal(written) / _SECONDS[self.numbers]
            if number >= 2**33:
                raise _UnreadError(f", which is too large for {self.numbers}")
            at = _EPOCH + timedelta(microseconds=int(number * 1_000_000))
            return at.date() if self.are_days else at
        parts = _COMPACT.fullmatch(whole)
        if parts is not None and 1900 <= int(parts[1]) <= 2100:
            clock = f"T{parts[4]}{parts[5]}{parts[6] or '00'}" if parts[4] else ""
            try:
                return moment_of_iso("".join(parts.group(1, 2, 3)) + clock)
            except (ValueError, OverflowError):
                raise _ImpossibleError(
                    ", which is in no calendar as YYYYMMDD. Set date_format for other forms."
                ) from None
        raise _UnreadError(_of_what_likeness(float(written)))


class _UnreadError(ValueError):
    """A value is no day or moment; the text continues "day is '...'"."""


class _ImpossibleError(ValueError):
    """A value is written as a day, and there is no such day."""


def _written(value: Any) -> str:
    """A value as a text to be read; "" for one that can be no date, such as True."""
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return ""
    number = Decimal(value) if isinstance(value, int) else Decimal(str(value))
    if not number.is_finite():
        return ""
    return f"{number:f}".removesuffix(".0")


def _of_what_likeness(number: float) -> str:
    """What a number looks like, and the key to set."""
    found = [
        reading.name
        for reading in READINGS
        if reading.low <= number <= reading.high and (reading.fractions or number % 1 == 0)
    ]
    if not found:
        return f", a number that is no day. {_ANY_KEY}"
    names = " and ".join(dict.fromkeys(found))
    keys = " or ".join(dict.fromkeys(_KEYS[name] for name in found if name in _KEYS))
    if keys:
        return f", a number that looks like {names}: set date_format = {keys} if it is that"
    return f", a number that looks like {names}, which is no day. {_ANY_KEY}"


def _by_given(written: str, form: str) -> datetime:
    try:
        found = _strptime(written, form)
    except (ValueError, OverflowError):
        raise _UnreadError(f", not written as {form}") from None
    # Without signs between them strptime takes the parts of 2024115 as it likes.
    if _DIRECTIVES.fullmatch(form) and len(found.strftime(form)) != len(written):
        raise _UnreadError(f", not written as {form}")
    return found


def _strptime(written: str, form: str) -> datetime:
    try:
        return datetime.strptime(written, form)
    except ValueError:
        if "%H" not in form:
            raise
        # The hour 24 as a letter of the form: what is left is the moment's hour 0.
        found = datetime.strptime(written, form.replace("%H", "24"))
        if (found.minute, found.second, found.microsecond) != (0, 0, 0):
            raise
        return found + timedelta(days=1)


# -- a whole source ------------------------------------------------------------------------------


def _are_iso_texts(column: Column) -> bool:
    """Whether a column as Arrow has it shows at once that all of its texts begin as ISO days do."""
    import pyarrow as pa
    import pyarrow.compute as pc

    arrow = column.arrow
    if arrow is None or not pa.types.is_string(arrow.type):
        return False
    dashes = pc.binary_slice(arrow.cast(pa.binary()), 4, 8, 3)
    return bool(pc.all(pc.equal(dashes, b"--"), min_count=0).as_py())


@dataclass
class _Evidence:
    """Dates of one family of forms: one that is day-first alone, one that is month-first alone,
    one that may be both; each with its file. `weighs` is whether a column has mostly such dates.
    """

    day_first: tuple[str, str] | None = None
    month_first: tuple[str, str] | None = None
    either: tuple[str, str] | None = None
    weighs: bool = False

    def note(self, file: str, text: str, first: int, second: int) -> None:
        here = (text, file)
        if first > 12 >= second:
            self.day_first = self.day_first or here
        elif second > 12 >= first:
            self.month_first = self.month_first or here
        elif first <= 12 and first != second:
            self.either = self.either or here

    def order(self, known: str | None) -> str | None:
        """The order that all dates have; `known` where none of them tells."""
        if self.day_first and self.month_first:
            return None
        if self.day_first or self.month_first:
            return DAY_FIRST if self.day_first else MONTH_FIRST
        return known

    @property
    def why_undecided(self) -> str:
        if self.day_first and self.month_first:
            (one, file), (other, of_other) = self.day_first, self.month_first
            return f"{one!r} in {file} has its day first, {other!r} in {of_other} its month"
        text, file = self.either or ("", "")
        return f"which part of {text!r} in {file} is its day, no date of the source decides"


@dataclass
class SourceDates:
    """What the dates of all tables of a source say of their form.

    `known` is the order that a source of this layout is known to have in 05/01/2024, as long as no
    date contradicts it, or is written 05-01-2024: then somebody has written the dates in another
    way than this layout does.

    >>> dates = SourceDates(None)
    >>> dates.note("a.csv", ["05/01/2024"])
    >>> dates.note("b.csv", ["25/01/2024"])
    >>> dates.form.order
    'day-first'
    """

    date_format: str | None
    known: str | None = None
    _slashed: _Evidence = field(default_factory=_Evidence)
    _dotted: _Evidence = field(default_factory=_Evidence)
    # By file: whether it has slashed dates, dotted ones, numbers.
    _files: dict[str, set[str]] = field(default_factory=dict)
    _has_dashed: bool = False
    _numbers: bool = False
    _midnights: bool = True

    def note_tables(self, tables: Iterable[tuple[str, object]], names: Sequence[str]) -> None:
        """Take in the columns of dates (our `names`) of tables; a file that cannot be read, which
        has an error in place of its table, has no say."""
        for file, table in tables:
            if isinstance(table, Table):
                self.note_columns(file, map(table.get, names))

    def note_columns(self, file: str, columns: Iterable[Column | None]) -> None:
        """Take in the distinct values of a table's columns of dates."""
        self._files.setdefault(file, set())
        for column in columns:
            if column is not None and not _are_iso_texts(column):
                self.note(file, column.values)

    def note(self, file: str, found: Iterable[Any]) -> None:
        """Take in the distinct values of a column."""
        kinds = self._files.setdefault(file, set())
        values = list(found)
        # The fifth and the eighth letter of ISO days: most columns have nothing else.
        odd = [value for value in values if value.__class__ is not str or value[4:8:3] != "--"]
        if not odd:
            return
        numbers = DateForm.of(self.date_format).numbers
        counts = {"/": 0, ".": 0}
        for value in odd:
            if value.__class__ is str and (parts := _YEAR_AT_END.match(value)):
                family = "." if parts[2] == "." else "/"
                counts[family] += 1
                self._has_dashed = self._has_dashed or parts[2] == "-"
                evidence = self._dotted if family == "." else self._slashed
                evidence.note(file, clean_text(value.strip())[:40], int(parts[1]), int(parts[3]))
            elif numbers is not None and _NUMBER.fullmatch(written := _written(value)):
                kinds.add("numbers")
                self._numbers = True
                if numbers in _SECONDS:
                    day = 86_400 * _SECONDS[numbers]
                    self._midnights = self._midnights and Decimal(written) % day == 0
        for family, count in counts.items():
            if count:
                kinds.add(family)
            evidence = self._dotted if family == "." else self._slashed
            evidence.weighs = evidence.weighs or 2 * count > len(values)

    def take(self, other: SourceDates) -> None:
        """Take in what other tables of the source say."""
        for own, more in ((self._slashed, other._slashed), (self._dotted, other._dotted)):
            own.day_first = own.day_first or more.day_first
            own.month_first = own.month_first or more.month_first
            own.either = own.either or more.either
            own.weighs = own.weighs or more.weighs
        for file, kinds in other._files.items():
            self._files.setdefault(file, set()).update(kinds)
        self._has_dashed = self._has_dashed or other._has_dashed
        self._numbers = self._numbers or other._numbers
        self._midnights = self._midnights and other._midnights

    @property
    def is_plain(self) -> bool:
        """Whether no other table can change how these dates are read."""
        return not any(self._files.values())

    @property
    def form(self) -> DateForm:
        """How the source's dates are read.

        Raises UndecidedDatesError where its dates may be day-first or month-first. Where such dates
        are few in each table, as if written by hand, these alone are left unread.
        """
        given = DateForm.of(self.date_format)
        if given.given is not None or given.order is not None:
            return given
        order = self._slashed.order(None if self._has_dashed else self.known)
        dotted = self._dotted.order(DAY_FIRST)
        for found, evidence in ((order, self._slashed), (dotted, self._dotted)):
            is_unclear = evidence.either or (evidence.day_first and evidence.month_first)
            if found is None and evidence.weighs and is_unclear:
                raise UndecidedDatesError(
                    f"holds dates of which nobody knows the order: {evidence.why_undecided}. Set"
                    ' date_format = "day-first" or "month-first" in sources.toml. Nothing was'
                    " changed."
                )
        are_days = given.numbers in _SECONDS and self._numbers and self._midnights
        return DateForm(None, order, dotted, given.numbers, are_days)

    def reading(self, file: str) -> str:
        """How the dates of a file are read, in words: one day is never another under the same."""
        form, kinds = self.form, self._files.get(file)
        if form.given is not None:
            return form.given
        if kinds is None:  # its tables were not asked for
            return self.date_format or ISO
        orders = {"/": form.order, ".": form.dotted, "numbers": form.numbers}
        named = [orders[kind] for kind in sorted(kinds)]
        return ", ".join(dict.fromkeys(one for one in named if one)) or ISO
