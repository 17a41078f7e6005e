"""Events of orders as messages over Kafka, read as the consumer reads them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from flow_platform.destinations.deliveries.messages import OrderMessages
from flow_platform.destinations.deliveries.received import Received
from flow_platform.sources.pseudonyms import Pseudonyms
from flow_platform.streams.destination import Message


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
