"""PostgreSQL as the platform sees it: its databases, and how each role signs in.

Names of roles are in `ground/roles.py`; rights on tables are granted where tables are made:
`migrations/` and dbt.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from flow_platform.ground.errors import ConfigurationError, WarehouseError
from flow_platform.ground.roles import ADMIN, DAGSTER_ROLE, LOGIN_ROLES, ML_ROLE, OWNER
from flow_platform.settings import Settings
from flow_platform.warehouse import embedded
from flow_platform.warehouse.secrets import secret_of

WAREHOUSE_DATABASE = "flow"
DAGSTER_DATABASE = "dagster"
MLFLOW_DATABASE = "mlflow"
# Of its own: Optuna and MLflow both keep their version in a table alembic_version.
OPTUNA_DATABASE = "optuna"


@dataclass(frozen=True)
class Server:
    """Where PostgreSQL is, and how each role signs in."""

    admin_dsn: str
    password_secret: str | None

    @property
    def identity(self) -> str:
        """Which server it is: that of the home, wherever the home is, or the one at an address."""
        if self.password_secret is None:
            return "embedded"
        return hashlib.sha256(self.admin_dsn.encode()).hexdigest()

    def dsn(self, role: str, database: str = WAREHOUSE_DATABASE) -> str:
        """libpq connection string of `role` on `database`.

        `role` is one of LOGIN_ROLES, or "admin". On the embedded server, whose socket only the
        operating-system user can reach, roles need no password. Raises ConfigurationError for a
        role that does not exist.
        """
        if role == ADMIN:
            return make_conninfo(self.admin_dsn, dbname=database)
        if role not in LOGIN_ROLES:
            raise ConfigurationError(
                f"There is no database role {role!r}. Use one of: {', '.join(LOGIN_ROLES)}."
            )
        parts = conninfo_to_dict(self.admin_dsn)
        parts.pop("password", None)
        password = self.password(role)
        if password is not None:
            parts["password"] = password
        kept = {name: str(value) for name, value in parts.items() if value is not None}
        return make_conninfo(**{**kept, "user": role, "dbname": database})

    def url(self, role: str, database: str = WAREHOUSE_DATABASE) -> str:
        """The same as a `postgresql://` URL, for SQLAlchemy and whatever wants one."""
        from urllib.parse import quote, urlencode

        parts = conninfo_to_dict(self.dsn(role, database))
        password = parts.pop("password", None)
        user = quote(str(parts.pop("user")))
        credentials = user if password is None else f"{user}:{quote(str(password), safe='')}"
        host, port = str(parts.pop("host", "localhost")), parts.pop("port", None)
        parts.pop("dbname")
        if host.startswith("/"):  # a Unix socket goes into the query
            query = {"host": host, **({"port": port} if port else {}), **parts}
            return f"postgresql://{credentials}@/{database}?{urlencode(query)}"
        place = f"{host}:{port}" if port else host
        query_text = f"?{urlencode(parts)}" if parts else ""
        return f"postgresql://{credentials}@{place}/{database}{query_text}"

    def password(self, role: str) -> str | None:
        """The role's password: FLOW_PASSWORD_<ROLE> if set, else derived from the secret."""
        given = os.environ.get(f"FLOW_PASSWORD_{role.upper()}")
        if given:
            return given
        if self.password_secret is None:
            return None
        return hmac.new(self.password_secret.encode(), role.encode(), hashlib.sha256).hexdigest()


def locate_server(settings: Settings) -> Server:
    """The PostgreSQL server of these settings; the embedded one is started if need be."""
    if settings.database_url is None:
        return Server(embedded.start(settings.home_path), None)
    return Server(settings.database_url.get_secret_value(), secret_of(settings))


def create_roles_and_databases(server: Server) -> None:
    """Make every role and database that is missing. Running it again changes nothing.

    Raises WarehouseError when the server cannot be reached or the administrator lacks the right to
    create roles and databases.
    """
    try:
        with psycopg.connect(server.admin_dsn, autocommit=True, connect_timeout=10) as connection:
            # Two commands may start at once: the second waits, then finds all of it there.
            connection.execute("select pg_advisory_lock(hashtext('flow_platform.roles'))")
            _create_roles(connection, server)
            _create_databases(connection)
    except psycopg.errors.InsufficientPrivilege as error:
        raise WarehouseError(
            f"The administrator in FLOW_DATABASE_URL may not create roles or databases: {error}."
            " Give it CREATEROLE and CREATEDB, or a superuser for the first start."
        ) from error
    except psycopg.OperationalError as error:
        raise WarehouseError(
            f"PostgreSQL cannot be reached: {error}. Check FLOW_DATABASE_URL and that it is up."
        ) from error


def _create_roles(connection: psycopg.Connection, server: Server) -> None:
    existing = {row[0] for row in connection.execute("select rolname from pg_roles")}
    if OWNER not in existing:
        connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(OWNER)))
    # A managed server's administrator is no superuser: it must be a member to hand over ownership.
    connection.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(OWNER)))
    for role in LOGIN_ROLES:
        name = sql.Identifier(role)
        if role not in existing:
            connection.execute(sql.SQL("create role {} login").format(name))
            connection.execute(sql.SQL("grant {} to current_user").format(name))
        password = server.password(role)
        if password is not None:
            connection.execute(
                sql.SQL("alter role {} password {}").format(name, sql.Literal(password))
            )


def _create_databases(connection: psycopg.Connection) -> None:
    existing = {row[0] for row in connection.execute("select datname from pg_database")}
    for database, owner in (
        (WAREHOUSE_DATABASE, OWNER),
        (DAGSTER_DATABASE, DAGSTER_ROLE),
        (MLFLOW_DATABASE, ML_ROLE),
        (OPTUNA_DATABASE, ML_ROLE),
    ):
        name = sql.Identifier(database)
        if database not in existing:
            connection.execute(
                sql.SQL("create database {} owner {}").format(name, sql.Identifier(owner))
            )
        connection.execute(sql.SQL("revoke all on database {} from public").format(name))
        members = LOGIN_ROLES if database == WAREHOUSE_DATABASE else (owner,)
        for role in members:
            connection.execute(
                sql.SQL("grant connect, temporary on database {} to {}").format(
                    name, sql.Identifier(role)
                )
            )
