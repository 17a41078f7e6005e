"""Hourly readings of road counters, from files or simulated: those that a load asks for.

No row is dropped: it is stored, quarantined with its reason, left for the partition it belongs to,
or known already from this or another file. Rows are judged in `judging.py`; the portal is read in
`portal.py`, messages in `live/`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.flows.traffic import shares
from flow_platform.flows.traffic.clock import Clock, clock_of
from flow_platform.flows.traffic.counters import Counter
from flow_platform.flows.traffic.judging import STATES, Readings, judge
from flow_platform.flows.traffic.layouts import traffic_layouts
from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.flows.traffic.readings import READING_COLUMNS
from flow_platform.flows.traffic.stamps import latest_stamp
from flow_platform.sources.centres import DEFAULT_CENTRES, Centre, read_centres
from flow_platform.sources.dates import DateForm, SourceDates, UndecidedDatesError
from flow_platform.sources.files import FileUnreadableError, source_files
from flow_platform.sources.landing import (
    Landing,
    Load,
    all_stored,
    refused_landing,
    rejected_frame,
    stacked,
)
from flow_platform.sources.reader import read_file
from flow_platform.sources.simulated_world import EPOCH_FIRST, World
from flow_platform.sources.tables import Table

# Judged files are kept for the next load of another day: about 40 bytes a row.
_ROWS_KEPT = 4_000_000
# A rejected row is kept as text, which weighs as much as so many others.
_REJECTED_WEIGHT = 20


# -- a load --------------------------------------------------------------------------------------

_MEASURED = ("vehicles", "occupancy", "state")


@dataclass(frozen=True)
class _Chosen:
    """The readings of a file that a load asks for: their places, and their counters' numbers."""

    file: str
    readings: Readings
    places: np.ndarray
    centre: np.ndarray


def landing_of(
    parts: Iterable[tuple[str, Readings | FileUnreadableError]],
    config: TrafficSource,
    first_day: date,
    last_day: date,
    centre_ids: Collection[str] | None,
    dates: SourceDates | None = None,
) -> Landing:
    """The readings of judged files for the UTC days and counters; None means all counters.

    A reading that equals one before it (counter, hour, volume, occupancy and state; of a share of
    an hour its moment too), in its own or an earlier file, is not stored again; two different
    readings of an hour are both stored. Each share is a row, with the values of its whole hour.
    """
    asked = None if centre_ids is None else set(centre_ids)
    numbers: dict[str, int] = {}
    found = [
        (file, part)
        if isinstance(part, FileUnreadableError)
        else (file, _chosen(file, part, first_day, last_day, asked, numbers))
        for file, part in parts
    ]
    names = np.array(list(numbers), dtype=object)
    refused = _unclear([one for _, one in found if isinstance(one, _Chosen)], names)
    load, chosen, stored = Load(), list[_Chosen](), list[pd.DataFrame]()
    for file, one in found:
        error = one if isinstance(one, FileUnreadableError) else refused.get(file)
        if error is not None:
            load.unreadable(file, error)
        elif isinstance(one, _Chosen):
            of_file = one.readings
            load.judged(
                file,
                good=len(of_file),
                rejected=of_file.rejected,
                encoding=of_file.encoding,
                form=of_file.form,
                dates=dates.reading(file) if dates else None,
            )
            chosen.append(one)
    repeated = _repeated(chosen)
    for one in _added_up(chosen, repeated, config):
        again, repeated = np.split(repeated, [len(one.places)])
        kept = one.places[~again]
        load.stored(one.file, len(kept), repeated=len(one.places) - len(kept))
        if len(kept):
            centre_id = names[one.centre[~again]]
            stored.append(_rows(one, kept, centre_id, delay_of(config)))
    balances = load.balances(str(config.path))
    return Landing(stacked(stored, _empty), rejected_frame(load.rejected), balances)


