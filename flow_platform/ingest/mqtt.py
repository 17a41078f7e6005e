"""The subscriber: receives messages from an MQTT broker, has them settled, acknowledges them.

One thread does one after the other, so that nothing is read while PostgreSQL writes and memory
holds one batch. What a message means is in `sources/messages.py`, writing in `settlement.py`.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import paho.mqtt.client as paho
import psycopg
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from flow_platform.ground.errors import FlowError
from flow_platform.ingest import crash
from flow_platform.ingest.back_off import DATABASE_AWAY, BackOff, first_line, say
from flow_platform.ingest.options import Options
from flow_platform.ingest.settlement import Message, Outcome, Settlement
from flow_platform.ingest.signals import stopping_on_signals
from flow_platform.sources.json_objects import LONGEST_PAYLOAD
from flow_platform.sources.tables import clean_text

BATCH_MESSAGES = 500
BATCH_SECONDS = 0.2
# Two batches: the broker sends the next one while this one is written.
RECEIVE_MAXIMUM = 2 * BATCH_MESSAGES
# How long the broker keeps messages for a subscriber that is away.
SESSION_SECONDS = 30 * 24 * 3600
_KEEP_ALIVE = 60
# A connection that ends sooner does not count as a success: two clients of one name, of which the
# broker throws out the older, would fight without a pause.
_SOUND_CONNECTION = 5.0
_REPORT_SECONDS = 10.0
_SESSION_TAKEN_OVER = 142


@dataclass
class _Report:
    """What is said at the next report: what became of the messages since the last one."""

    outcome: Outcome = field(default_factory=Outcome)
    batches: int = 0
    longest_settling: float = 0.0
    at: float = field(default_factory=time.monotonic)


class Subscriber:
    """One session with the broker, one settlement with the database.

    MQTT 5, because there the client and not the broker's settings says how many messages may be
    unacknowledged (Receive Maximum; Mosquitto's own default of 20 would mean 20 rows a
    transaction; 2.0.11 keeps to it only until the first PUBACK, so memory does not rely on it), how
    long the session lives, and that retained messages do not come again at every
    subscription. QoS 1; PUBACK only after the commit.
    """

    def __init__(
        self,
        options: Options,
        settlement: Settlement,
        *,
        on_counters: Callable[[set[str]], None] | None = None,
        max_messages: int | None = None,
        idle_seconds: float | None = None,
    ) -> None:
        self._options, self._settlement = options, settlement
        self._on_counters = on_counters
        self._max_messages, self._idle_seconds = max_messages, idle_seconds
        self._queue: list[Message] = []
        self._queued_at = self._connected_at = 0.0
        self._is_connected = self._is_stopping = self._is_new_session = False
        self._fatal: FlowError | None = None
        self._counters: set[str] = set()
        self._total = Outcome()
        self._report = _Report()
        self._last_arrival = time.monotonic()
        self._broker_wait = BackOff()
        self._client = self._new_client()

    def run(self) -> Outcome:
        """Receive and settle until SIGTERM, SIGINT or a limit; returns what became of messages.

        Raises FlowError when another subscriber is at work, or the broker refuses the topic.
        """
        with stopping_on_signals(self._stop):
            if not self._open_database():
                return self._total
            try:
                while not self._is_done():
                    if self._client.socket() is None:
                        self._connect()
                    else:
                        self._receive()
                    if self._fatal is not None:
                        raise self._fatal
                    if self._is_due():
                        self._settle()
                self._settle()
            finally:
                self._leave_broker()
                self._settlement.close()
        self._say_report()
        say("stopped", messages=self._total.messages - self._total.redelivered)
        return self._total

    # The broker.

    def _new_client(self) -> paho.Client:
        options = self._options
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=options.client_id,
            protocol=paho.MQTTv5,
            manual_ack=True,
        )
        if options.username is not None:
            client.username_pw_set(options.username, options.password)
        if options.tls:
            client.tls_set()
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._subscribed
        client.on_message = self._received
        return client

    def _connect(self) -> None:
        if not self._broker_wait.is_over():
            time.sleep(0.05)
            return
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = SESSION_SECONDS
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        self._broker_wait.extend()
        try:
            self._client.connect(
                self._options.host,
                self._options.port,
                _KEEP_ALIVE,
                clean_start=False,
                properties=properties,
            )
        except (OSError, ValueError) as error:
            say("broker_away", broker=self._options.address, why=str(error))

    def _connected(
        self, client: paho.Client, _data: Any, flags: Any, reason: Any, _properties: Any
    ) -> None:
        if reason.is_failure:
            say("broker_refuses", broker=self._options.address, why=str(reason))
            return
        self._is_connected = True
        self._connected_at = self._last_arrival = time.monotonic()
        # Packet identifiers of a session that is gone say nothing about those of the new one.
        self._is_new_session = self._is_new_session or not flags.session_present
        say("connected", broker=self._options.address, session=bool(flags.session_present))
        # At every connection: a broker that lost its sessions has lost the subscription too.
        client.subscribe(
            self._options.topic,
            options=SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB),
        )

    def _subscribed(
        self, _client: paho.Client, _data: Any, _number: int, reasons: Any, _properties: Any
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if not refused:
            say("subscribed", topic=self._options.topic)
        else:
            self._fatal = FlowError(
                f"The broker {self._options.address} refuses the subscription of"
                f" {self._options.topic}: {', '.join(refused)}. Give the user the right to read it."
            )

    def _disconnected(
        self, _client: paho.Client, _data: Any, flags: Any, reason: Any, _properties: Any
    ) -> None:
        if self._is_connected and time.monotonic() - self._connected_at > _SOUND_CONNECTION:
            self._broker_wait = BackOff()
        self._is_connected = False
        # Nothing of these was acknowledged: the broker sends them again.
        self._queue.clear()
        # Mosquitto 2.0.11 only closes the connection then; later ones and other brokers say why.
        if flags.is_disconnect_packet_from_server and reason.value == _SESSION_TAKEN_OVER:
            self._fatal = FlowError(
                f"Another client connected to {self._options.address} as"
                f" {self._options.client_id}. Stop it, or give one of the two another client_id."
            )
        say("disconnected", broker=self._options.address, why=str(reason))

    def _received(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        now = datetime.now(UTC)
        self._last_arrival = time.monotonic()
        if not self._queue:
            self._queued_at = self._last_arrival
        payload = message.payload
        try:
            topic = clean_text(message.topic)
        except UnicodeDecodeError:
            topic = "(a topic that is not UTF-8)"
        self._queue.append(
            Message(
                topic,
                bytes(payload[: LONGEST_PAYLOAD + 1]),
                len(payload),
                hashlib.sha256(payload).hexdigest(),
                message.mid,
                message.qos,
                bool(message.dup),
                now,
            )
        )

    def _receive(self) -> None:
        """Read what the broker has sent, up to a batch; wait for it a little."""
        wait = BATCH_SECONDS
        if self._queue:
            wait = max(0.0, self._queued_at + BATCH_SECONDS - time.monotonic())
        result = self._client.loop(wait)
        # One turn of paho's loop reads one packet; the rest is read without asking the system
        # each time whether there is any.
        while result == MQTTErrorCode.MQTT_ERR_SUCCESS and 0 < len(self._queue) < self._batch_size:
            before = len(self._queue)
            result = self._client.loop_read()
            if len(self._queue) <= before:
                break

    def _leave_broker(self) -> None:
        """Disconnect and leave the session as it is: the broker keeps what is not acknowledged."""
        if self._client.socket() is None:
            return
        with suppress(OSError, ValueError):
            deadline = time.monotonic() + 2
            while self._client.want_write() and time.monotonic() < deadline:
                self._client.loop_write()
            self._client.disconnect()
            while self._client.socket() is not None and time.monotonic() < deadline:
                self._client.loop(0.05)
        self._queue.clear()
        self._is_connected = False

    # The database.

    def _open_database(self) -> bool:
        """Connect to it, however long that takes; False when told to stop meanwhile."""
        wait = BackOff()
        while not self._is_stopping:
            try:
                self._settlement.open()
                return True
            except DATABASE_AWAY as error:
                self._leave_broker()
                say("database_away", why=first_line(error), again_in=round(wait.extend(), 1))
                while not (wait.is_over() or self._is_stopping):
                    time.sleep(0.05)
        return False

    def _settle(self) -> None:
        """Settle and acknowledge what is queued.

        While the database is away nothing is received: the broker holds the rest.
        """
        batch, self._queue = self._queue[: self._batch_size], self._queue[self._batch_size :]
        if not batch:
            return
        started = time.monotonic()
        outcome = Outcome()
        while True:
            try:
                if self._is_new_session:
                    self._settlement.forget_packets()
                    self._is_new_session = False
                outcome.add(self._settlement.settle(batch))
                break
            except DATABASE_AWAY as error:
                say("database_lost", why=first_line(error), messages=len(batch))
                self._leave_broker()
                if not self._open_database():
                    return  # the broker has them still
        self._tell_counters(outcome.counters)
        crash.pass_point("after_commit_before_ack")
        for message in batch:
            # After a new connection the broker sends them again, and they are known as settled.
            if not self._is_connected:
                break
            self._client.ack(message.number, message.qos)
        self._note(outcome, time.monotonic() - started)

    def _tell_counters(self, found: set[str]) -> None:
        new = found - self._counters
        if not new or self._on_counters is None:
            return
        try:
            self._on_counters(new)
        except (FlowError, OSError, psycopg.Error) as error:
            say("counters_not_remembered", why=first_line(error))
            return  # told again with the next message of any of them
        self._counters |= new

    # When to do what.

    @property
    def _batch_size(self) -> int:
        if self._max_messages is None:
            return BATCH_MESSAGES
        # What was settled before a restart does not count towards the limit of this run.
        new = self._total.messages - self._total.redelivered
        return max(0, min(BATCH_MESSAGES, self._max_messages - new))

    def _is_due(self) -> bool:
        return bool(self._queue) and (
            len(self._queue) >= self._batch_size
            or time.monotonic() - self._queued_at >= BATCH_SECONDS
        )

    def _is_done(self) -> bool:
        idle = time.monotonic() - self._last_arrival
        return (
            self._is_stopping
            or self._batch_size == 0
            or (self._idle_seconds is not None and idle > self._idle_seconds)
        )

    def _stop(self) -> None:
        self._is_stopping = True

    # What is said.

    def _note(self, outcome: Outcome, seconds: float) -> None:
        report = self._report
        report.outcome.add(outcome)
        report.batches += 1
        report.longest_settling = max(report.longest_settling, seconds)
        self._total.add(outcome)
        if time.monotonic() - report.at >= _REPORT_SECONDS:
            self._say_report()

    def _say_report(self) -> None:
        report, self._report = self._report, _Report()
        outcome = report.outcome
        if not outcome.messages:
            return
        newest = outcome.last_event_at
        say(
            "settled",
            stored=outcome.stored,
            quarantined=outcome.quarantined,
            repeated=outcome.repeated,
            redelivered=outcome.redelivered,
            batches=report.batches,
            longest_settling_seconds=round(report.longest_settling, 3),
            queued=len(self._queue),
            lag_seconds=newest and round((datetime.now(UTC) - newest).total_seconds()),
        )
