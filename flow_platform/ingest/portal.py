"""Newer hours of the portal, page by page, each stored with its cursor in one transaction.

Whatever dies when, no hour is lost and none is stored twice: the cursor is only moved on from where
it was read. Asking the portal is in `sources/portal.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from flow_platform.ground.errors import WarehouseError
from flow_platform.sources.config import SourceConfig, traffic_option
from flow_platform.sources.counters import remember_counters
from flow_platform.sources.portal import Page, fetch_since
from flow_platform.warehouse.store import Store, copy_rows

FLOW, SOURCE = "traffic", "http"
# Where the first request begins: older days come as exports, by `flow backfill traffic`.
FIRST_REACH = timedelta(days=2)

_STORE = """
insert into raw.traffic select * from new_readings
on conflict (event_id) where event_id is not null do nothing
"""
_QUARANTINE = """
insert into ops.quarantine (flow, source_file, source_line, payload_sha256, reason, day, centre_id,
    payload)
values (%s, %s, %s, %s, %s, %s, %s, %s)
on conflict do nothing
"""
_MOVE = """
insert into ops.offsets as old (flow, source, partition, position, rows_stored, rows_quarantined,
    rows_repeated, last_event_at, last_message_at)
values (%(flow)s, %(source)s, %(partition)s, %(position)s, %(stored)s, %(quarantined)s,
    %(repeated)s, %(event)s, now())
on conflict (flow, source, partition) do update set
    position = excluded.position, rows_stored = old.rows_stored + excluded.rows_stored,
    rows_quarantined = old.rows_quarantined + excluded.rows_quarantined,
    rows_repeated = old.rows_repeated + excluded.rows_repeated,
    last_event_at = excluded.last_event_at, last_message_at = now()
where old.position = %(before)s
returning position
"""


@dataclass(frozen=True)
class Fetched:
    """What one run brought: rows, and the last hour that the portal had."""

    pages: int = 0
    stored: int = 0
    quarantined: int = 0
    repeated: int = 0
    newest: datetime | None = None


def fetch_newer(store: Store, config: SourceConfig, counters: Path, now: datetime) -> Fetched:
    """Store every hour that the portal has after the cursor, up to `now` (aware).

    `store` is the warehouse as flow_ingest sees it; `counters` is where counters are remembered.

    Raises SourceError where the portal does not answer; what was stored before stays, and the next
    run goes on there. Raises WarehouseError where another run moved the cursor meanwhile.
    """
    partition = str(traffic_option(config, "dataset_url"))
    position = _position(store, partition)
    start = now - FIRST_REACH if position is None else datetime.fromtimestamp(position, UTC)
    total = Fetched()
    for page in fetch_since(config, start.replace(minute=0, second=0, microsecond=0), now=now):
        total = _land(store, partition, page, position, total)
        position = int(page.cursor.timestamp())
        remember_counters(counters, page.counters)
    return total


def _position(store: Store, partition: str) -> int | None:
    rows = store.read(
        "select position from ops.offsets"
        " where flow = %(flow)s and source = %(source)s and partition = %(partition)s",
        {"flow": FLOW, "source": SOURCE, "partition": partition},
    )
    return None if rows.empty else int(rows["position"].iloc[0])


def _land(store: Store, partition: str, page: Page, before: int | None, total: Fetched) -> Fetched:
    with store.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "create temporary table new_readings (like raw.traffic including defaults)"
            " on commit drop"
        )
        copy_rows(cursor, "new_readings", page.rows)
        stored = cursor.execute(_STORE).rowcount
        rejected = _quarantine(cursor, page.rejected.to_dict("records"))
        repeated = len(page.rows) - stored
        repeated += sum(file.rows_repeated for file in page.files)
        moved = cursor.execute(
            _MOVE,
            {
                "flow": FLOW,
                "source": SOURCE,
                "partition": partition,
                "position": int(page.cursor.timestamp()),
                "before": before,
                "stored": stored,
                "quarantined": rejected,
                "repeated": repeated,
                "event": page.cursor,
            },
        ).fetchone()
        if moved is None:
            raise WarehouseError(
                f"The cursor of {partition} was moved by another run meanwhile. Nothing of this"
                " page was stored; one `flow ingest http` at a time is enough."
            )
    return Fetched(
        total.pages + 1,
        total.stored + stored,
        total.quarantined + rejected,
        total.repeated + repeated,
        page.cursor,
    )


def _quarantine(cursor: psycopg.Cursor, rejected: Iterable[Mapping[Hashable, Any]]) -> int:
    rows = [
        (
            FLOW,
            row["source_file"],
            row["source_line"],
            hashlib.sha256(str(row["payload"]).encode()).hexdigest(),
            row["reason"],
            row["day"],
            row["centre_id"],
            row["payload"],
        )
        for row in rejected
    ]
    if rows:
        cursor.executemany(_QUARANTINE, rows)
    return len(rows)
