"""The columns of trips: their names over the years, and the service that wrote a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flow_platform.flows.trips.options import TripsSource
from flow_platform.sources.files import FileUnreadableError
from flow_platform.sources.forms import FileForm
from flow_platform.sources.layouts import Layouts, folded
from flow_platform.sources.tables import clean_text

# Names of columns, without regard to case and to blanks around them: they changed over the years.
_NAMES: dict[str, tuple[str, ...]] = {
    "pickup_at": ("lpep_pickup_datetime", "tpep_pickup_datetime", "pickup_datetime", "pickup_at"),
    "dropoff_at": (
        "lpep_dropoff_datetime",
        "tpep_dropoff_datetime",
        "dropoff_datetime",
        "dropoff_at",
    ),
    "pickup_zone": ("pulocationid", "pickup_zone"),
    "dropoff_zone": ("dolocationid", "dropoff_zone"),
    "distance_miles": ("trip_distance", "distance_miles"),
    "distance_km": ("distance_km",),
    "fare": ("fare_amount", "fare"),
    "total": ("total_amount", "total"),
    "passengers": ("passenger_count", "passengers"),
}
_NUMBERS = ("distance_miles", "distance_km", "fare", "total")
_NEEDED = ("pickup_at", "dropoff_at", "pickup_zone", "dropoff_zone")
_SERVICES = {"lpep": "green", "tpep": "yellow"}
_OTHER = "other"


@dataclass(frozen=True)
class Layout:
    """Our names of columns to those of a file, and the service that wrote it."""

    names: Mapping[str, str]
    service: str

    @property
    def absent(self) -> tuple[str, ...]:
        """Our names of columns that the file has not; one distance is enough."""
        distances = ("distance_km", "distance_miles")
        return tuple(one for one in _NAMES if one not in self.names and one not in distances)

    @property
    def is_of_new_york(self) -> bool:
        """Whether its times have the names of New York's files."""
        return self.names["pickup_at"].strip().casefold()[:4] in _SERVICES


def is_header(names: Sequence[str], config: TripsSource) -> bool:
    """Whether names of columns are those of trips: each that is needed is there."""
    return not _missing(_columns(names, config))


def layout_of(header: Sequence[str], config: TripsSource, path: Path) -> Layout:
    """Which column is which. Raises FileUnreadableError where one is missing or ambiguous."""
    columns = _columns(header, config)
    for ours, theirs in columns.items():
        if len(theirs) > 1:
            shown = " and ".join(clean_text(name) for name in theirs)
            raise FileUnreadableError(
                f"columns {shown} both mean {ours}. Rename one, or map the right one in columns of"
                " sources.toml."
            )
    missing = _missing(columns)
    if missing:
        expected = " and no column ".join(
            config.columns.get(name) or " or ".join(_known(name)) for name in missing
        )
        shown = ", ".join(clean_text(name)[:60] for name in header[:25]) or "nothing"
        old = any("longitude" in name.casefold() for name in header)
        raise FileUnreadableError(
            f"no column {expected} (found: {shown})."
            + (" It is of the years with coordinates in place of zones." if old else "")
            + " Take a file of trips with zones, or map its columns in sources.toml.",
            FileForm(
                names=tuple(header),
                columns={ours: theirs[0] for ours, theirs in columns.items()},
                missing={name: config.columns.get(name) or _NAMES[name][0] for name in missing},
            ),
        )
    names = {ours: theirs for ours, (theirs,) in columns.items()}
    _check_unit(names, config)
    prefix = folded(names["pickup_at"])[:4]
    by_name = next((one for one in _SERVICES.values() if one in path.name.casefold()), _OTHER)
    return Layout(names, _SERVICES.get(prefix, by_name))


def numbers_of(layout: Layout) -> Layouts:
    """The same columns, as those whose numbers have marks."""
    return Layouts((layout.names,), (), numbers=_NUMBERS)


def _check_unit(names: Mapping[str, str], config: TripsSource) -> None:
    """Raise FileUnreadableError where nobody knows the unit of the distance: New York's
    `trip_distance` is in miles, but so is not that of another city."""
    if {"distance_km", "distance_miles"} & set(config.columns) or "distance_km" in names:
        return
    of_new_york = (
        folded(names["pickup_at"])[:4] in _SERVICES
        or folded(names["pickup_zone"]) == "pulocationid"
    )
    if folded(names["distance_miles"]) == "trip_distance" and not of_new_york:
        raise FileUnreadableError(
            f"has a column {names['distance_miles']}, and it is not known whether it is in miles or"
            " in kilometres: map it to distance_miles or to distance_km in columns of sources.toml."
        )


def _columns(header: Sequence[str], config: TripsSource) -> dict[str, list[str]]:
    """Our names of columns to those of a header that mean them, one or more."""
    by_name: dict[str, list[str]] = {}
    for name in header:
        by_name.setdefault(folded(name), []).append(name)
    found: dict[str, list[str]] = {}
    for ours, known in _NAMES.items():
        mapped = config.columns.get(ours)
        wanted = (folded(mapped),) if mapped else known
        theirs = [name for one in wanted for name in by_name.get(one, ())]
        if theirs:
            found[ours] = theirs
    return found


def _known(ours: str) -> tuple[str, ...]:
    distance = ours == "distance_miles"
    return (*_NAMES[ours], *_NAMES["distance_km"]) if distance else _NAMES[ours]


def _missing(columns: Mapping[str, list[str]]) -> list[str]:
    missing = [name for name in _NEEDED if name not in columns]
    if not {"distance_miles", "distance_km"} & set(columns):
        missing.append("distance_miles")
    return missing
