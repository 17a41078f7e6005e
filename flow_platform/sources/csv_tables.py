"""CSV as a table: columns at once where that accounts for every row, else row by row with care.

The fast way gives the same table as the careful one, or none; a test compares them. What the
columns mean is the business of each flow's module.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from io import StringIO
from typing import Any

import numpy as np

from flow_platform.ground.number_texts import may_hide_thousands
from flow_platform.sources.config import SourceConfig
from flow_platform.sources.encodings import detected_encoding
from flow_platform.sources.files import FileUnreadableError
from flow_platform.sources.forms import FileForm, encoding_found
from flow_platform.sources.heads import Head, cut_line, head_of, named
from flow_platform.sources.layouts import Layouts
from flow_platform.sources.tables import (
    UNDECODABLE,
    BrokenRow,
    Column,
    Table,
    bad_characters,
    payload_json,
    table_of_rows,
)
from flow_platform.sources.values import MISSING

# A quoted field may run over this many lines; a longer one is an unbalanced quote that would
# swallow the rest of the file.
_LONGEST_RECORD = 50
_BOM = b"\xef\xbb\xbf"
# One Arrow batch: larger than any line of a source, small compared with the file.
_BLOCK_BYTES = 1 << 23
# The header of a file that is read at once is in so many of its first bytes.
_HEAD_BYTES = 1 << 16


def read_csv(data: bytes, config: SourceConfig, layouts: Layouts) -> Table:
    """A CSV file as a table. Blank lines are skipped; line breaks are LF, CRLF or CR.

    Raises FileUnreadableError where the header lacks a wanted column, or it cannot be decoded.
    """
    fast = fast_csv(data, config, layouts)
    return careful_csv(data, config, layouts) if fast is None else fast


# -- columns at once -----------------------------------------------------------------------------


def fast_csv(data: bytes, config: SourceConfig, layouts: Layouts) -> Table | None:
    """A CSV file in UTF-8 whose lines all have the header's fields, or None: read it with care.

    Raises FileUnreadableError where the header lacks a wanted column.
    """
    whole = data.removeprefix(_BOM)
    if not (_is_plain(whole, config) and _is_utf8(whole)):
        return None
    lines = whole[:_HEAD_BYTES].decode("utf-8", "replace").split("\n")
    # A line that is cut off at the end is no header.
    head = head_of(lines[: len(lines) - 1], config, layouts) if len(lines) > 1 else None
    if head is None:
        return None
    separator, names, place = head
    # From the header on: what is above it has no rows.
    body = whole[sum(len(line.encode()) + 1 for line in lines[:place]) :]
    # Arrow makes a row of an empty line.
    if b"\n\n" in body or b"\n\r\n" in body or not _quotes_match(body, separator):
        return None
    end = body.find(b"\n")
    header = layouts.header_in(names)
    wanted = {names.index(theirs) for theirs in header.values()}
    if layouts.every_column:
        wanted = set(range(len(names)))
    numbers = {
        names.index(header[ours])
        for ours in layouts.floats
        if ours in header and config.marks == "."
    }
    size = body.count(b"\n", end + 1) + (not body.endswith(b"\n"))
    columns = _fast_columns(body, separator, len(names), wanted, numbers)
    if numbers and (columns is None or _may_hide_thousands(columns[0], numbers)):
        columns = _fast_columns(body, separator, len(names), wanted, set())
    # A line break within quotes, or an empty line: line numbers would not hold.
    if columns is None or columns[1] != size:
        return None
    numbered = np.arange(place + 2, place + size + 2, dtype="int64")
    form = _form(head, layouts, data, config, None)
    return Table(names, numbered, columns[0], _rows_of(body, separator), [], header, form=form)


def _may_hide_thousands(columns: Mapping[int, Column], places: Iterable[int]) -> bool:
    found = [columns[place].numbers for place in places]
    return any(one is not None and may_hide_thousands(one) for one in found)


def _is_plain(body: bytes, config: SourceConfig) -> bool:
    """Whether these bytes can be cut at line breaks and separators, as far as they show."""
    if (config.encoding or "utf-8").replace("_", "-").casefold() not in ("utf-8", "utf-8-sig"):
        return False
    if b"\0" in body or body.startswith(_BOM):
        return False
    return body.count(b"\r") == body.count(b"\r\n")


def _is_utf8(body: bytes) -> bool:
    if body.isascii():
        return True
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _quotes_match(body: bytes, separator: str) -> bool:
    """Whether every quote belongs to a field that is quoted as a whole; Arrow takes others too."""
    if b'"' not in body:
        return True
    between = re.escape(separator.encode())
    quoted = re.compile(
        rb'"(?<=[\n' + between + rb']")(?:[^"\n]++|"")*+"(?=[\r\n' + between + rb"]|\Z)"
    )
    return b'"' not in quoted.sub(b"", b"\n" + body)


def _fast_columns(
    body: bytes, separator: str, width: int, wanted: set[int], as_numbers: set[int]
) -> tuple[dict[int, Column], int] | None:
    """The wanted columns by place, and how many rows they have; None where they do not fit."""
    import pyarrow as pa

    types: dict[str, pa.DataType] = {
        str(place): pa.float64() if place in as_numbers else pa.string() for place in wanted
    }
    try:
        read = open_arrow(
            pa.BufferReader(body),
            separator=separator,
            names=[str(place) for place in range(width)],
            types=types,
            only=list(types),
            skip_rows=1,
            block_bytes=_BLOCK_BYTES,
            nothing=MISSING,
            keep_empty_lines=True,
        ).read_all()
    except (pa.ArrowException, UnicodeDecodeError, OverflowError, ValueError):
        return None
    columns = {place: Column.of_arrow(read.column(str(place))) for place in wanted}
    for place in as_numbers:
        numbers = columns[place].numbers
        assert numbers is not None
        # Texts such as "inf" and "-nan", which are numbers to Arrow and to no one else.
        if np.count_nonzero(~np.isfinite(numbers)) != columns[place].arrow.null_count:
            return None
    return columns, read.num_rows


def open_arrow(
    source: Any,
    *,
    separator: str,
    names: Sequence[str],
    types: dict[str, Any],
    skip_rows: int,
    block_bytes: int,
    nothing: Collection[str],
    only: Sequence[str] = (),
    encoding: str = "utf-8",
    keep_empty_lines: bool = False,
    texts_can_be_null: bool = False,
    on_ragged: Callable[[Any], str] | None = None,
) -> Any:
    """An Arrow reader of all columns, or `only` of some; the texts in `nothing` are no numbers."""
    import pyarrow.csv as arrow_csv

    return arrow_csv.open_csv(
        source,
        arrow_csv.ReadOptions(
            # One thread: only then are the rows numbered that are passed over.
            use_threads=False,
            skip_rows=skip_rows,
            column_names=list(names),
            block_size=block_bytes,
            encoding=encoding,
        ),
        arrow_csv.ParseOptions(
            delimiter=separator,
            ignore_empty_lines=not keep_empty_lines,
            invalid_row_handler=on_ragged,
        ),
        arrow_csv.ConvertOptions(
            column_types=types,
            include_columns=list(only),
            null_values=sorted(nothing),
            strings_can_be_null=texts_can_be_null,
        ),
    )


def _rows_of(body: bytes, separator: str) -> Callable[[Sequence[int]], list[list[str]]]:
    """What gives lines of the body after the first, cut into fields."""
    starts: list[int] = []

    def rows_at(places: Sequence[int]) -> list[list[str]]:
        if len(places) and not starts:
            breaks = np.flatnonzero(np.frombuffer(body, dtype=np.uint8) == ord("\n"))
            starts.extend((breaks + 1).tolist())
            starts.append(len(body) + 1)
        texts = (body[starts[place] : starts[place + 1]].decode("utf-8") for place in places)
        return [cut_line(text.rstrip("\r\n"), separator) for text in texts]

    return rows_at


def _form(
    head: Head, layouts: Layouts, data: bytes, config: SourceConfig, detected: str | None
) -> FileForm:
    """How a file that begins with these bytes was understood."""
    encoding, known_by = encoding_found(data, config.encoding, detected)
    return replace(
        layouts.form_of(head.names),
        kind="CSV",
        header_line=head.place + 1,
        separator=head.separator,
        encoding=encoding,
        encoding_by=known_by,
    )


# -- row by row ----------------------------------------------------------------------------------


def careful_csv(data: bytes, config: SourceConfig, layouts: Layouts) -> Table:
    """A CSV file cut line by line; what cannot be cut or decoded is kept as a broken row.

    Raises FileUnreadableError where the header lacks a wanted column, or it cannot be decoded.
    """
    detected = None if config.encoding else detected_encoding(data)
    text = _decode(data, config.encoding or detected)
    lines = list(StringIO(text, newline=None if "\r" in text else "\n"))
    head = head_of(lines, config, layouts)
    if head is None:
        raise FileUnreadableError("is empty. Remove it, or export it again.")
    separator, names, start = head.separator, head.names, head.place + 1
    faulty: list[tuple[int, str]] = []
    if '"' in text:
        wanted = layouts.wanted_in(names)
        records, places, faulty = _cut_quoted(lines, start, separator, names, wanted)
    else:
        records = [line.rstrip("\n").split(separator) for line in lines[start:]]
        places = list(range(start, len(lines)))
    broken = [_unbalanced(place, line) for place, line in faulty]
    is_suspicious = bad_characters(text) is not None
    rows, numbers = _sound_records(records, places, names, is_suspicious, broken)
    table = table_of_rows(names, rows, numbers, broken, layouts.header_in(names))
    form = _form(head, layouts, data, config, detected)
    return replace(table, encoding=detected, form=form)


def _keep_bad_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(chr(UNDECODABLE + byte) for byte in bad), error.end


codecs.register_error("flow_keep_bad_bytes", _keep_bad_bytes)


def _decode(data: bytes, encoding: str | None) -> str:
    if encoding is None:
        wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        encoding = "utf-16" if wide else "utf-8"
    try:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            text = data.decode(encoding, errors="flow_keep_bad_bytes")
    except (UnicodeError, ValueError) as error:
        raise FileUnreadableError(
            f"cannot be decoded as {encoding} ({error}). Set encoding in sources.toml."
        ) from error
    return text.removeprefix("\ufeff")


def _unbalanced(place: int, line: str) -> BrokenRow:
    reason = "unbalanced_quote: the row's quotes do not match"
    return BrokenRow(place + 1, reason, payload_json(["(line)"], [line.rstrip("\r\n")]))


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
        fields: list[str] | None
        if '"' not in line:
            fields, used = line.rstrip("\r\n").split(separator), 1
        else:
            fields, used = _quoted_record(lines[place : place + _LONGEST_RECORD], separator)
        if used > 1 and fields is not None:
            is_whole = len(fields) == len(names)
            if not is_whole or any("\n" in fields[at] or "\r" in fields[at] for at in positions):
                fields, used = None, 1
        if fields is None:
            faulty.append((place, line))
        else:
            records.append(fields)
            places.append(place)
        place += used
    return records, places, faulty


def _quoted_record(lines: list[str], separator: str) -> tuple[list[str] | None, int]:
    """The fields of the record that begins with these lines, and how many of them it has."""
    try:
        return next(csv.reader(lines[:1], delimiter=separator, strict=True)), 1
    except csv.Error:
        reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        return next(reader), reader.line_num
    except csv.Error:
        return None, 1


def _sound_records(
    records: list[list[str]],
    places: list[int],
    names: list[str],
    is_suspicious: bool,
    broken: list[BrokenRow],
) -> tuple[list[list[str]], list[int]]:
    """The records that are as long as the header, and their line numbers; others go to `broken`,
    blank lines nowhere."""
    width, least = len(names), named(names)
    rows: list[list[str]] = []
    lines: list[int] = []
    for place, cut in zip(places, records, strict=True):
        # A separator at the end of a line, or of the header alone, makes a field that is none.
        fields = cut[:width] if len(cut) > width and not "".join(cut[width:]).strip() else cut
        if least <= len(fields) < width and len(fields) > 1:
            fields = fields + [""] * (width - len(fields))
        if len(fields) == width > 1 and not is_suspicious:
            rows.append(fields)
            lines.append(place + 1)
            continue
        if len(fields) <= 1 and not "".join(fields).strip():
            continue
        fault = bad_characters("".join(fields)) if is_suspicious else None
        if fault is None and len(fields) != width:
            fault = f"ragged: the row has {len(fields)} fields, the header {width}"
        if fault is None:
            rows.append(fields)
            lines.append(place + 1)
        else:
            broken.append(BrokenRow(place + 1, fault, payload_json(names, fields)))
    return rows, lines
