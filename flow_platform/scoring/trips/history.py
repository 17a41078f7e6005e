"""What past trips show of a trip that is asked for: its zones' usual minutes, distance and pace.

`features` is the one function that makes a model's frame. A past trip gets what was known when its
own day began (`Expanding`), a trip to come what was known at the vintage's cut-off (`Table`); both
hand the same sums to the same code.
"""

from __future__ import annotations

import io
import math
import zipfile
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from flow_platform.scoring.trips.data import WEATHER, Floats, Integers, TripData, TripInputs

# Means are drawn towards those of more trips, as if so many more trips had that mean.
PRIOR_ZONE, PRIOR_PAIR, PRIOR_DISTANCE, PRIOR_HOUR = 20.0, 5.0, 3.0, 20.0
# Where nothing is known at all: a trip of 3 km at 16 km/h.
FIRST_KM, FIRST_MINUTES = 3.0, 11.0
# Roads are longer than the straight line: by a quarter, and by some streets at either end. Ratios
# of city trips in Boscoe et al. (2012), Professional Geographer 64 (2), are around 1.4.
DETOUR, STREETS_KM = 1.3, 0.4
_EARTH_KM = 6371.0
_SPAN = 100_000
# A sum of ten million logs of an hour still fits into 64 bits.
_FIXED_POINT = 2.0**32

GROUPS = ("all", "pickup", "dropoff", "pair", "pickup_hour", "week_hour")
COMMON = (
    "pickup_zone",
    "dropoff_zone",
    "local_minute",
    "weekday",
    "is_public_holiday",
    "is_school_holiday",
    *WEATHER,
    "pair_log_minutes",
    "pair_trips",
    "pair_log_km",
    "pair_pace",
    "pickup_hour_pace",
    "week_hour_pace",
    "pickup_pace",
    "dropoff_pace",
    "beeline_km",
)
PLANNED = ("planned_km", "detour")
# How a prediction is explained to people: the columns that belong to each subject.
SUBJECTS: dict[str, tuple[str, ...]] = {
    "zones": (
        "pickup_zone",
        "dropoff_zone",
        "pair_log_minutes",
        "pair_trips",
        "pair_log_km",
        "pair_pace",
        "pickup_pace",
        "dropoff_pace",
        "beeline_km",
    ),
    "time": ("local_minute", "weekday", "pickup_hour_pace", "week_hour_pace"),
    "calendar": ("is_public_holiday", "is_school_holiday"),
    "weather": WEATHER,
    "distance": PLANNED,
}


def columns(has_distance: bool) -> tuple[str, ...]:
    """The columns of a model's frame, in their order."""
    return (*COMMON, *PLANNED) if has_distance else COMMON


class Known(Protocol):
    """Past trips as `features` asks for them."""

    @property
    def zones(self) -> Floats: ...

    def sums(self, group: str, keys: Any) -> Any:
        """Shape (3, n): for each key the trips, the sums of log minutes and of log km."""
        ...


def keys_of(inputs: Any, group: str) -> Any:
    """Which of a group's means each trip belongs to: an array, or the number of a single one."""
    hour = inputs.local_minute // 60
    if group == "all":
        return inputs.weekday * 0
    if group == "pickup":
        return inputs.pickup_zone
    if group == "dropoff":
        return inputs.dropoff_zone
    if group == "pair":
        return inputs.pickup_zone * _SPAN + inputs.dropoff_zone
    if group == "pickup_hour":
        return inputs.pickup_zone * 24 + hour
    return inputs.weekday * 24 + hour


