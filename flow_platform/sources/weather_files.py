"""Weather from files: hourly in UTC or daily, CSV, Parquet or Excel, one or many centres a file.

A file holds observed weather, or, with a column for issued_at, forecasts. It is never turned from
one into the other: the past's weather as its own forecast would flatter a backtest.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from flow_platform.ground.columns import WEATHER_COLUMNS
from flow_platform.sources import values
from flow_platform.sources.centres import Centre
from flow_platform.sources.dates import DateForm, SourceDates, UndecidedDatesError
from flow_platform.sources.files import FileUnreadableError, source_files
from flow_platform.sources.layouts import Layouts
from flow_platform.sources.reader import read_file
from flow_platform.sources.simulated_world import LEADS
from flow_platform.sources.tables import Column, Table
from flow_platform.sources.weather_days import (
    FORECAST,
    HOURLY_VALUES,
    OBSERVED,
    local_days,
    plausible,
    stack_weather,
    weather_rows,
)
from flow_platform.sources.weather_options import WeatherSource

# Names as Open-Meteo exports them.
_HOURLY_NAMES = {
    "time": "time",
    "temperature": "temperature_2m",
    "precipitation": "precipitation",
    "snowfall": "snowfall",
    "wind": "wind_speed_10m",
}
_KNOWN_AFTER_HOURS = 30
# Kilometres an hour of a unit of wind; mm of rain and cm of snow in an inch.
_KMH = {"kmh": 1.0, "ms": 3.6, "mph": 1.609344, "kn": 1.852}
_OF_AN_INCH = {"precipitation": 25.4, "snowfall": 2.54}
_PLAIN = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?)?$"
# The columns that hold days or moments.
_TIMES = ("day", "time", "issued_at")


def _centre_of_file(path: Path, config: WeatherSource, ids: set[str]) -> str | None:
    stem = path.stem
    for name in (stem, *sorted(config.centres, key=len, reverse=True)):
        if name in config.centres and name.casefold() in stem.casefold():
            return config.centres[name]
    return stem if stem in ids else None


def _times(column: Column, name: str, form: DateForm, *, utc: bool) -> pd.Series:
    """By row the moments in UTC, or the days as they are written; NaT where none can be read."""
    if _is_typed(column) or (form.given is None and _are_plain(column.values)):
        iso = None if _is_typed(column) else "ISO8601"
        whole = pd.Series(column.values, dtype=object)
        at = pd.to_datetime(whole, errors="coerce", utc=utc, format=iso)
        if _is_typed(column) or at.notna().all():
            at = at if utc else at.dt.tz_localize(None)
            return at.iloc[column.codes].reset_index(drop=True)
    found = column.parsed(lambda value: form.moment(value, name)[0])
    moments = [None if at is None else _as_written(at, utc) for at in found]
    series = pd.Series(pd.to_datetime(pd.Series(moments, dtype=object), utc=utc, errors="coerce"))
    return series.iloc[column.codes].reset_index(drop=True)


def _is_typed(column: Column) -> bool:
    """Whether the file holds the column as moments of one zone, or of none."""
    import pyarrow as pa

    return column.arrow is not None and bool(pa.types.is_timestamp(column.arrow.type))


def _are_plain(found: np.ndarray) -> bool:
    """Whether all values are ISO texts without an offset, of which a column is read at once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return bool(pc.all(pc.match_substring_regex(pa.array(found, pa.string()), _PLAIN)).as_py())
    except pa.ArrowException:  # values of other types
        return False


def _as_written(at: date, utc: bool) -> date:
    if not isinstance(at, datetime):
        return datetime(at.year, at.month, at.day, tzinfo=UTC if utc else None)
    if not utc:
        return at.replace(tzinfo=None)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _cells(table: Table, ours: str, config: WeatherSource) -> np.ndarray:
    """The numbers of a column in our unit, NaN where there is none."""
    column = table.get(ours)
    if column is None:
        return np.full(len(table), np.nan)
    found = column.numbers
    if found is None:
        found = column.parsed(lambda value: values.number(value, ours, config.marks)[0])
        found = found.astype(float)[column.codes]
    if ours.startswith("temperature"):
        return (found - 32) / 1.8 if config.temperature_unit == "fahrenheit" else found
    if ours.startswith("wind"):
        return found * _KMH[config.wind_unit]
    inches = _OF_AN_INCH["snowfall" if ours.startswith("snowfall") else "precipitation"]
    return found * (inches if config.precipitation_unit == "inch" else 1)


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


