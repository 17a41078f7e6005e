"""Earlier runs in Dagster's database keep their assets when the assets' keys change.

Dagster knows by key which partitions are there. Keys were renamed once, so that each box of the
graph has a name of its own (`ground/asset_paths.py`); this renames them in what a home already has.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import psycopg
from psycopg import sql

from flow_platform.ground.asset_paths import NAMED_BY_LAYER, asset_path
from flow_platform.ground.roles import DAGSTER_ROLE
from flow_platform.warehouse.server import DAGSTER_DATABASE, Server

_Renames = Mapping[tuple[str, ...], tuple[str, str]]
_OTHERWISE_RENAMED: _Renames = {("ml", "customer_segments"): ("ml", "deliveries_segments")}
# Columns in which Dagster writes keys into a text of its own.
_TEXTS = (
    ("event_logs", "event"),
    ("asset_check_executions", "evaluation_event"),
    ("asset_keys", "last_materialization"),
    ("runs", "run_body"),
    ("bulk_actions", "body"),
)
# Columns that are a key.
_KEYS = ("event_logs", "asset_check_executions", "asset_event_tags", "asset_keys")


def rename_assets_of_earlier_runs(server: Server, announce: Callable[[str], None]) -> int:
    """Give what is stored of former keys the keys of today; returns how many keys were renamed.

    Partitions, runs, checks and their metadata stay as they were, with their times. All or nothing,
    and nothing where no former key is left. Raises psycopg.Error where the database is not there.
    """
    with psycopg.connect(server.dsn(DAGSTER_ROLE, DAGSTER_DATABASE)) as connection:
        if connection.execute("select to_regclass('asset_keys')").fetchone() == (None,):
            return 0
        # Two commands may start at once: the second waits, then finds nothing to rename.
        connection.execute("select pg_advisory_xact_lock(hashtext('flow_platform.asset_keys'))")
        renames = _renames(connection)
        if not renames:
            return 0
        announce(f"Renaming {len(renames)} assets in the runs of this home, once.")
        _rename_texts(connection, renames)
        _rename_keys(connection, renames)
        return len(renames)


def _renames(connection: psycopg.Connection) -> _Renames:
    """Former keys that have a row, with the keys of today."""
    stored = connection.execute(
        "select asset_key from asset_keys union select asset_key from asset_check_executions"
    )
    paths = [tuple(json.loads(key)) for (key,) in stored if key is not None]
    return {path: new for path in paths if (new := _name_of_today(path)) is not None}


def _name_of_today(path: tuple[str, ...]) -> tuple[str, str] | None:
    """The present key of a former one; None for a key that is not a former one."""
    if path in _OTHERWISE_RENAMED:
        return _OTHERWISE_RENAMED[path]
    if len(path) != 2 or path[0] not in NAMED_BY_LAYER or path[1].endswith(f"_{path[0]}"):
        return None
    return asset_path(".".join(path))


def _rename_texts(connection: psycopg.Connection, renames: _Renames) -> None:
    """Rename keys inside of texts: `"path": ["raw", "x"]`, and `.../raw/x"` in names of tags."""
    forms = {
        former: new
        for path, of_today in renames.items()
        for former, new in (
            (json.dumps(path), json.dumps(of_today)),
            (f'/{"/".join(path)}"', f'/{"/".join(of_today)}"'),
        )
    }
    for table, column in _TEXTS:
        renamed: sql.Composable = sql.Identifier(column)
        # Not one regular expression: that took five times as long.
        for former, new in forms.items():
            renamed = sql.SQL("replace({}, {}, {})").format(renamed, former, new)
        connection.execute(
            sql.SQL("update {} set {} = {} where {} like '%AssetKey%'").format(
                sql.Identifier(table), sql.Identifier(column), renamed, sql.Identifier(column)
            )
        )


def _rename_keys(connection: psycopg.Connection, renames: _Renames) -> None:
    pairs = {json.dumps(former): json.dumps(new) for former, new in renames.items()}
    # An earlier version that ran again after the renaming left a key twice: the later row is right.
    connection.cursor().executemany(
        "delete from asset_keys as one using asset_keys as other"
        " where array[one.asset_key, other.asset_key]::text[] in"
        " (array[%(former)s, %(new)s], array[%(new)s, %(former)s])"
        " and (coalesce(one.last_materialization_timestamp, '-infinity'), one.id)"
        " < (coalesce(other.last_materialization_timestamp, '-infinity'), other.id)",
        [{"former": former, "new": new} for former, new in pairs.items()],
    )
    for table in _KEYS:
        connection.execute(
            sql.SQL(
                "update {} set asset_key = %(pairs)s::jsonb ->> asset_key"
                " where asset_key = any(%(former)s)"
            ).format(sql.Identifier(table)),
            {"pairs": json.dumps(pairs), "former": list(pairs)},
        )
    # Dagster counts the partitions of a key again where it has no count.
    connection.execute(
        "update asset_keys set cached_status_data = null where asset_key = any(%s)",
        [list(pairs.values())],
    )
