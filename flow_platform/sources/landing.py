"""The result of a load: its rows, its rejected rows, and a balance for each file.

How rows are read and judged is in the module of each flow; writing them is in `stages/loading.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import pandas as pd

from flow_platform.sources.dates import SourceDates
from flow_platform.sources.files import FileUnreadableError
from flow_platform.sources.forms import FileForm
from flow_platform.sources.judging import Reasons
from flow_platform.sources.tables import BrokenRow, Table, clean_text, payload_json


class RejectedRow(NamedTuple):
    """A row that cannot be stored: `payload` is all of it, as JSON; `day` and `centre_id` are None
    where they could not be read."""

    source_file: str
    source_line: int
    reason: str
    day: date | None
    centre_id: str | None
    payload: str


REJECTED_COLUMNS = RejectedRow._fields


@dataclass(frozen=True)
class FileBalance:
    """The rows of one file by their fate: rows_read == rows_stored + rows_quarantined, and
    rows_in_file == rows_read + rows_left (good rows of partitions not asked for) + rows_repeated
    (rows that this or another file has already). With an `error`, which names file, fault and
    remedy, the file has no rows. `encoding` is what it was read in, where that was detected;
    `dates` is how its dates were read (`SourceDates.reading`); `form` is how it was understood, as
    far as it could be.
    `is_missing` is whether there is no such file.
    """

    file: str
    rows_in_file: int = 0
    rows_stored: int = 0
    rows_quarantined: int = 0
    rows_left: int = 0
    rows_repeated: int = 0
    error: str | None = None
    encoding: str | None = None
    is_missing: bool = False
    dates: str | None = None
    form: FileForm | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(
        cls,
        file: str,
        *,
        good: int,
        rejected: int,
        stored: int,
        repeated: int = 0,
        encoding: str | None = None,
        form: FileForm | None = None,
        dates: str | None = None,
    ) -> FileBalance:
        """The balance of a file with so many good rows, of which some were stored or repeated, and
        rejected ones, those included that could not be cut."""
        left = good - stored - repeated
        rows = (good + rejected, stored, rejected, left, repeated)
        return cls(file, *rows, encoding=encoding, dates=dates, form=form)

    @classmethod
    def unreadable(cls, file: str, error: Exception) -> FileBalance:
        """The balance of a file that cannot be read."""
        return cls(file, error=f"{file} {error}", form=getattr(error, "form", None))

    @property
    def rows_read(self) -> int:
        """Rows that this load answered for."""
        return self.rows_in_file - self.rows_left - self.rows_repeated


@dataclass(frozen=True)
class Landing:
    """The result of a load.

    `rows`: one per accepted source row of the asked partitions, with the columns of the raw table.
    `rejected` (REJECTED_COLUMNS): every other row of the files that cannot be stored, whatever
    partitions were asked for. `files`: one balance a file. `is_refused`: the source is refused as a
    whole, and what was stored of it before is to stay.
    """

    rows: pd.DataFrame
    rejected: pd.DataFrame
    files: tuple[FileBalance, ...]
    is_refused: bool = field(default=False, kw_only=True)


def all_stored(rows: pd.DataFrame, file: str) -> FileBalance:
    """The balance of a source that makes no row that cannot be stored, such as the simulator."""
    return FileBalance.of(file, good=len(rows), rejected=0, stored=len(rows))


def no_file(path: str) -> FileBalance:
    """The balance of a source whose pattern names no file."""
    missing = clean_text(path)
    text = f"no file matches {missing}. Correct path in sources.toml, or put the files there."
    return FileBalance(missing, error=text, is_missing=True)


class Load:
    """Counts the rows of files by their fate while they are loaded, for the files' balances.

    >>> load = Load()
    >>> load.judged("a.csv", good=3, rejected=[])
    >>> load.stored("a.csv", 2, repeated=1)
    >>> load.balances("*.csv")[0].rows_left
    0
    """

    def __init__(self) -> None:
        # Of all files, in their order.
        self.rejected: list[RejectedRow] = []
        self._balances: dict[str, FileBalance] = {}

    def unreadable(self, file: str, error: Exception) -> None:
        """A file cannot be read: its error names it, the fault and the remedy."""
        self._balances[file] = FileBalance.unreadable(file, error)

    def judged(
        self,
        file: str,
        *,
        good: int,
        rejected: Sequence[RejectedRow],
        encoding: str | None = None,
        form: FileForm | None = None,
        dates: str | None = None,
    ) -> None:
        """A file has so many good rows, all of which are left so far, and these rejected ones."""
        self.rejected += rejected
        self._balances[file] = FileBalance.of(
            file,
            good=good,
            rejected=len(rejected),
            stored=0,
            encoding=encoding,
            dates=dates,
            form=form,
        )

    def stored(self, file: str, rows: int, repeated: int = 0) -> None:
        """So many good rows of a judged file are stored, or repeat others."""
        before = self._balances[file]
        self._balances[file] = FileBalance.of(
            file,
            good=before.rows_left,
            rejected=before.rows_quarantined,
            stored=rows,
            repeated=repeated,
            encoding=before.encoding,
            form=before.form,
            dates=before.dates,
        )

    def balances(self, path: str) -> tuple[FileBalance, ...]:
        """One balance a file; that of no file where there is none that `path` names."""
        return tuple(self._balances.values()) or (no_file(path),)


class JudgedFile(Protocol):
    """A file whose rows have been judged."""

    table: Table

    def rejected(self) -> list[RejectedRow]:
        """Its rows that cannot be used."""


Judged = TypeVar("Judged", bound=JudgedFile)


class Chosen(NamedTuple):
    """How many rows of a file are good, those of them to store, and how many repeat others."""

    good: int
    rows: pd.DataFrame
    repeated: int = 0


def landed(
    found: Iterable[tuple[str, Judged | FileUnreadableError]],
    chosen: Callable[[Judged], Chosen],
    empty: Callable[[], pd.DataFrame],
    path: str,
    dates: SourceDates,
) -> Landing:
    """What files gave, as `chosen` says it of each.

    A file that could not be read is in the balance, and stops no other. `empty` makes a frame
    without rows, `path` is what the source names.
    """
    load, stored = Load(), []
    for file, one in found:
        if isinstance(one, FileUnreadableError):
            load.unreadable(file, one)
            continue
        good, rows, repeated = chosen(one)
        load.judged(
            file,
            good=good,
            rejected=one.rejected(),
            encoding=one.table.encoding,
            form=one.table.form,
            dates=dates.reading(file),
        )
        load.stored(file, len(rows), repeated)
        stored += [rows] if len(rows) else []
    return Landing(stacked(stored, empty), rejected_frame(load.rejected), load.balances(path))


def refused_landing(empty: pd.DataFrame, path: str, error: Exception) -> Landing:
    """The result where a source is refused as a whole; `empty` is a frame without rows."""
    refusal = FileBalance.unreadable(clean_text(path), error)
    return Landing(empty, rejected_frame([]), (refusal,), is_refused=True)


def whole_rows(table: Table, places: Sequence[int]) -> list[str]:
    """Some rows of a table as they are in the file, as JSON texts."""
    return [payload_json(table.names, row) for row in table.rows_at(places)]


def rejected_rows(
    file: str,
    table: Table,
    reasons: Reasons,
    days: Iterable[date | None],
    centre_ids: Iterable[str | None],
    *,
    payloads: Callable[[Table, Sequence[int]], Sequence[str]] = whole_rows,
) -> list[RejectedRow]:
    """The rows of a table that have a reason, whole; `days` and `centre_ids` are theirs."""
    bad = reasons.bad
    if not len(bad):
        return []
    names = (clean_text(one or "") or None for one in centre_ids)
    whole = payloads(table, bad.tolist())
    columns = (table.lines[bad].tolist(), reasons.texts(bad), days, names, whole)
    return [RejectedRow(file, *row) for row in zip(*columns, strict=True)]


def broken_rows(
    file: str, broken: Collection[BrokenRow], payload: Callable[[str], str] = str
) -> list[RejectedRow]:
    """The rows of a file that could not be cut, whole, as `payload` makes them of their JSON."""
    return [
        RejectedRow(file, row.line, row.reason, None, None, payload(row.payload)) for row in broken
    ]


def rejected_frame(rows: Sequence[RejectedRow]) -> pd.DataFrame:
    """Rejected rows as a frame of REJECTED_COLUMNS."""
    frame = pd.DataFrame(list(rows), columns=list(REJECTED_COLUMNS), dtype=object)
    frame["source_line"] = frame["source_line"].astype("int64")
    return frame


def stacked(parts: Sequence[pd.DataFrame], empty: Callable[[], Any]) -> pd.DataFrame:
    """The rows of all parts with a new index; `empty()` where there is no part."""
    return pd.concat(list(parts), ignore_index=True) if parts else empty()


def day_of(at: np.ndarray) -> np.ndarray:
    """The days of moments (datetime64) as dates, None where there is none."""
    days = at.astype("datetime64[D]").astype(object)
    days[np.isnat(at)] = None
    return np.asarray(days)
