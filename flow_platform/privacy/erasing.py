"""Erasing a person for good, even when an earlier backup is restored.

One transaction deletes all rows and adds tokens; before it commits, the tokens are in the ledger
outside of the database. A crash leaves a person either as they were, or remembered by the ledger:
then the next command's preparation completes the erasure, as does the same command.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from flow_platform.flows.deliveries.context import DeliveriesContext
from flow_platform.ground import crash_points
from flow_platform.ground.errors import WarehouseError
from flow_platform.ground.roles import ADMIN
from flow_platform.platform import Platform
from flow_platform.privacy.exporting import remove_exports
from flow_platform.privacy.holdings import (
    Holdings,
    Person,
    holdings_of_erased,
    holdings_of_person,
)
from flow_platform.privacy.ledger import Ledger
from flow_platform.privacy.places import (
    ERASED,
    NOTES,
    ORDER,
    QUARANTINE,
    Place,
    delete_rows,
    find_places,
)
from flow_platform.privacy.traces import Traces, clean_traces
from flow_platform.sources.erased import Erased

_PATIENCE = "120s"


@dataclass(frozen=True)
class Removed:
    """Rows removed by table, and the centres x days whose sums they were part of."""

    rows: dict[str, int] = field(default_factory=dict)
    partitions: tuple[tuple[str, date], ...] = ()
    unreadable: int = 0

    @property
    def total(self) -> int:
        return sum(self.rows.values())


@dataclass(frozen=True)
class Erasure:
    """The rows that an erasure removed, and where words of the person are left, if anywhere."""

    removed: Removed
    exports: int
    traces: Traces


class _Undo(Exception):
    """Rolls back a preview."""


def ledger_of(platform: Platform) -> Ledger:
    return Ledger(platform.privacy_folder, platform.kept(DeliveriesContext).pseudonyms)


def preview(platform: Platform, person: Person) -> Removed:
    """The rows that `erase` would remove. Changes nothing."""
    pseudonyms = platform.kept(DeliveriesContext).pseudonyms
    try:
        with _transaction(platform) as connection:
            removed = _remove(connection, holdings_of_person(connection, person, pseudonyms))
            raise _Undo
    except _Undo:
        return removed


def erase(
    platform: Platform,
    person: Person,
    actor: str,
    announce: Callable[[str], None] = lambda message: None,
) -> Erasure:
    """Remove all data of a person, and remember the person by tokens.

    Running it again finds nothing more, and completes what a crash has cut. Raises
    ConfigurationError if a named order is another customer's, WarehouseError if the database
    refuses; then nothing was erased.
    """
    pseudonyms = platform.kept(DeliveriesContext).pseudonyms
    pseudonym = pseudonyms.customer(person.customer_id)
    ledger = ledger_of(platform)
    ledger.read()  # a ledger that cannot be used stops the work before it begins
    announce("looking for the person's rows")
    with _transaction(platform) as connection:
        held = holdings_of_person(connection, person, pseudonyms)
        removed = _remove(connection, held)
        _remember(connection, held.erased)
        if removed.total or not _was_erased(connection, pseudonyms.erased_customer(pseudonym)):
            _audit(connection, actor, "erase", pseudonyms.erased_customer(pseudonym), removed.rows)
        crash_points.pass_point("before_ledger")
        ledger.add(held.erased)
        crash_points.pass_point("before_commit")
    crash_points.pass_point("after_commit")
    exports = remove_exports(platform, pseudonym)
    announce("rewriting the tables, so that no dead row stays in them")
    _rewrite(platform)
    announce("looking for traces in files and databases")
    words = (person.customer_id, *person.emails, *person.names)
    traces = clean_traces(platform, words, pseudonym)
    return Erasure(removed, exports, traces)


def reapply_erasures(platform: Platform) -> Removed:
    """Erase again every person whom the ledger has and the database lacks: it is a restored backup.

    To be called before anything reads the database; quick when nothing is missing. What the
    database remembers and the ledger does not is added to the ledger.
    """
    ledger = ledger_of(platform)
    known = ledger.read()
    with platform.store(ADMIN).connect() as connection:
        remembered = _remembered(connection)
    if remembered.tokens - known.tokens:
        ledger.add(remembered)
    if not known.tokens - remembered.tokens:
        return Removed()
    with _transaction(platform) as connection:
        missing = Erased(known.tokens - _remembered(connection).tokens)
        if not missing:  # another command was faster
            return Removed()
        removed = _remove_erased(platform, connection, missing)
    _rewrite(platform)
    return removed


def sweep(platform: Platform, actor: str) -> Removed:
    """Remove rows of erased persons that were stored since: a job that had read rows before an
    erasure may write them after it, and part of an old backup may be restored."""
    with platform.store(ADMIN).connect() as connection:
        remembered = _remembered(connection)
        if not remembered:
            return Removed()
        pseudonyms = platform.kept(DeliveriesContext).pseudonyms
        if holdings_of_erased(connection, remembered, pseudonyms).is_empty:
            return Removed()  # mostly so, and nobody who stores orders had to wait
    with _transaction(platform) as connection:
        removed = _remove_erased(platform, connection, _remembered(connection), actor)
    _rewrite(platform)
    return removed


def _remove_erased(
    platform: Platform,
    connection: psycopg.Connection,
    erased: Erased,
    actor: str = "preparation of the database",
) -> Removed:
    held = holdings_of_erased(connection, erased, platform.kept(DeliveriesContext).pseudonyms)
    removed = _remove(connection, held)
    _remember(connection, held.erased)
    if removed.total:
        _audit(connection, actor, "reapply", None, removed.rows)
    ledger_of(platform).add(held.erased)
    crash_points.pass_point("before_commit")
    return removed


@contextmanager
def _transaction(platform: Platform) -> Iterator[psycopg.Connection]:
    """One transaction in which nobody else stores events.

    A transaction that stores events reads `ops.erased` first: this one waits for those that have
    read it, and later ones find the new tokens.
    """
    with platform.store(ADMIN).connect() as connection:
        connection.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(_PATIENCE)))
        try:
            connection.execute("lock table ops.erased in access exclusive mode")
        except psycopg.errors.LockNotAvailable as error:
            raise WarehouseError(
                f"A load has been storing orders for more than {_PATIENCE}. Nothing was erased:"
                " repeat the command when it has ended (`flow status`, the runs in the UI)."
            ) from error
        yield connection


def _remove(connection: psycopg.Connection, held: Holdings) -> Removed:
    """Remove all of the holdings, and have their partitions' sums computed again."""
    partitions = _partitions(connection, held)
    profiles = _profiles(connection, held)
    rows = delete_rows(connection, held.places, held.theirs)
    if held.sealed:
        connection.execute(
            "delete from ops.quarantine where ctid = any(%s::tid[])",
            ([row.ctid for row in held.sealed],),
        )
        rows[QUARANTINE] = len(held.sealed)
    if held.notes:
        # A resolution concerns another order and stays; only the words are removed.
        connection.execute(
            "delete from ops.desk_actions where action_id = any(%s)",
            ([note.action_id for note in held.notes if note.action == "note"],),
        )
        connection.execute(
            "update ops.desk_actions set note = null where action_id = any(%s)",
            ([note.action_id for note in held.notes if note.action != "note"],),
        )
        rows[NOTES] = rows.get(NOTES, 0) + len(held.notes)
    for month, segment in profiles:
        # A profile whose only customer they were is they.
        connection.execute(
            "delete from ml.segment_profiles as p where (month, segment) = (%s, %s)"
            " and not exists (select from ml.customer_segments as c"
            " where (c.month, c.segment) = (p.month, p.segment))",
            (month, segment),
        )
    _ask_for_sums(connection, partitions)
    return Removed(rows, tuple(partitions), held.unreadable)


