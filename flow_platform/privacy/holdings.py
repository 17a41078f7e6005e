"""All data of a person, or of all erased persons, in the warehouse: rows, sealed texts, notes.

Nothing is changed here; data are erased in `erasing.py` and exported in `exporting.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from flow_platform.ground.errors import ConfigurationError
from flow_platform.privacy.places import (
    CUSTOMER,
    NOTES,
    ORDER,
    ORDERS,
    Place,
    Whose,
    find_places,
    whose,
)
from flow_platform.sources.erased import Erased, erased_person, ids_named_in
from flow_platform.sources.pseudonyms import Pseudonyms

_BATCH = 5_000


@dataclass(frozen=True)
class Person:
    """A customer, named by a user. `orders` are the person's, whatever the tables say."""

    customer_id: str
    emails: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        texts = (self.customer_id, *self.emails, *self.names, *self.orders)
        if not all(text.strip() for text in texts):
            raise ConfigurationError("An id, e-mail address, name or order is empty. Leave it out.")


@dataclass(frozen=True)
class Sealed:
    """A row of quarantine that concerns the person: its place, and its text."""

    ctid: str
    text: str


@dataclass(frozen=True)
class Note:
    """A note of the desk on another order that mentions the person."""

    action_id: int
    action: str


@dataclass(frozen=True)
class Holdings:
    """All data of these persons. `erased` are the tokens by which they are remembered."""

    places: list[Place]
    theirs: Whose
    sealed: list[Sealed]
    notes: list[Note]
    erased: Erased
    unreadable: int  # sealed rows that this installation's key does not open

    @property
    def is_empty(self) -> bool:
        return not (self.theirs.customers or self.theirs.orders or self.sealed or self.notes)


def holdings_of_person(
    connection: psycopg.Connection, person: Person, pseudonyms: Pseudonyms
) -> Holdings:
    """All data of one person.

    Raises ConfigurationError if a named order is another customer's, and WarehouseError if a table
    may hold persons in a way that is unknown.
    """
    places = find_places(connection)
    pseudonym = pseudonyms.customer(person.customer_id)
    named = {order.strip() for order in person.orders}
    for order in sorted(_of_others(connection, named, {pseudonym})):
        raise ConfigurationError(
            f"Order {order!r} is another customer's. Leave it out. Nothing was done."
        )
    texts = (person.customer_id, *person.emails, *person.names)
    tokens = [pseudonyms.words(text) for text in texts]
    # An id without a word that has a token cannot be looked up: every sealed row is opened.
    by_words = {one for found in tokens for one in found} if all(tokens) else None
    erased = erased_person(pseudonyms, person.customer_id, person.emails, person.names)
    return _holdings(connection, pseudonyms, places, {pseudonym}, named, erased, by_words)


def holdings_of_erased(
    connection: psycopg.Connection, erased: Erased, pseudonyms: Pseudonyms
) -> Holdings:
    """All data of persons who were erased: there are some in a restored database.

    Tokens are all that is known of them, so every customer, order and sealed text is compared.
    """
    places = find_places(connection)
    customers = {
        one
        for one in _distinct(connection, places, CUSTOMER)
        if erased.has_customer(one, pseudonyms)
    }
    orders = {
        one for one in _distinct(connection, places, ORDER) if erased.has_order(one, pseudonyms)
    }
    return _holdings(connection, pseudonyms, places, customers, orders, erased, None)


