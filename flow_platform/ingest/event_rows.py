"""Events of orders into raw, and what is none into quarantine, inside the caller's transaction.

Messages of Kafka, lines of files and the simulator all come through here. Who reads them, and how
far a stream is, is the callers' business.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any

import psycopg

from flow_platform.sources.delivery_events import (
    Event,
    IncidentEvent,
    OrderEvent,
    PaymentEvent,
    Poison,
    TrackingEvent,
)
from flow_platform.sources.erased import Erased
from flow_platform.sources.json_objects import LONGEST_PAYLOAD
from flow_platform.sources.pseudonyms import Pseudonyms
from flow_platform.sources.tables import clean_text

FLOW = "deliveries"
# What became of one that was received; anything else is the reason why it lies in quarantine.
STORED, REPEATED, ERASED = "stored", "repeated", "erased"


@dataclass(eq=False, slots=True)
class Received:
    """What came, and what it was read as.

    `topic` is one of TOPICS; `payload` the bytes of a message, or the object that another source
    made; `available_at` what its reader was told.
    """

    topic: str
    payload: bytes | Mapping[str, Any]
    available_at: datetime
    source: str
    source_position: int
    found: Event | Poison


@dataclass
class Written:
    """What became of each of those received, in their order; `order_ids` have new events."""

    fates: list[str]
    order_ids: list[str] = field(default_factory=list)

    def counts(self) -> Counter[str]:
        """Stored, repeated and erased ones, and those in quarantine by the code of the reason."""
        return Counter(code_of(fate) for fate in self.fates)


def code_of(reason: str) -> str:
    """The code of a reason: what stands before its colon."""
    return reason.partition(":")[0]


def is_quarantined(fate: str) -> bool:
    return fate not in (STORED, REPEATED, ERASED)


def write_events(
    connection: psycopg.Connection,
    received: Sequence[Received],
    pseudonyms: Pseudonyms,
    *,
    is_marked: bool = True,
    keep_rejects: bool = True,
) -> Written:
    """Write events, quarantine and one mark of what was touched; returns what became of each.

    The caller has opened the transaction, and commits it. An event that was stored before, here or
    elsewhere, is repeated where its content is equal, else poison. What is of an erased customer or
    order is left out. Without `keep_rejects` nothing is put into quarantine, where it lies already;
    without `is_marked` there is no mark: the caller's partitions are merged next in any case.
    Errors of the connection are psycopg's; errors in rows become poison.
    """
    fates: list[str] = [
        one.found.reason if isinstance(one.found, Poison) else "" for one in received
    ]
    for place in [
        *_erased_places(connection, received, pseudonyms),
        *_erased_poison(connection, received, pseudonyms),
    ]:
        fates[place] = ERASED
    _store(connection, received, [place for place, fate in enumerate(fates) if not fate], fates)
    rejected = [place for place, fate in enumerate(fates) if keep_rejects and is_quarantined(fate)]
    _quarantine(connection, received, rejected, fates, pseudonyms)
    order_ids = dict.fromkeys(
        one.found.order_id
        for one, fate in zip(received, fates, strict=True)
        if fate == STORED and isinstance(one.found, Event)
    )
    if order_ids and is_marked:
        connection.execute(
            "insert into ops.touched (flow, order_ids) values (%s, %s::text[])",
            (FLOW, _texts(order_ids)),
        )
    return Written(fates, list(order_ids))


# Rows.


@dataclass(frozen=True)
class _Table:
    """Where events of one class are stored; `content` is what must be equal when one comes again.

    When it became known and where it came from may differ: the same event may come by two ways.
    """

    name: str
    columns: tuple[tuple[str, str], ...]

    @property
    def insert(self) -> str:
        names = ", ".join(name for name, _ in self.columns)
        arrays = ", ".join(f"%s::{kind}[]" for _, kind in self.columns)
        return (
            f"insert into {self.name} ({names}) select * from unnest({arrays})"
            " on conflict do nothing returning event_id"
        )

    @property
    def stored(self) -> str:
        names = ", ".join(["event_id", *self.content])
        return f"select {names} from {self.name} where event_id = any(%s::text[])"

    @property
    def content(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns if name not in _NOT_CONTENT)


_NOT_CONTENT = ("event_id", "available_at", "source", "source_position")
_TYPES = {"str": "text", "int": "smallint", "float": "float8", "datetime": "timestamptz"} | {
    "date": "date"
}


def _table(name: str, event: type[Event], without: tuple[str, ...] = ()) -> _Table:
    columns = []
    for one in event.__dataclass_fields__.values():
        if one.name not in without:
            kind = _TYPES[str(one.type).removesuffix(" | None")]
            columns.append((one.name, "bigint" if one.name == "source_position" else kind))
    return _Table(name, tuple(columns))


_TABLES: dict[type[Event], _Table] = {
    OrderEvent: _table("raw.orders", OrderEvent),
    PaymentEvent: _table("raw.payments", PaymentEvent, without=("type",)),
    TrackingEvent: _table("raw.tracking", TrackingEvent),
    IncidentEvent: _table("raw.incident_logs", IncidentEvent),
}
_INSERTS = {event: table.insert for event, table in _TABLES.items()}
_LOOK_UPS = {event: table.stored for event, table in _TABLES.items()}
_ROWS = {
    event: attrgetter(*(name for name, _ in table.columns)) for event, table in _TABLES.items()
}
_CONTENTS = {event: attrgetter(*table.content) for event, table in _TABLES.items()}


def _store(
    connection: psycopg.Connection,
    received: Sequence[Received],
    places: list[int],
    fates: list[str],
) -> None:
    """Insert the events at `places` and set their fates.

    What PostgreSQL refuses, and the reader did not, is found by halving, and stops nothing else.
    """
    if not places:
        return
    try:
        with connection.transaction():
            found = _insert(connection, received, places)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        if len(places) == 1:
            # Its text may hold values of the row.
            fates[places[0]] = f"refused_by_database: {type(error).__name__} ({error.sqlstate})"
            return
        half = len(places) // 2
        _store(connection, received, places[:half], fates)
        _store(connection, received, places[half:], fates)
        return
    for place, fate in found.items():
        fates[place] = fate


def _insert(
    connection: psycopg.Connection, received: Sequence[Received], places: list[int]
) -> dict[int, str]:
    groups: dict[type[Event], dict[int, Event]] = {}
    for place in places:
        event = received[place].found
        assert isinstance(event, Event)
        groups.setdefault(type(event), {})[place] = event
    fates: dict[int, str] = {}
    for kind, events in groups.items():
        fates |= _insert_kind(connection, kind, events)
    return fates


def _insert_kind(
    connection: psycopg.Connection, kind: type[Event], events: dict[int, Event]
) -> dict[int, str]:
    """The fates of events of one table, by their places."""
    first: dict[str, int] = {}
    for place, event in events.items():
        first.setdefault(event.event_id, place)
    rows = map(_ROWS[kind], (events[place] for place in first.values()))
    columns = zip(_TABLES[kind].columns, zip(*rows, strict=True), strict=True)
    arrays = [(_texts if type_ == "text" else _plain)(column) for (_, type_), column in columns]
    inserted = {row[0] for row in connection.execute(_INSERTS[kind], arrays)}
    if len(inserted) == len(events):
        return dict.fromkeys(events, STORED)
    known = [event_id for event_id in first if event_id not in inserted]
    stored = (
        {row[0]: row[1:] for row in connection.execute(_LOOK_UPS[kind], (_texts(known),))}
        if known
        else {}
    )
    content = _CONTENTS[kind]
    fates: dict[int, str] = {}
    for place, event in events.items():
        event_id, earlier = event.event_id, first[event.event_id]
        if event_id in inserted and place == earlier:
            fates[place] = STORED
        elif event_id in stored:
            fates[place] = REPEATED if content(event) == stored[event_id] else _REUSED
        elif content(event) != content(events[earlier]):
            fates[place] = _REUSED
        elif event_id in inserted:
            fates[place] = REPEATED
        else:
            fates[place] = _PLACED_TWICE
    return fates


_REUSED = "reused_event_id: the event_id came before, with other content"
_PLACED_TWICE = "placed_twice: another event has placed this order before"


# Lists as PostgreSQL's literals: several times faster than psycopg's own lists of values.


def _texts(values: Iterable[str | None]) -> str:
    return "{" + ",".join(map(_quoted, values)) + "}"


def _quoted(value: str | None) -> str:
    if value is None:
        return "NULL"
    if "\\" in value or '"' in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'


def _plain(values: Iterable[Any]) -> str:
    """Of numbers, days and moments, whose texts need no quotes."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