def _partitions(connection: psycopg.Connection, held: Holdings) -> list[tuple[str, date]]:
    found: set[tuple[str, date]] = set()
    for place in held.places:
        if place.has(ORDER) and {"centre_id", "day"} <= _columns(connection, place.table):
            query = sql.SQL(
                "select distinct centre_id, day from {} where order_id = any(%s)"
                " and centre_id is not null and day is not null"
            ).format(place.name)
            found |= set(connection.execute(query, (held.theirs.orders,)).fetchall())
    return sorted(found)


def _profiles(connection: psycopg.Connection, held: Holdings) -> list[tuple[date, int]]:
    return connection.execute(
        "select distinct month, segment from ml.customer_segments where customer = any(%s)",
        (held.theirs.customers,),
    ).fetchall()


def _ask_for_sums(connection: psycopg.Connection, partitions: list[tuple[str, date]]) -> None:
    """Have the sums of these centres x days computed again, as after any change of orders.

    Another order of the same partition is marked as touched, since the orders themselves are gone.
    Without another order the sums were of these alone, and are deleted at once.
    """
    if not partitions:
        return
    centres, days = [one for one, _ in partitions], [day for _, day in partitions]
    others = connection.execute(
        "select distinct on (o.centre_id, o.day) o.centre_id, o.day, o.order_id"
        " from raw.orders as o join unnest(%s::text[], %s::date[]) as p (centre_id, day)"
        " on (o.centre_id, o.day) = (p.centre_id, p.day)"
        " where o.type = 'placed' order by o.centre_id, o.day, o.order_id",
        (centres, days),
    ).fetchall()
    if others:
        connection.execute(
            "insert into ops.touched (flow, order_ids) values ('deliveries', %s)",
            ([order for _, _, order in others],),
        )
    emptied = sorted(set(partitions) - {(centre, day) for centre, day, _ in others})
    for (table,) in connection.execute(
        "select c.relname from pg_class c where c.relkind = 'r'"
        " and c.relnamespace = 'monitoring'::regnamespace and c.relname ~ '^deliveries_'"
        " order by 1"
    ).fetchall():
        if {"centre_id", "day"} <= _columns(connection, f"monitoring.{table}"):
            connection.execute(
                sql.SQL(
                    "delete from {} where (centre_id, day) in"
                    " (select * from unnest(%s::text[], %s::date[]))"
                ).format(sql.Identifier("monitoring", table)),
                ([centre for centre, _ in emptied], [day for _, day in emptied]),
            )


