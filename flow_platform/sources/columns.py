"""Files as whole columns, each value parsed once: fast where a CSV is clean, careful elsewhere.

Cutting damaged files, Parquet and Excel is in `tables.py`; what a value means is the business of
each flow's module.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from flow_platform.sources.config import SourceConfig
from flow_platform.sources.tables import (
    BrokenRow,
    FileUnreadableError,
    Table,
    bytes_of,
    clean_text,
    cut_header,
    cut_line,
    read_tables,
)
from flow_platform.sources.values import MISSING

_TYPED_FILES = (".parquet", ".pq", ".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
_BOM = b"\xef\xbb\xbf"
# One Arrow batch: larger than any line of a source, small beside the file.
_BLOCK_BYTES = 1 << 23


@dataclass(frozen=True)
class Column:
    """A column as its distinct `values` (as they came) and each row's place among them, or as
    plain `numbers` (float64, NaN where there was none) if all of it could be read as such.
    """

    values: np.ndarray
    codes: np.ndarray
    numbers: np.ndarray | None = None

    def parsed(self, parse: Callable[[Any], Any]) -> np.ndarray:
        """`parse` of every distinct value (dtype object)."""
        out = np.empty(len(self.values), dtype=object)
        out[:] = [parse(value) for value in self.values]
        return out


@dataclass
class Columns:
    """The wanted columns of a file. `lines` are as in `Table`, `broken` the rows not cut."""

    names: list[str]
    lines: np.ndarray
    broken: list[BrokenRow] = field(default_factory=list)
    columns: dict[str, Column] = field(default_factory=dict)
    row: Callable[[int], Sequence[Any]] = lambda place: ()

    def __len__(self) -> int:
        return len(self.lines)

    def rows_at(self, places: Sequence[int]) -> Table:
        """Some rows, whole, as they stand in the file, and all broken ones."""
        chosen = [self.row(place) for place in places]
        return Table(self.names, chosen, [int(self.lines[at]) for at in places], self.broken)


def fitting_header(
    names: Sequence[str], headers: Sequence[dict[str, str]], required: Sequence[str]
) -> dict[str, str]:
    """The first of the `headers` (our names to theirs) whose required columns are all there."""
    return next(one for one in headers if {one[name] for name in required} <= set(names))


def read_columns(
    path: Path,
    config: SourceConfig,
    headers: Sequence[dict[str, str]],
    required: Sequence[str],
    numbers: Sequence[str] = (),
) -> list[tuple[str, Columns | FileUnreadableError]]:
    """The tables of a file (every sheet of a workbook is one) under our names, or their errors.

    The file's layout is the first of `headers` whose `required` columns it has; the other columns
    are read where they are there. `numbers` are columns that usually hold plain numbers.
    """
    alternatives = [[one[name] for name in required] for one in headers]
    if path.suffix.casefold() not in _TYPED_FILES:
        try:
            data = bytes_of(path)
            clean = _clean_csv(data, config, headers, required, numbers)
        except FileUnreadableError as error:
            return [(clean_text(str(path)), error)]
        if clean is not None:
            return [(clean_text(str(path)), clean)]
    return [
        (name, columns_of(table, headers, required) if isinstance(table, Table) else table)
        for name, table in read_tables(path, config, *alternatives)
    ]


def columns_of(table: Table, headers: Sequence[dict[str, str]], required: Sequence[str]) -> Columns:
    """The wanted columns of a table that was cut row by row."""
    header = fitting_header(table.names, headers, required)
    return Columns(
        table.names,
        np.asarray(table.lines, dtype="int64"),
        table.broken,
        {
            ours: _factorised(table.column(theirs))
            for ours, theirs in header.items()
            if table.names.count(theirs) == 1
        },
        table.rows.__getitem__,
    )


def _factorised(column: np.ndarray) -> Column:
    places: dict[tuple[type, Any], int] = {}
    distinct: list[Any] = []
    codes = np.empty(len(column), dtype="int32")
    for row, value in enumerate(column):
        # 1, 1.0 and True are equal in Python and different in a file.
        key = (type(value), value)
        try:
            place = places.setdefault(key, len(distinct))
        except TypeError:  # a list in a Parquet cell has no hash
            place = len(distinct)
        if place == len(distinct):
            distinct.append(value)
        codes[row] = place
    values = np.empty(len(distinct), dtype=object)
    values[:] = distinct
    return Column(values, codes)


def _clean_csv(
    data: bytes,
    config: SourceConfig,
    headers: Sequence[dict[str, str]],
    required: Sequence[str],
    numbers: Sequence[str],
) -> Columns | None:
    """A CSV file in UTF-8 whose lines all have the header's fields, or None: read it with care.

    Raises FileUnreadableError where the header lacks a wanted column.
    """
    if (config.encoding or "utf-8").replace("_", "-").casefold() not in ("utf-8", "utf-8-sig"):
        return None
    body = data.removeprefix(_BOM)
    end = body.find(b"\n")
    if end < 1 or b"\0" in body or body.count(b"\r") != body.count(b"\r\n"):
        return None
    # Arrow makes a row of an empty line.
    if b"\n\n" in body or b"\n\r\n" in body:
        return None
    first = body[:end].decode("utf-8", "replace")
    if not first.strip() or not _is_utf8(body):
        return None
    alternatives = [[one[name] for name in required] for one in headers]
    separator, names = cut_header(first, config, alternatives)
    if not _quotes_match(body, separator):
        return None
    header = fitting_header(names, headers, required)
    wanted = {
        ours: names.index(theirs) for ours, theirs in header.items() if names.count(theirs) == 1
    }
    as_numbers = {wanted[ours] for ours in numbers if ours in wanted and config.decimal == "."}
    lines = body.count(b"\n", end + 1) + (not body.endswith(b"\n"))
    read = _arrow(body, separator, len(names), set(wanted.values()), as_numbers)
    if read is None:
        read = _arrow(body, separator, len(names), set(wanted.values()), set())
    # A line break within quotes, or an empty line: line numbers would not hold.
    if read is None or read.num_rows != lines:
        return None
    columns = {ours: _from_arrow(read.column(str(place))) for ours, place in wanted.items()}
    if any(one.numbers is not None and np.isinf(one.numbers).any() for one in columns.values()):
        return None
    starts: list[int] = []

    def row(place: int) -> list[str]:
        if not starts:
            breaks = np.flatnonzero(np.frombuffer(body, dtype=np.uint8) == ord("\n"))
            starts.extend((breaks + 1).tolist())
            starts.append(len(body) + 1)
        line = body[starts[place] : starts[place + 1]].decode("utf-8")
        return cut_line(line.rstrip("\r\n"), separator)

    return Columns(names, np.arange(2, lines + 2, dtype="int64"), [], columns, row)


def _quotes_match(body: bytes, separator: str) -> bool:
    """Whether every quote belongs to a field that is quoted as a whole; Arrow takes others too."""
    if b'"' not in body:
        return True
    between = re.escape(separator.encode())
    quoted = re.compile(
        rb'"(?<=[\n' + between + rb']")(?:[^"\n]++|"")*+"(?=[\r\n' + between + rb"]|\Z)"
    )
    return b'"' not in quoted.sub(b"", b"\n" + body)


def _is_utf8(body: bytes) -> bool:
    if body.isascii():
        return True
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _arrow(
    body: bytes, separator: str, width: int, wanted: set[int], as_numbers: set[int]
) -> Any | None:
    """The wanted columns as an Arrow table named by their places, or None where they do not fit."""
    import pyarrow as pa
    import pyarrow.csv

    types: dict[str, pa.DataType] = {
        str(place): pa.float64() if place in as_numbers else pa.dictionary(pa.int32(), pa.string())
        for place in wanted
    }
    try:
        return pyarrow.csv.read_csv(
            pa.BufferReader(body),
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False,
                skip_rows=1,
                column_names=[str(place) for place in range(width)],
                block_size=_BLOCK_BYTES,
            ),
            parse_options=pyarrow.csv.ParseOptions(delimiter=separator, ignore_empty_lines=False),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=sorted(MISSING),
                strings_can_be_null=False,
            ),
        )
    except (pa.ArrowException, UnicodeDecodeError, OverflowError, ValueError):
        return None


def _from_arrow(chunks: Any) -> Column:
    import pyarrow as pa

    if pa.types.is_floating(chunks.type):
        numbers = chunks.to_numpy()
        return Column(np.empty(0, dtype=object), np.empty(0, dtype="int32"), numbers)
    whole = chunks.unify_dictionaries().combine_chunks()
    whole = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
    values = np.empty(len(whole.dictionary), dtype=object)
    values[:] = whole.dictionary.to_pylist()
    return Column(values, whole.indices.to_numpy(zero_copy_only=False).astype("int32"))
