"""Files of any source as tables: CSV, Parquet and Excel cut into columns, with true line numbers.

Says which rows could not be cut and which files could not be read. What the columns mean, and
whether a value is acceptable, is the business of each flow's module.
"""

from __future__ import annotations

import codecs
import csv
import glob
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np

from flow_platform.ground.errors import SourceError
from flow_platform.sources.config import SourceConfig

# A quoted field may run over this many lines; a longer one is an unbalanced quote that would
# swallow the rest of the file.
_LONGEST_RECORD = 50
_SEPARATORS = (",", ";", "\t", "|")
_UNDECODABLE = 0xDC00
_PARQUET = (".parquet", ".pq")
_EXCEL = (".xlsx", ".xlsm")


def _keep_bad_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(chr(_UNDECODABLE + byte) for byte in bad), error.end


codecs.register_error("flow_keep_bad_bytes", _keep_bad_bytes)


def clean_text(text: str) -> str:
    r"""Text that UTF-8 and PostgreSQL can hold: bad bytes shown as \xNN, NUL as the symbol ␀."""
    if text.isascii() and "\0" not in text:
        return text
    return "".join(
        f"\\x{ord(char) - _UNDECODABLE:02x}"
        if _UNDECODABLE <= ord(char) < _UNDECODABLE + 256
        else "\ufffd"
        if 0xD800 <= ord(char) <= 0xDFFF
        else "␀"
        if char == "\0"
        else char
        for char in text
    )


def _has_bad_characters(text: str) -> str | None:
    if "\0" in text:
        return "nul_character: the row holds a NUL character"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "undecodable: the row holds bytes that the file's encoding cannot decode"
    return None


def payload_json(names: Sequence[str], values: Sequence[Any]) -> str:
    """A row as it came, as JSON text: column name to value, what lies beyond the header in
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
    """A row that could not be cut into the header's columns, or not decoded."""

    line: int
    reason: str
    payload: str


@dataclass
class Table:
    """A file's rows: `rows` are sequences as long as `names`; `lines` their first line numbers.

    For CSV the physical line, for Excel the sheet's row, for Parquet the row counted from 1.
    """

    names: list[str]
    rows: list[Any] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    broken: list[BrokenRow] = field(default_factory=list)

    def column(self, name: str) -> np.ndarray:
        """The values of a column, as they came (dtype object)."""
        position = self.names.index(name)
        values = np.empty(len(self.rows), dtype=object)
        values[:] = [row[position] for row in self.rows]
        return values


class FileUnreadableError(SourceError):
    """One file cannot be read as a table; others are not concerned. Names what and remedy."""


def source_files(config: SourceConfig) -> list[Path]:
    """The files that a source's path or pattern names, sorted. `**` goes into subfolders."""
    if not config.path:
        return []
    found = {Path(name) for name in glob.glob(config.path, recursive=True)}
    return sorted(path for path in found if not path.is_dir())


def _fitting(names: Sequence[str], alternatives: Sequence[Sequence[str]]) -> Sequence[str]:
    """The first alternative that the header has in full; the first of all where none fits."""
    whole = (wanted for wanted in alternatives if set(wanted) <= set(names))
    return next(whole, alternatives[0])


def _check_header(names: list[str], alternatives: Sequence[Sequence[str]], hint: str) -> None:
    wanted = _fitting(names, alternatives)
    missing = [name for name in wanted if name not in names]
    if missing:
        shown = ", ".join(clean_text(name)[:60] for name in names[:20]) or "nothing"
        raise FileUnreadableError(
            f"no column {' and no column '.join(missing)} in the header (found: {shown})."
            f" Correct columns in sources.toml{hint}"
        )
    for name in wanted:
        if names.count(name) > 1:
            raise FileUnreadableError(
                f"two columns are called {name}. Rename one, so that it is clear which is meant."
            )


def _decode(data: bytes, encoding: str | None) -> str:
    if encoding is None:
        wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        encoding = "utf-16" if wide else "utf-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        try:
            text = data.decode(encoding, errors="flow_keep_bad_bytes")
        except (UnicodeError, ValueError) as error:
            raise FileUnreadableError(
                f"cannot be decoded as {encoding} ({error}). Set encoding in sources.toml."
            ) from error
    except (UnicodeError, ValueError) as error:
        raise FileUnreadableError(
            f"cannot be decoded as {encoding} ({error}). Set encoding in sources.toml."
        ) from error
    return text.removeprefix("\ufeff")


