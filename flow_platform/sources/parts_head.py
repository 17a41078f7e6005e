"""Where the table of a CSV file that is read in parts begins, and how it is cut: marks of the
encoding, Excel's line `sep=`, titles above the header, empty fields at its end.

Files that are read whole are in `csv_tables.py`.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flow_platform.sources.config import SourceConfig
from flow_platform.sources.files import FileUnreadableError
from flow_platform.sources.heads import cut_line, header_place, named

_SEPARATORS = (",", ";", "\t", "|")
_EXCEL_SEPARATOR = re.compile(r'"?sep=(.)"?[,;\t|]*', re.IGNORECASE)
# More than `skip_rows` may be.
_FIRST_LINES = 1100
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Head:
    """How a CSV file is to be cut: the names of its `header` without empty ones at the end, how
    many fields its rows have, and the lines up to the header, which is one of them.
    """

    encoding: str
    separator: str
    header: list[str]
    width: int
    lines_above: int


def head_of(head: bytes, config: SourceConfig, fits: Callable[[Sequence[str]], bool]) -> Head:
    """The head of a file that begins with these bytes.

    The header is the line after `skip_rows`, or the first that `fits`, cut by the separator that is
    set or else by any of , ; tab and |. Where none does it is the first line, cut into the most
    fields.

    Raises FileUnreadableError where there is no line, or no encoding is set and it is not in UTF-8;
    LookupError where the encoding that is set does not exist.
    """
    wide = config.encoding is None and head.startswith(_WIDE)
    encoding = config.encoding or ("utf-16" if wide else "utf-8")
    text = _decoded(head, encoding, is_stated=config.encoding is not None)
    whole = re.split(r"\r\n|\n|\r", text)[:_FIRST_LINES]
    lines = [(number, line) for number, line in enumerate(whole, start=1) if line.strip()]
    stated = _EXCEL_SEPARATOR.fullmatch(lines[0][1]) if lines else None
    candidates: tuple[str, ...] = _SEPARATORS
    if stated is not None:
        lines, candidates = lines[1:], (stated[1], *_SEPARATORS)
    if config.separator:
        candidates = (config.separator,)
    if not lines:
        raise FileUnreadableError("holds no row. Remove it, or fetch it again.")
    if config.skip_rows is not None:
        # Lines as an editor counts them, blank ones too.
        lines = [line for line in lines if line[0] > config.skip_rows] or lines[-1:]
    possible = lines if config.skip_rows is None else lines[:1]
    place, separator = _header_of(possible, candidates, fits)
    number, line = lines[place]
    header = cut_line(line, separator)
    header = header[: max(named([name.strip() for name in header]), 1)]
    following = cut_line(lines[place + 1][1], separator) if len(lines) > place + 1 else []
    beyond = following[len(header) :]
    # A row with something beyond the header is a broken one, and shows nothing of the others.
    width = len(following) if beyond and not any(beyond) else len(header)
    names = [name if name.strip() else f"(column {at})" for at, name in enumerate(header, start=1)]
    return Head(encoding, separator, names, width, number)


def _decoded(head: bytes, encoding: str, *, is_stated: bool) -> str:
    """The beginning of a file as text, of which the last character may be cut off."""
    errors = "replace" if is_stated else "strict"
    try:
        text = codecs.getincrementaldecoder(encoding)(errors).decode(head)
    except UnicodeDecodeError as error:
        raise FileUnreadableError(
            f"is not in {encoding.upper()}. Name its encoding in sources.toml, such as"
            " windows-1252."
        ) from error
    return text.removeprefix("\ufeff")


def _header_of(
    lines: Sequence[tuple[int, str]],
    separators: Sequence[str],
    fits: Callable[[Sequence[str]], bool],
) -> tuple[int, str]:
    """The place of the header among the lines, and the separator of the file."""

    def fitting(line: tuple[int, str]) -> list[str]:
        return [separator for separator in separators if fits(cut_line(line[1], separator))]

    place = header_place(lines, lambda line: bool(fitting(line)))
    header = lines[place]
    found = fitting(header) or [max(separators, key=lambda one: len(cut_line(header[1], one)))]
    return place, found[0]
