"""The ds of a panel as times or whole numbers, read from texts, dates, periods and numbers.

Every way to write a date is stated here; what fits none, or more than one, is refused. Dates that
are written as numbers are read in `whole_number_dates`.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from flow_platform.evaluation.frequency import (
    are_steps,
    can_be_named_by,
    days_of,
    is_within_a_day,
    whole_step,
)
from flow_platform.evaluation.whole_number_dates import read_numbers
from flow_platform.ground.errors import ModelError
from flow_platform.ground.written_dates import (
    CLOCK,
    DAY_NAMED,
    MOMENT,
    MONTH_NAMED,
    OFFSET,
    YEAR_FIRST,
    YEAR_LAST,
    iso_clock,
    iso_day,
    month_by_name,
    why_no_day,
    year_first,
)

# Times that are kept in nanoseconds with room for a horizon.
_FIRST, _LAST = pd.Timestamp("1700-01-01"), pd.Timestamp("2200-01-01")
# Larger whole numbers are not exact as floats, and no file counts so far.
_LARGEST = 10**15
_ISO_DATES = "Write ISO dates such as 2024-01-31."

_ISO = rf"^\d{{4}}-\d{{1,2}}-\d{{1,2}}(?:[T ]{CLOCK} ?{OFFSET}?)?$"
_WITH_OFFSET = rf"([T ]{CLOCK}) ?{OFFSET}$"
_MIDNIGHT = rf"([T ])24(:00(?::00(?:\.0+)?)?)( ?{OFFSET})?$"
# ISO without signs between its parts, and UTC by its name; each with what it is written as here.
_OTHER_ISO = (
    (r"^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)", r"\1-\2-\3T\4:\5:\6"),
    (r"^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)", r"\1-\2-\3T\4:\5"),
    (r"(:\d\d(?:\.\d+)?) (?:UTC|GMT)$", r"\1Z"),
)
_NUMBER = r"^-?\d+(?:\.\d*)?$"
_PERIODS = {"M": re.compile(r"(\d{4})[-/.](\d{1,2})"), "Q": re.compile(r"(\d{4})[- ]?Q([1-4])")}

_FORMS = (YEAR_FIRST, YEAR_LAST, DAY_NAMED, MONTH_NAMED)


def times_of(ds: pd.Series, freq: str, where: str, after: pd.Timestamp | None = None) -> pd.Series:
    """ds as timestamps without a zone, or as whole numbers that count steps.

    Moments with an offset or a zone are in UTC where the steps of `freq` are hours or finer, else
    local days as they are written. Numbers are dates where `freq` is of the calendar and they can
    only be that. `where` names the file. Of two orders of a date, the one counts whose times are
    all later than `after`. Raises ModelError with the value, the fault and the remedy.

    Example: times_of(pd.Series(["2024-01-31"]), "D", "panel.csv")
    """
    if ds.dtype.kind == "M":
        _refuse_missing(ds.isna().to_numpy(), where)
        return _kept_in_bounds(_without_zone(pd.DatetimeIndex(ds), freq), where)
    if ds.dtype == np.int64 and whole_step(freq) is not None:
        return ds
    codes, distinct = pd.factorize(ds)
    _refuse_missing(codes < 0, where)
    if isinstance(ds.dtype, pd.PeriodDtype):
        return _kept_in_bounds(days_of(pd.PeriodIndex(distinct), freq), where).take(codes)
    values = np.asarray(distinct)
    if values.dtype.kind in "iuf":
        return _of_numbers(values, freq, where).take(codes)
    texts = distinct if isinstance(ds.dtype, pd.StringDtype) else map(str, values)
    column = pc.utf8_trim_whitespace(pa.array(texts, pa.string()))
    empty = pc.equal(column, "").to_numpy(zero_copy_only=False)
    _refuse_missing(empty[codes], where)
    return _of_texts(column, freq, where, after).take(codes)


def _refuse_missing(unknown: np.ndarray, where: str) -> None:
    """Raises ModelError where rows have no ds."""
    if unknown.any():
        raise ModelError(
            f"{where}: {int(unknown.sum())} row(s) have no ds, the first is row"
            f" {int(unknown.argmax()) + 1} of the data. Fill it in, or remove the row."
        )


def _kept_in_bounds(times: pd.DatetimeIndex, where: str) -> pd.Series:
    """The times in nanoseconds. Raises ModelError for years that these cannot hold."""
    outside = (times < _FIRST) | (times >= _LAST)
    if outside.any():
        raise ModelError(
            f"{where}: ds {times[outside][0]} is outside of the years {_FIRST.year} to"
            f" {_LAST.year - 1}. Correct it, or remove the row."
        )
    return pd.Series(times.as_unit("ns"))


def _without_zone(times: pd.DatetimeIndex, freq: str) -> pd.DatetimeIndex:
    """Moments of a zone in UTC for hours, and as local days for days."""
    if times.tz is None or whole_step(freq) is not None:
        return times.tz_localize(None)
    return times.tz_convert("UTC" if is_within_a_day(freq) else times.tz).tz_localize(None)


# -- numbers -------------------------------------------------------------------------------------


def _of_numbers(numbers: np.ndarray, freq: str, where: str) -> pd.Series:
    """Numbers as the dates that they are, else as whole numbers."""
    if whole_step(freq) is None and len(numbers):
        dates = read_numbers(numbers, freq, where)
        if dates is not None:
            return _kept_in_bounds(dates, where)
    wrong = ~np.isfinite(numbers) | (numbers % 1 != 0)
    if wrong.any():
        raise ModelError(
            f"{where}: ds {numbers[wrong][0]} is neither a time nor a whole number. {_ISO_DATES}"
        )
    large = (numbers < -_LARGEST) | (numbers > _LARGEST)
    if large.any() and (whole_step(freq) is None or numbers.dtype.kind != "i"):
        raise ModelError(f"{where}: ds {numbers[large][0]} is too large a number. {_ISO_DATES}")
    return pd.Series(numbers.astype("int64"))


# -- texts ---------------------------------------------------------------------------------------


def _of_texts(column: pa.Array, freq: str, where: str, after: pd.Timestamp | None) -> pd.Series:
    """Distinct texts as times, or as whole numbers."""
    first = column[0].as_py()
    if "T" in first[8:9] or first.endswith(("UTC", "GMT")):
        for written, iso in _OTHER_ISO:
            column = pc.replace_substring_regex(column, written, iso)
    if _all(column, _NUMBER):
        return _of_numbers(_numbers(column.to_pylist()), freq, where)
    if whole_step(freq) is not None:
        wrong = _first_without(column, _NUMBER)
        raise ModelError(
            f"{where}: ds {wrong!r} is not a whole number, which --freq {freq} counts. Give the"
            " frequency of the rows by its name in pandas: h, D, W-SUN."
        )
    if _all(column, _ISO):
        return _kept_in_bounds(_of_iso(column, freq, where), where)
    texts = column.to_pylist()
    for period, form in _PERIODS.items():
        if all(map(form.fullmatch, texts)):
            return _kept_in_bounds(_of_periods(texts, period, freq, where), where)
    return _kept_in_bounds(_of_other_forms(texts, freq, where, after), where)


def _all(column: pa.Array, form: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(column, form)).as_py())


def _first_without(column: pa.Array, form: str) -> str:
    fits = pc.match_substring_regex(column, form).to_numpy(zero_copy_only=False)
    return str(column[int(np.argmin(fits))].as_py())


def _numbers(texts: list[str]) -> np.ndarray:
    try:
        return np.array([int(text) for text in texts], dtype="int64")
    except (ValueError, OverflowError):
        return np.array(texts, dtype="float64")


def _of_periods(texts: list[str], period: str, freq: str, where: str) -> pd.DatetimeIndex:
    """Months (2024-01) and quarters (2024Q1) as steps of the frequency."""
    parts = [_PERIODS[period].fullmatch(text) for text in texts]
    name = {"M": "month", "Q": "quarter"}[period]
    if not can_be_named_by(freq, period):
        raise ModelError(
            f"{where}: ds {texts[0]!r} is a {name}, which names no step of --freq {freq}."
            f" {_ISO_DATES}"
        )
    numbers = [(int(part[1]), int(part[2])) for part in parts if part is not None]
    for text, (year, part) in zip(texts, numbers, strict=True):
        if not (1 <= part <= 12 and _FIRST.year <= year < _LAST.year):
            raise ModelError(f"{where}: ds {text!r} is no {name}. {_ISO_DATES}")
    form = "{}-{:02d}" if period == "M" else "{}Q{}"
    index = pd.PeriodIndex([form.format(*number) for number in numbers], freq=period)
    return days_of(index, freq)


def _of_iso(column: pa.Array, freq: str, where: str) -> pd.DatetimeIndex:
    """ISO dates and moments; 24:00 is the next day's 00:00."""
    with_offset = pc.match_substring_regex(column, _WITH_OFFSET)
    count = pc.sum(with_offset).as_py()
    within_a_day = is_within_a_day(freq)
    if within_a_day and 0 < count < len(column):
        place = int(np.argmin(with_offset.to_numpy(zero_copy_only=False)))
        raise ModelError(
            f"{where}: some ds have an offset from UTC, but {column[place].as_py()!r} has none."
            " Write all of them with their offset, or all of them in UTC."
        )
    plain = column
    if count and not within_a_day:
        plain = pc.replace_substring_regex(plain, _WITH_OFFSET, r"\1")
    midnight = pc.match_substring_regex(plain, _MIDNIGHT).to_numpy(zero_copy_only=False)
    if midnight.any():
        plain = pc.replace_substring_regex(plain, _MIDNIGHT, r"\1" "00" r"\2\3")
    utc = bool(count) and within_a_day
    texts = pd.Index(plain.to_pandas())
    try:
        times = pd.DatetimeIndex(pd.to_datetime(texts, format="ISO8601", utc=utc))
    except (ValueError, OverflowError):
        wrong = _first_impossible(texts, column)
        raise ModelError(
            f"{where}: ds {wrong!r} is no date or time that exists. Correct it."
        ) from None
    return (times + pd.to_timedelta(midnight.astype("int64"), unit="D")).tz_localize(None)


