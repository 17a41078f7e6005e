"""Reading again what came before: a range of a partition, or what lies in quarantine.

Both go through the same reader and writer as new messages, so that what is stored already is
repeated. Positions of streams are never moved here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from flow_platform.ground.errors import ConfigurationError, FlowError, SourceError
from flow_platform.ingest.event_rows import (
    ERASED,
    FLOW,
    Received,
    is_quarantined,
    write_events,
)
from flow_platform.ingest.kafka_options import KafkaOptions
from flow_platform.ingest.partitions import SOURCE, Outcome
from flow_platform.sources.delivery_events import read_message
from flow_platform.sources.pseudonyms import Pseudonyms
from flow_platform.warehouse.store import Store

_BATCH = 1000
_BROKER_SECONDS = 30.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STATES = ("open", "repaired", "dropped")
# A short name of a row of quarantine, from its whole key.
_ID = (
    "substr(md5(flow || chr(31) || source_file || chr(31) || source_line || chr(31)"
    " || payload_sha256), 1, 12)"
)


@dataclass
class Mended(Outcome):
    """What became of what was read again; `repaired` rows of quarantine are stored now.

    `first` and `last` are the offsets of the range that was read, of a replay.
    """

    repaired: int = 0
    first: int | None = None
    last: int | None = None


# A range of a partition.


def replay(
    options: KafkaOptions,
    store: Store,
    pseudonyms: Pseudonyms,
    topic: str,
    number: int,
    *,
    from_offset: int | None = None,
    from_time: datetime | None = None,
    to_offset: int | None = None,
) -> Mended:
    """Read the offsets of a partition again, from `from_offset` or the first message of
    `from_time` on, up to and with `to_offset` or as far as the partition is settled.

    Raises ConfigurationError for a range that is not settled yet or not at the broker any more.
    """
    from confluent_kafka import Consumer, KafkaException, TopicPartition

    our_topic = options.topic(topic)
    name = f"{topic}/{number}"
    position = _position(store, name)
    settings = options.settings() | {"group.id": f"{options.group}-replay"}
    client = Consumer(settings)
    try:
        place = TopicPartition(topic, number)
        try:
            oldest, end = client.get_watermark_offsets(place, _BROKER_SECONDS)
            if from_time is not None:
                milliseconds = int(from_time.timestamp() * 1000)
                wanted = TopicPartition(topic, number, milliseconds)
                (found,) = client.offsets_for_times([wanted], _BROKER_SECONDS)
                from_offset = found.offset if found.offset >= 0 else end
        except KafkaException as error:
            raise SourceError(
                f"The broker {options.brokers} does not answer for {name}: {error}. Check that it"
                " runs and that the topic is there."
            ) from error
        first = oldest if from_offset is None else from_offset
        stop = min(position, end) if to_offset is None else to_offset + 1
        if stop > position:
            raise ConfigurationError(
                f"{name} is settled up to offset {position:,}: what comes from there on is the"
                " consumer's. Give a smaller --to-offset, or none."
            )
        if first < oldest:
            raise ConfigurationError(
                f"The broker has {name} from offset {oldest:,} on. Give --from-offset {oldest}, and"
                " have the producer send again what came before."
            )
        mended = Mended(first=first, last=stop - 1)
        client.assign([TopicPartition(topic, number, first)])
        for received in _range_of(client, options, pseudonyms, name, our_topic, first, stop):
            _write(store, pseudonyms, received, mended, keep_rejects=True)
        return mended
    finally:
        client.close()


def _position(store: Store, name: str) -> int:
    with store.connect() as connection:
        row = connection.execute(
            "select position from ops.offsets where flow = %s and source = %s and partition = %s",
            (FLOW, SOURCE, name),
        ).fetchone()
    if row is None:
        raise ConfigurationError(
            f"Nothing of {name} is settled yet: there is nothing to replay. `flow ingest kafka`"
            " reads it from its beginning; `flow ingest status` shows what is settled."
        )
    return int(row[0])


def _range_of(
    client: Any,
    options: KafkaOptions,
    pseudonyms: Pseudonyms,
    name: str,
    our_topic: str,
    first: int,
    stop: int,
) -> Iterator[list[Received]]:
    """The messages of the range in batches. Its last offsets may be of no message at all."""
    (place,) = client.assignment()
    batch: list[Received] = []
    deadline = time.monotonic() + _BROKER_SECONDS
    reached = first
    while reached < stop:
        messages = client.consume(_BATCH, 0.5)
        now = datetime.now(UTC)
        for message in messages:
            if (error := message.error()) is not None:
                raise SourceError(f"{name} cannot be read again: {error.str()}. Try it once more.")
            deadline = time.monotonic() + _BROKER_SECONDS
            offset = reached = message.offset()
            reached += 1
            if offset >= stop:
                break
            payload = message.value() or b""
            milliseconds = max(0, message.timestamp()[1])
            at = min(now, _EPOCH + timedelta(milliseconds=milliseconds)) if milliseconds else now
            found = read_message(
                our_topic,
                payload,
                pseudonyms,
                available_at=at,
                source=f"kafka:{name}",
                source_position=offset,
                regions=options.regions,
                now=now,
            )
            batch.append(Received(our_topic, payload, at, f"kafka:{name}", offset, found))
        if not messages:
            # Compaction and transactions leave offsets without a message: the client passes them.
            (passed,) = client.position([place])
            reached = max(reached, passed.offset)
            if time.monotonic() > deadline:
                raise SourceError(
                    f"The broker has sent nothing of {name} for {_BROKER_SECONDS:.0f} s at offset"
                    f" {reached:,}; what came before is stored. Try again from there."
                )
        if len(batch) >= _BATCH or reached >= stop:
            yield batch
            batch = []


def _write(
    store: Store,
    pseudonyms: Pseudonyms,
    received: Sequence[Received],
    mended: Mended,
    *,
    keep_rejects: bool,
) -> None:
    if not received:
        return
    with store.connect() as connection:
        written = write_events(connection, received, pseudonyms, keep_rejects=keep_rejects)
        settled = [
            one
            for one, fate in zip(received, written.fates, strict=True)
            if not is_quarantined(fate) and fate != ERASED
        ]
        mended.repaired += _mark(connection, settled, "repaired")
        # What is of a person who was erased since must not wait for repair.
        erased = [one for one, fate in zip(received, written.fates, strict=True) if fate == ERASED]
        _mark(connection, erased, "dropped")
    mended.add(Outcome(written.counts()))


def _mark(connection: psycopg.Connection, settled: Sequence[Received], state: str) -> int:
    if not settled:
        return 0
    return connection.execute(
        "update ops.quarantine as old set state = %s"
        " from unnest(%s::text[], %s::bigint[]) as new (source_file, source_line)"
        " where old.flow = %s and old.state = 'open' and old.source_file = new.source_file"
        " and old.source_line = new.source_line",
        (
            state,
            [one.source for one in settled],
            [one.source_position for one in settled],
            FLOW,
        ),
    ).rowcount


# Quarantine.


@dataclass(frozen=True)
class Chosen:
    """Which rows of quarantine are meant; what is empty chooses all."""

    flow: str | None = None
    reason: str | None = None
    state: str | None = "open"
    ids: tuple[str, ...] = ()

    def condition(self) -> tuple[str, list[Any]]:
        parts, values = ["true"], list[Any]()
        for part, value in (
            ("flow = %s", self.flow),
            ("split_part(reason, ':', 1) = %s", self.reason),
            ("state = %s", self.state),
            (f"{_ID} = any(%s)", list(self.ids) or None),
        ):
            if value is not None:
                parts.append(part)
                values.append(value)
        return " and ".join(parts), values


@dataclass(frozen=True)
class Held:
    """A row of quarantine. `payload` is as it is stored: sealed where it may be of a person."""

    id: str
    flow: str
    source_file: str
    source_line: int
    payload_sha256: str
    reason: str
    day: Any
    centre_id: str | None
    payload: Mapping[str, Any] = field(repr=False)
    state: str
    quarantined_at: datetime

    def unsealed(self, pseudonyms: Pseudonyms) -> Any:
        """What came: text where it was sealed, the row where it never was."""
        if "sealed" not in self.payload:
            return self.payload
        try:
            return pseudonyms.unseal(self.payload["sealed"])
        except ValueError as error:
            raise FlowError(
                f"The payload of {self.id} cannot be read: {error}. Set FLOW_SECRET to what it was"
                " when it was sealed."
            ) from error


def held_rows(store: Store, chosen: Chosen, limit: int | None = None) -> list[Held]:
    """The chosen rows, newest first."""
    condition, values = chosen.condition()
    with store.connect() as connection:
        rows = connection.execute(
            f"select {_ID}, flow, source_file, source_line, payload_sha256, reason, day, centre_id,"
            f" payload, state, quarantined_at from ops.quarantine where {condition}"
            " order by quarantined_at desc, source_file, source_line limit %s",
            [*values, limit],
        ).fetchall()
    return [Held(*row) for row in rows]


def drop(store: Store, chosen: Chosen) -> int:
    """Mark the chosen rows as dropped; returns how many."""
    condition, values = chosen.condition()
    with store.connect() as connection:
        return connection.execute(
            f"update ops.quarantine set state = 'dropped' where {condition}", values
        ).rowcount


def retry(
    store: Store,
    pseudonyms: Pseudonyms,
    chosen: Chosen,
    regions: frozenset[str] | None,
    changes: Mapping[str, Any] | None = None,
) -> Mended:
    """Read the chosen rows of messages again, with `changes` of their top-level keys.

    What is stored now, or known to be stored, is marked as repaired; the rest stays as it is.
    """
    mended = Mended()
    batch: list[Received] = []
    # A correction needs what it corrects no sooner than an approval: in the order of the stream.
    rows = sorted(held_rows(store, chosen), key=lambda one: (one.source_file, one.source_line))
    for row in rows:
        if not row.source_file.startswith(f"{SOURCE}:") or not row.payload.get("is_whole"):
            mended.counts["not_readable_again"] += 1
            continue
        payload = row.unsealed(pseudonyms).encode()
        at = datetime.fromisoformat(row.payload["available_at"])
        topic = row.payload["topic"]
        found = read_message(
            topic,
            _changed(payload, changes) if changes else payload,
            pseudonyms,
            available_at=at,
            source=row.source_file,
            source_position=row.source_line,
            regions=regions,
        )
        batch.append(Received(topic, payload, at, row.source_file, row.source_line, found))
    for start in range(0, len(batch), _BATCH):
        part = batch[start : start + _BATCH]
        _write(store, pseudonyms, part, mended, keep_rejects=False)
    return mended


def _changed(payload: bytes, changes: Mapping[str, Any]) -> bytes:
    try:
        body = json.loads(payload)
    except ValueError:
        return payload
    return json.dumps({**body, **changes}).encode() if isinstance(body, dict) else payload
