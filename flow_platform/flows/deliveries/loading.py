"""Loads orders of a marketplace from files or from the simulator; counts those of messages.

How events are read is in `events.py`, how they are written in `live/`.
"""

from __future__ import annotations

import hmac
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pandas as pd
import psycopg

from flow_platform.flows.deliveries.context import DeliveriesContext
from flow_platform.flows.deliveries.events import read_event
from flow_platform.flows.deliveries.flow import DELIVERIES
from flow_platform.flows.deliveries.live.event_rows import write_events
from flow_platform.flows.deliveries.live.received import Received
from flow_platform.flows.deliveries.live.rejects import quarantine_events
from flow_platform.flows.deliveries.simulator import SOURCE, SimulatedEvent
from flow_platform.flows.deliveries.source import DeliveryReading, FileEvent, read_deliveries
from flow_platform.ground.fates import ERASED, REPEATED, code_of, is_quarantined
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import INGEST_ROLE
from flow_platform.platform import Platform
from flow_platform.sources.dates import UndecidedDatesError
from flow_platform.sources.landing import REJECTED_COLUMNS, FileBalance, RejectedRow, rejected_frame
from flow_platform.sources.pseudonyms import Pseudonyms
from flow_platform.sources.whole_days import Refused, stored_rows
from flow_platform.stages.loading import (
    Balance,
    balance_of,
    not_whole,
    record_loads,
    record_rejects,
)
from flow_platform.stages.readings import Removed, prepare_readings
from flow_platform.warehouse.store import lock_writes

# Orders that are replaced in one transaction: it bounds memory, and what a crash throws away.
BLOCK_ORDERS = 5_000
_TABLES = ("raw.orders", "raw.payments", "raw.tracking", "raw.incident_logs")


def load_deliveries(
    platform: Platform, rectangle: Rectangle, *, now: datetime | None = None
) -> Balance:
    """Replace the orders of these partitions by those of the files, or of the simulator.

    Days are replaced in blocks, each in one transaction; orders from messages are kept. Those were
    loaded by the consumer (`flow ingest kafka`): with kind "kafka" they are only counted. Events
    that are not known yet at `now` (aware; None: the present) are left out: load days again whose
    orders were still on their way.
    """
    kind = platform.kept(DeliveriesContext).source.kind
    if kind == "kafka":
        return _count_live(platform, rectangle)
    present = now or datetime.now(UTC)
    if kind == "simulated":
        return _load_simulated(platform, rectangle, present)
    return _load_files(platform, rectangle, present)


# -- files ---------------------------------------------------------------------------------------


def orders_in_files(platform: Platform, rectangle: Rectangle, now: datetime) -> DeliveryReading:
    """The orders of these partitions in the files of the installation. Raises SourceError."""
    market = platform.kept(DeliveriesContext)
    days = rectangle.first_day, rectangle.last_day
    return read_deliveries(
        market.source, *days, rectangle.centres, timezone=market.timezone, now=now
    )


def _load_files(platform: Platform, rectangle: Rectangle, now: datetime) -> Balance:
    market, store = platform.kept(DeliveriesContext), platform.store(INGEST_ROLE)
    pseudonyms = market.pseudonyms
    try:
        reading = orders_in_files(platform, rectangle, now)
    except UndecidedDatesError as error:
        return _refused(platform, rectangle, str(market.source.path), error)
    dated = [
        FileBalance(file, dates=reading.market.dates.reading(file))
        for table in reading.market.tables.values()
        for file in table.files
    ]
    warnings = prepare_readings(platform, DELIVERIES.name, rectangle, dated, _remove_orders, _lock)
    for first, last in _blocks(reading.asked["day"], rectangle):
        received = [received_file(event, pseudonyms, now) for event in reading.events(first, last)]
        with store.connect() as connection:
            _delete(connection, Rectangle(rectangle.centres, first, last), received)
            # Refused events go to quarantine as the rows of their files, not as events.
            written = write_events(connection, received, pseudonyms, is_marked=False)
            _refuse(connection, reading, received, written.fates)
    with store.connect() as connection, connection.cursor() as cursor:
        cursor.execute("lock table ops.erased in share mode")
        tokens = {row[0] for row in cursor.execute("select token from ops.erased")}
        _leave_out(reading, tokens, pseudonyms)
        balances = reading.balances()
        rejects = reading.rejects()
        files = [balance.file for balance in balances if balance.error is None]
        record_rejects(cursor, DELIVERIES.name, rectangle, _sealed(rejects, pseudonyms), files)
        refused = Refused()
        refused.add(rejected_frame(reading.of_orders(rejects)))
        stored = [stored_rows(reading.stored_orders())]
        lacking = not_whole(platform, DELIVERIES.name, rectangle, refused, stored, balances)
        record_loads(cursor, DELIVERIES.name, rectangle, balances, lacking)
    filled = reading.asked[["region", "day"]].drop_duplicates()
    empty = len(rectangle) - len(filled)
    balance = balance_of(balances, empty, reading.oddities(), rejected_frame(rejects), lacking)
    return replace(balance, warnings=warnings)


