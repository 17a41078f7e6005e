"""Readings of road counters, judged row by row: counter, hour and volume, or a reason to reject.

Which readings are stored is in `source.py`; which values a reading may have, in `readings.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from flow_platform.flows.traffic import readings, shares
from flow_platform.flows.traffic.clock import Clock
from flow_platform.flows.traffic.layouts import is_of_paris
from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.flows.traffic.stamps import (
    UNKNOWN_CLOCK,
    latest_stamp,
    set_first_turns,
    stamps_of,
)
from flow_platform.sources import values
from flow_platform.sources.clocks import NO_MOMENT
from flow_platform.sources.dates import DateForm
from flow_platform.sources.files import FileUnreadableError
from flow_platform.sources.forms import FileForm
from flow_platform.sources.ids import why_not_an_id
from flow_platform.sources.judging import Reasons, judged, judged_numbers
from flow_platform.sources.landing import RejectedRow, broken_rows, day_of, rejected_rows
from flow_platform.sources.tables import Column, Table

# The code of the reason of a row whose hour is not over yet.
_FUTURE = "future_hour"

STATES = tuple(dict.fromkeys(readings.STATES.values()))


@dataclass(frozen=True)
class Readings:
    """The judged readings of one file: arrays with a value for each good row, the other rows whole.

    `centre` and `state` are places in `centre_ids` and in STATES. `counted_at` is naive UTC: the
    reading's own moment, or the end of its hour where it is a share of `minutes` that ends at the
    minute `until`; of other readings both are 60. `newest` is the latest counted_at, NaT without
    any; `ahead` is whether a row was rejected because its hour was still in the future. `unclear`
    is whether nobody knows what several readings of an hour would mean; `has_shares`, whether any
    reading is one. `encoding` is that of the file where it was detected, `form` how it was
    understood.
    """

    centre_ids: tuple[str, ...]
    centre: np.ndarray
    counted_at: np.ndarray
    minutes: np.ndarray
    until: np.ndarray
    vehicles: np.ndarray
    occupancy: np.ndarray
    state: np.ndarray
    lines: np.ndarray
    rejected: list[RejectedRow]
    newest: np.datetime64
    ahead: bool
    unclear: bool
    has_shares: bool
    encoding: str | None = None
    form: FileForm | None = None

    def __len__(self) -> int:
        return len(self.lines)


def judge(
    file: str,
    table: Table,
    config: TrafficSource,
    known: Collection[str] | None,
    now: datetime,
    clock: Clock,
    form: DateForm,
) -> Readings:
    """The readings of a table. `known` are the only counters there may be; None allows any.
    `form` is how the source writes its moments.

    Raises FileUnreadableError where moments have no offset and the clock is not known, or where it
    is not known what several readings of an hour mean.
    """
    size, marks = len(table), config.marks
    reasons = Reasons(size)
    centre_ids, centre = _counters(table.column("centre_id"), known, reasons)
    zones = clock.zones(centre_ids, of_paris=is_of_paris(table.header))
    at, turns = _moments(table.column("counted_at"), form, zones, centre, now, reasons)
    vehicles = judged_numbers(
        table.column("vehicles"),
        lambda value: readings.vehicles_of(value, marks),
        reasons,
        sound=readings.sound_vehicles,
    )
    occupancy = np.full(size, np.nan)
    if (column := table.get("occupancy")) is not None:
        occupancy = judged_numbers(
            column,
            lambda value: readings.occupancy_of(value, marks),
            reasons,
            sound=readings.sound_occupancy,
        )
    state = np.full(size, STATES.index("unknown"), dtype="int8")
    if (column := table.get("state")) is not None:
        found, codes = judged(column, readings.state_of, reasons)
        state = np.array([STATES.index(one or "unknown") for one in found], dtype="int8")[codes]

    if turns is not None:
        twice = np.flatnonzero(reasons.good & ~np.isnat(turns))
        set_first_turns(twice, centre, at, turns, vehicles, occupancy, state)
    unclear = config.kind == "files" and config.values is None and not is_of_paris(table.header)
    if unclear:
        _refuse_split_hours(centre_ids, centre, at, reasons)
    counted_at, minutes, until = _hours(config, centre, at, vehicles, now, reasons)
    good, bad = np.flatnonzero(reasons.good), reasons.bad
    whole = shares.whole_hours(len(good))
    named = (centre_ids[place] for place in centre[bad])
    rejected = rejected_rows(file, table, reasons, day_of(counted_at[bad]), named)
    return Readings(
        centre_ids,
        centre[good],
        counted_at[good],
        whole if minutes is None else minutes[good],
        whole if until is None else until[good],
        vehicles[good],
        occupancy[good],
        state[good],
        table.lines[good],
        rejected + broken_rows(file, table.broken),
        counted_at[good].max() if len(good) else NO_MOMENT,
        any(row.reason.startswith(_FUTURE) for row in rejected),
        unclear,
        has_shares=minutes is not None and bool((minutes[good] < shares.HOUR).any()),
        encoding=table.encoding,
        form=table.form,
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
    if not centre_id:
        return "missing_value: centre_id is empty"
    if (fault := why_not_an_id(centre_id)) is not None:
        return f"not_an_id: {fault}"
    if known is not None and centre_id not in known:
        return f"unknown_centre: no declared counter has the id {centre_id[:60]!r}"
    return None


# -- moments -------------------------------------------------------------------------------------


def _moments(
    times: Column,
    form: DateForm,
    zones: Sequence[str | None],
    centre: np.ndarray,
    now: datetime,
    reasons: Reasons,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Each row's moment in UTC and, where its local time occurs twice, the first turn's (else NaT);
    None where no row's does. `zones` are the time zones of the counters."""
    distinct = list(dict.fromkeys(zones)) or [None]
    found = [stamps_of(times.values, form, now, zone) for zone in distinct]
    codes = times.codes
    if len(distinct) > 1:
        of_counter = np.array([distinct.index(zone) for zone in zones])
        codes = of_counter[centre] * len(times.values) + times.codes
    at, first = (np.concatenate([one[part] for one in found]) for part in (0, 1))
    faults = [fault for one in found for fault in one[2]]
    lost = [place for place, one in enumerate(faults) if one and one.startswith(UNKNOWN_CLOCK)]
    if lost and np.isin(codes, lost).any():
        raise FileUnreadableError(
            "has moments without an offset, and it is not known in which time zone they are: set"
            " time_zone, such as America/Chicago, or place in sources.toml, section [traffic]."
        )
    reasons.of_values(faults, codes)
    return at[codes], None if np.isnat(first).all() else first[codes]


