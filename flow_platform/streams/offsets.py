"""The table `ops.offsets`: how far each partition of a stream is settled.

Positions are moved in the transaction that stores the rows, and only from where the caller knows
them, in the incarnation that it knows: of two writers that know the same position, the second is
refused. Whether a log is the one that was settled is decided in `logs.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from flow_platform.ground import crash_points
from flow_platform.ground.errors import FlowError
from flow_platform.streams.logs import UNKNOWN, LogMark, Position
from flow_platform.streams.outcome import Outcome

_MOVE = """
update ops.offsets as old set
    position = new.position,
    rows_stored = old.rows_stored + new.stored,
    rows_quarantined = old.rows_quarantined + new.quarantined,
    rows_repeated = old.rows_repeated + new.repeated,
    rows_erased = old.rows_erased + new.erased,
    last_event_at = greatest(old.last_event_at, new.last_event_at),
    log_id = coalesce(old.log_id, new.log_id),
    last_offset = new.last_offset,
    leader_epoch = new.leader_epoch,
    last_stamped_at = new.last_stamped_at,
    last_checksum = new.last_checksum,
    last_message_at = now()
from unnest(%s::text[], %s::bigint[], %s::integer[], %s::bigint[], %s::bigint[], %s::bigint[],
    %s::bigint[], %s::bigint[], %s::timestamptz[], %s::text[], %s::bigint[], %s::integer[],
    %s::timestamptz[], %s::integer[])
    as new (partition, before, incarnation, position, stored, quarantined, repeated, erased,
        last_event_at, log_id, last_offset, leader_epoch, last_stamped_at, last_checksum)
where old.flow = %s and old.source = %s and old.partition = new.partition
    and old.position = new.before and old.incarnation = new.incarnation
"""
_BEGIN = """
insert into ops.offsets (partition, position, rows_stored, rows_quarantined, rows_repeated,
    rows_erased, last_event_at, log_id, last_offset, leader_epoch, last_stamped_at, last_checksum,
    flow, source, last_message_at)
select new.*, %s, %s, now()
from unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
    %s::timestamptz[], %s::text[], %s::bigint[], %s::integer[], %s::timestamptz[],
    %s::integer[]) as new
on conflict do nothing
"""
_SKIP = """
update ops.offsets set position = %s, offsets_lost = offsets_lost + %s,
    last_offset = null, leader_epoch = null, last_stamped_at = null, last_checksum = null
where flow = %s and source = %s and partition = %s and position = %s and incarnation = %s
"""
_BEGIN_AGAIN = """
update ops.offsets set position = %s, incarnation = incarnation + 1,
    log_number = log_number + %s, log_id = %s, begun_again_at = now(), begun_again_why = %s,
    last_offset = null, leader_epoch = null, last_stamped_at = null, last_checksum = null
