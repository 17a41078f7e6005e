"""Hourly readings of road counters: read from files or simulated, and judged row by row.

No row is dropped: it is stored, quarantined with its reason, left for the partition it belongs to,
or known already from this or another file. HTTP is in `portal.py`, messages in `messages.py`.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from flow_platform.sources import readings, values
from flow_platform.sources.centres import why_not_an_id
from flow_platform.sources.columns import Column, Columns, read_columns
from flow_platform.sources.config import SourceConfig, traffic_option
from flow_platform.sources.landing import (
    FileBalance,
    Landing,
    no_file,
    rejected_frame,
    rejected_rows,
)
from flow_platform.sources.readings import READING_COLUMNS
from flow_platform.sources.simulator import EPOCH_FIRST, World
from flow_platform.sources.tables import FileUnreadableError, clean_text, source_files

if TYPE_CHECKING:
    from flow_platform.sources.counters import Counter

# The city of Paris stamps an hour with its end, in local time unless an offset is written.
TIMEZONE = "Europe/Paris"

# Without these columns a file is not one of readings; the others are read where they are there.
REQUIRED = ("centre_id", "counted_at", "vehicles")
_NUMBERS = ("vehicles", "occupancy")
_PARIS = {
    "centre_id": "iu_ac",
    "counted_at": "t_1h",
    "vehicles": "q",
    "occupancy": "k",
    "state": "etat_barre",
    "name": "libelle",
    "point": "geo_point_2d",
}
# The portal's export "with labels".
_PORTAL = {
    "centre_id": "Identifiant arc",
    "counted_at": "Date et heure de comptage",
    "vehicles": "Débit horaire",
    "occupancy": "Taux d'occupation",
    "state": "Etat arc",
    "name": "Libelle",
    "point": "geo_point_2d",
}
_OWN = {name: name for name in ("centre_id", "counted_at", *_NUMBERS, "state", "name")}
_LAYOUTS = (_PARIS, _PORTAL, _OWN)

_STATES = tuple(dict.fromkeys(readings.STATES.values()))
_WHOLE = re.compile(r"(\d+)\.0+", re.ASCII)
_NO_TIME = np.datetime64("NaT", "us")

# Judged files are kept for the next load of another day: about 40 bytes a row.
_ROWS_KEPT = 4_000_000
# A rejected row is kept as text, which weighs as much as so many others.
_REJECTED_WEIGHT = 20


def layouts(config: SourceConfig) -> tuple[dict[str, str], ...]:
    """The headers a file may have, our names to theirs. Mapped columns come before known names."""
    mapped = {ours: name for ours, name in config.columns.items() if ours != "event_id"}
    if not mapped:
        return _LAYOUTS
    return tuple({**layout, **mapped} for layout in (_OWN, _PARIS, _PORTAL)) + _LAYOUTS


@dataclass(frozen=True)
class Readings:
    """The judged readings of one file: arrays with a value for each good row, the other rows whole.

    `centre` and `state` are places in `centre_ids` and in the list of states; `counted_at` is naive
    UTC. `newest` is the latest stamp of the good rows, NaT without any; `ahead` tells that a row
    was rejected because its hour had not come.
    """

    centre_ids: tuple[str, ...]
    centre: np.ndarray
    counted_at: np.ndarray
    vehicles: np.ndarray
    occupancy: np.ndarray
    state: np.ndarray
    lines: np.ndarray
    rejected: list[dict[str, Any]]
    newest: np.datetime64
    ahead: bool

    def __len__(self) -> int:
        return len(self.lines)


# -- one file ----------------------------------------------------------------------------------


def centre_id_of(value: Any) -> str:
    """A counter's number as it is written everywhere: 4264, 4264.0 and "4264.0" are one counter."""
    written = clean_text(values.text(value))
    whole = _WHOLE.fullmatch(written)
    return whole[1] if whole else written


