"""Settling messages of Kafka: their rows and how far each partition is, in one transaction.

A partition's position in the database is the truth, and the broker's a hint. Receiving messages is
in `kafka.py`, what becomes of rows in `event_rows.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import psycopg

from flow_platform.ground.errors import FlowError
from flow_platform.ingest import crash
from flow_platform.ingest.back_off import CONNECTION
from flow_platform.ingest.event_rows import (
    ERASED,
    FLOW,
    REPEATED,
    STORED,
    Received,
    code_of,
    write_events,
)
from flow_platform.sources.delivery_events import Event
from flow_platform.sources.pseudonyms import Pseudonyms
from flow_platform.warehouse.store import Store

SOURCE = "kafka"

# A position is only ever moved on from where its consumer knows it: one that was thought dead, and
# wakes when another has its partitions, writes nothing.
_MOVE = """
update ops.offsets as old set
    position = new.position,
    rows_stored = old.rows_stored + new.stored,
    rows_quarantined = old.rows_quarantined + new.quarantined,
    rows_repeated = old.rows_repeated + new.repeated,
    rows_erased = old.rows_erased + new.erased,
    last_event_at = greatest(old.last_event_at, new.last_event_at),
    last_message_at = now()
from unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
    %s::bigint[], %s::timestamptz[])
    as new (partition, before, position, stored, quarantined, repeated, erased, last_event_at)
where old.flow = %s and old.source = %s and old.partition = new.partition
    and old.position = new.before
"""
_BEGIN = """
insert into ops.offsets (partition, position, rows_stored, rows_quarantined, rows_repeated,
    rows_erased, last_event_at, flow, source, last_message_at)
select new.partition, new.position, new.stored, new.quarantined, new.repeated, new.erased,
    new.last_event_at, %s, %s, now()
from unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
    %s::timestamptz[])
    as new (partition, position, stored, quarantined, repeated, erased, last_event_at)
on conflict do nothing
"""
_SKIP = """
update ops.offsets set position = %s, offsets_lost = offsets_lost + %s
where flow = %s and source = %s and partition = %s and position = %s
"""


class OvertakenError(FlowError):
    """Another consumer has settled messages of a partition meanwhile; nothing was written."""


@dataclass
class Span:
    """What a batch settles of one partition: from `before` (None: its beginning) up to `position`.

    Positions are the offsets to read next. Offsets between messages may be missing.
    """

    before: int | None
    position: int


@dataclass
class Batch:
    """Messages of some partitions, each partition's in the order of its offsets.

    `partitions` holds the names (topic/partition) of the messages' own.
    """

    received: list[Received] = field(default_factory=list)
    partitions: list[str] = field(default_factory=list)
    spans: dict[str, Span] = field(default_factory=dict)
    bytes: int = 0

    def __len__(self) -> int:
        return len(self.received)


@dataclass
class Outcome:
    """What became of messages: stored, repeated, erased, and the codes of what is in quarantine."""

    counts: Counter[str] = field(default_factory=Counter)
    last_event_at: datetime | None = None

    @property
    def messages(self) -> int:
        return self.counts.total()

    @property
    def quarantined(self) -> int:
        return self.messages - sum(self.counts[fate] for fate in (STORED, REPEATED, ERASED))

    def add(self, other: Outcome) -> None:
        self.counts += other.counts
        self.last_event_at = _later(self.last_event_at, other.last_event_at)


class PartitionSettlement:
    """A connection that settles batches; used by one thread at a time.

    Errors of the connection go to the caller, who asks for `positions` then and goes on from there:
    whether a commit whose answer was lost took place is seen by them, and a transaction that is
    still on its way holds the rows of the positions, so that it cannot pass unseen.
    """

    def __init__(self, store: Store, pseudonyms: Pseudonyms) -> None:
        self._store, self._pseudonyms = store, pseudonyms
        self._connection: psycopg.Connection | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def positions(self, partitions: Iterable[str]) -> dict[str, int | None]:
        """The offset to read next of each, None where nothing is settled yet; connects first."""
        wanted = list(partitions)
        rows = self._open().execute(
            "select partition, position from ops.offsets"
            " where flow = %s and source = %s and partition = any(%s)",
            (FLOW, SOURCE, wanted),
        )
        known: dict[str, int] = dict(rows.fetchall())
        return {partition: known.get(partition) for partition in wanted}

    def settle(self, batch: Batch) -> Outcome:
        """Write the batch and move its positions on, in one transaction.

        Raises OvertakenError where a position is not the one that the batch begins at.
        """
        connection = self._open()
        with connection.transaction():
            written = write_events(connection, batch.received, self._pseudonyms)
            crash.pass_point("mid_transaction")
            by_partition = _outcomes(batch, written.fates)
            self._move(connection, batch, by_partition)
            crash.pass_point("before_commit")
        total = Outcome()
        for outcome in by_partition.values():
            total.add(outcome)
        return total

    def skip(self, partition: str, before: int, position: int) -> None:
        """Go on at `position`, which the broker still has; count the offsets between as lost."""
        lost = max(0, position - before)
        moved = self._open().execute(_SKIP, (position, lost, FLOW, SOURCE, partition, before))
        if moved.rowcount != 1:
            raise _overtaken([partition])

    def _move(
        self, connection: psycopg.Connection, batch: Batch, outcomes: dict[str, Outcome]
    ) -> None:
        known = {name: span.before for name, span in batch.spans.items()}
        going = [name for name, before in known.items() if before is not None]
        beginning = [name for name, before in known.items() if before is None]
        moved = 0
        if going:
            befores = [known[name] for name in going]
            places, *counts = _columns(batch, outcomes, going)
            moved += connection.execute(
                _MOVE, (going, befores, places, *counts, FLOW, SOURCE)
            ).rowcount
        if beginning:
            moved += connection.execute(
                _BEGIN, (FLOW, SOURCE, beginning, *_columns(batch, outcomes, beginning))
            ).rowcount
        if moved != len(batch.spans):
            raise _overtaken(sorted(batch.spans))

    def _open(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._store.server.dsn(self._store.role),
                autocommit=True,
                prepare_threshold=0,
                **CONNECTION,
            )
        return self._connection


def _outcomes(batch: Batch, fates: list[str]) -> dict[str, Outcome]:
    outcomes = {name: Outcome() for name in batch.spans}
    for one, name, fate in zip(batch.received, batch.partitions, fates, strict=True):
        outcome = outcomes[name]
        outcome.counts[code_of(fate)] += 1
        if fate in (STORED, REPEATED) and isinstance(one.found, Event):
            outcome.last_event_at = _later(outcome.last_event_at, one.found.occurred_at)
    return outcomes


def _columns(batch: Batch, outcomes: dict[str, Outcome], names: list[str]) -> list[list[object]]:
    chosen = [outcomes[name] for name in names]
    return [
        [batch.spans[name].position for name in names],
        [outcome.counts[STORED] for outcome in chosen],
        [outcome.quarantined for outcome in chosen],
        [outcome.counts[REPEATED] for outcome in chosen],
        [outcome.counts[ERASED] for outcome in chosen],
        [outcome.last_event_at for outcome in chosen],
    ]


def _overtaken(partitions: list[str]) -> OvertakenError:
    return OvertakenError(
        f"Another consumer has settled messages of {', '.join(partitions)} meanwhile. Nothing of"
        " this one's was written; it goes on from where the database says."
    )


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return max(one, other)
