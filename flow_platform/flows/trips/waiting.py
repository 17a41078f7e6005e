"""Trips that wait until their days are whole: in memory up to a limit, beyond it sorted on disk.

When a day is whole is decided in `source.py`.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np

from flow_platform.flows.trips.rows import TRIP
from flow_platform.flows.trips.spans import DAY
from flow_platform.ground.errors import SourceError

# 30 MB of trips: a month of green taxis never touches the disk.
MEMORY_ROWS = 500_000


class Waiting:
    """Trips (TRIP) of any days, taken day after day.

    What is on disk is in files without a name in `folder`, or where the system keeps temporary
    files: a crash leaves none.

    >>> waiting = Waiting()
    >>> waiting.add(np.zeros(3, dtype=TRIP))
    >>> waiting.count(0), len(waiting.before(1)), len(waiting.before(2))
    (3, 3, 0)
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._on_disk: list[_Run] = []
        self._in_memory: list[_Run] = []
        self._counts: Counter[int] = Counter()

    def add(self, trips: np.ndarray) -> None:
        """Trips in the order of their file, after all others of it.

        Raises SourceError where the disk is full.
        """
        if not len(trips):
            return
        run = _Run(_by_pickup(trips))
        self._counts.update(dict(zip(run.days.tolist(), run.sizes.tolist(), strict=True)))
        self._in_memory.append(run)
        if sum(run.held for run in self._in_memory) > MEMORY_ROWS:
            self._move_to_disk()

    def count(self, day: int) -> int:
        """How many trips of a UTC day (counted from 1970) were added."""
        return self._counts[day]

    def before(self, day: int) -> np.ndarray:
        """The trips of all UTC days before this one, which are let go; equal trips of a file are in
        its order."""
        found = [run.before(day) for run in (*self._on_disk, *self._in_memory)]
        self._on_disk = [run for run in self._on_disk if run.is_open()]
        self._in_memory = [run for run in self._in_memory if run.is_open()]
        return _together(found)

    def close(self) -> None:
        """Let go of all trips, and of the disk."""
        for run in self._on_disk:
            run.close()
        self._on_disk, self._in_memory = [], []

    def _move_to_disk(self) -> None:
        trips = _by_pickup(_together([run.rest() for run in self._in_memory]))
        self._in_memory = []
        try:
            # Open until the last of its trips is taken, in `_Run`.
            file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
            trips.tofile(file)
            file.seek(0)
        except OSError as error:
            folder = self._folder or tempfile.gettempdir()
            raise SourceError(
                f"trips that wait for their days cannot be kept in {folder} ({error})."
                " Free space there, and load again."
            ) from error
        self._on_disk.append(_Run(trips, file))


class _Run:
    """Trips by their pickups, in memory or in a file, taken from the front.

    `days` (UTC, counted from 1970) have `sizes` trips each.
    """

    def __init__(self, trips: np.ndarray, file: IO[bytes] | None = None) -> None:
        days = trips["pickup"] // DAY
        starts = np.flatnonzero(np.diff(days, prepend=days[0] - 1))
        self.days = days[starts]
        self.sizes = np.diff(starts, append=len(days))
        self._ends = np.cumsum(self.sizes)
        self._taken = 0
        self._file = file
        self._trips = trips if file is None else None

    @property
    def held(self) -> int:
        """How many trips it holds in memory, taken or not."""
        return 0 if self._trips is None else len(self._trips)

    def is_open(self) -> bool:
        """Whether it has trips that were not taken; closes it where it has none."""
        if self._taken < self._ends[-1]:
            return True
        self.close()
        return False

    def before(self, day: int) -> np.ndarray:
        """The next trips, up to those of this day."""
        place = int(np.searchsorted(self.days, day))
        return self._next(int(self._ends[place - 1]) if place else 0)

    def rest(self) -> np.ndarray:
        """All trips that were not taken."""
        return self._next(int(self._ends[-1]))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _next(self, end: int) -> np.ndarray:
        begin, self._taken = self._taken, max(end, self._taken)
        if self._trips is not None:
            return self._trips[begin : self._taken]
        assert self._file is not None
        return np.fromfile(self._file, dtype=TRIP, count=self._taken - begin)


def _by_pickup(trips: np.ndarray) -> np.ndarray:
    return trips[np.argsort(trips["pickup"], kind="stable")]


def _together(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=TRIP)
