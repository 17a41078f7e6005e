"""Removes rows that a file had stored on other days, when its dates were read in another way.

How the dates of a source are read is decided in `sources/dates.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import psycopg

from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import INGEST_ROLE
from flow_platform.platform import Platform
from flow_platform.sources.dates import DAY_FIRST, ISO, MONTH_FIRST
from flow_platform.sources.landing import FileBalance
from flow_platform.warehouse.store import lock_writes


@dataclass(frozen=True)
class Removed:
    """Rows that were removed outside of the days and centres of a load: how many, of which days."""

    rows: int
    first: date | None
    last: date | None


# Removes the rows that a file has stored, whole; returns those of them outside of the rectangle.
Remove = Callable[[psycopg.Connection, str, Rectangle, str], Removed]


def remove_rows(
    connection: psycopg.Connection, flow: str, rectangle: Rectangle, file: str
) -> Removed:
    """Remove the rows of a file from `raw.<flow>`."""
    row = connection.execute(
        f"""
        with gone as (delete from raw.{flow} where source_file = %(file)s returning centre_id, day)
        select count(*), min(day), max(day) from gone
        where not (centre_id = any(%(centres)s) and day between %(first)s and %(last)s)
        """,
        {"file": file, **rectangle.window},
    ).fetchone()
    assert row is not None
    return Removed(*row)


def prepare_readings(
    platform: Platform,
    flow: str,
    rectangle: Rectangle,
    files: Sequence[FileBalance],
    remove: Remove = remove_rows,
    lock: Callable[[psycopg.Connection], None] | None = None,
) -> tuple[str, ...]:
    """Remove the rows that files stored when their dates were read in another way; a sentence for
    each file that had rows on days which this load does not bring.

    Call it before the rows of the rectangle are replaced. Rows and the records of the loads that
    stored them go in one transaction. Of two loads at once the first one removes them, and the
    other finds no record: it never removes rows of the new reading. `lock` keeps other writers of
    the rows waiting; without it those of `raw.<flow>`.
    """
    dated = [file for file in files if file.dates is not None]
    found = []
    with platform.store(INGEST_ROLE).connect() as connection:
        if not any(_earlier(connection, flow, file) for file in dated):
            return ()
        if lock is None:
            lock_writes(connection, f"raw.{flow}")
        else:
            lock(connection)
        for file in dated:
            if earlier := _earlier(connection, flow, file):
                gone = remove(connection, flow, rectangle, file.file)
                connection.execute(
                    "delete from ops.loads where flow = %s and file = %s and dates = any(%s)",
                    (flow, file.file, earlier),
                )
                found += [_sentence(flow, file, earlier, gone)] if gone.rows else []
    return tuple(found)


def _earlier(connection: psycopg.Connection, flow: str, file: FileBalance) -> list[str]:
    """The readings of a file's loads under which its days may be others than now."""
    rows = connection.execute(
        "select distinct dates from ops.loads where flow = %s and file = %s and dates <> %s",
        (flow, file.file, file.dates),
    ).fetchall()
    # ISO dates are read in the same way whatever the order of others is.
    harmless = {ISO} if file.dates in (DAY_FIRST, MONTH_FIRST) else set()
    return sorted({row[0] for row in rows} - harmless)


def _sentence(flow: str, file: FileBalance, earlier: Sequence[str], gone: Removed) -> str:
    return (
        f"{file.file}: its dates are read as {file.dates}, and were read as {', '.join(earlier)}"
        f" before. {gone.rows} rows that were stored then, on days from {gone.first} to"
        f" {gone.last}, were removed. Load and merge these days again: flow backfill {flow} --from"
        f" {gone.first} --to {gone.last}"
    )
