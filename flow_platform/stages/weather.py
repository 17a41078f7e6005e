"""Which weather a flow still lacks: it is a flow apart, and landed before those that it bends.

How it is fetched and written is in `landing.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flow_platform.flows import Flow
from flow_platform.ground.rectangle import Rectangle, contiguous
from flow_platform.ground.roles import INGEST_ROLE
from flow_platform.platform import Platform


def lacking_weather(platform: Platform, flow: Flow, rectangle: Rectangle) -> list[Rectangle]:
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
