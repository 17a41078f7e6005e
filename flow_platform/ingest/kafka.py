"""The consumer of orders: receives messages from Kafka, has them settled, tells the broker.

This thread reads and understands messages while another writes the batch before. What a message
means is in `sources/delivery_events.py`, writing in `partitions.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for_futures
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from confluent_kafka import (
    OFFSET_BEGINNING,
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from flow_platform.ground.errors import FlowError
from flow_platform.ingest import crash
from flow_platform.ingest.back_off import DATABASE_AWAY, BackOff, first_line, say
from flow_platform.ingest.event_rows import ERASED, REPEATED, STORED, Received
from flow_platform.ingest.kafka_options import KafkaOptions
from flow_platform.ingest.partitions import (
    Batch,
    Outcome,
    OvertakenError,
    PartitionSettlement,
    Span,
)
from flow_platform.ingest.signals import stopping_on_signals
from flow_platform.sources.delivery_events import OrderEvent, read_message
from flow_platform.sources.pseudonyms import Pseudonyms

BATCH_MESSAGES = 2000
BATCH_BYTES = 4 * 1024 * 1024
BATCH_SECONDS = 0.2
_SMALLEST_BATCH = 50
# Received at once: bounds what has to be read again when partitions move.
_READ_MESSAGES = 500
# PostgreSQL may take so long for a batch before reading is paused.
_PATIENCE = 0.5
# A transaction that is under way may take so long while partitions wait for their next consumer.
_REVOKE_PATIENCE = 20.0
_REPORT_SECONDS = 10.0
_WATERMARK_SECONDS = 10.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_NO_RIGHT = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
)


@dataclass
class _Partition:
    """A partition that this consumer has: `handed` is settled once the batches under way are,
    `read` comes next from the broker. None before the first message that was ever read of it.
    """

    topic: str
    number: int
    handed: int | None = None
    read: int | None = None


class KafkaSubscriber:
    """One member of the group, one connection that settles.

    Positions come from the database whenever partitions are assigned, and whenever it is unsure
    what was committed; nothing else is remembered.
    """

    def __init__(
        self,
        options: KafkaOptions,
        settlement: PartitionSettlement,
        pseudonyms: Pseudonyms,
        *,
        on_regions: Callable[[set[str]], None] | None = None,
        from_earliest: bool = False,
        max_messages: int | None = None,
        idle_seconds: float | None = None,
    ) -> None:
        self._options, self._settlement, self._pseudonyms = options, settlement, pseudonyms
        self._on_regions, self._from_earliest = on_regions, from_earliest
        self._max_messages, self._idle_seconds = max_messages, idle_seconds
        self._owned: dict[str, _Partition] = {}
        # Counts the changes of what is owned: messages received across one are read again.
        self._generation = 0
        self._is_synchronised = False
        self._is_paused = self._is_stopping = False
        self._buffer, self._buffered_at = Batch(), 0.0
        self._writing: Future[Outcome] | None = None
        self._written = Batch()
        self._write_began = 0.0
        self._batch_size = BATCH_MESSAGES
        self._fatal: FlowError | None = None
        self._wait = BackOff()
        self._writer = ThreadPoolExecutor(1, "settling")
        self._regions: set[str] = set()
        self._told_regions: set[str] = set()
        self._total = Outcome()
        self._accepted = 0
        self._report, self._report_batches, self._longest = Outcome(), 0, 0.0
        self._reported_at = time.monotonic()
        self._last_arrival: float | None = None
        self._consumer = Consumer(
            {**options.settings(), "error_cb": self._client_error, "on_commit": _committed}
        )

    def run(self) -> Outcome:
        """Receive and settle until SIGTERM, SIGINT or a limit; returns what became of messages.

        Raises FlowError where the broker has deleted what is not read yet, or refuses to be read.
        """
        with stopping_on_signals(self._stop):
            self._consumer.subscribe(
                list(self._options.topics),
                on_assign=self._assigned,
                on_revoke=self._revoked,
                on_lost=self._lost,
            )
            say("subscribed", topics=list(self._options.topics), group=self._options.group)
            try:
                while not self._is_done():
                    self._turn()
                    if self._fatal is not None:
                        raise self._fatal
                self._finish()
            finally:
                # Leaving the group calls back for what is revoked.
                self._consumer.close()
                self._writer.shutdown()
                self._settlement.close()
        self._say_report()
        say("stopped", messages=self._total.messages)
        return self._total

    def _turn(self) -> None:
        self._collect()
        if not self._is_synchronised:
            self._synchronise()
            if not self._is_synchronised:
                self._receive(0.1)
            return
        if self._is_due() and self._writing is None:
            self._hand_over()
        if not self._is_full():
            if self._is_paused:
                self._resume()
            self._receive(BATCH_SECONDS if not self._buffer else self._until_due())
        elif self._writing is not None:
            # librdkafka holds what comes meanwhile, up to its bound.
            wait_for_futures([self._writing], _PATIENCE)
            if not self._writing.done():
                self._pause()
                self._receive(0.1)

    # The broker.

    def _receive(self, seconds: float) -> None:
        generation = self._generation
        messages = self._consumer.consume(self._room(), seconds)
        if generation != self._generation or not self._is_synchronised:
            # Some may be of partitions as they were before: the database says where to go on.
            for message in messages:
                if (error := message.error()) is not None:
                    self._message_error(message, error)
            if self._is_synchronised:
                self._lose_track()
            return
        if not messages:
            return
        now = datetime.now(UTC)
        for message in messages:
            if (error := message.error()) is not None:
                self._message_error(message, error)
            elif self._is_synchronised:
                self._take(message, now)

    def _take(self, message: Message, now: datetime) -> None:
        topic, number, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None and offset is not None
        name = f"{topic}/{number}"
        partition = self._owned.get(name)
        if partition is None or (partition.read is not None and offset < partition.read):
            return
        if self._max_messages is not None and self._accepted >= self._max_messages:
            return
        kind, milliseconds = message.timestamp()
        available_at = now
        if kind != TIMESTAMP_NOT_AVAILABLE and milliseconds >= 0:
            # A producer may stamp messages itself; none is known before it has arrived.
            with suppress(OverflowError):
                available_at = min(now, _EPOCH + timedelta(milliseconds=milliseconds))
        payload = message.value() or b""
        found = read_message(
            self._options.topics[topic],
            payload,
            self._pseudonyms,
            available_at=available_at,
            source=f"kafka:{name}",
            source_position=offset,
            regions=self._options.regions,
            now=now,
        )
        buffer = self._buffer
        if not buffer:
            self._buffered_at = time.monotonic()
        buffer.received.append(
            Received(
                self._options.topics[topic], payload, available_at, f"kafka:{name}", offset, found
            )
        )
        buffer.partitions.append(name)
        buffer.bytes += len(payload)
        span = buffer.spans.get(name)
        if span is None:
            buffer.spans[name] = Span(partition.handed, offset + 1)
        else:
            span.position = offset + 1
        partition.read = offset + 1
        self._accepted += 1
        self._last_arrival = time.monotonic()
        if isinstance(found, OrderEvent) and found.centre_id is not None:
            self._regions.add(found.centre_id)

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._generation += 1
        self._owned = {
            f"{one.topic}/{one.partition}": _Partition(one.topic, one.partition)
            for one in partitions
        }
        # Nothing is fetched until the database has said from where.
        consumer.assign([])
        self._lose_track()
        # One that has nothing to read may be idle from now on.
        self._last_arrival = time.monotonic()
        say("assigned", partitions=sorted(self._owned))

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Let the transaction under way end, and drop what is not in it: the next one reads it."""
        self._generation += 1
        if self._writing is not None:
            wait_for_futures([self._writing], _REVOKE_PATIENCE)
            self._collect()
        self._owned.clear()
        self._lose_track()
        say("revoked", partitions=sorted(f"{one.topic}/{one.partition}" for one in partitions))

    def _lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """The group has given them to others already; what is under way may be refused."""
        self._generation += 1
        self._owned.clear()
        self._lose_track()
        say("lost", partitions=sorted(f"{one.topic}/{one.partition}" for one in partitions))

    def _lose_track(self) -> None:
        """Forget what was read and not handed over; go on from the database's positions."""
        self._accepted -= len(self._buffer)
        self._buffer = Batch()
        self._is_synchronised = False

    def _pause(self) -> None:
        if not self._is_paused:
            say("paused", queued=len(self._buffer))
            self._consumer.pause(self._consumer.assignment())
            self._is_paused = True

    def _resume(self) -> None:
        self._consumer.resume(self._consumer.assignment())
        self._is_paused = False
        say("resumed")

    def _message_error(self, message: Message, error: KafkaError) -> None:
        code = error.code()
        if code == KafkaError._AUTO_OFFSET_RESET:
            partition = self._owned.get(f"{message.topic()}/{message.partition()}")
            if partition is not None:
                self._out_of_range(partition)
        elif error.fatal() or code in _NO_RIGHT:
            self._fatal = FlowError(
                f"The broker {self._options.brokers} refuses: {error.str()}. Give the user the"
                f" right to read the topics and to join the group {self._options.group}."
            )
        else:
            say("broker_error", topic=message.topic(), why=error.str())

    def _client_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = FlowError(f"The Kafka client has failed: {error.str()}. Start it again.")
        else:
            say("broker_away", why=error.str())

    def _out_of_range(self, partition: _Partition) -> None:
        """The broker has not the offset that comes next: deleted before it was read, or no more
        there because the topic was made anew.
        """
        name = f"{partition.topic}/{partition.number}"
        if self._writing is not None:
            wait_for_futures([self._writing])
            self._collect()
        position = partition.handed
        if position is None or not self._is_synchronised:
            self._lose_track()  # the oldest message went while it was asked for
            return
        try:
            oldest, end = self._consumer.get_watermark_offsets(
                TopicPartition(partition.topic, partition.number), _WATERMARK_SECONDS, cached=False
            )
        except KafkaException as error:
            say("broker_away", why=str(error))
            self._lose_track()
            return
        if oldest <= position <= end:
            self._lose_track()
            return
        lost = max(0, oldest - position)
        say(
            "offsets_lost",
            partition=name,
            position=position,
            oldest=oldest,
            end=end,
            lost=lost,
            goes_on=self._from_earliest,
        )
        if self._from_earliest:
            self._lose_track()
            # Where it fails, the broker refuses the same offset again.
            with suppress(OvertakenError, *DATABASE_AWAY):
                self._settlement.skip(name, position, oldest)
            return
        what = (
            f"{lost:,} offsets were deleted before they were read"
            if lost
            else "the topic was made anew, or the broker has lost its end"
        )
        self._fatal = FlowError(
            f"{name} is settled up to offset {position:,}, but the broker has {oldest:,} to"
            f" {end:,} only: {what}. Start again with --from-earliest to go on from {oldest:,};"
            " have the producer send again what is missing, and lengthen the topic's retention."
        )

    # The database.

    def _synchronise(self) -> None:
        """Take the positions of what is owned from the database, and read from there."""
        if not self._owned or not self._wait.is_over():
            return
        if self._writing is not None:
            if not self._writing.done():
                return
            self._collect()
        try:
            positions = self._settlement.positions(self._owned)
        except DATABASE_AWAY as error:
            self._settlement.close()
            self._consumer.assign([])  # what would come could not be kept
            say("database_away", why=first_line(error), again_in=round(self._wait.extend(), 1))
            return
        starts = []
        for name, partition in self._owned.items():
            partition.handed = partition.read = positions[name]
            start = OFFSET_BEGINNING if partition.read is None else partition.read
            starts.append(TopicPartition(partition.topic, partition.number, start))
        self._consumer.assign(starts)
        self._consumer.resume(starts)
        self._is_paused = False
        self._is_synchronised = True
        self._last_arrival = time.monotonic()
        say("positioned", positions=positions)

    def _hand_over(self) -> None:
        """Give what is buffered to the writer."""
        batch, self._buffer = self._buffer, Batch()
        for name, span in batch.spans.items():
            self._owned[name].handed = span.position
        self._written, self._write_began = batch, time.monotonic()
        self._writing = self._writer.submit(self._settlement.settle, batch)

    def _collect(self) -> None:
        """Look after the batch under way, if it is done."""
        if self._writing is None or not self._writing.done():
            return
        writing, batch = self._writing, self._written
        self._writing, self._written = None, Batch()
        try:
            outcome = writing.result()
        except OvertakenError as error:
            say("overtaken", why=str(error))
            self._wait.extend()
        except DATABASE_AWAY as error:
            self._settlement.close()
            say("database_lost", why=first_line(error), messages=len(batch))
            # A batch that takes longer than a statement may must not come again as it is.
            self._batch_size = max(_SMALLEST_BATCH, self._batch_size // 2)
            self._wait.extend()
        else:
            crash.pass_point("after_commit_before_ack")
            self._batch_size = min(BATCH_MESSAGES, 2 * self._batch_size)
            self._wait = BackOff()
            self._note(outcome, time.monotonic() - self._write_began)
            self._tell_regions()
            self._tell_broker(batch)
            return
        self._accepted -= len(batch)
        self._lose_track()

    def _tell_broker(self, batch: Batch) -> None:
        """For tools that show how far a group is; where to go on the database knows."""
        offsets = [
            TopicPartition(one.topic, one.number, span.position)
            for name, span in batch.spans.items()
            if (one := self._owned.get(name)) is not None
        ]
        if offsets:
            with suppress(KafkaException):
                self._consumer.commit(offsets=offsets, asynchronous=True)

    def _tell_regions(self) -> None:
        new = self._regions - self._told_regions
        if self._on_regions is None or not new:
            return
        try:
            self._on_regions(new)
        except (FlowError, OSError) as error:
            say("regions_not_remembered", why=first_line(error))
            return  # told again with the next batch
        self._told_regions |= new

    def _finish(self) -> None:
        """Settle what was received."""
        while self._writing is not None or (self._buffer and self._is_synchronised):
            if self._writing is not None:
                wait_for_futures([self._writing])
                self._collect()
            else:
                self._hand_over()

    # When to do what.

    def _room(self) -> int:
        return max(1, min(_READ_MESSAGES, self._batch_size - len(self._buffer)))

    def _is_full(self) -> bool:
        return len(self._buffer) >= self._batch_size or self._buffer.bytes >= BATCH_BYTES

    def _until_due(self) -> float:
        return max(0.0, self._buffered_at + BATCH_SECONDS - time.monotonic())

    def _is_due(self) -> bool:
        return bool(self._buffer) and (self._is_full() or self._until_due() <= 0)

    def _is_done(self) -> bool:
        if self._max_messages is not None and self._accepted >= self._max_messages:
            return True
        idle = 0.0 if self._last_arrival is None else time.monotonic() - self._last_arrival
        is_idle = not self._buffer and self._writing is None and self._is_settled_in()
        return self._is_stopping or (
            self._idle_seconds is not None and is_idle and idle > self._idle_seconds
        )

    def _is_settled_in(self) -> bool:
        """Whether this consumer reads all that it has; one may have nothing to read."""
        return self._last_arrival is not None and (self._is_synchronised or not self._owned)

    def _stop(self) -> None:
        self._is_stopping = True

    # What is said.

    def _note(self, outcome: Outcome, seconds: float) -> None:
        self._total.add(outcome)
        self._report.add(outcome)
        self._report_batches += 1
        self._longest = max(self._longest, seconds)
        if time.monotonic() - self._reported_at >= _REPORT_SECONDS:
            self._say_report()

    def _say_report(self) -> None:
        outcome, batches, longest = self._report, self._report_batches, self._longest
        self._report, self._report_batches, self._longest = Outcome(), 0, 0.0
        self._reported_at = time.monotonic()
        if not batches:
            return
        newest = outcome.last_event_at
        say(
            "settled",
            stored=outcome.counts[STORED],
            quarantined=outcome.quarantined,
            repeated=outcome.counts[REPEATED],
            erased=outcome.counts[ERASED],
            batches=batches,
            longest_settling_seconds=round(longest, 3),
            lag_seconds=newest and round((datetime.now(UTC) - newest).total_seconds()),
        )


def _committed(error: KafkaError | None, _partitions: list[TopicPartition]) -> None:
    # During a rebalance the broker refuses; the next batch tells it again.
    if error is not None and error.code() != KafkaError._NO_OFFSET:
        say("broker_not_told", why=error.str())
