"""Where the table of a file begins: title lines, Excel's `sep=` line, and the header itself.

Cutting the rows after the header is in `csv_tables.py`, `parts.py` and `workbooks.py`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from flow_platform.ground.source_config import SourceConfig
from flow_platform.sources.files import FileUnreadableError
from flow_platform.sources.layouts import Layouts

_SEPARATORS = (",", ";", "\t", "|")
# So many lines are searched for a header whose names are known.
_MOST_TITLE_LINES = 30
# What Excel writes above the header for itself.
_SEP_LINE = re.compile(r'"?sep=(.)"?[\s,;|]*', re.IGNORECASE)


Row = TypeVar("Row")


class Head(NamedTuple):
    """The separator of a CSV file, the names in its header, and the place of that line (from 0)."""

    separator: str
    names: list[str]
    place: int


def cut_line(line: str, separator: str) -> list[str]:
    """The fields of one line, quotes respected where they match."""
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error:
        return line.rstrip("\r\n").split(separator)


def names_of(cells: Sequence[Any]) -> list[str]:
    """The names in the cells of a header."""
    return ["" if cell is None else str(cell).strip() for cell in cells]


def named(names: Sequence[str]) -> int:
    """How many names a header has without the empty ones at its end."""
    return max((place for place, name in enumerate(names, start=1) if name), default=0)


def header_place(rows: Sequence[Row], fits: Callable[[Row], bool]) -> int:
    """The place of the header among the first rows of a table.

    It is the first that `fits`, so that titles above it are passed over; else the first.
    """
    found = (place for place, row in enumerate(rows[:_MOST_TITLE_LINES]) if fits(row))
    return next(found, 0)


def head_of(lines: Sequence[str], config: SourceConfig, layouts: Layouts) -> Head | None:
    """`found_head` of a header that fits these layouts.

    Raises FileUnreadableError where the header lacks a wanted column.
    """
    head = found_head(lines, layouts.fits, separator=config.separator, skip_rows=config.skip_rows)
    if head is not None:
        try:
            layouts.check(head.names, "; encoding, separator and skip_rows are set there too.")
        except FileUnreadableError as error:
            if error.form is not None:
                line = head.place + 1
                error.form = replace(
                    error.form, kind="CSV", separator=head.separator, header_line=line
                )
            raise
    return head


def found_head(
    lines: Sequence[str],
    fits: Callable[[Sequence[str]], bool],
    *,
    separator: str | None = None,
    skip_rows: int | None = None,
) -> Head | None:
    """Where the table begins in the lines of a CSV file; None where all are blank.

    The header is the line after `skip_rows`, where that is set; else the first whose names `fits`,
    so that titles above it are passed over; else the first. It is cut by the separator that is set,
    or that Excel states, or else by the first with which it fits, or has the most fields.
    """
    filled = [place for place, line in enumerate(lines) if line.strip()]
    if not filled:
        return None
    stated = _SEP_LINE.fullmatch(lines[filled[0]].strip())
    if stated and len(filled) > 1:
        filled = filled[1:]
    if separator:
        separators: Sequence[str] = (separator,)
    else:
        separators = (stated[1],) if stated else _SEPARATORS

    def cuts(place: int) -> dict[str, list[str]]:
        return {one: names_of(cut_line(lines[place], one)) for one in separators}

    def is_header(place: int) -> bool:
        return any(map(fits, cuts(place).values()))

    if skip_rows is not None:
        # Lines as an editor counts them, blank ones too.
        filled = [place for place in filled if place >= skip_rows] or filled[-1:]
        place = filled[0]
    else:
        place = filled[header_place(filled, is_header)]
    found = cuts(place)
    fitting = [one for one, names in found.items() if fits(names)]
    best = fitting[0] if fitting else max(found, key=lambda one: len(found[one]))
    return Head(best, found[best], place)
