"""What a subscriber logs every few seconds, and the centres that its messages make known."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg

from flow_platform.ground.errors import FlowError
from flow_platform.ground.json_log import log_event, log_warning
from flow_platform.streams.database import first_line
from flow_platform.streams.outcome import Outcome

_SECONDS = 10.0


class Report:
    """Counts what becomes of messages; `total` is of the whole run, the rest since the last line.

    A line is due every ten seconds.
    """

    def __init__(self) -> None:
        self.total = Outcome()
        self._begin()

    def _begin(self) -> None:
        self._outcome, self._batches, self._longest = Outcome(), 0, 0.0
        self._began_at = time.monotonic()

    def add(self, outcome: Outcome, seconds: float) -> None:
        """Count a batch that took so many seconds to settle."""
        self.total.add(outcome)
        self._outcome.add(outcome)
        self._batches += 1
        self._longest = max(self._longest, seconds)

    def is_due(self) -> bool:
        return time.monotonic() - self._began_at >= _SECONDS

    def log(self, **fields: Any) -> None:
        """Log the counts since the last line, with `fields` of the transport, and begin again."""
        outcome, batches, longest = self._outcome, self._batches, self._longest
        self._begin()
        if not outcome.messages:
            return
        newest = outcome.last_event_at
        log_event(
            "settled",
            stored=outcome.stored,
            quarantined=outcome.quarantined,
            repeated=outcome.repeated,
            redelivered=outcome.redelivered,
            erased=outcome.erased,
            batches=batches,
            longest_settling_seconds=round(longest, 3),
            lag_seconds=newest and round((datetime.now(UTC) - newest).total_seconds()),
            **fields,
        )


class NewCentres:
    """Hands each centre that a stream makes known once to `remember`.

    Where that fails, the centres are handed over again with the next ones.
    """

    def __init__(self, remember: Callable[[set[str]], None] | None) -> None:
        self._remember = remember
        self._known: set[str] = set()
        self._pending: set[str] = set()

    def add(self, centres: set[str]) -> None:
        self._pending |= centres - self._known
        if not self._pending or self._remember is None:
            return
        try:
            self._remember(set(self._pending))
        except (FlowError, OSError, psycopg.Error) as error:
            log_warning("centres_not_remembered", why=first_line(error))
            return
        self._known |= self._pending
        self._pending.clear()
