"""Newer hours of the portal, page by page, each stored with its cursor in one transaction.

Whatever is interrupted, no hour is lost and none is stored twice: the cursor is moved on only from
where it was read. Requests to the portal are in `sources/portal.py`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.ground.errors import WarehouseError
from flow_platform.ground.fates import REPEATED, STORED, code_of
from flow_platform.sources.counters import remember_counters
from flow_platform.sources.portal import Page, fetch_since
from flow_platform.streams.offsets import Offsets, OvertakenError, Span
from flow_platform.streams.outcome import Outcome
from flow_platform.warehouse.quarantine import Reject, put_rejects
from flow_platform.warehouse.store import Store, copy_rows

FLOW, SOURCE = "traffic", "http"
# Where the first request begins: older days are exports, loaded by `flow backfill traffic`.
FIRST_REACH = timedelta(days=2)
_OFFSETS = Offsets(FLOW, SOURCE)

_STORE = """
insert into raw.traffic select * from new_readings
on conflict (event_id) where event_id is not null do nothing
"""


@dataclass(frozen=True)
class Fetched:
    """What one run has fetched: counts of rows, and the last hour that the portal has."""

    pages: int = 0
    stored: int = 0
    quarantined: int = 0
    repeated: int = 0
    newest: datetime | None = None


def fetch_newer(store: Store, config: TrafficSource, counters: Path, now: datetime) -> Fetched:
    """Store every hour that the portal has after the cursor, up to `now` (aware).

    `store` is the warehouse as flow_ingest sees it; `counters` is where counters are remembered.

    Raises SourceError if the portal does not answer; the pages stored before stay, and the next run
    continues after them. Raises WarehouseError if another run has moved the cursor meanwhile.
    """
    partition = config.dataset_url
    position = _position(store, partition)
    start = now - FIRST_REACH if position is None else datetime.fromtimestamp(position, UTC)
    total = Fetched()
    for page in fetch_since(config, start.replace(minute=0, second=0, microsecond=0), now=now):
        total = _land(store, partition, page, position, total)
        position = int(page.cursor.timestamp())
        remember_counters(counters, page.counters)
    return total


def _position(store: Store, partition: str) -> int | None:
    with store.connect() as connection:
        return _OFFSETS.read(connection, [partition]).get(partition)


def _land(store: Store, partition: str, page: Page, before: int | None, total: Fetched) -> Fetched:
    """Store a page and move the cursor on; returns `total` with the rows of the page."""
    rejects = [_reject_of(row) for row in page.rejected.to_dict("records")]
    outcome = Outcome(last_event_at=page.cursor)
    with store.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "create temporary table new_readings (like raw.traffic including defaults)"
            " on commit drop"
        )
        copy_rows(cursor, "new_readings", page.rows)
        stored = cursor.execute(_STORE).rowcount
        put_rejects(connection, FLOW, rejects)
        outcome.counts += Counter(code_of(one.reason) for one in rejects)
        outcome.counts[STORED] = stored
        outcome.counts[REPEATED] = len(page.rows) - stored
        outcome.counts[REPEATED] += sum(file.rows_repeated for file in page.files)
        span = Span(before, int(page.cursor.timestamp()))
        try:
            _OFFSETS.move(connection, {partition: span}, {partition: outcome})
        except OvertakenError as error:
            raise WarehouseError(
                f"The cursor of {partition} was moved by another run meanwhile. Nothing of this"
                " page was stored; one `flow ingest http` at a time is enough."
            ) from error
    return Fetched(
        total.pages + 1,
        total.stored + outcome.stored,
        total.quarantined + outcome.quarantined,
        total.repeated + outcome.repeated,
        page.cursor,
    )


def _reject_of(row: Mapping[Hashable, Any]) -> Reject:
    return Reject(
        row["source_file"],
        row["source_line"],
        hashlib.sha256(str(row["payload"]).encode()).hexdigest(),
        row["reason"],
        row["payload"],
        centre_id=row["centre_id"],
        day=row["day"],
    )
