"""Weather from files: hourly in UTC or daily, CSV, Parquet or Excel, one or many centres a file.

Files say what the weather was, or, with a column for issued_at, what was forecast. They are never
turned from one into the other: the past's weather as its own forecast would flatter a backtest.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.ground.columns import WEATHER_COLUMNS
from flow_platform.sources.centres import Centre
from flow_platform.sources.config import SourceConfig
from flow_platform.sources.simulator import LEADS
from flow_platform.sources.tables import (
    FileUnreadableError,
    Table,
    clean_text,
    read_table,
    source_files,
)
from flow_platform.sources.weather_days import (
    FORECAST,
    HOURLY_VALUES,
    OBSERVED,
    local_days,
    plausible,
    stack_weather,
    weather_rows,
)

# Names as Open-Meteo exports them.
_HOURLY_NAMES = {
    "time": "time",
    "temperature": "temperature_2m",
    "precipitation": "precipitation",
    "snowfall": "snowfall",
    "wind": "wind_speed_10m",
}
_KNOWN_AFTER_HOURS = 30


def _centre_of_file(path: Path, config: SourceConfig, ids: set[str]) -> str | None:
    stem = path.stem
    for name in (stem, *sorted(config.centres, key=len, reverse=True)):
        if name in config.centres and name.casefold() in stem.casefold():
            return config.centres[name]
    return stem if stem in ids else None


def _times(values: np.ndarray, utc: bool) -> pd.Series:
    series = pd.Series(list(values), dtype=object)
    form = "ISO8601" if series.map(lambda value: isinstance(value, str)).any() else None
    return pd.to_datetime(series, errors="coerce", utc=utc, format=form)


def _column(table: Table, names: dict[str, str], ours: str) -> Any:
    theirs = names.get(ours)
    return table.column(theirs) if theirs in table.names else np.full(len(table.rows), None)


def _observed(
    days: pd.DataFrame, centre_id: str, first: pd.Timestamp, last: pd.Timestamp
) -> pd.DataFrame:
    days = days.loc[(days.index >= first) & (days.index <= last)]
    target = pd.DatetimeIndex(days.index)
    known = (target + pd.Timedelta(hours=_KNOWN_AFTER_HOURS)).tz_localize("UTC")
    return weather_rows(days, centre_id, OBSERVED, target, known)


def _forecasts(
    hours: pd.DataFrame, daily: bool, centre: Centre, first: pd.Timestamp, last: pd.Timestamp
) -> list[pd.DataFrame]:
    """Forecast rows: the newest issue of each partition day that was made before the day closed."""
    hours = hours.loc[hours["issued_at"].notna()].copy()
    if hours.empty:
        return []
    issued = pd.DatetimeIndex(hours["issued_at"]).as_unit("us")
    day = issued.tz_convert(centre.timezone).tz_localize(None).normalize().as_unit("us")
    utc_day = issued.tz_localize(None).normalize().as_unit("us")
    # A partition day closes at the later of 00:00 UTC and the local midnight: while two days are
    # open, a forecast is already known to the earlier one.
    hours["day"] = np.minimum(day, utc_day)
    hours = hours.loc[(hours["day"] >= first) & (hours["day"] <= last)]
    made = []
    for start, part in hours.groupby("day"):
        newest = part.loc[part["issued_at"] == part["issued_at"].max()]
        if daily:
            days = newest.set_index("target_day")[list(WEATHER_COLUMNS)]
            days = days[~days.index.duplicated(keep="last")]
        else:
            days = local_days(newest, centre.timezone)
        issue = pd.DatetimeIndex([start]).as_unit("us")
        lead = (pd.DatetimeIndex(days.index) - issue[0]).days
        days = days.loc[(lead >= 1) & (lead <= LEADS)]
        size = len(days)
        made.append(
            weather_rows(
                days,
                centre.centre_id,
                FORECAST,
                issue.repeat(size),
                pd.DatetimeIndex([newest["issued_at"].max()] * size),
            )
        )
    return made


def _read(path: Path, config: SourceConfig, ids: set[str]) -> tuple[pd.DataFrame, bool, list[str]]:
    """A file's rows (hourly in UTC, or daily), whether they are daily, and warnings."""
    names = dict(config.columns)
    daily = "day" in names or "temperature_mean" in names
    if daily:
        own = {name: name for name in ("day", *WEATHER_COLUMNS)}
        names = {**own, **names}
        wanted = [names["day"], names["temperature_mean"]]
    else:
        names = {**_HOURLY_NAMES, **names}
        wanted = [names["time"], names["temperature"]]
    for ours in ("centre_id", "issued_at"):
        if ours in names:
            wanted.append(names[ours])
    table = read_table(path, config, wanted)
    warnings = []
    frame = pd.DataFrame(index=range(len(table.rows)))
    if "centre_id" in names:
        frame["centre_id"] = [str(value).strip() for value in table.column(names["centre_id"])]
        frame["centre_id"] = frame["centre_id"].replace(config.centres)
    else:
        centre_id = _centre_of_file(path, config, ids)
        if centre_id is None:
            raise FileUnreadableError(
                "belongs to no centre: its name is no centre_id, and no entry of centres in"
                ' sources.toml names it. Write centres = {paris = "1"} in [weather].'
            )
        frame["centre_id"] = centre_id
    when = _times(table.column(names["day" if daily else "time"]), utc=not daily)
    if daily:
        if isinstance(when.dtype, pd.DatetimeTZDtype):
            when = when.dt.tz_localize(None)
        frame["target_day"] = when.dt.normalize()
        for name in WEATHER_COLUMNS:
            column = pd.Series(list(_column(table, names, name)), dtype=object)
            frame[name] = pd.to_numeric(column, errors="coerce").astype(float)
        warm = plausible(pd.DataFrame({"temperature": frame["temperature_mean"]}))["temperature"]
        usable = warm.notna() & frame["target_day"].notna()
    else:
        frame["time"] = when
        for name in HOURLY_VALUES:
            frame[name] = list(_column(table, names, name))
        usable = frame["time"].notna()
    if "issued_at" in names:
        frame["issued_at"] = _times(table.column(names["issued_at"]), utc=True)
    lost = int((~usable).sum()) + len(table.broken)
    if lost:
        warnings.append(f"{clean_text(str(path))}: {lost} rows without a usable time or value.")
    return frame.loc[usable], daily, warnings