def _first_impossible(texts: pd.Index, written: pa.Array) -> str:
    known = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")
    return str(written[int(known.isna().argmax())].as_py())


def _of_other_forms(
    texts: list[str], freq: str, where: str, after: pd.Timestamp | None
) -> pd.DatetimeIndex:
    """Moments whose date is not ISO: their dates are read as one, then what follows them."""
    moments = [MOMENT.fullmatch(text) for text in texts]
    dates = [
        moment["date"] if moment else text for moment, text in zip(moments, texts, strict=True)
    ]
    readings = _readings(dates, texts, where)
    clocks = [iso_clock(moment) for moment in moments]
    found: list[tuple[str, pd.DatetimeIndex]] = []
    faults: list[str] = []
    for name, days in readings.items():
        if "" in days:
            faults.append(f"{texts[days.index('')]!r} is no day {name}")
            continue
        column = pa.array([day + clock for day, clock in zip(days, clocks, strict=True)])
        times = _of_iso(column, freq, where)
        if not are_steps(times, freq):
            faults.append(f"{texts[0]!r} and others are no steps of --freq {freq} {name}")
        elif not any(times.equals(other) for _, other in found):
            found.append((name, times))
    if not found:
        raise ModelError(f"{where}: ds {', and '.join(faults)}. {_ISO_DATES}")
    if len(found) > 1 and after is not None:
        found = [(name, times) for name, times in found if times.min() > after] or found
    if len(found) > 1:
        names = " and ".join(name for name, _ in found)
        raise ModelError(
            f"{where}: ds such as {texts[0]!r} can be read {names}, and no value decides it."
            f" {_ISO_DATES}"
        )
    return found[0][1]


