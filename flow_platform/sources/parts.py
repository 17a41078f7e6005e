"""Files of rows too large for memory, read in parts: Parquet and CSV, packed or not.

The parts are tables as `reader.py` gives them of whole files. Rows are numbered from 1, without
header and blank lines. Unlike there, a row with more or fewer fields than the header is always a
broken one, and a file that cannot be decoded is an error.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from flow_platform.sources.config import SourceConfig
from flow_platform.sources.csv_tables import open_arrow
from flow_platform.sources.files import FileUnreadableError, Kind, kind_of, summary_of
from flow_platform.sources.tables import BrokenRow, Column, Table, clean_text

# The code of the reason of rows that cannot be cut into columns.
RAGGED = "ragged"

_BATCH_ROWS = 262_144
_CSV_BLOCK_BYTES = 1 << 24


class Parts:
    """A file that is open: the `names` of its header, and its tables one after the other.

    `broken` are the rows that could not be cut; it is whole once the tables have been read.
    """

    def __init__(self, names: list[str], batches: Iterator[Any], ragged: dict[int, str]) -> None:
        self.names = names
        self._batches = batches
        # Row number to its text, of the rows that were passed over.
        self._ragged = ragged

    def tables(self, header: Mapping[str, str]) -> Iterator[Table]:
        """The parts of the file; `header` maps our names to those of it.

        Raises FileUnreadableError where the rest of the file cannot be read.
        """
        start = 1
        for batch in _guarded(self._batches):
            lines, start = self._numbers(batch.num_rows, start)
            yield _table(batch, lines, header)

    def _numbers(self, size: int, start: int) -> tuple[np.ndarray, int]:
        """The numbers of the next `size` rows, and where the following begin."""
        found = np.arange(start, start + size + len(self._ragged))
        if self._ragged:
            found = found[~np.isin(found, list(self._ragged))][:size]
        return found, int(found[-1]) + 1 if size else start

    @property
    def broken(self) -> list[BrokenRow]:
        reason = f"{RAGGED}: the row has more or fewer fields than the header"
        return [
            BrokenRow(line, reason, json.dumps({"(line)": clean_text(text)}, ensure_ascii=False))
            for line, text in self._ragged.items()
        ]


def _table(batch: Any, lines: np.ndarray, header: Mapping[str, str]) -> Table:
    columns = {place: Column.of_arrow(column) for place, column in enumerate(batch.columns)}

    def rows_at(places: Any) -> list[tuple[Any, ...]]:
        taken = batch.take(np.asarray(places, dtype="int64"))
        return list(zip(*(one.to_pylist() for one in taken.columns), strict=True))

    return Table(list(batch.schema.names), lines, columns, rows_at, [], header, batch)


def open_parts(path: Path, config: SourceConfig) -> Parts:
    """A file by its suffix: .parquet and .pq are Parquet, everything else CSV, packed or not.

    Raises FileUnreadableError where it cannot be opened, or two of its columns have one name.
    """
    try:
        if not path.stat().st_size:
            raise FileUnreadableError("is empty. Remove it, or fetch it again.")
        is_parquet = kind_of(path) is Kind.PARQUET
        opened = _open_parquet(path) if is_parquet else _open_csv(path, config)
    except OSError as error:
        raise unreadable(error) from error
    twice = [name for name, count in Counter(opened.names).items() if count > 1]
    if twice:
        raise FileUnreadableError(
            f"two columns are called {clean_text(twice[0])}. Rename one, so that it is clear"
            " which is meant."
        )
    return opened


def unreadable(error: BaseException) -> FileUnreadableError:
    """What is wrong with a file of which reading failed, with the remedy."""
    cause = summary_of(error)
    remedy = "Name its encoding in sources.toml" if "UTF8" in cause else "Fetch or export it again"
    return FileUnreadableError(f"cannot be read ({cause}). {remedy}.")


def _open_parquet(path: Path) -> Parts:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        names = list(file.schema_arrow.names)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable(error) from error

    def batches() -> Iterator[Any]:
        with file:
            yield from file.iter_batches(batch_size=_BATCH_ROWS)

    return Parts(names, batches(), {})


def _open_csv(path: Path, config: SourceConfig) -> Parts:
    import pyarrow as pa

    encoding, separator = config.encoding or "utf-8-sig", config.separator or ","
    header, width, skipped = _header(path, encoding, separator)
    # Some years have more fields in each row than in the header, all of them empty.
    names = [*header, *(f"(beyond the header {place})" for place in range(len(header), width))]
    ragged: dict[int, str] = {}
    try:
        reader = open_arrow(
            path,
            separator=separator,
            names=names,
            types={name: pa.string() for name in names},
            skip_rows=skipped,
            block_bytes=_CSV_BLOCK_BYTES,
            # As it is in the file: "N/A" is a text.
            nothing=[""],
            texts_can_be_null=True,
            encoding="utf-8" if encoding == "utf-8-sig" else encoding,
            on_ragged=_passing_over(ragged, skipped),
        )
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable(error) from error
    return Parts(header, iter(reader), ragged)


def _passing_over(ragged: dict[int, str], skipped: int) -> Callable[[Any], str]:
    def pass_over(row: Any) -> str:
        ragged[row.number - skipped] = row.text or ""
        return "skip"

    return pass_over


def _header(path: Path, encoding: str, separator: str) -> tuple[list[str], int, int]:
    """The header of a CSV file, how many fields its rows have, and the lines before its rows."""
    import pyarrow as pa

    try:
        with pa.input_stream(path, compression="detect") as stream:
            start = stream.read(1 << 16)
        text = bytes(start).decode(encoding, errors="replace")
    except (pa.ArrowException, LookupError) as error:
        raise unreadable(error) from error
    numbered = [(number, line) for number, line in enumerate(text.split("\n")[:20], start=1)]
    lines = [(number, line.rstrip("\r")) for number, line in numbered if line.strip()]
    if not lines:
        raise FileUnreadableError("holds no row. Remove it, or fetch it again.")
    header, *rows = csv.reader([line for _, line in lines], delimiter=separator)
    fields = rows[0] if rows else header
    beyond = fields[len(header) :]
    width = len(fields) if beyond and not any(beyond) else len(header)
    return header, width, lines[0][0]


def _guarded(batches: Iterator[Any]) -> Iterator[Any]:
    """The batches; what breaks while they are read is a FileUnreadableError."""
    import pyarrow as pa

    try:
        yield from batches
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise unreadable(error) from error
