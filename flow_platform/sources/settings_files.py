"""Small CSV files in which people set something up: centres, events, counters, zones.

Unlike files of rows (`reader.py`) these are refused whole at their first fault, with its line:
nothing of them goes to quarantine.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from flow_platform.ground.errors import ConfigurationError


def read_small_csv(
    path: Path,
    what: str,
    aliases: dict[str, str],
    required: Sequence[str] = (),
    hint: str = "",
) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Header and (line, row) pairs of a small settings file in CSV, `,` or `;` separated.

    Header names are matched without regard to case and turned by `aliases` into ours; values are
    stripped. Blank lines are skipped. `hint` is a sentence that says what the header is to be.

    Raises ConfigurationError naming file and line, or the `required` columns that are missing.
    """
    text = _text(path, what)
    if "\0" in text:
        raise ConfigurationError(f"{what} {path} holds NUL bytes. Save it as a UTF-8 CSV file.")
    first_line = text.lstrip().split("\n", 1)[0]
    separator = ";" if first_line.count(";") > first_line.count(",") else ","
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True)
    header: list[str] = []
    rows: list[tuple[int, dict[str, str]]] = []
    line = 1
    try:
        for fields in reader:
            start, line = line, reader.line_num + 1
            values = [field.strip() for field in fields]
            if not any(values):
                continue
            where = f"{what} {path}, line {start}"
            if not header:
                header = _header(values, aliases, where)
            elif len(values) != len(header):
                raise ConfigurationError(
                    f"{where}: {len(values)} fields where the header has {len(header)}. Correct the"
                    " line."
                )
            else:
                rows.append((start, dict(zip(header, values, strict=True))))
    except csv.Error as error:
        raise ConfigurationError(
            f"{what} {path}, line {reader.line_num}: {error}. Correct the quotes."
        ) from error
    missing = [name for name in required if name not in header]
    if missing:
        raise ConfigurationError(
            f"{what} {path} has no column {' and no column '.join(missing)} (found:"
            f" {', '.join(header) or 'nothing'}). {hint}"
        )
    return header, rows


def rows_with_centres(path: Path, what: str, hint: str) -> list[tuple[str, dict[str, str]]]:
    """The rows of a small settings file with a column centre_id, each with words that locate it.

    Raises what `read_small_csv` raises.
    """
    _, rows = read_small_csv(path, what, {}, ("centre_id",), hint)
    return [(f"{what} {path}, line {line}", row) for line, row in rows]


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


def _header(values: list[str], aliases: dict[str, str], where: str) -> list[str]:
    names = [value.casefold().replace(" ", "_") for value in values]
    header = [aliases.get(name, name) for name in names]
    for name in header:
        if header.count(name) > 1:
            raise ConfigurationError(f"{where}: two columns mean {name}. Remove one.")
    return header
