"""Messages of the topics orders, payments, tracking and logs, as a destination of streams."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import psycopg

from flow_platform.destinations.deliveries.event_rows import write_events
from flow_platform.destinations.deliveries.received import FLOW, Received
from flow_platform.destinations.deliveries.rejects import reject_of
from flow_platform.flows.deliveries.options import DeliveriesSource
from flow_platform.sources.delivery_events import Event, OrderEvent, read_message
from flow_platform.sources.pseudonyms import Pseudonyms
from flow_platform.streams.destination import Message
from flow_platform.warehouse.quarantine import Reject


class OrderMessages:
    """A `Destination` of events of orders.

    `regions` are those that may be named, None for any.
    """

    flow = FLOW

    def __init__(self, pseudonyms: Pseudonyms, regions: frozenset[str] | None = None) -> None:
        self.pseudonyms, self._regions = pseudonyms, regions

    def read(self, message: Message) -> Received:
        found = read_message(
            message.topic,
            message.payload,
            self.pseudonyms,
            available_at=message.available_at,
            source=message.source,
            source_position=message.position,
            regions=self._regions,
            now=message.received_at,
        )
        return Received(
            message.topic,
            message.payload,
            message.available_at,
            message.source,
            message.position,
            found,
        )

    def store(self, connection: psycopg.Connection, records: Sequence[Received]) -> list[str]:
        return write_events(connection, records, self.pseudonyms).fates

    def reject(self, record: Received, reason: str) -> Reject:
        return reject_of(record, reason, self.pseudonyms)

    def event_time(self, record: Received) -> datetime | None:
        return record.found.occurred_at if isinstance(record.found, Event) else None

    def centre(self, record: Received, _fate: str) -> str | None:
        """The region that an event of the topic orders names."""
        return record.found.centre_id if isinstance(record.found, OrderEvent) else None


def order_messages(config: DeliveriesSource, pseudonyms: Pseudonyms) -> OrderMessages:
    """The destination as [deliveries] of sources.toml sets it: its regions."""
    return OrderMessages(pseudonyms, frozenset(config.regions) if config.regions else None)
