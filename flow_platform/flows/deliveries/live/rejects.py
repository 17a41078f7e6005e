"""What quarantine keeps of rejected events of orders: sealed, because it may concern a person."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

import psycopg

from flow_platform.flows.deliveries.live.received import FLOW, Received, text_of
from flow_platform.ground.errors import FlowError
from flow_platform.ground.fates import is_quarantined
from flow_platform.sources.pseudonyms import Pseudonyms
from flow_platform.warehouse.quarantine import QuarantinedRow, Reject, put_rejects


def quarantine_events(
    connection: psycopg.Connection,
    received: Sequence[Received],
    fates: Sequence[str],
    pseudonyms: Pseudonyms,
) -> None:
    """Put those of the events whose fate is a reason into quarantine, in the caller's transaction.

    A row that is there already stays as it is.
    """
    rejects = [
        reject_of(one, fate, pseudonyms)
        for one, fate in zip(received, fates, strict=True)
        if is_quarantined(fate)
    ]
    put_rejects(connection, FLOW, rejects)


def reject_of(one: Received, reason: str, pseudonyms: Pseudonyms) -> Reject:
    """A rejected event as quarantine keeps it.

    The payload is {"sealed", "topic", "available_at", "bytes", "is_whole"} and, for Kafka,
    partition and offset. The sealed text is whole unless the payload was too long to be read or no
    UTF-8. The digest is keyed: with a plain one, guesses of the payload could be tried.
    """
    text, payload, is_whole = text_of(one)
    facts: dict[str, Any] = {
        "sealed": pseudonyms.seal(text),
        "topic": one.topic,
        "available_at": one.available_at.isoformat(),
        "bytes": len(payload),
        "is_whole": is_whole,
    }
    if one.source.startswith("kafka:"):
        number, _, _ = one.source.rpartition("/")[2].partition("#")
        facts |= {"partition": int(number), "offset": one.source_position}
    return Reject(
        one.source,
        one.source_position,
        hmac.new(pseudonyms.key, b"payload\0" + payload, hashlib.sha256).hexdigest(),
        reason,
        json.dumps(facts),
        centre_id=getattr(one.found, "centre_id", None),
        subjects=pseudonyms.words(text),
    )


def unsealed(row: QuarantinedRow, pseudonyms: Pseudonyms) -> Any:
    """The payload of a row: the original text if it is sealed, else as it is stored.

    Raises FlowError if it was sealed with another secret.
    """
    if "sealed" not in row.payload:
        return row.payload
    try:
        return pseudonyms.unseal(row.payload["sealed"])
    except ValueError as error:
        raise FlowError(
            f"The payload of {row.id} cannot be read: {error}. Set FLOW_SECRET to the value it had"
            " when the payload was sealed."
        ) from error