def _columns(connection: psycopg.Connection, table: str) -> set[str]:
    rows = connection.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0"
        " and not attisdropped",
        (table,),
    )
    return {row[0] for row in rows}


def _remembered(connection: psycopg.Connection) -> Erased:
    rows = connection.execute("select kind, token from ops.erased").fetchall()
    return Erased(frozenset((kind, token) for kind, token in rows))


def _was_erased(connection: psycopg.Connection, token: str) -> bool:
    row = connection.execute(
        "select from ops.privacy_audit where action = 'erase' and subject = %s limit 1", (token,)
    ).fetchone()
    return row is not None


def _remember(connection: psycopg.Connection, erased: Erased) -> None:
    kinds, tokens = [kind for kind, _ in erased.tokens], [token for _, token in erased.tokens]
    connection.execute(
        "insert into ops.erased (kind, token) select * from unnest(%s::text[], %s::text[])"
        " on conflict do nothing",
        (kinds, tokens),
    )


def _audit(
    connection: psycopg.Connection,
    actor: str,
    action: str,
    subject: str | None,
    rows: dict[str, Any],
) -> None:
    connection.execute(
        "insert into ops.privacy_audit (actor, action, subject, rows) values (%s, %s, %s, %s)",
        (actor, action, subject, Jsonb(rows)),
    )


def _rewrite(platform: Platform) -> None:
    """Remove deleted values from dead rows and from the planner's statistics.

    Tables of notes and of sealed texts are rewritten; elsewhere at most a pseudonym is left in free
    space, which the next rows overwrite.
    """
    with platform.store(ADMIN).connect() as connection:
        connection.commit()
        connection.autocommit = True
        for place in [*find_places(connection), Place(QUARANTINE, ()), Place(ERASED, ())]:
            kind = "full, analyze" if place.table in (QUARANTINE, NOTES) else "analyze"
            connection.execute(sql.SQL("vacuum ({}) {}").format(sql.SQL(kind), place.name))
            row = connection.execute(
                sql.SQL("select exists (select from {})").format(place.name)
            ).fetchone()
            if row == (False,):
                _forget_statistics(connection, place)
        # Files of before the rewriting go at the next checkpoint; not everybody may ask for one.
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
            connection.execute("checkpoint")


def _forget_statistics(connection: psycopg.Connection, place: Place) -> None:
    """ANALYZE keeps what it knew of a table that has become empty."""
    try:
        connection.execute("delete from pg_statistic where starelid = %s::regclass", (place.table,))
    except psycopg.errors.InsufficientPrivilege:
        return  # a managed server's administrator may not; the next rows replace them