def _holdings(
    connection: psycopg.Connection,
    pseudonyms: Pseudonyms,
    places: list[Place],
    customers: set[str],
    orders: set[str],
    erased: Erased,
    by_words: set[str] | None,
) -> Holdings:
    orders = orders | _orders_of(connection, places, customers)
    while True:
        erased = erased.with_orders(orders, pseudonyms)
        candidates = by_words
        if candidates is not None:
            words = [pseudonyms.words(order) for order in orders]
            candidates = candidates.union(*words) if all(words) else None
        sealed: list[Sealed] = []
        unreadable, named = 0, set[str]()
        for ctid, text in _sealed(connection, pseudonyms, candidates):
            if text is None:
                unreadable += 1
            elif erased.occur_in(text, pseudonyms):
                sealed.append(Sealed(ctid, text))
                named |= _own_orders(text, erased, pseudonyms)
        # An order whose placing was rejected is known by the events that were stored of it.
        more = named - orders
        more -= _of_others(connection, more, customers)
        if not more:
            break
        orders |= more
    theirs = whose(connection, places, customers, orders)
    notes = _notes(connection, pseudonyms, erased, theirs)
    return Holdings(places, theirs, sealed, notes, erased, unreadable)


def _own_orders(text: str, erased: Erased, pseudonyms: Pseudonyms) -> set[str]:
    named = ids_named_in(text)
    is_others = bool(named.customers) and not any(
        erased.has_customer(pseudonyms.customer(one), pseudonyms) for one in named.customers
    )
    return set() if is_others else set(named.orders)


def _orders_of(
    connection: psycopg.Connection, places: Iterable[Place], customers: Collection[str]
) -> set[str]:
    found: set[str] = set()
    for place in places:
        if place.has(CUSTOMER) and place.has(ORDER):
            query = sql.SQL(
                "select distinct order_id from {} where customer = any(%s) and order_id is not null"
            )
            found |= {
                row[0] for row in connection.execute(query.format(place.name), (list(customers),))
            }
    return found


def _of_others(
    connection: psycopg.Connection, orders: Collection[str], customers: Collection[str]
) -> set[str]:
    rows = connection.execute(
        "select order_id from raw.orders where type = 'placed' and order_id = any(%s)"
        " and customer <> all(%s)",
        (list(orders), list(customers)),
    )
    return {row[0] for row in rows}


def _distinct(
    connection: psycopg.Connection, places: Iterable[Place], column: str
) -> Iterator[str]:
    parts = [
        sql.SQL("select {} as one from {}").format(sql.Identifier(column), place.name)
        for place in places
        if place.has(column)
    ]
    if column == ORDER:
        parts += [
            sql.SQL("select unnest(order_ids) from {}").format(place.name)
            for place in places
            if place.has(ORDERS)
        ]
    query = sql.SQL("select one from ({}) as every where one is not null").format(
        sql.SQL(" union ").join(parts)
    )
    for row in _streamed(connection, f"every_{column}", query):
        yield row[0]


def _sealed(
    connection: psycopg.Connection, pseudonyms: Pseudonyms, words: set[str] | None
) -> Iterator[tuple[str, str | None]]:
    """Sealed rows that hold one of the words (None: all) with their text; None if not opened."""
    query = sql.SQL(
        "select ctid::text, payload ->> 'sealed' from ops.quarantine where payload ? 'sealed' {}"
    ).format(
        sql.SQL("")
        if words is None
        else sql.SQL("and subjects && {}").format(sql.Literal(sorted(words)))
    )
    for ctid, sealed in _streamed(connection, "sealed_rows", query):
        try:
            yield ctid, pseudonyms.unseal(sealed)
        except ValueError:
            yield ctid, None


def _notes(
    connection: psycopg.Connection, pseudonyms: Pseudonyms, erased: Erased, theirs: Whose
) -> list[Note]:
    own = set(theirs.orders)
    query = sql.SQL("select action_id, action, order_id, note from {} where note is not null")
    rows = _streamed(connection, "desk_notes", query.format(sql.Identifier(*NOTES.split("."))))
    return [
        Note(action_id, action)
        for action_id, action, order_id, note in rows
        if order_id not in own and erased.occur_in(note, pseudonyms)
    ]


def _streamed(
    connection: psycopg.Connection, name: str, query: sql.Composed
) -> Iterator[tuple[Any, ...]]:
    """Rows in portions: a year of the quarantine need not fit into memory."""
    with connection.cursor(name=name) as cursor:
        cursor.itersize = _BATCH
        cursor.execute(query)
        yield from cursor
