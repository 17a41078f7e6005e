"""The connection with which a stream settles, and how it shows that PostgreSQL is away."""

from __future__ import annotations

import psycopg

from flow_platform.warehouse.store import Store

# A broken connection of psycopg shows as one of these; errors in the rows do not.
DATABASE_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError)


def connect(store: Store) -> psycopg.Connection:
    """A connection that commits by itself, and fails within seconds when the server is gone."""
    return psycopg.connect(
        store.server.dsn(store.role),
        autocommit=True,
        prepare_threshold=0,
        connect_timeout=10,
        # TCP would wait for hours.
        tcp_user_timeout=20_000,
        options="-c timezone=UTC -c statement_timeout=30s",
    )


def first_line(error: Exception) -> str:
    """The first line of an error's text, or its type where it has no text."""
    return next(iter(str(error).splitlines()), type(error).__name__)