def cut_line(line: str, separator: str) -> list[str]:
    """The fields of one line, quotes respected where they match."""
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error:
        return line.rstrip("\r\n").split(separator)


def cut_header(
    line: str, config: SourceConfig, alternatives: Sequence[Sequence[str]]
) -> tuple[str, list[str]]:
    """The separator of a CSV file and the names in its header line.

    Raises FileUnreadableError where it lacks a wanted column.
    """
    candidates = (config.separator,) if config.separator else _SEPARATORS
    cuts = {
        separator: [name.strip() for name in cut_line(line, separator)] for separator in candidates
    }
    fitting = [
        separator
        for separator, names in cuts.items()
        if set(_fitting(names, alternatives)) <= set(names)
    ]
    chosen = fitting[0] if fitting else max(cuts, key=lambda separator: len(cuts[separator]))
    _check_header(cuts[chosen], alternatives, "; encoding and separator are set there too.")
    return chosen, cuts[chosen]


def _cut_quoted(
    lines: list[str], start: int, separator: str, names: list[str], wanted: Sequence[str]
) -> tuple[list[list[str]], list[int], list[tuple[int, str]]]:
    """Records, their first lines (from 0), and lines with quotes that do not match.

    A record over several lines counts only with the header's number of fields and without line
    breaks in the columns that are wanted; else its first line alone is set aside, so that an
    unbalanced quote never swallows the rows after it.
    """
    positions = [names.index(name) for name in wanted]
    records: list[list[str]] = []
    places: list[int] = []
    faulty: list[tuple[int, str]] = []
    place = start
    while place < len(lines):
        line = lines[place]
        used = 1
        fields: list[str] | None
        if '"' not in line:
            fields = line.rstrip("\r\n").split(separator)
        else:
            try:
                fields = next(csv.reader([line], delimiter=separator, strict=True))
            except csv.Error:
                reader = csv.reader(
                    lines[place : place + _LONGEST_RECORD], delimiter=separator, strict=True
                )
                try:
                    fields = next(reader)
                    used = reader.line_num
                except csv.Error:
                    fields = None
            if used > 1 and fields is not None:
                whole = len(fields) == len(names)
                if not whole or any("\n" in fields[at] or "\r" in fields[at] for at in positions):
                    fields, used = None, 1
        if fields is None:
            faulty.append((place, line))
        else:
            records.append(fields)
            places.append(place)
        place += used
    return records, places, faulty


def read_csv(data: bytes, config: SourceConfig, *alternatives: Sequence[str]) -> Table:
    """A CSV file as a table. Blank lines are skipped; line breaks are LF, CRLF or CR.

    Raises FileUnreadableError where the header lacks a wanted column.
    """
    text = _decode(data, config.encoding)
    lines = list(StringIO(text, newline=None if "\r" in text else "\n"))
    start = next((place for place, line in enumerate(lines) if line.strip()), None)
    if start is None:
        raise FileUnreadableError("is empty. Remove it, or export it again.")
    separator, names = cut_header(lines[start], config, alternatives)
    wanted = _fitting(names, alternatives)
    width = len(names)
    table = Table(names)
    start += 1
    faulty: list[tuple[int, str]] = []
    if '"' in text:
        records, places, faulty = _cut_quoted(lines, start, separator, names, wanted)
    else:
        records = [line.rstrip("\n").split(separator) for line in lines[start:]]
        places = list(range(start, len(lines)))
    for place, line in faulty:
        reason = "unbalanced_quote: the row's quotes do not match"
        table.broken.append(
            BrokenRow(place + 1, reason, payload_json(["(line)"], [line.rstrip("\r\n")]))
        )
    suspicious = "\0" in text or not _is_clean(text)
    for place, fields in zip(places, records, strict=True):
        if len(fields) == width and not suspicious:
            table.rows.append(fields)
            table.lines.append(place + 1)
            continue
        if len(fields) <= 1 and not "".join(fields).strip():
            continue
        fault = _has_bad_characters("".join(fields)) if suspicious else None
        if fault is None and len(fields) != width:
            fault = f"ragged: the row has {len(fields)} fields, the header {width}"
        if fault is None:
            table.rows.append(fields)
            table.lines.append(place + 1)
        else:
            table.broken.append(BrokenRow(place + 1, fault, payload_json(names, fields)))
    if width == 1:
        _drop_blank(table)
    return table


