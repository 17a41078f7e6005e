"""The panel as dense arrays: values, when each became known, calendar tokens, weather as-of.

Only re-arranges what `SeriesData` holds; features are made in `effects` and `frame`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from flow_platform.forecasting.daily.data import CALENDAR_LOOKAHEAD, SeriesData, SeriesSpec
from flow_platform.models.moments import day_numbers, nanoseconds

NEVER = np.iinfo(np.int64).max

# Days before and after a holiday or campaign that may differ from usual.
HOLIDAY_BEFORE, HOLIDAY_AFTER = 7, 14
EVENT_BEFORE, EVENT_AFTER, EVENT_LENGTH = 3, 5, 30

WEEKDAY_CLASS = ("workday", "saturday", "sunday")

FLAGS = ("is_bridge_day", "is_school_holiday")


@dataclass(frozen=True)
class Calendar:
    """What is known beforehand about each series and day; arrays are (series, days).

    `tokens` is a sparse (series * days, names) 0/1 matrix of the named circumstances of a day, as
    far as they were always known. `announced` has those of events that were announced at one of
    `moments` (int64 ns, sorted): instead of 1 the value is 1 + which moment. `event_known_at`
    (int64 ns) is when the event of a day became known, 0 if it always was or there is none.
    """

    tokens: sparse.csr_matrix
    announced: sparse.csr_matrix
    moments: np.ndarray
    names: list[str]
    columns: dict[str, np.ndarray]
    event_known_at: np.ndarray
    kinds: np.ndarray  # (series,) number of the series' calendar: alike ones have one number

    def known_by(self, moment: int) -> sparse.csr_matrix:
        """The tokens as they were known at `moment` (int64 ns)."""
        count = int(np.searchsorted(self.moments, moment, side="right"))
        if count == 0:
            return self.tokens
        known = self.tokens + self._announcements(0, count)
        known.data[:] = 1.0
        return known

    def announcements(self, after: int, until: int) -> list[tuple[int, sparse.csr_matrix]]:
        """(moment, tokens) of what was announced after one moment, until another (included)."""
        first, last = np.searchsorted(self.moments, [after, until], side="right")
        return [(int(self.moments[n]), self._announcements(n, n + 1)) for n in range(first, last)]

    def _announcements(self, first: int, end: int) -> sparse.csr_matrix:
        chosen = self.announced.copy()
        chosen.data = ((chosen.data > first) & (chosen.data <= end)).astype(float)
        chosen.eliminate_zeros()
        return chosen


@dataclass(frozen=True)
class Weather:
    """Weather by series, target day and moment, ready to look up the newest that was known."""

    times: np.ndarray  # sorted distinct available_at, int64 ns
    keys: np.ndarray  # cell * (len(times) + 1) + rank, sorted
    values: np.ndarray  # (rows, columns)
    days: int

    def as_of(self, series: np.ndarray, day: np.ndarray, moment: np.ndarray) -> np.ndarray:
        """Newest values with available_at <= moment; NaN where none. Shape (*inputs, columns)."""
        width = self.values.shape[1]
        result = np.full((*series.shape, width), np.nan)
        if not len(self.keys):
            return result
        inside = (day >= 0) & (day < self.days)
        stride = len(self.times) + 1
        cell = series * self.days + np.where(inside, day, 0)
        rank = np.searchsorted(self.times, moment, side="right")
        position = np.searchsorted(self.keys, cell * stride + rank, side="right") - 1
        found = inside & (position >= 0) & (self.keys[position] // stride == cell)
        result[found] = self.values[position[found]]
        return result


@dataclass(frozen=True)
class Panel:
    """Dense arrays over `ids` x days; day 0 is `first_day` (days since 1970)."""

    ids: np.ndarray
    first_day: int
    days: int
    y: np.ndarray  # (series, days), NaN where there is no row
    known_at: np.ndarray  # (series, days) int64 ns, NEVER where there is no row
    issued_at: np.ndarray  # (series, days) int64 ns, NEVER where there is no issue
    calendar: Calendar
    weather: Weather


def build_panel(data: SeriesData, issues: pd.DataFrame, spec: SeriesSpec) -> Panel:
    """The dense panel for `issues` (unique_id, issue, issued_at) of `data`."""
    ids = np.unique(
        np.concatenate(
            [pd.unique(frame["unique_id"].astype(object)) for frame in (data.actuals, issues)]
        ).astype(str)
    )
    actual_days, issue_days = day_numbers(data.actuals["ds"]), day_numbers(issues["issue"])
    known_days = np.concatenate([actual_days, issue_days])
    first = int(known_days.min())
    last = int(issue_days.max()) + max(spec.horizons) + CALENDAR_LOOKAHEAD
    days = max(last, int(known_days.max())) - first + 1

    shape = (len(ids), days)
    y, known_at = np.full(shape, np.nan), np.full(shape, NEVER)
    at = places(ids, data.actuals["unique_id"])
    values = data.actuals["y"].to_numpy(dtype=float)
    y[at, actual_days - first] = values
    known_at[at, actual_days - first] = np.where(
        np.isfinite(values), nanoseconds(data.actuals["available_at"]), NEVER
    )
    issued_at = np.full(shape, NEVER)
    for frame in (data.issues, issues):
        day = day_numbers(frame["issue"]) - first
        row = places(ids, frame["unique_id"])
        inside = (day >= 0) & (day < days) & (row >= 0)
        issued_at[row[inside], day[inside]] = nanoseconds(frame["issued_at"])[inside]
    return Panel(
        ids=ids,
        first_day=first,
        days=days,
        y=y,
        known_at=known_at,
        issued_at=issued_at,
        calendar=_calendar(data.calendar, ids, first, days),
        weather=_weather(data.weather, ids, first, days, spec),
    )


def places(ids: np.ndarray, names: pd.Series) -> np.ndarray:
    """Position of each of `names` in the sorted `ids`, (rows,); -1 where it is not there."""
    code, distinct = pd.factorize(names)
    return pd.Index(ids).get_indexer(pd.Index(distinct).astype(str))[code]


def _weather(
    frame: pd.DataFrame, ids: np.ndarray, first: int, days: int, spec: SeriesSpec
) -> Weather:
    width = len(spec.weather)
    empty = np.empty(0, dtype=np.int64)
    if frame.empty:
        return Weather(empty, empty, np.empty((0, width)), days)
    series = places(ids, frame["unique_id"])
    day = day_numbers(frame["ds"]) - first
    available = nanoseconds(frame["available_at"])
    inside = (series >= 0) & (day >= 0) & (day < days)
    times = np.unique(available[inside])
    rank = np.searchsorted(times, available, side="right")
    keys = (series * days + day) * (len(times) + 1) + rank
    observed = (frame["vintage"].to_numpy(dtype=object) == "observed").astype(int)
    order = np.lexsort((observed, keys))
    order = order[inside[order]]
    values = np.column_stack(
        [
            frame[c].to_numpy(dtype=float, na_value=np.nan)
            if c in frame
            else np.full(len(frame), np.nan)
            for c in spec.weather
        ]
    )
    return Weather(times, keys[order], values[order], days)


def _grid(
    frame: pd.DataFrame, column: str, at: tuple[np.ndarray, np.ndarray], shape: tuple[int, int]
) -> np.ndarray:
    grid = np.full(shape, np.nan)
    if column in frame:
        grid[at] = frame[column].to_numpy(dtype=float, na_value=np.nan)
    return grid


def _names(
    frame: pd.DataFrame, column: str, at: tuple[np.ndarray, np.ndarray], shape: tuple[int, int]
) -> np.ndarray:
    grid = np.full(shape, "", dtype=object)
    if column in frame:
        text = frame[column].astype(object)
        grid[at] = text.where(text.notna(), "").astype(str).to_numpy(dtype=object)
    return grid


def _calendar(frame: pd.DataFrame, ids: np.ndarray, first: int, days: int) -> Calendar:
    shape = (len(ids), days)
    if len(frame):
        row = places(ids, frame["unique_id"])
        day = day_numbers(frame["ds"]) - first
        inside = (row >= 0) & (day >= 0) & (day < days)
        frame, at = frame[inside], (row[inside], day[inside])
    else:
        at = (np.empty(0, dtype=int), np.empty(0, dtype=int))

    dates = (np.arange(first, first + days)).astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    weekday = (np.arange(first, first + days) + 3) % 7
    month_start = dates == months.astype("datetime64[D]")
    month_end = (dates + 1) == (months + 1).astype("datetime64[D]")

    holiday = _names(frame, "holiday", at, shape)
    event = _names(frame, "event", at, shape)
    columns = {
        "weekday": np.broadcast_to(weekday.astype(float), shape),
        "is_month_start": np.broadcast_to(month_start.astype(float), shape),
        "is_month_end": np.broadcast_to(month_end.astype(float), shape),
        "is_holiday": (holiday != "").astype(float),
        "is_event": (event != "").astype(float),
    }
    for name in (*FLAGS, "days_to_holiday", "days_since_holiday"):
        columns[name] = _grid(frame, name, at, shape)

    announced = _moments(frame, "event_known_at", at, shape)
    moments = np.unique(announced[announced > 0])
    marks = _Marks()
    late = _Marks()
    weekdays = np.broadcast_to(weekday, shape).ravel()
    for n in range(7):
        marks.add(f"weekday:{n}", np.flatnonzero(weekdays == n))
    marks.add("month_start", np.flatnonzero(np.broadcast_to(month_start, shape)))
    marks.add("month_end", np.flatnonzero(np.broadcast_to(month_end, shape)))
    for flag in FLAGS:
        marks.add(flag, np.flatnonzero(np.nan_to_num(columns[flag]) > 0))

    position = np.full(shape, -1.0)
    left = np.full(shape, -1.0)
    event_known_at = np.zeros(shape, dtype=np.int64)
    # Series share calendars (a country, a campaign for all): each distinct one is read once.
    kinds = np.zeros(shape[0], dtype=int)
    for kind, members in enumerate(_alike(holiday, event, announced)):
        own = members[0]
        kinds[members] = kind
        events = _event_tokens(event[own], announced[own])
        for at_day, name in _holiday_tokens(holiday[own], weekday):
            marks.add(name, members * days + at_day)
        for at_day, name, known in events.tokens:
            if known:
                late.add(name, members * days + at_day, 1 + int(np.searchsorted(moments, known)))
            else:
                marks.add(name, members * days + at_day)
        position[members] = events.position
        left[members] = events.left
        event_known_at[members] = events.known_at
    columns["event_day"] = position
    columns["event_days_left"] = left
    names = sorted({*marks.cells, *late.cells})
    tokens, later = (kind.table(names, shape[0] * days) for kind in (marks, late))
    return Calendar(tokens, later, moments, names, columns, event_known_at, kinds)


class _Marks:
    """Cells of a grid under the names of what happens there, with a value each."""

    def __init__(self) -> None:
        self.cells: dict[str, list[tuple[np.ndarray, float]]] = {}

    def add(self, name: str, cells: np.ndarray, value: float = 1.0) -> None:
        if len(cells):
            self.cells.setdefault(name, []).append((cells, value))

    def table(self, names: list[str], rows: int) -> sparse.csr_matrix:
        """The (rows, names) matrix of the values; of two in one cell, the smaller."""
        columns, values, starts = [], [], [0]
        for name in names:
            parts = self.cells.get(name, [])
            cell = np.concatenate([np.empty(0, dtype=np.int64), *(c for c, _ in parts)])
            value = np.concatenate([np.empty(0), *(np.full(len(c), v) for c, v in parts)])
            order = np.lexsort((value, cell))
            cell, first = np.unique(cell[order], return_index=True)
            columns.append(cell)
            values.append(value[order][first])
            starts.append(starts[-1] + len(cell))
        by_name = (np.concatenate(values), np.concatenate(columns), np.array(starts))
        return sparse.csc_matrix(by_name, shape=(rows, len(names))).tocsr()


def _alike(holiday: np.ndarray, event: np.ndarray, announced: np.ndarray) -> list[np.ndarray]:
    """The series (row numbers) of each distinct calendar, in the order of the first of them."""
    groups: dict[tuple[bytes, ...], list[int]] = {}
    codes = [pd.factorize(names.ravel())[0].reshape(names.shape) for names in (holiday, event)]
    for number in range(len(holiday)):
        key = tuple(grid[number].tobytes() for grid in (*codes, announced))
        groups.setdefault(key, []).append(number)
    return [np.array(members) for members in groups.values()]


def _moments(
    frame: pd.DataFrame, column: str, at: tuple[np.ndarray, np.ndarray], shape: tuple[int, int]
) -> np.ndarray:
    """UTC times as int64 ns by series and day, 0 where there is none."""
    grid = np.zeros(shape, dtype=np.int64)
    if column in frame and len(frame):
        times = pd.to_datetime(frame[column], utc=True)
        grid[at] = np.where(times.isna(), 0, nanoseconds(times))
    return grid


def _runs(names: np.ndarray, same: bool) -> list[tuple[int, int]]:
    """(first, last) of every stretch of named days; with `same`, of one and the same name."""
    found: list[tuple[int, int]] = []
    for day in np.flatnonzero(names != ""):
        if found and found[-1][1] == day - 1 and (not same or names[day] == names[day - 1]):
            found[-1] = (found[-1][0], int(day))
        else:
            found.append((int(day), int(day)))
    return found


def _holiday_tokens(names: np.ndarray, weekday: np.ndarray) -> list[tuple[int, str]]:
    """(day, token) of one calendar's holidays, from what all share to what one alone does.

    On the day 'holiday:any', 'holiday:any:CLASS' (working day, Saturday or Sunday: closing where
    one would be closed moves nothing) and 'holiday:NAME:CLASS', or 'holiday:NAME:+k' where the
    holiday lasts, k from its first day; around it 'holiday:NAME:+k'; on the last and first open
    day around a holiday that fell on a working day 'holiday:eve' and 'holiday:reopening'.
    """
    found: list[tuple[int, str]] = []

    def mark(day: int, label: str) -> None:
        found.append((day, f"holiday:{label}"))

    runs = _runs(names, same=False)
    for number, (start, end) in enumerate(runs):
        parts = _named_parts(names, start, end)
        for name, first, last, anchor in parts:
            for day in range(first, last + 1):
                kind = WEEKDAY_CLASS[min(max(int(weekday[day]) - 4, 0), 2)]
                if kind != "sunday":
                    mark(day, "any")
                mark(day, f"any:{kind}")
                mark(day, f"{name}:{kind}" if first == last else f"{name}:{day - anchor:+d}")
        previous = runs[number - 1][1] if number else -1
        following = runs[number + 1][0] if number + 1 < len(runs) else len(names)
        name, _, _, anchor = parts[0]
        for day in range(max(start - HOLIDAY_BEFORE, previous + 1, 0), start):
            mark(day, f"{name}:{day - anchor:+d}")
        name, _, _, anchor = parts[-1]
        for day in range(end + 1, min(end + HOLIDAY_AFTER, following - 1, len(names) - 1) + 1):
            mark(day, f"{name}:{day - anchor:+d}")

    free = (names != "") & (weekday < 5)
    shut = (names != "") | (weekday >= 5)
    for day in np.flatnonzero(~shut).tolist():
        back = day - 1
        while back >= 0 and shut[back] and not free[back]:
            back -= 1
        if back >= 0 and free[back]:
            mark(day, "reopening")
            if back < day - 1:
                mark(day, "reopening:after_weekend")
        ahead = day + 1
        while ahead < len(names) and shut[ahead] and not free[ahead]:
            ahead += 1
        if ahead < len(names) and free[ahead]:
            mark(day, "eve")
    return found


def _named_parts(names: np.ndarray, start: int, end: int) -> list[tuple[str, int, int, int]]:
    """(name, first, last, anchor) of the holidays in a run of days off.

    A day off that is named after a date is not what it is remembered by: it belongs to the
    holiday before it, or to the first one.
    """
    parts: list[tuple[str, int, int, int]] = []
    for day in range(start, end + 1):
        name = names[day]
        lasting = not re.search(r"\d", name)
        if lasting and (not parts or parts[-1][0] != name):
            parts.append((name, day if parts else start, day, day))
        elif parts:
            parts[-1] = (*parts[-1][:2], day, parts[-1][3])
    return parts or [(names[start], start, end, start)]


@dataclass(frozen=True)
class _EventDays:
    """One calendar's events by day: tokens (day, name, known at), and (days,) arrays."""

    tokens: list[tuple[int, str, int]]
    position: np.ndarray  # days since the event began, -1 where there is none
    left: np.ndarray  # days until it ends, -1 where there is none
    known_at: np.ndarray  # int64 ns; 0 if always known or none


