"""The centres: which there are, and what a centres file may hold.

Reads the dbt seed or the user's own CSV. Partition keys made from centres are in `partitions.py`.
"""

from __future__ import annotations

import math
import zoneinfo
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from flow_platform.ground.errors import ConfigurationError
from flow_platform.sources.distances import kilometres_between
from flow_platform.sources.ids import why_not_an_id
from flow_platform.sources.public_holidays import holiday_subdivision, known_country
from flow_platform.sources.school_holidays import ZONES
from flow_platform.sources.settings_files import rows_with_centres

DEFAULT_CENTRES = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds" / "centres.csv"

COLUMNS = (
    "centre_id",
    "name",
    "latitude",
    "longitude",
    "country",
    "subdivision",
    "school_zone",
    "timezone",
    "daily_capacity",
)

# Weather and calendar of a centre farther away than this are not those of a place.
FARTHEST_PLACE_KM = 60.0


@dataclass(frozen=True)
class Centre:
    """A place by which a flow is partitioned.

    `centre_id` is text, kept verbatim; latitude and longitude in degrees (WGS 84); `country` an
    ISO 3166 code; `subdivision` and `school_zone` as in `public_holidays` and `school_holidays`;
    `timezone` an IANA name; `daily_capacity` in parcels a day. None where it is not known. A road
    counter has an `area`, whose partition holds its rows; counters and boroughs have a `place`,
    whose calendar and weather are theirs.
    """

    centre_id: str
    name: str
    latitude: float | None
    longitude: float | None
    country: str | None
    subdivision: str | None
    school_zone: str | None
    timezone: str
    daily_capacity: float | None
    area: str | None = None
    place: str | None = None

    @property
    def label(self) -> str:
        """The id with the name, where that is another: "1 (Lille)"."""
        return self.centre_id if self.name == self.centre_id else f"{self.centre_id} ({self.name})"

    @property
    def partition(self) -> str:
        """The key of the partitions that hold its rows."""
        return self.area or self.centre_id


@lru_cache(maxsize=1)
def _timezones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _number(row: dict[str, str], name: str, where: str, low: float, high: float) -> float | None:
    text = row.get(name, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise ConfigurationError(
            f"{where}: {name} {text!r} is not a number from {low:g} to {high:g}."
            " Use a decimal point, or leave it blank."
        )
    return value


def _centre(row: dict[str, str], where: str) -> Centre:
    centre_id = row["centre_id"]
    if (fault := why_not_an_id(centre_id)) is not None:
        raise ConfigurationError(f"{where}: {fault}.")
    latitude = _number(row, "latitude", where, -90, 90)
    longitude = _number(row, "longitude", where, -180, 180)
    if (latitude is None) != (longitude is None):
        raise ConfigurationError(
            f"{where}: only one of latitude and longitude is given. Give both, or neither."
        )
    country = row.get("country", "").upper() or None
    if country is not None and not known_country(country):
        raise ConfigurationError(
            f"{where}: no public holidays are known for country {row['country']!r}. Use the ISO"
            " 3166 code (FR, DE, GB), or leave it blank for a calendar without public holidays."
        )
    subdivision = row.get("subdivision") or None
    if subdivision is not None and country is None:
        raise ConfigurationError(
            f"{where}: subdivision {subdivision!r} without a country. Give the country too."
        )
    if subdivision is not None and country is not None:
        try:
            holiday_subdivision(country, subdivision)
        except KeyError as error:
            raise ConfigurationError(
                f"{where}: {country} has no subdivision {subdivision!r} with holidays of its own."
                " Use an ISO 3166-2 code such as DE-BY, or leave it blank for the national ones."
            ) from error
    zone = row.get("school_zone", "").upper().removeprefix("ZONE").strip() or None
    if zone is not None and zone not in ZONES:
        raise ConfigurationError(
            f"{where}: school_zone {row['school_zone']!r} is not known. Use A, B or C (France),"
            " or leave it blank."
        )
    timezone = row.get("timezone") or "UTC"
    if timezone not in _timezones():
        raise ConfigurationError(
            f"{where}: timezone {timezone!r} is not known. Use an IANA name such as Europe/Paris,"
            " or leave it blank for UTC."
        )
    capacity = _number(row, "daily_capacity", where, 0, 1e9)
    if capacity == 0:
        raise ConfigurationError(
            f"{where}: daily_capacity is 0. Leave it blank where it is not known."
        )
    return Centre(
        centre_id=centre_id,
        name=row.get("name") or centre_id,
        latitude=latitude,
        longitude=longitude,
        country=country,
        subdivision=subdivision,
        school_zone=zone,
        timezone=timezone,
        daily_capacity=capacity,
    )


def without_capacity(centres: Iterable[Centre]) -> tuple[Centre, ...]:
    """The same centres for a flow that the `daily_capacity` of the centres file is not of."""
    return tuple(replace(centre, daily_capacity=None) for centre in centres)


def read_centres(path: Path) -> tuple[Centre, ...]:
    """The centres of a CSV file, in the file's order.

    Only `centre_id` is obligatory; unknown columns are ignored. Ids are stripped of surrounding
    blanks and otherwise kept verbatim ("07" stays "07").

    Raises ConfigurationError naming file, line and remedy.
    """
    hint = f"Its header names {', '.join(COLUMNS)}; only centre_id is obligatory."
    centres: dict[str, Centre] = {}
    lines: dict[str, str] = {}
    for where, row in rows_with_centres(path, "Centres file", hint):
        centre = _centre(row, where)
        if centre.centre_id in centres:
            raise ConfigurationError(
                f"{where}: centre_id {centre.centre_id!r} is already used in"
                f" {lines[centre.centre_id]}. Ids must be unique."
            )
        centres[centre.centre_id] = centre
        lines[centre.centre_id] = where.rpartition(", ")[2]
    if not centres:
        raise ConfigurationError(f"Centres file {path} names no centre. Add at least one line.")
    return tuple(centres.values())


def centre_named(centre_id: str, centres: Sequence[Centre], where: str) -> Centre:
    """The centre that a key `place` names. Raises ConfigurationError where there is none."""
    for centre in centres:
        if centre.centre_id == centre_id:
            return centre
    raise ConfigurationError(
        f"{where}: place {centre_id!r} is no centre. Use one of"
        f" {', '.join(centre.centre_id for centre in centres[:20])}, or leave it out."
    )


def nearest_centre(latitude: float, longitude: float, centres: Sequence[Centre]) -> Centre | None:
    """The centre nearest to a point (degrees, WGS 84), or None where none is within 60 km."""
    nearest, shortest = None, FARTHEST_PLACE_KM
    for centre in centres:
        if centre.latitude is None or centre.longitude is None:
            continue
        away = float(kilometres_between(latitude, longitude, centre.latitude, centre.longitude))
        # Of two at the same distance the first of the file.
        if away < shortest or (nearest is None and away <= shortest):
            nearest, shortest = centre, away
    return nearest
