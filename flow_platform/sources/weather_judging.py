"""Weather files judged row by row: times, centres and values of each, or a reason to reject it.

What becomes of the rows is in `weather_files.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from flow_platform.ground.columns import WEATHER_COLUMNS
from flow_platform.sources import values
from flow_platform.sources.clocks import local_day
from flow_platform.sources.dates import DateForm
from flow_platform.sources.files import FileUnreadableError
from flow_platform.sources.judging import Reasons, judged_numbers, same_but_for_zeros, unknown_id
from flow_platform.sources.landing import RejectedRow, broken_rows, day_of, rejected_rows
from flow_platform.sources.layouts import Layouts
from flow_platform.sources.tables import Column, Table, objects
from flow_platform.sources.weather_days import HOURLY_VALUES, implausible
from flow_platform.sources.weather_options import WeatherSource

# The columns that hold days or moments.
TIMES = ("day", "time", "issued_at")
# Names as Open-Meteo exports them.
_HOURLY_NAMES = {
    "time": "time",
    "temperature": "temperature_2m",
    "precipitation": "precipitation",
    "snowfall": "snowfall",
    "wind": "wind_speed_10m",
}
# Kilometres an hour of a unit of wind; mm of rain and cm of snow in an inch.
_KMH = {"kmh": 1.0, "ms": 3.6, "mph": 1.609344, "kn": 1.852}
_OF_AN_INCH = {"precipitation": 25.4, "snowfall": 2.54}
_PLAIN = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?)?$"


@dataclass
class JudgedWeather:
    """A table, judged. `rows` are the good ones, of centres and of other places: centre_id, `time`
    in UTC or `target_day`, the values, and issued_at of forecasts. `doubtful` says which values
    were left out as implausible, None without any.
    """

    file: str
    rows: pd.DataFrame
    rejected: list[RejectedRow]
    doubtful: str | None
    encoding: str | None

    @property
    def is_daily(self) -> bool:
        """Whether a row is of a day and not of an hour."""
        return "target_day" in self.rows

    @property
    def are_forecasts(self) -> bool:
        """Whether the rows have been issued before their time."""
        return "issued_at" in self.rows


def weather_layouts(config: WeatherSource) -> Layouts:
    """The columns of daily files, where `columns` maps one of a day; else those of hourly files."""
    if "day" in config.columns or "temperature_mean" in config.columns:
        own = {name: name for name in ("day", *WEATHER_COLUMNS)}
        names, required = {**own, **config.columns}, ["day", "temperature_mean"]
        numbers: tuple[str, ...] = WEATHER_COLUMNS
    else:
        names, required = {**_HOURLY_NAMES, **config.columns}, ["time", "temperature"]
        numbers = HOURLY_VALUES
    required += [ours for ours in ("centre_id", "issued_at") if ours in names]
    return Layouts((names,), required, numbers=numbers)


def judge(
    file: str,
    table: Table,
    path: Path,
    config: WeatherSource,
    zones: Mapping[str, str],
    form: DateForm,
) -> JudgedWeather:
    """The rows of a table. `zones` are the time zones of all centres, by id.

    Raises FileUnreadableError where it has no column of centres, and its name names none.
    """
    reasons = Reasons(len(table))
    ids = _centres(table, path, config, zones, reasons)
    made: dict[str, np.ndarray | pd.Series] = {"centre_id": ids}
    is_daily = "day" in weather_layouts(config).required
    name = "day" if is_daily else "time"
    own_zones = None if not is_daily else np.array([zones.get(one, "UTC") for one in ids])
    when = _times(table.column(name), name, form, reasons, own_zones)
    made["target_day" if is_daily else "time"] = when.dt.normalize() if is_daily else when
    names = WEATHER_COLUMNS if is_daily else HOURLY_VALUES
    for value in names:
        made[value] = _cells(table, value, config, reasons)
    if (issued_at := table.get("issued_at")) is not None:
        made["issued_at"] = _times(issued_at, "issued_at", form, reasons, None)
    frame = pd.DataFrame(made)
    odd = {value: implausible(frame[value], value) for value in names}
    if is_daily:
        mean = frame["temperature_mean"]
        reasons.where(mean.isna().to_numpy(), "missing_value: temperature_mean is empty")
        shown = "implausible: temperature_mean is beyond what any station has measured"
        reasons.where(odd["temperature_mean"], shown)
    doubtful = _doubtful(file, frame, odd, table.lines, reasons.good)
    for value, where in odd.items():
        frame[value] = frame[value].mask(where)
    bad = reasons.bad
    days = day_of(when.dt.tz_localize(None).to_numpy().astype("datetime64[D]")[bad])
    rejected = rejected_rows(file, table, reasons, days, frame["centre_id"].iloc[bad])
    return JudgedWeather(
        file,
        frame[reasons.good],
        rejected + broken_rows(file, table.broken),
        doubtful,
        table.encoding,
    )


def _doubtful(
    file: str,
    frame: pd.DataFrame,
    odd: dict[str, np.ndarray],
    lines: np.ndarray,
    good: np.ndarray,
) -> str | None:
    """The sentence about the values of good rows that no station has measured."""
    places = {value: np.flatnonzero(where & good) for value, where in odd.items()}
    count = sum(map(len, places.values()))
    if not count:
        return None
    value, first = next((value, int(found[0])) for value, found in places.items() if len(found))
    return (
        f"{file}: {count} values are implausible and were left out, the first in line"
        f" {lines[first]}: {value} is {frame[value].iloc[first]:g}. Correct them, or the unit in"
        " section [weather] of sources.toml."
    )


def _centre_of_file(path: Path, config: WeatherSource, ids: set[str]) -> str | None:
    stem = path.stem
    for name in (stem, *sorted(config.centres, key=len, reverse=True)):
        if name in config.centres and name.casefold() in stem.casefold():
            return config.centres[name]
    return stem if stem in ids else None


def _centres(
    table: Table, path: Path, config: WeatherSource, known: Collection[str], reasons: Reasons
) -> np.ndarray:
    """By row the centre, or another place. Raises FileUnreadableError as `judge`."""
    if (column := table.get("centre_id")) is None:
        centre_id = _centre_of_file(path, config, set(known))
        if centre_id is None:
            raise FileUnreadableError(
                "belongs to no centre: its name is no centre_id, and no entry of centres in"
                ' sources.toml names it. Write centres = {paris = "1"} in [weather].'
            )
        return np.full(len(table), centre_id, dtype=object)
    ids = [config.centres.get(one, one) for one in column.parsed(values.whole_id)]
    faults = [_centre_fault(one, known) for one in ids]
    reasons.of_values(faults, column.codes)
    return objects(ids)[column.codes]


def _centre_fault(centre_id: str, known: Collection[str]) -> str | None:
    """Why a place can be no centre. Another place is none: files have many stations."""
    if not centre_id:
        return "missing_value: centre_id is empty"
    if centre_id in known or not same_but_for_zeros(centre_id, known):
        return None
    return unknown_id(centre_id, known)


def _times(
    column: Column, name: str, form: DateForm, reasons: Reasons, zones: np.ndarray | None
) -> pd.Series:
    """By row the moments in UTC, or where `zones` are given the local days there; NaT where none
    can be read, with the fault in `reasons`."""
    if _is_typed(column) or (form.given is None and _are_plain(column.values)):
        iso = None if _is_typed(column) else "ISO8601"
        whole = pd.Series(column.values, dtype=object)
        at = pd.to_datetime(whole, errors="coerce", utc=zones is None, format=iso)
        if at.notna().all():
            at = at if zones is None else at.dt.tz_localize(None)
            return at.iloc[column.codes].reset_index(drop=True)
    found = [form.moment(value, name) for value in column.values]
    codes = column.codes
    moments: list[date | None]
    if zones is None:
        moments = [None if moment is None else _in_utc(moment) for moment, _ in found]
    else:
        # Each value and zone is looked at once.
        of_zone, names = pd.factorize(zones)
        pairs, codes = np.unique(codes * len(names) + of_zone, return_inverse=True)
        found, moments = [found[pair // len(names)] for pair in pairs], []
        for (moment, _), pair in zip(found, pairs.tolist(), strict=True):
            zone = names[pair % len(names)]
            moments.append(None if moment is None else local_day(moment, zone))
    wanted = pd.Series(moments, dtype=object)
    series = pd.Series(pd.to_datetime(wanted, utc=zones is None, errors="coerce"))
    beyond = f"impossible_date: {name} is beyond the years of any weather"
    faults = [
        fault or (beyond if lost else None)
        for (_, fault), lost in zip(found, series.isna(), strict=True)
    ]
    reasons.of_values(faults, codes)
    return series.iloc[codes].reset_index(drop=True)


def _in_utc(at: date) -> datetime:
    if not isinstance(at, datetime):
        return datetime(at.year, at.month, at.day, tzinfo=UTC)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


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


def _cells(table: Table, ours: str, config: WeatherSource, reasons: Reasons) -> np.ndarray:
    """The numbers of a column in our unit, NaN where it is empty; what is no number is a fault."""
    column = table.get(ours)
    if column is None:
        return np.full(len(table), np.nan)
    found = column.numbers
    if found is None:
        found = judged_numbers(column, lambda value: _number(value, ours, config.marks), reasons)
    if ours.startswith("temperature"):
        return (found - 32) / 1.8 if config.temperature_unit == "fahrenheit" else found
    if ours.startswith("wind"):
        return found * _KMH[config.wind_unit]
    inches = _OF_AN_INCH["snowfall" if ours.startswith("snowfall") else "precipitation"]
    return found * (inches if config.precipitation_unit == "inch" else 1)


def _number(value: object, name: str, marks: str) -> tuple[float, str | None]:
    found, fault = values.number(value, name, marks)
    return found, None if fault is not None and fault.startswith("missing_value") else fault
