"""Readings of road counters, judged row by row: counter, hour and volume, or a reason to reject.

Which readings are stored is in `source.py`; which values a reading may have, in `readings.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.flows.traffic import readings
from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.sources import clocks, values
from flow_platform.sources.clocks import NO_MOMENT
from flow_platform.sources.ids import why_not_an_id
from flow_platform.sources.judging import Reasons, judged, judged_numbers
from flow_platform.sources.landing import RejectedRow, broken_rows, day_of, rejected_rows
from flow_platform.sources.tables import Column, Table, clean_text

# The city of Paris stamps an hour with its end, in local time unless an offset is written.
TIMEZONE = "Europe/Paris"

STATES = tuple(dict.fromkeys(readings.STATES.values()))


@dataclass(frozen=True)
class Readings:
    """The judged readings of one file: arrays with a value for each good row, the other rows whole.

    `centre` and `state` are places in `centre_ids` and in STATES; `counted_at` is naive UTC.
    `newest` is the latest stamp of the good rows, NaT without any; `ahead` is whether a row was
    rejected because its hour was still in the future.
    """

    centre_ids: tuple[str, ...]
    centre: np.ndarray
    counted_at: np.ndarray
    vehicles: np.ndarray
    occupancy: np.ndarray
    state: np.ndarray
    lines: np.ndarray
    rejected: list[RejectedRow]
    newest: np.datetime64
    ahead: bool

    def __len__(self) -> int:
        return len(self.lines)


def judge(
    file: str,
    table: Table,
    config: TrafficSource,
    known: Collection[str] | None,
    now: datetime,
) -> Readings:
    """The readings of a table. `known` are the only counters there may be; None allows any."""
    size, decimal = len(table), config.decimal
    reasons = Reasons(size)
    centre_ids, centre = _counters(table.column("centre_id"), known, reasons)
    times = table.column("counted_at")
    at, first, faults = stamps_of(times.values, config.date_format, now)
    counted_at = at[times.codes]
    reasons.of_values(faults, times.codes)
    vehicles = judged_numbers(
        table.column("vehicles"),
        lambda value: readings.vehicles_of(value, decimal),
        reasons,
        sound=readings.sound_vehicles,
    )
    occupancy = np.full(size, np.nan)
    if (column := table.get("occupancy")) is not None:
        occupancy = judged_numbers(
            column,
            lambda value: readings.occupancy_of(value, decimal),
            reasons,
            sound=readings.sound_occupancy,
        )
    state = np.full(size, STATES.index("unknown"), dtype="int8")
    if (column := table.get("state")) is not None:
        found, codes = judged(column, readings.state_of, reasons)
        state = np.array([STATES.index(one or "unknown") for one in found], dtype="int8")[codes]

    good, bad = np.flatnonzero(reasons.good), reasons.bad
    doubtful = ~np.isnat(first)
    if doubtful.any():
        twice = good[doubtful[times.codes[good]]]
        _set_first_turns(twice, centre, counted_at, first[times.codes], vehicles, occupancy, state)
    named = (centre_ids[place] for place in centre[bad])
    rejected = rejected_rows(file, table, reasons, day_of(counted_at[bad]), named)
    return Readings(
        centre_ids,
        centre[good],
        counted_at[good],
        vehicles[good],
        occupancy[good],
        state[good],
        table.lines[good],
        rejected + broken_rows(file, table.broken),
        counted_at[good].max() if len(good) else NO_MOMENT,
        any(fault is not None and fault.startswith("future_hour") for fault in faults),
    )


# -- counters ------------------------------------------------------------------------------------


def _counters(
    ids: Column, known: Collection[str] | None, reasons: Reasons
) -> tuple[tuple[str, ...], np.ndarray]:
    """The distinct counters, and the place of each row's among them."""
    found = [values.whole_id(value) for value in ids.values]
    reasons.of_values([_counter_fault(one, known) for one in found], ids.codes)
    places = {centre_id: place for place, centre_id in enumerate(dict.fromkeys(found))}
    return tuple(places), np.array([places[one] for one in found], dtype="int32")[ids.codes]


