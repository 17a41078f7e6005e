"""Loads the weather, which is no flow itself, and finds the days of it that a flow still needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flow_platform.flows.kinds import Flow
from flow_platform.ground.columns import WEATHER_COLUMNS, WEATHER_KEYS
from flow_platform.ground.rectangle import Rectangle, contiguous
from flow_platform.ground.roles import INGEST_ROLE
from flow_platform.platform import Platform
from flow_platform.sources.weather import fetch_weather
from flow_platform.sources.weather_options import WeatherSource


def load_weather(platform: Platform, rectangle: Rectangle) -> tuple[int, tuple[str, ...]]:
    """Replace the weather that became known in these partitions.

    Returns the rows written and the source's warnings: a day without weather is no error.
    """
    wanted = set(rectangle.centres)
    result = fetch_weather(
        platform.sources.of(WeatherSource),
        [centre for centre in platform.centres if centre.centre_id in wanted],
        rectangle.first_day,
        rectangle.last_day,
        now=datetime.now(UTC),
        world=platform.world,
        cache_dir=platform.settings.home_path / "cache",
    )
    rows = result.rows[[*WEATHER_KEYS, *WEATHER_COLUMNS]]
    platform.store(INGEST_ROLE).replace("raw.weather", rows, rectangle)
    return len(rows), tuple(result.warnings)


def weather_needed(platform: Platform, flow: Flow, rectangle: Rectangle) -> list[Rectangle]:
    """The rectangles of weather to load before a rectangle of a flow.

    From the first day of which a place of the flow has none to the last; none where all is there.
    """
    places = platform.weather_places_of(flow)
    if not places:
        return []
    last = min(rectangle.last_day, datetime.now(UTC).date() - timedelta(days=1))
    # The first day's morning knows what was forecast the day before.
    first = max(rectangle.first_day - timedelta(days=1), platform.settings.first_day)
    known = platform.store(INGEST_ROLE).read(
        "select day from raw.weather where centre_id = any(%(places)s)"
        " and day between %(first)s and %(last)s group by day"
        " having count(distinct centre_id) = %(count)s",
        {"places": list(places), "first": first, "last": last, "count": len(places)},
    )
    missing = sorted(
        {first + timedelta(days=n) for n in range((last - first).days + 1)}
        - {day.date() for day in known["day"]}
    )
    if not missing:
        return []
    blocks = contiguous(places, platform.centre_ids)
    return [Rectangle(block, missing[0], missing[-1]) for block in blocks]
