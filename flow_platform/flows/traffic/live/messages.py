"""Messages of road counters over MQTT, as a destination of streams."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg

from flow_platform.flows.traffic.layouts import PARIS_TIMEZONE
from flow_platform.flows.traffic.live.payload import TOPIC, Reading, parse
from flow_platform.flows.traffic.live.reading_rows import ReceivedReading, write_readings
from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.ground.fates import REPEATED, STORED
from flow_platform.sources.json_objects import LONGEST_PAYLOAD
from flow_platform.sources.tables import clean_text
from flow_platform.streams.mqtt_settlement import Packet
from flow_platform.warehouse.quarantine import Reject

FLOW = "traffic"


class CounterMessages:
    """A `Destination` of readings.

    `columns` maps our names to the keys of the payloads, `pattern` is the topic that is subscribed;
    moments without an offset are local times in `timezone`.
    """

    flow = FLOW

    def __init__(
        self,
        columns: Mapping[str, str],
        pattern: str = TOPIC,
        timezone: str = PARIS_TIMEZONE,
    ) -> None:
        self._columns, self._pattern, self._timezone = columns, pattern, timezone

    def read(self, message: Packet) -> ReceivedReading:
        found = parse(
            message.topic,
            message.payload,
            self._columns,
            message.received_at,
            self._timezone,
            pattern=self._pattern,
        )
        return ReceivedReading(message, found)

    def store(
        self, connection: psycopg.Connection, records: Sequence[ReceivedReading]
    ) -> list[str]:
        return write_readings(connection, records)

    def reject(self, record: ReceivedReading, reason: str) -> Reject:
        return Reject(
            record.source,
            record.source_position,
            record.packet.sha256,
            reason,
            _readable(record.packet),
            centre_id=record.found.centre_id,
        )

    def event_time(self, record: ReceivedReading) -> datetime | None:
        return record.found.counted_at if isinstance(record.found, Reading) else None

    def centre(self, record: ReceivedReading, fate: str) -> str | None:
        """The counter of a reading that is in `raw.traffic`."""
        return record.found.centre_id if fate in (STORED, REPEATED) else None


def counter_messages(config: TrafficSource, pattern: str) -> CounterMessages:
    """The destination as [traffic] of sources.toml sets it: its columns and its time zone."""
    return CounterMessages(config.columns, pattern, config.time_zone or PARIS_TIMEZONE)


def _readable(packet: Packet) -> str:
    r"""The packet as JSON text that PostgreSQL can hold; bytes that are not UTF-8 as \xNN."""
    kept = packet.payload[:LONGEST_PAYLOAD].decode("utf-8", "flow_keep_bad_bytes")
    whole: dict[str, Any] = {"topic": packet.topic, "payload": clean_text(kept)}
    if packet.size > LONGEST_PAYLOAD:
        whole["bytes"] = packet.size
    whole["qos"] = packet.qos
    whole["received_at"] = packet.received_at.isoformat()
    return json.dumps(whole, ensure_ascii=False)
