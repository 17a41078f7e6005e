"""Which days a file of trips is of, by its name or its pickups, and which clocks are astray.

What a span is used for is in `source.py`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from flow_platform.flows.trips.files import open_trips, pickups_of
from flow_platform.flows.trips.layouts import layout_of
from flow_platform.flows.trips.moments import NO_TIME, TripDates
from flow_platform.flows.trips.options import TripsSource

DAY = np.int64(86_400_000_000)

# Meters report up to a week late, into the next month's file; what is farther off is a wrong clock.
_STRAY_DAYS = 7
# A local and a UTC day are less than one day apart.
_OTHER_CLOCK = timedelta(days=1)
# How far from its month a file may have trips of a UTC day.
EDGE = timedelta(days=_STRAY_DAYS) + _OTHER_CLOCK

# Where no name tells: clocks astray are few, and far from all others.
_FEW = 10
_MOST_STRAY_DAYS = 366

# What PostgreSQL and pandas hold, and no more.
_PLAUSIBLE = (date(1900, 1, 1), date(2200, 12, 31))
# A month, but not the month of a day: that is the day of the export as often as that of the trips.
_MONTH_NAMED = re.compile(r"(?<!\d)(20\d\d)[-_]?(0[1-9]|1[0-2])(?!\d)(?![-_]\d\d(?!\d))")


@dataclass(frozen=True)
class Span:
    """The local days that a file may have trips of: from `start` to before `end`; a pickup outside
    of them is a clock astray. `first` and `last` are the days of its first and last pickup in them,
    None without any; `rows` are all rows of the file, those included that could not be cut.
    """

    start: date
    end: date
    first: date | None = None
    last: date | None = None
    rows: int = 0

    @staticmethod
    def of_month(month: date) -> Span:
        """The span of a file that is named for a month, before it was opened."""
        stray = timedelta(days=_STRAY_DAYS)
        return Span(month - stray, (month + timedelta(days=32)).replace(day=1) + stray)

    @property
    def first_utc(self) -> date:
        """The first UTC day that a trip in the span may begin on."""
        return self.start - _OTHER_CLOCK

    @property
    def limits(self) -> tuple[np.int64, np.int64]:
        """The local times (from, before) that a pickup of the file may have, in microseconds."""
        return _day_number(self.start) * DAY, _day_number(self.end) * DAY

    def may_have(self, first_day: date, last_day: date) -> bool:
        """Whether a trip in the span may begin on one of these UTC days."""
        return self.first_utc <= last_day and self.end + _OTHER_CLOCK > first_day


def named_month(path: Path) -> date | None:
    """The month that a file's name names, if it is one alone."""
    named = set(_MONTH_NAMED.findall(path.stem))
    if len(named) != 1:
        return None
    ((year, month),) = named
    return date(int(year), int(month), 1)


def span_in(path: Path, config: TripsSource, nothing: date, dates: TripDates) -> Span:
    """The span of a file, found by reading its pickups alone.

    It is that of the month in its name where at least half of the pickups are in it, otherwise that
    of their days; of no day from `nothing` on where no pickup is of a plausible year.

    Raises FileUnreadableError; OrderNeededError where `dates` are open and matter.
    """
    counts, rows = _counted(path, config, dates)
    month = named_month(path)
    span = Span(nothing, nothing) if month is None else Span.of_month(month)
    earliest, latest = (int(_day_number(day)) for day in _PLAUSIBLE)
    plausible = {day: count for day, count in counts.items() if earliest <= day <= latest}
    inside = _days_in(plausible, span)
    if plausible and 2 * sum(plausible[day] for day in inside) < sum(plausible.values()):
        start, end = days_without_stray(plausible)
        span = Span(_date(start), _date(end) + timedelta(days=1))
        inside = _days_in(plausible, span)
    if not inside:
        return Span(span.start, span.end, rows=rows)
    return Span(span.start, span.end, _date(min(inside)), _date(max(inside)), rows)


def days_without_stray(counts: Mapping[int, int]) -> tuple[int, int]:
    """The first and the last of the days on which the clocks of a file can be trusted.

    `counts` are the pickups by day. The span grows from the day of the middle pickup outward. It
    takes in the next day with pickups, unless that is farther off than the span is long (at least a
    week, at most a year) and no more than a tenth of all pickups are there and beyond. So at most a
    tenth at either end is astray.
    """
    days = sorted(counts)
    reached = np.cumsum([counts[day] for day in days])
    total = int(reached[-1])
    low = high = int(np.searchsorted(reached, (total + 1) // 2))
    while True:
        before = low, high
        far = min(max(days[high] - days[low] + 1, _STRAY_DAYS), _MOST_STRAY_DAYS)
        if high + 1 < len(days):
            beyond = total - int(reached[high])
            high += days[high + 1] - days[high] <= far or beyond * _FEW > total
        if low > 0:
            beyond = int(reached[low - 1])
            low -= days[low] - days[low - 1] <= far or beyond * _FEW > total
        if (low, high) == before:
            return days[low], days[high]


def _counted(path: Path, config: TripsSource, dates: TripDates) -> tuple[Counter[int], int]:
    """The pickups of a file by their day, as a number, and how many rows it has."""
    opened = open_trips(path, config)
    header = layout_of(opened.names, config, path).names
    counts: Counter[int] = Counter()
    rows = 0
    for table in opened.tables(header, only=("pickup_at",)):
        at = pickups_of(table, dates).at
        found = pd.Series(at[at != NO_TIME] // DAY).value_counts(sort=False)
        counts.update(dict(zip(found.index.tolist(), found.tolist(), strict=True)))
        rows += len(table)
    return counts, rows + len(opened.broken)


def _days_in(counts: Mapping[int, int], span: Span) -> list[int]:
    start, end = int(_day_number(span.start)), int(_day_number(span.end))
    return [day for day in counts if start <= day < end]


def _day_number(day: date) -> np.int64:
    return np.int64(np.datetime64(day, "D").astype("i8"))


def _date(number: int) -> date:
    return date(1970, 1, 1) + timedelta(days=number)
