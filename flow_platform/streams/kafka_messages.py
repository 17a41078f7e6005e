"""A message as librdkafka returns it, as a `Message`: used for new messages and for replays."""

from __future__ import annotations

import zlib
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE
from confluent_kafka import Message as BrokerMessage

from flow_platform.streams.destination import Message
from flow_platform.streams.logs import LogMark

SOURCE = "kafka"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def partition_name(topic: str | None, number: int | None) -> str:
    """How a partition of the broker is called in `ops.offsets` and in logs."""
    return f"{topic}/{number}"


def source_of(partition: str, log_number: int) -> str:
    """The source of a partition's messages: with their offset it locates them for good.

    >>> source_of("orders/0", 1), source_of("orders/0", 2)
    ('kafka:orders/0', 'kafka:orders/0#2')
    """
    return f"{SOURCE}:{partition}" if log_number == 1 else f"{SOURCE}:{partition}#{log_number}"


def message_of(found: BrokerMessage, topic: str, now: datetime, log_number: int = 1) -> Message:
    """A message that is no error; `topic` is the flow's name of its topic, `now` is aware.

    `log_number` counts the topics of the broker that have had this name. A deleted message (a
    tombstone) has an empty payload.
    """
    source = source_of(partition_name(found.topic(), found.partition()), log_number)
    offset = found.offset()
    assert offset is not None
    stamped_at = _stamped_at(found)
    # A producer may stamp messages itself; none is known before it has arrived.
    available_at = now if stamped_at is None else min(now, stamped_at)
    return Message(topic, found.value() or b"", source, offset, available_at, now)


def mark_of(found: BrokerMessage, log_id: str | None) -> LogMark:
    """What is kept of a message to recognise its log."""
    epoch = found.leader_epoch()
    value, key = found.value() or b"", found.key() or b""
    # 16 bits tell two messages apart; more would confirm a guess of a person's message.
    checksum = zlib.crc32(_as_bytes(value), zlib.crc32(_as_bytes(key))) & 0xFFFF
    known = None if epoch is None or epoch < 0 else epoch
    return LogMark(log_id, found.offset(), known, _stamped_at(found), checksum)


def _stamped_at(found: BrokerMessage) -> datetime | None:
    kind, milliseconds = found.timestamp()
    if kind == TIMESTAMP_NOT_AVAILABLE or milliseconds < 0:
        return None
    with suppress(OverflowError):
        return _EPOCH + timedelta(milliseconds=milliseconds)
    return None


def _as_bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
