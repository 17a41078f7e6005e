"""Single values of source rows, read with care: texts, numbers and their faults.

Days and moments are in `dates.py`. What a value means, and which range it may have, is the business
of each flow's module.
"""

from __future__ import annotations

import math
import re
from datetime import date
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
