"""Where the partitions of Kafka are read from: positions of the database and logs of the broker.

What is wrong with a position is settled here, before anything is read: a log that is another one is
begun again, offsets that were deleted unread are counted or stop the consumer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from confluent_kafka import Message as BrokerMessage

from flow_platform.ground.errors import FlowError
from flow_platform.ground.json_log import log_warning
from flow_platform.streams.kafka_topics import BrokerLogs
from flow_platform.streams.logs import (
    RECREATED,
    BrokerLog,
    LogMark,
    Position,
    first_offset,
    why_begin_again,
)
from flow_platform.streams.offsets import Span
from flow_platform.streams.settlement import Settlement


@dataclass(frozen=True)
class Start:
    """Where a partition is read from. `position` is None where nothing of it is settled.

    `log_id` is the broker's id of its topic, if it is known.
    """

    position: Position | None
    log_id: str | None
    oldest: int

    @property
    def known_log_id(self) -> str | None:
        """The id of its topic, also where the brokers do not give it at the moment."""
        if self.log_id is not None or self.position is None:
            return self.log_id
        return self.position.mark.log_id

    @property
    def witness(self) -> int | None:
        """The offset of the last settled message, if the broker may still have it: read again, it
        shows whether the log is the same.
        """
        last = None if self.position is None else self.position.last_offset
        return last if last is not None and last >= self.oldest else None

    @property
    def first(self) -> int | None:
        """The first offset to ask the broker for; None for its oldest."""
        if self.position is None:
            return None
        return self.position.offset if self.witness is None else self.witness


@dataclass
class OwnedPartition:
    """A partition that this consumer owns.

    `handed` is the position that is settled once the batches in progress are, `read` the offset to
    receive next. Both are None before the first message of the partition was ever read. `start` is
    None while its topic does not exist, `last` is the last message that was read.
    """

    topic: str
    number: int
    handed: int | None = None
    read: int | None = None
    start: Start | None = None
    last: BrokerMessage | None = None

    @property
    def position(self) -> int | None:
        """The position in the database when it was read."""
        known = None if self.start is None else self.start.position
        return None if known is None else known.offset

    def is_of_other(self, ids: Mapping[str, str]) -> bool:
        """Whether its topic has another id by now."""
        known = None if self.start is None else self.start.known_log_id
        return known is not None and ids.get(self.topic, known) != known

    def span(self, position: int) -> Span:
        """What a batch that begins with the next message settles, to `position`."""
        known = None if self.start is None else self.start.position
        return Span(self.handed, position, 1 if known is None else known.incarnation)


def find_starts(
    settlement: Settlement[Any],
    logs: BrokerLogs,
    partitions: Mapping[str, tuple[str, int]],
    witnesses: Mapping[str, LogMark],
    *,
    from_earliest: bool,
) -> dict[str, Start]:
    """Where each partition (by name: topic and number) is read from.

    Left out are partitions without topic or leader at the moment. `witnesses` are messages that
    were found where others had been settled. Writes to the database what is
    begun again, and, with `from_earliest`, what is skipped.

    Raises FlowError where unread messages were deleted, KafkaException if the brokers do not
    answer, OvertakenError if another consumer has moved a position meanwhile, and errors of the
    database.
    """
    positions = settlement.positions(partitions)
    found = logs.of(partitions.values())
    starts = {}
    for name, log in found.items():
        position = positions[name]
        if position is not None:
            position = _checked(settlement, name, position, log, witnesses.get(name))
            if position.offset < log.oldest:
                position = _past_what_is_lost(settlement, name, position, log, from_earliest)
        starts[name] = Start(position, log.log_id, log.oldest)
    return starts


def _checked(
    settlement: Settlement[Any],
    name: str,
    position: Position,
    log: BrokerLog,
    witness: LogMark | None,
) -> Position:
    """The position, or the first one of the next incarnation where the log is another one."""
    offsets, connection = settlement.offsets, settlement.connection
    why = why_begin_again(position, log, witness)
    if why is None:
        if position.mark.log_id is None and log.log_id is not None:
            offsets.name_log(connection, name, position, log.log_id)
            return replace(position, mark=replace(position.mark, log_id=log.log_id))
        return position
    began = offsets.begin_again(
        *(connection, name, position, first_offset(why, log), why),
        log_id=log.log_id,
        is_other_log=why == RECREATED,
    )
    log_warning(
        "begun_again",
        partition=name,
        why=why,
        incarnation=began.incarnation,
        settled=position.offset,
        oldest=log.oldest,
        end=log.end,
        log_id=log.log_id,
        log_id_before=position.mark.log_id,
    )
    return began


def _past_what_is_lost(
    settlement: Settlement[Any], name: str, position: Position, log: BrokerLog, from_earliest: bool
) -> Position:
    """Skip what was deleted before it was read if that is allowed, else raise FlowError."""
    lost = log.oldest - position.offset
    log_warning(
        "offsets_lost",
        partition=name,
        position=position.offset,
        oldest=log.oldest,
        end=log.end,
        lost=lost,
        goes_on=from_earliest,
    )
    if not from_earliest:
        raise FlowError(
            f"{name} is settled up to offset {position.offset:,}, but the broker has"
            f" {log.oldest:,} to {log.end:,} only: {lost:,} offsets were deleted before they were"
            f" read. Start again with --from-earliest to continue from {log.oldest:,}; have the"
            " producer send the missing messages again, and lengthen the topic's retention."
        )
    settlement.offsets.skip(
        settlement.connection, name, position.offset, log.oldest, position.incarnation
    )
    return Position(
        log.oldest, position.incarnation, position.log_number, LogMark(position.mark.log_id)
    )