def _refused(
    platform: Platform, rectangle: Rectangle, path: str, error: UndecidedDatesError
) -> Balance:
    """The balance of files that are refused as a whole: what was stored of them stays."""
    file = FileBalance.unreadable(path, error)
    with platform.store(INGEST_ROLE).connect() as connection, connection.cursor() as cursor:
        record_loads(cursor, DELIVERIES.name, rectangle, (file,), is_refused=True)
    return balance_of((file,), len(rectangle))


def _remove_orders(
    connection: psycopg.Connection, flow: str, rectangle: Rectangle, file: str
) -> Removed:
    """Remove the orders that a file has placed, with the rows of all files that are of them."""
    rows = connection.execute(
        "select order_id, centre_id, day from raw.orders where type = 'placed' and source = %s",
        (_source_of(file),),
    ).fetchall()
    for table in _TABLES:
        connection.execute(
            f"delete from {table} where order_id = any(%s) and source not like 'kafka:%%'",
            ([row[0] for row in rows],),
        )
    days = [
        day
        for _, centre_id, day in rows
        if centre_id not in rectangle.centres
        or not rectangle.first_day <= day <= rectangle.last_day
    ]
    return Removed(len(days), min(days, default=None), max(days, default=None))


def _blocks(days: pd.Series, rectangle: Rectangle) -> Iterator[tuple[date, date]]:
    """The days in blocks of about BLOCK_ORDERS orders, given the day of each order."""
    counts = days.dt.date.value_counts()
    first, held = rectangle.first_day, 0
    for number in range(rectangle.days):
        day = rectangle.first_day + timedelta(days=number)
        held += int(counts.get(day, 0))
        if held >= BLOCK_ORDERS or day == rectangle.last_day:
            yield first, day
            first, held = day + timedelta(days=1), 0


def received_file(event: FileEvent, pseudonyms: Pseudonyms, now: datetime) -> Received:
    """An event of a file, read; it counts as known when it occurs."""
    at, source = datetime.fromisoformat(event.body["occurred_at"]), _source_of(event.file)
    found = read_event(
        event.topic,
        event.body,
        pseudonyms,
        available_at=at,
        source=source,
        source_position=event.line,
        now=now,
    )
    return Received(event.topic, event.body, at, source, event.line, found)


def _source_of(file: str) -> str:
    return f"file:{Path(file).name}"


def _refuse(
    connection: psycopg.Connection,
    reading: DeliveryReading,
    received: Sequence[Received],
    fates: Sequence[str],
) -> None:
    """Take back orders of which an event was refused: an order is stored whole or not at all."""
    refused: dict[str, str] = {}
    for one, fate in zip(received, fates, strict=True):
        if is_quarantined(fate):
            assert isinstance(one.payload, dict)
            refused.setdefault(one.payload["order_id"], fate)
    if not refused:
        return
    sources = sorted({one.source for one in received})
    for order_id, fate in refused.items():
        reading.refuse(order_id, fate)
    for table in _TABLES:
        connection.execute(
            f"delete from {table} where order_id = any(%s) and source = any(%s)",
            (list(refused), sources),
        )


def _leave_out(reading: DeliveryReading, tokens: set[str], pseudonyms: Pseudonyms) -> None:
    if not tokens:
        return
    people = [
        one
        for one in reading.people()
        if pseudonyms.erased_customer(pseudonyms.customer(one)) in tokens
    ]
    orders = [one for one in reading.orders["order_id"] if pseudonyms.erased_order(one) in tokens]
    reading.leave_out(people, orders)


def _sealed(rejects: Sequence[RejectedRow], pseudonyms: Pseudonyms) -> pd.DataFrame:
    """Rejects as rows of ops.quarantine: the row is sealed, and identified by a keyed digest."""
    rows = []
    for one in rejects:
        payload = {
            "sealed": pseudonyms.seal(one.payload),
            "file": Path(one.source_file).name,
            "bytes": len(one.payload.encode()),
        }
        digest = hmac.new(pseudonyms.key, b"row\0" + one.payload.encode(), sha256).hexdigest()
        rows.append(
            {
                "source_file": one.source_file,
                "source_line": one.source_line,
                "reason": one.reason,
                "day": one.day,
                "centre_id": one.centre_id,
                "payload": json.dumps(payload),
                "payload_sha256": digest,
                # Tokens are hexadecimal: they need no quotes.
                "subjects": "{" + ",".join(pseudonyms.words(one.payload)) + "}",
            }
        )
    columns = [*REJECTED_COLUMNS, "payload_sha256", "subjects"]
    frame = pd.DataFrame(rows, columns=columns, dtype=object)
    frame["source_line"] = frame["source_line"].astype("int64")
    return frame


