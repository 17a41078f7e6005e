"""Taxi trips: monthly files as they are, read in parts, judged row by row, given out by days.

No row is dropped: it is given out, rejected with its reason, left for the partition it belongs to,
or known already from another file. Rows are judged in `judging.py`, files fetched in
`taxi_site.py`, rows written in `loading.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from flow_platform.flows.trips.files import columns_of, month_of, open_trips, payloads
from flow_platform.flows.trips.judging import REASONS, City, JudgedTrips, judge, trips_of
from flow_platform.flows.trips.layouts import layout_of
from flow_platform.flows.trips.options import TripsSource
from flow_platform.flows.trips.rows import TRIP, numbered, rows_of
from flow_platform.flows.trips.zones import Zone
from flow_platform.sources.files import FileUnreadableError, source_files
from flow_platform.sources.landing import (
    FileBalance,
    RejectedRow,
    broken_rows,
    day_of,
    no_file,
    rejected_frame,
    rejected_rows,
)
from flow_platform.sources.parts import RAGGED
from flow_platform.sources.tables import Table, clean_text

# Meters report up to a week late, into the next month's file; what is farther off is a wrong clock.
_STRAY_DAYS = 7
# A local and a UTC day are less than one day apart.
EDGE = timedelta(days=_STRAY_DAYS + 1)

# A block is written in one transaction: it bounds memory, and the work a crash throws away.
BLOCK_ROWS = 250_000

_DAY = np.int64(86_400_000_000)


@dataclass(frozen=True)
class TripBlock:
    """The trips of whole UTC days, of all asked centres, and what was found in reading on to here.

    `rows` have COLUMNS of `trip_rows`; times are UTC, `day` is a naive midnight. `rejected`
    (REJECTED_COLUMNS) are all rejects of the files in `judged`, each of which is in one block only.
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
    config: TripsSource
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
    config: TripsSource,
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


# -- one file --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _File:
    """A file and its month: the first local day of it."""

    path: Path
    name: str
    month: date

    @property
    def limits(self) -> tuple[np.int64, np.int64]:
        """The local times (from, before) that a pickup of the file may have."""
        stray = timedelta(days=_STRAY_DAYS)
        return (
            _microseconds(self.month - stray),
            _microseconds(_next_month(self.month) + stray),
        )


def _next_month(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)


def _microseconds(day: date) -> np.int64:
    return np.int64(np.datetime64(day, "us").astype("i8"))


