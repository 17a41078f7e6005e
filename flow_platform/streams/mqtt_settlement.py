"""What MQTT adds to the settlement: which packets are settled already, and numbers in a topic.

MQTT has no offsets. A packet that the broker sends again is recognised by its identifier and its
digest, and the position of a topic is the number of its settled messages. Receiving and
acknowledging packets is in `mqtt.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic

import psycopg

from flow_platform.ground.errors import FlowError
from flow_platform.ground.fates import REDELIVERED
from flow_platform.streams.destination import Destination, Message, R
from flow_platform.streams.offsets import OvertakenError, Span
from flow_platform.streams.outcome import Outcome
from flow_platform.streams.settlement import Batch, Settlement
from flow_platform.warehouse.store import Store

SOURCE = "mqtt"
# The connection of a subscriber that was killed takes a moment to end, and holds its lock so long.
_LOCK_PATIENCE = 10.0

_PACKETS = """
insert into ops.mqtt_packets (client_id, message_number, payload_sha256)
select %s, new.* from unnest(%s::integer[], %s::text[]) as new
on conflict (client_id, message_number) do update set payload_sha256 = excluded.payload_sha256
"""
# The session before this one is lost with what it held. One that moves to another broker is not;
# one of before this table has left packets.
_BEGIN_SESSION = """
insert into ops.mqtt_sessions as old (flow, broker, client_id, began_at, lost, lost_at)
select %(flow)s, %(broker)s, %(client_id)s, %(at)s, was.lost::integer,
    case when was.lost then %(at)s::timestamptz end
from (select exists (select from ops.mqtt_packets where client_id = %(client_id)s)
    and not exists (select from ops.mqtt_sessions
        where flow = %(flow)s and client_id = %(client_id)s) as lost) as was
on conflict (flow, broker, client_id) do update
    set began_at = excluded.began_at, lost = old.lost + 1, lost_at = excluded.began_at
    where old.began_at <> excluded.began_at
"""
_IS_LOST = """
select lost_at is not distinct from began_at from ops.mqtt_sessions
where flow = %(flow)s and broker = %(broker)s and client_id = %(client_id)s
"""
_TAKE_OVER = """
insert into ops.mqtt_sessions as old (flow, broker, client_id, taken_over, taken_over_at)
values (%s, %s, %s, 1, now())
on conflict (flow, broker, client_id) do update
    set taken_over = old.taken_over + 1, taken_over_at = excluded.taken_over_at
