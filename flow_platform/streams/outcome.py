"""Counts of messages that were stored, repeated or rejected, and the newest of their events."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from flow_platform.ground.fates import (
    ERASED,
    REDELIVERED,
    REPEATED,
    STORED,
    code_of,
    is_quarantined,
)


@dataclass
class Outcome:
    """Counts of messages by their fate; those in quarantine by the code of their reason.

    `last_event_at` is the newest moment that a stored or repeated message describes, `centres` are
    those that the messages made known.
    """

    counts: Counter[str] = field(default_factory=Counter)
    last_event_at: datetime | None = None
    centres: set[str] = field(default_factory=set)

    @property
    def messages(self) -> int:
        return self.counts.total()

    @property
    def stored(self) -> int:
        return self.counts[STORED]

    @property
    def repeated(self) -> int:
        return self.counts[REPEATED]

    @property
    def erased(self) -> int:
        return self.counts[ERASED]

    @property
    def redelivered(self) -> int:
        return self.counts[REDELIVERED]

    @property
    def quarantined(self) -> int:
        return sum(count for code, count in self.counts.items() if is_quarantined(code))

    def add(self, other: Outcome) -> None:
        """Count the messages of `other` too."""
        self.counts += other.counts
        self.centres |= other.centres
        self.last_event_at = _later(self.last_event_at, other.last_event_at)

    def count(
        self, fate: str, event_time: datetime | None = None, centre: str | None = None
    ) -> None:
        """Count one message."""
        self.counts[code_of(fate)] += 1
        self.last_event_at = _later(self.last_event_at, event_time)
        if centre is not None:
            self.centres.add(centre)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return max(one, other)
