"""An event of orders as it was received from any source, with what it was read as."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flow_platform.sources.delivery_events import Event, Poison
from flow_platform.sources.json_objects import LONGEST_PAYLOAD
from flow_platform.sources.tables import clean_text

FLOW = "deliveries"


@dataclass(eq=False, slots=True)
class Received:
    """What was received, and the event, or why there is none.

    `topic` is one of TOPICS; `payload` the bytes of a message, or the object that another source
    made; `available_at` what its reader was given.
    """

    topic: str
    payload: bytes | Mapping[str, Any]
    available_at: datetime
    source: str
    source_position: int
    found: Event | Poison


def text_of(one: Received) -> tuple[str, bytes, bool]:
    r"""The text that is kept, the whole bytes, and whether the text holds all of them.

    A text longer than what is read is cut; bytes that are not UTF-8 are shown as \xNN.
    """
    payload = (
        one.payload
        if isinstance(one.payload, bytes)
        else json.dumps(one.payload, ensure_ascii=False, default=str).encode("utf-8", "replace")
    )
    kept = payload[:LONGEST_PAYLOAD]
    try:
        return kept.decode(), payload, len(kept) == len(payload)
    except UnicodeDecodeError:
        return clean_text(kept.decode("utf-8", "flow_keep_bad_bytes")), payload, False
