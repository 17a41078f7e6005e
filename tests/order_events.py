"""Events of orders as messages over Kafka, read as the consumer reads them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import psycopg

from flow_platform.destinations.deliveries.messages import OrderMessages
from flow_platform.destinations.deliveries.received import Received
from flow_platform.sources.pseudonyms import Pseudonyms
from flow_platform.streams.destination import Message

EVENT_TABLES = (
    "raw.orders, raw.payments, raw.tracking, raw.incident_logs, ops.touched, ops.erased,"
    " ops.quarantine, ops.offsets"
)
# Words of the person in `tests/unit/sources/test_delivery_events.py`.
CANARIES = ("canary", "zoë", "00 77 11")


def received_event(
    topic: str,
    body: Any,
    pseudonyms: Pseudonyms,
    *,
    at: datetime,
    position: int = 0,
    now: datetime | None = None,
) -> Received:
    """A message of partition 0, available `at`; `body` is an object, or the payload itself."""
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    message = Message(topic, payload, f"kafka:{topic}/0", position, at, now or datetime.now(UTC))
    return OrderMessages(pseudonyms).read(message)


def whole_database(connection: psycopg.Connection) -> str:
    """Every row of every table as text."""
    tables = connection.execute(
        "select schemaname || '.' || tablename from pg_tables"
        " where schemaname in ('raw', 'ops', 'ml')"
    ).fetchall()
    rows = [connection.execute(f"select t::text from {name} t").fetchall() for (name,) in tables]
    return "\n".join(text for some in rows for (text,) in some).casefold()
