"""Which tables hold rows of a person: found in the database's catalog, so that none is forgotten.

A new table with a column of one of these names is found without a change; one whose columns look
like a person's under another name stops every erasure until it is declared here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import psycopg
from psycopg import sql

from flow_platform.ground.errors import WarehouseError

CUSTOMER, ORDER, ORDERS, INCIDENT = "customer", "order_id", "order_ids", "incident_id"
QUARANTINE, NOTES, ERASED, AUDIT = (
    "ops.quarantine",
    "ops.desk_actions",
    "ops.erased",
    "ops.privacy_audit",
)
PROFILES, SEGMENTS = "ml.segment_profiles", "ml.customer_segments"

# Columns that look like a person's, and are none of a customer of deliveries.
OTHERS: dict[str, tuple[str, ...]] = {
    "raw.retail": ("customer", "has_customer"),  # pseudonyms of another key: docs/privacy.md
    "merged.retail": ("customers",),
    "ml.segment_profiles": ("customers",),
    "auth.accounts": ("email",),
}
_SUSPICIOUS = r"customer|consumer|buyer|person|e_?mail|phone|address|order_?ids?$|incident_?ids?$"


@dataclass(frozen=True)
class Place:
    """A table (schema.name) and its columns by which a person's rows are found."""

    table: str
    columns: tuple[str, ...]

    @property
    def name(self) -> sql.Identifier:
        return sql.Identifier(*self.table.split("."))

    def has(self, column: str) -> bool:
        return column in self.columns


def find_places(connection: psycopg.Connection) -> list[Place]:
    """Every table of the warehouse with rows that belong to a customer or to an order.

    Raises WarehouseError where a table has columns that look like a person's and are unknown, or
    keeps them in a way in which rows cannot be deleted by them.
    """
    found: dict[str, dict[str, str]] = {}
    kinds: dict[str, str] = {}
    for table, kind, column, type_ in connection.execute(
        "select format('%%s.%%s', n.nspname, c.relname), c.relkind::text, a.attname,"
        " format_type(a.atttypid, null)"
        " from pg_attribute a join pg_class c on c.oid = a.attrelid"
        " join pg_namespace n on n.oid = c.relnamespace"
        " where c.relkind in ('r', 'p', 'm', 'f') and not c.relispartition"
        " and a.attnum > 0 and not a.attisdropped and a.attname ~* %s"
        " and n.nspname not in ('pg_catalog', 'information_schema')"
        " and n.nspname !~ '^pg_(toast|temp)' order by 1, a.attnum",
        (_SUSPICIOUS,),
    ):
        if column not in OTHERS.get(table, ()):
            found.setdefault(table, {})[column] = type_
            kinds[table] = kind
    for table, columns in found.items():
        _refuse_unknown(table, kinds[table], columns)
    return [Place(table, tuple(columns)) for table, columns in found.items()]


def _refuse_unknown(table: str, kind: str, columns: dict[str, str]) -> None:
    types = {
        CUSTOMER: ("text", "character varying"),
        ORDER: ("text", "character varying"),
        INCIDENT: ("text", "character varying"),
        ORDERS: ("text[]",),
    }
    unknown = [name for name, type_ in columns.items() if type_ not in types.get(name, ())]
    if unknown:
        raise WarehouseError(
            f"Erasing does not know {table} ({', '.join(unknown)}), which looks as if it held"
            " persons. Name the columns customer, order_id, order_ids or incident_id, or add them"
            " to OTHERS in flow_platform/privacy/places.py if they are no person's. Nothing was"
            " erased."
        )
    if kind in ("m", "f"):
        raise WarehouseError(
            f"{table} is no plain table: its rows cannot be erased. Make it a table or a view."
            " Nothing was erased."
        )


@dataclass(frozen=True)
class Whose:
    """Pseudonyms of customers, orders and incidents whose rows are asked for."""

    customers: list[str]
    orders: list[str]
    incidents: list[str]

    def conditions(self, place: Place) -> list[tuple[str, list[str]]]:
        """The columns of a place, lists apart, by which rows are theirs, and the values."""
        asked = [(CUSTOMER, self.customers), (ORDER, self.orders)]
        if not place.has(ORDER):
            asked.append((INCIDENT, self.incidents))
        return [(column, values) for column, values in asked if place.has(column) and values]


def whose(
    connection: psycopg.Connection,
    places: Iterable[Place],
    customers: Iterable[str],
    orders: Iterable[str],
) -> Whose:
    """Those and the incidents of the orders, which some tables may know alone."""
    known = sorted(orders)
    incidents: set[str] = set()
    for place in places:
        if place.has(INCIDENT) and place.has(ORDER):
            query = sql.SQL(
                "select distinct incident_id from {} where order_id = any(%s)"
                " and incident_id is not null"
            ).format(place.name)
            incidents |= {row[0] for row in connection.execute(query, (known,))}
    return Whose(sorted(customers), known, sorted(incidents))


def delete_rows(
    connection: psycopg.Connection, places: Iterable[Place], theirs: Whose
) -> dict[str, int]:
    """Delete a person's rows in all places; returns the number of rows by table.

    An order is taken out of lists of several orders; a list that is empty then is deleted.
    """
    removed: dict[str, int] = {}
    for place in places:
        count = 0
        for column, values in theirs.conditions(place):
            delete = sql.SQL("delete from {} where {} = any(%s)")
            count += connection.execute(
                delete.format(place.name, sql.Identifier(column)), (values,)
            ).rowcount
        if place.has(ORDERS) and theirs.orders:
            count += connection.execute(
                sql.SQL(
                    "update {} set order_ids = array(select one from unnest(order_ids)"
                    " with ordinality as listed (one, place) where one <> all(%s) order by place)"
                    " where order_ids && %s"
                ).format(place.name),
                (theirs.orders, theirs.orders),
            ).rowcount
            connection.execute(
                sql.SQL("delete from {} where order_ids = '{{}}'").format(place.name)
            )
        if count:
            removed[place.table] = count
    return removed


def select_rows(
    connection: psycopg.Connection, place: Place, theirs: Whose
) -> list[dict[str, object]]:
    """Their rows in a place; of a list of several orders only those that are theirs."""
    if place.has(ORDERS):
        query = sql.SQL(
            "select to_jsonb(t) || jsonb_build_object('order_ids', array(select one from"
            " unnest(t.order_ids) as one where one = any(%s))) from {} t where t.order_ids && %s"
        ).format(place.name)
        found = connection.execute(query, (theirs.orders, theirs.orders))
        return [row[0] for row in found]
    asked = theirs.conditions(place)
    if not asked:
        return []
    condition = sql.SQL(" or ").join(
        sql.SQL("t.{} = any(%s)").format(sql.Identifier(column)) for column, _ in asked
    )
    query = sql.SQL("select to_jsonb(t) from {} t where {}").format(place.name, condition)
    return [row[0] for row in connection.execute(query, [values for _, values in asked])]
