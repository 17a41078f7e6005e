"""The simulated road counters: twelve around Paris, with the week, jams and failures of real ones.

Any slice (counters x UTC days) can be made alone, in any order, and is always the same: each
counter and UTC day has one random stream, keyed by the seed, the counter and the day. It states its
own noise floor. It writes nothing and knows no tables.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from flow_platform.sources.public_holidays import public_holidays
from flow_platform.sources.random_streams import random_stream
from flow_platform.sources.school_holidays import school_holidays

TIMEZONE = "Europe/Paris"
_SCHOOL_ZONE = "C"

# Standard deviation of one hour's own noise (logarithm), mean one.
NOISE = 0.06
# The disturbance that all counters share, a moving average of hourly shocks: its standard
# deviation, and how much of it is left after an hour. 0.85 ** 48 is 0.04 %: the window's end.
SHARED, _MEMORY, _WINDOW = 0.07, 0.85, 48
# One counter day in so many has an incident, a failure, a works site.
_INCIDENT_DAYS, _FAILURE_DAYS, _BARRED_DAYS = 25, 30, 60
_GROWTH_FROM = date(2020, 1, 1)
_SATURDAY, _SUNDAY = 5, 6


@dataclass(frozen=True)
class _Road:
    """The kind of road that a counter counts.

    `usual` vehicles in a usual busy hour, `capacity` at which traffic breaks down, shares of the
    morning and the evening peak, `leisure` how much weekends keep, `growth` a year.
    """

    usual: float
    capacity: float
    morning: float
    evening: float
    leisure: float
    growth: float


_ROADS: dict[str, _Road] = {
    "101": _Road(5200, 6400, 1.0, 0.9, 0.8, 0.004),
    "102": _Road(5600, 6300, 0.95, 1.0, 0.8, 0.003),
    "103": _Road(5400, 6200, 1.0, 1.0, 0.75, 0.002),
    "104": _Road(5500, 6200, 1.0, 0.95, 0.75, 0.001),
    "105": _Road(1500, 2300, 0.7, 0.95, 1.05, -0.01),
    "106": _Road(420, 800, 0.9, 1.0, 0.75, -0.02),
    "107": _Road(780, 1200, 0.75, 1.0, 0.95, -0.02),
    "108": _Road(950, 1500, 0.85, 1.0, 0.85, -0.01),
    "109": _Road(4300, 5600, 1.0, 0.85, 0.7, 0.006),
    "110": _Road(4600, 5600, 1.0, 0.9, 0.85, 0.005),
    "111": _Road(3900, 5000, 0.95, 1.0, 1.0, 0.004),
    "112": _Road(4400, 5500, 1.0, 0.9, 0.8, 0.005),
}

COLUMNS = ("centre_id", "counted_at", "vehicles", "occupancy", "state")


# -- what is expected ----------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _holidays(year: int) -> Mapping[date, str]:
    return public_holidays("FR", None, year, year)


@lru_cache(maxsize=8)
def _school(last_year: int) -> Mapping[date, str]:
    return school_holidays(_SCHOOL_ZONE, last_year)


def _is_holiday(day: date, holidays: Mapping[date, bool] | None) -> bool:
    return bool(holidays.get(day)) if holidays is not None else day in _holidays(day.year)


def _day_shape(road: _Road, weekday: int) -> np.ndarray:
    """Shares of the usual hour for the 24 hours that begin at 0 to 23 local time."""
    hour = np.arange(24) + 0.5
    night = 0.10 + 0.10 * np.exp(-(((hour - 24) / 2.5) ** 2)) + 0.14 * np.exp(-((hour / 1.5) ** 2))
    if weekday < _SATURDAY:
        morning = road.morning * np.exp(-(((hour - 8.4) / 1.5) ** 2))
        noon = 0.68 * np.exp(-(((hour - 13.2) / 3.2) ** 2))
        evening = road.evening * np.exp(-(((hour - 18.3) / 2.1) ** 2))
        # On Fridays the evening peak is earlier and higher.
        friday = 0.12 * np.exp(-(((hour - 16.5) / 2.5) ** 2)) if weekday == 4 else 0.0
        return np.asarray(night + np.maximum(np.maximum(morning, noon), evening) + friday)
    late = 0.16 * np.exp(-(((hour - 1.0) / 2.2) ** 2))
    peak = 15.5 if weekday == _SATURDAY else 17.5
    size = (0.85 if weekday == _SATURDAY else 0.72) * road.leisure
    return np.asarray(night + late + size * np.exp(-(((hour - peak) / 4.6) ** 2)))


def _season(day: date) -> float:
    """The share of traffic on a day of the year: in August many people are on holiday."""
    number = day.timetuple().tm_yday
    august = 0.30 * np.exp(-(((number - 224) / 12.0) ** 4))
    turn_of_year = 0.18 * np.exp(-((min(abs(number - 360), number + 5) / 5.0) ** 2))
    schools = 0.07 if day in _school(max(day.year, 2030)) else 0.0
    return float(1 - august - turn_of_year - schools)


@lru_cache(maxsize=4096)
def _expected_day(centre_id: str, day: date, is_holiday: bool) -> tuple[float, ...]:
    """The mean of the 24 hours that begin on a local day."""
    road = _ROADS[centre_id]
    weekday = _SUNDAY if is_holiday else day.weekday()
    years = (day - _GROWTH_FROM).days / 365.25
    level = road.usual * (1 + road.growth) ** years * _season(day)
    return tuple(np.round(level * _day_shape(road, weekday), 6).tolist())


def _hours(first_day: date, last_day: date) -> pd.DatetimeIndex:
    """The stamps of the UTC days: each is the end of the hour before it."""
    return pd.date_range(
        first_day, last_day + timedelta(days=1), freq="h", inclusive="left", tz="UTC"
    ).as_unit("us")


@dataclass(frozen=True)
class _Slice:
    """The hours of some UTC days: their stamps, and local day and hour at which each begins."""

    utc_days: list[date]
    stamps: pd.DatetimeIndex
    days: list[date]
    hours: np.ndarray


def _slice(first_day: date, last_day: date) -> _Slice:
    count = (last_day - first_day).days + 1
    utc_days = [first_day + timedelta(days=number) for number in range(count)]
    stamps = _hours(first_day, last_day)
    begins = (stamps - pd.Timedelta(hours=1)).tz_convert(TIMEZONE)
    return _Slice(utc_days, stamps, list(begins.date), begins.hour.to_numpy())


def _expected(centre_id: str, window: _Slice, holidays: Mapping[date, bool] | None) -> np.ndarray:
    days = {
        day: np.array(_expected_day(centre_id, day, _is_holiday(day, holidays)))
        for day in dict.fromkeys(window.days)
    }
    return np.array(
        [days[day][hour] for day, hour in zip(window.days, window.hours, strict=True)], dtype=float
    )


def expected(
    centre_ids: Iterable[str],
    first_day: date,
    last_day: date,
    holidays: Mapping[date, bool] | None = None,
) -> pd.DataFrame:
    """The mean of each hour, without noise and incidents: centre_id, counted_at (UTC), vehicles."""
    window = _slice(first_day, last_day)
    return _stacked(
        [
            pd.DataFrame(
                {
                    "centre_id": pd.Series([one] * len(window.stamps), dtype=object),
                    "counted_at": window.stamps,
                    "vehicles": _expected(one, window, holidays),
                }
            )
            for one in centre_ids
            if one in _ROADS
        ],
        ("centre_id", "counted_at", "vehicles"),
    )


def _stacked(frames: list[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    if not frames:
        nothing = {name: pd.Series([], dtype=object) for name in columns}
        nothing["counted_at"] = pd.Series([], dtype="datetime64[us, UTC]")
        for name in {"vehicles", "occupancy"} & set(columns):
            nothing[name] = pd.Series([], dtype=float)
        return pd.DataFrame(nothing)
    return pd.concat(frames, ignore_index=True)[list(columns)]


# -- simulated readings --------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _shocks(seed: int, day: date) -> np.ndarray:
    """The shocks of the 24 stamps of a UTC day, unit variance."""
    return random_stream(seed, "shared", day).standard_normal(24)


def _shared(seed: int, first_day: date, last_day: date) -> np.ndarray:
    """The disturbance of every hour, as a logarithm: what is left of the last 48 hours' shocks."""
    before = -(-_WINDOW // 24)
    days = [
        first_day + timedelta(days=number)
        for number in range(-before, (last_day - first_day).days + 1)
    ]
    shocks = np.concatenate([_shocks(seed, day) for day in days])
    weights = _MEMORY ** np.arange(_WINDOW)
    weights *= SHARED / np.sqrt(np.sum(weights**2))
    # One sum a stamp: a whole convolution's rounding would depend on the slice's length.
    start = before * 24
    windows = np.lib.stride_tricks.sliding_window_view(shocks, _WINDOW)
    chosen = windows[start - _WINDOW + 1 : len(shocks) - _WINDOW + 1]
    return np.asarray((chosen * weights[::-1]).sum(axis=1))


def _occupancy(vehicles: np.ndarray, road: _Road) -> np.ndarray:
    """Occupancy in percent: it rises faster as flow nears capacity, above which there is a queue.

    The free branch of a parabolic relation of flow and density (Greenshields 1935): dense from 70 %
    of capacity on, nearly saturated at capacity.
    """
    load = vehicles / road.capacity
    free = 34.0 * (1 - np.sqrt(1 - 0.98 * np.clip(load, 0.0, 1.0)))
    return np.asarray(free + 90.0 * np.clip(load - 1, 0.0, None))


def _counter_day(seed: int, centre_id: str, day: date) -> dict[str, np.ndarray]:
    """Noise and faults of a counter at the 24 stamps of a UTC day, in arrays of shape (24,).

    noise     a factor with mean one
    flow      the share of vehicles that pass in spite of an incident
    queue     percent of occupancy that the incident adds
    missing   hours without a row
    silent    hours without a value
    barred    hours in which the road is closed
    """
    draw = random_stream(seed, centre_id, day)
    noise = np.exp(draw.normal(-(NOISE**2) / 2, NOISE, 24))
    jitter = draw.normal(0, 0.06, 24)
    flow, queue = np.ones(24), np.zeros(24)
    if draw.random() < 1 / _INCIDENT_DAYS:
        start, long = int(draw.integers(6, 21)), int(draw.integers(1, 5))
        flow[start : start + long] = draw.uniform(0.35, 0.75)
        queue[start : start + long] = draw.uniform(15.0, 50.0)
    missing, silent, barred = (np.zeros(24, dtype=bool) for _ in range(3))
    if draw.random() < 1 / _FAILURE_DAYS:
        start, long = int(draw.integers(0, 24)), int(draw.integers(1, 9))
        lost = missing if draw.random() < 0.4 else silent
        lost[start : start + long] = True
    if draw.random() < 1 / _BARRED_DAYS:
        start, long = int(draw.integers(0, 20)), int(draw.integers(2, 8))
        barred[start : start + long] = True
    return {
        "noise": noise,
        "jitter": jitter,
        "flow": flow,
        "queue": queue,
        "missing": missing,
        "silent": silent,
        "barred": barred,
    }


def _counter(
    seed: int,
    centre_id: str,
    window: _Slice,
    shared: np.ndarray,
    holidays: Mapping[date, bool] | None,
) -> pd.DataFrame:
    road = _ROADS[centre_id]
    made = [_counter_day(seed, centre_id, day) for day in window.utc_days]

    def of(name: str) -> np.ndarray:
        return np.concatenate([day[name] for day in made])

    barred = of("barred")
    # Mean one over the shocks: exp() of a normal variable is larger than its median.
    moved = np.exp(shared - SHARED**2 / 2) * of("noise") * of("flow")
    vehicles = np.rint(_expected(centre_id, window, holidays) * moved * np.where(barred, 0.02, 1.0))
    occupancy = _occupancy(vehicles, road) * np.exp(of("jitter")) + of("queue")
    occupancy = np.round(np.clip(np.where(barred, 0.3, occupancy), 0.0, 99.0), 5)
    silent = of("silent")
    state = np.where(barred, "barred", np.where(silent, "invalid", "open")).astype(object)
    frame = pd.DataFrame(
        {
            "centre_id": pd.Series([centre_id] * len(window.stamps), dtype=object),
            "counted_at": window.stamps,
            "vehicles": np.where(silent, np.nan, vehicles),
            "occupancy": np.where(silent, np.nan, occupancy),
            "state": pd.Series(state, dtype=object),
        }
    )
    return frame[~of("missing")]


def simulated_readings(
    seed: int,
    centre_ids: Iterable[str],
    first_day: date,
    last_day: date,
    holidays: Mapping[date, bool] | None = None,
) -> pd.DataFrame:
    """The readings of UTC days `first_day` to `last_day`, by counter and time; columns COLUMNS.

    counted_at is UTC and the end of its hour. A counter that is not one of COUNTERS has none. With
    `holidays`, the days they name are public holidays; else those of France are.
    """
    window = _slice(first_day, last_day)
    shared = _shared(seed, first_day, last_day)
    return _stacked(
        [
            _counter(seed, one, window, shared, holidays)
            for one in dict.fromkeys(centre_ids)
            if one in _ROADS
        ],
        COLUMNS,
    )


def floor_mae(seed: int, centre_ids: Iterable[str], first_day: date, last_day: date) -> float:
    """The mean absolute error of a forecast that knows the mean of each hour, in vehicles an hour.

    It is over the hours that have a volume and are open, incidents included. A forecast that also
    follows the shared disturbance can be better one hour ahead.

    Raises ValueError where no hour has a volume.
    """
    chosen = list(centre_ids)
    made = simulated_readings(seed, chosen, first_day, last_day)
    made = made[made["vehicles"].notna() & (made["state"] == "open")]
    mean = expected(chosen, first_day, last_day)
    both = made.merge(mean, on=["centre_id", "counted_at"], suffixes=("", "_expected"))
    if both.empty:
        raise ValueError("The noise floor needs at least one hour with a volume.")
    return float((both["vehicles"] - both["vehicles_expected"]).abs().mean())


# -- messages ------------------------------------------------------------------------------------


def messages(
    seed: int, centre_ids: Iterable[str], first_day: date, last_day: date
) -> Iterator[dict[str, Any]]:
    """The same readings as counters would publish them, in order of time; of one hour by counter.

    {"event_id", "counter", "counted_at" (ISO with the local offset), "vehicles", "occupancy",
    "state"}; a value that is missing is None. The same reading always has the same event_id.
    """
    made = simulated_readings(seed, centre_ids, first_day, last_day)
    made = made.sort_values(["counted_at", "centre_id"], kind="stable")
    zone = ZoneInfo(TIMEZONE)
    columns = [made[name].tolist() for name in COLUMNS]
    for centre_id, stamp, vehicles, occupancy, state in zip(*columns, strict=True):
        identity = f"{seed}\x1f{centre_id}\x1f{stamp.isoformat()}".encode()
        yield {
            "event_id": hashlib.blake2b(identity, digest_size=16).hexdigest(),
            "counter": centre_id,
            "counted_at": stamp.to_pydatetime().astimezone(zone).isoformat(),
            "vehicles": None if math.isnan(vehicles) else int(vehicles),
            "occupancy": None if math.isnan(occupancy) else occupancy,
            "state": state,
        }
