"""Settling messages: readings, quarantine, positions and packet identifiers in one transaction.

Every message is settled exactly once, whatever dies when. Receiving them is in `mqtt.py`.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg

from flow_platform.ground.errors import FlowError
from flow_platform.ingest import crash
from flow_platform.ingest.back_off import CONNECTION
from flow_platform.sources.json_objects import LONGEST_PAYLOAD
from flow_platform.sources.messages import Poison, Reading, parse
from flow_platform.sources.tables import clean_text
from flow_platform.warehouse.store import Store

SOURCE = "mqtt"
# A killed subscriber's connection takes a moment to end, and holds its lock so long.
_LOCK_PATIENCE = 10.0

_INSERT = """
insert into raw.traffic (centre_id, day, counted_at, vehicles, occupancy, state, available_at,
    event_id, source_file, source_line)
select centre_id, (counted_at at time zone 'UTC')::date, counted_at, vehicles, occupancy, state,
    available_at, event_id, source_file, source_line
from unnest(%s::text[], %s::timestamptz[], %s::float8[], %s::float8[], %s::text[],
    %s::timestamptz[], %s::text[], %s::text[], %s::bigint[])
    as new (centre_id, counted_at, vehicles, occupancy, state, available_at, event_id, source_file,
        source_line)
on conflict (event_id) where event_id is not null do nothing
returning event_id
"""
_STORED = """
select event_id, centre_id, counted_at, vehicles, occupancy, state
from raw.traffic where event_id = any(%s)
"""
_QUARANTINE = """
insert into ops.quarantine (flow, source_file, source_line, payload_sha256, reason, centre_id,
    payload)
select %s, new.* from unnest(%s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[],
    %s::jsonb[]) as new
on conflict do nothing
"""
# A position is only ever moved on from where this subscriber knows it: two writers cannot pass.
_POSITIONS = """
insert into ops.offsets as old (flow, source, partition, position, rows_stored, rows_quarantined,
    rows_repeated, last_event_at, last_message_at)
select %s, %s, new.*, now() from unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[],
    %s::bigint[], %s::timestamptz[]) as new
on conflict (flow, source, partition) do update set
    position = excluded.position,
    rows_stored = old.rows_stored + excluded.rows_stored,
    rows_quarantined = old.rows_quarantined + excluded.rows_quarantined,
    rows_repeated = old.rows_repeated + excluded.rows_repeated,
    last_event_at = greatest(old.last_event_at, excluded.last_event_at),
    last_message_at = excluded.last_message_at
where old.position = excluded.position
    - excluded.rows_stored - excluded.rows_quarantined - excluded.rows_repeated
