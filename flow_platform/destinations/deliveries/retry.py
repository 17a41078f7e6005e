"""Reads messages of orders in quarantine again, and stores what can be stored by now.

Replaying a range of a partition is in `streams/kafka_replay.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flow_platform.destinations.deliveries.messages import OrderMessages
from flow_platform.destinations.deliveries.received import Received
from flow_platform.destinations.deliveries.rejects import unsealed
from flow_platform.streams.destination import Message
from flow_platform.streams.kafka_messages import SOURCE
from flow_platform.streams.repair import RepairOutcome, store_again
from flow_platform.warehouse.quarantine import Selection, selected_rows
from flow_platform.warehouse.store import Store

_BATCH = 1000


def retry(
    store: Store,
    destination: OrderMessages,
    selection: Selection,
    changes: Mapping[str, Any] | None = None,
) -> RepairOutcome:
    """Read the selected rows of messages again, with `changes` of their top-level keys.

    Rows that are stored now, or known to be stored, are marked as repaired; the others stay as they
    are. Rows that were not kept whole, or are not of messages, count as "not_readable_again".
    """
    outcome = RepairOutcome()
    records: list[Received] = []
    # In the order of the stream: a correction or an approval follows what it refers to.
    rows = selected_rows(store, selection)
    for row in sorted(rows, key=lambda one: (one.source_file, one.source_line)):
        if not row.source_file.startswith(f"{SOURCE}:") or not row.payload.get("is_whole"):
            outcome.counts["not_readable_again"] += 1
            continue
        payload = unsealed(row, destination.pseudonyms).encode()
        record = destination.read(
            Message(
                row.payload["topic"],
                _changed(payload, changes) if changes else payload,
                row.source_file,
                row.source_line,
                datetime.fromisoformat(row.payload["available_at"]),
                datetime.now(UTC),
            )
        )
        # Whether it concerns an erased person is decided by what was received.
        record.payload = payload
        records.append(record)
    for start in range(0, len(records), _BATCH):
        part = records[start : start + _BATCH]
        store_again(store, destination, part, outcome, keep_rejects=False)
    return outcome


def _changed(payload: bytes, changes: Mapping[str, Any]) -> bytes:
    try:
        body = json.loads(payload)
    except ValueError:
        return payload
    return json.dumps({**body, **changes}).encode() if isinstance(body, dict) else payload
