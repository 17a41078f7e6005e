"""A panel of hours as arrays, and what may be seen of it at an issue.

Rows are series, columns hours; every look-up of a value compares the moment it became known with
the moment of the issue. Features made of such look-ups are in `frame`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from flow_platform.forecasting.hourly.data import (
    FACT_COLUMNS,
    HOUR,
    LEVEL_DAYS,
    OCCURRENCES,
    PROFILE_DAYS,
    HourlyData,
    HourlySpec,
)
from flow_platform.models.moments import seconds

# Half-lives of a profile, in occurrences: a week each, but for holidays.
HALF_LIVES = (1.5, 4.0, 12.0)
USUAL = 1
# Known later than any issue.
_NEVER = np.iinfo(np.int32).max
_ALWAYS = np.iinfo(np.int64).min
# Series whose residuals are worked out together: bounds memory.
_SERIES_AT_ONCE = 200
SUNDAY, HOLIDAY, EVENT = 6, 0, 5
# For each local day (since 1970): when its forecasts and observations became known (seconds,
# ascending), and their values, a row for each.
Weather = dict[int, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Clock:
    """Local time, calendar and earlier occurrences of every hour of one place; all (hours, ...).

    slot      hour of the week from 0 (Monday, the hour that begins at midnight); holidays count as
              Sundays
    before    indices of the `OCCURRENCES` earlier hours of the same slot, newest first; -1: none
              in `PROFILE_DAYS`
    facts     `FACT_COLUMNS` of the local day; `event_known` when its event was announced (seconds)
    """

    hour: np.ndarray
    weekday: np.ndarray
    day: np.ndarray
    slot: np.ndarray
    before: np.ndarray
    facts: np.ndarray
    event_known: np.ndarray


@dataclass(frozen=True)
class Panel:
    """Readings and clocks of all series from a first to a last hour.

    y, occupancy   (series, hours), NaN where there is no reading
    delay          (series, hours) seconds from the end of an hour until its reading was known
    closed         (series, hours) whether the road was barred, and is not most of the time
    clock          (series,) the position of a series' clock in `clocks`
    """

    ids: pd.Index
    first: int
    y: np.ndarray
    occupancy: np.ndarray
    delay: np.ndarray
    closed: np.ndarray
    clock: np.ndarray
    clocks: list[Clock]
    weather: list[Weather]
    weather_columns: int

    @property
    def hours(self) -> int:
        return int(self.y.shape[1])

    def hour_index(self, times: pd.Series | pd.DatetimeIndex) -> np.ndarray:
        """Columns of hours given as times (UTC)."""
        return (seconds(times) // HOUR - self.first).astype(np.int64)

    def seen(
        self, series: np.ndarray, hour: np.ndarray, issue: np.ndarray, values: np.ndarray
    ) -> np.ndarray:
        """`values` at (series, hour) as known at `issue`, all (rows,); NaN where they are not."""
        inside = (hour >= 0) & (hour < self.hours)
        at = np.where(inside, hour, 0)
        known = inside & (self.delay[series, at] <= (issue - hour) * HOUR)
        return np.where(known, values[series, at], np.nan)

    def of_clock(self, name: str, series: np.ndarray, hour: np.ndarray) -> np.ndarray:
        """A field of the clock of each row's series at each row's hour."""
        table = np.stack([getattr(clock, name) for clock in self.clocks])
        return table[self.clock[series], hour]

    def profile(
        self, series: np.ndarray, hour: np.ndarray, issue: np.ndarray, values: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Weighted means of earlier occurrences of an hour, as known at `issue`.

        Shapes (rows, half-lives), and (rows,) the number of occurrences known.
        """
        total = np.zeros((len(series), len(HALF_LIVES)))
        mass = np.zeros_like(total)
        count = np.zeros(len(series))
        before = self.of_clock("before", series, hour)
        for place in range(OCCURRENCES):
            value = self.seen(series, before[:, place], issue, values)
            # Traffic on a closed road does not show that on an open one.
            known = np.isfinite(value) & ~self.closed[series, before[:, place]]
            count += known
            # An unknown occurrence is replaced by the next one: a gap is no change.
            weight = np.exp2(-(count - 1)[:, None] / np.array(HALF_LIVES)) * known[:, None]
            total += weight * np.where(known, value, 0.0)[:, None]
            mass += weight
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(mass > 0, total / mass, np.nan), count

    @cached_property
    def residual(self) -> np.ndarray:
        """(series, hours) readings less the profile that was known at the end of the hour."""
        return self._less_profile(self.y)

    @cached_property
    def occupancy_residual(self) -> np.ndarray:
        """The same of the occupancy."""
        return self._less_profile(self.occupancy)

    def _less_profile(self, values: np.ndarray) -> np.ndarray:
        """As `profile` makes it, for all hours of many series at once, each hour its own issue."""
        result = np.full(self.y.shape, np.nan, dtype=np.float32)
        hours = np.arange(self.hours)
        for number, clock in enumerate(self.clocks):
            own = np.flatnonzero(self.clock == number)
            for start in range(0, len(own), _SERIES_AT_ONCE):
                rows = own[start : start + _SERIES_AT_ONCE]
                read, delay, closed = values[rows], self.delay[rows], self.closed[rows]
                total = np.zeros(read.shape)
                mass, count = np.zeros(read.shape), np.zeros(read.shape)
                for place in range(OCCURRENCES):
                    earlier = clock.before[:, place]
                    value = read[:, earlier]
                    known = np.isfinite(value) & (earlier >= 0) & ~closed[:, earlier]
                    known &= delay[:, earlier] <= (hours - earlier) * HOUR
                    count += known
                    weight = np.exp2(-(count - 1) / HALF_LIVES[USUAL]) * known
                    total += weight * np.where(known, value, 0.0)
                    mass += weight
                with np.errstate(invalid="ignore", divide="ignore"):
                    usual = np.where(mass > 0, total / mass, np.nan)
                result[rows] = read - usual
        return result

    def levels(self, series: np.ndarray, issue: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean reading and mean |residual| of the `LEVEL_DAYS` before each issue's UTC day.

        Both (rows,), as known when that day began; NaN where nothing was.
        """
        day_start = ((issue + self.first) // 24) * 24 - self.first
        level = np.full(len(series), np.nan)
        size = np.full(len(series), np.nan)
        span = LEVEL_DAYS * 24
        for start in np.unique(day_start):
            rows = np.flatnonzero(day_start == start)
            own, which = np.unique(series[rows], return_inverse=True)
            low, high = max(start - span + 1, 0), min(start + 1, self.hours)
            if high <= low:
                continue
            hours = np.arange(low, high)
            known = self.delay[own, low:high] <= (start - hours) * HOUR
            y = np.where(known, self.y[own, low:high], np.nan)
            error = np.where(known, np.abs(self.residual[own, low:high]), np.nan)
            level[rows] = mean_of_known(y)[which]
            size[rows] = mean_of_known(error)[which]
        return level, size

    def weather_at(self, series: np.ndarray, hour: np.ndarray, issue: np.ndarray) -> np.ndarray:
        """(rows, columns) the newest weather of each hour's local day, of what was known then."""
        result = np.full((len(series), self.weather_columns), np.nan)
        moment = (issue + self.first) * HOUR
        day = self.of_clock("day", series, hour)
        for place, days in enumerate(self.weather):
            of_place = self.clock[series] == place
            for number in np.unique(day[of_place]):
                if number not in days:
                    continue
                known_at, values = days[number]
                here = np.flatnonzero(of_place & (day == number))
                newest = np.searchsorted(known_at, moment[here], side="right") - 1
                found = newest >= 0
                result[here[found]] = values[newest[found]]
        return result


def mean_of_known(values: np.ndarray) -> np.ndarray:
    """Mean of each row over what is known; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def build_panel(
    data: HourlyData, first: pd.Timestamp, last: pd.Timestamp, spec: HourlySpec
) -> Panel:
    """The hours from `first` to `last` (UTC, naive or aware) of all series of `data.places`."""
    start = int(seconds(pd.DatetimeIndex([first]))[0] // HOUR)
    hours = int(seconds(pd.DatetimeIndex([last]))[0] // HOUR) - start + 1
    places = data.places.sort_values("unique_id")
    ids = pd.Index(places["unique_id"].astype(str))
    shape = (len(ids), hours)
    y = np.full(shape, np.nan, dtype=np.float32)
    barred = np.zeros(shape, dtype=bool)
    occupancy = np.full(shape, np.nan, dtype=np.float32)
    delay = np.full(shape, _NEVER, dtype=np.int32)
    actuals = data.actuals
    row = ids.get_indexer(pd.Index(actuals["unique_id"].astype(str)))
    ds = seconds(actuals["ds"])
    column = ds // HOUR - start
    used = (row >= 0) & (column >= 0) & (column < hours)
    row, column = row[used], column[used]
    y[row, column] = actuals["y"].to_numpy(dtype=float, na_value=np.nan)[used]
    occupancy[row, column] = actuals["occupancy"].to_numpy(dtype=float, na_value=np.nan)[used]
    barred[row, column] = actuals["barred"].to_numpy(dtype=bool)[used]
    late = seconds(actuals["available_at"])[used] - ds[used]
    delay[row, column] = np.clip(late, 0, _NEVER)
    keys = places[["place", "timezone"]].astype(str).agg("|".join, axis=1)
    code, names = pd.factorize(keys, sort=True)
    parted = [name.rsplit("|", 1) for name in names]
    clocks = [_clock(data, place, timezone, start, hours) for place, timezone in parted]
    weather = [_weather(data, place, spec) for place, _ in parted]
    return Panel(
        ids,
        start,
        y,
        occupancy,
        delay,
        _closed(y, barred),
        code,
        clocks,
        weather,
        len(spec.weather),
    )


def _closed(y: np.ndarray, barred: np.ndarray) -> np.ndarray:
    """Barred hours of series that were barred in less than half of the four weeks before.

    The state of some arcs is wrong for years: St-Antoine in Paris counts as many vehicles as ever,
    and has been "barred" since 2021.
    """
    if not barred.any():
        return barred
    span = LEVEL_DAYS * 24
    counts = [
        np.cumsum(np.pad(flags, ((0, 0), (1, 0))), axis=1, dtype=np.int32)
        for flags in (barred, np.isfinite(y))
    ]
    ends = np.arange(y.shape[1])
    begins = np.maximum(ends - span, 0)
    shut, known = (count[:, ends] - count[:, begins] for count in counts)
    return barred & (shut * 2 < known)


def _clock(data: HourlyData, place: str, timezone: str, start: int, hours: int) -> Clock:
    # An hour belongs to the day in which it begins: the one that ends at midnight is the last.
    begins = pd.to_datetime((np.arange(hours) + start - 1) * HOUR, unit="s", utc=True)
    local = begins.tz_convert(timezone).tz_localize(None)
    day = _days(local)
    hour, weekday = local.hour.to_numpy(), local.day_of_week.to_numpy()
    facts = np.zeros((hours, len(FACT_COLUMNS)), dtype=np.float32)
    event_known = np.full(hours, _ALWAYS, dtype=np.int64)
    if len(data.calendar):
        own = data.calendar[data.calendar["place"] == place]
        index = _days(pd.DatetimeIndex(own["day"]))
        table = own[list(FACT_COLUMNS)].astype(float).set_axis(index)
        facts = np.nan_to_num(table.reindex(day).to_numpy()).astype(np.float32)
        if "event_known_at" in own:
            known = pd.Series(seconds(own["event_known_at"]), index)
            event_known = known.reindex(day, fill_value=_ALWAYS).to_numpy()
    kind = np.where(facts[:, HOLIDAY] > 0, SUNDAY, weekday)
    slot = kind * 24 + hour
    before = np.full((hours, OCCURRENCES), -1, dtype=np.int32)
    for value in np.unique(slot):
        at = np.flatnonzero(slot == value)
        for back in range(1, min(OCCURRENCES, len(at) - 1) + 1):
            recent = at[back:] - at[:-back] <= PROFILE_DAYS * 24
            before[at[back:], back - 1] = np.where(recent, at[:-back], -1)
    return Clock(hour, weekday, day, slot, before, facts, event_known)


def _weather(data: HourlyData, place: str, spec: HourlySpec) -> Weather:
    if data.weather.empty or not spec.weather:
        return {}
    own = data.weather[data.weather["place"] == place].sort_values("available_at", kind="stable")
    day, known_at = _days(pd.DatetimeIndex(own["day"])), seconds(own["available_at"])
    values = own[list(spec.weather)].to_numpy(dtype=float, na_value=np.nan)
    order = np.argsort(day, kind="stable")
    starts = np.flatnonzero(np.diff(day[order], prepend=-1))
    return {
        int(day[rows[0]]): (known_at[rows], values[rows])
        for rows in np.split(order, starts[1:])
        if len(rows)
    }


def _days(days: pd.DatetimeIndex) -> np.ndarray:
    """Naive local times as int64 days since 1970."""
    return days.to_numpy().astype("datetime64[D]").astype(np.int64)
