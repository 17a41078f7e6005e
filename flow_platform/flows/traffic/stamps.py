"""The moments of readings in UTC: as they are written, by the clock of their source.

Which clock that is is in `clock.py`; readings are judged in `judging.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.flows.traffic import readings
from flow_platform.sources import clocks, values
from flow_platform.sources.clocks import NO_MOMENT
from flow_platform.sources.dates import DateForm
from flow_platform.sources.tables import clean_text

# The code of the fault of a moment of which nobody knows the clock.
UNKNOWN_CLOCK = "unknown_clock"


@dataclass(frozen=True)
class _Stamp:
    """A stamp in naive UTC. One that occurs twice is `at` the second time and `first` before."""

    at: np.datetime64 = NO_MOMENT
    first: np.datetime64 = NO_MOMENT
    fault: str | None = None


def stamp_of(value: Any, form: DateForm, now: datetime, timezone: str | None) -> _Stamp:
    """The moment of a reading; without an offset it is local time in `timezone`."""
    at, fault = form.moment(value, "counted_at")
    if fault is not None:
        return _Stamp(fault=fault)
    if not isinstance(at, datetime):
        return _Stamp(fault=f"wrong_type: counted_at is {at}, a day without an hour")
    try:
        if at.tzinfo is not None:
            return _Stamp(clocks.naive(at), fault=readings.moment_fault(at, now))
        if timezone is None:
            return _Stamp(fault=f"{UNKNOWN_CLOCK}: counted_at is {at:%Y-%m-%d %H:%M}, no offset")
        zone = clocks.zone(timezone)
        # Going to UTC and back moves a local time that does not exist.
        second, first = (at.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (1, 0))
        if second.astimezone(zone).replace(tzinfo=None) != at:
            shown = f"{at:%Y-%m-%d %H:%M}"
            return _Stamp(
                fault=f"nonexistent_hour: counted_at is {shown}, which {timezone} skips when the"
                " clocks go forward"
            )
        fault = readings.moment_fault(second, now)
        earlier = clocks.naive(first) if first != second else NO_MOMENT
        return _Stamp(clocks.naive(second), earlier, fault)
    except (OverflowError, ValueError):
        shown = clean_text(str(value))[:60]
        return _Stamp(fault=f"impossible_date: counted_at is {shown!r}")


def stamps_of(
    found: np.ndarray, form: DateForm, now: datetime, timezone: str | None
) -> tuple[np.ndarray, np.ndarray, list[str | None]]:
    """`stamp_of` of many values: `at`, `first` (NaT where the stamp occurs once) and the faults.

    Plain ISO texts that are beyond doubt are read as one column; a year has 8,760 of them.
    """
    at, first = np.full(len(found), NO_MOMENT), np.full(len(found), NO_MOMENT)
    faults: list[str | None] = [None] * len(found)
    plain = _plain_lengths(found if form.given is None else ())
    if len(places := np.flatnonzero(plain == _WITH_OFFSET)):
        moments = pd.to_datetime(
            pd.Series(found[places], dtype=object), format="ISO8601", errors="coerce", utc=True
        )
        at[places] = pd.DatetimeIndex(moments).tz_localize(None).as_unit("us").to_numpy()
    if timezone is not None and len(places := np.flatnonzero(plain == _WITHOUT_OFFSET)):
        local = pd.to_datetime(
            pd.Series(found[places], dtype=object), format="ISO8601", errors="coerce"
        )
        at[places] = clocks.local_in_utc(local, timezone, first_turn=False)
        early = clocks.local_in_utc(local, timezone, first_turn=True)
        first[places] = np.where(early < at[places], early, NO_MOMENT)
    earliest = np.datetime64(values.EARLIEST_DAY, "us")
    doubtful = ~((at >= earliest) & (at <= latest_stamp(now)))
    for place in np.flatnonzero(doubtful).tolist():
        stamp = stamp_of(found[place], form, now, timezone)
        at[place], first[place], faults[place] = stamp.at, stamp.first, stamp.fault
    return at, first, faults


# The lengths of 2021-05-01 10:00:00 and 2021-05-01T10:00:00+02:00.
_WITHOUT_OFFSET, _WITH_OFFSET = 19, 25
_BEFORE_HOUR, _AFTER_SECOND = (" ", "T"), ("", "+", "-")


def _plain_lengths(found: Sequence[Any] | np.ndarray) -> np.ndarray:
    """The length of each text that is a stamp as it is usually written, 0 for another value."""
    return np.array(
        [
            len(value)
            if isinstance(value, str)
            and value[10:11] in _BEFORE_HOUR
            and value[16:17] == ":"
            and value[19:20] in _AFTER_SECOND
            else 0
            for value in found
        ],
        dtype="int64",
    )


def latest_stamp(now: datetime) -> np.datetime64:
    """The latest stamp, in naive UTC, that a reading can have at `now`."""
    return clocks.naive(now + readings.CLOCK_TOLERANCE)


# -- the hour that occurs twice --------------------------------------------------------------------


def set_first_turns(
    places: np.ndarray,
    centre: np.ndarray,
    counted_at: np.ndarray,
    firsts: np.ndarray,
    vehicles: np.ndarray,
    occupancy: np.ndarray,
    state: np.ndarray,
) -> None:
    """Move readings of the local hour that occurs twice in autumn to its first turn, in place.

    A stamp without an offset means the second turn, unless the file holds exactly two different
    readings of one counter for it: then the first in the file is of the first turn. So is, of two
    equal ones, the first where another stamp of the counter on that day shows both turns: shares of
    an hour at night are often equal.
    """
    groups: dict[tuple[int, Any], dict[tuple[Any, ...], list[int]]] = {}
    for place in places.tolist():
        reading = (str(vehicles[place]), str(occupancy[place]), int(state[place]))
        group = groups.setdefault((int(centre[place]), counted_at[place]), {})
        group.setdefault(reading, []).append(place)
    both = {_night(*key) for key, group in groups.items() if len(group) == 2}
    for key, group in groups.items():
        earlier = next(iter(group.values()))
        if len(group) == 1 and len(earlier) == 2 and _night(*key) in both:
            earlier = earlier[:1]
        elif len(group) != 2:
            continue
        counted_at[earlier] = firsts[earlier]


def _night(centre: int, at: Any) -> tuple[int, Any]:
    """The counter and the day of a stamp: a clock goes back once a day at most."""
    return centre, at.astype("datetime64[D]")
