"""The simulated city: forty zones in four boroughs, and trips whose durations follow its traffic.

Any UTC day can be made alone, in any order, and is always the same: it has one random stream, keyed
by the seed and the day. The city states its own noise floor. It writes nothing and knows no tables.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import pandas as pd

from flow_platform.flows.trips.rows import TRIP, hashed, numbered, rows_of
from flow_platform.flows.trips.source import BLOCK_ROWS
from flow_platform.flows.trips.zones import Zone, boroughs_of
from flow_platform.sources.centres import Centre
from flow_platform.sources.public_holidays import public_holidays
from flow_platform.sources.random_streams import random_stream
from flow_platform.sources.simulated_world import World

SIMULATED_FILE = "simulated"
SERVICE = "simulated"
TRIPS_A_DAY = 300.0

# Standard deviations (logarithm), mean one: of a trip's own time, and of its route's length about
# the distance of its zones. A planned distance includes the second.
NOISE, ROUTE = 0.18, 0.16
# Minutes for pulling out and setting down, whatever the road.
HANDLING_MINUTES = 1.2

# Borough: middle in km east and north of the place, share of all pickups, and its zones.
_BOROUGHS: dict[str, tuple[float, float, float, tuple[str, ...]]] = {
    "Harbour": (
        -4.6,
        -2.0,
        0.18,
        (
            "Ferry Quay",
            "Cooper's Dock",
            "Lantern Pier",
            "Saltmarket",
            "Ropewalk",
            "Custom House",
            "Tide Mill",
            "Herring Row",
            "Breakwater",
            "Gull Point",
        ),
    ),
    "Meadows": (
        4.7,
        -2.6,
        0.15,
        (
            "Willow Green",
            "Clover Field",
            "Brookside",
            "Orchard End",
            "Millpond",
            "Larkhill",
            "Hazel Grove",
            "Sheep Walk",
            "Fairground",
            "Stone Bridge",
        ),
    ),
    "North Gate": (
        0.8,
        4.7,
        0.22,
        (
            "Gatehouse",
            "University",
            "Observatory",
            "Weavers' Yard",
            "Chestnut Row",
            "North Station",
            "Glassworks",
            "Hill Park",
            "Reservoir",
            "Quarry Road",
        ),
    ),
    "Old Town": (
        0.0,
        0.0,
        0.45,
        (
            "Market Square",
            "Cathedral",
            "Town Hall",
            "Opera",
            "Goldsmith Lane",
            "Central Station",
            "Theatre Row",
            "Law Courts",
            "Spice Street",
            "Corn Exchange",
        ),
    ),
}
_RIVERSIDE, _CORE = "Harbour", "Old Town"
_KM_A_DEGREE = 111.32

_HOURS = np.arange(24) + 0.5
_SATURDAY, _SUNDAY = 5, 6
# Pickups of each weekday against a usual one.
_BUSY = np.array([0.92, 0.95, 1.0, 1.06, 1.2, 1.12, 0.75])
_DRY = (0.0, 0.0)


def _bell(middle: float, width: float) -> np.ndarray:
    return np.asarray(np.exp(-(((_HOURS - middle) / width) ** 2)))


def _shares(working: np.ndarray, free: np.ndarray) -> np.ndarray:
    """The 24 hours of a working day and of a free one, each with a sum of one."""
    return np.stack([working / working.sum(), free / free.sum()])


_PICKUPS = _shares(
    0.12 + 0.8 * _bell(8.6, 1.8) + 0.5 * _bell(13, 4) + 1.1 * _bell(18.6, 2.8) + 0.3 * _bell(22, 2),
    0.2 + 0.9 * _bell(14.5, 4.5) + 0.7 * _bell(21, 3) + 0.6 * _bell(0.5, 2.0),
)
# Speed at the core over free speed, in each hour of a working and of a free day.
_FLOW = np.stack(
    [
        1.22 - 0.2 * _bell(13, 5) - 0.42 * _bell(8.5, 1.6) - 0.47 * _bell(17.9, 2.1),
        1.20 - 0.28 * _bell(15.5, 4.5),
    ]
)


@lru_cache(maxsize=64)
def _holidays(country: str | None, subdivision: str | None, year: int) -> Mapping[date, str]:
    return public_holidays(country, subdivision, year, year)


@dataclass(frozen=True)
class _Plan:
    """The city's fixed plan: by zone, its borough, speed and nearness to the core; by pair, km."""

    zones: tuple[Zone, ...]
    road_km: np.ndarray
    speed_kmh: np.ndarray
    nearness: np.ndarray


