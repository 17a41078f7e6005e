"""Single values of source rows, read with care: texts, numbers, days, moments and their faults.

What a value means, and which range it may have, is the business of each flow's module.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from flow_platform.sources.tables import clean_text

EARLIEST_DAY = date(2005, 1, 1)
MISSING = frozenset({"", "nan", "null", "none", "na", "n/a", "<na>", "nat"})

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_NOT_FINITE = frozenset({"inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"})
_LOOKS_ISO = re.compile(r"\d{4}-?\d{1,2}-?\d{1,2}([T ].*)?", re.ASCII)


def each(values: np.ndarray, parse: Callable[[Any], Any]) -> np.ndarray:
    """`parse` of every value; equal values of one type are parsed once."""
    out = np.empty(len(values), dtype=object)
    try:
        keys = list(zip(map(type, values), values, strict=True))
        parsed = {key: parse(key[1]) for key in dict.fromkeys(keys)}
        out[:] = [parsed[key] for key in keys]
    except TypeError:  # a list in a Parquet cell has no hash
        out[:] = [parse(value) for value in values]
    return out


def text(value: Any) -> str:
    """A value as text: whole numbers without a decimal point, blanks around it removed."""
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()


def number(value: Any, name: str, decimal: str) -> tuple[float, str | None]:
    """A plain finite number, or NaN with the fault; `decimal` is the sign that texts use."""
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
        if decimal != ".":
            written = "?" if "." in written else written.replace(decimal, ".")
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


def looks_iso(written: str) -> bool:
    """Whether a text has the form of an ISO 8601 day or moment, be it possible or not."""
    return _LOOKS_ISO.fullmatch(written) is not None


def moment(value: Any, name: str, form: str | None) -> tuple[date | datetime | None, str | None]:
    """A day (date), or a moment (datetime, aware or naive), or None with the fault."""
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
            return datetime.strptime(written, form), None
        except ValueError:
            return None, f"wrong_type: {name} is {shown!r}, not written as {form}"
    if isinstance(value, str):
        try:
            return (
                date.fromisoformat(written)
                if len(written) <= 10
                else datetime.fromisoformat(written)
            ), None
        except ValueError:
            if looks_iso(written):
                return None, f"impossible_date: {name} is {shown!r}"
    return None, (
        f"wrong_type: {name} is {shown!r}, not a day such as 2025-12-31 (set date_format for"
        " other forms)"
    )


@lru_cache(maxsize=4096)
def zone(timezone: str) -> ZoneInfo:
    return ZoneInfo(timezone)


def local_day(at: Any, timezone: str) -> date | None:
    """The local day of a day or moment; a moment without an offset is local already."""
    if not isinstance(at, datetime):
        return at if isinstance(at, date) else None
    if at.tzinfo is None:
        return at.date()
    try:
        return at.astimezone(zone(timezone)).date()
    except (OverflowError, ValueError):
        return at.date()


def naive_utc(at: Any, timezone: str) -> datetime | None:
    """A day or moment as naive UTC; without an offset it is local time."""
    if not isinstance(at, date):
        return None
    if not isinstance(at, datetime):
        at = datetime(at.year, at.month, at.day)
    try:
        if at.tzinfo is None:
            # fold=1: an hour that comes twice counts as its second turn, never as too early.
            at = at.replace(tzinfo=zone(timezone), fold=1)
        return at.astimezone(ZoneInfo("UTC")).replace(tzinfo=None)
    except (OverflowError, ValueError):
        return None


def day_fault(found: date | None, name: str, today: date) -> str | None:
    """Why a day cannot be one of the facts, or None: before 2005, or not come yet."""
    if found is None:
        return f"wrong_type: {name} cannot be read"
    if found < EARLIEST_DAY:
        return f"before_2005: {name} is {found}, before {EARLIEST_DAY}"
    if found > today:
        return f"future_day: {name} is {found}, the centre's day is still {today}"
    return None


def hold_back(
    stated: np.ndarray, available_at: np.ndarray, timezones: np.ndarray, reason: np.ndarray
) -> None:
    """Put off `available_at` (naive UTC) to the stated moments that are later, in place.

    Only rows without a `reason` are looked at; one whose moment cannot be read gets one.
    """
    found = each(stated, lambda value: moment(value, "available_at", None))
    for place in np.flatnonzero(pd.isna(reason)).tolist():
        at, fault = found[place]
        if fault is not None and fault.startswith("missing_value"):
            continue
        known = naive_utc(at, timezones[place])
        if known is None:
            reason[place] = fault or "impossible_date: available_at cannot be read"
        else:
            available_at[place] = max(available_at[place], np.datetime64(known, "us"))


def first_faults(*columns: np.ndarray) -> np.ndarray:
    """For each row its first fault, None for a good row."""
    reason = columns[0].copy()
    for column in columns[1:]:
        empty = pd.isna(reason)
        reason[empty] = column[empty]
    return reason
