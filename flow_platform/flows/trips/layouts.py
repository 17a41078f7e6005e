"""The columns of trips: their names over the years, and the service that wrote a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flow_platform.flows.trips.options import TripsSource
from flow_platform.sources.files import FileUnreadableError
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
_NEEDED = ("pickup_at", "dropoff_at", "pickup_zone", "dropoff_zone")
_SERVICES = {"lpep": "green", "tpep": "yellow"}
_OTHER = "other"


@dataclass(frozen=True)
class Layout:
    """Our names of columns to those of a file, and the service that wrote it."""

    names: Mapping[str, str]
    service: str

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
            config.columns.get(name) or " or ".join(_NAMES[name]) for name in missing
        )
        shown = ", ".join(clean_text(name)[:60] for name in header[:25]) or "nothing"
        old = any("longitude" in name.casefold() for name in header)
        raise FileUnreadableError(
            f"no column {expected} (found: {shown})."
            + (" It is of the years with coordinates in place of zones." if old else "")
            + " Take a file of trips with zones, or map its columns in sources.toml."
        )
    names = {ours: theirs for ours, (theirs,) in columns.items()}
    prefix = names["pickup_at"].strip().casefold()[:4]
    by_name = next((one for one in _SERVICES.values() if one in path.name.casefold()), _OTHER)
    return Layout(names, _SERVICES.get(prefix, by_name))


def _columns(header: Sequence[str], config: TripsSource) -> dict[str, list[str]]:
    """Our names of columns to those of a header that mean them, one or more."""
    folded: dict[str, list[str]] = {}
    for name in header:
        folded.setdefault(name.strip().casefold(), []).append(name)
    found: dict[str, list[str]] = {}
    for ours, known in _NAMES.items():
        mapped = config.columns.get(ours)
        wanted = (mapped.strip().casefold(),) if mapped else known
        theirs = [name for one in wanted for name in folded.get(one, ())]
        if theirs:
            found[ours] = theirs
    return found


def _missing(columns: Mapping[str, list[str]]) -> list[str]:
    missing = [name for name in _NEEDED if name not in columns]
    if not {"distance_miles", "distance_km"} & set(columns):
        missing.append("distance_miles")
    return missing
