"""What a load brings: its rows, its rejects, and a balance for each file.

How rows are read and judged is in the module of each flow; writing them is in `stages/landing.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.sources.tables import Table, clean_text, payload_json

REJECTED_COLUMNS = ("source_file", "source_line", "reason", "day", "centre_id", "payload")


@dataclass(frozen=True)
class FileBalance:
    """What became of one file: rows_read == rows_stored + rows_quarantined, and rows_in_file ==
    rows_read + rows_left (good rows of partitions not asked for) + rows_repeated (rows that another
    file brought already). With an `error`, naming file, fault and remedy, the file gave no rows.
    """

    file: str
    rows_in_file: int = 0
    rows_stored: int = 0
    rows_quarantined: int = 0
    rows_left: int = 0
    rows_repeated: int = 0
    error: str | None = None

    @property
    def rows_read(self) -> int:
        """Rows that this load answered for."""
        return self.rows_in_file - self.rows_left - self.rows_repeated


@dataclass(frozen=True)
class Landing:
    """What a load brings.

    `rows`: one per accepted source row of the asked partitions, with the columns of the raw table.
    `rejected` (REJECTED_COLUMNS): every other row of the files that cannot be stored, whatever
    partitions were asked for; `day` and `centre_id` are None where they could not be read. `files`:
    one balance a file.
    """

    rows: pd.DataFrame
    rejected: pd.DataFrame
    files: tuple[FileBalance, ...]


def no_file(path: str) -> FileBalance:
    """The balance of a source whose pattern names no file."""
    missing = clean_text(path)
    text = f"no file matches {missing}. Correct path in sources.toml, or put the files there."
    return FileBalance(missing, error=text)


def rejected_rows(
    file: str,
    table: Table,
    reason: np.ndarray,
    day: np.ndarray,
    centre_id: np.ndarray,
    *,
    payload: Callable[[Sequence[str], Sequence[Any]], str] = payload_json,
    broken_payload: Callable[[str], str] = str,
) -> list[dict[str, Any]]:
    """The rows of a file that have a reason, and those that could not be cut, whole."""
    judged = [
        {
            "source_file": file,
            "source_line": int(table.lines[place]),
            "reason": reason[place],
            "day": day[place],
            "centre_id": clean_text(centre_id[place]) or None,
            "payload": payload(table.names, table.rows[place]),
        }
        for place in np.flatnonzero(~pd.isna(reason))
    ]
    uncut = [
        {
            "source_file": file,
            "source_line": row.line,
            "reason": row.reason,
            "day": None,
            "centre_id": None,
            "payload": broken_payload(row.payload),
        }
        for row in table.broken
    ]
    return judged + uncut


def rejected_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rejected rows as a frame of REJECTED_COLUMNS."""
    frame = pd.DataFrame(rows, columns=list(REJECTED_COLUMNS), dtype=object)
    frame["source_line"] = frame["source_line"].astype("int64")
    return frame
