"""Loads parcel counts, and knows their centres and calendar: those of the centres file."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd

from flow_platform.flows.parcels.options import ParcelsSource
from flow_platform.ground.rectangle import Rectangle
from flow_platform.platform import Platform
from flow_platform.sources.calendar import build_calendar
from flow_platform.sources.daily_counts import discover_centres, read_daily_counts
from flow_platform.sources.landing import Landing
from flow_platform.stages.loading import Balance, load_rows
from flow_platform.stages.looking import Look, counts_facts


def load_parcels(platform: Platform, rectangle: Rectangle) -> Balance:
    """Replace the parcel counts of these partitions, and account for every row of every file."""
    return load_rows(platform, "parcels", rectangle, _read(platform, rectangle))


def look_at_parcels(platform: Platform, rectangle: Rectangle) -> Look:
    """What `load_parcels` would store and refuse, and how it understands the files."""
    return Look(landings=[_read(platform, rectangle)], facts=counts_facts)


def _read(platform: Platform, rectangle: Rectangle) -> Landing:
    return read_daily_counts(
        platform.sources.of(ParcelsSource),
        "parcels",
        platform.centres,
        rectangle.first_day,
        rectangle.last_day,
        rectangle.centres,
        now=datetime.now(UTC),
        simulated=platform.world.parcels,
    )


def parcels_calendar(platform: Platform) -> pd.DataFrame:
    """The calendar of the centres; where counts are simulated, with the world's own campaigns."""
    simulated = platform.sources.of(ParcelsSource).kind == "simulated"
    return build_calendar(
        platform.centres, platform.world.events() if simulated else platform.events
    )


def discover(platform: Platform) -> list[dict[str, object]]:
    """Every centre that the counts name, as rows of a centres file."""
    found = discover_centres(platform.sources.of(ParcelsSource))
    return [{"centre_id": one, "name": one, "timezone": "UTC"} for one in found]
