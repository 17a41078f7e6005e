"""Newer hours of the portal, page by page, each stored with its cursor in one transaction.

Whatever is interrupted, no hour is lost and none is stored twice: the cursor is moved on only from
where it was read. What was changed before it is decided in `portal_changes.py`. Requests to the
portal are in `flows/traffic/portal.py`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from flow_platform.flows.traffic.counters import remember_counters
from flow_platform.flows.traffic.live.portal_changes import (
    EMPTIED,
    LOOK_BACK,
    Change,
    change_of,
)
from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.flows.traffic.portal import Page, fetch_since, published_readings
from flow_platform.ground.errors import SourceError, WarehouseError
from flow_platform.ground.fates import REPEATED, STORED, code_of
from flow_platform.ground.json_log import log_warning
from flow_platform.streams.logs import Position
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
    """What one run has fetched: counts of rows, and the last hour that the portal has.

    `changed` is why hours after `read_again_from` were read again: the data set was "emptied", it
    is "shorter" than the cursor, or hours before the cursor have "changed".
    """

    pages: int = 0
    stored: int = 0
    quarantined: int = 0
    repeated: int = 0
    newest: datetime | None = None
    changed: str | None = None
    read_again_from: datetime | None = None


def fetch_newer(
    store: Store,
    config: TrafficSource,
    counters: Path,
    now: datetime,
    *,
    is_compared: bool = True,
) -> Fetched:
    """Store every hour that the portal has after the cursor, up to `now` (aware).

    Where it is compared, the last two days are asked for as an export, and hours that the portal
    has published again, or later than others, are read again. `store` is the warehouse as
    flow_ingest sees it; `counters` is where counters are remembered.

    Raises SourceError if the portal does not answer; the pages stored before stay, and the next run
    continues after them. Raises WarehouseError if another run has moved the cursor meanwhile.
    """
    partition = config.dataset_url
    total, known = Fetched(), _position(store, partition)
    if known is not None and is_compared:
        known, change = _compared(store, config, known, now)
        if change is not None:
            total = Fetched(changed=change.why, read_again_from=change.at)
    start = now - FIRST_REACH if known is None else _moment(known)
    for page in fetch_since(config, start.replace(minute=0, second=0, microsecond=0), now=now):
        total, known = _land(store, partition, page, known, total)
        remember_counters(counters, page.counters)
    return total


def _moment(cursor: Position) -> datetime:
    return datetime.fromtimestamp(cursor.offset, UTC)


def _position(store: Store, partition: str) -> Position | None:
    with store.connect() as connection:
        return _OFFSETS.read(connection, [partition]).get(partition)


def _compared(
    store: Store, config: TrafficSource, known: Position, now: datetime
) -> tuple[Position, Change | None]:
    """Move the cursor back to where the portal no longer has what was fetched, if it is so.

    A portal that gives no export is left to the request of newer hours, which says what is wrong.
    """
    cursor = _moment(known)
    try:
        published = published_readings(config, cursor - LOOK_BACK, cursor, now=now)
    except SourceError as error:
        log_warning("portal_not_compared", why=str(error))
        return known, None
    with store.connect() as connection:
        change = change_of(published, _stored(connection, cursor), cursor)
        if change is None:
            return known, None
        position = int(change.at.timestamp())
        if change.why == EMPTIED and known.is_fresh:
            return known, None  # it still is
        began = _OFFSETS.begin_again(connection, config.dataset_url, known, position, change.why)
    log_warning(
        "begun_again",
        partition=config.dataset_url,
        why=change.why,
        incarnation=began.incarnation,
        cursor=cursor.isoformat(),
        read_again_from=change.at.isoformat(),
        older="flow backfill traffic",
    )
    return began, change


def _stored(connection: psycopg.Connection, cursor: datetime) -> dict[str, datetime]:
    """The hours of the readings of the portal that are stored, by their ids, up to the cursor."""
    rows = connection.execute(
        "select event_id, counted_at from raw.traffic where day between %s and %s"
        " and counted_at > %s and counted_at <= %s and starts_with(event_id, 'portal:')",
        ((cursor - LOOK_BACK).date(), cursor.date(), cursor - LOOK_BACK, cursor),
    )
    return dict(rows.fetchall())


def _land(
    store: Store, partition: str, page: Page, known: Position | None, total: Fetched
) -> tuple[Fetched, Position]:
    """Store a page and move the cursor on; returns `total` with the rows of the page."""
    found = [_reject_of(row) for row in page.rejected.to_dict("records")]
    outcome = Outcome(last_event_at=page.cursor)
    with store.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "create temporary table new_readings (like raw.traffic including defaults)"
            " on commit drop"
        )
        copy_rows(cursor, "new_readings", page.rows)
        stored = cursor.execute(_STORE).rowcount
        rejects = _new_rejects(connection, partition, found, known)
        put_rejects(connection, FLOW, rejects)
        outcome.counts += Counter(code_of(one.reason) for one in rejects)
        outcome.counts[STORED] = stored
        outcome.counts[REPEATED] = len(page.rows) - stored + len(found) - len(rejects)
        outcome.counts[REPEATED] += sum(file.rows_repeated for file in page.files)
        position = int(page.cursor.timestamp())
        if known is None:
            span, moved = Span(None, position), Position(position)
        else:
            span = Span(known.offset, position, known.incarnation)
            moved = Position(position, known.incarnation)
        try:
            _OFFSETS.move(connection, {partition: span}, {partition: outcome})
        except OvertakenError as error:
            raise WarehouseError(
                f"The cursor of {partition} was moved by another run meanwhile. Nothing of this"
                " page was stored; one `flow ingest http` at a time is enough."
            ) from error
    fetched = replace(
        total,
        pages=total.pages + 1,
        stored=total.stored + outcome.stored,
        quarantined=total.quarantined + outcome.quarantined,
        repeated=total.repeated + outcome.repeated,
        newest=page.cursor,
    )
    return fetched, moved


def _new_rejects(
    connection: psycopg.Connection, partition: str, found: list[Reject], known: Position | None
) -> list[Reject]:
    """Those that are not in quarantine yet: hours that are read again are paged in another way."""
    if not found or known is None or known.incarnation == 1:
        return found
    rows = connection.execute(
        "select payload_sha256 from ops.quarantine where flow = %s"
        " and starts_with(source_file, %s) and payload_sha256 = any(%s)",
        (FLOW, partition.rstrip("/"), [one.payload_sha256 for one in found]),
    )
    kept = {row[0] for row in rows}
    return [one for one in found if one.payload_sha256 not in kept]


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
