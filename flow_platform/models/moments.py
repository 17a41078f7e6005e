"""Moments and days as the numbers that engines compute with; everything is in UTC.

Periods, training cut-offs and issue times are in `ground/periods.py`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flow_platform.ground.errors import ModelError

DAY_NS = 86_400_000_000_000


def utc(moment: pd.Timestamp) -> pd.Timestamp:
    """`moment` in UTC. Raises ModelError for one without a time zone.

    >>> utc(pd.Timestamp("2025-01-01 01:00", tz="Europe/Paris"))
    Timestamp('2025-01-01 00:00:00+0000', tz='UTC')
    """
    stamp = pd.Timestamp(moment)
    if stamp.tzinfo is None:
        raise ModelError(f"{stamp} has no time zone; give cut-offs and issue times in UTC.")
    return stamp.tz_convert("UTC")


def naive(moment: pd.Timestamp) -> np.datetime64:
    """`moment` as datetime64[us] in UTC; one without a time zone is taken as UTC."""
    known = moment.tz_convert("UTC").tz_localize(None) if moment.tzinfo else moment
    return np.datetime64(known, "us")


def nanoseconds(times: pd.Series) -> np.ndarray:
    """Times as int64 nanoseconds since 1970, shape (rows,).

    Raises ModelError for a column without a time zone.
    """
    index = pd.DatetimeIndex(times)
    if index.tz is None:
        raise ModelError(
            f"The column {times.name!r} holds times without a time zone; give them in UTC."
        )
    return index.tz_convert("UTC").as_unit("ns").asi8


def seconds(times: pd.Series | pd.DatetimeIndex) -> NDArray[np.int64]:
    """Times (with a time zone, or naive UTC) as int64 seconds since 1970, shape (rows,).

    A missing time is the least integer.
    """
    index = pd.DatetimeIndex(times)
    if index.tz is not None:
        index = index.tz_convert("UTC").tz_localize(None)
    return index.to_numpy().astype("datetime64[s]").astype(np.int64)


def day_numbers(days: pd.Series | pd.DatetimeIndex) -> NDArray[np.int64]:
    """Naive days as int64 days since 1970, shape (rows,)."""
    return pd.DatetimeIndex(days).to_numpy().astype("datetime64[D]").astype(np.int64)
