"""Writes events of orders to `raw`, each once, inside the caller's transaction.

Messages of Kafka, lines of files and the simulator all pass through here. Reading them is in
`flows/deliveries/events.py`; what is rejected goes to quarantine by `rejects.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import psycopg

from flow_platform.flows.deliveries.events import (
    Event,
    IncidentEvent,
    OrderEvent,
    PaymentEvent,
    Poison,
    TrackingEvent,
)
from flow_platform.flows.deliveries.live.erased_events import erased_places
from flow_platform.flows.deliveries.live.received import FLOW, Received
from flow_platform.ground.fates import ERASED, STORED, code_of
from flow_platform.sources.pseudonyms import Pseudonyms
from flow_platform.warehouse.array_literals import plain_array, text_array
from flow_platform.warehouse.insert_once import insert_once, store_or_refuse

TABLES = ("raw.orders", "raw.payments", "raw.tracking", "raw.incident_logs")


@dataclass
class Written:
    """The fate of each received event, in their order; `order_ids` have new events."""

    fates: list[str]
    order_ids: list[str] = field(default_factory=list)

    def counts(self) -> Counter[str]:
        """How many were stored, repeated and erased, and the others by the code of their reason."""
        return Counter(code_of(fate) for fate in self.fates)


def write_events(
    connection: psycopg.Connection,
    received: Sequence[Received],
    pseudonyms: Pseudonyms,
    *,
    is_marked: bool = True,
) -> Written:
    """Write events, and one mark of the orders that have new events; returns the events' fates.

    The caller has opened the transaction and commits it. An event that was stored before, here or
    from elsewhere, is repeated if its content is equal, else rejected. Events of an erased customer
    or order are left out. Nothing is put into quarantine. Without `is_marked` there is no mark: the
    caller's partitions are merged next in any case. Errors of the connection are psycopg's; a row
    that PostgreSQL refuses has a reason as its fate.
    """
    fates = [one.found.reason if isinstance(one.found, Poison) else "" for one in received]
    for place in erased_places(connection, received, pseudonyms, TABLES):
        fates[place] = ERASED
    events = {
        place: one.found
        for place, one in enumerate(received)
        if not fates[place] and isinstance(one.found, Event)
    }
    stored = store_or_refuse(connection, events, lambda some: _insert(connection, some), _refusal)
    for place, fate in stored.items():
        fates[place] = fate
    order_ids = dict.fromkeys(
        event.order_id for place, event in events.items() if fates[place] == STORED
    )
    if order_ids and is_marked:
        connection.execute(
            "insert into ops.touched (flow, order_ids) values (%s, %s::text[])",
            (FLOW, text_array(order_ids)),
        )
    return Written(fates, list(order_ids))


def _insert(connection: psycopg.Connection, events: Mapping[int, Event]) -> dict[int, str]:
    groups: dict[type[Event], dict[int, Event]] = {}
    for place, event in events.items():
        groups.setdefault(type(event), {})[place] = event
    fates: dict[int, str] = {}
    for kind, some in groups.items():
        fates |= insert_once(connection, _TABLE_OF[kind], some)
    return fates


def _refusal(error: psycopg.Error) -> str:
    # The text of the error may contain values of the row.
    return f"refused_by_database: {type(error).__name__} ({error.sqlstate})"


# When an event became known and where it is from may differ: it may arrive by two ways.
_NOT_CONTENT = ("event_id", "available_at", "source", "source_position")
_TYPES = {
    "str": "text",
    "int": "smallint",
    "float": "float8",
    "datetime": "timestamptz",
    "date": "date",
}


class _Table:
    """Where events of one class are stored: an `EventTable` of their fields."""

    def __init__(self, name: str, event: type[Event], without: tuple[str, ...] = ()) -> None:
        columns: dict[str, str] = {}
        for one in event.__dataclass_fields__.values():
            if one.name not in without:
                kind = _TYPES[str(one.type).removesuffix(" | None")]
                columns[one.name] = "bigint" if one.name == "source_position" else kind
        content = [column for column in columns if column not in _NOT_CONTENT]
        self._kinds = tuple(columns.values())
        self._row = attrgetter(*columns)
        self._content = attrgetter(*content)
        arrays = ", ".join(f"%s::{kind}[]" for kind in self._kinds)
        self._insert = (
            f"insert into {name} ({', '.join(columns)}) select * from unnest({arrays})"
            " on conflict do nothing returning event_id"
        )
        self._look_up = (
            f"select {', '.join(['event_id', *content])} from {name}"
            " where event_id = any(%s::text[])"
        )

    def insert(self, connection: psycopg.Connection, events: Sequence[Event]) -> set[str]:
        columns = zip(self._kinds, zip(*map(self._row, events), strict=True), strict=True)
        arrays = [(text_array if kind == "text" else plain_array)(one) for kind, one in columns]
        return {row[0] for row in connection.execute(self._insert, arrays)}

    def stored_contents(
        self, connection: psycopg.Connection, event_ids: Sequence[str]
    ) -> dict[str, tuple[Any, ...]]:
        found = connection.execute(self._look_up, (text_array(event_ids),))
        return {row[0]: row[1:] for row in found}

    def content(self, event: Event) -> tuple[Any, ...]:
        return self._content(event)

    def reused_id(self, _event: Event) -> str:
        return "reused_event_id: the event_id was stored before with other content"

    def conflict(self, _event: Event) -> str:
        return "placed_twice: another event has placed this order before"


_TABLE_OF: dict[type[Event], _Table] = {
    OrderEvent: _Table("raw.orders", OrderEvent),
    PaymentEvent: _Table("raw.payments", PaymentEvent, without=("type",)),
    TrackingEvent: _Table("raw.tracking", TrackingEvent),
    IncidentEvent: _Table("raw.incident_logs", IncidentEvent),
}
