"""Waits between attempts at a broker or database that is away, and the log of what happens.

Both subscribers use them; what they wait for is in `mqtt.py` and `kafka.py`.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import psycopg

_LONGEST_BACK_OFF = 15.0
# A broken connection of psycopg shows as one of these; errors in the rows do not.
DATABASE_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError)
# A server that is gone must not hold a subscriber for the hours that TCP would wait.
CONNECTION: dict[str, Any] = {
    "connect_timeout": 10,
    "tcp_user_timeout": 20_000,
    "options": "-c timezone=UTC -c statement_timeout=30s",
}


class BackOff:
    """Waits that double up to a bound; the first is none."""

    def __init__(self) -> None:
        self._seconds = 0.25
        self._until = 0.0

    def is_over(self) -> bool:
        return time.monotonic() >= self._until

    def extend(self) -> float:
        """Begin the next wait; returns its seconds."""
        seconds = self._seconds
        self._until = time.monotonic() + seconds
        self._seconds = min(2 * seconds, _LONGEST_BACK_OFF)
        return seconds


def say(event: str, **facts: Any) -> None:
    """One line of JSON for the log; never a payload."""
    line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **facts}
    print(json.dumps(line, ensure_ascii=False), flush=True)


def first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