# The erased.


def _erased_places(
    connection: psycopg.Connection, received: Sequence[Received], pseudonyms: Pseudonyms
) -> list[int]:
    """Places of events of erased customers and orders.

    An order that an erased customer places is erased with all that came of it before.
    """
    # Whoever erases writes here too: either this transaction sees the tokens, or the erasure waits
    # and sees its rows.
    connection.execute("lock table ops.erased in share mode")
    row = connection.execute("select exists (select from ops.erased)").fetchone()
    if row is None or not row[0]:
        return []
    events = {
        place: one.found for place, one in enumerate(received) if isinstance(one.found, Event)
    }
    orders = {
        order_id: pseudonyms.erased_order(order_id)
        for order_id in {event.order_id for event in events.values()}
    }
    customers = {
        event.order_id: pseudonyms.erased_customer(event.customer)
        for event in events.values()
        if isinstance(event, OrderEvent) and event.customer is not None
    }
    tokens = _texts([*orders.values(), *customers.values()])
    found = {
        row[0]
        for row in connection.execute(
            "select token from ops.erased where token = any(%s::text[])", (tokens,)
        )
    }
    if not found:
        return []
    gone = {order_id for order_id, token in orders.items() if token in found}
    new = [one for one, token in customers.items() if token in found and one not in gone]
    if new:
        connection.execute(
            "insert into ops.erased (token, kind) select unnest(%s::text[]), 'order'"
            " on conflict do nothing",
            (_texts(orders[order_id] for order_id in new),),
        )
        for table in _TABLES.values():
            connection.execute(
                f"delete from {table.name} where order_id = any(%s::text[])", (_texts(new),)
            )
        # What came before the placing has left its mark, which keeps the id.
        connection.execute(
            "update ops.touched set order_ids = array(select one from unnest(order_ids) as one"
            " where one <> all(%(new)s::text[])) where order_ids && %(new)s::text[]",
            {"new": _texts(new)},
        )
        connection.execute("delete from ops.touched where order_ids = '{}'")
    gone.update(new)
    return [place for place, event in events.items() if event.order_id in gone]