def _drop_blank(table: Table) -> None:
    """In a file of one column a blank line looks like a row with an empty value."""
    kept = [place for place, row in enumerate(table.rows) if row[0].strip()]
    table.rows = [table.rows[place] for place in kept]
    table.lines = [table.lines[place] for place in kept]


def _is_clean(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def read_parquet(data: bytes, *alternatives: Sequence[str]) -> Table:
    """A Parquet file as a table.

    Raises FileUnreadableError where it is damaged or lacks a wanted column.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        arrow = pq.ParquetFile(BytesIO(data)).read()
    except Exception as error:  # pyarrow raises many kinds on damaged bytes
        raise FileUnreadableError(
            f"is not a readable Parquet file ({_short(error)}). Export it again."
        ) from error
    names = [str(name) for name in arrow.column_names]
    _check_header(names, alternatives, ".")
    columns: list[list[Any]] = []
    for position, name in enumerate(names):
        column = arrow.column(position)
        try:
            if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
                column = pc.cast(column, pa.timestamp("us", column.type.tz), safe=False)
            columns.append(column.to_pylist())
        except Exception:  # a value that Python cannot hold; as text it can be quarantined alone
            try:
                columns.append(pc.cast(column, pa.string()).to_pylist())
            except Exception as error:
                raise FileUnreadableError(
                    f"column {clean_text(name)} cannot be read ({_short(error)}). Export it again."
                ) from error
    rows = list(zip(*columns, strict=True)) if columns else []
    return Table(names, rows, list(range(1, len(rows) + 1)))


def _workbook(data: bytes) -> Any:
    import openpyxl

    try:
        return openpyxl.load_workbook(BytesIO(data), read_only=True, data_only=True)
    except Exception as error:  # openpyxl, zipfile and the XML parser raise many kinds
        raise _no_workbook(error) from error


def _no_workbook(error: BaseException) -> FileUnreadableError:
    return FileUnreadableError(
        f"is not a readable .xlsx workbook ({_short(error)}). Save it again as .xlsx or CSV."
    )


def _cells(book: Any, title: str) -> list[tuple[int, Any]]:
    """The rows of a sheet that are not empty, each with its number."""
    try:
        sheet = book[title]
        if hasattr(sheet, "reset_dimensions"):
            sheet.reset_dimensions()
        return [
            (line, row)
            for line, row in enumerate(sheet.iter_rows(values_only=True), start=1)
            if any(value is not None and value != "" for value in row)
        ]
    except Exception as error:  # as above: a sheet is parsed when it is read
        raise _no_workbook(error) from error


def _chosen_sheets(book: Any, config: SourceConfig) -> list[str]:
    titles = [sheet.title for sheet in book.worksheets]
    if config.sheet is None:
        return titles
    if config.sheet not in titles:
        raise FileUnreadableError(
            f"has no sheet {config.sheet!r} (found: {', '.join(titles)})."
            " Correct sheet in sources.toml."
        )
    return [config.sheet]


def read_excel(data: bytes, config: SourceConfig, *alternatives: Sequence[str]) -> Table:
    """A sheet of an .xlsx workbook as a table: the first one, or the one `sheet` names.

    The first row that is not empty is the header. A formula counts as its last computed value,
    and as missing where it was never computed. Empty rows are skipped.

    Raises FileUnreadableError where it is damaged or lacks the sheet or a wanted column.
    """
    book = _workbook(data)
    return _sheet_table(_cells(book, _chosen_sheets(book, config)[0]), alternatives)


def _sheet_table(cells: list[tuple[int, Any]], alternatives: Sequence[Sequence[str]]) -> Table:
    if not cells:
        raise FileUnreadableError("holds no row. Remove it, or export it again.")
    header = list(cells[0][1])
    while header and header[-1] in (None, ""):
        header.pop()
    names = ["" if value is None else str(value).strip() for value in header]
    _check_header(names, alternatives, "; the sheet is set there too.")
    table = Table(names)
    width = len(names)
    for line, row in cells[1:]:
        values = list(row) + [None] * (width - len(row))
        while len(values) > width and values[-1] in (None, ""):
            values.pop()
        if len(values) > width:
            reason = f"ragged: the row has {len(values)} cells, the header {width}"
            table.broken.append(BrokenRow(line, reason, payload_json(names, values)))
            continue
        texts = [value for value in values if isinstance(value, str)]
        bad = next((found for text in texts if (found := _has_bad_characters(text))), None)
        if bad is not None:
            table.broken.append(BrokenRow(line, bad, payload_json(names, values)))
            continue
        table.rows.append(values)
        table.lines.append(line)
    return table


def _short(error: BaseException) -> str:
    text = clean_text(" ".join(str(error).split()))[:160]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def read_table(path: Path, config: SourceConfig, *alternatives: Sequence[str]) -> Table:
    """A file as a table, by its suffix, with at least the columns of one of the `alternatives`.

    .parquet and .pq are Parquet, .xlsx and .xlsm Excel, everything else CSV.

    Raises FileUnreadableError saying what is wrong with the file and what to do.
    """
    data = bytes_of(path)
    suffix = path.suffix.casefold()
    if suffix in _PARQUET:
        return read_parquet(data, *alternatives)
    if suffix in _EXCEL:
        return read_excel(data, config, *alternatives)
    if suffix in (".xls", ".xlsb", ".ods"):
        raise FileUnreadableError(
            f"is a {suffix} workbook, which is not read here. Save it as .xlsx or CSV."
        )
    return read_csv(data, config, *alternatives)


def read_tables(
    path: Path, config: SourceConfig, *alternatives: Sequence[str]
) -> list[tuple[str, Table | FileUnreadableError]]:
    """The tables of a file, each with its name or with the error that stands for it.

    As `read_table`, but every sheet of a workbook is a table of its own, "book.xlsx [sheet]",
    unless `sheet` names one. An empty sheet beside others is none.
    """
    name = clean_text(str(path))
    if path.suffix.casefold() not in _EXCEL:
        return [(name, _or_error(lambda: read_table(path, config, *alternatives)))]
    try:
        book = _workbook(bytes_of(path))
        sheets = {title: _cells(book, title) for title in _chosen_sheets(book, config)}
    except FileUnreadableError as error:
        return [(name, error)]
    filled = {title: cells for title, cells in sheets.items() if cells} or sheets
    return [
        (f"{name} [{clean_text(title)}]", _or_error(partial(_sheet_table, cells, alternatives)))
        for title, cells in filled.items()
    ]


def distinct_values(path: Path, config: SourceConfig, *names: str) -> set[Any]:
    """The distinct values of whichever of `names` a file has; other columns are not kept.

    Of a Parquet file only that column is read. A table that cannot be read, or has none of the
    names, gives nothing.
    """
    import pyarrow.parquet as pq

    if path.suffix.casefold() in _PARQUET:
        try:
            with pq.ParquetFile(path) as file:
                name = next(name for name in names if name in file.schema_arrow.names)
                column = file.read(columns=[name]).column(0)
            return set(column.unique().to_pylist())
        except Exception:  # pyarrow raises many kinds on damaged bytes; the load names the file
            return set()
    found: set[Any] = set()
    for _, table in read_tables(path, config, *[[name] for name in names]):
        if isinstance(table, Table):
            found.update(table.column(next(name for name in names if name in table.names)))
    return found


def _or_error(read: Callable[[], Table]) -> Table | FileUnreadableError:
    try:
        return read()
    except FileUnreadableError as error:
        return error


def bytes_of(path: Path) -> bytes:
    """The content of a file. Raises FileUnreadableError where it cannot be opened or is empty."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileUnreadableError(
            f"cannot be opened ({error.strerror or error}). Check its path and permissions."
        ) from error
    if not data:
        raise FileUnreadableError("is empty. Remove it, or export it again.")
    return data