def _event_tokens(names: np.ndarray, announced: np.ndarray) -> _EventDays:
    """Tokens 'event:NAME:+k', k days from the first day of the event, also just around it.

    Around it only as far as no other event reaches that was known by then.
    """
    tokens: list[tuple[int, str, int]] = []
    position, left = np.full(len(names), -1.0), np.full(len(names), -1.0)
    known_at = np.zeros(len(names), dtype=np.int64)
    for start, end in _runs(names, same=True):
        name = names[start]
        known = int(announced[start : end + 1].max())
        known_at[start : end + 1] = known
        position[start : end + 1] = np.arange(end - start + 1)
        left[start : end + 1] = np.arange(end - start, -1, -1)
        taken = (names != "") & (announced <= known)
        for day in range(max(start - EVENT_BEFORE, 0), min(end + EVENT_AFTER, len(names) - 1) + 1):
            if day > end and taken[day]:
                break
            if day < start and taken[day]:
                continue
            # Long events have a token for each day of their first weeks; the rest share one.
            offset = day - end if day > end else min(day - start, EVENT_LENGTH)
            tokens.append((day, f"event:{name}:{'end' if day > end else ''}{offset:+d}", known))
        if end > start:
            tokens.extend((day, f"event:{name}:any", known) for day in range(start, end + 1))
    return _EventDays(tokens, position, left, known_at)
