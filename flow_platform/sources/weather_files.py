"""Weather from files: hourly in UTC or daily, CSV, Parquet or Excel, one or many centres a file.

A file holds observed weather, or, with a column for issued_at, forecasts. It is never turned from
one into the other: the past's weather as its own forecast would flatter a backtest. Rows are judged
in `weather_judging.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
import pandas as pd

from flow_platform.ground.columns import WEATHER_COLUMNS
from flow_platform.sources.centres import Centre
from flow_platform.sources.dates import SourceDates, UndecidedDatesError
from flow_platform.sources.files import FileUnreadableError, source_files
from flow_platform.sources.landing import FileBalance, Load, no_file, rejected_frame
from flow_platform.sources.reader import read_file
from flow_platform.sources.simulated_world import LEADS
from flow_platform.sources.weather_days import (
    FORECAST,
    OBSERVED,
    WeatherResult,
    local_days,
    stack_weather,
    weather_rows,
)
from flow_platform.sources.weather_judging import TIMES, JudgedWeather, judge, weather_layouts
from flow_platform.sources.weather_options import WeatherSource

_KNOWN_AFTER_HOURS = 30
_KEYS = ["centre_id", "day", "vintage", "target_day"]


def read_weather_files(
    config: WeatherSource,
    centres: Sequence[Centre],
    first_day: date,
    last_day: date,
    known: Sequence[Centre] | None = None,
) -> WeatherResult:
    """Rows of raw.weather for the partition days of `centres`, with every row accounted for.

    Hourly files (`time` in UTC where it has no offset; default column names as Open-Meteo exports
    them) become local days; a file is daily where `columns` maps `day` or a daily value. The
    centre is a column, or the file's name: a centre_id, or what `centres` maps a part of it to.
    Observations count as known on the next day at 06:00 UTC; forecasts at their issued_at (UTC
    where it has no offset). `known` are all centres there are; without it the asked ones.

    In the balances a row is stored where a stored day is made of it, repeated where another row or
    file has its hour or day, and left where it is of another place, of days that were not asked
    for, of an issue that is not the newest, or of a day with too few hours.
    """
    files = source_files(config)
    if not files:
        missing = no_file(str(config.path))
        words = f"No weather file matches {config.path}. Correct path in section [weather] of"
        return WeatherResult(stack_weather([]), [f"{words} sources.toml."], files=(missing,))
    tables = [
        (path, *one) for path in files for one in read_file(path, config, weather_layouts(config))
    ]
    dates = SourceDates(config.date_format)
    dates.note_tables(((file, table) for _, file, table in tables), TIMES)
    try:
        form = dates.form
    except UndecidedDatesError as error:
        refused = FileBalance.unreadable(str(config.path), error)
        return WeatherResult(
            stack_weather([]),
            [f"Weather of {config.path} {error}"],
            files=(refused,),
            is_refused=True,
        )
    load, warnings, frames = Load(), list[str](), list[pd.DataFrame]()
    zones = {centre.centre_id: centre.timezone for centre in known or centres}
    for path, file, table in tables:
        try:
            if isinstance(table, FileUnreadableError):
                raise table
            found = judge(file, table, path, config, zones, form)
        except FileUnreadableError as error:
            warnings.append(f"Weather file {file} {error}")
            load.unreadable(file, error)
            continue
        load.judged(
            file,
            good=len(found.rows),
            rejected=found.rejected,
            encoding=found.encoding,
            dates=dates.reading(file),
        )
        warnings += [found.doubtful] if found.doubtful else []
        frames += _days(found, centres, pd.Timestamp(first_day), pd.Timestamp(last_day))
    rows = _of_last_files(frames, load)
    warnings += _without_weather(rows, centres, first_day, last_day)
    return WeatherResult(
        rows, warnings, rejected_frame(load.rejected), load.balances(str(config.path))
    )


def _without_weather(
    rows: pd.DataFrame, centres: Sequence[Centre], first_day: date, last_day: date
) -> list[str]:
    missing = sorted({one.centre_id for one in centres} - set(rows["centre_id"].unique()))
    if not missing:
        return []
    return [
        f"No weather in the files from {first_day} to {last_day} for centre {', '.join(missing)}."
    ]


# -- the days of one file ------------------------------------------------------------------------


def _days(
    found: JudgedWeather, centres: Sequence[Centre], first: pd.Timestamp, last: pd.Timestamp
) -> Iterator[pd.DataFrame]:
    """Rows of raw.weather of each centre, with the file, and how many of its rows (`made_of`) each
    is made of and repeats (`again`)."""
    by_id = {centre.centre_id: centre for centre in centres}
    for centre_id, part in found.rows.groupby("centre_id"):
        centre = by_id.get(str(centre_id))
        if centre is None:
            continue
        days = _local_days_of(part, centre, found.is_daily)
        if found.are_forecasts:
            made = _forecasts(part, days, centre, first, last, found.is_daily)
        else:
            near = part[days.between(first, last)]
            made = [_observed(near, days.loc[near.index], centre, found.is_daily)]
        yield from (one.assign(file=found.file) for one in made if len(one))


def _local_days_of(part: pd.DataFrame, centre: Centre, is_daily: bool) -> pd.Series:
    """The local day of each row."""
    if is_daily:
        return part["target_day"]
    local = pd.DatetimeIndex(part["time"]).tz_convert(centre.timezone)
    return pd.Series(local.tz_localize(None).normalize().as_unit("us"), index=part.index)


def _by_day(
    part: pd.DataFrame, days: pd.Series, centre: Centre, is_daily: bool
) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """WEATHER_COLUMNS by target day; of each the rows that it is made of, and those that repeat."""
    moments = part["target_day" if is_daily else "time"]
    again = moments.duplicated(keep="last").groupby(days).sum()
    if is_daily:
        values = part.set_index("target_day")[list(WEATHER_COLUMNS)]
        values = values[~values.index.duplicated(keep="last")].sort_index()
    else:
        values = local_days(part, centre.timezone)
    made_of = days.groupby(days).size() - again
    return values, made_of.reindex(values.index), again.reindex(values.index)


def _observed(part: pd.DataFrame, days: pd.Series, centre: Centre, is_daily: bool) -> pd.DataFrame:
    values, made_of, again = _by_day(part, days, centre, is_daily)
    target = pd.DatetimeIndex(values.index)
    known = (target + pd.Timedelta(hours=_KNOWN_AFTER_HOURS)).tz_localize("UTC")
    rows = weather_rows(values, centre.centre_id, OBSERVED, target, known)
    return rows.assign(made_of=made_of.to_numpy(), again=again.to_numpy())


def _forecasts(
    part: pd.DataFrame,
    days: pd.Series,
    centre: Centre,
    first: pd.Timestamp,
    last: pd.Timestamp,
    is_daily: bool,
) -> list[pd.DataFrame]:
    """Forecast rows: the newest issue of each partition day that was made before the day closed."""
    issued = pd.DatetimeIndex(part["issued_at"]).as_unit("us")
    day = issued.tz_convert(centre.timezone).tz_localize(None).normalize().as_unit("us")
    utc_day = issued.tz_localize(None).normalize().as_unit("us")
    # A partition day closes at the later of 00:00 UTC and the local midnight: while two days are
    # open, a forecast is already known to the earlier one.
    issue_day = pd.Series(np.minimum(day, utc_day), index=part.index)
    made = []
    inside = part[issue_day.between(first, last)]
    for start, of_day in inside.groupby(issue_day.loc[inside.index]):
        newest = of_day[of_day["issued_at"] == of_day["issued_at"].max()]
        values, made_of, again = _by_day(newest, days.loc[newest.index], centre, is_daily)
        issue = pd.DatetimeIndex([start]).as_unit("us")
        lead = (pd.DatetimeIndex(values.index) - issue[0]).days
        ahead = (lead >= 1) & (lead <= LEADS)
        values, size = values.loc[ahead], int(ahead.sum())
        known = pd.DatetimeIndex([newest["issued_at"].max()] * size)
        rows = weather_rows(values, centre.centre_id, FORECAST, issue.repeat(size), known)
        made.append(rows.assign(made_of=made_of[ahead].to_numpy(), again=again[ahead].to_numpy()))
    return made


def _of_last_files(frames: Sequence[pd.DataFrame], load: Load) -> pd.DataFrame:
    """The rows of all files; of a day that several have, the last file's."""
    rows = stack_weather(frames)
    if "file" not in rows:
        return rows
    rows["stored"] = ~rows.duplicated(_KEYS, keep="last")
    for file, of_file in rows.groupby("file"):
        kept = of_file["stored"]
        stored = int(of_file.loc[kept, "made_of"].sum())
        repeated = int(of_file["again"].sum() + of_file.loc[~kept, "made_of"].sum())
        load.stored(str(file), stored, repeated)
    kept_rows = rows[rows["stored"]].drop(columns=["file", "made_of", "again", "stored"])
    return kept_rows.reset_index(drop=True)
