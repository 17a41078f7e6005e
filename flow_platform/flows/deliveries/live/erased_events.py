"""Which received events concern erased persons, and must not be stored.

Erasing what is stored is in `privacy/`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import psycopg

from flow_platform.flows.deliveries.events import Event, OrderEvent, Poison
from flow_platform.flows.deliveries.live.received import Received, text_of
from flow_platform.sources.erased import Erased
from flow_platform.sources.pseudonyms import Pseudonyms
from flow_platform.warehouse.array_literals import text_array


def erased_places(
    connection: psycopg.Connection,
    received: Sequence[Received],
    pseudonyms: Pseudonyms,
    tables: Iterable[str],
) -> list[int]:
    """Places of events, and of unreadable messages, of erased customers and orders.

    An order that an erased customer places is erased together with its earlier events in `tables`.
    """
    # An erasure writes here too: either this transaction sees its tokens, or the erasure waits and
    # sees the rows of this transaction.
    connection.execute("lock table ops.erased in share mode")
    row = connection.execute("select exists (select from ops.erased)").fetchone()
    if row is None or not row[0]:
        return []
    return [
        *_readable(connection, received, pseudonyms, tables),
        *_unreadable(connection, received, pseudonyms),
    ]


def _readable(
    connection: psycopg.Connection,
    received: Sequence[Received],
    pseudonyms: Pseudonyms,
    tables: Iterable[str],
) -> list[int]:
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
    tokens = text_array([*orders.values(), *customers.values()])
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
        _erase_orders(connection, {one: orders[one] for one in new}, tables)
    gone.update(new)
    return [place for place, event in events.items() if event.order_id in gone]


def _erase_orders(
    connection: psycopg.Connection, tokens: dict[str, str], tables: Iterable[str]
) -> None:
    """Erase orders, whose ids and tokens these are: an erased customer has placed them."""
    connection.execute(
        "insert into ops.erased (token, kind) select unnest(%s::text[]), 'order'"
        " on conflict do nothing",
        (text_array(tokens.values()),),
    )
    order_ids = text_array(tokens)
    for table in tables:
        connection.execute(f"delete from {table} where order_id = any(%s::text[])", (order_ids,))
    # Events from before the placing have left a mark, which keeps the id.
    connection.execute(
        "update ops.touched set order_ids = array(select one from unnest(order_ids) as one"
        " where one <> all(%(new)s::text[])) where order_ids && %(new)s::text[]",
        {"new": order_ids},
    )
    connection.execute("delete from ops.touched where order_ids = '{}'")


def _unreadable(
    connection: psycopg.Connection, received: Sequence[Received], pseudonyms: Pseudonyms
) -> list[int]:
    poison = [place for place, one in enumerate(received) if isinstance(one.found, Poison)]
    if not poison:
        return []
    rows = connection.execute("select kind, token from ops.erased").fetchall()
    erased = Erased(frozenset((kind, token) for kind, token in rows))
    return [place for place in poison if erased.occur_in(text_of(received[place])[0], pseudonyms)]
