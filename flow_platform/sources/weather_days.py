"""From hourly weather in UTC to the local days of a centre, and to rows of raw.weather.

Every weather source that delivers hours comes through here. No files and no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from flow_platform.ground.columns import WEATHER_COLUMNS, WEATHER_KEYS
from flow_platform.ground.local_time import local_midnight
from flow_platform.sources.landing import FileBalance, rejected_frame

FORECAST = "forecast"
OBSERVED = "observed"
HOURLY_VALUES = ("temperature", "precipitation", "snowfall", "wind")

# A local day counts when at least this share of its 23, 24 or 25 hours has a value.
_ENOUGH_HOURS = 0.75
_PLAUSIBLE = {
    "temperature": (-90.0, 60.0),
    "precipitation": (0.0, 500.0),
    "snowfall": (0.0, 300.0),
    "wind": (0.0, 500.0),
}


@dataclass
class WeatherResult:
    """`rows` with the columns of raw.weather; `warnings` say in words what is missing and why.

    Of files `rejected` (REJECTED_COLUMNS) are the rows that cannot be used, and `files` their
    balances. `is_refused`: they are refused as a whole, and what was stored of them is to stay.
    """

    rows: pd.DataFrame
    warnings: list[str] = field(default_factory=list)
    rejected: pd.DataFrame = field(default_factory=lambda: rejected_frame([]))
    files: tuple[FileBalance, ...] = ()
    is_refused: bool = False


def implausible(values: pd.Series, name: str) -> np.ndarray:
    """Whether no weather station ever measured such a value; `name` as in files, hourly or daily.

    >>> implausible(pd.Series([12.0, 999.0, np.nan]), "temperature_mean").tolist()
    [False, True, False]
    """
    low, high = next(span for one, span in _PLAUSIBLE.items() if name.startswith(one))
    return (values.notna() & ~values.between(low, high)).to_numpy()


def plausible(hours: pd.DataFrame) -> pd.DataFrame:
    """Hourly values as floats; values that no weather station ever measured become missing."""
    out = hours.copy()
    for name in HOURLY_VALUES:
        values = pd.to_numeric(out[name], errors="coerce") if name in out else np.nan
        values = pd.Series(values, index=out.index, dtype=float)
        out[name] = values.mask(implausible(values, name))
    return out


def local_days(hours: pd.DataFrame, timezone: str) -> pd.DataFrame:
    """Hourly values (`time` in UTC, HOURLY_VALUES) as WEATHER_COLUMNS by local day.

    Indexed by `target_day` (naive midnights). A value is missing where fewer than three quarters
    of the day's own hours have one; a sum over the hours present is scaled to the whole day. Days
    without a mean temperature are left out. Duplicate hours count once, the last one.
    """
    hours = plausible(hours).drop_duplicates("time", keep="last")
    local = pd.DatetimeIndex(hours["time"]).tz_convert(timezone)
    day = local.tz_localize(None).normalize().as_unit("us")
    grouped = hours[list(HOURLY_VALUES)].groupby(day)
    known = grouped.count()
    days = pd.DatetimeIndex(known.index)
    length = (
        local_midnight(days + pd.Timedelta(days=1), timezone) - local_midnight(days, timezone)
    ) / pd.Timedelta(hours=1)
    share = known.div(np.asarray(length, dtype=float), axis=0)
    enough = share >= _ENOUGH_HOURS
    total = grouped.sum() / share.where(enough)
    temperature = grouped["temperature"]
    warm = enough["temperature"]
    frame = pd.DataFrame(
        {
            "temperature_mean": temperature.mean().where(warm),
            "temperature_min": temperature.min().where(warm),
            "temperature_max": temperature.max().where(warm),
            "precipitation_mm": total["precipitation"],
            "snowfall_cm": total["snowfall"],
            "wind_max_kmh": grouped["wind"].max().where(enough["wind"]),
        },
        index=days,
    )
    frame.index.name = "target_day"
    return frame.loc[frame["temperature_mean"].notna()].round(2)


def weather_rows(
    days: pd.DataFrame,
    centre_id: str,
    vintage: str,
    day: pd.DatetimeIndex,
    available_at: pd.DatetimeIndex,
) -> pd.DataFrame:
    """Rows of raw.weather from WEATHER_COLUMNS by target day, known on `day` at `available_at`."""
    target = pd.DatetimeIndex(days.index).as_unit("us")
    size = len(days)
    frame = pd.DataFrame(
        {
            "centre_id": np.full(size, centre_id, dtype=object),
            "day": day.as_unit("us"),
            "vintage": np.full(size, vintage, dtype=object),
            "target_day": target,
            "lead_days": np.asarray((target - day).days, dtype="int32"),
            "available_at": available_at.as_unit("us"),
        }
    )
    for name in WEATHER_COLUMNS:
        frame[name] = days[name].to_numpy(dtype=float)
    return frame


def stack_weather(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """All rows together; an empty frame of the same columns and types where there are none."""
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else empty_weather()


def empty_weather() -> pd.DataFrame:
    """No rows of raw.weather, with its columns and types."""
    none = pd.DatetimeIndex([]).as_unit("us")
    values = pd.DataFrame({name: pd.Series(dtype=float) for name in WEATHER_COLUMNS}, index=none)
    frame = weather_rows(values, "", OBSERVED, none, none.tz_localize("UTC"))
    return frame[[*WEATHER_KEYS, *WEATHER_COLUMNS]]
