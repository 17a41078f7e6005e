"""Taxi trips: files of any span, read in parts, judged row by row, given out by days.

No row is dropped: it is given out, rejected with its reason, left for the partition it belongs to,
or known already from another file. Rows are judged in `judging.py`, the days of a file found in
`spans.py`, files fetched in `taxi_site.py`, rows written in `loading.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from flow_platform.flows.trips.files import columns_of, open_trips, payloads
from flow_platform.flows.trips.judging import REASONS, City, JudgedTrips, judge, trips_of
from flow_platform.flows.trips.layouts import layout_of, numbers_of
from flow_platform.flows.trips.moments import OrderNeededError, TripDates, dates_of
from flow_platform.flows.trips.options import TripsSource
from flow_platform.flows.trips.rows import numbered, rows_of
from flow_platform.flows.trips.spans import DAY, Span, named_month, span_in
from flow_platform.flows.trips.waiting import Rejects, Waiting
from flow_platform.flows.trips.zones import Zone
from flow_platform.sources.dates import UndecidedDatesError
from flow_platform.sources.files import FileUnreadableError, Kind, kind_of, source_files
from flow_platform.sources.forms import FileForm
from flow_platform.sources.landing import (
    FileBalance,
    RejectedRow,
    broken_rows,
    day_of,
    no_file,
    rejected_rows,
)
from flow_platform.sources.marks import check_marks
from flow_platform.sources.parts import RAGGED
from flow_platform.sources.tables import Table, clean_text

# A block is written in one transaction: it bounds memory, and the work a crash throws away.
BLOCK_ROWS = 250_000

# A warning names so many files, those nearest to the asked days.
_NAMED_FILES = 5


@dataclass(frozen=True)
class TripBlock:
    """The trips of whole UTC days, of all asked centres, and what was found in reading on to here.

    `rows` have COLUMNS of `trip_rows`; times are UTC, `day` is a naive midnight. `rejected` are all
    rejects of the files in `judged`, each of which is in one block only.
    """

    first_day: date
    last_day: date
    rows: pd.DataFrame
    rejected: tuple[Rejects, ...]
    judged: tuple[str, ...]


@dataclass
class TripReading:
    """A reading of files, for some centres and UTC days; its tallies are right once it has ended.

    `files`: one balance a file. `rejected`: rejects by the code of their reason. `reasons`: the
    commonest reason of each file that has rejects. `quiet_days`: asked days on which no
    trip began in any borough. `warnings`: where that is all of them, which days the files have.
    `dates`: how the files write their times, from the first block on. `is_refused`: the order of
    day and month is not known, and no row was read.
    """

    paths: Sequence[Path]
    config: TripsSource
    zones: Sequence[Zone]
    timezone: str
    first_day: date
    last_day: date
    centre_ids: Collection[str]
    scratch: Path | None = None
    files: tuple[FileBalance, ...] = ()
    rejected: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    quiet_days: int = 0
    warnings: tuple[str, ...] = ()
    dates: TripDates = field(init=False)
    is_refused: bool = False

    def __post_init__(self) -> None:
        self.dates = TripDates.unasked(self.config.date_format)

    def blocks(self) -> Iterator[TripBlock]:
        """The asked days in order, each in exactly one block; a day's rows are from all its files.

        The pickups of a file are read for its days, then the whole of it once. Memory is one part
        of a file and one block; trips that wait for other files, and rejects, are on disk. Raises
        SourceError where that is full.
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
    scratch: Path | None = None,
) -> TripReading:
    """The trips that begin on the UTC days `first_day` to `last_day` in the boroughs `centre_ids`.

    `timezone` is the clock that times without an offset are written in. `paths` are the files;
    without it those of the source's pattern. A file that is named for another month is not opened.
    `scratch` is the folder for trips that wait for files which may share their days.
    """
    found = source_files(config) if paths is None else list(paths)
    reading = TripReading(found, config, zones, timezone, first_day, last_day, centre_ids, scratch)
    if not found and paths is None:
        reading.files = (no_file(config.path or ""),)
    return reading


# -- one file --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _File:
    """A file and the days it is of."""

    path: Path
    name: str
    span: Span


def _day_number(day: date) -> int:
    return (day - date(1970, 1, 1)).days


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
        days = trips["pickup"] // DAY
        first, last = _day_number(self.first_day), _day_number(self.last_day)
        inside = (days >= first) & (days <= last)
        busy.update(np.unique(days[inside]).tolist())
        return trips[inside & self.boroughs[trips["centre"]]]


