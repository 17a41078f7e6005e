"""Taxi trips: monthly files as they came, read in batches, judged row by row, given out by days.

No row is dropped: it is given out, rejected with its reason, left for the partition it belongs to,
or known already from another file. What files say is in `trip_files.py`, fetching them in
`taxi_site.py`, writing rows in `stages/landing.py`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.sources.config import SourceConfig
from flow_platform.sources.landing import REJECTED_COLUMNS, FileBalance, no_file
from flow_platform.sources.tables import FileUnreadableError, clean_text, source_files
from flow_platform.sources.trip_files import (
    NO_PASSENGERS,
    NO_TIME,
    Columns,
    columns_of,
    guarded,
    layout_of,
    month_of,
    open_file,
    payloads,
)
from flow_platform.sources.zones import Zone, boroughs_of

# Why a row is no trip, in the order in which it is asked; the first that holds is its reason.
REASONS: dict[str, str] = {
    "stray_month": "the pickup is more than a week outside of the file's month",
    "missing_time": "pickup or drop-off is empty or cannot be read",
    "skipped_hour": "pickup or drop-off is in an hour that the city's clock skips",
    "not_after": "the drop-off is not after the pickup",
    "too_short": "it took less than a minute",
    "too_long": "it took more than three hours",
    "no_distance": "the recorded distance is zero, negative or missing",
    "too_far": "the recorded distance is over 160 km",
    "too_fast": "the mean speed is over 130 km/h",
    # Slower than a walk for an hour: the meter was left on.
    "too_slow": "it took over an hour, at less than 5 km/h",
    "negative_amount": "fare or total is negative: a reversal",
    "unknown_pickup": "the pickup zone is not known",
    "unknown_dropoff": "the drop-off zone is not known",
}
# A row that cannot be cut into columns; only CSV has such.
RAGGED = "ragged"

COLUMNS = (
    "trip_id",
    "centre_id",
    "day",
    "service",
    "pickup_at",
    "dropoff_at",
    "pickup_zone",
    "dropoff_zone",
    "distance_km",
    "passengers",
    "total_amount",
    "available_at",
    "source_file",
    "source_line",
)

# Meters report up to a week late, into the next month's file; what is farther off is a wrong clock.
_STRAY_DAYS = 7
# Between a local and a UTC day lies less than one day.
EDGE = timedelta(days=_STRAY_DAYS + 1)
# The longest plausible trip, and more: a drop-off beyond is judged without asking for its zone.
_FAR_APART = np.int64(10 * 86_400_000_000)

# A block is written in one transaction: it bounds memory, and the work a crash throws away.
BLOCK_ROWS = 250_000

_MINUTE, _HOUR, _DAY = (np.int64(seconds * 1_000_000) for seconds in (60, 3600, 86_400))

# A good row, in 60 bytes: times in microseconds of UTC, `centre` and `file` places in their lists.
TRIP = np.dtype(
    [
        ("pickup", "i8"),
        ("dropoff", "i8"),
        ("hash", "u8"),
        ("km", "f8"),
        ("total", "f8"),
        ("line", "i8"),
        ("pickup_zone", "i4"),
        ("dropoff_zone", "i4"),
        ("file", "i4"),
        ("centre", "i2"),
        ("passengers", "i2"),
    ]
)


@dataclass(frozen=True)
class TripBlock:
    """The trips of whole UTC days, of all asked centres, and what was found in reading on to here.

    `rows` have COLUMNS; times are UTC, `day` is a naive midnight. `rejected` (REJECTED_COLUMNS) are
    all rejects of the files in `judged`, each of which is in one block only.
    """

    first_day: date
    last_day: date
    rows: pd.DataFrame
    rejected: pd.DataFrame
    judged: tuple[str, ...]


@dataclass
class TripReading:
    """A reading of files, for some centres and UTC days; its tallies are right once it has ended.

    `files`: one balance a file. `rejected`: rejects by reason. `quiet_days`: asked days on which no
    trip began in any borough.
    """

    paths: Sequence[Path]
    config: SourceConfig
    zones: Sequence[Zone]
    timezone: str
    first_day: date
    last_day: date
    centre_ids: Collection[str]
    files: tuple[FileBalance, ...] = ()
    rejected: dict[str, int] = field(default_factory=dict)
    quiet_days: int = 0

    def blocks(self) -> Iterator[TripBlock]:
        """The asked days in order, each in exactly one block; a day's rows are from all its files.

        A file is read once, and kept no longer than files that may share a day with it: memory
        grows with the largest month, not with the range.
        """
        return _Reader(self).blocks()


def read_trips(
    config: SourceConfig,
    zones: Sequence[Zone],
    timezone: str,
    first_day: date,
    last_day: date,
    centre_ids: Collection[str],
    *,
    paths: Sequence[Path] | None = None,
) -> TripReading:
    """The trips that begin on the UTC days `first_day` to `last_day` in the boroughs `centre_ids`.

    `timezone` is the clock that times without an offset are written in. `paths` are the files;
    without it those of the source's pattern. Files of other months are not opened.
    """
    found = source_files(config) if paths is None else list(paths)
    reading = TripReading(found, config, zones, timezone, first_day, last_day, centre_ids)
    if not found and paths is None:
        reading.files = (no_file(config.path or ""),)
    return reading


# -- the identity of a trip ------------------------------------------------------------------------


def _mixed(value: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every bit moves all others."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def _salt(text: str) -> np.uint64:
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "big"))


def hashed(
    trips: np.ndarray, fare: np.ndarray, service: str, boroughs: Sequence[str]
) -> np.ndarray:
    """A uint64 for each of some TRIPs, made of what its row says."""
    columns = [
        # Another borough or clock is another partition, and must not clash with its rows.
        np.array([_salt(borough) for borough in boroughs], dtype="u8")[trips["centre"]],
        *(trips[name] for name in ("pickup", "dropoff", "pickup_zone", "dropoff_zone", "km")),
        fare,
        trips["total"],
        trips["passengers"],
    ]
    found = np.full(len(trips), _salt(service), dtype="u8")
    for column in columns:
        if column.dtype.kind == "f":
            # One zero, one not-a-number: what is equal has equal bits.
            column = np.where(np.isnan(column), np.nan, column + 0.0).astype("f8").view("u8")
        found = _mixed(found * np.uint64(3) + column.astype("u8") + np.uint64(0x9E3779B97F4A7C15))
    return found


def numbered(found: np.ndarray) -> np.ndarray:
    """The hashes, with the second, third ... of equal ones made different by their number."""
    order = np.argsort(found, kind="stable")
    ordered = found[order]
    new = np.ones(len(found), dtype=bool)
    new[1:] = ordered[1:] != ordered[:-1]
    if new.all():
        return found
    place = np.arange(len(found))
    number = np.empty(len(found), dtype="u8")
    number[order] = place - np.maximum.accumulate(np.where(new, place, 0))
    return np.where(number == 0, found, _mixed(found + number))


_HEX = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), dtype="S2")


def trip_ids(pickup: np.ndarray, hashes: np.ndarray) -> pd.Series:
    """Ids of 24 hexadecimal digits: the second of the pickup, then the hash.

    The time comes first so that the index of a table of trips grows at its end.
    """
    import pyarrow as pa

    raw = np.empty((len(pickup), 12), dtype="u1")
    raw[:, :4] = (pickup // 1_000_000).astype(">u4").view("u1").reshape(-1, 4)
    raw[:, 4:] = hashes.astype(">u8").view("u1").reshape(-1, 8)
    texts = pa.Array.from_buffers(
        pa.string(),
        len(pickup),
        [
            None,
            pa.py_buffer(np.arange(0, 24 * len(pickup) + 1, 24, dtype="i4")),
            pa.py_buffer(np.ascontiguousarray(_HEX[raw]).tobytes()),
        ],
    )
    return pd.Series(texts, dtype=pd.ArrowDtype(pa.string()))


def rows_of(
    trips: np.ndarray, boroughs: Sequence[str], services: Sequence[str], files: Sequence[str]
) -> pd.DataFrame:
    """Some TRIPs as rows of raw.trips: `boroughs` are what their `centre` counts, `services` and
    `files` what their `file` does.
    """
    passengers = pd.array(trips["passengers"], dtype="Int16")
    passengers[trips["passengers"] == NO_PASSENGERS] = pd.NA
    pickup, dropoff = (
        pd.DatetimeIndex(np.ascontiguousarray(trips[name]).view("M8[us]"))
        for name in ("pickup", "dropoff")
    )
    return pd.DataFrame(
        {
            "trip_id": trip_ids(trips["pickup"], trips["hash"]),
            "centre_id": _texts(trips["centre"], boroughs),
            "day": pickup.normalize(),
            "service": _texts(trips["file"], services),
            "pickup_at": pickup.tz_localize("UTC"),
            "dropoff_at": dropoff.tz_localize("UTC"),
            "pickup_zone": trips["pickup_zone"],
            "dropoff_zone": trips["dropoff_zone"],
            "distance_km": trips["km"],
            "passengers": passengers,
            "total_amount": trips["total"],
            "available_at": dropoff.tz_localize("UTC"),
            "source_file": _texts(trips["file"], files),
            "source_line": trips["line"],
        },
        columns=list(COLUMNS),
    )


def _texts(codes: np.ndarray, names: Sequence[str]) -> pd.Series:
    import pyarrow as pa

    found = pa.DictionaryArray.from_arrays(
        pa.array(codes.astype("i4")), pa.array(list(names), pa.string())
    )
    return pd.Series(found.cast(pa.string()), dtype=pd.ArrowDtype(pa.string()))


# -- one batch of a file ---------------------------------------------------------------------------


@dataclass(frozen=True)
class _City:
    """What judging needs to know of the city: zone ids in order, and the borough of each."""

    zone_ids: np.ndarray
    borough: np.ndarray
    boroughs: tuple[str, ...]
    timezone: str

    @staticmethod
    def of(zones: Sequence[Zone], timezone: str) -> _City:
        boroughs = boroughs_of(zones)
        place = {borough: number for number, borough in enumerate(boroughs)}
        ordered = sorted(zones, key=lambda zone: zone.zone_id)
        return _City(
            np.array([zone.zone_id for zone in ordered], dtype="i8"),
            np.array([place.get(zone.borough or "", -1) for zone in ordered], dtype="i2"),
            boroughs,
            timezone,
        )

    def looked_up(self, zone: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Whether each zone is one of the city, and its borough's number (-1 without one)."""
        place = np.clip(np.searchsorted(self.zone_ids, zone), 0, len(self.zone_ids) - 1)
        known = self.zone_ids[place] == zone
        return known, np.where(known, self.borough[place], -1).astype("i2")

    def to_utc(self, local: np.ndarray, is_first_turn: bool) -> np.ndarray:
        """Local microseconds as UTC; NO_TIME where there is none or the clock skips the hour."""
        moments = pd.DatetimeIndex(local.view("M8[us]")).tz_localize(
            self.timezone,
            # In an hour that comes twice, summer time is the first turn.
            ambiguous=np.full(len(local), is_first_turn),
            nonexistent="NaT",
        )
        utc: np.ndarray = moments.tz_convert("UTC").as_unit("us").asi8
        return utc


