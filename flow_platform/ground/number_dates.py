"""Dates that are written as numbers: YYYYMMDD, YYYYMM, serials of Excel, epoch seconds, ...

The ways there are, and the dates of each. Which way a column means is decided by its readers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

# Days that a whole number may mean; outside of them a likeness is chance.
_FIRST, _LAST = pd.Timestamp("1900-01-01"), pd.Timestamp("2100-12-31 23:59:59")
# Day 0 of Excel's serials from March 1900 on, and those that are taken for days: 1970 to 2099.
EXCEL_ZERO, EXCEL = pd.Timestamp("1899-12-30"), (25569, 73050)
# Epochs before 1973 in seconds, milliseconds and so on have fewer digits: they may be counts.
_EPOCH_FROM = 10**8


@dataclass(frozen=True)
class NumberReading:
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
    return (EXCEL_ZERO + pd.to_timedelta(numbers, unit="D")).round("s")


def _epoch(name: str, unit: Literal["s", "ms", "us", "ns"], per_second: int) -> NumberReading:
    def dates(numbers: np.ndarray) -> pd.DatetimeIndex:
        return pd.DatetimeIndex(pd.to_datetime(numbers, unit=unit))

    bounds = _EPOCH_FROM * per_second, int(_LAST.timestamp()) * per_second
    return NumberReading(f"epoch {name}", *bounds, dates, fractions=unit == "s")


READINGS = (
    NumberReading("YYYY", 1900, 2100, _years, "Y"),
    NumberReading("YYYYQ", 19001, 21004, _parts(4, 1), "Q"),
    NumberReading("serial days of Excel", *EXCEL, _serials, fractions=True),
    NumberReading("YYYYMM", 190001, 210012, _parts(12, 2), "M"),
    NumberReading("YYYYWW", 190001, 210053, _parts(53, 2), "W"),
    NumberReading("YYYYMMDD", 19000101, 21001231, _compact(0)),
    NumberReading("YYYYMMDDHH", 1900010100, 2100123124, _compact(2)),
    NumberReading("YYYYMMDDHHMM", 190001010000, 210012312400, _compact(4)),
    NumberReading("YYYYMMDDHHMMSS", 19000101000000, 21001231240000, _compact(6)),
    _epoch("seconds", "s", 1),
    _epoch("milliseconds", "ms", 10**3),
    _epoch("microseconds", "us", 10**6),
    _epoch("nanoseconds", "ns", 10**9),
)
