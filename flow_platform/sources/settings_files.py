"""Small CSV files in which people set something up: centres, events, counters, zones.

Unlike files of rows (`reader.py`) these are refused whole at their first fault, with its line:
nothing of them goes to quarantine.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from flow_platform.ground.errors import ConfigurationError
from flow_platform.sources.heads import found_head, named
from flow_platform.sources.values import whole_id

_LINE_END = re.compile(r"\r\n|\n|\r")


def read_small_csv(
    path: Path,
    what: str,
    aliases: dict[str, str],
    required: Sequence[str],
    hint: str,
) -> list[tuple[int, dict[str, str]]]:
    """The (line, row) pairs of a small settings file in CSV, by the names of its header.

    Separators, a `sep=` line, titles above the header and empty fields at the end of lines are as
    in files of rows. Header names are matched without regard to case and turned by `aliases` into
    ours; values are stripped. Blank lines are skipped. `hint` is a sentence that says what the
    header is to be.

    Raises ConfigurationError naming file and line, or the `required` columns that are missing.
    """
    text = _text(path, what)
    if "\0" in text:
        raise ConfigurationError(f"{what} {path} holds NUL bytes. Save it as a UTF-8 CSV file.")
    head = found_head(
        _LINE_END.split(text), lambda names: set(required) <= set(_ours(names, aliases))
    )
    names = [] if head is None else _ours(head.names, aliases)
    names = names[: named(names)]
    missing = [name for name in required if name not in names]
    if head is None or missing:
        raise ConfigurationError(
            f"{what} {path} has no column {' and no column '.join(missing)} (found:"
            f" {', '.join(names) or 'nothing'}). {hint}"
        )
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(
                f"{what} {path}, line {head.place + 1}: two columns mean {name}. Remove one."
            )
    starts = [0, *(end.end() for end in _LINE_END.finditer(text))]
    body = StringIO(text[starts[head.place] :], newline="")
    reader = csv.reader(body, delimiter=head.separator, strict=True)
    rows: list[tuple[int, dict[str, str]]] = []
    line = head.place + 1
    try:
        next(reader)
        for fields in reader:
            start, line = line + 1, head.place + reader.line_num
            values = [field.strip() for field in fields]
            if not any(values):
                continue
            while len(values) > len(names) and not values[-1]:
                values.pop()
            if len(values) != len(names):
                raise ConfigurationError(
                    f"{what} {path}, line {start}: {len(values)} fields where the header has"
                    f" {len(names)}. Correct the line."
                )
            rows.append((start, dict(zip(names, values, strict=True))))
    except csv.Error as error:
        raise ConfigurationError(
            f"{what} {path}, line {head.place + reader.line_num}: {error}. Correct the quotes."
        ) from error
    return rows


def rows_with_centres(path: Path, what: str, hint: str) -> list[tuple[str, dict[str, str]]]:
    """The rows of a small settings file with a column centre_id, each with words that locate it.

    An id that a spreadsheet wrote as a number (12.0) is the whole number, as in files of rows.
    Raises what `read_small_csv` raises.
    """
    rows = read_small_csv(path, what, {}, ("centre_id",), hint)
    return [
        (f"{what} {path}, line {line}", {**row, "centre_id": whole_id(row["centre_id"])})
        for line, row in rows
    ]


def _text(path: Path, what: str) -> str:
    """The text of a UTF-8 file, with or without byte order mark."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(
            f"{what} {path} cannot be read: {error.strerror or error}. Check the path."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{what} {path} is not UTF-8 (byte {error.start}). Save it as UTF-8."
        ) from error


def _ours(names: Sequence[str], aliases: dict[str, str]) -> list[str]:
    """Our names of the columns of a header."""
    plain = [name.strip().casefold().replace(" ", "_") for name in names]
    return [aliases.get(name, name) for name in plain]