# -- the simulator -------------------------------------------------------------------------------


def _load_simulated(platform: Platform, rectangle: Rectangle, now: datetime) -> Balance:
    context = platform.kept(DeliveriesContext)
    market, pseudonyms = context.simulated, context.pseudonyms
    usual = market.orders_a_day * max(1, len(rectangle.centres))
    size = timedelta(days=max(1, int(BLOCK_ORDERS / usual)))
    fates: Counter[str] = Counter()
    filled = 0
    first = rectangle.first_day
    while first <= rectangle.last_day:
        last = min(first + size - timedelta(days=1), rectangle.last_day)
        orders = market.orders(first, last, rectangle.centres)
        received = _received_simulated(market.events(orders), pseudonyms, now)
        with platform.store(INGEST_ROLE).connect() as connection:
            _delete(connection, Rectangle(rectangle.centres, first, last), received)
            written = write_events(connection, received, pseudonyms, is_marked=False)
            quarantine_events(connection, received, written.fates, pseudonyms)
        fates.update(written.fates)
        filled += len(orders[["centre_id", "day"]].drop_duplicates())
        first = last + timedelta(days=1)
    refused = {fate: count for fate, count in fates.items() if is_quarantined(fate)}
    file = FileBalance(
        SOURCE,
        rows_in_file=fates.total(),
        rows_stored=fates.total() - sum(refused.values()) - fates[ERASED] - fates[REPEATED],
        rows_quarantined=sum(refused.values()),
        rows_left=fates[ERASED],
        rows_repeated=fates[REPEATED],
    )
    with platform.store(INGEST_ROLE).connect() as connection, connection.cursor() as cursor:
        record_loads(cursor, DELIVERIES.name, rectangle, (file,))
    by_reason: Counter[str] = Counter()
    for fate, count in refused.items():
        by_reason[code_of(fate)] += count
    return replace(balance_of((file,), len(rectangle) - filled), rejected=dict(by_reason))


def _received_simulated(
    events: Iterable[SimulatedEvent], pseudonyms: Pseudonyms, now: datetime
) -> list[Received]:
    """Those of the events that are known at `now`, read."""
    return [
        Received(
            event.topic,
            event.body,
            event.available_at,
            SOURCE,
            0,
            read_event(
                event.topic,
                event.body,
                pseudonyms,
                available_at=event.available_at,
                source=SOURCE,
                source_position=0,
                now=now,
            ),
        )
        for event in events
        if event.available_at <= now
    ]


# -- both ----------------------------------------------------------------------------------------


def _lock(connection: psycopg.Connection) -> None:
    """Keep other writers of orders waiting."""
    # Before any row is locked: an erasure holds this lock while it deletes rows.
    connection.execute("lock table ops.erased in share mode")
    lock_writes(connection, "raw.orders")


def _delete(
    connection: psycopg.Connection, rectangle: Rectangle, received: Sequence[Received]
) -> None:
    """Delete the orders of these partitions, and loaded ones that are stored in other partitions.

    Orders from messages stay.
    """
    _lock(connection)
    coming = {one.payload["order_id"] for one in received if isinstance(one.payload, dict)}
    rows = connection.execute(
        "select order_id from raw.orders where type = 'placed' and centre_id = any(%s)"
        " and day between %s and %s and source not like 'kafka:%%'",
        (list(rectangle.centres), rectangle.first_day, rectangle.last_day),
    )
    order_ids = sorted(coming | {row[0] for row in rows})
    for table in _TABLES:
        connection.execute(
            f"delete from {table} where order_id = any(%s) and source not like 'kafka:%%'",
            (order_ids,),
        )


def _count_live(platform: Platform, rectangle: Rectangle) -> Balance:
    """The balance of messages: stored events of these partitions' orders; rejects are elsewhere."""
    others = " union all ".join(f"select order_id from {table}" for table in _TABLES)
    counts = platform.store(INGEST_ROLE).read(
        f"""
        with placed as (
            select order_id, centre_id, day from raw.orders
            where type = 'placed' and centre_id = any(%(centres)s)
              and day between %(first)s and %(last)s)
        select
            (select count(*) from ({others}) as events join placed using (order_id)) as events,
            (select count(distinct (centre_id, day)) from placed) as partitions
        """,
        rectangle.window,
    )
    stored, filled = (int(value) for value in counts.iloc[0])
    return Balance(stored, stored, 0, 0, 0, (), len(rectangle) - filled)
