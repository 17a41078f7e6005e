"""Files of rows too large for memory, read in parts: Parquet and CSV, packed or not.

The parts are tables as `reader.py` gives them of whole files. Rows are numbered from 1, without
blank lines, the header and what is above it. A file that cannot be decoded is an error. Where the
table of a CSV file begins, and what separates its fields, is found in `parts_head.py`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from flow_platform.sources.config import SourceConfig
from flow_platform.sources.csv_tables import open_arrow
from flow_platform.sources.files import (
    FileUnreadableError,
    Kind,
    check_content,
    kind_of,
    summary_of,
)
from flow_platform.sources.forms import FileForm
from flow_platform.sources.heads import cut_line
from flow_platform.sources.parts_head import PartsHead, parts_head
from flow_platform.sources.tables import BrokenRow, Column, Table, clean_text

# The code of the reason of rows that cannot be cut into columns.
RAGGED = "ragged"

_BATCH_ROWS = 262_144
_CSV_BLOCK_BYTES = 1 << 24
_HEAD_BYTES = 1 << 16


class _Ragged:
    """The rows of a CSV file that are not as wide as Arrow expects, by their numbers.

    Spreadsheets end some rows in more empty fields than others: such a row is whole.
    """

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.whole: dict[int, list[str]] = {}
        self.broken: dict[int, str] = {}

    def add(self, number: int, text: str, head: PartsHead) -> None:
        fields, width = cut_line(text, head.separator), head.width
        self.numbers.append(number)
        if len(fields) >= len(head.header) and not any(fields[len(head.header) :]):
            self.whole[number] = [*fields, *[""] * width][:width]
        else:
            self.broken[number] = text

    def taken(self, names: list[str], columns: Sequence[str]) -> tuple[Any, np.ndarray] | None:
        """The whole rows since the last call, as a batch of text, and their numbers."""
        import pyarrow as pa

        rows, numbers = list(self.whole.values()), np.array(list(self.whole), dtype="int64")
        self.whole = {}
        if not rows:
            return None
        places = [names.index(name) for name in columns]
        texts = [pa.array([row[place] or None for row in rows], pa.string()) for place in places]
        return pa.RecordBatch.from_arrays(texts, list(columns)), numbers


# What reads a file from its beginning: the batches of some columns, or of all; rows that are not as
# wide as the header go to the second argument.
_Read = Callable[[Sequence[str] | None, _Ragged], Iterator[Any]]


class Parts:
    """A file that is open: the `names` of its header, and its tables one after the other.

    `encoding` is that of a CSV file where it was detected and not set, `form` how the file is
    understood, but for which column is which. `broken` are the rows that could not be cut; it is
    whole once the tables have been read.
    """

    def __init__(
        self,
        names: list[str],
        every_name: list[str],
        read: _Read,
        encoding: str | None = None,
        form: FileForm | None = None,
    ) -> None:
        self.names = names
        self.form = FileForm("Parquet", tuple(names)) if form is None else form
        self.encoding = encoding
        # With those of the fields beyond the header.
        self._every_name = every_name
        self._read = read
        self._ragged = _Ragged()

    def tables(self, header: Mapping[str, str], only: Sequence[str] = ()) -> Iterator[Table]:
        """The parts of the file from its beginning, with all columns or `only` some.

        `header` maps our names, which `only` has too, to those of the file. Raises
        FileUnreadableError where the rest of the file cannot be read.
        """
        self._ragged = ragged = _Ragged()
        chosen = [header[ours] for ours in only] or None
        start = 1
        for batch in _guarded(self._read(chosen, ragged)):
            lines, start = self._numbers(batch.num_rows, start)
            yield _table(batch, lines, header)
            mended = ragged.taken(self._every_name, batch.schema.names)
            if mended is not None:
                yield _table(*mended, header)
        mended = ragged.taken(self._every_name, chosen or self._every_name)
        if mended is not None:
            yield _table(*mended, header)

    def _numbers(self, size: int, start: int) -> tuple[np.ndarray, int]:
        """The numbers of the next `size` rows, and where the following begin."""
        ragged = self._ragged.numbers
        found = np.arange(start, start + size + len(ragged))
        if not ragged:
            return found, start + size
        found = found[~np.isin(found, ragged)][:size]
        start = int(found[-1]) + 1 if size else start
        self._ragged.numbers = [number for number in ragged if number >= start]
        return found, start

    @property
    def broken(self) -> list[BrokenRow]:
        reason = f"{RAGGED}: the row has more or fewer fields than the header"
        return [
            BrokenRow(line, reason, json.dumps({"(line)": clean_text(text)}, ensure_ascii=False))
            for line, text in self._ragged.broken.items()
        ]


def _table(batch: Any, lines: np.ndarray, header: Mapping[str, str]) -> Table:
    columns = {place: Column.of_arrow(column) for place, column in enumerate(batch.columns)}

    def rows_at(places: Any) -> list[tuple[Any, ...]]:
        taken = batch.take(np.asarray(places, dtype="int64"))
        return list(zip(*(one.to_pylist() for one in taken.columns), strict=True))

    return Table(list(batch.schema.names), lines, columns, rows_at, [], header, batch)


def open_parts(
    path: Path, config: SourceConfig, fits: Callable[[Sequence[str]], bool] | None = None
) -> Parts:
    """A file by its suffix: .parquet and .pq are Parquet, everything else CSV, packed or not.

    `fits` tells whether names are the header that is looked for: the lines of a CSV file above it
    are passed over. Raises FileUnreadableError where the file cannot be opened, or two of its
    columns have one name.
    """
    try:
        if not path.stat().st_size:
            raise FileUnreadableError("is empty. Remove it, or fetch it again.")
        with path.open("rb") as file:
            check_content(path, file.read(8))
        is_parquet = kind_of(path) is Kind.PARQUET
        opened = _open_parquet(path) if is_parquet else _open_csv(path, config, fits)
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
    # Arrow shows a row that it cannot cut, and what in it is not UTF-8 as U+FFFD.
    is_text = "UTF8" not in cause and "\ufffd" not in cause
    remedy = "Fetch or export it again" if is_text else "Name its encoding in sources.toml"
    return FileUnreadableError(f"cannot be read ({cause}). {remedy}.")


def _open_parquet(path: Path) -> Parts:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = list(file.schema_arrow.names)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable(error) from error

    def read(columns: Sequence[str] | None, _ragged: _Ragged) -> Iterator[Any]:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(batch_size=_BATCH_ROWS, columns=columns)

    return Parts(names, names, read)


def _open_csv(
    path: Path, config: SourceConfig, fits: Callable[[Sequence[str]], bool] | None
) -> Parts:
    import pyarrow as pa

    try:
        with pa.input_stream(path, compression="detect") as stream:
            head = parts_head(bytes(stream.read(_HEAD_BYTES)), config, fits)
    except (pa.ArrowException, LookupError) as error:
        raise unreadable(error) from error
    # Some years have more fields in each row than in the header, all of them empty.
    beyond = range(len(head.header), head.width)
    names = [*head.header, *(f"(beyond the header {place})" for place in beyond)]

    def read(columns: Sequence[str] | None, ragged: _Ragged) -> Iterator[Any]:
        def pass_over(row: Any) -> str:
            ragged.add(row.number - head.lines_above, row.text or "", head)
            return "skip"

        yield from open_arrow(
            path,
            separator=head.separator,
            names=names,
            types={name: pa.string() for name in names},
            only=columns or (),
            skip_rows=head.lines_above,
            block_bytes=_CSV_BLOCK_BYTES,
            # As it is in the file: "N/A" is a text.
            nothing=[""],
            texts_can_be_null=True,
            encoding=head.encoding,
            on_ragged=pass_over,
        )

    form = FileForm(
        "CSV",
        tuple(head.header),
        header_line=head.lines_above,
        separator=head.separator,
        encoding=head.encoding,
        encoding_by=head.encoding_by,
    )
    return Parts(head.header, names, read, head.detected, form)


def _guarded(batches: Iterator[Any]) -> Iterator[Any]:
    """The batches; what breaks while they are read is a FileUnreadableError."""
    import pyarrow as pa

    try:
        yield from batches
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable(error) from error
