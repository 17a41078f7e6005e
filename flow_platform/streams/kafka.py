"""The Kafka consumer: receives messages, has them settled, commits offsets to the broker.

This thread receives and reads messages while another one writes the previous batch. Settling is in
`settlement.py`; what a message means is up to its destination.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for_futures
from contextlib import suppress
from datetime import UTC, datetime
from typing import Generic

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka import Message as BrokerMessage

from flow_platform.ground import crash_points
from flow_platform.ground.errors import FlowError
from flow_platform.ground.json_log import log_event, log_warning
from flow_platform.ground.signals import stopping_on_signals
from flow_platform.streams.back_off import BackOff
from flow_platform.streams.database import DATABASE_AWAY, first_line
from flow_platform.streams.destination import R
from flow_platform.streams.kafka_messages import mark_of, message_of, partition_name
from flow_platform.streams.kafka_options import KafkaOptions
from flow_platform.streams.kafka_starts import OwnedPartition, Start, find_starts
from flow_platform.streams.kafka_topics import (
    GONE,
    NO_RIGHT,
    BrokerLogs,
    LogReplacedError,
    TopicIds,
    check_ids,
    ids_of,
)
from flow_platform.streams.logs import BrokerLog, LogMark, why_begin_again
from flow_platform.streams.offsets import OvertakenError
from flow_platform.streams.outcome import Outcome
from flow_platform.streams.report import NewCentres, Report
from flow_platform.streams.settlement import Batch, Settlement

BATCH_MESSAGES = 2000
BATCH_BYTES = 4 * 1024 * 1024
BATCH_SECONDS = 0.2
_SMALLEST_BATCH = 50
# Received at once: bounds what has to be read again when partitions move.
_READ_MESSAGES = 500
# PostgreSQL may take so long for a batch before reading is paused.
_PATIENCE = 0.5
# A transaction in progress may take so long while partitions wait for their next consumer.
_REVOKE_PATIENCE = 20.0
# A topic that was created again with no message that would be received is noticed so late.
_WATCH_SECONDS = 5.0
# Partitions whose topic or leader was absent are looked for again after so long.
_ABSENT_SECONDS = 30.0


class KafkaSubscriber(Generic[R]):
    """One member of the group, one connection that settles.

    A partition's position in the database is the truth, and the broker's committed offset a hint:
    positions are read whenever partitions are assigned, and whenever it is uncertain what was
    committed. Nothing else is remembered.
    """

    def __init__(
        self,
        options: KafkaOptions,
        settlement: Settlement[R],
        *,
        on_centres: Callable[[set[str]], None] | None = None,
        from_earliest: bool = False,
        max_messages: int | None = None,
        idle_seconds: float | None = None,
    ) -> None:
        self._options, self._settlement = options, settlement
        self._from_earliest = from_earliest
        self._max_messages, self._idle_seconds = max_messages, idle_seconds
        self._owned: dict[str, OwnedPartition] = {}
        # Counts the changes of what is owned: messages received across one are read again.
        self._generation = 0
        self._is_synchronised = False
        self._is_paused = self._is_stopping = False
        self._buffer: Batch[R] = Batch()
        self._buffered_at = 0.0
        self._writing: Future[Outcome] | None = None
        self._written: Batch[R] = Batch()
        self._write_began = 0.0
        self._batch_size = BATCH_MESSAGES
        self._fatal: FlowError | None = None
        self._wait = BackOff()
        self._writer = ThreadPoolExecutor(1, "settling")
        self._centres = NewCentres(on_centres)
        self._report = Report()
        self._accepted = 0
        self._last_arrival: float | None = None
        self._logs = BrokerLogs(options)
        # Messages that are not the ones that were settled at their offsets.
        self._witnesses: dict[str, LogMark] = {}
        self._ids: TopicIds = {}
        self._ids_asked_at = self._synchronised_at = 0.0
        self._consumer = Consumer(
            {**options.settings(), "error_cb": self._client_error, "on_commit": _committed}
        )

    def run(self) -> Outcome:
        """Receive and settle until SIGTERM, SIGINT or a limit; returns the messages by their fate.

        Raises FlowError if the broker has deleted messages that were not read yet, or refuses
        access.
        """
        with stopping_on_signals(self._stop):
            self._consumer.subscribe(
                list(self._options.topics),
                on_assign=self._assigned,
                on_revoke=self._revoked,
                on_lost=self._lost,
            )
            log_event("subscribed", topics=list(self._options.topics), group=self._options.group)
            try:
                while not self._is_done():
                    self._turn()
                    if self._fatal is not None:
                        raise self._fatal
                self._finish()
            finally:
                # Leaving the group calls `_revoked`.
                self._consumer.close()
                self._writer.shutdown()
                self._settlement.close()
        self._report.log()
        log_event("stopped", messages=self._report.total.messages)
        return self._report.total

    def _turn(self) -> None:
        self._collect()
        if not self._is_synchronised:
            self._synchronise()
            if not self._is_synchronised:
                self._receive(0.1)
            return
        self._watch_logs()
        if not self._is_synchronised:
            return
        if self._is_due() and self._writing is None:
            self._hand_over()
        if not self._is_full():
            if self._is_paused:
                self._resume()
            self._receive(BATCH_SECONDS if not self._buffer else self._until_due())
        elif self._writing is not None:
            # librdkafka holds the messages that arrive meanwhile, up to its bound.
            wait_for_futures([self._writing], _PATIENCE)
            if not self._writing.done():
                self._pause()
                self._receive(0.1)

    # The broker.

    def _receive(self, seconds: float) -> None:
        generation = self._generation
        messages = self._consumer.consume(self._room(), seconds)
        if generation != self._generation or not self._is_synchronised:
            # Some may belong to an earlier assignment: the positions in the database decide.
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

    def _take(self, found: BrokerMessage, now: datetime) -> None:
        """Read a message into the buffer, if it is the partition's next one and still wanted."""
        name = partition_name(found.topic(), found.partition())
        topic, offset = found.topic(), found.offset()
        assert topic is not None and offset is not None
        partition = self._owned.get(name)
        if partition is None or partition.start is None:
            return
        if partition.read is not None and offset < partition.read:
            self._compare(name, partition.start, found, offset)
            return
        if self._max_messages is not None and self._accepted >= self._max_messages:
            return
        known = partition.start.position
        log_number = 1 if known is None else known.log_number
        message = message_of(found, self._options.topics[topic], now, log_number)
        buffer = self._buffer
        if not buffer:
            self._buffered_at = time.monotonic()
        buffer.records.append(self._settlement.destination.read(message))
        buffer.partitions.append(name)
        buffer.bytes += len(message.payload)
        span = buffer.spans.get(name)
        if span is None:
            buffer.spans[name] = partition.span(offset + 1)
        else:
            span.position = offset + 1
        partition.read, partition.last = offset + 1, found
        self._accepted += 1
        self._last_arrival = time.monotonic()

    def _compare(self, name: str, start: Start, found: BrokerMessage, offset: int) -> None:
        """Compare what is at the place of the last settled message with what is known of it."""
        if start.position is None or offset != start.witness:
            return
        mark = mark_of(found, start.log_id)
        now = BrokerLog(start.oldest, offset + 1, start.log_id)
        if why_begin_again(start.position, now, mark) is not None:
            self._witnesses[name] = mark
            self._lose_track()

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._generation += 1
        self._owned = {
            f"{one.topic}/{one.partition}": OwnedPartition(one.topic, one.partition)
            for one in partitions
        }
        # Nothing is fetched before the positions are read from the database.
        consumer.assign([])
        self._lose_track()
        # One that has nothing to read may be idle from now on.
        self._last_arrival = time.monotonic()
        log_event("assigned", partitions=sorted(self._owned))

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Let the transaction in progress end, and drop all else: the next owner reads it."""
        self._generation += 1
        if self._writing is not None:
            wait_for_futures([self._writing], _REVOKE_PATIENCE)
            self._collect()
        self._owned.clear()
        self._lose_track()
        log_event("revoked", partitions=_names(partitions))

    def _lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """The group has given them to others already; the batch in progress may be refused."""
        self._generation += 1
        self._owned.clear()
        self._lose_track()
        log_event("lost", partitions=_names(partitions))

    def _lose_track(self) -> None:
        """Forget what was read and not handed over; continue from the database's positions."""
        self._accepted -= len(self._buffer)
        self._buffer = Batch()
        self._is_synchronised = False

    def _pause(self) -> None:
        if not self._is_paused:
            log_event("paused", queued=len(self._buffer))
            self._consumer.pause(self._consumer.assignment())
            self._is_paused = True

    def _resume(self) -> None:
        self._consumer.resume(self._consumer.assignment())
        self._is_paused = False
        log_event("resumed")

    def _message_error(self, message: BrokerMessage, error: KafkaError) -> None:
        code = error.code()
        if code == KafkaError._AUTO_OFFSET_RESET:
            # Deleted before it was read, or of another log: positions and logs are compared.
            self._lose_track()
            self._wait.extend()
        elif code in GONE:
            log_warning("topic_gone", topic=message.topic(), why=error.str())
            if any(one.topic == message.topic() for one in self._owned.values()):
                self._lose_track()
                self._wait.extend()
        elif error.fatal() or code in NO_RIGHT:
            self._fatal = self._refused(error)
        else:
            log_warning("broker_error", topic=message.topic(), why=error.str())

    def _refused(self, error: KafkaError) -> FlowError:
        return FlowError(
            f"The broker {self._options.brokers} refuses: {error.str()}. Give the user the"
            f" right to read the topics and to join the group {self._options.group}."
        )

    def _client_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = FlowError(f"The Kafka client has failed: {error.str()}. Start it again.")
        else:
            log_warning("broker_away", why=error.str())

    # The database.

    def _synchronise(self) -> None:
        """Read the positions of the owned partitions from the database, and start from there."""
        if not self._owned or not self._wait.is_over():
            return
        if self._writing is not None:
            if not self._writing.done():
                return
            self._collect()
        starts = self._find_starts()
        if starts is None:
            self._consumer.assign([])  # nothing that is received now could be kept
            return
        self._ids, self._ids_asked_at = {}, time.monotonic()
        self._synchronised_at = self._ids_asked_at
        self._witnesses.clear()
        places = []
        for name, partition in self._owned.items():
            partition.start = starts.get(name)
            if partition.start is None:
                continue
            partition.handed = partition.read = partition.position
            first = partition.start.first
            offset = OFFSET_BEGINNING if first is None else first
            places.append(TopicPartition(partition.topic, partition.number, offset))
        self._consumer.assign(places)
        self._consumer.resume(places)
        self._is_paused = False
        self._is_synchronised = True
        self._last_arrival = time.monotonic()
        log_event("positioned", positions={name: self._owned[name].position for name in starts})

    def _find_starts(self) -> dict[str, Start] | None:
        """Where the owned partitions are read from; None if that cannot be found out yet."""
        event = ""
        try:
            return find_starts(
                self._settlement,
                self._logs,
                {name: (one.topic, one.number) for name, one in self._owned.items()},
                self._witnesses,
                from_earliest=self._from_earliest,
            )
        except OvertakenError as error:
            event, why = "overtaken", str(error)
        except DATABASE_AWAY as error:
            self._settlement.close()
            event, why = "database_away", first_line(error)
        except KafkaException as error:
            reason = error.args[0]
            if reason.code() in NO_RIGHT:
                raise self._refused(reason) from error
            event, why = "broker_away", reason.str()
        log_warning(event, why=why, again_in=round(self._wait.extend(), 1))
        return None

    def _watch_logs(self) -> None:
        """See now and then whether the topics are still the ones that are read.

        Also those that wait for their topic to exist again are looked for.
        """
        if time.monotonic() - self._ids_asked_at < _WATCH_SECONDS:
            return
        if not all(future.done() for future in self._ids.values()):
            return
        ids = ids_of(self._ids)
        is_waiting = any(one.start is None for one in self._owned.values())
        is_waiting = is_waiting and time.monotonic() - self._synchronised_at > _ABSENT_SECONDS
        if is_waiting or any(one.is_of_other(ids) for one in self._owned.values()):
            self._lose_track()
            return
        self._ids_asked_at = time.monotonic()
        self._ids = self._logs.ask_ids(one.topic for one in self._owned.values())

    def _hand_over(self) -> None:
        """Give what is buffered to the writer."""
        batch, self._buffer = self._buffer, Batch()
        log_ids: dict[str, str] = {}
        for name, span in batch.spans.items():
            partition = self._owned[name]
            partition.handed = span.position
            assert partition.start is not None and partition.last is not None
            log_id = partition.start.known_log_id
            span.mark = mark_of(partition.last, log_id)
            if log_id is not None:
                log_ids[partition.topic] = log_id
        # Asked after the messages have arrived: a topic that still has its id has sent them.
        asked = self._logs.ask_ids(log_ids)
        self._written, self._write_began = batch, time.monotonic()
        self._writing = self._writer.submit(
            self._settlement.settle, batch, lambda _connection: check_ids(log_ids, asked)
        )

    def _collect(self) -> None:
        """Take the result of the batch in progress, if it is finished."""
        if self._writing is None or not self._writing.done():
            return
        writing, batch = self._writing, self._written
        self._writing, self._written = None, Batch()
        try:
            outcome = writing.result()
        except OvertakenError as error:
            log_warning("overtaken", why=str(error))
            self._wait.extend()
        except LogReplacedError as error:
            log_warning("log_replaced", why=str(error))
        except DATABASE_AWAY as error:
            self._settlement.close()
            log_warning("database_lost", why=first_line(error), messages=len(batch))
            # A batch that exceeds the time limit of a statement must not be tried again as it is.
            self._batch_size = max(_SMALLEST_BATCH, self._batch_size // 2)
            self._wait.extend()
        else:
            crash_points.pass_point("after_commit_before_ack")
            self._batch_size = min(BATCH_MESSAGES, 2 * self._batch_size)
            self._wait = BackOff()
            self._report.add(outcome, time.monotonic() - self._write_began)
            if self._report.is_due():
                self._report.log()
            self._centres.add(outcome.centres)
            self._commit_to_broker(batch)
            return
        self._accepted -= len(batch)
        self._lose_track()

    def _commit_to_broker(self, batch: Batch[R]) -> None:
        """For tools that show how far a group is; the database decides where to continue."""
        offsets = [
            TopicPartition(one.topic, one.number, span.position)
            for name, span in batch.spans.items()
            if (one := self._owned.get(name)) is not None
        ]
        if offsets:
            with suppress(KafkaException):
                self._consumer.commit(offsets=offsets, asynchronous=True)

    def _finish(self) -> None:
        """Settle what was received before the end."""
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
        """Whether this consumer reads all its partitions; it may own none."""
        return self._last_arrival is not None and (self._is_synchronised or not self._owned)

    def _stop(self) -> None:
        self._is_stopping = True


def _names(partitions: list[TopicPartition]) -> list[str]:
    return sorted(partition_name(one.topic, one.partition) for one in partitions)


def _committed(error: KafkaError | None, _partitions: list[TopicPartition]) -> None:
    # During a rebalance the broker refuses; the next batch commits again.
    if error is not None and error.code() != KafkaError._NO_OFFSET:
        log_warning("broker_commit_failed", why=error.str())