@dataclass
class _Asked:
    """The partitions of a load: UTC days, and which boroughs by their numbers."""

    city: City
    first_day: date
    last_day: date
    boroughs: np.ndarray

    @staticmethod
    def by(reading: TripReading) -> _Asked:
        city, wanted = City.of(reading.zones, reading.timezone), set(reading.centre_ids)
        boroughs = np.array([borough in wanted for borough in city.boroughs], dtype=bool)
        return _Asked(city, reading.first_day, reading.last_day, boroughs)

    def chosen(self, trips: np.ndarray, busy: set[int]) -> np.ndarray:
        """The trips that are asked for; days on which one began in any borough go to `busy`."""
        days = trips["pickup"] // _DAY
        first, last = (_microseconds(day) // _DAY for day in (self.first_day, self.last_day))
        inside = (days >= first) & (days <= last)
        busy.update(np.unique(days[inside]).tolist())
        return trips[inside & self.boroughs[trips["centre"]]]


@dataclass(frozen=True)
class _Tally:
    """How many rows of a file are trips or rejected; `busy` are asked days on which one began."""

    name: str
    service: str
    good: int
    rejected: int
    busy: set[int]


def _read_file(
    file: _File, config: TripsSource, asked: _Asked
) -> tuple[_Tally, np.ndarray, list[RejectedRow]]:
    """The tally of a file, its trips that are asked for (TRIP, by pickup), and its rejects.

    Raises FileUnreadableError where it cannot be read to its end.
    """
    kept: list[np.ndarray] = []
    rejected: list[RejectedRow] = []
    busy: set[int] = set()
    good = 0
    opened = open_trips(file.path, config)
    layout = layout_of(opened.names, config, file.path)
    for table in opened.tables(layout.names):
        rows = columns_of(table, config)
        judged = judge(rows, file.limits, asked.city)
        rejected += _rejected(file.name, table, judged, asked.city)
        trips = trips_of(rows, judged, table.lines, asked.city, layout.service)
        good += len(trips)
        kept.append(asked.chosen(trips, busy))
    rejected += broken_rows(file.name, opened.broken)
    trips = np.concatenate(kept) if kept else np.zeros(0, dtype=TRIP)
    trips["hash"] = numbered(trips["hash"])
    tally = _Tally(file.name, layout.service, good, len(rejected), busy)
    return tally, trips[np.argsort(trips["pickup"], kind="stable")], rejected


def _rejected(name: str, table: Table, judged: JudgedTrips, city: City) -> list[RejectedRow]:
    bad = judged.reasons.bad
    days = judged.pickup[bad].view("M8[us]").astype("M8[D]")
    # A year that PostgreSQL and pandas cannot hold is in the payload.
    odd = (days < np.datetime64("1900-01-01")) | (days > np.datetime64("2200-01-01"))
    days[odd] = np.datetime64("NaT")
    boroughs = np.array([*city.boroughs, None], dtype=object)[judged.centre[bad]]
    return rejected_rows(name, table, judged.reasons, day_of(days), boroughs, payloads=payloads)


# -- all files -------------------------------------------------------------------------------------


class _Reader:
    """Reads files in the order of their months, and gives out days as they fill."""

    def __init__(self, reading: TripReading) -> None:
        self.reading = reading
        self.asked = _Asked.by(reading)
        # By the number that a file has in its trips.
        self.read: list[_Tally] = []
        self.stored: Counter[int] = Counter()
        self.repeated: Counter[int] = Counter()
        self.errors: list[FileBalance] = []
        # The trips that are not given out yet, an array a file.
        self.pool: list[np.ndarray] = []
        self.rejected: list[RejectedRow] = []
        self.judged: list[str] = []
        self.reasons: Counter[str] = Counter()

    def blocks(self) -> Iterator[TripBlock]:
        reading = self.reading
        day = reading.first_day
        for file in self._files():
            # Later files have no trips of the days before this one's reach.
            until = min(file.month - EDGE - timedelta(days=1), reading.last_day)
            yield from self._given_out(day, until)
            day = max(day, until + timedelta(days=1))
            try:
                self._take(*_read_file(file, reading.config, self.asked))
            except FileUnreadableError as error:
                self.errors.append(FileBalance.unreadable(file.name, error))
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
                self.errors.append(FileBalance.unreadable(name, error))
                continue
            # A file without any time is read for its rows to be rejected.
            month = month or reading.first_day.replace(day=1)
            is_later = month - EDGE > reading.last_day
            if not is_later and _next_month(month) + EDGE > reading.first_day:
                found.append(_File(path, name, month))
        return sorted(found, key=lambda file: (file.month, file.name))

    def _take(self, tally: _Tally, trips: np.ndarray, rejected: list[RejectedRow]) -> None:
        trips["file"] = len(self.read)
        self.read.append(tally)
        self.pool.append(trips)
        self.rejected += rejected
        self.judged.append(tally.name)
        self.reasons.update(row.reason.partition(":")[0] for row in rejected)

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
        services = [file.service for file in self.read]
        names = [file.name for file in self.read]
        rows = rows_of(trips, self.asked.city.boroughs, services, names)
        rejected, judged = rejected_frame(self.rejected), tuple(self.judged)
        self.rejected, self.judged = [], []
        return TripBlock(first, last, rows, rejected, judged)

    def _count(self, counter: Counter[int], trips: np.ndarray) -> None:
        numbers = np.bincount(trips["file"], minlength=len(self.read)).tolist()
        counter.update({file: number for file, number in enumerate(numbers) if number})

    def _close(self) -> None:
        reading = self.reading
        balances = [
            FileBalance.of(
                file.name,
                good=file.good,
                rejected=file.rejected,
                stored=self.stored[place],
                repeated=self.repeated[place],
            )
            for place, file in enumerate(self.read)
        ]
        busy = set[int]().union(*(file.busy for file in self.read))
        reading.files = (*reading.files, *balances, *self.errors)
        reading.rejected = {
            code: self.reasons[code] for code in (*REASONS, RAGGED) if self.reasons[code]
        }
        reading.quiet_days = (reading.last_day - reading.first_day).days + 1 - len(busy)


def _cuts(counts: np.ndarray) -> list[tuple[int, int]]:
    """Runs of whole days (from, before) of at most BLOCK_ROWS rows; a fuller day is one alone."""
    cuts, begin, rows = [], 0, 0
    for day, count in enumerate(counts.tolist()):
        if rows and rows + count > BLOCK_ROWS:
            cuts.append((begin, day))
            begin, rows = day, 0
        rows += count
    return [*cuts, (begin, len(counts))]
