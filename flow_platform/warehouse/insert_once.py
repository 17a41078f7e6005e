"""Inserting events so that each is stored once, whatever is sent twice or refused.

Which table, which columns and which reasons is up to the callers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import psycopg

from flow_platform.ground.fates import REPEATED, STORED


class Identified(Protocol):
    """Anything that has the identity of an event."""

    @property
    def event_id(self) -> str: ...


E = TypeVar("E", bound=Identified)
E_contra = TypeVar("E_contra", bound=Identified, contravariant=True)


class EventTable(Protocol[E_contra]):
    """A table in which an event id is unique."""

    def insert(self, connection: psycopg.Connection, events: Sequence[E_contra]) -> set[str]:
        """Insert the events that are new, all with different ids; returns the ids of these."""
        ...

    def stored_contents(
        self, connection: psycopg.Connection, event_ids: Sequence[str]
    ) -> dict[str, tuple[Any, ...]]:
        """The contents of those of the events that are stored, by their ids."""
        ...

    def content(self, event: E_contra) -> tuple[Any, ...]:
        """The values that must be equal when an event is sent again."""
        ...

    def reused_id(self, event: E_contra) -> str:
        """The reason to reject an event whose id another event has."""
        ...

    def conflict(self, event: E_contra) -> str:
        """The fate of an event that was not inserted although its id is not stored."""
        ...


def insert_once(
    connection: psycopg.Connection, table: EventTable[E], events: Mapping[int, E]
) -> dict[int, str]:
    """Insert events that are new; returns the fate of each by its key in `events`.

    Of several with one id the first is stored. One that is stored already is REPEATED if its
    content is equal, else rejected. Errors are psycopg's.
    """
    first: dict[str, int] = {}
    for place, event in events.items():
        first.setdefault(event.event_id, place)
    inserted = table.insert(connection, [events[place] for place in first.values()])
    if len(inserted) == len(events):
        return dict.fromkeys(events, STORED)
    known = [event_id for event_id in first if event_id not in inserted]
    stored = table.stored_contents(connection, known) if known else {}
    fates: dict[int, str] = {}
    for place, event in events.items():
        event_id, earlier = event.event_id, first[event.event_id]
        if event_id in inserted and place == earlier:
            fates[place] = STORED
            continue
        content = table.content(event)
        earlier_content = stored.get(event_id)
        if earlier_content is None:
            earlier_content = table.content(events[earlier])
        if content != earlier_content:
            fates[place] = table.reused_id(event)
        elif event_id in inserted or event_id in stored:
            fates[place] = REPEATED
        else:
            fates[place] = table.conflict(event)
    return fates


def store_or_refuse(
    connection: psycopg.Connection,
    events: Mapping[int, E],
    store: Callable[[Mapping[int, E]], dict[int, str]],
    refusal: Callable[[psycopg.Error], str],
) -> dict[int, str]:
    """The fates of `events` by `store`; an event that PostgreSQL refuses has the fate `refusal`.

    The refused event is found by halving, so that it does not stop the others. Runs inside the
    caller's transaction.
    """
    if not events:
        return {}
    try:
        with connection.transaction():
            return store(events)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        places = list(events)
        if len(places) == 1:
            return {places[0]: refusal(error)}
        half = len(places) // 2
        fates: dict[int, str] = {}
        for part in (places[:half], places[half:]):
            some = {place: events[place] for place in part}
            fates |= store_or_refuse(connection, some, store, refusal)
        return fates