def _chosen(
    file: str,
    part: Readings,
    first_day: date,
    last_day: date,
    asked: Collection[str] | None,
    numbers: dict[str, int],
) -> _Chosen:
    """The readings of these days and counters; `numbers` gets the counters that are new."""
    first = np.datetime64(first_day, "us")
    end = np.datetime64(last_day, "us") + np.timedelta64(1, "D")
    wanted = np.array([asked is None or one in asked for one in part.centre_ids], dtype=bool)
    inside = (part.counted_at >= first) & (part.counted_at < end)
    if not wanted.all():
        inside &= wanted[part.centre]
    places = np.flatnonzero(inside)
    common = [numbers.setdefault(one, len(numbers)) for one in part.centre_ids]
    return _Chosen(file, part, places, np.array(common, dtype="int32")[part.centre[places]])


def _whole(chosen: Sequence[_Chosen], name: str) -> np.ndarray:
    """An array of the chosen readings, of all files."""
    return np.concatenate([getattr(one.readings, name)[one.places] for one in chosen])


def _unclear(chosen: Sequence[_Chosen], names: np.ndarray) -> dict[str, FileUnreadableError]:
    """The errors of files that only together have several readings of an hour, as where each
    quarter of an hour has a file, and nobody knows what these mean."""
    unclear = [one for one in chosen if one.readings.unclear]
    if len(unclear) < 2:
        return {}
    centre, at = np.concatenate([one.centre for one in unclear]), _whole(unclear, "counted_at")
    split = shares.split_hours(centre, at)
    file_of = np.repeat(np.arange(len(unclear)), [len(one.places) for one in unclear])
    refused = {}
    for number in np.unique(file_of[split]).tolist():
        first = split[file_of[split] == number][0]
        same = (centre == centre[first]) & (shares.hour_end(at) == shares.hour_end(at[[first]]))
        error = shares.unclear_values(names[centre[first]], np.unique(at[same]))
        refused[unclear[number].file] = error
    return refused


def _repeated(chosen: Sequence[_Chosen]) -> np.ndarray:
    """Whether each chosen row equals one before it, in the same or another file."""
    if not chosen:
        return np.array([], dtype=bool)
    # Most hours have one reading: only where one has more are their numbers compared.
    frame = pd.DataFrame(
        {
            "centre": np.concatenate([one.centre for one in chosen]),
            "counted_at": _whole(chosen, "counted_at"),
        }
    )
    several = frame.duplicated(keep=False).to_numpy()
    repeated = np.zeros(len(frame), dtype=bool)
    if several.any():
        for name in ("minutes", "until", "vehicles", "occupancy", "state"):
            frame[name] = _whole(chosen, name)
        repeated[several] = frame[several].duplicated().to_numpy()
    return repeated


def _added_up(
    chosen: Sequence[_Chosen], repeated: np.ndarray, config: TrafficSource
) -> Iterable[_Chosen]:
    """The chosen readings, each share of an hour with the values of its hour."""
    if config.values is None or not any(one.readings.has_shares for one in chosen):
        return chosen
    names = ("counted_at", "minutes", "until", *_MEASURED)
    frame = pd.DataFrame({name: _whole(chosen, name) for name in names})
    frame["centre"] = np.concatenate([one.centre for one in chosen])
    counts = (frame["minutes"] < shares.HOUR).to_numpy() & ~repeated
    hours = shares.hours_of(frame[counts], config.values)
    values = {name: frame[name].to_numpy(copy=True) for name in _MEASURED}
    for name in _MEASURED:
        values[name][counts] = hours[name].to_numpy()
    made, begin = [], 0
    for one in chosen:
        end = begin + len(one.places)
        changed = {name: getattr(one.readings, name).copy() for name in _MEASURED}
        for name, whole in changed.items():
            whole[one.places] = values[name][begin:end]
        made.append(replace(one, readings=replace(one.readings, **changed)))
        begin = end
    return made


def delay_of(config: TrafficSource) -> timedelta:
    """How long after the end of an hour its reading is published."""
    return timedelta(hours=float(config.delay_hours))


def _rows(one: _Chosen, kept: np.ndarray, centre_id: np.ndarray, delay: timedelta) -> pd.DataFrame:
    found = one.readings
    return _frame(
        centre_id,
        found.counted_at[kept],
        found.vehicles[kept],
        found.occupancy[kept],
        np.array(STATES, dtype=object)[found.state[kept]],
        delay,
        one.file,
        found.lines[kept],
    )


