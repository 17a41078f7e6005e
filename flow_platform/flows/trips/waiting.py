"""Trips that wait until their days are whole, and rejects until their file is: in memory up to a
limit, beyond it on disk.

When a day or a file is whole is decided in `source.py`.
"""

from __future__ import annotations

import pickle
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd

from flow_platform.flows.trips.rows import TRIP
from flow_platform.flows.trips.spans import DAY
from flow_platform.ground.errors import SourceError
from flow_platform.sources.landing import RejectedRow, rejected_frame

# 30 MB of trips: a month of green taxis never touches the disk.
MEMORY_ROWS = 500_000
# Rejects are whole rows as text: some 50 MB.
MEMORY_REJECTS = 50_000


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
        # As they were added, not sorted yet.
        self._fresh: list[np.ndarray] = []
        self._counts: Counter[int] = Counter()

    def add(self, trips: np.ndarray) -> None:
        """Trips in the order of their file, after all others of it.

        Raises SourceError where the disk is full.
        """
        if not len(trips):
            return
        days = pd.Series(trips["pickup"] // DAY).value_counts(sort=False)
        self._counts.update(dict(zip(days.index.tolist(), days.tolist(), strict=True)))
        self._fresh.append(trips)
        held = sum(run.held for run in self._in_memory) + sum(map(len, self._fresh))
        if held > MEMORY_ROWS:
            self._move_to_disk()

    def count(self, day: int) -> int:
        """How many trips of a UTC day (counted from 1970) were added."""
        return self._counts[day]

    def before(self, day: int) -> np.ndarray:
        """The trips of all UTC days before this one, which are let go; equal trips of a file are in
        its order."""
        if self._fresh:
            self._in_memory.append(_Run(_sorted(self._fresh)))
            self._fresh = []
        found = [run.before(day) for run in (*self._on_disk, *self._in_memory)]
        self._on_disk = [run for run in self._on_disk if run.is_open()]
        self._in_memory = [run for run in self._in_memory if run.is_open()]
        return np.concatenate(found) if found else np.zeros(0, dtype=TRIP)

    def close(self) -> None:
        """Let go of all trips, and of the disk."""
        for run in self._on_disk:
            run.close()
        self._on_disk, self._in_memory, self._fresh = [], [], []

    def _move_to_disk(self) -> None:
        trips = _sorted([*(run.rest() for run in self._in_memory), *self._fresh])
        self._in_memory, self._fresh = [], []
        with _room_in(self._folder):
            # Open until the last of its trips is taken, in `_Run`.
            file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
            trips.tofile(file)
            file.seek(0)
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


class Rejects:
    """The rejected rows of a file, given out once, as frames of REJECTED_COLUMNS.

    `reasons` counts them by their reason, code and words.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.reasons: Counter[str] = Counter()
        self._folder = folder
        self._rows: list[RejectedRow] = []
        self._file: IO[bytes] | None = None

    def __len__(self) -> int:
        return self.reasons.total()

    def add(self, rows: Sequence[RejectedRow]) -> None:
        """More rejects of the file. Raises SourceError where the disk is full."""
        self.reasons.update(row.reason for row in rows)
        self._rows += rows
        if len(self._rows) <= MEMORY_REJECTS:
            return
        with _room_in(self._folder):
            if self._file is None:
                # Open until it is given out or let go.
                self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
            for start in range(0, len(self._rows), MEMORY_REJECTS):
                columns = list(zip(*self._rows[start : start + MEMORY_REJECTS], strict=True))
                pickle.dump(columns, self._file, pickle.HIGHEST_PROTOCOL)
        self._rows = []

    @property
    def commonest(self) -> str:
        """The commonest reason, the first in the alphabet of those that are as common."""
        return min(self.reasons, key=lambda reason: (-self.reasons[reason], reason))

    def frames(self) -> Iterator[pd.DataFrame]:
        """All rejects, a part at a time; they are let go."""
        if self._file is not None:
            with self._file as file:
                end = file.tell()
                file.seek(0)
                while file.tell() < end:
                    columns = pickle.load(file)
                    yield rejected_frame([RejectedRow(*row) for row in zip(*columns, strict=True)])
        rows, self._rows = self._rows, []
        if rows:
            yield rejected_frame(rows)

    def close(self) -> None:
        """Let go of the rejects, and of the disk."""
        self._rows = []
        if self._file is not None:
            self._file.close()


@contextmanager
def _room_in(folder: Path | None) -> Iterator[None]:
    """Raises SourceError where there is no room for what is written."""
    try:
        yield
    except OSError as error:
        raise SourceError(
            f"rows that wait for their days cannot be kept in {folder or tempfile.gettempdir()}"
            f" ({error}). Free space there, and load again."
        ) from error


def _sorted(parts: Sequence[np.ndarray]) -> np.ndarray:
    """The trips of all parts by pickup; equal ones in the order of the parts."""
    trips = np.concatenate(parts)
    return trips[np.argsort(trips["pickup"], kind="stable")]
