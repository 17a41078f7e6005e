"""What no database role may do: every such statement is tried, and refused by PostgreSQL itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import psycopg
import pytest
from psycopg import sql

from flow_platform.ground.roles import LOGIN_ROLES
from flow_platform.orchestration import prepare
from flow_platform.platform import Platform
from flow_platform.settings import Settings

pytestmark = pytest.mark.integration

SCHEMAS = ("raw", "staging", "merged", "ml", "monitoring", "ops", "published", "auth", "public")
VERBS = ("select", "insert", "update", "delete", "truncate")
READ = frozenset({"select"})
ADD = frozenset({"select", "insert"})
# Rights on some columns of a table: all but the moment and the number of an action, as
# test_the_desk_adds_actions_and_neither_changes_nor_forges_any holds.
BY_COLUMN = {("flow_desk", "desk_actions"): frozenset({"insert"})}
WRITE = frozenset({"select", "insert", "update", "delete"})
OWN = frozenset(VERBS)

# What each role may do with the tables and views of a schema ("schema.*"), or with one of them.
# What is not here is forbidden.
RIGHTS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "flow_ingest": {
        "raw.*": WRITE,
        "ops.loads": WRITE,
        "ops.quarantine": WRITE,
        "ops.days_not_whole": WRITE,
        "ops.offsets": WRITE,
        "ops.mqtt_packets": WRITE,
        "ops.mqtt_sessions": WRITE,
        "ops.touched": WRITE,
        "ops.erased": WRITE,
        "ops.privacy_audit": ADD,
    },
    "flow_transform": {
        "raw.*": READ,
        "ml.*": READ,
        "ml.tunings": frozenset(),
        "ops.*": READ,
        "ops.mqtt_packets": frozenset(),
        "ops.erased": frozenset(),
        "ops.privacy_audit": frozenset(),
        "monitoring.drift": READ,
        "monitoring.check_results": READ,
        "monitoring.*": OWN,
        "staging.*": OWN,
        "merged.*": OWN,
        "published.*": OWN,
    },
    "flow_ml": {
        "staging.*": READ,
        "merged.*": READ,
        "ml.*": WRITE,
        "ml.promotions": ADD,
        "ml.tunings": ADD,
        "monitoring.drift": WRITE,
        "monitoring.check_results": WRITE,
        "monitoring.*": READ,
        "published.*": READ,
    },
    "flow_api": {"auth.*": WRITE, "auth.audit": ADD, "published.*": READ},
    "flow_dashboard": {"published.*": READ},
    "flow_desk": {"ops.desk_actions": READ, "published.*": READ},
    "flow_dagster": {"published.*": READ},
}
# Where a role may make tables: dbt's schemas are dbt's.
MAKES = {"flow_transform": {"staging", "merged", "monitoring", "published"}}
ELSEWHERE = (
    "create schema mine",
    "create role friend login",
    "create database mine",
    "alter role flow_dashboard superuser",
    "alter role current_user createrole",
    "grant flow_owner to current_user",
    "grant select on auth.accounts to flow_dashboard",
    "set role flow_owner",
    "set role postgres",
    "set session authorization postgres",
    "alter system set log_statement = 'all'",
    "alter database flow set timezone = 'UTC'",
    "create function pg_temp.f() returns int language c as '/bin/true', 'f'",
    "create function pg_temp.f() returns int language internal as 'int4pl'",
    "create publication p for all tables",
    "create event trigger t on ddl_command_end execute function f()",
    "copy (select 1) to program 'true'",
    "copy (select 1) to '/tmp/flow-rights-test'",
    "select pg_read_file('/etc/passwd')",
    "select pg_ls_dir('/')",
    "select lo_import('/etc/passwd')",
    "select * from pg_authid",
    "select rolpassword from pg_authid",
    "select pg_reload_conf()",
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postgres'",
    "update pg_class set relname = relname",
    "reassign owned by flow_owner to current_user",
    "drop owned by flow_owner",
)


@pytest.fixture(scope="module")
def platform(settings: Settings) -> Platform:
    found = Platform(settings)
    prepare(found)
    return found


@pytest.fixture(scope="module")
def objects(platform: Platform) -> list[tuple[str, str]]:
    """Every table and view of the warehouse's schemas, as PostgreSQL lists them."""
    with psycopg.connect(platform.server.dsn("admin")) as connection:
        rows = connection.execute(
            "select n.nspname, c.relname from pg_class c join pg_namespace n"
            " on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'v', 'm', 'f')"
            " and n.nspname = any(%s) order by 1, 2",
            (list(SCHEMAS),),
        ).fetchall()
    return [(schema, name) for schema, name in rows if name != "alembic_version"]


