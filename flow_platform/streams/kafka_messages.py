"""A message as librdkafka returns it, as a `Message`: used for new messages and for replays."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE
from confluent_kafka import Message as BrokerMessage

from flow_platform.streams.destination import Message

SOURCE = "kafka"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def partition_name(topic: str | None, number: int | None) -> str:
    """How a partition of the broker is called in `ops.offsets` and in logs."""
    return f"{topic}/{number}"


def message_of(found: BrokerMessage, topic: str, now: datetime) -> Message:
    """A message that is no error; `topic` is the flow's name of its topic, `now` is aware.

    A deleted message (a tombstone) has an empty payload.
    """
    name = partition_name(found.topic(), found.partition())
    offset = found.offset()
    assert offset is not None
    kind, milliseconds = found.timestamp()
    available_at = now
    if kind != TIMESTAMP_NOT_AVAILABLE and milliseconds >= 0:
        # A producer may stamp messages itself; none is known before it has arrived.
        with suppress(OverflowError):
            available_at = min(now, _EPOCH + timedelta(milliseconds=milliseconds))
    return Message(topic, found.value() or b"", f"{SOURCE}:{name}", offset, available_at, now)