@dataclass
class _Tally:
    """How many rows of a file are trips, and which are not; `busy` are asked days with trips."""

    name: str
    rejects: Rejects
    service: str = ""
    encoding: str | None = None
    form: FileForm | None = None
    good: int = 0
    busy: set[int] = field(default_factory=set)
    is_whole: bool = False


def _read_file(
    file: _File, reading: TripReading, asked: _Asked, tally: _Tally, number: int, waiting: Waiting
) -> None:
    """Fill the tally of a file; its trips that are asked for go to `waiting`, under this number.

    Raises FileUnreadableError where it cannot be read to its end: nothing of it is to be used.
    """
    config, dates = reading.config, replace(reading.dates, is_open=False)
    opened = open_trips(file.path, config)
    layout = layout_of(opened.names, config, file.path)
    tally.service, tally.encoding = layout.service, opened.encoding
    tally.form = replace(opened.form, columns=layout.names, absent=layout.absent)
    has_read_floats = kind_of(file.path) is Kind.CSV
    for part, table in enumerate(opened.tables(layout.names)):
        if part == 0:
            check_marks(table, config, numbers_of(layout), has_read_floats=has_read_floats)
        rows = columns_of(table, config, dates)
        judged = judge(rows, file.span.limits, asked.city)
        tally.rejects.add(_rejected(file.name, table, judged, asked.city))
        trips = trips_of(rows, judged, table.lines, asked.city, layout.service)
        trips["file"] = number
        tally.good += len(trips)
        waiting.add(asked.chosen(trips, tally.busy))
    tally.rejects.add(broken_rows(file.name, opened.broken))
    tally.is_whole = True


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
    """Reads files in the order of their days, and gives out days as they fill."""

    def __init__(self, reading: TripReading) -> None:
        self.reading = reading
        self.asked = _Asked.by(reading)
        # By the number that a file has in its trips.
        self.read: list[_Tally] = []
        self.stored: Counter[int] = Counter()
        self.repeated: Counter[int] = Counter()
        # Files of other days, and files that cannot be read.
        self.others: list[FileBalance] = []
        # By the name of a file that can be read: how far its days are from the asked ones, and a
        # text of which they are.
        self.days_found: dict[str, tuple[int, str]] = {}
        self.waiting = Waiting(reading.scratch)
        # Files whose rejects are not given out yet.
        self.judged: list[_Tally] = []

    def blocks(self) -> Iterator[TripBlock]:
        reading = self.reading
        day = reading.first_day
        try:
            files = self._files()
        except UndecidedDatesError as error:
            self.waiting.close()
            reading.is_refused = True
            reading.files = (FileBalance.unreadable(clean_text(reading.config.path or ""), error),)
            return
        try:
            for file in files:
                # Later files have no trips of the days before this one's.
                until = min(file.span.first_utc - timedelta(days=1), reading.last_day)
                yield from self._given_out(day, until)
                day = max(day, until + timedelta(days=1))
                self._take(file)
            yield from self._given_out(day, reading.last_day)
        finally:
            self.waiting.close()
        self._close()

    def _files(self) -> list[_File]:
        """The files that may have trips of the asked days, by their first day.

        Raises UndecidedDatesError.
        """
        try:
            return self._files_found()
        except OrderNeededError:
            self.others, self.days_found = [], {}
            self.reading.dates = dates_of(self._times(), self.reading.config.date_format)
            return self._files_found()

    def _times(self) -> Iterator[tuple[str, bool, Iterator[Table]]]:
        """Every file, as `dates_of` needs it; those that cannot be opened are left out."""
        for path in self.reading.paths:
            try:
                opened = open_trips(path, self.reading.config)
                layout = layout_of(opened.names, self.reading.config, path)
            except FileUnreadableError:
                continue
            tables = opened.tables(layout.names, only=("pickup_at", "dropoff_at"))
            yield clean_text(str(path)), layout.is_of_new_york, tables

    def _files_found(self) -> list[_File]:
        reading, found = self.reading, []
        asked = reading.first_day, reading.last_day
        for path in reading.paths:
            name, month = clean_text(str(path)), named_month(path)
            if month is not None and not Span.of_month(month).may_have(*asked):
                self.others.append(FileBalance(f"{name} [not opened: named for {month:%Y-%m}]"))
                self._note(name, month, month, f"is named for {month:%Y-%m} and was not opened")
                continue
            try:
                span = span_in(path, reading.config, reading.first_day, reading.dates)
            except FileUnreadableError as error:
                self.others.append(FileBalance.unreadable(name, error))
                continue
            # A file without any time is read for its rows to be rejected.
            if span.first is None or span.last is None:
                self._note(name, *asked, "has no pickup that can be read")
            else:
                has = f"has trips from {span.first} to {span.last}"
                self._note(name, span.first, span.last, has)
                if not span.may_have(*asked):
                    self.others.append(FileBalance.of(name, good=span.rows, rejected=0, stored=0))
                    continue
            found.append(_File(path, name, span))
        return sorted(found, key=lambda file: (file.span.start, file.name))

    def _note(self, name: str, first: date, last: date, text: str) -> None:
        """Keep which days a file has, for the case that no file has any that is asked for."""
        off = max((first - self.reading.last_day).days, (self.reading.first_day - last).days, 0)
        self.days_found[name] = off, f"{name} {text}"

    def _take(self, file: _File) -> None:
        tally = _Tally(file.name, Rejects(self.reading.scratch))
        number = len(self.read)
        self.read.append(tally)
        try:
            _read_file(file, self.reading, self.asked, tally, number, self.waiting)
        except FileUnreadableError as error:
            tally.rejects.close()
            self.days_found.pop(file.name)
            self.others.append(FileBalance.unreadable(file.name, error))
            return
        self.judged.append(tally)
        if not tally.good and tally.rejects:
            off, _ = self.days_found[file.name]
            text = f"{file.name} has no valid trip (rows in quarantine: {len(tally.rejects)})"
            self.days_found[file.name] = off, text

    # -- giving out days -----------------------------------------------------------------------

    def _given_out(self, first: date, last: date) -> Iterator[TripBlock]:
        """The days from first to last, in blocks of some 250,000 rows."""
        if first > last:
            return
        start = _day_number(first)
        counts = [self.waiting.count(start + day) for day in range((last - first).days + 1)]
        for begin, finish in _cuts(counts):
            yield self._block(
                first + timedelta(days=begin),
                first + timedelta(days=finish - 1),
                self.waiting.before(start + finish),
            )

    def _block(self, first: date, last: date, trips: np.ndarray) -> TripBlock:
        broken = [number for number, file in enumerate(self.read) if not file.is_whole]
        if broken:
            trips = trips[~np.isin(trips["file"], broken)]
        trips["hash"] = numbered(trips["hash"], trips["file"])
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
        judged, self.judged = self.judged, []
        rejects = tuple(file.rejects for file in judged)
        return TripBlock(first, last, rows, rejects, tuple(file.name for file in judged))

    def _count(self, counter: Counter[int], trips: np.ndarray) -> None:
        numbers = np.bincount(trips["file"], minlength=len(self.read)).tolist()
        counter.update({file: number for file, number in enumerate(numbers) if number})

    def _close(self) -> None:
        reading = self.reading
        balances = [
            FileBalance.of(
                file.name,
                good=file.good,
                rejected=len(file.rejects),
                stored=self.stored[place],
                repeated=self.repeated[place],
                encoding=file.encoding,
                form=file.form,
                dates=reading.dates.source.reading(file.name),
            )
            for place, file in enumerate(self.read)
            if file.is_whole
        ]
        busy = set[int]().union(*(file.busy for file in self.read if file.is_whole))
        reading.files = (*reading.files, *balances, *self.others)
        codes: Counter[str] = Counter()
        for file in self.read:
            if file.is_whole and file.rejects:
                reading.reasons[file.name] = file.rejects.commonest
                for reason, count in file.rejects.reasons.items():
                    codes[reason.partition(":")[0]] += count
        reading.rejected = {code: codes[code] for code in (*REASONS, RAGGED) if codes[code]}
        reading.quiet_days = (reading.last_day - reading.first_day).days + 1 - len(busy)
        reading.warnings = () if busy else self._without_trips()

    def _without_trips(self) -> tuple[str, ...]:
        """The warning that no file has a trip of the asked days, if there is a file at all."""
        found = [text for _, text in sorted(self.days_found.values())]
        if not found:
            return ()
        more = [f"and so on for {len(found) - _NAMED_FILES} more files"]
        named = found if len(found) <= _NAMED_FILES else [*found[:_NAMED_FILES], *more]
        first, last = self.reading.first_day, self.reading.last_day
        days = str(first) if first == last else f"{first} to {last}"
        return (
            f"No trip of the asked days, {days}: {'; '.join(named)}. Ask for days that the files"
            " have, or correct path in sources.toml.",
        )


def _cuts(counts: Sequence[int]) -> list[tuple[int, int]]:
    """Runs of whole days (from, before) of at most BLOCK_ROWS rows; a fuller day is one alone."""
    cuts, begin, rows = [], 0, 0
    for day, count in enumerate(counts):
        if rows and rows + count > BLOCK_ROWS:
            cuts.append((begin, day))
            begin, rows = day, 0
        rows += count
    return [*cuts, (begin, len(counts))]