def _allowed(role: str, schema: str, name: str) -> frozenset[str]:
    rights = RIGHTS[role]
    return rights.get(f"{schema}.{name}", rights.get(f"{schema}.*", frozenset()))


@pytest.fixture
def connection(platform: Platform, role: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(platform.server.dsn(role)) as opened:
        yield opened
        opened.rollback()


def _refused(
    connection: psycopg.Connection, statement: sql.SQL | sql.Composed, is_view: bool = False
) -> bool:
    """Whether PostgreSQL refuses for want of a right; any other error is no answer.

    Of a view that nobody can write to it says so before it looks at rights.
    """
    never = (
        (psycopg.errors.ObjectNotInPrerequisiteState, psycopg.errors.WrongObjectType)
        if is_view
        else ()
    )
    try:
        with connection.transaction():
            connection.execute(statement)
            raise _Undo
    except _Undo:
        return False
    except (psycopg.errors.InsufficientPrivilege, *never):
        return True


class _Undo(Exception):
    """Takes back a statement that was allowed."""


def _statement(verb: str, schema: str, name: str, column: str) -> sql.Composed:
    pattern = {
        "select": "select * from {table} limit 0",
        "insert": "insert into {table} ({column}) select null where false",
        "update": "update {table} set {column} = null where false",
        "delete": "delete from {table} where false",
        "truncate": "truncate {table}",
    }[verb]
    return sql.SQL(pattern).format(
        table=sql.Identifier(schema, name), column=sql.Identifier(column)
    )


@pytest.mark.parametrize("role", LOGIN_ROLES)
def test_a_role_has_the_rights_of_the_table_and_no_others(
    platform: Platform, objects: list[tuple[str, str]], role: str
) -> None:
    with psycopg.connect(platform.server.dsn("admin")) as connection:
        for schema, name in objects:
            table = f"{schema}.{name}"
            found = connection.execute(
                "select array_agg(verb) from unnest(%s::text[]) as verb"
                " where has_schema_privilege(%s, %s, 'usage')"
                " and has_table_privilege(%s, %s, verb)",
                (list(VERBS), role, schema, role, table),
            ).fetchone()
            assert found is not None
            assert set(found[0] or ()) == set(_allowed(role, schema, name)), f"{role} on {table}"


@pytest.mark.parametrize("role", LOGIN_ROLES)
def test_every_forbidden_statement_on_a_table_is_refused(
    platform: Platform,
    objects: list[tuple[str, str]],
    connection: psycopg.Connection,
    role: str,
) -> None:
    with psycopg.connect(platform.server.dsn("admin")) as admin:
        columns = dict(
            (f"{schema}.{name}", column)
            for schema, name, column in admin.execute(
                "select n.nspname, c.relname, a.attname from pg_attribute a"
                " join pg_class c on c.oid = a.attrelid join pg_namespace n"
                " on n.oid = c.relnamespace where a.attnum > 0 and not a.attisdropped"
                " and a.attidentity = '' and n.nspname = any(%s)",
                (list(SCHEMAS),),
            )
        )
    tried = 0
    for schema, name in objects:
        column = columns[f"{schema}.{name}"]
        kind = _kind(platform, schema, name)
        for verb in VERBS:
            if verb not in _allowed(role, schema, name) | BY_COLUMN.get((role, name), frozenset()):
                statement = _statement(verb, schema, name, column)
                refused = _refused(connection, statement, kind == "view")
                assert refused, f"{role}: {verb} {schema}.{name}"
                tried += 1
        if _allowed(role, schema, name) != OWN:
            for pattern in ("drop {kind} {table}", "alter {kind} {table} rename to mine"):
                changed = sql.SQL(pattern).format(
                    kind=sql.SQL(kind), table=sql.Identifier(schema, name)
                )
                assert _refused(connection, changed), f"{role}: {pattern} {schema}.{name}"
                tried += 1
    assert tried > 50


def _kind(platform: Platform, schema: str, name: str) -> str:
    with psycopg.connect(platform.server.dsn("admin")) as admin:
        row = admin.execute(
            "select relkind from pg_class where oid = %s::regclass", (f"{schema}.{name}",)
        ).fetchone()
    assert row is not None
    return "view" if row[0] == "v" else "table"


@pytest.mark.parametrize("role", LOGIN_ROLES)
def test_tables_are_made_only_in_dbt_s_schemas_and_by_dbt(
    connection: psycopg.Connection, role: str
) -> None:
    for schema in SCHEMAS:
        table = sql.Identifier(schema, "mine")
        made = sql.SQL("create table {} (x integer)").format(table)
        assert _refused(connection, made) == (schema not in MAKES.get(role, set())), schema
        function = sql.SQL("create function {}() returns int language sql return 1").format(table)
        assert _refused(connection, function) == (schema not in MAKES.get(role, set())), schema
        dropped = sql.SQL("drop schema {} cascade").format(sql.Identifier(schema))
        assert _refused(connection, dropped), schema


@pytest.mark.parametrize("statement", ELSEWHERE)
@pytest.mark.parametrize("role", LOGIN_ROLES)
def test_no_role_reaches_beyond_its_tables(platform: Platform, role: str, statement: str) -> None:
    with psycopg.connect(platform.server.dsn(role), autocommit=True) as connection:
        if statement.startswith("grant select on auth") and role == "flow_api":
            # Who has a right without the option to grant it is warned, and grants nothing.
            connection.execute(statement)
            found = connection.execute(
                "select has_table_privilege('flow_dashboard', 'auth.accounts', 'select')"
            ).fetchone()
            assert found == (False,)
            return
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


@pytest.mark.parametrize("role", LOGIN_ROLES)
@pytest.mark.parametrize("database", ["dagster", "mlflow", "optuna", "postgres", "template1"])
def test_a_role_connects_only_to_its_own_databases(
    platform: Platform, role: str, database: str
) -> None:
    own = {"flow_dagster": {"dagster"}, "flow_ml": {"mlflow", "optuna"}}.get(role, set())
    if database in own:
        psycopg.connect(platform.server.dsn(role, database)).close()
    elif database in ("postgres", "template1"):
        # PostgreSQL lets everybody in there by default; there is nothing to be had.
        with psycopg.connect(platform.server.dsn(role, database)) as connection:
            found = connection.execute(
                "select count(*) from pg_tables where schemaname not in"
                " ('pg_catalog', 'information_schema')"
            ).fetchone()
            assert found == (0,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("create table public.mine (x integer)")
    else:
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(platform.server.dsn(role, database))


def test_only_the_service_s_role_may_shorten_the_audit(platform: Platform) -> None:
    for role in LOGIN_ROLES:
        with psycopg.connect(platform.server.dsn(role), autocommit=True) as connection:
            if role == "flow_api":
                connection.execute("select auth.shorten_audit()")
                continue
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("select auth.shorten_audit()")


def test_the_desk_adds_actions_and_neither_changes_nor_forges_any(platform: Platform) -> None:
    with psycopg.connect(platform.server.dsn("flow_desk")) as connection:
        added = connection.execute(
            "insert into ops.desk_actions (order_id, action, author) values ('o', 'resolve', 'Ana')"
            " returning action_id"
        ).fetchone()
        assert added is not None
        seen = connection.execute("select author from ops.desk_actions where order_id = 'o'")
        assert seen.fetchall() == [("Ana",)]
        for statement in (
            "update ops.desk_actions set author = 'Eve'",
            "delete from ops.desk_actions",
            "truncate ops.desk_actions",
            "select * from merged.deliveries",
            "select * from raw.orders",
            "select * from ml.customer_segments",
            "insert into ml.deliveries_scores select * from ml.deliveries_scores",
            # Who could choose the moment could put an action in the past.
            "insert into ops.desk_actions (order_id, action, author, acted_at)"
            " values ('o', 'reopen', 'Ana', '2020-01-01')",
        ):
            assert _refused(connection, sql.SQL(statement)), statement
        # Its number is the database's to give.
        with pytest.raises(psycopg.errors.GeneratedAlways):
            connection.execute(
                "insert into ops.desk_actions (action_id, order_id, action, author)"
                " values (0, 'o', 'reopen', 'Ana')"
            )
        connection.rollback()
