"""The service's connections to the warehouse, as the role flow_api: a pool, errors, transactions.

The statements are the callers'; nothing here knows a table.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
import sqlalchemy.exc
from psycopg.conninfo import make_conninfo
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from flow_platform.ground.errors import WarehouseError

_CONNECT_SECONDS = 3
_POOL_SECONDS = 3.0


class DatabaseDown(WarehouseError):
    """PostgreSQL does not answer, or not in time. Answered with 503 and Retry-After."""


class UnusableValue(WarehouseError):
    """PostgreSQL cannot take a value that a client sent. Answered with 422."""


class Database:
    """A pool of connections. Parameters are psycopg's, `%(name)s`; a per cent sign is `%%`.

    >>> await database.rows("select %(n)s::int + 1 as next", {"n": 1})
    [{'next': 2}]
    """

    def __init__(self, dsn: str, *, pool_size: int = 10, statement_timeout_seconds: int = 10):
        options = f"-c timezone=UTC -c statement_timeout={statement_timeout_seconds * 1000}"
        self._conninfo = make_conninfo(
            dsn, connect_timeout=_CONNECT_SECONDS, application_name="flow-api", options=options
        )
        self._engine = create_async_engine(
            "postgresql+psycopg://",
            async_creator=self._connect,
            # Single statements need no transaction of their own, which saves two round trips.
            isolation_level="AUTOCOMMIT",
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=_POOL_SECONDS,
            # A connection that died with the server is found dead before it is used.
            pool_pre_ping=True,
        )

    async def rows(self, sql: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The rows of a statement, as dictionaries in the order of its columns.

        Raises DatabaseDown, UnusableValue; a broken constraint stays SQLAlchemy's IntegrityError.
        """
        with _named_errors():
            async with self._engine.connect() as connection:
                return await _rows(connection, sql, params)

    async def execute(self, sql: str, params: Mapping[str, Any] | None = None) -> int:
        """Run a statement; returns the number of rows it changed. Raises what `rows` raises."""
        with _named_errors():
            async with self._engine.connect() as connection:
                return (await connection.exec_driver_sql(sql, dict(params or {}))).rowcount

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One transaction, committed when the block ends and rolled back when it raises.

        Raises what `rows` raises.
        """
        with _named_errors():
            async with self._engine.connect() as connection:
                await connection.execution_options(isolation_level="READ COMMITTED")
                async with connection.begin():
                    yield Transaction(connection)

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    async def _connect(self) -> psycopg.AsyncConnection:
        return await psycopg.AsyncConnection.connect(self._conninfo)


class Transaction:
    """The connection of one transaction, as `Database.transaction` gives it."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def rows(self, sql: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        return await _rows(self._connection, sql, params)

    async def execute(self, sql: str, params: Mapping[str, Any] | None = None) -> int:
        return (await self._connection.exec_driver_sql(sql, dict(params or {}))).rowcount


async def _rows(
    connection: AsyncConnection, sql: str, params: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    found = await connection.exec_driver_sql(sql, dict(params or {}))
    return [dict(row) for row in found.mappings()]


@contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError) as error:
        raise DatabaseDown(
            f"PostgreSQL does not answer ({type(error.orig).__name__}). `flow status` lists what is"
            " running."
        ) from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise DatabaseDown(
            f"PostgreSQL cannot be reached ({type(error).__name__}). `flow status` lists what is"
            " running."
        ) from error
    except sqlalchemy.exc.TimeoutError as error:
        raise DatabaseDown("Every connection to PostgreSQL is busy. Try again.") from error
    except sqlalchemy.exc.ProgrammingError as error:
        if isinstance(error.orig, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
            # Views are replaced in a run, and made by the first command after an update.
            raise DatabaseDown(
                "A published view is missing or of another version. `flow init` makes it."
            ) from error
        raise
    except (sqlalchemy.exc.DataError, psycopg.DataError) as error:
        raise UnusableValue("A value cannot be stored or compared by PostgreSQL.") from error
