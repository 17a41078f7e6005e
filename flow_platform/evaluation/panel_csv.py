"""Reads the three columns of a panel from CSV text; what they mean is read in `panel_file`."""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv

from flow_platform.ground.errors import ModelError
from flow_platform.ground.number_texts import may_hide_thousands

COLUMNS = ("unique_id", "ds", "y")
# Texts that people and programs write for a y that is not known. An id is never one of them.
UNKNOWN = (
    "",
    *("NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "-nan", "NULL", "null", "Null"),
    *("None", "none", "NaT"),
)
_SEPARATORS = (",", ";", "\t", "|")
# The header is within the first lines; titles may come before it.
_HEADER_WITHIN, _HEAD_BYTES = 20, 1 << 18
_BLOCK_BYTES = 1 << 23


@dataclass(frozen=True)
class _Layout:
    """How a file is written: encoding, separator, lines up to the header, names of the fields.

    counts is whether the first ds is a whole number.
    """

    encoding: str
    separator: str
    skipped: int
    names: list[str]
    counts: bool


def read_csv(path: Path) -> pd.DataFrame:
    """unique_id (texts as they are written), ds (texts or whole numbers), y (floats or texts).

    Separators are found from the header, and a `sep=` line or a title before it is passed over.
    Rows without any of the three are left out. Raises ModelError for a file that is empty, not in
    UTF-8, without the columns, or with rows of another length.
    """
    layout = _layout(path)
    frame: pd.DataFrame = _typed(path, layout).to_pandas()
    nameless = frame[frame["unique_id"] == ""]
    nothing = nameless[
        (nameless[["ds", "y"]].isna() | nameless[["ds", "y"]].isin([""])).all(axis=1)
    ]
    return frame.drop(index=nothing.index).reset_index(drop=True) if len(nothing) else frame


def _typed(path: Path, layout: _Layout) -> pa.Table:
    """The columns, ds as whole numbers and y as floats where all of the file are.

    Texts are slower, and only they show the value that is none.
    """
    if layout.counts:
        try:
            table = _read(path, layout, pa.int64(), pa.float64())
            if table["ds"].null_count == 0 and not _hides(table):
                return table
        except pa.ArrowInvalid:
            pass
    try:
        table = _read(path, layout, pa.string(), pa.float64())
        if not _hides(table):
            return table
    except pa.ArrowInvalid as error:
        if "conversion error to double" not in str(error):
            raise ModelError(_why_unreadable(path, str(error))) from error
    return _read(path, layout, pa.string(), pa.string())


def _hides(table: pa.Table) -> bool:
    return may_hide_thousands(table["y"].to_numpy())


def _read(path: Path, layout: _Layout, ds: Any, y: Any) -> pa.Table:
    """The columns by their types.

    Raises ArrowInvalid for values of another type, ModelError for rows of another length.
    """
    ragged: list[Any] = []

    def keep_first(row: Any) -> str:
        ragged.extend([row] if not ragged else [])
        return "skip"

    table = arrow_csv.read_csv(
        path,
        arrow_csv.ReadOptions(
            use_threads=False,
            skip_rows=layout.skipped,
            column_names=layout.names,
            block_size=_BLOCK_BYTES,
            encoding=layout.encoding,
        ),
        arrow_csv.ParseOptions(delimiter=layout.separator, invalid_row_handler=keep_first),
        arrow_csv.ConvertOptions(
            column_types={"unique_id": pa.string(), "ds": ds, "y": y},
            include_columns=list(COLUMNS),
            null_values=list(UNKNOWN),
            strings_can_be_null=False,
        ),
    )
    if ragged:
        raise ModelError(_why_ragged(path, ragged[0], layout))
    return table


def _why_ragged(path: Path, row: Any, layout: _Layout) -> str:
    """The sentence for a row that has more or fewer fields than the header."""
    if "\n" in row.text:
        remedy = "Its quotes do not match: correct them."
    elif row.actual_columns < row.expected_columns:
        remedy = "Complete the row, with an empty y where it is not known, or remove it."
    else:
        remedy = (
            "Write numbers with a decimal point and without separators of thousands, and quote"
            f" fields that hold {layout.separator!r}."
        )
    return (
        f"{path}: the row {row.text[:80]!r} has {row.actual_columns} field(s),"
        f" not {row.expected_columns}. {remedy}"
    )


def _layout(path: Path) -> _Layout:
    """How the file is written. Raises ModelError where it is empty or lacks a column."""
    with pa.input_stream(str(path), compression="detect") as stream:
        head: bytes = stream.read(_HEAD_BYTES)
    wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = head.decode("utf-16" if wide else "utf-8-sig", errors="replace")
    if "\0" in text:
        raise ModelError(f"{path} is no text; give CSV in UTF-8, or Parquet.")
    lines = re.split(r"\r\n|\n|\r", text)
    if not any(line.strip() for line in lines):
        raise ModelError(f"{path} is empty; give a CSV or Parquet file of unique_id, ds, y.")
    for number, line in enumerate(lines[:_HEADER_WITHIN]):
        for separator in _SEPARATORS:
            names = _fields(line, separator)
            if set(COLUMNS) <= set(names):
                row = next((one for one in lines[number + 1 :] if one.strip()), None)
                if row is None:
                    raise ModelError(f"{path} has no rows after its header; give some.")
                first = _fields(row, separator)
                return _Layout(
                    "utf-16" if wide else "utf-8",
                    separator,
                    number + 1,
                    _unique(names, first, path),
                    _is_whole(first, names.index("ds")),
                )
    raise ModelError(_lacking(path, lines))


def _fields(line: str, separator: str) -> list[str]:
    try:
        return [field.strip() for field in next(csv.reader([line], delimiter=separator), [])]
    except csv.Error:
        return []


def _is_whole(fields: list[str], place: int) -> bool:
    return place < len(fields) and re.fullmatch(r"-?\d{1,18}", fields[place]) is not None


def _unique(names: list[str], first: list[str], path: Path) -> list[str]:
    """Names of all fields: the three columns, numbers for others, and for empty ones after them."""
    for name in COLUMNS:
        if names.count(name) > 1:
            raise ModelError(f"{path} has {names.count(name)} columns {name}. Leave one of them.")
    beyond = first[len(names) :]
    count = len(names) + (0 if any(beyond) else len(beyond))
    return [
        names[place] if place < len(names) and names[place] in COLUMNS else f"field {place + 1}"
        for place in range(count)
    ]


def _lacking(path: Path, lines: list[str]) -> str:
    """The sentence for a file without the columns; its header is its first line but `sep=`."""
    written = [one for one in lines if one.strip() and not one.startswith("sep=")]
    header = written[0] if written else ""
    names = max((_fields(header, separator) for separator in _SEPARATORS), key=len)
    missing = [name for name in COLUMNS if name not in names]
    return f"{path} lacks the column(s) {', '.join(missing)}; it has {', '.join(names)[:300]}."


def _why_unreadable(path: Path, error: str) -> str:
    """The sentence for what Arrow cannot read."""
    if "UTF8" in error or "UTF-8" in error:
        return f"{path} is not in UTF-8. Save it as UTF-8 (in Excel: CSV UTF-8), or give Parquet."
    return f"{path} cannot be read ({' '.join(error.split())}); give CSV in UTF-8, or Parquet."