@lru_cache(maxsize=8)
def _plan(latitude: float | None, longitude: float | None) -> _Plan:
    """Zones, and roads between them: somewhat over 1.3 times the straight line, and longer to the
    harbour, which is reached by a bridge."""
    zones: list[Zone] = []
    points: list[tuple[float, float]] = []
    for borough, (east, north, _, names) in _BOROUGHS.items():
        for place, name in enumerate(names):
            # The golden angle spreads points evenly over a disc.
            angle, away = place * 2.399963, 0.68 * math.sqrt(place)
            x, y = east + away * math.cos(angle), north + away * math.sin(angle)
            points.append((x, y))
            zones.append(Zone(len(zones) + 1, name, borough, *_degrees(latitude, longitude, x, y)))
    x, y = np.array(points).T
    straight = np.hypot(x[:, None] - x[None, :], y[:, None] - y[None, :])
    across = np.array([zone.borough == _RIVERSIDE for zone in zones])
    road_km = 0.9 + 1.3 * straight + 1.4 * (across[:, None] ^ across[None, :])
    from_core = np.hypot(x, y)
    return _Plan(
        tuple(zones),
        road_km,
        19.0 + 2.4 * np.minimum(from_core, 6.0),
        np.exp(-from_core / 3.5),
    )


def _degrees(
    latitude: float | None, longitude: float | None, east: float, north: float
) -> tuple[float | None, float | None]:
    if latitude is None or longitude is None:
        return None, None
    across = longitude + east / (_KM_A_DEGREE * math.cos(math.radians(latitude)))
    return round(latitude + north / _KM_A_DEGREE, 6), round(across, 6)


