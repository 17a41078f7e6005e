"""Reads a panel file: rows of unique_id, ds, y. They become a matrix in `series_matrix`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from flow_platform.ground.errors import ModelError


def read_panel_file(path: Path) -> pd.DataFrame:
    """The rows of a CSV or Parquet file as unique_id (str), ds, y (float).

    ds is a timestamp in UTC without a zone, or a whole number where the file has whole numbers.
    Rows without y are dropped: a missing row means an unknown value, not zero. Raises ModelError
    with the file, the fault and the remedy where the file cannot be used.

    Example: read_panel_file(Path("hourly.csv"))
    """
    frame = _read(path)
    missing = [c for c in ("unique_id", "ds", "y") if c not in frame]
    if missing:
        raise ModelError(
            f"{path} lacks the column(s) {', '.join(missing)}; it has {', '.join(frame.columns)}."
        )
    frame = frame.dropna(subset=["unique_id"])
    values = pd.to_numeric(frame["y"], errors="coerce")
    not_a_number = values.isna() & frame["y"].notna()
    if not_a_number.any():
        wrong = frame.loc[not_a_number, "y"].iloc[0]
        raise ModelError(f"{path}: y holds {wrong!r}, which is not a number. Correct it.")
    result = pd.DataFrame(
        {"unique_id": frame["unique_id"].astype(str), "ds": _times(frame["ds"], path)}
    )
    result["y"] = values.astype(float)
    return result[np.isfinite(result["y"])].reset_index(drop=True)


def _read(path: Path) -> pd.DataFrame:
    if not path.exists():
        raise ModelError(f"{path} does not exist; give a CSV or Parquet file of unique_id, ds, y.")
    try:
        parquet = path.suffix.lower() in (".parquet", ".pq")
        return pd.read_parquet(path) if parquet else pd.read_csv(path)
    except (ValueError, OSError, pd.errors.ParserError) as error:
        raise ModelError(f"{path} cannot be read ({error}); give CSV or Parquet.") from error


def _times(ds: pd.Series, path: Path) -> pd.Series:
    """ds as timestamps in UTC without a zone, or as whole numbers."""
    if pd.api.types.is_datetime64_any_dtype(ds):
        times = ds
    elif pd.api.types.is_integer_dtype(ds):
        return ds.astype("int64")
    else:
        numbers = pd.to_numeric(ds, errors="coerce")
        if numbers.notna().all() and (numbers % 1 == 0).all():
            return numbers.astype("int64")
        times = pd.to_datetime(ds, errors="coerce")
        if times.isna().any():
            wrong = ds[times.isna()].iloc[0]
            raise ModelError(f"{path}: ds {wrong!r} is neither a time nor a whole number.")
    if isinstance(times.dtype, pd.DatetimeTZDtype):
        times = times.dt.tz_convert("UTC").dt.tz_localize(None)
    return times.astype("datetime64[ns]")
