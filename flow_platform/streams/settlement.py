"""The one exactly-once settlement: rows, rejects and positions of a batch in one transaction.

Receiving messages and acknowledging them to a broker is in the modules of the transports; how
messages are read and stored is supplied by a `Destination`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic

import psycopg

from flow_platform.ground import crash_points
from flow_platform.ground.fates import REPEATED, STORED, is_quarantined
from flow_platform.streams.database import connect
from flow_platform.streams.destination import Destination, R
from flow_platform.streams.logs import Position
from flow_platform.streams.offsets import Offsets, Span
from flow_platform.streams.outcome import Outcome
from flow_platform.warehouse.quarantine import put_rejects
from flow_platform.warehouse.store import Store


@dataclass
class Batch(Generic[R]):
    """Records of some partitions, those of each partition in the order of their positions.

    `partitions` holds the partition of each record, `spans` what is settled of each partition,
    `bytes` the size of the payloads, for transports that bound it.
    """

    records: list[R] = field(default_factory=list)
    partitions: list[str] = field(default_factory=list)
    spans: dict[str, Span] = field(default_factory=dict)
    bytes: int = 0

    def __len__(self) -> int:
        return len(self.records)


class Settlement(Generic[R]):
    """A connection that settles batches of one stream; used by one thread at a time.

    Errors of the connection (`database.DATABASE_AWAY`) are raised to the caller, who opens it again
    and learns from the positions whether a commit whose answer was lost took place: an unfinished
    transaction holds the rows of its positions, so that it cannot pass unseen.
    """

    def __init__(self, store: Store, source: str, destination: Destination[Any, R]) -> None:
        self.destination = destination
        self.offsets = Offsets(destination.flow, source)
        self._store = store
        self._connection: psycopg.Connection | None = None

    def open(self) -> psycopg.Connection:
        """Connect, also if it is connected already."""
        self.close()
        self._connection = connect(self._store)
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def connection(self) -> psycopg.Connection:
        """The open connection. Raises psycopg.OperationalError if there is none."""
        if self._connection is None or self._connection.closed:
            raise psycopg.OperationalError("the connection is closed")
        return self._connection

    def positions(self, partitions: Iterable[str]) -> dict[str, Position | None]:
        """The position of each partition, None where nothing is settled; connects if needed."""
        if self._connection is None or self._connection.closed:
            self.open()
        wanted = list(partitions)
        known = self.offsets.read(self.connection, wanted)
        return {partition: known.get(partition) for partition in wanted}

    def settle(
        self, batch: Batch[R], also: Callable[[psycopg.Connection], None] | None = None
    ) -> Outcome:
        """Write the batch and move its positions on, in one transaction; `also` is part of it.

        Raises OvertakenError where a position is not the one that the batch begins at.
        """
        connection, destination = self.connection, self.destination
        with connection.transaction():
            fates = destination.store(connection, batch.records)
            rejects = [
                destination.reject(record, fate)
                for record, fate in zip(batch.records, fates, strict=True)
                if is_quarantined(fate)
            ]
            put_rejects(connection, destination.flow, rejects)
            crash_points.pass_point("mid_transaction")
            outcomes = self._outcomes(batch, fates)
            self.offsets.move(connection, batch.spans, outcomes)
            if also is not None:
                also(connection)
            crash_points.pass_point("before_commit")
        total = Outcome()
        for outcome in outcomes.values():
            total.add(outcome)
        return total

    def _outcomes(self, batch: Batch[R], fates: list[str]) -> dict[str, Outcome]:
        """The messages of each partition by their fate."""
        destination = self.destination
        outcomes = {name: Outcome() for name in batch.spans}
        for record, name, fate in zip(batch.records, batch.partitions, fates, strict=True):
            is_stored = fate in (STORED, REPEATED)
            event_time = destination.event_time(record) if is_stored else None
            outcomes[name].count(fate, event_time, destination.centre(record, fate))
        return outcomes
