"""One line of JSON for each event of a service or a stream; what is logged is up to the callers.

Every line has the keys `time` (UTC, ISO 8601, milliseconds), `level` and `event`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

# Created once: `json.dumps` with any option creates an encoder for each call.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def json_line(event: str, at: datetime, level: str, fields: Mapping[str, Any]) -> str:
    """The line of an event at the moment `at` (UTC), without a line break.

    >>> json_line("stopped", datetime(2026, 5, 1, tzinfo=UTC), "info", {"messages": 3})
    '{"time":"2026-05-01T00:00:00.000+00:00","level":"info","event":"stopped","messages":3}'
    """
    time = at.isoformat(timespec="milliseconds")
    return _encode({"time": time, "level": level, "event": event, **fields})


def log_event(event: str, **fields: Any) -> None:
    """Print the line of an event that happens now. Never pass a payload or a secret."""
    print(json_line(event, datetime.now(UTC), "info", fields), flush=True)


def log_warning(event: str, **fields: Any) -> None:
    """The same of an event that somebody may have to look into."""
    print(json_line(event, datetime.now(UTC), "warning", fields), flush=True)
