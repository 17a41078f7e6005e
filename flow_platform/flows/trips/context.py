"""What the flow `trips` knows of its city at one installation."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from flow_platform.flows.trips.options import TripsSource
from flow_platform.flows.trips.simulator import City
from flow_platform.flows.trips.zones import Zone, boroughs_of, read_zones
from flow_platform.platform import FlowContext
from flow_platform.sources.centres import Centre, centre_named, nearest_centre

# Where trips take place whose zones are near no centre; a centre of the file cannot have such an
# id.
NEW_YORK = Centre(
    "[new york]", "New York", 40.7128, -74.006, "US", "NY", None, "America/New_York", None
)


class TripsContext(FlowContext[TripsSource]):
    """The city: its source, zones, boroughs, clock and calendar.

    >>> platform.kept(TripsContext).place.timezone
    'Europe/Paris'
    """

    section = TripsSource

    @property
    def folder(self) -> Path:
        """Where the official site's files are kept as they were downloaded."""
        return self.platform.settings.home_path / "bronze" / "trips"

    @cached_property
    def simulated(self) -> City:
        """The simulated city, around the first centre of the file."""
        return City(self.platform.centres[0], self.platform.world)

    @cached_property
    def zones(self) -> tuple[Zone, ...]:
        """The zones that trips begin and end in; some may have no borough."""
        is_simulated = self.source.kind == "simulated"
        return self.simulated.zones if is_simulated else read_zones(self.source)

    @property
    def zone_frame(self) -> pd.DataFrame:
        """The zones as models know them: zone_id, latitude, longitude (degrees)."""
        rows = [(zone.zone_id, zone.latitude, zone.longitude) for zone in self.zones]
        return pd.DataFrame(rows, columns=["zone_id", "latitude", "longitude"], dtype="float64")

    @cached_property
    def place(self) -> Centre:
        """The place whose calendar, clock and weather all trips have.

        The centre that `place` names, else the one near the middle of the zones, else New York.
        Simulated trips take place at the first centre. Raises ConfigurationError for a wrong
        `place`.
        """
        centres = self.platform.centres
        if self.source.kind == "simulated":
            return centres[0]
        if self.source.place is not None:
            return centre_named(self.source.place, centres, "sources.toml, section [trips]")
        points = [
            (zone.latitude, zone.longitude)
            for zone in self.zones
            if zone.latitude is not None and zone.longitude is not None
        ]
        if not points:
            return NEW_YORK
        latitude, longitude = (sum(axis) / len(points) for axis in zip(*points, strict=True))
        return nearest_centre(latitude, longitude, centres) or NEW_YORK

    @property
    def why_place(self) -> str:
        """Why trips take place there, in a few words."""
        if self.source.place is not None:
            return f"place = {self.source.place}"
        return "the default" if self.place is NEW_YORK else "the centre near the zones"

    @cached_property
    def centres(self) -> tuple[Centre, ...]:
        """The boroughs as centres."""
        return tuple(
            replace(
                self.place,
                centre_id=borough,
                name=borough,
                latitude=None,
                longitude=None,
                daily_capacity=None,
                place=self.place.centre_id,
            )
            for borough in boroughs_of(self.zones)
        )

    def calendar(self) -> pd.DataFrame:
        """The calendar of the place, from shortly before the first partition."""
        return self.platform.recent_calendar([self.place])