def _counter_fault(centre_id: str, known: Collection[str] | None) -> str | None:
    if centre_id.casefold() in values.MISSING:
        return "missing_value: centre_id is empty"
    if (fault := why_not_an_id(centre_id)) is not None:
        return f"not_an_id: {fault}"
    if known is not None and centre_id not in known:
        return f"unknown_centre: no declared counter has the id {centre_id[:60]!r}"
    return None


# -- stamps --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Stamp:
    """A stamp in naive UTC. One that occurs twice is `at` the second time and `first` before."""

    at: np.datetime64 = NO_MOMENT
    first: np.datetime64 = NO_MOMENT
    fault: str | None = None


def stamp_of(value: Any, form: str | None, now: datetime) -> _Stamp:
    """The moment of a reading; without an offset it is local time of Paris."""
    at, fault = values.moment(value, "counted_at", form)
    if fault is not None:
        return _Stamp(fault=fault)
    if not isinstance(at, datetime):
        return _Stamp(fault=f"wrong_type: counted_at is {at}, a day without an hour")
    try:
        if at.tzinfo is not None:
            return _Stamp(clocks.naive(at), fault=readings.moment_fault(at, now))
        zone = clocks.zone(TIMEZONE)
        # Going to UTC and back moves a local time that does not exist.
        second, first = (at.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (1, 0))
        if second.astimezone(zone).replace(tzinfo=None) != at:
            shown = f"{at:%Y-%m-%d %H:%M}"
            return _Stamp(
                fault=f"nonexistent_hour: counted_at is {shown}, which {TIMEZONE} skips when the"
                " clocks go forward"
            )
        fault = readings.moment_fault(second, now)
        earlier = clocks.naive(first) if first != second else NO_MOMENT
        return _Stamp(clocks.naive(second), earlier, fault)
    except (OverflowError, ValueError):
        shown = clean_text(str(value))[:60]
        return _Stamp(fault=f"impossible_date: counted_at is {shown!r}")


def stamps_of(
    found: np.ndarray, form: str | None, now: datetime
) -> tuple[np.ndarray, np.ndarray, list[str | None]]:
    """`stamp_of` of many values: `at`, `first` (NaT where the stamp occurs once) and the faults.

    Plain ISO texts that are beyond doubt are read as one column; a year has 8,760 of them.
    """
    at, first = np.full(len(found), NO_MOMENT), np.full(len(found), NO_MOMENT)
    faults: list[str | None] = [None] * len(found)
    plain = _plain_lengths(found if form is None else ())
    if len(places := np.flatnonzero(plain == _WITH_OFFSET)):
        moments = pd.to_datetime(
            pd.Series(found[places], dtype=object), format="ISO8601", errors="coerce", utc=True
        )
        at[places] = pd.DatetimeIndex(moments).tz_localize(None).as_unit("us").to_numpy()
    if len(places := np.flatnonzero(plain == _WITHOUT_OFFSET)):
        local = pd.to_datetime(
            pd.Series(found[places], dtype=object), format="ISO8601", errors="coerce"
        )
        at[places] = clocks.local_in_utc(local, TIMEZONE, first_turn=False)
        early = clocks.local_in_utc(local, TIMEZONE, first_turn=True)
        first[places] = np.where(early < at[places], early, NO_MOMENT)
    earliest = np.datetime64(values.EARLIEST_DAY, "us")
    doubtful = ~((at >= earliest) & (at <= latest_stamp(now)))
    for place in np.flatnonzero(doubtful).tolist():
        stamp = stamp_of(found[place], form, now)
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


def _set_first_turns(
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
    readings of one counter for it: then the first in the file is of the first turn.
    """
    groups: dict[tuple[int, Any], dict[tuple[Any, ...], list[int]]] = {}
    for place in places.tolist():
        reading = (str(vehicles[place]), str(occupancy[place]), int(state[place]))
        group = groups.setdefault((int(centre[place]), counted_at[place]), {})
        group.setdefault(reading, []).append(place)
    for group in groups.values():
        if len(group) == 2:
            earlier = next(iter(group.values()))
            counted_at[earlier] = firsts[earlier]
