"""Loads the weather, which is no flow itself, and finds the days of it that a flow still needs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from flow_platform.flows.kinds import Flow
from flow_platform.ground.columns import WEATHER_COLUMNS, WEATHER_KEYS
from flow_platform.ground.rectangle import Rectangle, contiguous
from flow_platform.ground.roles import INGEST_ROLE
from flow_platform.platform import Platform
from flow_platform.sources.weather import fetch_weather
from flow_platform.sources.weather_options import WeatherSource
from flow_platform.stages.loading import Balance, balance_of, record_loads, record_rejects


def load_weather(platform: Platform, rectangle: Rectangle) -> tuple[int, Balance]:
    """Replace the weather that became known in these partitions.

    Returns the rows written, and the balance of files with the source's warnings: a day without
    weather is no error. Rows of files that cannot be used go to `ops.quarantine`, whole, and each
    file's balance to `ops.loads`.
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
        known=platform.centres,
    )
    rows = result.rows[[*WEATHER_KEYS, *WEATHER_COLUMNS]]
    store = platform.store(INGEST_ROLE)
    if not result.is_refused:
        store.replace("raw.weather", rows, rectangle)
    if result.files:
        section = WeatherSource.section
        readable = [file.file for file in result.files if file.error is None]
        with store.connect() as connection, connection.cursor() as cursor:
            is_refused = result.is_refused
            record_loads(cursor, section, rectangle, result.files, is_refused=is_refused)
            record_rejects(cursor, section, rectangle, result.rejected, readable)
    balance = balance_of(result.files, 0, rejected=result.rejected)
    # The warnings name the files that cannot be read.
    return len(rows), replace(balance, broken_files=(), warnings=tuple(result.warnings))


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