def read_weather_files(
    config: SourceConfig, centres: Sequence[Centre], first_day: date, last_day: date
) -> tuple[pd.DataFrame, list[str]]:
    """Rows of raw.weather for the partition days, and warnings.

    Hourly files (`time` in UTC where it has no offset; default column names as Open-Meteo exports
    them) become local days; a file is daily where `columns` maps `day` or a daily value. The
    centre is a column, or the file's name: a centre_id, or what `centres` maps a part of it to.
    Observations count as known on the next day at 06:00 UTC; forecasts at their issued_at (UTC
    where it has no offset).
    """
    by_id = {centre.centre_id: centre for centre in centres}
    first, last = pd.Timestamp(first_day), pd.Timestamp(last_day)
    warnings: list[str] = []
    frames: list[pd.DataFrame] = []
    files = source_files(config)
    if not files:
        warnings.append(
            f"No weather file matches {config.path}. Correct path in section [weather] of"
            " sources.toml."
        )
    for path in files:
        try:
            rows, daily, lost = _read(path, config, set(by_id))
        except FileUnreadableError as error:
            warnings.append(f"Weather file {clean_text(str(path))} {error}")
            continue
        warnings.extend(lost)
        for centre_id, part in rows.groupby("centre_id"):
            centre = by_id.get(str(centre_id))
            if centre is None:
                continue
            if "issued_at" in part:
                frames.extend(_forecasts(part, daily, centre, first, last))
                continue
            if daily:
                days = part.set_index("target_day")[list(WEATHER_COLUMNS)]
                days = days[~days.index.duplicated(keep="last")].sort_index()
            else:
                margin = pd.Timedelta(days=2)
                near = part["time"].between(
                    (first - margin).tz_localize("UTC"), (last + margin).tz_localize("UTC")
                )
                days = local_days(part.loc[near], centre.timezone)
            frames.append(_observed(days, centre.centre_id, first, last))
    rows = stack_weather(frames)
    keys = ["centre_id", "day", "vintage", "target_day"]
    rows = rows.drop_duplicates(keys, keep="last").reset_index(drop=True)
    missing = sorted(set(by_id) - set(rows["centre_id"].unique()))
    if missing and files:
        warnings.append(
            f"No weather in the files from {first_day} to {last_day} for centre"
            f" {', '.join(missing)}."
        )
    return rows, warnings