def _readings(dates: list[str], texts: list[str], where: str) -> dict[str, list[str]]:
    """ISO days of the dates by each reading that their form allows, "" for an impossible day.

    Raises ModelError where a date has none of the known forms, or where forms are mixed.
    """
    for read in (year_first, month_by_name):
        days = [read(text) for text in dates]
        if all(day is not None for day in days):
            return {"of the calendar": [day or "" for day in days]}
    parts = [YEAR_LAST.fullmatch(text) for text in dates]
    if not all(parts):
        raise ModelError(_why_no_date(dates, texts, where))
    fields = [(int(p[1]), int(p[3]), p[4]) for p in parts if p is not None]
    long = [year if len(year) == 4 else f"20{year}" for _, _, year in fields]
    readings = {
        "day-first": [iso_day(y, b, a) for (a, b, _), y in zip(fields, long, strict=True)],
        "month-first": [iso_day(y, a, b) for (a, b, _), y in zip(fields, long, strict=True)],
    }
    if any(len(year) == 2 for _, _, year in fields):
        readings["year-first"] = [iso_day(f"20{a:02d}", b, int(y[-2:])) for a, b, y in fields]
    return readings


def _why_no_date(dates: list[str], texts: list[str], where: str) -> str:
    """The sentence for texts of which some are no dates, or which have several forms."""
    forms = [
        next((n for n, form in enumerate(_FORMS) if form.fullmatch(day)), None) for day in dates
    ]
    if None not in forms:
        other = next(n for n, form in enumerate(forms) if form != forms[0])
        return (
            f"{where}: ds {texts[0]!r} and {texts[other]!r} are dates of different forms."
            f" {_ISO_DATES}"
        )
    wrong = texts[forms.index(None)]
    week = why_no_day(wrong)
    if week is None:
        return f"{where}: ds {wrong!r} is neither a time nor a whole number. {_ISO_DATES}"
    return f"{where}: ds {wrong!r} is {week}."