where flow = %s and source = %s and partition = %s and position = %s and incarnation = %s
"""
_NAME_LOG = """
update ops.offsets set log_id = %s
where flow = %s and source = %s and partition = %s and incarnation = %s and log_id is null
"""


class OvertakenError(FlowError):
    """Another process has moved a position meanwhile; nothing was written."""


@dataclass(slots=True)
class Span:
    """What a batch settles of one partition: from `before` (None: its beginning) to `position`.

    What a position counts is up to the transport: Kafka's next offset, MQTT's settled messages of a
    topic, the newest hour of the portal. Positions in between need not have a message. `before` is
    one of this `incarnation`; `mark` is of the last message, where the transport has logs.
    """

    before: int | None
    position: int
    incarnation: int = 1
    mark: LogMark = UNKNOWN


@dataclass(frozen=True)
class Offsets:
    """The positions of one stream: a flow, and the source its messages are from."""

    flow: str
    source: str

    def read(
        self, connection: psycopg.Connection, partitions: Iterable[str] | None = None
    ) -> dict[str, Position]:
        """The positions of these partitions, or of all; those that have none are left out."""
        wanted = None if partitions is None else list(partitions)
        rows = connection.execute(
            "select partition, position, incarnation, log_number,"
            " coalesce(begun_again_at >= last_message_at, false), log_id, last_offset,"
            " leader_epoch, last_stamped_at, last_checksum from ops.offsets"
            " where flow = %s and source = %s"
            " and (%s::text[] is null or partition = any(%s::text[]))",
            (self.flow, self.source, wanted, wanted),
        )
        return {
            name: Position(offset, incarnation, log_number, LogMark(*mark), is_fresh)
            for name, offset, incarnation, log_number, is_fresh, *mark in rows
        }

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
            incarnations = [spans[name].incarnation for name in known]
            columns = _columns(spans, outcomes, known)
            moved += connection.execute(
                _MOVE, (known, befores, incarnations, *columns, self.flow, self.source)
            ).rowcount
        if new:
            columns = _columns(spans, outcomes, new)
            moved += connection.execute(_BEGIN, (self.flow, self.source, new, *columns)).rowcount
        if moved != len(spans):
            raise _overtaken(sorted(spans))

    def skip(
        self,
        connection: psycopg.Connection,
        partition: str,
        before: int,
        position: int,
        incarnation: int = 1,
    ) -> None:
        """Move a partition on to `position` and count the positions in between as lost.

        Raises OvertakenError where its position is not `before` of this incarnation.
        """
        lost = max(0, position - before)
        moved = connection.execute(
            _SKIP, (position, lost, self.flow, self.source, partition, before, incarnation)
        )
        if moved.rowcount != 1:
            raise _overtaken([partition])

    def begin_again(
        self,
        connection: psycopg.Connection,
        partition: str,
        known: Position,
        position: int,
        why: str,
        *,
        log_id: str | None = None,
        is_other_log: bool = False,
    ) -> Position:
        """Begin the next incarnation of a partition, at `position`; returns its position.

        `is_other_log`: what has the name now is not what had it before. What was counted stays.
        Raises OvertakenError where the partition is not at the position that is `known`.
        """
        with connection.transaction():
            moved = connection.execute(
                _BEGIN_AGAIN,
                (
                    *(position, int(is_other_log), log_id, why),
                    *(self.flow, self.source, partition, known.offset, known.incarnation),
                ),
            )
            crash_points.pass_point("before_begin_again")
            if moved.rowcount != 1:
                raise _overtaken([partition])
        crash_points.pass_point("after_begin_again")
        log_number = known.log_number + is_other_log
        return Position(position, known.incarnation + 1, log_number, LogMark(log_id), True)

    def name_log(
        self, connection: psycopg.Connection, partition: str, known: Position, log_id: str
    ) -> None:
        """Note the broker's id of a partition's log, where none is known yet."""
        connection.execute(
            _NAME_LOG, (log_id, self.flow, self.source, partition, known.incarnation)
        )


def _columns(
    spans: Mapping[str, Span], outcomes: Mapping[str, Outcome], names: list[str]
) -> list[list[Any]]:
    chosen = [outcomes[name] for name in names]
    marks = [spans[name].mark for name in names]
    return [
        [spans[name].position for name in names],
        [outcome.stored for outcome in chosen],
        [outcome.quarantined for outcome in chosen],
        [outcome.repeated for outcome in chosen],
        [outcome.erased for outcome in chosen],
        [outcome.last_event_at for outcome in chosen],
        [mark.log_id for mark in marks],
        [mark.offset for mark in marks],
        [mark.leader_epoch for mark in marks],
        [mark.stamped_at for mark in marks],
        [mark.checksum for mark in marks],
    ]


def _overtaken(partitions: list[str]) -> OvertakenError:
    return OvertakenError(
        f"Another process has settled messages of {', '.join(partitions)} meanwhile. This one has"
        " written nothing, and continues from the positions in the database."
    )