@dataclass(frozen=True)
class Table:
    """Past trips as they were known at one moment: the sums of every key that had a trip."""

    keys: dict[str, Integers]
    values: dict[str, Floats]
    zones: Floats

    @classmethod
    def of(cls, data: TripData) -> Table:
        """The sums of all trips of `data`."""
        keys: dict[str, Integers] = {}
        values: dict[str, Floats] = {}
        logs = _logs(data)
        for group in GROUPS:
            own = keys_of(data.inputs, group)
            order = np.argsort(own, kind="stable")
            keys[group], starts = np.unique(own[order], return_index=True)
            values[group] = _unfixed(
                np.add.reduceat(logs[:, order], starts, axis=1)
                if len(starts)
                else np.zeros((3, 0), dtype=np.int64)
            )
        return cls(keys, values, data.zones)

    def sums(self, group: str, keys: Any) -> Any:
        if isinstance(keys, int):
            return self._of_one_key[group].get(keys, (0.0, 0.0, 0.0))
        known = self.keys[group]
        if not len(known):
            return np.zeros((3, len(keys)))
        place = known.searchsorted(keys)
        place[place == len(known)] = 0
        return np.where(known[place] == keys, self.values[group][:, place], 0.0)

    def as_bytes(self) -> bytes:
        """The table as npz, which holds arrays alone; equal tables give equal bytes."""
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {f"{group}_keys": self.keys[group] for group in GROUPS}
        arrays |= {f"{group}_values": self.values[group] for group in GROUPS}
        np.savez_compressed(buffer, zones=self.zones, **arrays)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Table:
        """A table that `as_bytes` gave. Raises ValueError or KeyError for anything else."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as kept:
                return cls(
                    {group: kept[f"{group}_keys"] for group in GROUPS},
                    {group: kept[f"{group}_values"] for group in GROUPS},
                    kept["zones"],
                )
        except zipfile.BadZipFile as error:
            raise ValueError(f"the table of zones is cut off: {error}") from error

    @cached_property
    def _of_one_key(self) -> dict[str, dict[int, tuple[float, float, float]]]:
        return {
            group: dict(zip(self.keys[group].tolist(), zip(*values, strict=True), strict=True))
            for group, values in ((name, self.values[name].tolist()) for name in GROUPS)
        }


class Expanding:
    """Past trips as they were known when the day of each asking trip began."""

    def __init__(self, data: TripData, days: Integers) -> None:
        """`days`: for each trip that will be asked for, its UTC day since 1970."""
        self._data, self._days = data, days
        self._first = int(data.known_day.min(initial=0)) if len(data) else 0
        self._logs = _logs(data)

    @property
    def zones(self) -> Floats:
        return self._data.zones

    def sums(self, group: str, keys: Any) -> Any:
        # Keys and days in one number: all trips of a key are next to each other, in the order in
        # which they became known, and what was known before a day is a difference of running sums.
        found, place = np.unique(
            np.concatenate([keys_of(self._data.inputs, group), keys]), return_inverse=True
        )
        own, asking = place[: len(self._data)], place[len(self._data) :]
        span = _SPAN
        moment = own * span + (self._data.known_day - self._first)
        order = np.argsort(moment, kind="stable")
        running = np.zeros((3, len(order) + 1), dtype=np.int64)
        running[:, 1:] = self._logs[:, order].cumsum(axis=1)
        ordered = moment[order]
        until = ordered.searchsorted(asking * span + np.maximum(self._days - self._first, 0))
        start = ordered.searchsorted(np.arange(len(found)) * span)[asking]
        return _unfixed(running[:, until] - running[:, start])


def _logs(data: TripData) -> Integers:
    """Ones, log minutes and log km in fixed point: sums are exact, whatever else was summed."""
    logs = [np.ones(len(data)), np.log(data.minutes), np.log(np.maximum(data.distance_km, 0.1))]
    return np.stack([np.rint(row * _FIXED_POINT).astype(np.int64) for row in logs])


def _unfixed(sums: Integers) -> Floats:
    return sums / _FIXED_POINT


def features(inputs: TripInputs, known: Known, has_distance: bool) -> Floats:
    """The frame of a model: shape (n, len(columns(has_distance))), column order included.

    What is asked for one trip alone, of a `Table`, is computed with plain numbers by the same
    formulas: arrays of one element would take ten times as long.
    """
    alone = len(inputs) == 1 and isinstance(known, Table)
    asked: Any = _Single(inputs) if alone else inputs
    count, minutes, km = known.sums("all", keys_of(asked, "all"))
    usual_minutes = (minutes + math.log(FIRST_MINUTES)) / (count + 1)
    usual_km = (km + math.log(FIRST_KM)) / (count + 1)
    usual_pace = usual_minutes - usual_km
    frame: dict[str, Any] = {}
    zone_minutes, zone_km = usual_minutes, usual_km
    for end in ("pickup", "dropoff"):
        n, log_minutes, log_km = known.sums(end, keys_of(asked, end))
        own_minutes = (log_minutes - n * usual_minutes) / (n + PRIOR_ZONE)
        own_km = (log_km - n * usual_km) / (n + PRIOR_ZONE)
        frame[f"{end}_pace"] = own_minutes - own_km
        zone_minutes, zone_km = zone_minutes + own_minutes / 2, zone_km + own_km / 2
    frame["beeline_km"] = beeline_km(known.zones, asked.pickup_zone, asked.dropoff_zone)
    road_km = np.log(frame["beeline_km"] * DETOUR + STREETS_KM)
    zone_km = _known_or(road_km, zone_km)
    n, log_minutes, log_km = known.sums("pair", keys_of(asked, "pair"))
    frame["pair_trips"] = n
    frame["pair_log_minutes"] = (log_minutes + PRIOR_PAIR * zone_minutes) / (n + PRIOR_PAIR)
    frame["pair_log_km"] = (log_km + PRIOR_DISTANCE * zone_km) / (n + PRIOR_DISTANCE)
    frame["pair_pace"] = (log_minutes - log_km - n * usual_pace) / (n + PRIOR_PAIR)
    for group in ("pickup_hour", "week_hour"):
        n, log_minutes, log_km = known.sums(group, keys_of(asked, group))
        frame[f"{group}_pace"] = (log_minutes - log_km - n * usual_pace) / (n + PRIOR_HOUR)
    if has_distance:
        planned = asked.planned_distance_km
        frame["planned_km"] = planned
        frame["detour"] = np.log(np.maximum(planned, 0.1)) - frame["pair_log_km"]
    own = [frame[name] if name in frame else getattr(asked, name) for name in columns(has_distance)]
    if alone:
        return np.array([own], dtype=np.float64)
    return np.stack([np.asarray(column, dtype=np.float64) for column in own], axis=1)


def usual_minutes(frame: Floats, has_distance: bool) -> Floats:
    """Shape (n,): the usual minutes of each row's zone pair, of a frame that `features` made."""
    return np.exp(frame[:, columns(has_distance).index("pair_log_minutes")])