def _empty() -> pd.DataFrame:
    nothing = np.array([], dtype="datetime64[us]")
    return _frame(np.array([], dtype=object), nothing, [], [], [], timedelta(0), "", [])


def _frame(
    centre_id: np.ndarray,
    counted_at: np.ndarray,
    vehicles: Any,
    occupancy: Any,
    state: Any,
    delay: timedelta,
    file: str,
    lines: Any,
) -> pd.DataFrame:
    """Rows of raw.traffic."""
    size = len(centre_id)
    stamps = pd.DatetimeIndex(counted_at).as_unit("us")
    frame = pd.DataFrame(
        {
            "centre_id": pd.Series(centre_id, dtype=object),
            "day": stamps.normalize(),
            "counted_at": stamps.tz_localize("UTC"),
            "vehicles": np.asarray(vehicles, dtype=float),
            "occupancy": np.asarray(occupancy, dtype=float),
            "state": pd.Series(state, dtype=object),
            "available_at": (stamps + delay).as_unit("us").tz_localize("UTC"),
            "event_id": pd.Series([None] * size, dtype=object),
            "source_file": pd.Series([file] * size, dtype=object),
            "source_line": np.asarray(lines, dtype="int64"),
        }
    )
    return frame[list(READING_COLUMNS)]


# -- files that were judged before -----------------------------------------------------------------

_kept: OrderedDict[tuple[Any, ...], list[tuple[str, Readings]]] = OrderedDict()
_kept_dates: dict[Path, tuple[tuple[Any, ...], SourceDates]] = {}
_kept_lock = threading.Lock()
_Tables = Sequence[tuple[str, Table | FileUnreadableError]]


def _weight(parts: Sequence[tuple[str, Readings]]) -> int:
    return sum(len(part) + _REJECTED_WEIGHT * len(part.rejected) for _, part in parts)


@dataclass(frozen=True)
class _Judge:
    """What judges the tables of a source."""

    config: TrafficSource
    known: frozenset[str] | None
    now: datetime
    clock: Clock

    def judged(
        self, tables: _Tables, form: DateForm
    ) -> list[tuple[str, Readings | FileUnreadableError]]:
        """The readings of tables, or what is wrong with them."""
        return [
            (file, self._judged(file, table, form) if isinstance(table, Table) else table)
            for file, table in tables
        ]

    def _judged(self, file: str, table: Table, form: DateForm) -> Readings | FileUnreadableError:
        try:
            return judge(file, table, self.config, self.known, self.now, self.clock, form)
        except FileUnreadableError as error:
            error.form = table.form
            return error


def _state(path: Path, config: TrafficSource) -> tuple[Any, ...] | None:
    """What differs where a file is another one, or read in another way; None where it is gone."""
    try:
        state = path.stat()
    except OSError:  # reading it gives the error
        return None
    return str(path), state.st_size, state.st_mtime_ns, config.model_dump_json()


def _dates_in(path: Path, config: TrafficSource) -> tuple[SourceDates, _Tables | None]:
    """How a file writes its moments, and its tables if it had to be read for that."""
    key = _state(path, config)
    with _kept_lock:
        before, known = _kept_dates.get(path, (None, None))
    if known is not None and key == before:
        return known, None
    tables = read_file(path, config, traffic_layouts(config))
    dates = SourceDates(config.date_format)
    dates.note_tables(tables, ("counted_at",))
    if key is not None:
        with _kept_lock:
            _kept_dates[path] = key, dates
    return dates, tables


def _judged_file(
    path: Path, by: _Judge, form: DateForm, tables: _Tables | None
) -> list[tuple[str, Readings | FileUnreadableError]]:
    """The judged tables of a file. Those of an unchanged file are kept: a load asks for a day, and
    a file holds a year."""
    state = _state(path, by.config)
    key = None if state is None else (*state, by.known, by.clock.key, form)
    with _kept_lock:
        found = None if key is None else _kept.get(key)
        # The verdict on an hour changes when the hour is over.
        latest = latest_stamp(by.now)
        if found is not None and not any(part.ahead or part.newest > latest for _, part in found):
            assert key is not None
            _kept.move_to_end(key)
            return list(found)
    judged = by.judged(tables or read_file(path, by.config, traffic_layouts(by.config)), form)
    whole = [(file, part) for file, part in judged if isinstance(part, Readings)]
    if key is not None and len(whole) == len(judged) and _weight(whole) <= _ROWS_KEPT:
        with _kept_lock:
            _kept[key] = whole
            while sum(map(_weight, _kept.values())) > _ROWS_KEPT:
                _kept.popitem(last=False)
    return judged


