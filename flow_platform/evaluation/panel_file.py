"""Reads a panel file: rows of unique_id, ds, y. They become a matrix in `series_matrix`.

CSV text is cut in `panel_csv`, and ds are read in `panel_times`.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from flow_platform.evaluation.panel_csv import COLUMNS, UNKNOWN, read_csv
from flow_platform.evaluation.panel_times import times_of
from flow_platform.ground.errors import ModelError
from flow_platform.ground.number_texts import unclear_point

# Squares of larger values, and what is computed of them, may not be finite.
_LARGEST = 1e100
# A whole number as pandas and spreadsheets write it as a float.
_WHOLE_FLOAT = re.compile(r"(-?(?:0|[1-9]\d*))\.0")


def read_panel_file(path: Path, freq: str, after: pd.Timestamp | None = None) -> pd.DataFrame:
    """The rows of a CSV or Parquet file as unique_id (str), ds, y (float, NaN where unknown).

    unique_id is as it is written, but whole numbers that were written as floats (7.0) are whole.
    ds is a timestamp without a zone: UTC where the steps of `freq` are hours or finer, else the
    local day. It is a whole number where `freq` is one, or where the file counts steps. `after` is
    the time that all rows of a hold-out follow: it may decide the order of day and month. Raises
    ModelError with the file, the fault and the remedy where the file cannot be used.

    Example: read_panel_file(Path("hourly.csv"), "h")
    """
    frame = _read(path)
    missing = [name for name in COLUMNS if name not in frame]
    if missing:
        names = ", ".join(map(str, frame.columns))
        raise ModelError(f"{path} lacks the column(s) {', '.join(missing)}; it has {names}.")
    if frame.empty:
        raise ModelError(f"{path} has no rows; give rows of unique_id, ds, y.")
    for name in COLUMNS:
        if isinstance(frame[name].iloc[0], np.ndarray | list | dict):
            raise ModelError(f"{path}: {name} holds lists. Write one value in each row.")
    result = pd.DataFrame({"unique_id": _ids(frame["unique_id"], path)})
    result["y"] = _values(frame["y"], path)
    result.insert(1, "ds", times_of(frame["ds"], freq, str(path), after).to_numpy())
    return result


def _read(path: Path) -> pd.DataFrame:
    if not path.exists():
        raise ModelError(f"{path} does not exist; give a CSV or Parquet file of unique_id, ds, y.")
    try:
        parquet = path.suffix.lower() in (".parquet", ".pq")
        return pd.read_parquet(path) if parquet else read_csv(path)
    except (ValueError, OSError, NotImplementedError, KeyError, TypeError) as error:
        cause = " ".join(str(error).split())
        raise ModelError(f"{path} cannot be read ({cause}); give CSV or Parquet.") from error


def _ids(column: pd.Series, path: Path) -> pd.Series:
    """The names of the series as texts. Raises ModelError where rows have none."""
    if not isinstance(column.dtype, pd.StringDtype):
        codes, distinct = pd.factorize(column)
        names = pd.array(list(map(_name, distinct)), dtype=str)
        column = pd.Series(names.take(codes, allow_fill=True))
    empty = (column.isna() | (column == "") | column.str.isspace()).to_numpy(dtype=bool)
    if empty.any():
        raise ModelError(
            f"{path}: {int(empty.sum())} row(s) have no unique_id, the first is row"
            f" {int(empty.argmax()) + 1} of the data. Fill it in, or remove them."
        )
    if _WHOLE_FLOAT.fullmatch(column.iloc[0]) and column.str.fullmatch(_WHOLE_FLOAT.pattern).all():
        return column.str.removesuffix(".0")
    return column


def _name(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _values(column: pd.Series, path: Path) -> pd.Series:
    """y as floats, NaN where it is unknown.

    Raises ModelError for what is no number, or beyond _LARGEST.
    """
    kind = column.dtype.kind
    if kind == "f" and isinstance(column.dtype, np.dtype):
        values, unknown = column.astype(float), column.isna()
    elif kind in "iufOUT" or isinstance(column.dtype, pd.StringDtype):
        unknown = column.isna() | column.isin(UNKNOWN)
        _check_points(column, path)
        values = pd.to_numeric(column.mask(unknown), errors="coerce").astype(float)
    else:
        values, unknown = pd.Series(np.nan, index=column.index), column.isna()
    wrong = ~((values.abs() <= _LARGEST) | unknown)
    if wrong.any():
        value = column[wrong].iloc[0]
        shown = repr(value) if isinstance(value, str) else str(value)
        raise ModelError(f"{path}: y holds {shown[:80]}, {_remedy(shown)}")
    return values


def _check_points(column: pd.Series, path: Path) -> None:
    """Raise ModelError where the points of texts may be between thousands."""
    texts = (one.strip() for one in column.unique() if isinstance(one, str))
    if (text := unclear_point(texts, are_counts=False)) is not None:
        raise ModelError(
            f"{path}: y holds {text!r}, which may be {text.replace('.', '')} or a number with a"
            " fraction. Write all numbers with the same digits after a decimal point, and no"
            " separator of thousands."
        )


def _remedy(shown: str) -> str:
    """What is wrong with this value, and what to do."""
    if re.fullmatch(r"'\s*[+-]?[\d., '\u00a0\u202f]+'", shown):
        return (
            "which is not a number. Write a decimal point, and no separator of thousands: 1234.5."
        )
    if re.fullmatch(r"[+-]?(inf|\d.*e\+\d+)", shown):
        return "which is too large. Correct it, or leave y empty where it is not known."
    return "which is not a number. Correct it, or leave y empty where it is not known."
