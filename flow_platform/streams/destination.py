"""What a live flow supplies: how a message is read, and how the records that result are stored.

Implementations are in `flow_platform/destinations/`; who receives messages is in the modules of the
transports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

import psycopg

from flow_platform.warehouse.quarantine import Reject


@dataclass(eq=False, slots=True)
class Message:
    """A message as it was received.

    `topic` is the flow's name of the topic, without any prefix of the broker. `source` and
    `position` locate the message for good: "kafka:orders/0" and its offset, or
    "mqtt:traffic/1/count" and its number among the settled messages of the topic. `available_at` is
    when the broker had it, never after `received_at`; both are aware.
    """

    topic: str
    payload: bytes
    source: str
    position: int
    available_at: datetime
    received_at: datetime


class Record(Protocol):
    """A message as its destination has read it."""

    @property
    def source(self) -> str:
        """The source of its message."""
        ...

    @property
    def source_position(self) -> int:
        """The position of its message."""
        ...


M_contra = TypeVar("M_contra", bound=Message, contravariant=True)
R = TypeVar("R", bound=Record)


class Destination(Protocol[M_contra, R]):
    """Reads and stores the messages of one flow. The settlement owns transaction and positions.

    A new live flow supplies an object of this type and nothing else of its stream:

        Settlement(store, "kafka", OrderMessages(pseudonyms))
    """

    @property
    def flow(self) -> str:
        """Name of the flow, as in the catalogue."""
        ...

    def read(self, message: M_contra) -> R:
        """The record of a message, or of why it cannot be stored. Never raises."""
        ...

    def store(self, connection: psycopg.Connection, records: Sequence[R]) -> list[str]:
        """Insert the records into their tables in the caller's transaction.

        Returns the fate of each, in their order (`ground/fates.py`). What PostgreSQL refuses has a
        reason as its fate; errors of the connection are psycopg's.
        """
        ...

    def reject(self, record: R, reason: str) -> Reject:
        """What quarantine keeps of a record that was not stored for this reason."""
        ...

    def event_time(self, record: R) -> datetime | None:
        """The moment that a stored or repeated record describes (aware), for the lag."""
        ...

    def centre(self, record: R, fate: str) -> str | None:
        """The centre that the record makes known, if any."""
        ...
