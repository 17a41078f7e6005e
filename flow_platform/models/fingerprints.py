"""Hashes of frames for fingerprints: equal facts hash alike, whatever types hold them.

Which facts an engine's training may see is decided by the engine.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

# From a column of times to int64 numbers, shape (rows,).
Numbers = Callable[[pd.Series], np.ndarray]


def hashed_rows(frame: pd.DataFrame, *, with_zone: Numbers, naive: Numbers) -> bytes:
    """Hashes of the rows of `frame`, independent of the order of its rows and columns.

    `with_zone` and `naive` make numbers of times that have a time zone, and of those without.
    """
    plain = pd.DataFrame({c: _plain(frame[c], with_zone, naive) for c in sorted(frame.columns)})
    rows = pd.util.hash_pandas_object(plain, index=False).to_numpy()
    return np.sort(rows).tobytes()


def _plain(column: pd.Series, with_zone: Numbers, naive: Numbers) -> np.ndarray:
    """A column in one storage form, whatever its type."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return with_zone(column)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return naive(column)
    if pd.api.types.is_bool_dtype(column.dtype) or pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(dtype=float, na_value=np.nan)
    return column.astype(object).where(column.notna(), "").astype(str).to_numpy(dtype=object)
