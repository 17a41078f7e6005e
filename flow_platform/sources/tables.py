"""The rows of a file, the same for every kind of file and every flow: columns, line numbers, rows.

Reading files into tables is in `reader.py`. What a column means, and whether a value is
acceptable, is the business of each flow's module.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from flow_platform.sources.forms import FileForm

# A byte that the encoding of a file cannot decode is read as the character of this number plus the
# byte: a lone surrogate, which no text can hold.
UNDECODABLE = 0xDC00


def clean_text(text: str) -> str:
    r"""Text that UTF-8 and PostgreSQL can hold: bad bytes shown as \xNN, NUL as the symbol ␀."""
    if text.isascii() and "\0" not in text:
        return text
    return "".join(
        f"\\x{ord(char) - UNDECODABLE:02x}"
        if UNDECODABLE <= ord(char) < UNDECODABLE + 256
        else "\ufffd"
        if 0xD800 <= ord(char) <= 0xDFFF
        else "␀"
        if char == "\0"
        else char
        for char in text
    )


def bad_characters(text: str) -> str | None:
    """Why a text cannot be stored as it is in the file, or None where it can."""
    if "\0" in text:
        return "nul_character: the row holds a NUL character"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "undecodable: the row holds bytes that the file's encoding cannot decode"
    return None


def payload_json(names: Sequence[str], values: Sequence[Any]) -> str:
    """A row as it is in the file, as JSON text: column name to value, what is beyond the header in
    "(beyond the header)". Always valid UTF-8 without NUL; not-a-number and dates are texts.
    """
    row: dict[str, Any] = {}
    for position, value in enumerate(values):
        if position >= len(names):
            row.setdefault("(beyond the header)", []).append(_jsonable(value))
            continue
        name = clean_text(names[position])
        unique, again = name, 2
        while unique in row:
            unique, again = f"{name} ({again})", again + 1
        row[unique] = _jsonable(value)
    return json.dumps(row, ensure_ascii=False)


def _jsonable(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return clean_text(str(value))


@dataclass(frozen=True)
class BrokenRow:
    """A row that could not be cut into the header's columns, or not decoded; whole, as JSON."""

    line: int
    reason: str
    payload: str


class Column:
    """A column of a table, as its file holds it.

    `values` are its distinct values (dtype object) in the order of their first rows, `codes`
    (int32) the place of each row's value among them: a flow parses each distinct value once.
    `numbers` is the column as float64, NaN where a row has none, if the file holds it as floating
    numbers, else None. `arrow` is the Arrow array behind it, None where the file was read row by
    row. All but `arrow` are made when they are first asked for.

        >>> column = Column(lambda: ["7", "x", "7"])
        >>> column.values.tolist(), column.codes.tolist(), column.by_row(str.isdigit).tolist()
        (['7', 'x'], [0, 1, 0], [True, False, True])
    """

    def __init__(self, cells: Callable[[], Sequence[Any]], *, arrow: Any = None) -> None:
        self._cells = cells
        self.arrow = arrow

    @classmethod
    def of_arrow(cls, arrow: Any) -> Column:
        """The column of an Arrow array, chunked or not."""
        return cls(arrow.to_pylist, arrow=arrow)

    @classmethod
    def of_distinct(cls, values: np.ndarray, codes: np.ndarray) -> Column:
        """The column whose rows have the `codes` of these values; some may be in no row."""
        column = cls(lambda: list(values[codes]))
        column._distinct = (values, codes)
        return column

    @property
    def values(self) -> np.ndarray:
        return self._distinct[0]

    @property
    def codes(self) -> np.ndarray:
        return self._distinct[1]

    @cached_property
    def numbers(self) -> np.ndarray | None:
        import pyarrow as pa

        if self.arrow is None or not pa.types.is_floating(self.arrow.type):
            return None
        found: np.ndarray = self.arrow.cast(pa.float64()).to_numpy(zero_copy_only=False)
        return found

    def parsed(self, parse: Callable[[Any], Any]) -> np.ndarray:
        """`parse` of every distinct value (dtype object)."""
        return objects([parse(value) for value in self.values])

    def by_row(self, parse: Callable[[Any], Any] | None = None) -> np.ndarray:
        """The value of each row (dtype object), or `parse` of it."""
        return (self.values if parse is None else self.parsed(parse))[self.codes]

    @cached_property
    def _distinct(self) -> tuple[np.ndarray, np.ndarray]:
        found = None if self.arrow is None else _distinct_of_arrow(self.arrow)
        return _distinct_of(self._cells()) if found is None else found