def _centre_fault(centre_id: str, known: Collection[str] | None) -> str | None:
    if centre_id.casefold() in values.MISSING:
        return "missing_value: centre_id is empty"
    if (fault := why_not_an_id(centre_id)) is not None:
        return f"not_an_id: {fault}"
    if known is not None and centre_id not in known:
        return f"unknown_centre: no declared counter has the id {centre_id[:60]!r}"
    return None


@dataclass(frozen=True)
class _Stamp:
    """A stamp in naive UTC. One that comes twice is `at` the second time and `first` before."""

    at: np.datetime64 = _NO_TIME
    first: np.datetime64 = _NO_TIME
    fault: str | None = None


def _naive(at: datetime) -> np.datetime64:
    return np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "us")


def stamp_of(value: Any, form: str | None, now: datetime) -> _Stamp:
    """The moment that a reading bears; without an offset it is local time of Paris."""
    at, fault = values.moment(value, "counted_at", form)
    if fault is not None:
        return _Stamp(fault=fault)
    if not isinstance(at, datetime):
        return _Stamp(fault=f"wrong_type: counted_at is {at}, a day without an hour")
    try:
        if at.tzinfo is not None:
            return _Stamp(_naive(at), fault=readings.moment_fault(at, now))
        zone = values.zone(TIMEZONE)
        # Going to UTC and back moves a local time that does not exist.
        second, first = (at.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (1, 0))
        if second.astimezone(zone).replace(tzinfo=None) != at:
            shown = f"{at:%Y-%m-%d %H:%M}"
            return _Stamp(
                fault=f"nonexistent_hour: counted_at is {shown}, which {TIMEZONE} skips when the"
                " clocks go forward"
            )
        fault = readings.moment_fault(second, now)
        return _Stamp(_naive(second), _naive(first) if first != second else _NO_TIME, fault)
    except (OverflowError, ValueError):
        shown = clean_text(str(value))[:60]
        return _Stamp(fault=f"impossible_date: counted_at is {shown!r}")


def stamps_of(
    found: np.ndarray, form: str | None, now: datetime
) -> tuple[np.ndarray, np.ndarray, list[str | None]]:
    """`stamp_of` of many values: `at`, `first` (NaT where the stamp comes once) and the faults.

    Plain ISO texts that are beyond doubt are read as one column; a year has 8,760 of them.
    """
    at = np.full(len(found), _NO_TIME)
    first = at.copy()
    faults: list[str | None] = [None] * len(found)
    for length in (19, 25) if form is None else ():
        places = np.array(
            [
                place
                for place, value in enumerate(found)
                if isinstance(value, str) and len(value) == length and value[10:11] in (" ", "T")
            ],
            dtype="int64",
        )
        texts = pd.Series(found[places], dtype=object)
        moments = pd.DatetimeIndex(
            pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=length == 25)
        )
        early = moments
        if length == 19 and len(moments):
            second = np.zeros(len(moments), dtype=bool)
            local = moments
            moments, early = (
                local.tz_localize(TIMEZONE, ambiguous=turn, nonexistent="NaT").tz_convert("UTC")
                for turn in (second, ~second)
            )
        if len(moments):
            at[places] = moments.tz_localize(None).as_unit("us").to_numpy()
            once = np.asarray(early == moments) | np.asarray(moments.isna())
            first[places] = np.where(
                once, _NO_TIME, early.tz_localize(None).as_unit("us").to_numpy()
            )
    earliest = np.datetime64(values.EARLIEST_DAY, "us")
    with np.errstate(invalid="ignore"):
        doubtful = ~((at >= earliest) & (at <= _latest(now)))
    for place in np.flatnonzero(doubtful).tolist():
        stamp = stamp_of(found[place], form, now)
        at[place], first[place], faults[place] = stamp.at, stamp.first, stamp.fault
    return at, first, faults


def _latest(now: datetime) -> np.datetime64:
    """The latest stamp that can have come by `now`."""
    return _naive(now + readings.CLOCK_TOLERANCE)