@dataclass(frozen=True)
class _Judged:
    """The verdict on a batch: `reason` is a place in REASONS, -1 for a trip; times are UTC."""

    reason: np.ndarray
    pickup: np.ndarray
    dropoff: np.ndarray
    centre: np.ndarray


def _judge(rows: Columns, month: tuple[np.int64, np.int64], city: _City) -> _Judged:
    """What becomes of each row. `month`: the local times (from, before) a pickup may have."""
    pickup_local, dropoff_local = rows.pickup.at, rows.dropoff.at
    no_pickup, no_dropoff = pickup_local == NO_TIME, dropoff_local == NO_TIME
    stray = ~no_pickup & ((pickup_local < month[0]) | (pickup_local >= month[1]))
    # What is far off is told by the local times alone: not every clock reaches that far.
    near = ~no_pickup & ~no_dropoff & ~stray
    near &= np.abs(np.where(near, dropoff_local - pickup_local, 0)) < _FAR_APART
    pickup, dropoff = pickup_local.copy(), dropoff_local.copy()
    if not rows.pickup.is_utc:
        pickup[near] = city.to_utc(pickup_local[near], True)
    if not rows.dropoff.is_utc:
        early = city.to_utc(dropoff_local[near], True)
        late = city.to_utc(dropoff_local[near], False)
        # The second turn only where the first would end the trip before it began.
        dropoff[near] = np.where(early <= pickup[near], late, early)
    skipped = near & ((pickup == NO_TIME) | (dropoff == NO_TIME))
    timed = ~(no_pickup | no_dropoff | skipped)
    lasted = np.where(timed, dropoff - pickup, 0)
    hours = lasted / _HOUR
    _, centre = city.looked_up(rows.pickup_zone)
    with np.errstate(invalid="ignore", divide="ignore"):
        checks = {
            "stray_month": stray,
            "missing_time": no_pickup | no_dropoff,
            "skipped_hour": skipped,
            "not_after": lasted <= 0,
            "too_short": lasted < _MINUTE,
            "too_long": lasted > 3 * _HOUR,
            "no_distance": ~(rows.km > 0),
            "too_far": rows.km > 160,
            "too_fast": rows.km > 130 * hours,
            "too_slow": (lasted > _HOUR) & (rows.km < 5 * hours),
            "negative_amount": (rows.fare < 0) | (rows.total < 0),
            "unknown_pickup": centre < 0,
            "unknown_dropoff": ~city.looked_up(rows.dropoff_zone)[0],
        }
    reason = np.select(
        [checks[name] for name in REASONS], list(range(len(REASONS))), default=-1
    ).astype("i2")
    pickup = np.where(pickup == NO_TIME, pickup_local, pickup)
    return _Judged(reason, pickup, dropoff, centre)