def objects(found: Sequence[Any]) -> np.ndarray:
    """These values as an array of Python objects, each an element whatever it is."""
    out = np.empty(len(found), dtype=object)
    out[:] = found
    return out


def _distinct_of(cells: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    places: dict[tuple[type, Any], int] = {}
    try:
        # 1, 1.0 and True are equal in Python and different in a file.
        codes = [
            places.setdefault(key, len(places)) for key in zip(map(type, cells), cells, strict=True)
        ]
    except TypeError:  # a list in a Parquet cell has no hash
        return objects(cells), np.arange(len(cells), dtype="int32")
    return objects([value for _, value in places]), np.array(codes, dtype="int32")


def _distinct_of_arrow(arrow: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """Distinct values and codes, None for a type whose values Arrow does not compare."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(arrow, pa.ChunkedArray):
        arrow = arrow.combine_chunks()
    try:
        if pa.types.is_dictionary(arrow.type):
            # A file's own dictionary may have values that no row has, and no place for a null.
            arrow = arrow.cast(arrow.type.value_type)
        encoded = pc.dictionary_encode(arrow, null_encoding="encode")
    except pa.ArrowException:
        return None
    if not isinstance(encoded, pa.DictionaryArray):  # texts of more than 2 GiB stay in chunks
        return None
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype("int32", copy=False)
    return objects(encoded.dictionary.to_pylist()), codes


@dataclass
class Table:
    """The rows of a file, a sheet, or a part of a large file.

    `names` is the header; `header` maps our names of columns to those of it that the file has.
    `lines` (int64) has a number for each row: of its first line in CSV, of its row in a sheet, its
    place counted from 1 in Parquet. `columns` are by their place in `names`, those that were asked
    for. `rows_at` gives rows by their places, whole, as they are in the file. `broken` are the rows
    that could not be cut: they are in no column, and in no line number. `batch` is the Arrow batch
    of a part. `encoding` is that of a CSV file where it was detected and not set. `form` is how the
    file was understood.
    """

    names: list[str]
    lines: np.ndarray
    columns: Mapping[int, Column]
    rows_at: Callable[[Sequence[int]], Sequence[Sequence[Any]]]
    broken: list[BrokenRow] = field(default_factory=list)
    header: Mapping[str, str] = field(default_factory=dict)
    batch: Any = None
    encoding: str | None = None
    form: FileForm | None = None

    def __len__(self) -> int:
        return len(self.lines)

    def column(self, ours: str) -> Column:
        """The column that we call so. Raises KeyError where the file has none."""
        return self.columns[self.names.index(self.header[ours])]

    def get(self, ours: str) -> Column | None:
        """The column that we call so, None where the file has none."""
        return self.column(ours) if ours in self.header else None


def table_of_rows(
    names: list[str],
    rows: Sequence[Sequence[Any]],
    lines: Sequence[int],
    broken: list[BrokenRow],
    header: Mapping[str, str],
) -> Table:
    """A table of rows that were cut one by one; each is as long as `names`."""

    def column(place: int) -> Column:
        return Column(lambda: [row[place] for row in rows])

    return Table(
        names,
        np.asarray(lines, dtype="int64"),
        {place: column(place) for place in range(len(names))},
        lambda places: [rows[place] for place in places],
        broken,
        header,
    )