class City:
    """The city around a place, whose calendar, clock and weather it has.

    `trips_a_day` is the mean of an average day of a week, over all boroughs.
    """

    def __init__(self, place: Centre, world: World, trips_a_day: float = TRIPS_A_DAY) -> None:
        self.place = place
        self.world = world
        self.trips_a_day = trips_a_day
        self._plan = _plan(place.latitude, place.longitude)
        self._chances = self._chance_of_zones()

    @property
    def zones(self) -> tuple[Zone, ...]:
        """Its zones, numbered from 1."""
        return self._plan.zones

    def road_km(self, pickup_zone: np.ndarray, dropoff_zone: np.ndarray) -> np.ndarray:
        """The usual distance by road between two zones; zone numbers as in `zones`."""
        return np.asarray(self._plan.road_km[pickup_zone - 1, dropoff_zone - 1])

    # -- how long a trip takes ---------------------------------------------------------------

    def expected_minutes(
        self,
        pickup_zone: np.ndarray,
        dropoff_zone: np.ndarray,
        pickup_at: pd.DatetimeIndex,
        distance_km: np.ndarray | None = None,
    ) -> np.ndarray:
        """The mean duration of trips (UTC moments), the day's true weather known.

        With `distance_km`, the length of the route, as a dispatcher with a router knows it; else
        that of its zones. No prediction can have a smaller squared error.
        """
        plan, local = self._plan, pickup_at.tz_convert(self.place.timezone)
        days = pd.DatetimeIndex(local.tz_localize(None).normalize())
        is_free, rain, snow = self._days(days)
        km = self.road_km(pickup_zone, dropoff_zone) if distance_km is None else distance_km
        ends = (pickup_zone - 1, dropoff_zone - 1)
        speed, nearness = (
            (values[ends[0]] + values[ends[1]]) / 2 for values in (plan.speed_kmh, plan.nearness)
        )
        # Jams grow towards the core; between the middles of hours they are interpolated.
        hours = np.asarray(local.hour + local.minute / 60)
        flow = np.empty(len(hours))
        for kind in (0, 1):
            chosen = is_free == bool(kind)
            flow[chosen] = np.interp(hours[chosen], _HOURS, _FLOW[kind], period=24)
        slower = (1 - 0.013 * np.minimum(rain, 12)) * (1 - 0.05 * np.minimum(snow, 5))
        minutes = km / (speed * flow ** (0.6 + nearness) * slower) * 60
        return np.asarray(HANDLING_MINUTES + minutes)

    def _is_free(self, day: date) -> bool:
        place = self.place
        holidays = _holidays(place.country, place.subdivision, day.year)
        return day.weekday() >= _SATURDAY or day in holidays

    def _days(self, days: pd.DatetimeIndex) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each local day: whether it is free, its rain (mm) and its snow (cm)."""
        distinct, place = np.unique(days.to_numpy(), return_inverse=True)
        asked = [day.date() for day in pd.DatetimeIndex(distinct)]
        if not asked:
            return np.zeros(0, dtype=bool), np.zeros(0), np.zeros(0)
        weather = self.world.weather_observed([self.place.centre_id], asked[0], asked[-1])
        known = {
            pd.Timestamp(day).date(): (rain, snow)
            for day, rain, snow in zip(
                weather["day"], weather["precipitation_mm"], weather["snowfall_cm"], strict=True
            )
        }
        free = np.array([self._is_free(day) for day in asked])
        rain, snow = np.array([known.get(day, _DRY) for day in asked]).T
        return free[place], rain[place], snow[place]

    # -- pickup and drop-off zones -----------------------------------------------------------

    def _chance_of_zones(self) -> tuple[np.ndarray, np.ndarray]:
        """Cumulated chances: of pickup zones (time of day, zone), of drop-offs (time, from, to).

        Times of day are morning and the rest: people go to the core, and back.
        """
        zones = self._plan.zones
        borough = np.array([zone.borough for zone in zones])
        size = np.tile(1 / (1 + 0.3 * np.arange(10)), len(_BOROUGHS))
        share = np.array([_BOROUGHS[name][2] for name in borough])
        is_core = borough == _CORE
        pickups, dropoffs = [], []
        for pull in (2.2, 0.8):
            weight = size * share * np.where(is_core, 1 / pull, 1.0)
            pickups.append(np.cumsum(weight / weight.sum()))
            attraction = size * np.where(is_core, pull, 1.0)
            to = attraction[None, :] * np.exp(-self._plan.road_km / 3.8)
            dropoffs.append(np.cumsum(to / to.sum(axis=1, keepdims=True), axis=1))
        return np.stack(pickups), np.stack(dropoffs)

    def trips(self, day: date) -> pd.DataFrame:
        """The trips that begin on a UTC day, in order of time.

        Columns pickup_at, dropoff_at (UTC, whole seconds), pickup_zone, dropoff_zone, distance_km,
        passengers, fare, total_amount.
        """
        draw = random_stream(self.world.seed, "trips", day)
        begins = pd.date_range(day, periods=24, freq="h", tz="UTC").as_unit("us")
        local = begins.tz_convert(self.place.timezone)
        free = np.array([self._is_free(moment) for moment in local.date]).astype(int)
        weekday = np.where(free == 1, np.maximum(local.day_of_week, _SATURDAY), local.day_of_week)
        mean = self.trips_a_day * _PICKUPS[free, local.hour] * (_BUSY / _BUSY.mean())[weekday]
        hour = np.repeat(np.arange(24), draw.poisson(mean))
        size = len(hour)
        second = hour * 3600 + draw.integers(0, 3600, size)
        order = np.argsort(second, kind="stable")
        hour, second = hour[order], second[order]
        pickup_at = pd.DatetimeIndex(begins[0] + pd.to_timedelta(second, unit="s")).as_unit("us")

        is_later = ((local.hour < 5) | (local.hour > 11)).astype(int)[hour]
        pickups, dropoffs = self._chances
        last = len(self.zones) - 1
        pickup = (pickups[is_later] < draw.random(size)[:, None]).sum(axis=1).clip(0, last) + 1
        chances = dropoffs[is_later, pickup - 1]
        dropoff = (chances < draw.random(size)[:, None]).sum(axis=1).clip(0, last) + 1

        km = self.road_km(pickup, dropoff) * np.exp(draw.normal(-(ROUTE**2) / 2, ROUTE, size))
        km = np.round(km, 3)
        minutes = self.expected_minutes(pickup, dropoff, pickup_at, km)
        minutes = minutes * np.exp(draw.normal(-(NOISE**2) / 2, NOISE, size))
        seconds = np.rint(minutes * 60).astype("i8")
        fare = np.round(3.0 + 1.4 * km + 0.35 * seconds / 60, 2)
        return pd.DataFrame(
            {
                "pickup_at": pickup_at,
                "dropoff_at": pickup_at + pd.to_timedelta(seconds, unit="s"),
                "pickup_zone": pickup,
                "dropoff_zone": dropoff,
                "distance_km": km,
                "passengers": 1 + draw.poisson(0.35, size).clip(0, 4),
                "fare": fare,
                "total_amount": np.round(fare * (1 + 0.12 * draw.random(size)), 2),
            }
        )

    def floor_rmse(self, first_day: date, last_day: date, *, with_distance: bool) -> float:
        """The root mean squared error, in minutes, that no prediction can be expected to beat.

        It is the error of the true mean of each trip, over the trips of UTC days; `with_distance`
        says whether the planned distance is known. Raises ValueError if the days have no trip.
        """
        days = (last_day - first_day).days + 1
        trips = pd.concat([self.trips(first_day + timedelta(days=n)) for n in range(days)])
        if trips.empty:
            raise ValueError("The noise floor needs at least one trip.")
        mean = self.expected_minutes(
            trips["pickup_zone"].to_numpy(),
            trips["dropoff_zone"].to_numpy(),
            pd.DatetimeIndex(trips["pickup_at"]),
            trips["distance_km"].to_numpy() if with_distance else None,
        )
        took = (trips["dropoff_at"] - trips["pickup_at"]).dt.total_seconds() / 60
        return float(np.sqrt(np.mean((took - mean) ** 2)))


def simulated_trips(
    city: City, first_day: date, last_day: date, centre_ids: Collection[str]
) -> Iterator[tuple[date, date, pd.DataFrame]]:
    """The trips of the asked UTC days and boroughs: rows of raw.trips, in blocks of days."""
    boroughs = boroughs_of(city.zones)
    centre = np.array([boroughs.index(str(zone.borough)) for zone in city.zones], dtype="i2")
    asked = np.array([borough in set(centre_ids) for borough in boroughs])
    held: list[np.ndarray] = []
    begin, day = first_day, first_day
    while day <= last_day:
        made = city.trips(day)
        trips = np.zeros(len(made), dtype=TRIP)
        for name, column in (("pickup", "pickup_at"), ("dropoff", "dropoff_at")):
            trips[name] = pd.DatetimeIndex(made[column]).as_unit("us").asi8
        for name in ("pickup_zone", "dropoff_zone", "passengers"):
            trips[name] = made[name]
        trips["km"], trips["total"] = made["distance_km"], made["total_amount"]
        trips["centre"] = centre[made["pickup_zone"].to_numpy() - 1]
        trips["hash"] = numbered(hashed(trips, made["fare"].to_numpy(), SERVICE, boroughs))
        # The number in its day: what is made of a day depends on nothing else.
        trips["line"] = np.arange(1, len(trips) + 1)
        held.append(trips[asked[trips["centre"]]])
        if day == last_day or sum(map(len, held)) >= BLOCK_ROWS:
            block = np.concatenate(held)
            yield begin, day, rows_of(block, boroughs, [SERVICE], [SIMULATED_FILE])
            held, begin = [], day + timedelta(days=1)
        day += timedelta(days=1)
