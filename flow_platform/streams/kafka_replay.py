"""Reads a range of a partition of Kafka again, through the same destination as new messages.

Messages that are stored already are repeated. The position of the consumers does not move.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka import Message as BrokerMessage

from flow_platform.ground.errors import ConfigurationError, SourceError
from flow_platform.streams.destination import Destination, Message, R
from flow_platform.streams.kafka_messages import SOURCE, message_of, partition_name
from flow_platform.streams.kafka_options import KafkaOptions
from flow_platform.streams.kafka_topics import BrokerLogs
from flow_platform.streams.logs import RECREATED, BrokerLog, Position, why_begin_again
from flow_platform.streams.offsets import Offsets
from flow_platform.streams.repair import RepairOutcome, store_again
from flow_platform.warehouse.store import Store

_BATCH = 1000
_BROKER_SECONDS = 30.0


def replay(
    options: KafkaOptions,
    store: Store,
    destination: Destination[Message, R],
    topic: str,
    number: int,
    *,
    from_offset: int | None = None,
    from_time: datetime | None = None,
    to_offset: int | None = None,
) -> RepairOutcome:
    """Read the offsets of a partition again, from `from_offset` or the first message since
    `from_time` (aware), up to and with `to_offset` or as far as the partition is settled.

    Raises ConfigurationError for a range that is not settled yet or no longer at the broker, and
    SourceError if the broker does not answer.
    """
    flow_topic = options.topic(topic)
    name = partition_name(topic, number)
    known = _position(store, Offsets(destination.flow, SOURCE), name)
    log, position = _log(options, topic, number), known.offset
    _check_log(name, known, log)
    client = Consumer(options.settings() | {"group.id": f"{options.group}-replay"})
    try:
        if from_time is not None:
            first = _since(client, options, TopicPartition(topic, number), from_time, log.end)
        else:
            first = log.oldest if from_offset is None else from_offset
        stop = min(position, log.end) if to_offset is None else to_offset + 1
        _check_range(name, first, stop, log.oldest, position)
        outcome = RepairOutcome(first=first, last=stop - 1)
        client.assign([TopicPartition(topic, number, first)])
        for found in _range_of(client, name, first, stop):
            now = datetime.now(UTC)
            messages = [message_of(one, flow_topic, now, known.log_number) for one in found]
            records = [destination.read(message) for message in messages]
            store_again(store, destination, records, outcome, keep_rejects=True)
        return outcome
    finally:
        client.close()


def _position(store: Store, offsets: Offsets, name: str) -> Position:
    with store.connect() as connection:
        position = offsets.read(connection, [name]).get(name)
    if position is None:
        raise ConfigurationError(
            f"Nothing of {name} is settled yet: there is nothing to replay. `flow ingest kafka`"
            " reads it from its beginning; `flow ingest status` shows what is settled."
        )
    return position


def _log(options: KafkaOptions, topic: str, number: int) -> BrokerLog:
    """The partition as the broker has it."""
    name = partition_name(topic, number)
    try:
        found = BrokerLogs(options, _BROKER_SECONDS).of([(topic, number)])
    except KafkaException as error:
        raise _silent(options, name, error) from error
    if name not in found:
        raise SourceError(
            f"The broker {options.brokers} has no {name}. Check topic and partition: `flow ingest"
            " status` shows those that are settled."
        )
    return found[name]


def _since(
    client: Any, options: KafkaOptions, place: TopicPartition, from_time: datetime, end: int
) -> int:
    """The first offset since a moment."""
    wanted = TopicPartition(place.topic, place.partition, int(from_time.timestamp() * 1000))
    try:
        (found,) = client.offsets_for_times([wanted], _BROKER_SECONDS)
    except KafkaException as error:
        name = partition_name(place.topic, place.partition)
        raise _silent(options, name, error) from error
    return int(found.offset) if found.offset >= 0 else end


def _silent(options: KafkaOptions, name: str, error: KafkaException) -> SourceError:
    return SourceError(
        f"The broker {options.brokers} does not answer for {name}: {error}. Check that it runs and"
        " that the topic exists."
    )


def _check_log(name: str, known: Position, log: BrokerLog) -> None:
    """Offsets mean nothing in another log than the one that was settled."""
    why = why_begin_again(known, log)
    if why is not None:
        cause = "was created again" if why == RECREATED else "has lost its end"
        raise ConfigurationError(
            f"{name} {cause} at the broker since it was settled: there is nothing to replay. `flow"
            " ingest kafka` reads it from its beginning; replay is for what it has settled then."
        )


def _check_range(name: str, first: int, stop: int, oldest: int, position: int) -> None:
    if stop > position:
        raise ConfigurationError(
            f"{name} is settled up to offset {position:,}: later messages are left to the"
            " consumer. Give a smaller --to-offset, or none."
        )
    if first < oldest:
        raise ConfigurationError(
            f"The broker has {name} from offset {oldest:,} on. Give --from-offset {oldest}, and"
            " have the producer send the earlier messages again."
        )


def _range_of(client: Any, name: str, first: int, stop: int) -> Iterator[list[BrokerMessage]]:
    """The messages of the range in batches. The last offsets of it may have no message."""
    (place,) = client.assignment()
    batch: list[BrokerMessage] = []
    deadline = time.monotonic() + _BROKER_SECONDS
    reached = first
    while reached < stop:
        messages = client.consume(_BATCH, 0.5)
        for message in messages:
            if (error := message.error()) is not None:
                raise SourceError(f"{name} cannot be read again: {error.str()}. Try it once more.")
            deadline = time.monotonic() + _BROKER_SECONDS
            reached = message.offset() + 1
            if reached > stop:
                break
            batch.append(message)
        if not messages:
            # Compaction and transactions leave offsets without a message: the client passes them.
            (passed,) = client.position([place])
            reached = max(reached, passed.offset)
            if time.monotonic() > deadline:
                raise SourceError(
                    f"The broker has sent nothing of {name} for {_BROKER_SECONDS:.0f} s at offset"
                    f" {reached:,}; earlier messages are stored. Try again from there."
                )
        if len(batch) >= _BATCH or reached >= stop:
            yield batch
            batch = []