class _Single:
    """One trip's inputs as numbers."""

    __slots__ = tuple(one.name for one in fields(TripInputs))

    def __init__(self, inputs: TripInputs) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(inputs, name).item())


def _known_or(value: Any, otherwise: Any) -> Any:
    if isinstance(value, np.ndarray):
        return np.where(np.isnan(value), otherwise, value)
    return otherwise if math.isnan(value) else value


def beeline_km(zones: Floats, pickup: Any, dropoff: Any) -> Any:
    """Great-circle distance between zones (km), NaN where one is not placed.

    Within a zone it is taken as a third of a kilometre: the mean way between two points of an area
    of half a square kilometre. `zones` are those of `TripData`; `pickup` and `dropoff` are arrays,
    or two numbers.
    """
    if not len(zones) or np.isnan(zones[:, 1]).all():
        return math.nan if isinstance(pickup, int) else np.full(len(pickup), np.nan)
    ids = zones[:, 0]
    ends = []
    for end in (np.atleast_1d(pickup), np.atleast_1d(dropoff)):
        place = np.minimum(ids.searchsorted(end), len(ids) - 1)
        point = np.radians(zones[place, 1:])
        ends.append(np.where((ids[place] == end)[:, None], point, np.nan))
    (lat1, lon1), (lat2, lon2) = ends[0].T, ends[1].T
    half = (
        np.sin((lat2 - lat1) / 2) ** 2
        + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    )
    same = np.atleast_1d(pickup) == np.atleast_1d(dropoff)
    made = np.where(same, 0.33 + 0 * half, 2 * _EARTH_KM * np.arcsin(np.sqrt(half)))
    return made.item() if isinstance(pickup, int) else made
