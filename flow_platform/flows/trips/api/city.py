"""The city of the trips as the published views have it: zones, clock, conditions of each day."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from flow_platform.api.database import Database

REFRESH_SECONDS = 60.0
# Days whose calendar and weather are kept in memory: five years.
FURTHEST_BACK_DAYS = 5 * 365

_NAN = float("nan")


@dataclass(frozen=True)
class Zone:
    """A zone of the city; `centre_id` is its borough."""

    zone_id: int
    name: str
    centre_id: str


@dataclass(frozen=True)
class Conditions:
    """Calendar and weather of a local day: flags 0 or 1; weather is nan where it is unknown."""

    is_public_holiday: float = 0.0
    is_school_holiday: float = 0.0
    temperature_mean: float = _NAN
    precipitation_mm: float = _NAN
    snowfall_cm: float = _NAN
    wind_max_kmh: float = _NAN

    @cached_property
    def as_row(self) -> tuple[float, ...]:
        """The values in the order of the fields of TripInputs."""
        return (
            self.is_public_holiday,
            self.is_school_holiday,
            self.temperature_mean,
            self.precipitation_mm,
            self.snowfall_cm,
            self.wind_max_kmh,
        )


_ORDINARY = Conditions()


@dataclass(frozen=True)
class City:
    """Zones by id, the city's time zone, and the conditions by local day. Never changed."""

    timezone: ZoneInfo
    zones: Mapping[int, Zone]
    conditions: Mapping[date, Conditions]

    def on(self, day: date) -> Conditions:
        """The conditions of a local day; a day that is not published is an ordinary one."""
        return self.conditions.get(day, _ORDINARY)


class PublishedCity:
    """The city, read again every minute; `city` is None until zones and days are published."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._read_at = -REFRESH_SECONDS
        self.city: City | None = None

    async def refresh(self) -> None:
        """Read it again if that is due. Raises DatabaseDown."""
        now = time.monotonic()
        if self.city is None or now - self._read_at >= REFRESH_SECONDS:
            self.city = await self._read()
            self._read_at = now

    async def _read(self) -> City | None:
        zones = await self._database.rows(
            "select zone_id, zone, centre_id from published.trip_zones", {}
        )
        days = await self._database.rows(
            "select timezone, date, is_public_holiday, is_school_holiday, temperature_mean,"
            " precipitation_mm, snowfall_cm, wind_max_kmh from published.trip_conditions"
            " where date > current_date - %(days)s::integer - 2",
            {"days": FURTHEST_BACK_DAYS},
        )
        if not zones or not days:
            return None
        return City(
            ZoneInfo(days[0]["timezone"]),
            MappingProxyType(
                {
                    row["zone_id"]: Zone(row["zone_id"], row["zone"], row["centre_id"])
                    for row in zones
                }
            ),
            MappingProxyType({row["date"]: _conditions(row) for row in days}),
        )


def _conditions(row: Mapping[str, Any]) -> Conditions:
    def number(name: str) -> float:
        return _NAN if row[name] is None else float(row[name])

    return Conditions(
        is_public_holiday=float(bool(row["is_public_holiday"])),
        is_school_holiday=float(bool(row["is_school_holiday"])),
        temperature_mean=number("temperature_mean"),
        precipitation_mm=number("precipitation_mm"),
        snowfall_cm=number("snowfall_cm"),
        wind_max_kmh=number("wind_max_kmh"),
    )
