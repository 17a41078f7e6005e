"""Waits between attempts at a broker or a database that is away."""

from __future__ import annotations

import time

_LONGEST = 15.0


class BackOff:
    """Waits that double up to 15 seconds; there is none before the first attempt."""

    def __init__(self) -> None:
        self._seconds = 0.25
        self._until = 0.0

    def is_over(self) -> bool:
        return time.monotonic() >= self._until

    def extend(self) -> float:
        """Begin the next wait; returns its seconds."""
        seconds = self._seconds
        self._until = time.monotonic() + seconds
        self._seconds = min(2 * seconds, _LONGEST)
        return seconds
