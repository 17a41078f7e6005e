"""The MQTT subscriber: receives packets from a broker, has them settled, acknowledges them.

One thread does one after the other, so that nothing is read while PostgreSQL writes and memory
holds one batch. Settling is in `mqtt_settlement.py`; what a message means is up to its destination.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from flow_platform.ground import crash_points
from flow_platform.ground.errors import FlowError
from flow_platform.ground.json_log import log_event, log_warning
from flow_platform.ground.signals import stopping_on_signals
from flow_platform.sources.json_objects import LONGEST_PAYLOAD
from flow_platform.sources.tables import clean_text
from flow_platform.streams.back_off import BackOff
from flow_platform.streams.database import DATABASE_AWAY, first_line
from flow_platform.streams.mqtt_options import MqttOptions
from flow_platform.streams.mqtt_settlement import SOURCE, MqttSettlement, Packet
from flow_platform.streams.outcome import Outcome
from flow_platform.streams.report import NewCentres, Report

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
_SESSION_TAKEN_OVER = 142

_T = TypeVar("_T")


class MqttSubscriber:
    """One session with the broker, one settlement with the database.

    MQTT 5, because there the client decides, and not the broker's settings, how many messages may
    be unacknowledged (Receive Maximum; Mosquitto's own default of 20 would mean 20 rows a
    transaction; 2.0.11 keeps to it only until the first PUBACK, so memory does not rely on it), how
    long the session lives, and that retained messages are not sent again at every subscription.
    QoS 1; PUBACK only after the commit.
    """

    def __init__(
        self,
        options: MqttOptions,
        settlement: MqttSettlement,
        *,
        on_centres: Callable[[set[str]], None] | None = None,
        max_messages: int | None = None,
        idle_seconds: float | None = None,
    ) -> None:
        self._options, self._settlement = options, settlement
        self._max_messages, self._idle_seconds = max_messages, idle_seconds
        self._queue: list[Packet] = []
        self._queued_at = self._connected_at = 0.0
        # Received in a session that ended, and not acknowledged.
        self._held: list[Packet] = []
        # When the broker began a session that is not noted yet.
        self._new_session_at: datetime | None = None
        self._is_connected = self._is_stopping = self._is_taken_over = False
        self._fatal: FlowError | None = None
        self._centres = NewCentres(on_centres)
        self._report = Report()
        self._last_arrival = time.monotonic()
        self._broker_wait = BackOff()
        self._client = self._new_client()

    def run(self) -> Outcome:
        """Receive and settle until SIGTERM, SIGINT or a limit; returns the messages by their fate.

        Raises FlowError if another subscriber is at work, or if the broker refuses the topic.
        """
        with stopping_on_signals(self._stop):
            if not self._open_database():
                return self._report.total
            try:
                while not self._is_done():
                    if self._client.socket() is None:
                        self._connect()
                    else:
                        self._receive()
                    if self._fatal is not None:
                        self._note_take_over()
                        raise self._fatal
                    if self._new_session_at is not None:
                        self._begin_session(self._new_session_at)
                    if self._is_due():
                        self._settle()
                if self._new_session_at is not None:
                    self._begin_session(self._new_session_at)
                self._settle()
            finally:
                self._leave_broker()
                self._settlement.close()
        self._report.log(queued=len(self._queue))
        log_event("stopped", messages=self._new_messages)
        return self._report.total

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
            log_warning("broker_away", broker=self._options.address, why=str(error))

    def _connected(
        self, client: paho.Client, _data: Any, flags: Any, reason: Any, _properties: Any
    ) -> None:
        if reason.is_failure:
            log_warning("broker_refuses", broker=self._options.address, why=str(reason))
            return
        self._is_connected = True
        self._connected_at = self._last_arrival = time.monotonic()
        log_event("connected", broker=self._options.address, session=bool(flags.session_present))
        if not flags.session_present:
            self._new_session_at = datetime.now(UTC)
        elif self._new_session_at is None:
            self._held.clear()  # the broker sends them again
        # A new session is noted before anything arrives in it.
        if self._new_session_at is None:
            self._subscribe(client)

    def _subscribe(self, client: paho.Client) -> None:
        """At every connection: it may not have been reached in the one before."""
        client.subscribe(
            self._options.topic,
            options=SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB),
        )

    def _subscribed(
        self, _client: paho.Client, _data: Any, _number: int, reasons: Any, _properties: Any
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if not refused:
            log_event("subscribed", topic=self._options.topic)
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
        elif self._is_connected and reason.value and not self._is_stopping:
            log_warning("cut_off", why=f"Does another client use {self._options.client_id}?")
        self._is_connected = False
        self._hold()
        # Mosquitto 2.0.11 only closes the connection; later ones and other brokers give the reason.
        if flags.is_disconnect_packet_from_server and reason.value == _SESSION_TAKEN_OVER:
            self._is_taken_over = True
            self._fatal = FlowError(
                f"Another client connected to {self._options.address} as"
                f" {self._options.client_id}. Stop it, or give one of the two another client_id."
            )
        log_event("disconnected", broker=self._options.address, why=str(reason))

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
            Packet(
                topic,
                bytes(payload[: LONGEST_PAYLOAD + 1]),
                f"{SOURCE}:{topic}",
                0,
                now,
                now,
                len(payload),
                hashlib.sha256(payload).hexdigest(),
                message.mid,
                message.qos,
                bool(message.dup),
            )
        )

    def _receive(self) -> None:
        """Read what the broker has sent, up to a batch; wait a little if there is nothing."""
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
        self._hold()
        self._is_connected = False

    def _hold(self) -> None:
        """Keep what is queued: the broker sends it again, but only if it keeps the session."""
        self._held += self._queue
        self._queue.clear()

    # The database.

    def _open_database(self) -> bool:
        """Connect, however long that takes; False if a signal stops this process meanwhile."""
        wait = BackOff()
        while not self._is_stopping:
            try:
                self._settlement.open()
                return True
            except DATABASE_AWAY as error:
                self._leave_broker()
                log_warning(
                    "database_away", why=first_line(error), again_in=round(wait.extend(), 1)
                )
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
        outcome = self._written(lambda: self._settlement.settle(batch), len(batch))
        if outcome is None:
            return  # the broker keeps them
        self._centres.add(outcome.centres)
        crash_points.pass_point("after_commit_before_ack")
        for packet in batch:
            # After a new connection the broker sends them again; they are recognised as settled.
            if not self._is_connected:
                break
            self._client.ack(packet.number, packet.qos)
        self._report.add(outcome, time.monotonic() - started)
        if self._report.is_due():
            self._report.log(queued=len(self._queue))

    def _begin_session(self, at: datetime) -> None:
        """Note a new session, with what the one before had sent; then subscribe."""
        held, started = list(self._held), time.monotonic()
        address, settlement = self._options.address, self._settlement
        written = self._written(lambda: settlement.begin_session(address, at, held), len(held))
        if written is None:
            return
        self._new_session_at = None
        self._held.clear()
        outcome, is_lost = written
        if is_lost:
            log_warning("session_lost", broker=address, held=outcome.messages)
        self._centres.add(outcome.centres)
        self._report.add(outcome, time.monotonic() - started)
        if self._is_connected:
            self._subscribe(self._client)

    def _note_take_over(self) -> None:
        if self._is_taken_over:
            with suppress(*DATABASE_AWAY):
                self._settlement.note_take_over(self._options.address)

    def _written(self, write: Callable[[], _T], messages: int) -> _T | None:
        """The result of `write`, tried until the database answers; None if a signal ends that."""
        while True:
            try:
                return write()
            except DATABASE_AWAY as error:
                log_warning("database_lost", why=first_line(error), messages=messages)
                self._leave_broker()
                if not self._open_database():
                    return None

    # When to do what.

    @property
    def _batch_size(self) -> int:
        if self._max_messages is None:
            return BATCH_MESSAGES
        # Messages settled before a restart do not count towards the limit of this run.
        return max(0, min(BATCH_MESSAGES, self._max_messages - self._new_messages))

    @property
    def _new_messages(self) -> int:
        return self._report.total.messages - self._report.total.redelivered

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
