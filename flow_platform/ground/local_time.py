"""Between a centre's local days and UTC. Nothing here knows of flows or files."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd


def days_index(first: date, last: date) -> pd.DatetimeIndex:
    """Every day from `first` to `last`, both included, as naive midnights (datetime64[us])."""
    return pd.date_range(first, last, freq="D").as_unit("us")


def local_midnight(days: pd.DatetimeIndex, timezone: str) -> pd.DatetimeIndex:
    """The UTC moments at which the local days begin.

    Where midnight occurs twice it is the second one, where it does not exist the first moment
    after the gap: a day never counts as over before it is.
    """
    return (
        days.tz_localize(
            timezone, ambiguous=np.zeros(len(days), dtype=bool), nonexistent="shift_forward"
        )
        .tz_convert("UTC")
        .as_unit("us")
    )


def local_midnight_after(days: pd.DatetimeIndex, timezone: str) -> pd.DatetimeIndex:
    """The UTC moments at which the local days are over."""
    return local_midnight(days + pd.Timedelta(days=1), timezone)


def day_closes_at(days: pd.DatetimeIndex, timezone: str) -> pd.DatetimeIndex:
    """When the partition day closes: the later of the next 00:00 UTC and the local midnight."""
    local = local_midnight_after(days, timezone).tz_localize(None)
    later = np.maximum(local.to_numpy(), (days + pd.Timedelta(days=1)).as_unit("us").to_numpy())
    return pd.DatetimeIndex(later).tz_localize("UTC")
