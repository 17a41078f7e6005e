"""Single values of source rows, read with care: texts, numbers, days, moments and their faults.

Time zones are in `clocks.py`. What a value means, and which range it may have, is the business of
each flow's module.
"""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.sources.tables import clean_text

EARLIEST_DAY = date(2005, 1, 1)
MISSING = frozenset({"", "nan", "null", "none", "na", "n/a", "<na>", "nat"})

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_FIRST_GROUP, _GROUP = re.compile(r"[+-]?\d{1,3}", re.ASCII), re.compile(r"\d{3}", re.ASCII)
# No-break spaces, as spreadsheets write them between thousands.
_SPACE = re.compile("[\u00a0\u202f\u2009]")
_NOT_FINITE = frozenset({"inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"})
_WHOLE = re.compile(r"(\d+)\.0+", re.ASCII)
_LOOKS_ISO = re.compile(r"\d{4}-?\d{1,2}-?\d{1,2}([T ].*)?", re.ASCII)
# ISO 8601: the end of a day may be written as its hour 24.
_HOUR_24 = re.compile(
    r"(\d{4}(-?)\d{2}\2\d{2}[T ])24((?::?00){0,2}(?:[.,]0+)?(?:Z|[+-].+)?)", re.ASCII
)


def text(value: Any) -> str:
    """A value as text: whole numbers without a decimal point, blanks around it removed."""
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()


def name_text(value: Any) -> str:
    """A name or an id as a text that can be stored, blanks around it removed."""
    return clean_text(text(value))


def whole_id(value: Any) -> str:
    """An id as text, whole numbers without a decimal point: 4264, 4264.0 and "4264.0" are one id,
    since spreadsheets write an id in all these ways. "07" stays "07".
    """
    written = name_text(value)
    whole = _WHOLE.fullmatch(written)
    return whole[1] if whole else written


def number(value: Any, name: str, marks: str) -> tuple[float, str | None]:
    """A plain finite number, or NaN with the fault.

    `marks` are those of numbers in texts: before fractions, and between thousands if there is a
    second: "1.234,5" under ",.".
    """
    if value is None:
        return math.nan, f"missing_value: {name} is empty"
    if isinstance(value, bool | np.bool_):
        return math.nan, f"wrong_type: {name} is {value}, not a number"
    if isinstance(value, str):
        written = value.strip()
        folded = written.casefold()
        if folded in MISSING:
            return math.nan, f"missing_value: {name} is empty"
        if folded in _NOT_FINITE:
            return math.nan, f"not_finite: {name} is {written}"
        written = _plain(written, marks)
        if not _NUMBER.fullmatch(written):
            shown = clean_text(value)[:60]
            return math.nan, f"wrong_type: {name} is {shown!r}, not a plain number"
        return float(written), None
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    except (TypeError, ValueError):
        shown = clean_text(str(value))[:60]
        return math.nan, f"wrong_type: {name} is {shown!r}, not a number"
    if math.isnan(found):
        return math.nan, f"missing_value: {name} is not a number (NaN)"
    if math.isinf(found) and isinstance(value, float):
        return math.nan, f"not_finite: {name} is {found}"
    return found, None


def _plain(written: str, marks: str) -> str:
    """A number in these marks as Python writes it; "?" where the marks do not fit."""
    decimal, thousands = marks[0], marks[1:]
    if thousands:
        whole, mark, fraction = written.partition(decimal)
        groups = _SPACE.sub(" ", whole).split(thousands)
        if len(groups) > 1 and not (
            _FIRST_GROUP.fullmatch(groups[0]) and all(map(_GROUP.fullmatch, groups[1:]))
        ):
            return "?"
        written = "".join(groups) + mark + fraction
    if decimal == ".":
        return written
    return "?" if "." in written else written.replace(decimal, ".")


def is_number(written: str, marks: str) -> bool:
    """Whether a text is a plain finite number in these marks, which are those of `number`."""
    return _NUMBER.fullmatch(_plain(written, marks)) is not None


def looks_iso(written: str) -> bool:
    """Whether a text has the form of an ISO 8601 day or moment, be it possible or not."""
    return _LOOKS_ISO.fullmatch(written) is not None


def moment(value: Any, name: str, form: str | None) -> tuple[date | datetime | None, str | None]:
    """A day (date), or a moment (datetime, aware or naive), or None with the fault.

    24:00 of a day is 00:00 of the next.
    """
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None, f"missing_value: {name} is empty"
    if isinstance(value, datetime | date):
        return value, None
    written = str(value).strip() if isinstance(value, str | int) and value is not True else ""
    if isinstance(value, str) and written.casefold() in MISSING:
        return None, f"missing_value: {name} is empty"
    shown = clean_text(str(value))[:60]
    if form is not None and written:
        try:
            return _by_form(written, form), None
        except (ValueError, OverflowError):
            return None, f"wrong_type: {name} is {shown!r}, not written as {form}"
    if isinstance(value, str):
        try:
            return (date.fromisoformat(written) if len(written) <= 10 else _iso(written)), None
        except (ValueError, OverflowError):
            if looks_iso(written):
                return None, f"impossible_date: {name} is {shown!r}"
    return None, (
        f"wrong_type: {name} is {shown!r}, not a day such as 2025-12-31 (set date_format for"
        " other forms)"
    )


def _iso(written: str) -> datetime:
    if (at_24 := _HOUR_24.fullmatch(written)) is not None:
        return datetime.fromisoformat(f"{at_24[1]}00{at_24[3]}") + timedelta(days=1)
    return datetime.fromisoformat(written)


def _by_form(written: str, form: str) -> datetime:
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
