"""Loads the readings of road counters, or counts those that messages have brought already."""

from __future__ import annotations

from datetime import UTC, datetime

from flow_platform.flows.traffic.context import TrafficContext
from flow_platform.flows.traffic.counters import remember_counters
from flow_platform.flows.traffic.portal import fetch_readings
from flow_platform.flows.traffic.source import read_traffic
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import INGEST_ROLE
from flow_platform.platform import Platform
from flow_platform.sources.landing import Landing
from flow_platform.stages.loading import Balance, load_rows


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
        landing = read_traffic(
            roads.source,
            roads.counters,
            *days,
            rectangle.centres,
            now=datetime.now(UTC),
            centres=platform.centres,
            world=platform.world,
        )
    return load_rows(platform, "traffic", rectangle, landing)


def _count_live(platform: Platform, rectangle: Rectangle) -> Balance:
    """What messages have brought to these partitions; other rows are in ops.quarantine."""
    counts = platform.store(INGEST_ROLE).read(
        "select count(*) as rows, count(distinct (centre_id, day)) as partitions from raw.traffic"
        " where centre_id = any(%(centres)s) and day between %(first)s and %(last)s",
        rectangle.window,
    )
    stored, filled = (int(value) for value in counts.iloc[0])
    return Balance(stored, stored, 0, 0, 0, (), len(rectangle) - filled)