def _layouts(config: WeatherSource) -> Layouts:
    """The columns of daily files, where `columns` maps one of a day; else those of hourly files."""
    if "day" in config.columns or "temperature_mean" in config.columns:
        own = {name: name for name in ("day", *WEATHER_COLUMNS)}
        names, required = {**own, **config.columns}, ["day", "temperature_mean"]
    else:
        names, required = {**_HOURLY_NAMES, **config.columns}, ["time", "temperature"]
    required += [ours for ours in ("centre_id", "issued_at") if ours in names]
    return Layouts((names,), required)


def _read(
    file: str, table: Table, path: Path, config: WeatherSource, ids: set[str], form: DateForm
) -> tuple[pd.DataFrame, list[str]]:
    """A table's rows with a usable time and value, and warnings.

    Hourly ones have `time` in UTC, daily ones `target_day`.
    """
    layouts = _layouts(config)
    frame = pd.DataFrame(index=range(len(table)))
    frame["centre_id"] = _centres_of_rows(table, path, config, ids)
    if "day" in layouts.required:
        when = _times(table.column("day"), "day", form, utc=False)
        frame["target_day"] = when.dt.normalize()
        for name in WEATHER_COLUMNS:
            frame[name] = _cells(table, name, config)
        warm = plausible(pd.DataFrame({"temperature": frame["temperature_mean"]}))["temperature"]
        usable = warm.notna() & frame["target_day"].notna()
    else:
        frame["time"] = _times(table.column("time"), "time", form, utc=True)
        for name in HOURLY_VALUES:
            frame[name] = _cells(table, name, config)
        usable = frame["time"].notna()
    if (issued_at := table.get("issued_at")) is not None:
        frame["issued_at"] = _times(issued_at, "issued_at", form, utc=True)
    lost = int((~usable).sum()) + len(table.broken)
    warning = f"{file}: {lost} rows without a usable time or value."
    if lost and (fault := _first_fault(table, form)) is not None:
        warning = f"{warning} The first: {fault}"
    return frame.loc[usable], [warning] if lost else []


def _first_fault(table: Table, form: DateForm) -> str | None:
    """Why the first time that is not empty cannot be read."""
    for name in _TIMES:
        for value in () if (column := table.get(name)) is None else column.values:
            _, fault = form.moment(value, name)
            if fault is not None and not fault.startswith("missing_value"):
                return fault
    return None


def _centres_of_rows(
    table: Table, path: Path, config: WeatherSource, ids: set[str]
) -> pd.Series | str:
    """The centre of each row, or of the whole file.

    Raises FileUnreadableError where neither a column nor the file's name names it.
    """
    if (column := table.get("centre_id")) is not None:
        named = pd.Series(list(column.parsed(lambda value: str(value).strip())))
        return named.replace(config.centres).iloc[column.codes].reset_index(drop=True)
    centre_id = _centre_of_file(path, config, ids)
    if centre_id is None:
        raise FileUnreadableError(
            "belongs to no centre: its name is no centre_id, and no entry of centres in"
            ' sources.toml names it. Write centres = {paris = "1"} in [weather].'
        )
    return centre_id


def read_weather_files(
    config: WeatherSource, centres: Sequence[Centre], first_day: date, last_day: date
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
    tables = [(path, *one) for path in files for one in read_file(path, config, _layouts(config))]
    dates = SourceDates(config.date_format)
    for _, file, table in tables:
        if isinstance(table, Table):
            dates.note_columns(file, [table.get(name) for name in _TIMES])
    try:
        form = dates.form
    except UndecidedDatesError as error:
        return stack_weather([]), [f"Weather of {config.path} {error}"]
    for path, file, table in tables:
        try:
            if isinstance(table, FileUnreadableError):
                raise table
            rows, lost = _read(file, table, path, config, set(by_id), form)
        except FileUnreadableError as error:
            warnings.append(f"Weather file {file} {error}")
            continue
        warnings.extend(lost)
        daily = "target_day" in rows
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