def _numbers(
    column: Column | None, size: int, parse: Any, sound: Any, decimal: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """A column's numbers, and its faults where there is one."""
    if column is None:
        return np.full(size, np.nan), None
    if column.numbers is not None:
        found = column.numbers + 0.0
        bad = np.flatnonzero(~sound(found))
        if not len(bad):
            return found, None
        faults = np.full(size, None, dtype=object)
        faults[bad] = [parse(float(found[place]))[1] for place in bad]
        return found, faults
    parsed = [parse(value, decimal) for value in column.values]
    found = np.array([number for number, _ in parsed], dtype=float)[column.codes]
    return found, _faults(column, [fault for _, fault in parsed])


def _faults(column: Column, faults: Sequence[str | None]) -> np.ndarray | None:
    if not any(faults):
        return None
    spread = np.empty(len(faults), dtype=object)
    spread[:] = faults
    return spread[column.codes]


def judge(
    file: str,
    table: Columns,
    config: SourceConfig,
    known: Collection[str] | None,
    now: datetime,
) -> Readings:
    """The readings of a table. `known` are the only counters there may be; None allows any."""
    size = len(table)
    ids = table.columns["centre_id"]
    found_ids = [centre_id_of(value) for value in ids.values]
    centre_ids = tuple(dict.fromkeys(found_ids))
    place_of = {centre_id: place for place, centre_id in enumerate(centre_ids)}
    centre = np.array([place_of[one] for one in found_ids], dtype="int32")[ids.codes]

    times = table.columns["counted_at"]
    at, first, time_faults = stamps_of(times.values, config.date_format, now)
    counted_at = at[times.codes]

    vehicles, vehicles_fault = _numbers(
        table.columns["vehicles"],
        size,
        readings.vehicles_of,
        readings.sound_vehicles,
        config.decimal,
    )
    occupancy, occupancy_fault = _numbers(
        table.columns.get("occupancy"),
        size,
        readings.occupancy_of,
        readings.sound_occupancy,
        config.decimal,
    )
    state = np.full(size, _STATES.index("unknown"), dtype="int8")
    state_fault = None
    if (states := table.columns.get("state")) is not None:
        parsed = [readings.state_of(value) for value in states.values]
        state_fault = _faults(states, [fault for _, fault in parsed])
        places = [_STATES.index(one or "unknown") for one, _ in parsed]
        state = np.array(places, dtype="int8")[states.codes]

    faults = [
        _faults(ids, [_centre_fault(one, known) for one in found_ids]),
        _faults(times, time_faults),
        vehicles_fault,
        occupancy_fault,
        state_fault,
    ]
    reason = values.first_faults(
        np.full(size, None, dtype=object), *[column for column in faults if column is not None]
    )
    good = np.flatnonzero(pd.isna(reason))
    doubtful = ~np.isnat(first)
    if doubtful.any():
        twice = good[doubtful[times.codes[good]]]
        _tell_apart(twice, centre, counted_at, first[times.codes], vehicles, occupancy, state)

    bad = np.flatnonzero(~pd.isna(reason))
    known_day = counted_at[bad]
    days = known_day.astype("datetime64[D]").astype(object)
    days[np.isnat(known_day)] = None
    rejected = rejected_rows(
        file,
        table.rows_at(bad.tolist()),
        reason[bad],
        days,
        np.array([centre_ids[place] for place in centre[bad]], dtype=object),
    )
    return Readings(
        centre_ids,
        centre[good],
        counted_at[good],
        vehicles[good],
        occupancy[good],
        state[good],
        table.lines[good],
        rejected,
        counted_at[good].max() if len(good) else _NO_TIME,
        any(fault.startswith("future_hour") for fault in time_faults if fault is not None),
    )


def _tell_apart(
    places: np.ndarray,
    centre: np.ndarray,
    counted_at: np.ndarray,
    firsts: np.ndarray,
    vehicles: np.ndarray,
    occupancy: np.ndarray,
    state: np.ndarray,
) -> None:
    """Give the local hour that comes twice in autumn its first turn, in place.

    A stamp without an offset means the second turn, unless the file holds exactly two different
    readings of one counter for it: then the one that stands first is the first turn's.
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


# -- a load ------------------------------------------------------------------------------------


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


def delay_of(config: SourceConfig) -> timedelta:
    """How long after the end of an hour its reading is published."""
    return timedelta(hours=float(traffic_option(config, "delay_hours")))


def landing_of(
    parts: Iterable[tuple[str, Readings | FileUnreadableError]],
    config: SourceConfig,
    first_day: date,
    last_day: date,
    centre_ids: Collection[str] | None,
) -> Landing:
    """What the judged files bring for the UTC days and counters; None stands for all counters.

    A reading that equals one before it (counter, hour, volume, occupancy and state), in its own
    or an earlier file, is not stored again; two different readings of an hour are both stored.
    """
    first = np.datetime64(first_day, "us")
    end = np.datetime64(last_day, "us") + np.timedelta64(1, "D")
    asked = None if centre_ids is None else set(centre_ids)
    delay = delay_of(config)
    ids: dict[str, int] = {}
    balances: dict[str, FileBalance] = {}
    rejected: list[dict[str, Any]] = []
    chosen: list[tuple[str, Readings, np.ndarray, np.ndarray]] = []
    for file, part in parts:
        if isinstance(part, FileUnreadableError):
            balances[file] = FileBalance(file, error=f"{file} {part}")
            continue
        rejected += part.rejected
        wanted = np.array([asked is None or one in asked for one in part.centre_ids], dtype=bool)
        inside = (part.counted_at >= first) & (part.counted_at < end)
        if not wanted.all():
            inside &= wanted[part.centre]
        places = np.flatnonzero(inside)
        common = np.array([ids.setdefault(one, len(ids)) for one in part.centre_ids], dtype="int32")
        centre = common[part.centre[places]] if len(places) else np.array([], dtype="int32")
        chosen.append((file, part, places, centre))
        balances[file] = FileBalance(
            file,
            rows_in_file=len(part) + len(part.rejected),
            rows_quarantined=len(part.rejected),
            rows_left=len(part) - len(places),
        )
    repeated = _repeated([(part, places, centre) for _, part, places, centre in chosen])
    names = np.array(list(ids), dtype=object)
    states = np.array(_STATES, dtype=object)
    stored: list[pd.DataFrame] = []
    start = 0
    for file, part, places, centre in chosen:
        again = repeated[start : start + len(places)]
        start += len(places)
        kept = places[~again]
        before = balances[file]
        balances[file] = FileBalance(
            file,
            before.rows_in_file,
            len(kept),
            before.rows_quarantined,
            before.rows_left,
            len(places) - len(kept),
        )
        if len(kept):
            stored.append(
                _frame(
                    names[centre[~again]],
                    part.counted_at[kept],
                    part.vehicles[kept],
                    part.occupancy[kept],
                    states[part.state[kept]],
                    delay,
                    file,
                    part.lines[kept],
                )
            )
    rows = pd.concat(stored, ignore_index=True) if stored else _empty()
    return Landing(rows, rejected_frame(rejected), tuple(balances.values()))


def _repeated(parts: Sequence[tuple[Readings, np.ndarray, np.ndarray]]) -> np.ndarray:
    """Whether each chosen row equals one before it."""
    if not parts:
        return np.array([], dtype=bool)
    content = {
        "centre": np.concatenate([centre for _, _, centre in parts]),
        "counted_at": np.concatenate([part.counted_at[at] for part, at, _ in parts]),
    }
    # Most hours have one reading: only where one has more are their numbers compared.
    frame = pd.DataFrame(content)
    several = frame.duplicated(keep=False).to_numpy()
    repeated = np.zeros(len(frame), dtype=bool)
    if several.any():
        for name in ("vehicles", "occupancy", "state"):
            frame[name] = np.concatenate([getattr(part, name)[at] for part, at, _ in parts])
        repeated[several] = frame[several].duplicated().to_numpy()
    return repeated


_kept: OrderedDict[tuple[Any, ...], list[tuple[str, Readings]]] = OrderedDict()
_kept_lock = threading.Lock()


def _weight(parts: Sequence[tuple[str, Readings]]) -> int:
    return sum(len(part) + _REJECTED_WEIGHT * len(part.rejected) for _, part in parts)


def _judged_file(
    path: Path, config: SourceConfig, known: frozenset[str] | None, now: datetime
) -> list[tuple[str, Readings | FileUnreadableError]]:
    """The judged tables of a file. Those of a file that did not change are remembered: loads ask
    for a day, and a file holds a year."""
    try:
        state = path.stat()
    except OSError:  # it went away; reading it says so
        key: tuple[Any, ...] | None = None
    else:
        key = (str(path), state.st_size, state.st_mtime_ns, config.model_dump_json(), known)
    latest = _latest(now)
    if key is not None:
        with _kept_lock:
            found = _kept.get(key)
            # An hour that has come since, or not yet, makes another verdict.
            if found is not None and not any(
                part.ahead or part.newest > latest for _, part in found
            ):
                _kept.move_to_end(key)
                return list(found)
    judged: list[tuple[str, Readings | FileUnreadableError]] = [
        (file, judge(file, table, config, known, now) if isinstance(table, Columns) else table)
        for file, table in read_columns(path, config, layouts(config), REQUIRED, _NUMBERS)
    ]
    whole = [(file, part) for file, part in judged if isinstance(part, Readings)]
    if key is not None and len(whole) == len(judged) and _weight(whole) <= _ROWS_KEPT:
        with _kept_lock:
            _kept[key] = whole
            while sum(map(_weight, _kept.values())) > _ROWS_KEPT:
                _kept.popitem(last=False)
    return judged


def _simulated(
    world: World,
    config: SourceConfig,
    first_day: date,
    last_day: date,
    centre_ids: Sequence[str],
    now: datetime,
) -> Landing:
    from flow_platform.sources.traffic_simulator import simulated_readings

    delay = delay_of(config)
    made = simulated_readings(world.seed, centre_ids, first_day, last_day)
    stamps = pd.DatetimeIndex(made["counted_at"]).tz_convert("UTC").tz_localize(None)
    come = np.asarray(stamps.tz_localize("UTC") + delay <= pd.Timestamp(now))
    hours = (stamps - pd.Timestamp(EPOCH_FIRST)) // pd.Timedelta(hours=1) + 1
    rows = _frame(
        made["centre_id"].to_numpy(dtype=object)[come],
        stamps[come].to_numpy(),
        made["vehicles"].to_numpy()[come],
        made["occupancy"].to_numpy()[come],
        made["state"].to_numpy(dtype=object)[come],
        delay,
        "simulated",
        np.asarray(hours)[come],
    )
    balance = FileBalance("simulated", rows_in_file=len(rows), rows_stored=len(rows))
    return Landing(rows, rejected_frame([]), (balance,))


def read_traffic(
    config: SourceConfig,
    counters: Sequence[Counter],
    first_day: date,
    last_day: date,
    centre_ids: Collection[str],
    *,
    now: datetime,
    world: World | None = None,
) -> Landing:
    """The readings of UTC days `first_day` to `last_day` of `centre_ids`; rows as READING_COLUMNS.

    A reading's stamp is the source's own, the end of its hour; without an offset it is local time
    of Paris. The hour that comes twice in autumn is its second turn, unless one file has exactly
    two different readings of a counter for it; the one that spring skips is quarantined. A volume
    that is empty is stored as NaN. A reading is available `delay_hours` after its stamp. `now`
    (aware) tells which hours have not come. `counters` are the only ones there may be where the
    source declares a counters file. Simulated readings need `world`.

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
    if traffic_option(config, "counters") is not None:
        known = frozenset(counter.centre_id for counter in counters)
    parts: list[tuple[str, Readings | FileUnreadableError]] = []
    for path in source_files(config):
        parts += _judged_file(path, config, known, now)
    landing = landing_of(parts, config, first_day, last_day, asked)
    if parts:
        return landing
    return Landing(landing.rows, landing.rejected, (no_file(str(config.path)),))
