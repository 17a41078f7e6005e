"""Rows of taxi files, judged: which are trips, and why the others are not.

Which trips a load asks for is in `source.py`; typed columns are read in `files.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flow_platform.flows.trips.files import TripColumns
from flow_platform.flows.trips.moments import NO_TIME
from flow_platform.flows.trips.rows import TRIP, hashed
from flow_platform.flows.trips.zones import Zone, boroughs_of
from flow_platform.sources import clocks
from flow_platform.sources.judging import Reasons

# Why a row is no trip, in the order in which they are looked at; the first that holds is given.
REASONS: dict[str, str] = {
    "stray_month": "the pickup is far from the file's days, or more than a week from its month",
    "missing_time": "pickup or drop-off is empty or cannot be read",
    "skipped_hour": "pickup or drop-off is in an hour that the city's clock skips",
    "not_after": "the drop-off is not after the pickup",
    "too_short": "it took less than a minute",
    "too_long": "it took more than three hours",
    "no_distance": "the recorded distance is zero, negative or missing",
    "too_far": "the recorded distance is over 160 km",
    "too_fast": "the mean speed is over 130 km/h",
    # Slower than a walk for an hour: the meter was left on.
    "too_slow": "it took over an hour, at less than 5 km/h",
    "no_amount": "fare or total is a text that is no plain number",
    "negative_amount": "fare or total is negative: a reversal",
    "unknown_pickup": "the pickup zone is not known",
    "unknown_dropoff": "the drop-off zone is not known",
}
# The longest plausible trip, and more: a drop-off beyond is judged without asking for its zone.
_FAR_APART = np.int64(10 * 86_400_000_000)

_MINUTE, _HOUR = (np.int64(seconds * 1_000_000) for seconds in (60, 3600))


@dataclass(frozen=True)
class City:
    """What judging needs to know of a city: zone ids in order, and the borough of each."""

    zone_ids: np.ndarray
    borough: np.ndarray
    boroughs: tuple[str, ...]
    timezone: str

    @staticmethod
    def of(zones: Sequence[Zone], timezone: str) -> City:
        boroughs = boroughs_of(zones)
        place = {borough: number for number, borough in enumerate(boroughs)}
        ordered = sorted(zones, key=lambda zone: zone.zone_id)
        return City(
            np.array([zone.zone_id for zone in ordered], dtype="i8"),
            np.array([place.get(zone.borough or "", -1) for zone in ordered], dtype="i2"),
            boroughs,
            timezone,
        )

    def looked_up(self, zone: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Whether each zone is one of the city, and its borough's number (-1 without one)."""
        place = np.clip(np.searchsorted(self.zone_ids, zone), 0, len(self.zone_ids) - 1)
        known = self.zone_ids[place] == zone
        return known, np.where(known, self.borough[place], -1).astype("i2")

    def to_utc(self, local: np.ndarray, is_first_turn: bool) -> np.ndarray:
        """Local microseconds as UTC; NO_TIME where there is none or the clock skips the hour."""
        moments = clocks.local_in_utc(local.view("M8[us]"), self.timezone, first_turn=is_first_turn)
        return moments.view("i8")


@dataclass(frozen=True)
class JudgedTrips:
    """A part, judged; times are UTC, `centre` the number of the pickup's borough, -1 for none."""

    reasons: Reasons
    pickup: np.ndarray
    dropoff: np.ndarray
    centre: np.ndarray


def judge(rows: TripColumns, limits: tuple[np.int64, np.int64], city: City) -> JudgedTrips:
    """Which rows are trips. `limits`: the local times (from, before) that a pickup may have."""
    pickup_local, dropoff_local = rows.pickup.at, rows.dropoff.at
    no_pickup, no_dropoff = pickup_local == NO_TIME, dropoff_local == NO_TIME
    stray = ~no_pickup & ((pickup_local < limits[0]) | (pickup_local >= limits[1]))
    # What is far off is found by the local times alone: not every clock reaches that far.
    near = ~no_pickup & ~no_dropoff & ~stray
    near &= np.abs(np.where(near, dropoff_local - pickup_local, 0)) < _FAR_APART
    pickup, dropoff = _in_utc(rows, near, city)
    skipped = near & ((pickup == NO_TIME) | (dropoff == NO_TIME))
    timed = ~(no_pickup | no_dropoff | skipped)
    lasted = np.where(timed, dropoff - pickup, 0)
    hours = lasted / _HOUR
    _, centre = city.looked_up(rows.pickup_zone)
    with np.errstate(invalid="ignore", divide="ignore"):
        checks = {
            "stray_month": stray,
            "missing_time": no_pickup | no_dropoff,
            "skipped_hour": skipped,
            "not_after": lasted <= 0,
            "too_short": lasted < _MINUTE,
            "too_long": lasted > 3 * _HOUR,
            "no_distance": ~(rows.km > 0),
            "too_far": rows.km > 160,
            "too_fast": rows.km > 130 * hours,
            "too_slow": (lasted > _HOUR) & (rows.km < 5 * hours),
            "no_amount": rows.is_odd,
            "negative_amount": (rows.fare < 0) | (rows.total < 0),
            "unknown_pickup": centre < 0,
            "unknown_dropoff": ~city.looked_up(rows.dropoff_zone)[0],
        }
    reasons = Reasons(len(rows))
    for moments in (rows.pickup, rows.dropoff):
        for fault, holds in moments.faults.items():
            reasons.where(holds & ~stray, f"missing_time: {fault}")
    for code, text in REASONS.items():
        reasons.where(checks[code], f"{code}: {text}")
    pickup = np.where(pickup == NO_TIME, pickup_local, pickup)
    return JudgedTrips(reasons, pickup, dropoff, centre)


def _in_utc(rows: TripColumns, near: np.ndarray, city: City) -> tuple[np.ndarray, np.ndarray]:
    """Pickup and drop-off in UTC where they are `near`, else as they are written."""
    pickup, dropoff = rows.pickup.at.copy(), rows.dropoff.at.copy()
    if not rows.pickup.is_utc:
        pickup[near] = city.to_utc(pickup[near], True)
    if not rows.dropoff.is_utc:
        early, late = (city.to_utc(dropoff[near], is_first) for is_first in (True, False))
        # The second turn only where the first would end the trip before it began.
        dropoff[near] = np.where(early <= pickup[near], late, early)
    return pickup, dropoff


def trips_of(
    rows: TripColumns, judged: JudgedTrips, lines: np.ndarray, city: City, service: str
) -> np.ndarray:
    """The rows of a part that are trips, without their file, as TRIP."""
    good = np.flatnonzero(judged.reasons.good)
    trips = np.zeros(len(good), dtype=TRIP)
    trips["pickup"], trips["dropoff"] = judged.pickup[good], judged.dropoff[good]
    trips["km"], trips["total"] = rows.km[good], rows.total[good]
    trips["pickup_zone"], trips["dropoff_zone"] = rows.pickup_zone[good], rows.dropoff_zone[good]
    trips["centre"], trips["passengers"] = judged.centre[good], rows.passengers[good]
    trips["hash"] = hashed(trips, rows.fare[good], service, city.boroughs)
    trips["line"] = lines[good]
    return trips
