"""The connection of the app: one read-only query at a time, as a frame.

Only the schema `published` is read, by a role that can see nothing else. What the pages ask is in
the other modules of this folder and in those of the pages.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

import pandas as pd
import psycopg
import streamlit as st

DSN_VARIABLE = "FLOW_DASHBOARD_DSN"

CACHE_SECONDS = 30
# Figures over years of forecasts take seconds where those are a million, and change once a day.
LONG_CACHE_SECONDS = 600
_OPTIONS = (
    "-c timezone=UTC -c statement_timeout=15000 -c default_transaction_read_only=on"
    " -c application_name=flow_streamlit"
)


class DataError(Exception):
    """The published views cannot be read; `str()` is for those who run the platform."""


class DatabaseUnavailable(DataError):
    """No connection: no DSN, no server, or no permission to sign in."""


class NotPublished(DataError):
    """The server answers, but a view is not there or may not be read."""


Parameters = tuple[Any, ...] | Mapping[str, Any]


def read(query: str, parameters: Parameters = ()) -> pd.DataFrame:
    """Rows of one query. Timestamps are tz-aware UTC, days datetime64, missing numbers NaN.

    A connection lives for one query: on a Unix socket it costs a few ms, and none is left over
    that a restart of the database could break. Raises DatabaseUnavailable or NotPublished.
    """
    dsn = os.environ.get(DSN_VARIABLE, "").strip()
    if not dsn:
        raise DatabaseUnavailable(
            f"{DSN_VARIABLE} is not set. `flow up` sets it; by hand:"
            f' export {DSN_VARIABLE}="$(flow dsn --role flow_dashboard)"'
        )
    try:
        try:
            return _query(dsn, query, parameters)
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            # A view is away for a moment while dbt replaces it.
            time.sleep(0.3)
            return _query(dsn, query, parameters)
    except (
        psycopg.errors.UndefinedTable,
        psycopg.errors.UndefinedColumn,
        psycopg.errors.InvalidSchemaName,
        psycopg.errors.InsufficientPrivilege,
    ) as error:
        raise NotPublished(f"{type(error).__name__}: {error.diag.message_primary}") from error
    except psycopg.ProgrammingError as error:
        # Its message would quote the DSN, password and all.
        raise DatabaseUnavailable(
            f"{DSN_VARIABLE} is no connection string ({type(error).__name__})."
            " Write postgresql://user@host/database, or take the output of `flow dsn`."
        ) from error
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()
        raise DatabaseUnavailable(reason[0] if reason else type(error).__name__) from error


def _query(dsn: str, query: str, parameters: Parameters) -> pd.DataFrame:
    with (
        psycopg.connect(dsn, connect_timeout=5, options=_OPTIONS, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        # psycopg's stubs want a literal; every query of the app is one.
        cursor.execute(query.encode(), parameters, prepare=False)
        columns = cursor.description or []
        rows = cursor.fetchall()
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    for column in columns:
        if column.type_code == 1082:  # date
            frame[column.name] = pd.to_datetime(frame[column.name]).astype("datetime64[us]")
        elif column.type_code == 1184:  # timestamptz
            frame[column.name] = pd.to_datetime(frame[column.name], utc=True)
        elif column.type_code == 701:  # float8
            frame[column.name] = frame[column.name].astype("float64")
    return frame


def forget() -> None:
    """Drop every cached answer, so that the next read asks the database."""
    st.cache_data.clear()