def _erased_poison(
    connection: psycopg.Connection, received: Sequence[Received], pseudonyms: Pseudonyms
) -> list[int]:
    """Places of what cannot be read and speaks of somebody who was erased: it is not kept."""
    poison = [place for place, one in enumerate(received) if isinstance(one.found, Poison)]
    if not poison:
        return []
    rows = connection.execute("select kind, token from ops.erased").fetchall()
    erased = Erased(frozenset((kind, token) for kind, token in rows))
    return [
        place
        for place in poison
        if erased and erased.is_told_in(_text_of(received[place])[0], pseudonyms)
    ]


# Quarantine.

_QUARANTINE = """
insert into ops.quarantine (flow, source_file, source_line, payload_sha256, reason, centre_id,
    payload, subjects)
values (%s, %s, %s, %s, %s, %s, %s::jsonb, %s::text[])
on conflict do nothing
"""


def _quarantine(
    connection: psycopg.Connection,
    received: Sequence[Received],
    places: list[int],
    fates: list[str],
    pseudonyms: Pseudonyms,
) -> None:
    if not places:
        return
    rows = []
    for place in places:
        one = received[place]
        payload, digest, words = sealed_payload(one, pseudonyms)
        centre_id = getattr(one.found, "centre_id", None)
        rows.append(
            (
                *(FLOW, one.source, one.source_position, digest, fates[place]),
                *(centre_id, payload, _texts(words)),
            )
        )
    with connection.cursor() as cursor:
        cursor.executemany(_QUARANTINE, rows)


def sealed_payload(one: Received, pseudonyms: Pseudonyms) -> tuple[str, str, list[str]]:
    r"""What lies in quarantine of it: payload (JSON), digest, tokens of its words.

    The payload is {"sealed", "topic", "available_at", "bytes", "is_whole"} and, for Kafka,
    partition and offset. What is sealed is whole but where it was too long to be read, or no UTF-8
    (bad bytes are shown as \xNN). The digest is keyed: a bare one would let guesses be tried.
    """
    text, payload, is_whole = _text_of(one)
    facts: dict[str, Any] = {
        "sealed": pseudonyms.seal(text),
        "topic": one.topic,
        "available_at": one.available_at.isoformat(),
        "bytes": len(payload),
        "is_whole": is_whole,
    }
    if one.source.startswith("kafka:"):
        facts |= {"partition": int(one.source.rpartition("/")[2]), "offset": one.source_position}
    digest = hmac.new(pseudonyms.key, b"payload\0" + payload, hashlib.sha256).hexdigest()
    return json.dumps(facts), digest, pseudonyms.words(text)


def _text_of(one: Received) -> tuple[str, bytes, bool]:
    """What is sealed of it, the bytes as they came, and whether the former is all of the latter."""
    payload = (
        one.payload
        if isinstance(one.payload, bytes)
        else json.dumps(one.payload, ensure_ascii=False, default=str).encode("utf-8", "replace")
    )
    kept = payload[:LONGEST_PAYLOAD]
    try:
        return kept.decode(), payload, len(kept) == len(payload)
    except UnicodeDecodeError:
        return clean_text(kept.decode("utf-8", "flow_keep_bad_bytes")), payload, False
