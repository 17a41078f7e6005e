"""The table `ops.offsets`: how far each partition of a stream is settled.

Positions are moved in the transaction that stores the rows, and only from where the caller knows
them: of two writers that know the same position, the second is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from flow_platform.ground.errors import FlowError
from flow_platform.streams.outcome import Outcome

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
    """Another process has moved a position meanwhile; nothing was written."""


@dataclass(slots=True)
class Span:
    """What a batch settles of one partition: from `before` (None: its beginning) to `position`.

    What a position counts is up to the transport: Kafka's next offset, MQTT's settled messages of a
    topic, the newest hour of the portal. Positions in between need not have a message.
    """

    before: int | None
    position: int


@dataclass(frozen=True)
class Offsets:
    """The positions of one stream: a flow, and the source its messages are from."""

    flow: str
    source: str

    def read(
        self, connection: psycopg.Connection, partitions: Iterable[str] | None = None
    ) -> dict[str, int]:
        """The positions of these partitions, or of all; those that have none are left out."""
        wanted = None if partitions is None else list(partitions)
        rows = connection.execute(
            "select partition, position from ops.offsets where flow = %s and source = %s"
            " and (%s::text[] is null or partition = any(%s::text[]))",
            (self.flow, self.source, wanted, wanted),
        )
        return dict(rows.fetchall())

    def move(
        self,
        connection: psycopg.Connection,
        spans: Mapping[str, Span],
        outcomes: Mapping[str, Outcome],
    ) -> None:
        """Move each partition on by its span, and count its outcome.

        Raises OvertakenError where a position is not the one that the span begins at.
        """
        known = [name for name, span in spans.items() if span.before is not None]
        new = [name for name, span in spans.items() if span.before is None]
        moved = 0
        if known:
            befores = [spans[name].before for name in known]
            columns = _columns(spans, outcomes, known)
            moved += connection.execute(
                _MOVE, (known, befores, *columns, self.flow, self.source)
            ).rowcount
        if new:
            columns = _columns(spans, outcomes, new)
            moved += connection.execute(_BEGIN, (self.flow, self.source, new, *columns)).rowcount
        if moved != len(spans):
            raise _overtaken(sorted(spans))

    def skip(
        self, connection: psycopg.Connection, partition: str, before: int, position: int
    ) -> None:
        """Move a partition on to `position` and count the positions in between as lost.

        Raises OvertakenError where its position is not `before`.
        """
        lost = max(0, position - before)
        moved = connection.execute(
            _SKIP, (position, lost, self.flow, self.source, partition, before)
        )
        if moved.rowcount != 1:
            raise _overtaken([partition])


def _columns(
    spans: Mapping[str, Span], outcomes: Mapping[str, Outcome], names: list[str]
) -> list[list[Any]]:
    chosen = [outcomes[name] for name in names]
    return [
        [spans[name].position for name in names],
        [outcome.stored for outcome in chosen],
        [outcome.quarantined for outcome in chosen],
        [outcome.repeated for outcome in chosen],
        [outcome.erased for outcome in chosen],
        [outcome.last_event_at for outcome in chosen],
    ]


def _overtaken(partitions: list[str]) -> OvertakenError:
    return OvertakenError(
        f"Another process has settled messages of {', '.join(partitions)} meanwhile. This one has"
        " written nothing, and continues from the positions in the database."
    )