"""


@dataclass(eq=False, slots=True)
class Packet(Message):
    """A message over MQTT. Its position is known once it is settled.

    `payload` is cut just above the longest that is read; `size` and `sha256` are of the whole.
    `number` is the packet identifier, 0 at QoS 0.
    """

    size: int
    sha256: str
    number: int
    qos: int
    is_redelivery: bool
    is_settled: bool = False


@dataclass
class _Attempt:
    """A transaction that was begun: its positions show whether it was committed."""

    packets: Sequence[Packet]
    spans: dict[str, Span]


class MqttSettlement(Generic[R]):
    """The settled state of one flow's MQTT stream, held by at most one subscriber at a time.

    A lock of the database, held by the connection that writes, keeps other subscribers out.
    Positions belong to the flow, so there is one lock for each flow, whatever the client is called.
    Errors of the connection are raised to the caller, who calls `open` and then `settle` with the
    same packets until it succeeds.
    """

    def __init__(self, store: Store, destination: Destination[Packet, R], client_id: str) -> None:
        self._settlement = Settlement(store, SOURCE, destination)
        self._destination, self._client_id = destination, client_id
        self._positions: dict[str, int] = {}
        self._packets: dict[int, str] = {}  # digest of each settled packet, by its identifier
        self._attempt: _Attempt | None = None

    def open(self) -> None:
        """Connect, take the lock, and read what is settled, including an uncertain commit.

        Raises FlowError if another subscriber holds the lock or has moved the positions.
        """
        connection = self._settlement.open()
        self._take_lock(connection)
        known = self._settlement.offsets.read(connection)
        self._positions = {topic: position.offset for topic, position in known.items()}
        rows = connection.execute(
            "select message_number, payload_sha256 from ops.mqtt_packets where client_id = %s",
            (self._client_id,),
        )
        self._packets = dict(rows.fetchall())
        self._resolve()

    def close(self) -> None:
        self._settlement.close()

    def begin_session(
        self, broker: str, at: datetime, held: Sequence[Packet]
    ) -> tuple[Outcome, bool]:
        """Note that `broker` has begun a new session at the moment `at`, which names it.

        Its packet identifiers start again. `held` are packets of the session before that were not
        acknowledged: nobody sends them again, so they are settled in the same transaction. Returns
        their outcome, and whether a session was lost; False for the first one of the client.
        """
        outcome, fresh = self._not_settled(held)
        facts = {
            "flow": self._destination.flow,
            "broker": broker,
            "client_id": self._client_id,
            "at": at,
        }

        def begin(connection: psycopg.Connection) -> None:
            connection.execute(_BEGIN_SESSION, facts)
            connection.execute(
                "delete from ops.mqtt_packets where client_id = %s", (self._client_id,)
            )

        if fresh:
            outcome.add(self._settle_fresh(fresh, begin))
        else:
            with self._settlement.connection.transaction():
                begin(self._settlement.connection)
        self._packets.clear()
        row = self._settlement.connection.execute(_IS_LOST, facts).fetchone()
        return outcome, row is not None and bool(row[0])

    def note_take_over(self, broker: str) -> None:
        """Count that another client has taken the session over."""
        self._settlement.connection.execute(
            _TAKE_OVER, (self._destination.flow, broker, self._client_id)
        )

    def settle(self, packets: Sequence[Packet]) -> Outcome:
        """Settle all packets that are not settled yet; returns these by their fate."""
        outcome, fresh = self._not_settled(packets)
        if fresh:
            outcome.add(self._settle_fresh(fresh))
        return outcome

    def _not_settled(self, packets: Sequence[Packet]) -> tuple[Outcome, list[Packet]]:
        """The packets that are not settled yet, and how many others were sent again."""
        outcome = Outcome()
        fresh = []
        for packet in packets:
            if packet.is_settled:
                continue
            if packet.is_redelivery and self._packets.get(packet.number) == packet.sha256:
                packet.is_settled = True
                outcome.counts[REDELIVERED] += 1
            else:
                fresh.append(packet)
        return outcome, fresh

    def _settle_fresh(
        self,
        packets: list[Packet],
        also: Callable[[psycopg.Connection], None] = lambda _connection: None,
    ) -> Outcome:
        """Settle packets; `also` is the last part of their transaction."""

        def write(connection: psycopg.Connection) -> None:
            self._write_packets(connection, packets)
            also(connection)

        batch = self._batch_of(packets)
        self._attempt = attempt = _Attempt(packets, batch.spans)
        try:
            outcome = self._settlement.settle(batch, also=write)
        except OvertakenError as error:
            raise _overtaken(self._destination.flow) from error
        self._accept(attempt)
        return outcome

    def _batch_of(self, packets: list[Packet]) -> Batch[R]:
        """The packets, read, each with its number in its topic."""
        batch: Batch[R] = Batch()
        for packet in packets:
            topic = packet.topic
            span = batch.spans.get(topic)
            if span is None:
                before = self._positions.get(topic)
                span = batch.spans[topic] = Span(before, before or 0)
            span.position += 1
            packet.position = span.position
            batch.records.append(self._destination.read(packet))
            batch.partitions.append(topic)
        return batch

    def _write_packets(self, connection: psycopg.Connection, packets: list[Packet]) -> None:
        numbers = {packet.number: packet.sha256 for packet in packets if packet.qos > 0}
        connection.execute(_PACKETS, (self._client_id, list(numbers), list(numbers.values())))

    def _accept(self, attempt: _Attempt) -> None:
        """The attempt is committed: from now on its packets are settled."""
        for topic, span in attempt.spans.items():
            self._positions[topic] = span.position
        for packet in attempt.packets:
            packet.is_settled = True
            if packet.qos > 0:
                self._packets[packet.number] = packet.sha256
        self._attempt = None

    def _resolve(self) -> None:
        """Find out whether the transaction that a lost connection cut off was committed."""
        attempt, self._attempt = self._attempt, None
        if attempt is None:
            return
        now = {topic: self._positions.get(topic) for topic in attempt.spans}
        if now == {topic: span.before for topic, span in attempt.spans.items()}:
            return
        if now != {topic: span.position for topic, span in attempt.spans.items()}:
            raise _overtaken(self._destination.flow)
        for packet in attempt.packets:
            packet.is_settled = True

    def _take_lock(self, connection: psycopg.Connection) -> None:
        flow = self._destination.flow
        deadline = time.monotonic() + _LOCK_PATIENCE
        while True:
            # The key is the same in every version, so that an older subscriber is kept out too.
            row = connection.execute(
                "select pg_try_advisory_lock(hashtext('flow_platform.ingest'), hashtext(%s))",
                (flow,),
            ).fetchone()
            if row is not None and row[0]:
                return
            if time.monotonic() > deadline:
                self.close()
                raise FlowError(
                    f"Another subscriber settles {flow} in this database already. Only one may:"
                    " stop it first (`flow status`, `flow down`)."
                )
            time.sleep(0.2)


def _overtaken(flow: str) -> FlowError:
    return FlowError(
        f"Another subscriber has settled messages of {flow} meanwhile. This one has written"
        " nothing, and the broker keeps its messages. Run only one subscriber."
    )