# -- the source ------------------------------------------------------------------------------------


def _simulated(
    world: World,
    config: TrafficSource,
    first_day: date,
    last_day: date,
    centre_ids: Sequence[str],
    now: datetime,
) -> Landing:
    from flow_platform.flows.traffic.simulator import simulated_readings

    delay = delay_of(config)
    made = simulated_readings(world.seed, centre_ids, first_day, last_day)
    stamps = pd.DatetimeIndex(made["counted_at"]).tz_convert("UTC").tz_localize(None)
    is_known = np.asarray(stamps.tz_localize("UTC") + delay <= pd.Timestamp(now))
    hours = (stamps - pd.Timestamp(EPOCH_FIRST)) // pd.Timedelta(hours=1) + 1
    rows = _frame(
        made["centre_id"].to_numpy(dtype=object)[is_known],
        stamps[is_known].to_numpy(),
        made["vehicles"].to_numpy()[is_known],
        made["occupancy"].to_numpy()[is_known],
        made["state"].to_numpy(dtype=object)[is_known],
        delay,
        "simulated",
        np.asarray(hours)[is_known],
    )
    return Landing(rows, rejected_frame([]), (all_stored(rows, "simulated"),))


def read_traffic(
    config: TrafficSource,
    counters: Sequence[Counter],
    first_day: date,
    last_day: date,
    centre_ids: Collection[str],
    *,
    now: datetime,
    centres: Sequence[Centre] | None = None,
    world: World | None = None,
) -> Landing:
    """The readings of UTC days `first_day` to `last_day` of `centre_ids`; rows as READING_COLUMNS.

    A reading's stamp is the source's own, the end of its hour; without an offset it is local time
    of the source (`clock_of`; without `centres` those of the demo). The hour that occurs twice in
    autumn is its second turn, unless one file has exactly two different readings of a counter for
    it; one that spring skips is quarantined. Shares of an hour have the end of their hour, and its
    values, as the key `values` has it. A volume that is empty is stored as NaN. A reading is
    available `delay_hours` after its stamp. `now` (aware) decides which hours are still in the
    future. `counters` are the only ones there may be where the source declares a counters file.
    Simulated readings need `world`.

    Raises ValueError for a simulated source without a world, and for one that is not read here. A
    file that cannot be read is an entry with `error` in `files`; it stops nothing else.
    """
    asked = list(dict.fromkeys(centre_ids))
    if config.kind == "simulated":
        if world is None:
            raise ValueError("read_traffic needs `world` for a simulated source.")
        return _simulated(world, config, first_day, last_day, asked, now)
    if config.kind != "files":
        raise ValueError(
            f"read_traffic reads files and simulates; {config.kind} is read elsewhere."
        )
    known = None
    if config.counters is not None:
        known = frozenset(counter.centre_id for counter in counters)
    every = read_centres(DEFAULT_CENTRES) if centres is None else centres
    clock = clock_of(config, counters, every)
    by, dates = _Judge(config, known, now, clock), SourceDates(config.date_format)
    parts: dict[Path, list[tuple[str, Readings | FileUnreadableError]]] = {}
    for path in source_files(config):
        own, tables = _dates_in(path, config)
        dates.take(own)
        # Files whose dates need no other file are judged as they are read: one is in memory.
        parts[path] = _judged_file(path, by, own.form, tables) if own.is_plain else []
    try:
        form = dates.form
    except UndecidedDatesError as error:
        return refused_landing(_empty(), str(config.path), error)
    for path in parts:
        own, _ = _dates_in(path, config)
        if not own.is_plain:
            parts[path] = _judged_file(path, by, form, None)
    every_part = [part for of_file in parts.values() for part in of_file]
    return landing_of(every_part, config, first_day, last_day, asked, dates)
