"""Weather of the centres by local day, in two vintages: forecast and observed.

Chooses the source, turns hours into local days, and makes a source that fails into warnings. The
Open-Meteo client is in `open_meteo.py`, weather files in `weather_files.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import pandas as pd

from flow_platform.ground.columns import WEATHER_COLUMNS, WEATHER_KEYS
from flow_platform.ground.local_time import day_closes_at
from flow_platform.sources.centres import Centre
from flow_platform.sources.simulated_world import World
from flow_platform.sources.weather_days import FORECAST, OBSERVED, WeatherResult, empty_weather
from flow_platform.sources.weather_options import WeatherSource

__all__ = [
    "FORECAST",
    "OBSERVED",
    "WEATHER_COLUMNS",
    "WEATHER_KEYS",
    "WeatherResult",
    "fetch_weather",
]


def fetch_weather(
    config: WeatherSource,
    centres: Sequence[Centre],
    first_day: date,
    last_day: date,
    *,
    now: datetime,
    world: World | None = None,
    cache_dir: Path | None = None,
    known: Sequence[Centre] | None = None,
) -> WeatherResult:
    """The weather that became known on the partition days `first_day` to `last_day`.

    Day D holds the observation of D and the forecasts issued on D for the following days (up to
    14 where the source has them). Temperatures in degrees Celsius, rain in mm, snow in cm, wind in
    km/h; `available_at` (UTC) is when a row really became known. Forecasts not yet known at
    `now` (aware) and observations of days that are not over are not returned; an observation may
    have an `available_at` a few hours after `now`, so that a day loaded at its close and the same
    day loaded later have the same rows. `cache_dir` is used where the config names none. `known`
    are all centres, of which `centres` are asked for.

    Days that a source lacks, and a source that is down, give no rows and a warning.
    Raises ValueError where the source is simulated and no world is given.
    """
    if config.kind == "simulated":
        if world is None:
            raise ValueError("fetch_weather needs `world` for a simulated source.")
        ids = [centre.centre_id for centre in centres]
        result = WeatherResult(
            pd.concat(
                [
                    world.weather_forecast(ids, first_day, last_day),
                    world.weather_observed(ids, first_day, last_day),
                ],
                ignore_index=True,
            )
        )
    elif config.kind == "files":
        from flow_platform.sources.weather_files import read_weather_files

        result = read_weather_files(config, centres, first_day, last_day, known)
    else:
        from flow_platform.sources.open_meteo import fetch_open_meteo

        result = WeatherResult(
            *fetch_open_meteo(config, centres, first_day, last_day, now=now, cache_dir=cache_dir)
        )
    if result.rows.empty:
        result.rows = empty_weather()
    result.rows = result.rows.loc[_settled(result.rows, centres, now)].reset_index(drop=True)
    return result


def _settled(rows: pd.DataFrame, centres: Sequence[Centre], now: datetime) -> pd.Series:
    """Forecasts that are known at `now`, and observations of days that are over."""
    settled = (rows["vintage"] == FORECAST) & (rows["available_at"] <= pd.Timestamp(now))
    for zone in {centre.timezone for centre in centres}:
        ids = [centre.centre_id for centre in centres if centre.timezone == zone]
        here = (rows["vintage"] == OBSERVED) & rows["centre_id"].isin(ids)
        over = day_closes_at(pd.DatetimeIndex(rows.loc[here, "target_day"]), zone)
        settled[here] = over <= pd.Timestamp(now)
    return settled
