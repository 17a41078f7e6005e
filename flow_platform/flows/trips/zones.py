"""The zones of a city that trips begin and end in: reading a file of zones and of their positions.

Trips are read in `source.py`; the zones of the simulated city are in `simulator.py`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from flow_platform.flows.trips.options import TripsSource
from flow_platform.ground.errors import ConfigurationError
from flow_platform.sources import values
from flow_platform.sources.ids import why_not_an_id
from flow_platform.sources.settings_files import read_small_csv

_ALIASES = {"locationid": "zone_id", "location_id": "zone_id"}
_REQUIRED = ("zone_id", "zone", "borough")
# Of the official export of taxi zones, of today and of former years.
_SHAPES = ("the_geom", "shape_geometry", "geometry", "wkt")
_NO_BOROUGH = values.MISSING | {"unknown"}
_LARGEST_ID = 2**31 - 1
# A ring of well-known text: its opening brackets and its points. One bracket alone opens a hole.
_RING = re.compile(r"([(\s]*)\(([^()]*)\)")


@dataclass(frozen=True)
class Zone:
    """A zone of the city.

    `borough` is the centre of the trips that begin here, None where the source knows none; latitude
    and longitude, of the middle in degrees (WGS 84), None where they are not known.
    """

    zone_id: int
    zone: str
    borough: str | None
    latitude: float | None = None
    longitude: float | None = None


def boroughs_of(zones: Iterable[Zone]) -> tuple[str, ...]:
    """The boroughs, in alphabetical order: the first dimension of the partition keys."""
    return tuple(sorted({zone.borough for zone in zones if zone.borough is not None}))


def read_zones(config: TripsSource) -> tuple[Zone, ...]:
    """The zones of the file that [trips] names, by zone id.

    The official lookup (LocationID, Borough, Zone), or columns zone_id, zone, borough and, if
    known, latitude and longitude; coordinates of the `geometry` file take precedence. Boroughs
    "Unknown" and "N/A" are none.

    Raises ConfigurationError naming file, line and remedy.
    """
    assert config.zones is not None, "sources.toml is refused where [trips] has files and no zones"
    what, path = "Zone file", Path(config.zones)
    rows = read_small_csv(
        path,
        what,
        _ALIASES,
        _REQUIRED,
        "Its header names zone_id (or LocationID), zone, borough, and latitude and longitude if"
        " they are known.",
    )
    zones: dict[int, Zone] = {}
    lines: dict[int, int] = {}
    for line, row in rows:
        zone = _zone(row, f"{what} {path}, line {line}")
        if zone.zone_id in zones:
            raise ConfigurationError(
                f"{what} {path}, line {line}: zone {zone.zone_id} is already in line"
                f" {lines[zone.zone_id]}. Remove one of them."
            )
        zones[zone.zone_id], lines[zone.zone_id] = zone, line
    if not boroughs_of(zones.values()):
        raise ConfigurationError(
            f"{what} {path} names no zone with a borough. Add at least one line."
        )
    geometry = config.geometry
    places = read_places(Path(geometry)) if geometry else {}
    return tuple(_placed(zones[zone_id], places) for zone_id in sorted(zones))


def _placed(zone: Zone, places: dict[int, tuple[float, float]]) -> Zone:
    if zone.zone_id not in places:
        return zone
    latitude, longitude = places[zone.zone_id]
    return replace(zone, latitude=latitude, longitude=longitude)


def _zone(row: dict[str, str], where: str) -> Zone:
    borough = row["borough"]
    known = borough.casefold() not in _NO_BOROUGH
    if known and (fault := why_not_an_id(borough)) is not None:
        fault = fault.replace("centre_id", "borough")
        raise ConfigurationError(f"{where}: {fault}. Boroughs are partition keys.")
    latitude, longitude = (_degrees(row.get(name, ""), name, where) for name in _LIMITS)
    if (latitude is None) != (longitude is None):
        raise ConfigurationError(
            f"{where}: only one of latitude and longitude is given. Give both, or neither."
        )
    zone_id = _zone_id(values.whole_id(row["zone_id"]), where)
    return Zone(
        zone_id, row["zone"] or str(zone_id), borough if known else None, latitude, longitude
    )


_LIMITS = {"latitude": 90.0, "longitude": 180.0}


def _zone_id(text: str, where: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > _LARGEST_ID:
        raise ConfigurationError(
            f"{where}: zone_id {text!r} is not a whole number from 0 to {_LARGEST_ID:,}."
            " Correct it."
        )
    return int(text)


def _degrees(text: str, name: str, where: str) -> float | None:
    if text.casefold() in values.MISSING:
        return None
    try:
        degrees = float(text)
    except ValueError:
        degrees = math.nan
    if not abs(degrees) <= _LIMITS[name]:
        raise ConfigurationError(
            f"{where}: {name} {text[:40]!r} is not a number of degrees from {-_LIMITS[name]:g} to"
            f" {_LIMITS[name]:g}. Use degrees of WGS 84, or leave it blank."
        )
    return degrees


# -- where zones are -----------------------------------------------------------------------------


def read_places(path: Path) -> dict[int, tuple[float, float]]:
    """Latitude and longitude by zone id, of a geometry file.

    Its columns are zone_id (or LocationID) and latitude and longitude, or the shape of the zone in
    well-known text (`the_geom` of the official export), of which the centroid is taken. A zone in
    several rows, as some islands are, has the centroid of all.

    Raises ConfigurationError naming file, row and remedy.
    """
    import pandas as pd

    what = f"Geometry file {path}"
    try:
        # The csv module's limit of a field is below the coast line of a zone.
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except OSError as error:
        raise ConfigurationError(
            f"{what} cannot be read: {error.strerror or error}. Check the path."
        ) from error
    except (ValueError, pd.errors.ParserError) as error:
        raise ConfigurationError(
            f"{what} is not a UTF-8 CSV file ({error}). Export it again as CSV."
        ) from error
    names = [str(name).strip().casefold().replace(" ", "_") for name in frame.columns]
    frame.columns = pd.Index([_ALIASES.get(name, name) for name in names])
    shape = next((name for name in _SHAPES if name in frame.columns), None)
    has_points = set(_LIMITS) <= set(frame.columns)
    if "zone_id" not in frame.columns or not (has_points or shape):
        raise ConfigurationError(
            f"{what} needs a column LocationID (or zone_id), and latitude and longitude or the_geom"
            f" (found: {', '.join(names)}). Export it again with them."
        )
    pieces: dict[int, list[tuple[float, float, float]]] = {}
    for number, row in enumerate(frame.to_dict("records"), start=1):
        where = f"{what}, row {number}"
        zone_id = _zone_id(str(row["zone_id"]).strip(), where)
        found = _point(row, where) if has_points else _centroid(str(row[shape]), where)
        if found is not None:
            pieces.setdefault(zone_id, []).append(found)
    return {zone_id: _middle(found)[:2] for zone_id, found in pieces.items()}


def _point(row: dict[object, str], where: str) -> tuple[float, float, float] | None:
    latitude, longitude = (_degrees(row[name].strip(), name, where) for name in _LIMITS)
    return None if latitude is None or longitude is None else (latitude, longitude, 1.0)


def _middle(pieces: list[tuple[float, float, float]]) -> tuple[float, float, float]:
    """The mean of points by their weights, and the weight of all."""
    weight = sum(piece[2] for piece in pieces)
    latitude, longitude = (
        sum(piece[axis] * piece[2] for piece in pieces) / weight for axis in (0, 1)
    )
    return latitude, longitude, weight


def _centroid(shape: str, where: str) -> tuple[float, float, float] | None:
    """Centroid and area of a POLYGON or MULTIPOLYGON: of its rings, holes taken off."""
    if not shape.strip() or shape.strip().upper().endswith("EMPTY"):
        return None
    pieces = []
    for brackets, points in _RING.findall(shape):
        latitude, longitude, area = _ring(points, where)
        pieces.append((latitude, longitude, area if "(" in brackets else -area))
    if not pieces or sum(piece[2] for piece in pieces) <= 0:
        raise ConfigurationError(
            f"{where}: {shape.strip()[:40]!r} is no POLYGON or MULTIPOLYGON with an area."
            " Export the zones again as CSV."
        )
    latitude, longitude, area = _middle(pieces)
    for name, degrees in (("latitude", latitude), ("longitude", longitude)):
        _degrees(repr(degrees), name, where)
    return latitude, longitude, area


def _ring(points: str, where: str) -> tuple[float, float, float]:
    """Centroid (latitude, longitude) and area of a closed ring, by the shoelace formula.

    On degrees: within a zone the error is far below its size.
    """
    try:
        pairs = [[float(number) for number in point.split()[:2]] for point in points.split(",")]
        x0, y0 = pairs[0]
        # From the first point on: products of whole degrees would lose the digits of a small ring.
        ring = [(x - x0, y - y0) for x, y in pairs]
    except (ValueError, IndexError) as error:
        raise ConfigurationError(
            f"{where}: {points.strip()[:40]!r} is not a list of points. Export the zones again."
        ) from error
    doubled = sum_x = sum_y = 0.0
    for (x, y), (next_x, next_y) in zip(ring, [*ring[1:], ring[0]], strict=True):
        cross = x * next_y - next_x * y
        doubled += cross
        sum_x += (x + next_x) * cross
        sum_y += (y + next_y) * cross
    if doubled == 0:
        return y0, x0, 0.0
    return y0 + sum_y / (3 * doubled), x0 + sum_x / (3 * doubled), abs(doubled) / 2
