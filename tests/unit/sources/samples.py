"""Small things that several tests of sources are made of."""

from __future__ import annotations

from datetime import UTC, datetime

from flow_platform.sources.centres import Centre

NOW = datetime(2026, 6, 1, 3, 30, tzinfo=UTC)


def plain_centre(centre_id: str, timezone: str = "Europe/Paris") -> Centre:
    """A centre of which only id and time zone are known."""
    return Centre(centre_id, centre_id, None, None, None, None, None, timezone, None)
