"""Writes readings of road counters to `raw.traffic`, each once, inside the caller's transaction.

Reading messages is in `sources/messages.py`; `messages.py` makes both a destination of streams.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from flow_platform.ground.fates import REPEATED
from flow_platform.sources.messages import Poison, Reading
from flow_platform.sources.tables import clean_text
from flow_platform.streams.mqtt_settlement import Packet
from flow_platform.warehouse.insert_once import insert_once, store_or_refuse

_INSERT = """
insert into raw.traffic (centre_id, day, counted_at, vehicles, occupancy, state, available_at,
    event_id, source_file, source_line)
select centre_id, (counted_at at time zone 'UTC')::date, counted_at, vehicles, occupancy, state,
    available_at, event_id, source_file, source_line
from unnest(%s::text[], %s::timestamptz[], %s::float8[], %s::float8[], %s::text[],
    %s::timestamptz[], %s::text[], %s::text[], %s::bigint[])
    as new (centre_id, counted_at, vehicles, occupancy, state, available_at, event_id, source_file,
        source_line)
on conflict (event_id) where event_id is not null do nothing
returning event_id
"""
_STORED = """
select event_id, centre_id, counted_at, vehicles, occupancy, state
from raw.traffic where event_id = any(%s)
"""


@dataclass(eq=False, slots=True)
class ReceivedReading:
    """A packet, and the reading in it or why there is none."""

    packet: Packet
    found: Reading | Poison

    @property
    def source(self) -> str:
        return self.packet.source

    @property
    def source_position(self) -> int:
        return self.packet.position

    @property
    def reading(self) -> Reading:
        """The reading of a packet that has one."""
        assert isinstance(self.found, Reading)
        return self.found

    @property
    def event_id(self) -> str:
        return self.reading.event_id


def write_readings(
    connection: psycopg.Connection, received: Sequence[ReceivedReading]
) -> list[str]:
    """Write the readings; returns the fate of each message, in their order.

    A reading whose event id was stored before is repeated if its content is equal, else rejected.
    Errors of the connection are psycopg's; a row that PostgreSQL refuses has a reason as its fate.
    """
    fates = [one.found.reason if isinstance(one.found, Poison) else "" for one in received]
    readings = {place: one for place, one in enumerate(received) if isinstance(one.found, Reading)}
    found = store_or_refuse(connection, readings, lambda some: _insert(connection, some), _refusal)
    for place, fate in found.items():
        fates[place] = fate
    return fates


def _insert(
    connection: psycopg.Connection, readings: Mapping[int, ReceivedReading]
) -> dict[int, str]:
    return insert_once(connection, _TrafficTable(), readings)


def _refusal(error: psycopg.Error) -> str:
    return f"refused_by_database: {clean_text(str(error).splitlines()[0])}"


class _TrafficTable:
    """`raw.traffic` as an `EventTable`."""

    def insert(self, connection: psycopg.Connection, events: Sequence[ReceivedReading]) -> set[str]:
        readings = [one.reading for one in events]
        result = connection.execute(
            _INSERT,
            (
                [reading.centre_id for reading in readings],
                [reading.counted_at for reading in readings],
                [_or_null(reading.vehicles) for reading in readings],
                [_or_null(reading.occupancy) for reading in readings],
                [reading.state for reading in readings],
                [reading.available_at for reading in readings],
                [reading.event_id for reading in readings],
                [one.source for one in events],
                [one.source_position for one in events],
            ),
        )
        return {row[0] for row in result}

    def stored_contents(
        self, connection: psycopg.Connection, event_ids: Sequence[str]
    ) -> dict[str, tuple[Any, ...]]:
        return {row[0]: row[1:] for row in connection.execute(_STORED, (list(event_ids),))}

    def content(self, event: ReceivedReading) -> tuple[str, datetime, float | None, Any, str]:
        reading = event.reading
        return (
            reading.centre_id,
            reading.counted_at,
            _or_null(reading.vehicles),
            _or_null(reading.occupancy),
            reading.state,
        )

    def reused_id(self, event: ReceivedReading) -> str:
        return (
            f"reused_event_id: {event.event_id[:60]!r} was stored before with another counter, hour"
            " or value"
        )

    def conflict(self, _event: ReceivedReading) -> str:
        # Its row was deleted meanwhile, because its day is being loaded again.
        return REPEATED


def _or_null(value: float) -> float | None:
    return None if math.isnan(value) else value