def _trips(rows: Columns, judged: _Judged, city: _City, service: str) -> np.ndarray:
    """The rows of a batch that are trips, without file and line, as TRIP."""
    good = np.flatnonzero(judged.reason < 0)
    trips = np.zeros(len(good), dtype=TRIP)
    trips["pickup"], trips["dropoff"] = judged.pickup[good], judged.dropoff[good]
    trips["km"], trips["total"] = rows.km[good], rows.total[good]
    trips["pickup_zone"], trips["dropoff_zone"] = rows.pickup_zone[good], rows.dropoff_zone[good]
    trips["centre"], trips["passengers"] = judged.centre[good], rows.passengers[good]
    trips["hash"] = hashed(trips, rows.fare[good], service, city.boroughs)
    trips["line"] = good
    return trips


@dataclass(frozen=True)
class _File:
    """A file and its month: the first local day of it."""

    path: Path
    name: str
    month: date


def _next_month(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)


def _microseconds(day: date) -> np.int64:
    return np.int64(np.datetime64(day, "us").astype("i8"))


def _lines(size: int, start: int, ragged: Mapping[int, str]) -> tuple[np.ndarray, int]:
    """The row numbers of the next `size` rows, and where the following begin."""
    if not ragged:
        return np.arange(start, start + size), start + size
    found = np.arange(start, start + size + len(ragged))
    found = found[~np.isin(found, list(ragged))][:size]
    return found, int(found[-1]) + 1 if size else start


