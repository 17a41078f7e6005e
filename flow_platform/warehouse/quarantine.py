"""The table `ops.quarantine`: adding rejected records, listing them, setting their state.

Why a record is rejected, and how its payload is written, is decided by its flow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import psycopg

from flow_platform.warehouse.array_literals import text_array
from flow_platform.warehouse.store import Store

STATES = ("open", "repaired", "dropped")
# A short name of a row, derived from its whole key.
_ID = (
    "substr(md5(flow || chr(31) || source_file || chr(31) || source_line || chr(31)"
    " || payload_sha256), 1, 12)"
)
_PUT = """
insert into ops.quarantine (flow, source_file, source_line, payload_sha256, reason, day, centre_id,
    payload, subjects)
select %s, new.source_file, new.source_line, new.payload_sha256, new.reason, new.day, new.centre_id,
    new.payload, new.subjects::text[]
from unnest(%s::text[], %s::bigint[], %s::text[], %s::text[], %s::date[], %s::text[], %s::jsonb[],
    %s::text[])
    as new (source_file, source_line, payload_sha256, reason, day, centre_id, payload, subjects)
on conflict do nothing
"""


@dataclass(frozen=True, slots=True)
class Reject:
    """A rejected record as the table keeps it.

    `source_file` and `source_line` locate it: a file and a line, or a stream and a position.
    `payload` is JSON text; `subjects` are keyed pseudonyms of the words of a sealed payload.
    """

    source_file: str
    source_line: int
    payload_sha256: str
    reason: str
    payload: str
    centre_id: str | None = None
    day: date | None = None
    subjects: Sequence[str] | None = None


def put_rejects(connection: psycopg.Connection, flow: str, rejects: Sequence[Reject]) -> None:
    """Add records of a flow in the caller's transaction; one that is there already stays as it is.

    Errors are psycopg's.
    """
    if not rejects:
        return
    connection.execute(
        _PUT,
        (
            flow,
            [one.source_file for one in rejects],
            [one.source_line for one in rejects],
            [one.payload_sha256 for one in rejects],
            [one.reason for one in rejects],
            [one.day for one in rejects],
            [one.centre_id for one in rejects],
            [one.payload for one in rejects],
            [None if one.subjects is None else text_array(one.subjects) for one in rejects],
        ),
    )


def mark_rejects(
    connection: psycopg.Connection, flow: str, places: Iterable[tuple[str, int]], state: str
) -> int:
    """Set the state of a flow's open rows at these places (source_file, source_line).

    Returns how many rows were open there.
    """
    wanted = list(places)
    if not wanted:
        return 0
    return connection.execute(
        "update ops.quarantine as old set state = %s"
        " from unnest(%s::text[], %s::bigint[]) as new (source_file, source_line)"
        " where old.flow = %s and old.state = 'open' and old.source_file = new.source_file"
        " and old.source_line = new.source_line",
        (state, [file for file, _ in wanted], [line for _, line in wanted], flow),
    ).rowcount


@dataclass(frozen=True)
class Selection:
    """Which rows of quarantine are meant: those that fit every field; None and () fit all rows.

    `reason` is the code of a reason, `ids` are as `QuarantinedRow` has them.
    """

    flow: str | None = None
    reason: str | None = None
    state: str | None = "open"
    ids: tuple[str, ...] = ()

    def condition(self) -> tuple[str, list[Any]]:
        """The condition in SQL, and the values of its parameters."""
        parts, values = ["true"], list[Any]()
        for part, value in (
            ("flow = %s", self.flow),
            ("split_part(reason, ':', 1) = %s", self.reason),
            ("state = %s", self.state),
            (f"{_ID} = any(%s)", list(self.ids) or None),
        ):
            if value is not None:
                parts.append(part)
                values.append(value)
        return " and ".join(parts), values


@dataclass(frozen=True)
class QuarantinedRow:
    """A row of quarantine. `payload` is as stored: sealed where it may concern a person."""

    id: str
    flow: str
    source_file: str
    source_line: int
    payload_sha256: str
    reason: str
    day: Any
    centre_id: str | None
    payload: Mapping[str, Any] = field(repr=False)
    state: str
    quarantined_at: datetime


def selected_rows(
    store: Store, selection: Selection, limit: int | None = None
) -> list[QuarantinedRow]:
    """The selected rows, newest first."""
    condition, values = selection.condition()
    with store.connect() as connection:
        rows = connection.execute(
            f"select {_ID}, flow, source_file, source_line, payload_sha256, reason, day, centre_id,"
            f" payload, state, quarantined_at from ops.quarantine where {condition}"
            " order by quarantined_at desc, source_file, source_line limit %s",
            [*values, limit],
        ).fetchall()
    return [QuarantinedRow(*row) for row in rows]


def drop_rows(store: Store, selection: Selection) -> int:
    """Mark the selected rows as dropped; returns how many."""
    condition, values = selection.condition()
    with store.connect() as connection:
        return connection.execute(
            f"update ops.quarantine set state = 'dropped' where {condition}", values
        ).rowcount
