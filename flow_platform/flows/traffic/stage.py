"""Loads the readings of road counters, or counts those that messages have brought already."""

from __future__ import annotations

from datetime import UTC, datetime

from flow_platform.flows.traffic.clock import clock_of, clock_text
from flow_platform.flows.traffic.context import TrafficContext
from flow_platform.flows.traffic.counters import remember_counters
from flow_platform.flows.traffic.layouts import is_of_paris
from flow_platform.flows.traffic.portal import fetch_readings
from flow_platform.flows.traffic.shares import units_text
from flow_platform.flows.traffic.source import read_traffic
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import INGEST_ROLE
from flow_platform.platform import Platform
from flow_platform.sources.forms import FileForm
from flow_platform.sources.landing import Landing
from flow_platform.stages.loading import Balance, load_rows
from flow_platform.stages.looking import Look


def load_traffic(platform: Platform, rectangle: Rectangle) -> Balance:
    """Replace the readings of these partitions, and account for every row of every file.

    Readings that counters publish live were loaded by the subscriber (`flow ingest mqtt`): here
    they are only counted.
    """
    roads = platform.kept(TrafficContext)
    days = rectangle.first_day, rectangle.last_day
    if roads.source.kind == "mqtt":
        return _count_live(platform, rectangle)
    landing: Landing
    if roads.source.kind == "http":
        fetched = fetch_readings(roads.source, *days, rectangle.centres, now=datetime.now(UTC))
        remember_counters(roads.cache, fetched.counters)
        landing = fetched
    else:
        landing = _read(platform, rectangle)
    return load_rows(platform, "traffic", rectangle, landing)


def look_at_traffic(platform: Platform, rectangle: Rectangle) -> Look:
    """What `load_traffic` would store and refuse of files, and how it understands them."""
    roads = platform.kept(TrafficContext)
    landing = _read(platform, rectangle)
    clock = clock_of(roads.source, roads.counters, platform.centres)

    def facts(form: FileForm) -> dict[str, str]:
        return {
            "clock": clock_text(roads.source, clock, is_of_paris(form.columns)),
            "units": units_text(roads.source),
        }

    return Look(landings=[landing], facts=facts)


def _read(platform: Platform, rectangle: Rectangle) -> Landing:
    roads = platform.kept(TrafficContext)
    return read_traffic(
        roads.source,
        roads.counters,
        rectangle.first_day,
        rectangle.last_day,
        rectangle.centres,
        now=datetime.now(UTC),
        centres=platform.centres,
        world=platform.world,
    )


def _count_live(platform: Platform, rectangle: Rectangle) -> Balance:
    """What messages have brought to these partitions; other rows are in ops.quarantine."""
    counts = platform.store(INGEST_ROLE).read(
        "select count(*) as rows, count(distinct (centre_id, day)) as partitions from raw.traffic"
        " where centre_id = any(%(centres)s) and day between %(first)s and %(last)s",
        rectangle.window,
    )
    stored, filled = (int(value) for value in counts.iloc[0])
    return Balance(stored, stored, 0, 0, 0, (), len(rectangle) - filled)