class _Reader:
    """Reads files in the order of their months, and gives out days as they fill."""

    def __init__(self, reading: TripReading) -> None:
        self.reading = reading
        self.city = _City.of(reading.zones, reading.timezone)
        self.asked = np.array(
            [borough in set(reading.centre_ids) for borough in self.city.boroughs], dtype=bool
        )
        self.names: list[str] = []
        self.services: list[str] = []
        self.in_file: list[int] = []
        self.quarantined: list[int] = []
        self.stored: Counter[int] = Counter()
        self.repeated: Counter[int] = Counter()
        self.errors: list[FileBalance] = []
        self.pool: list[np.ndarray] = []
        self.rejected: list[pd.DataFrame] = []
        self.judged: list[str] = []
        self.reasons: Counter[str] = Counter()
        self.busy: set[int] = set()

    def blocks(self) -> Iterator[TripBlock]:
        reading = self.reading
        day = reading.first_day
        for file in self._files():
            # Later files bring nothing to the days before this one's reach.
            until = min(file.month - EDGE - timedelta(days=1), reading.last_day)
            yield from self._given_out(day, until)
            day = max(day, until + timedelta(days=1))
            self._read(file)
        yield from self._given_out(day, reading.last_day)
        self._close()

    def _files(self) -> list[_File]:
        """The files that may have trips of the asked days, by month."""
        reading, found = self.reading, []
        for path in reading.paths:
            name = clean_text(str(path))
            try:
                month = month_of(path, reading.config)
            except FileUnreadableError as error:
                self._broken(name, error)
                continue
            # A file without any time is read for its rows to be rejected.
            month = month or reading.first_day.replace(day=1)
            is_later = month - EDGE > reading.last_day
            if not is_later and _next_month(month) + EDGE > reading.first_day:
                found.append(_File(path, name, month))
        return sorted(found, key=lambda file: (file.month, file.name))

    def _broken(self, name: str, error: FileUnreadableError) -> None:
        self.errors.append(FileBalance(name, error=f"{name} {error}"))

    # -- reading one file ----------------------------------------------------------------------

    def _read(self, file: _File) -> None:
        reading, number = self.reading, len(self.names)
        limits = (
            _microseconds(file.month - timedelta(days=_STRAY_DAYS)),
            _microseconds(_next_month(file.month) + timedelta(days=_STRAY_DAYS)),
        )
        kept: list[np.ndarray] = []
        rejected: list[pd.DataFrame] = []
        reasons: Counter[str] = Counter()
        busy: set[int] = set()
        size, start = 0, 1
        try:
            opened = open_file(file.path, reading.config)
            layout = layout_of(opened.header, reading.config, file.path)
            for batch in guarded(opened.batches):
                rows = columns_of(batch, layout, reading.config)
                judged = _judge(rows, limits, self.city)
                lines, start = _lines(len(rows), start, opened.ragged)
                bad = np.flatnonzero(judged.reason >= 0)
                if len(bad):
                    rejected.append(self._rejects(file.name, batch, judged, bad, lines))
                    numbers = np.bincount(judged.reason[bad], minlength=len(REASONS))
                    reasons.update(dict(zip(REASONS, numbers.tolist(), strict=True)))
                trips = _trips(rows, judged, self.city, layout.service)
                trips["line"] = lines[trips["line"]]
                kept.append(self._asked_for(trips, busy))
                size += len(rows)
        except FileUnreadableError as error:
            self._broken(file.name, error)
            return
        if opened.ragged:
            rejected.append(_ragged_rows(file.name, opened.ragged))
            reasons[RAGGED] += len(opened.ragged)
        trips = np.concatenate(kept) if kept else np.zeros(0, dtype=TRIP)
        trips["hash"] = numbered(trips["hash"])
        trips["file"] = number
        self.pool.append(trips[np.argsort(trips["pickup"], kind="stable")])
        self.names.append(file.name)
        self.services.append(layout.service)
        self.in_file.append(size + len(opened.ragged))
        self.quarantined.append(sum(reasons.values()))
        self.reasons.update(reasons)
        self.rejected += rejected
        self.judged.append(file.name)
        self.busy |= busy

    def _asked_for(self, trips: np.ndarray, busy: set[int]) -> np.ndarray:
        days = trips["pickup"] // _DAY
        first, last = (
            _microseconds(day) // _DAY for day in (self.reading.first_day, self.reading.last_day)
        )
        inside = (days >= first) & (days <= last)
        busy.update(np.unique(days[inside]).tolist())
        return trips[inside & self.asked[trips["centre"]]]

    def _rejects(
        self, name: str, batch: Any, judged: _Judged, bad: np.ndarray, lines: np.ndarray
    ) -> pd.DataFrame:
        import pyarrow as pa

        said = np.array([f"{code}: {text}" for code, text in REASONS.items()], dtype=object)
        boroughs = np.array([*self.city.boroughs, None], dtype=object)
        days = judged.pickup[bad].view("M8[us]").astype("M8[D]")
        # A year that PostgreSQL and pandas cannot hold is in the payload.
        odd = (days < np.datetime64("1900-01-01")) | (days > np.datetime64("2200-01-01"))
        days[odd] = np.datetime64("NaT")
        taken = pa.Table.from_batches([batch]).take(pa.array(bad))
        return pd.DataFrame(
            {
                "source_file": name,
                "source_line": lines[bad],
                "reason": said[judged.reason[bad]],
                "day": pd.DatetimeIndex(days.astype("M8[us]")),
                "centre_id": boroughs[judged.centre[bad]],
                "payload": payloads(taken),
            },
            columns=list(REJECTED_COLUMNS),
        )

    # -- giving out days -----------------------------------------------------------------------

    def _given_out(self, first: date, last: date) -> Iterator[TripBlock]:
        """The days from first to last, in blocks of some 250,000 rows; what they hold is let go."""
        if first > last:
            return
        start, end = _microseconds(first), _microseconds(last) + _DAY
        taken = []
        for place, trips in enumerate(self.pool):
            low, high = np.searchsorted(trips["pickup"], [start, end])
            taken.append(trips[low:high])
            # A copy: a view would keep the whole array alive.
            self.pool[place] = trips[high:].copy()
        self.pool = [trips for trips in self.pool if len(trips)]
        counts = np.zeros((last - first).days + 1, dtype="i8")
        for trips in taken:
            counts += np.bincount((trips["pickup"] - start) // _DAY, minlength=len(counts))
        for begin, finish in _cuts(counts):
            low_high = [start + begin * _DAY, start + finish * _DAY]
            parts = []
            for trips in taken:
                low, high = np.searchsorted(trips["pickup"], low_high)
                parts.append(trips[low:high])
            yield self._block(
                first + timedelta(days=begin), first + timedelta(days=finish - 1), parts
            )

    def _block(self, first: date, last: date, parts: list[np.ndarray]) -> TripBlock:
        trips = np.concatenate(parts) if parts else np.zeros(0, dtype=TRIP)
        # Of equal trips of several files the first file's stays.
        trips = trips[np.lexsort((trips["file"], trips["hash"], trips["pickup"]))]
        again = np.zeros(len(trips), dtype=bool)
        again[1:] = (trips["hash"][1:] == trips["hash"][:-1]) & (
            trips["pickup"][1:] == trips["pickup"][:-1]
        )
        self._count(self.repeated, trips[again])
        trips = trips[~again]
        self._count(self.stored, trips)
        empty = pd.DataFrame(columns=list(REJECTED_COLUMNS), dtype=object)
        rejected = pd.concat(self.rejected, ignore_index=True) if self.rejected else empty
        block = TripBlock(
            first,
            last,
            rows_of(trips, self.city.boroughs, self.services, self.names),
            rejected,
            tuple(self.judged),
        )
        self.rejected, self.judged = [], []
        return block

    def _count(self, counter: Counter[int], trips: np.ndarray) -> None:
        numbers = np.bincount(trips["file"], minlength=len(self.names)).tolist()
        counter.update({file: number for file, number in enumerate(numbers) if number})

    def _close(self) -> None:
        reading = self.reading
        balances = [
            FileBalance(
                name,
                rows_in_file=self.in_file[place],
                rows_stored=self.stored[place],
                rows_quarantined=self.quarantined[place],
                rows_left=self.in_file[place]
                - self.stored[place]
                - self.quarantined[place]
                - self.repeated[place],
                rows_repeated=self.repeated[place],
            )
            for place, name in enumerate(self.names)
        ]
        reading.files = (*reading.files, *balances, *self.errors)
        reading.rejected = {
            code: self.reasons[code] for code in (*REASONS, RAGGED) if self.reasons[code]
        }
        reading.quiet_days = (reading.last_day - reading.first_day).days + 1 - len(self.busy)


def _ragged_rows(name: str, ragged: Mapping[int, str]) -> pd.DataFrame:
    import json

    return pd.DataFrame(
        [
            {
                "source_file": name,
                "source_line": line,
                "reason": f"{RAGGED}: the row has more or fewer fields than the header",
                "day": None,
                "centre_id": None,
                "payload": json.dumps({"(line)": clean_text(text)}, ensure_ascii=False),
            }
            for line, text in ragged.items()
        ],
        columns=list(REJECTED_COLUMNS),
    )


def _cuts(counts: np.ndarray) -> list[tuple[int, int]]:
    """Runs of whole days (from, before) of at most BLOCK_ROWS rows; a fuller day is one alone."""
    cuts, begin, rows = [], 0, 0
    for day, count in enumerate(counts.tolist()):
        if rows and rows + count > BLOCK_ROWS:
            cuts.append((begin, day))
            begin, rows = day, 0
        rows += count
    return [*cuts, (begin, len(counts))]
