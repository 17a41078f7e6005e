"""Dates that a panel writes as numbers: YYYYMMDD, YYYYMM, serials of Excel, epoch seconds, ...

A file has one reading or is refused. Dates that are written as text are read in `panel_times`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from flow_platform.evaluation.frequency import are_steps, can_be_named_by, days_of, is_within_a_day
from flow_platform.ground.errors import ModelError

# Days that a whole number may mean; outside of them a likeness is chance.
_FIRST, _LAST = pd.Timestamp("1900-01-01"), pd.Timestamp("2100-12-31 23:59:59")
# Day 0 of Excel's serials from March 1900 on, and those that are taken for days: 1970 to 2099.
_EXCEL_ZERO, _EXCEL = pd.Timestamp("1899-12-30"), (25569, 73050)
# Epochs before 1973 in seconds, milliseconds and so on have fewer digits: they may be counts.
_EPOCH_FROM = 10**8
# Share of values that fit a reading from which the others are taken for errors, not for counts.
_MOST = 0.5
# Counts from 1 on pass through Excel's serials.
_NEARLY_ALL = 0.9
_REMEDY = "Write ISO dates such as 2024-01-31, or give --freq 1 if they count steps."


@dataclass(frozen=True)
class _Reading:
    """A way to write a date as a number.

    name    what people call it
    low     least and greatest number that is read so
    dates   the date of each number within these bounds, NaT where there is none
    period  M, Q or Y where a number names a month, quarter or year; W for a week, which no ds is
    """

    name: str
    low: float
    high: float
    dates: Callable[[np.ndarray], pd.DatetimeIndex]
    period: str = ""
    fractions: bool = False

    def read(self, numbers: np.ndarray) -> pd.DatetimeIndex:
        """The date of each number, NaT where it is not written so."""
        inside = (numbers >= self.low) & (numbers <= self.high)
        if not self.fractions:
            inside &= numbers % 1 == 0
        found = np.full(len(numbers), np.datetime64("NaT"), dtype="datetime64[ns]")
        if inside.any():
            dates = self.dates(numbers[inside]).as_unit("ns")
            found[inside] = dates.where((dates >= _FIRST) & (dates <= _LAST)).to_numpy()
        return pd.DatetimeIndex(found)


def _compact(digits: int) -> Callable[[np.ndarray], pd.DatetimeIndex]:
    """Reads YYYYMMDD followed by so many digits of hour, minute and second; 24 is midnight."""

    def dates(numbers: np.ndarray) -> pd.DatetimeIndex:
        whole = numbers.astype("int64")
        day, clock = np.divmod(whole, 10**digits)
        hour, minute, second = (clock * 10 ** (6 - digits)) // [[10000], [100], [1]] % 100
        valid = ((hour < 24) | ((hour == 24) & (minute + second == 0))) & (minute < 60)
        days = pd.to_datetime(pd.Index(day.astype(str)), format="%Y%m%d", errors="coerce")
        moments = days + pd.to_timedelta(hour * 3600 + minute * 60 + second, unit="s")
        return pd.DatetimeIndex(moments.where(valid & (second < 60)))

    return dates


def _parts(per_year: int, digits: int) -> Callable[[np.ndarray], pd.DatetimeIndex]:
    """Reads a year followed by the number of one of its months, quarters or weeks."""

    def dates(numbers: np.ndarray) -> pd.DatetimeIndex:
        year, part = np.divmod(numbers.astype("int64"), 10**digits)
        valid = (part >= 1) & (part <= per_year)
        month = np.where(valid, (part - 1) * 12 // per_year + 1, 1)
        texts = pd.Index(year.astype(str)) + pd.Index(month.astype(str)).str.zfill(2)
        return pd.to_datetime(texts, format="%Y%m", errors="coerce").where(valid)

    return dates


def _years(numbers: np.ndarray) -> pd.DatetimeIndex:
    return pd.to_datetime(pd.Index(numbers.astype("int64").astype(str)), format="%Y")


def _serials(numbers: np.ndarray) -> pd.DatetimeIndex:
    return (_EXCEL_ZERO + pd.to_timedelta(numbers, unit="D")).round("s")


def _epoch(name: str, unit: Literal["s", "ms", "us", "ns"], per_second: int) -> _Reading:
    def dates(numbers: np.ndarray) -> pd.DatetimeIndex:
        return pd.DatetimeIndex(pd.to_datetime(numbers, unit=unit))

    bounds = _EPOCH_FROM * per_second, int(_LAST.timestamp()) * per_second
    return _Reading(f"epoch {name}", *bounds, dates, fractions=unit == "s")


_READINGS = (
    _Reading("YYYY", 1900, 2100, _years, "Y"),
    _Reading("YYYYQ", 19001, 21004, _parts(4, 1), "Q"),
    _Reading("serial days of Excel", *_EXCEL, _serials, fractions=True),
    _Reading("YYYYMM", 190001, 210012, _parts(12, 2), "M"),
    _Reading("YYYYWW", 190001, 210053, _parts(53, 2), "W"),
    _Reading("YYYYMMDD", 19000101, 21001231, _compact(0)),
    _Reading("YYYYMMDDHH", 1900010100, 2100123124, _compact(2)),
    _Reading("YYYYMMDDHHMM", 190001010000, 210012312400, _compact(4)),
    _Reading("YYYYMMDDHHMMSS", 19000101000000, 21001231240000, _compact(6)),
    _epoch("seconds", "s", 1),
    _epoch("milliseconds", "ms", 10**3),
    _epoch("microseconds", "us", 10**6),
    _epoch("nanoseconds", "ns", 10**9),
)


def read_numbers(numbers: np.ndarray, freq: str, where: str) -> pd.DatetimeIndex | None:
    """The dates that all numbers of a file are, UTC without a zone; None where they count steps.

    `freq` is a frequency of the calendar, `where` names the file. Raises ModelError that names the
    likeness where more than one reading fits, where most but not all numbers fit one, and where
    the frequency has no step that is written so.
    """
    found = {reading: reading.read(numbers) for reading in _READINGS}
    known = {reading: np.asarray(dates.notna()) for reading, dates in found.items()}
    fitting = [reading for reading in _READINGS if known[reading].all()]
    # Numbers of weeks up to 12 are months too; the frequency tells which.
    if len(fitting) > 1:
        fitting = [r for r in fitting if r.period != "W"]
    # 2024033000 can be epoch seconds of 2034; only as hours are such numbers an hour apart.
    if len(fitting) > 1:
        fitting = [r for r in fitting if are_steps(found[r], freq)] or fitting
    if len(fitting) > 1:
        names = " and like ".join(reading.name for reading in fitting)
        raise ModelError(f"{where}: ds are whole numbers that look like {names}. {_REMEDY}")
    if fitting:
        return _with_frequency(fitting[0], found[fitting[0]], numbers, freq, where)
    _refuse_likeness(known, numbers, where)
    return None


def _with_frequency(
    reading: _Reading, dates: pd.DatetimeIndex, numbers: np.ndarray, freq: str, where: str
) -> pd.DatetimeIndex:
    """The dates of a reading as steps of the frequency.

    Raises ModelError where the frequency has no steps that are written so.
    """
    serials_without_hours = (
        reading.low == _EXCEL[0] and is_within_a_day(freq) and bool((numbers % 1 == 0).all())
    )
    if serials_without_hours or (reading.period and not can_be_named_by(freq, reading.period)):
        raise ModelError(
            f"{where}: ds are whole numbers that look like {reading.name}, which name no step of"
            f" --freq {freq}. {_REMEDY}"
        )
    return days_of(dates.to_period(reading.period), freq) if reading.period else dates


def _refuse_likeness(known: dict[_Reading, np.ndarray], numbers: np.ndarray, where: str) -> None:
    """Raises ModelError where most numbers look like dates, though not all of them."""
    likely = [
        reading
        for reading, fits in known.items()
        if fits.mean() > (_NEARLY_ALL if reading.low == _EXCEL[0] else 0)
    ]
    fits_any = np.logical_or.reduce([known[r] for r in likely]) if likely else np.zeros(1, bool)
    if fits_any.mean() < _MOST:
        return
    shares = sorted(likely, key=lambda reading: -known[reading].mean())
    other = numbers[~known[shares[0]]][0]
    raise ModelError(
        f"{where}: ds are whole numbers that look like {shares[0].name}, but {other:.15g} is none"
        f" of them. Correct it. {_REMEDY}"
    )