"""
_PACKETS = """
insert into ops.mqtt_packets (client_id, message_number, payload_sha256)
select %s, new.* from unnest(%s::integer[], %s::text[]) as new
on conflict (client_id, message_number) do update set payload_sha256 = excluded.payload_sha256
"""


@dataclass(eq=False, slots=True)
class Message:
    """A message as it was received. `payload` is cut just above the longest that is read; `size`
    and `sha256` are of the whole. `number` is its packet identifier, 0 at QoS 0.
    """

    topic: str
    payload: bytes
    size: int
    sha256: str
    number: int
    qos: int
    is_redelivery: bool
    received_at: datetime
    settled: bool = False


@dataclass
class Outcome:
    """What became of messages; `redelivered` ones were settled before and count nowhere else."""

    stored: int = 0
    quarantined: int = 0
    repeated: int = 0
    redelivered: int = 0
    last_event_at: datetime | None = None
    counters: set[str] = field(default_factory=set)

    def add(self, other: Outcome) -> None:
        self.stored += other.stored
        self.quarantined += other.quarantined
        self.repeated += other.repeated
        self.redelivered += other.redelivered
        self.counters |= other.counters
        self.last_event_at = _later(self.last_event_at, other.last_event_at)

    @property
    def messages(self) -> int:
        return self.stored + self.quarantined + self.repeated + self.redelivered


@dataclass
class _Topic:
    """What a batch adds to one topic."""

    before: int
    stored: int = 0
    quarantined: int = 0
    repeated: int = 0
    last_event_at: datetime | None = None

    @property
    def position(self) -> int:
        return self.before + self.stored + self.quarantined + self.repeated


@dataclass
class _Attempt:
    """A transaction that was begun: whether it was committed is seen by its positions."""

    messages: list[Message]
    topics: dict[str, _Topic]
    positions: dict[str, int]  # of the topics, once it is committed


class Settlement:
    """The settled state of one flow's stream, held by at most one subscriber at a time.

    A lock of the database, held by the connection that writes, keeps others out: positions belong
    to the flow, so that there is one lock a flow, whatever the client is called. Errors of the
    connection (psycopg.OperationalError and its kin) go to the caller, who calls `open` and then
    `settle` with the same messages until it passes.
    """

    def __init__(
        self,
        store: Store,
        flow: str,
        client_id: str,
        columns: Mapping[str, str],
        pattern: str,
        timezone: str = "Europe/Paris",
    ) -> None:
        self._store, self._flow, self._client_id = store, flow, client_id
        self._columns, self._pattern, self._timezone = columns, pattern, timezone
        self._connection: psycopg.Connection | None = None
        self._positions: dict[str, int] = {}
        self._packets: dict[int, str] = {}
        self._attempt: _Attempt | None = None

    def open(self) -> None:
        """Connect, take the lock, and learn what is settled, an unsure commit included.

        Raises FlowError when another subscriber has the lock, or has moved the positions on.
        """
        self.close()
        self._connection = connection = psycopg.connect(
            self._store.server.dsn(self._store.role),
            autocommit=True,
            prepare_threshold=0,
            **CONNECTION,
        )
        self._take_lock(connection)
        rows = connection.execute(
            "select partition, position from ops.offsets where flow = %s and source = %s",
            (self._flow, SOURCE),
        )
        self._positions = dict(rows.fetchall())
        rows = connection.execute(
            "select message_number, payload_sha256 from ops.mqtt_packets where client_id = %s",
            (self._client_id,),
        )
        self._packets = dict(rows.fetchall())
        self._resolve()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def forget_packets(self) -> None:
        """The broker has begun a new session: its packet identifiers start over."""
        self._open_connection().execute(
            "delete from ops.mqtt_packets where client_id = %s", (self._client_id,)
        )
        self._packets.clear()

    def settle(self, messages: Sequence[Message]) -> Outcome:
        """Settle all messages that are not settled yet; returns what became of these."""
        outcome = Outcome()
        fresh = []
        for message in messages:
            if message.settled:
                continue
            if message.is_redelivery and self._packets.get(message.number) == message.sha256:
                message.settled = True
                outcome.redelivered += 1
            else:
                fresh.append(message)
        if fresh:
            outcome.add(self._settle_fresh(fresh))
        return outcome

    def _settle_fresh(self, messages: list[Message]) -> Outcome:
        read = [
            parse(
                message.topic,
                message.payload,
                self._columns,
                message.received_at,
                self._timezone,
                pattern=self._pattern,
            )
            for message in messages
        ]
        try:
            return self._write(messages, read)
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            # What PostgreSQL refuses and `parse` does not must not stop the stream.
            if len(messages) == 1:
                why = clean_text(str(error).splitlines()[0])
                return self._write(messages, [Poison(f"refused_by_database: {why}")])
            half = len(messages) // 2
            outcome = self._settle_fresh(messages[:half])
            outcome.add(self._settle_fresh(messages[half:]))
            return outcome

    def _write(self, messages: list[Message], read: Sequence[Reading | Poison]) -> Outcome:
        """One transaction for all of `messages`, read as `read`."""
        connection = self._open_connection()
        topics: dict[str, _Topic] = {}
        places: list[int] = []  # of each message in its topic
        reached: dict[str, int] = {}
        for message in messages:
            if message.topic not in topics:
                before = reached[message.topic] = self._positions.get(message.topic, 0)
                topics[message.topic] = _Topic(before)
            reached[message.topic] += 1
            places.append(reached[message.topic])
        outcome = Outcome()
        self._attempt = attempt = _Attempt(messages, topics, reached)
        with connection.transaction():
            reasons = _store_readings(connection, messages, read, places)
            crash.pass_point("mid_transaction")
            for message, found, reason in zip(messages, read, reasons, strict=True):
                _count(topics[message.topic], outcome, found, reason)
            self._quarantine(connection, messages, read, reasons, places)
            moved = connection.execute(
                _POSITIONS, (self._flow, SOURCE, *_columns_of_topics(topics))
            ).rowcount
            if moved != len(topics):
                raise _overtaken(self._flow)
            numbers = {m.number: m.sha256 for m in messages if m.qos > 0}
            connection.execute(_PACKETS, (self._client_id, list(numbers), list(numbers.values())))
            crash.pass_point("before_commit")
        self._accept(attempt)
        return outcome

    def _accept(self, attempt: _Attempt) -> None:
        """The attempt is committed: from now on its messages are settled."""
        for topic, known in attempt.topics.items():
            self._positions[topic] = known.position
        for message in attempt.messages:
            message.settled = True
            if message.qos > 0:
                self._packets[message.number] = message.sha256
        self._attempt = None

    def _resolve(self) -> None:
        """Whether the transaction that a lost connection cut off was committed."""
        attempt, self._attempt = self._attempt, None
        if attempt is None:
            return
        now = {topic: self._positions.get(topic, 0) for topic in attempt.topics}
        if now == {topic: known.before for topic, known in attempt.topics.items()}:
            return
        if now != attempt.positions:
            raise _overtaken(self._flow)
        for message in attempt.messages:
            message.settled = True

    def _quarantine(
        self,
        connection: psycopg.Connection,
        messages: list[Message],
        read: Sequence[Reading | Poison],
        reasons: list[str | None],
        places: list[int],
    ) -> None:
        rejected = [place for place, reason in enumerate(reasons) if reason]
        if not rejected:
            return
        connection.execute(
            _QUARANTINE,
            (
                self._flow,
                [f"{SOURCE}:{messages[place].topic}" for place in rejected],
                [places[place] for place in rejected],
                [messages[place].sha256 for place in rejected],
                [reasons[place] for place in rejected],
                [read[place].centre_id for place in rejected],
                [_as_it_came(messages[place]) for place in rejected],
            ),
        )

    def _take_lock(self, connection: psycopg.Connection) -> None:
        deadline = time.monotonic() + _LOCK_PATIENCE
        while True:
            row = connection.execute(
                "select pg_try_advisory_lock(hashtext('flow_platform.ingest'), hashtext(%s))",
                (self._flow,),
            ).fetchone()
            if row is not None and row[0]:
                return
            if time.monotonic() > deadline:
                self.close()
                raise FlowError(
                    f"Another subscriber settles {self._flow} in this database already. Only one"
                    " may: stop it first (`flow status`, `flow down`)."
                )
            time.sleep(0.2)

    def _open_connection(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            raise psycopg.OperationalError("the connection is closed")
        return self._connection


def _overtaken(flow: str) -> FlowError:
    return FlowError(
        f"Another subscriber has settled messages of {flow} meanwhile. Nothing of this one's was"
        " written; the broker keeps it. Run only one subscriber."
    )


def _store_readings(
    connection: psycopg.Connection,
    messages: list[Message],
    read: Sequence[Reading | Poison],
    places: list[int],
) -> list[str | None]:
    """Insert the readings that are new. For each message: None (stored), "" (repeated), or why it
    is rejected.
    """
    first: dict[str, int] = {}
    for place, found in enumerate(read):
        if isinstance(found, Reading):
            first.setdefault(found.event_id, place)
    stored: dict[str, tuple[Any, ...]] = {}
    inserted: set[str] = set()
    if first:
        rows = [
            (found, place) for place in first.values() if isinstance(found := read[place], Reading)
        ]
        result = connection.execute(
            _INSERT,
            (
                [found.centre_id for found, _ in rows],
                [found.counted_at for found, _ in rows],
                [_or_null(found.vehicles) for found, _ in rows],
                [_or_null(found.occupancy) for found, _ in rows],
                [found.state for found, _ in rows],
                [found.available_at for found, _ in rows],
                [found.event_id for found, _ in rows],
                [f"{SOURCE}:{messages[place].topic}" for _, place in rows],
                [places[place] for _, place in rows],
            ),
        )
        inserted = {row[0] for row in result}
        stored = {found.event_id: _content(found) for found, _ in rows}
        if known := [event_id for event_id in first if event_id not in inserted]:
            stored |= {row[0]: row[1:] for row in connection.execute(_STORED, (known,))}
    reasons: list[str | None] = []
    for place, found in enumerate(read):
        if isinstance(found, Poison):
            reasons.append(found.reason)
        elif found.event_id in inserted and first[found.event_id] == place:
            reasons.append(None)
        elif _content(found) == stored[found.event_id]:
            reasons.append("")
        else:
            reasons.append(
                f"reused_event_id: {found.event_id[:60]!r} came before with another counter, hour"
                " or value"
            )
    return reasons


def _content(reading: Reading) -> tuple[Any, ...]:
    """What must be equal when an event comes again."""
    return (
        reading.centre_id,
        reading.counted_at,
        _or_null(reading.vehicles),
        _or_null(reading.occupancy),
        reading.state,
    )


def _or_null(value: float) -> float | None:
    return None if math.isnan(value) else value


def _count(topic: _Topic, outcome: Outcome, found: Reading | Poison, reason: str | None) -> None:
    if reason:
        topic.quarantined += 1
        outcome.quarantined += 1
        return
    if reason is None:
        topic.stored += 1
        outcome.stored += 1
    else:
        topic.repeated += 1
        outcome.repeated += 1
    if isinstance(found, Reading):
        outcome.counters.add(found.centre_id)
        topic.last_event_at = _later(topic.last_event_at, found.counted_at)
        outcome.last_event_at = _later(outcome.last_event_at, found.counted_at)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at is not None), default=None)


def _columns_of_topics(topics: dict[str, _Topic]) -> tuple[list[Any], ...]:
    added = topics.values()
    return (
        list(topics),
        [topic.position for topic in added],
        [topic.stored for topic in added],
        [topic.quarantined for topic in added],
        [topic.repeated for topic in added],
        [topic.last_event_at for topic in added],
    )


def _as_it_came(message: Message) -> str:
    r"""The message as JSON text that PostgreSQL holds: bytes that are not UTF-8 shown as \xNN."""
    kept = message.payload[:LONGEST_PAYLOAD].decode("utf-8", "flow_keep_bad_bytes")
    whole: dict[str, Any] = {"topic": message.topic, "payload": clean_text(kept)}
    if message.size > LONGEST_PAYLOAD:
        whole["bytes"] = message.size
    whole["qos"] = message.qos
    whole["received_at"] = message.received_at.isoformat()
    return json.dumps(whole, ensure_ascii=False)