def _refuse_split_hours(
    centre_ids: Sequence[str], centre: np.ndarray, at: np.ndarray, reasons: Reasons
) -> None:
    """Raise FileUnreadableError where a counter has several readings within an hour."""
    good = np.flatnonzero(reasons.good)
    split = good[shares.split_hours(centre[good], at[good])]
    if len(split):
        own = split[centre[split] == centre[split[0]]]
        raise shares.unclear_values(centre_ids[centre[split[0]]], np.unique(at[own]))


def _hours(
    config: TrafficSource,
    centre: np.ndarray,
    at: np.ndarray,
    vehicles: np.ndarray,
    now: datetime,
    reasons: Reasons,
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Of each row counted_at, minutes and until, as in `Readings`; None where all are hours."""
    good = np.flatnonzero(reasons.good)
    is_plain = config.values is None and config.stamp == "end"
    if config.kind != "files" or is_plain or not len(good):
        return at, None, None
    minutes = np.full(len(at), shares.HOUR, dtype="int64")
    if config.step_minutes is not None:
        minutes[:] = config.step_minutes
    elif config.values is not None:
        minutes[good] = shares.minutes_of(centre[good], at[good], int(centre.max()) + 1)
    end = at
    if config.stamp == "start":
        end = at + minutes * np.timedelta64(1, "m")
        late = f"{_FUTURE}: counted_at is the start of an interval that is still in the future"
        reasons.where(end > latest_stamp(now), late)
    if config.values is None:
        return end, None, None
    step = np.where(minutes < shares.HOUR, minutes, 0)
    for one in np.unique(step[step > 0]).tolist():
        here = step == one
        reasons.where(
            here & shares.off_step(end, minutes),
            f"off_step: counted_at is not a multiple of {one} minutes after the full hour",
        )
        if config.values == "count":
            most = readings.MOST_VEHICLES * one / shares.HOUR
            reasons.where(
                here & (vehicles > most),
                f"too_large: vehicles in {one} minutes are above {most:g}",
            )
    share, until = step > 0, np.full(len(at), shares.HOUR, dtype="int16")
    until[share & ~np.isnat(end)] = shares.minute_of(end[share & ~np.isnat(end)])
    return np.where(share, shares.hour_end(end), end), minutes, until
