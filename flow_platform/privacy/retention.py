"""How long each kind of data is kept, as the flows declare it, and removing what is older.

The register docs/privacy.md says the same for people; a test compares the two. Rows of the API are
removed in `api/housekeeping.py`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from flow_platform.flows.catalogue import CATALOGUE
from flow_platform.ground.errors import ConfigurationError
from flow_platform.ground.roles import ADMIN
from flow_platform.parts import Retention, RetentionRule, parts_of
from flow_platform.platform import Platform
from flow_platform.privacy.erasing import sweep
from flow_platform.privacy.exporting import exports_folder
from flow_platform.privacy.places import delete_rows, find_places, whose
from flow_platform.warehouse.store import Store

_ROWS_A_TRANSACTION = 5_000
_ORDERS_A_TRANSACTION = 500

_YEAR = 365


# Days by kind of what is of no flow; None: without limit. FLOW_RETENTION names a file with others.
_SHARED = Retention(
    days={"exports": 30, "privacy_audit": 6 * _YEAR + 2},
    rules=(RetentionRule("privacy_audit", "ops.privacy_audit", "at"),),
)


def _retentions() -> list[Retention]:
    return [*(parts_of(flow).retention for flow in CATALOGUE), _SHARED]


def default_days() -> dict[str, int | None]:
    """Days by kind where FLOW_RETENTION says nothing; None: without limit."""
    return {kind: days for one in _retentions() for kind, days in one.days.items()}


def retention_rules() -> list[RetentionRule]:
    """The rules by which rows are removed when their days are over, whole orders first."""
    rules = [rule for one in _retentions() for rule in one.rules]
    return sorted(rules, key=lambda rule: rule.how != "orders")


# Tables whose rows are not removed by age, and why.
KEPT: dict[str, str] = {
    "ops.touched": "until the partitions were merged again",
    "ops.erased": "tokens, without limit: they keep out what comes again",
    "ml.segment_profiles": "sums of many customers",
}
EXPORTS = "FLOW_HOME/privacy/exports"


@dataclass(frozen=True)
class Purged:
    """Numbers of rows (or files) that were, or would be, removed, by "kind table"."""

    rows: dict[str, int]
    swept: int

    @property
    def total(self) -> int:
        return sum(self.rows.values()) + self.swept


def retention_days(path: Path | None) -> dict[str, int | None]:
    """Days by kind: the defaults, and what the file says in their place.

    The file's section [days] has a whole number, or "no limit", for each kind it changes. Raises
    ConfigurationError for anything else.
    """
    days = default_days()
    if path is None:
        return days
    try:
        content = tomllib.loads(path.expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"FLOW_RETENTION {path} cannot be read: {error}") from error
    if set(content) - {"days"} or not isinstance(content.get("days", {}), dict):
        raise ConfigurationError(f"FLOW_RETENTION {path} may have one section, [days].")
    for kind, value in content.get("days", {}).items():
        if kind not in days:
            raise ConfigurationError(
                f"FLOW_RETENTION {path} names {kind!r}. Use one of: {', '.join(days)}."
            )
        if value == "no limit":
            days[kind] = None
        elif type(value) is int and value >= 1:
            days[kind] = value
        else:
            raise ConfigurationError(
                f"FLOW_RETENTION {path}: {kind} is {value!r}. Use a whole number of days of at"
                ' least 1, or "no limit".'
            )
    return days


def purge(
    platform: Platform,
    actor: str,
    *,
    dry_run: bool = False,
    now: datetime | None = None,
    announce: Callable[[str], None] = lambda message: None,
) -> Purged:
    """Remove what has been kept longer than its days, in small transactions, and audit it.

    Rows of erased persons that were stored since are removed too. With `dry_run` rows are only
    counted. `now` (aware) is the present if it is None.
    """
    moment, days = now or datetime.now(UTC), retention_days(platform.settings.retention)
    store = platform.store(ADMIN)
    rows: dict[str, int] = {}
    for rule in retention_rules():
        kept = days[rule.kind]
        if kept is None or not _exists(store, rule.table):
            continue
        count = _apply(store, rule, moment - timedelta(days=kept), dry_run)
        if count:
            name = f"{rule.kind} {rule.table}"
            rows[name] = rows.get(name, 0) + count
            announce(f"{rule.table}: {count:,} rows of {rule.kind}")
    kept = days["exports"]
    if kept is not None and (files := _old_exports(platform, moment - timedelta(days=kept))):
        rows[f"exports {EXPORTS}"] = len(files)
        for path in () if dry_run else files:
            path.unlink(missing_ok=True)
    if dry_run:
        return Purged(rows, 0)
    swept = sweep(platform, actor).total
    if rows:
        with store.connect() as connection:
            connection.execute(
                "insert into ops.privacy_audit (actor, action, rows) values (%s, 'purge', %s)",
                (actor, Jsonb(rows)),
            )
    return Purged(rows, swept)


def _apply(store: Store, rule: RetentionRule, cutoff: datetime, dry_run: bool) -> int:
    condition = sql.SQL("({}) and {} < {}").format(
        sql.SQL(rule.where), sql.SQL(rule.column), sql.Literal(cutoff)
    )
    table = sql.Identifier(*rule.table.split("."))
    if dry_run:
        with store.connect() as connection:
            query = sql.SQL("select count(*) from {} where {}").format(table, condition)
            row = connection.execute(query).fetchone()
            return int(row[0]) if row is not None else 0
    step = {"orders": _remove_orders, "rows": _delete, "words": _blank}[rule.how]
    total = 0
    while True:
        with store.connect() as connection:
            count = step(connection, table, condition)
        total += count
        if not count:
            return total


def _delete(
    connection: psycopg.Connection, table: sql.Identifier, condition: sql.Composable
) -> int:
    return connection.execute(
        sql.SQL(
            "delete from {} where ctid = any(array(select ctid from {} where {} limit {}"
            " for update skip locked))"
        ).format(table, table, condition, sql.Literal(_ROWS_A_TRANSACTION))
    ).rowcount


def _remove_orders(
    connection: psycopg.Connection, table: sql.Identifier, condition: sql.Composable
) -> int:
    """Whole orders, so that none is left in halves; returns how many."""
    query = sql.SQL("select order_id from {} where {} limit {}").format(
        table, condition, sql.Literal(_ORDERS_A_TRANSACTION)
    )
    orders = [row[0] for row in connection.execute(query)]
    if orders:
        places = find_places(connection)
        delete_rows(connection, places, whose(connection, places, [], orders))
    return len(orders)


def _blank(connection: psycopg.Connection, table: sql.Identifier, condition: sql.Composable) -> int:
    deleted = connection.execute(
        sql.SQL("delete from {} where {} and action = 'note'").format(table, condition)
    ).rowcount
    blanked = connection.execute(
        sql.SQL("update {} set note = null, author = 'removed' where {}").format(table, condition)
    ).rowcount
    return deleted + blanked


def _old_exports(platform: Platform, cutoff: datetime) -> list[Path]:
    folder = exports_folder(platform)
    return [
        path
        for path in sorted(folder.glob("*"))
        if datetime.fromtimestamp(path.stat().st_mtime, UTC) < cutoff
    ]


def _exists(store: Store, table: str) -> bool:
    with store.connect() as connection:
        row = connection.execute("select to_regclass(%s) is not null", (table,)).fetchone()
    return row == (True,)
