"""One settlement for every stream: a flow that supplies a destination of its own, and no more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from benchmarks.live_stream import Database
from flow_platform.ground import crash_points
from flow_platform.ground.fates import REPEATED, STORED
from flow_platform.streams.destination import Message
from flow_platform.streams.logs import RECREATED, LogMark, Position
from flow_platform.streams.offsets import OvertakenError, Span
from flow_platform.streams.settlement import Batch, Settlement
from flow_platform.warehouse.insert_once import insert_once, store_or_refuse
from flow_platform.warehouse.quarantine import Reject

pytestmark = pytest.mark.integration

TABLES = "raw.pings, ops.offsets, ops.quarantine"
AT = datetime(2026, 5, 1, tzinfo=UTC)


@dataclass(eq=False)
class Ping:
    """A message "event_id value" of an invented flow; a value that is no number is a reason."""

    event_id: str
    value: str
    source: str
    source_position: int

    @property
    def reason(self) -> str | None:
        is_number = self.value.lstrip("-").isdecimal()
        return None if is_number else f"no_number: {self.value} is no number"


class PingTable:
    def insert(self, connection: psycopg.Connection, events: Sequence[Ping]) -> set[str]:
        rows = connection.execute(
            "insert into raw.pings select * from unnest(%s::text[], %s::int[])"
            " on conflict do nothing returning event_id",
            ([one.event_id for one in events], [int(one.value) for one in events]),
        )
        return {row[0] for row in rows}

    def stored_contents(
        self, connection: psycopg.Connection, event_ids: Sequence[str]
    ) -> dict[str, tuple[Any, ...]]:
        rows = connection.execute(
            "select event_id, value::text from raw.pings where event_id = any(%s)",
            (list(event_ids),),
        )
        return {row[0]: row[1:] for row in rows}

    def content(self, event: Ping) -> tuple[Any, ...]:
        return (event.value,)

    def reused_id(self, _event: Ping) -> str:
        return "reused_event_id: another value"

    def conflict(self, _event: Ping) -> str:
        return REPEATED


class Pings:
    """The destination: all that the invented flow supplies."""

    flow = "pings"

    def read(self, message: Message) -> Ping:
        event_id, _, value = message.payload.decode().partition(" ")
        return Ping(event_id, value, message.source, message.position)

    def store(self, connection: psycopg.Connection, records: Sequence[Ping]) -> list[str]:
        fates = [one.reason or "" for one in records]
        good = {place: one for place, one in enumerate(records) if not fates[place]}

        def insert(some: Mapping[int, Ping]) -> dict[int, str]:
            return insert_once(connection, PingTable(), some)

        stored = store_or_refuse(connection, good, insert, lambda _error: "refused_by_database: -")
        return [stored.get(place, fate) for place, fate in enumerate(fates)]

    def reject(self, record: Ping, reason: str) -> Reject:
        return Reject(record.source, record.source_position, record.value, reason, "{}")

    def event_time(self, record: Ping) -> datetime | None:
        return AT + timedelta(seconds=int(record.value))

    def centre(self, record: Ping, fate: str) -> str | None:
        return record.event_id if fate == STORED else None


@pytest.fixture
def settlement(pings: Database) -> Iterator[Settlement[Ping]]:
    made = new_settlement(pings)
    made.open()
    yield made
    made.close()


@pytest.fixture
def pings(one_database: Database) -> Database:
    with one_database.platform.store("admin").connect() as connection:
        connection.execute(
            "create table if not exists raw.pings"
            " (event_id text primary key, value int check (value >= 0))"
        )
        connection.execute("grant all on raw.pings to flow_ingest")
        connection.execute(f"truncate {TABLES}")
    return one_database


def new_settlement(database: Database) -> Settlement[Ping]:
    return Settlement(database.platform.store("flow_ingest"), "test", Pings())


def batch(first: int | None, *payloads: str, partition: str = "p/0") -> Batch[Ping]:
    """Messages of one partition from position `first` on, None: from its beginning."""
    start = first or 0
    records = [
        Pings().read(Message("pings", text.encode(), f"test:{partition}", start + place, AT, AT))
        for place, text in enumerate(payloads)
    ]
    span = Span(first, start + len(payloads))
    return Batch(records, [partition] * len(payloads), {partition: span})


def state(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    found = {}
    for name, query in (
        ("rows", "select event_id, value from raw.pings order by 1"),
        ("rejects", "select source_line, reason from ops.quarantine order by 1"),
        ("offsets", "select partition, position, rows_stored from ops.offsets order by 1"),
    ):
        found[name] = [tuple(row.values()) for row in database.rows(query)]
    return found


def test_rows_rejects_and_positions_are_written_together(
    pings: Database, settlement: Settlement[Ping]
) -> None:
    outcome = settlement.settle(batch(None, "a 1", "b x", "a 1", "a 2", "c 7"))
    assert outcome.counts == {"stored": 2, "no_number": 1, "repeated": 1, "reused_event_id": 1}
    assert (outcome.stored, outcome.quarantined, outcome.messages) == (2, 2, 5)
    assert outcome.centres == {"a", "c"} and outcome.last_event_at == AT + timedelta(seconds=7)
    assert state(pings) == {
        "rows": [("a", 1), ("c", 7)],
        "rejects": [(1, "no_number: x is no number"), (3, "reused_event_id: another value")],
        "offsets": [("p/0", 5, 2)],
    }
    assert settlement.positions(["p/0", "p/1"]) == {"p/0": Position(5), "p/1": None}


def test_a_row_that_the_database_refuses_is_rejected_alone(
    pings: Database, settlement: Settlement[Ping]
) -> None:
    outcome = settlement.settle(batch(None, *(f"e{value} {value}" for value in range(-1, 6))))
    assert outcome.counts == {"stored": 6, "refused_by_database": 1}
    assert state(pings)["rejects"] == [(0, "refused_by_database: -")]


@pytest.mark.parametrize("point", ["mid_transaction", "before_commit"])
def test_nothing_is_written_when_the_connection_is_lost_before_the_commit(
    pings: Database,
    settlement: Settlement[Ping],
    monkeypatch: pytest.MonkeyPatch,
    point: str,
) -> None:
    def lose_the_connection(passed: str) -> None:
        if passed == point:
            raise psycopg.OperationalError("the server closed the connection")

    with monkeypatch.context() as broken:
        broken.setattr(crash_points, "pass_point", lose_the_connection)
        with pytest.raises(psycopg.OperationalError):
            settlement.settle(batch(None, "a 1", "b x"))
    assert state(pings) == {"rows": [], "rejects": [], "offsets": []}


def test_what_is_written_along_belongs_to_the_transaction(
    pings: Database, settlement: Settlement[Ping]
) -> None:
    def refuse(_connection: psycopg.Connection) -> None:
        raise psycopg.OperationalError("the server closed the connection")

    with pytest.raises(psycopg.OperationalError):
        settlement.settle(batch(None, "a 1"), also=refuse)
    assert state(pings) == {"rows": [], "rejects": [], "offsets": []}


def test_of_two_that_know_the_same_position_only_the_first_writes(
    pings: Database, settlement: Settlement[Ping]
) -> None:
    other = new_settlement(pings)
    other.open()
    for known in (None, 1):
        settlement.settle(batch(known, f"a{known} 1"))
        before = state(pings)
        with pytest.raises(OvertakenError, match="p/0"):
            other.settle(batch(known, f"b{known} 2"))
        assert state(pings) == before
    other.close()


def test_a_position_that_was_deleted_is_not_written_again(
    pings: Database, settlement: Settlement[Ping]
) -> None:
    settlement.settle(batch(None, "a 1"))
    with pings.platform.store("admin").connect() as connection:
        connection.execute("delete from ops.offsets")
    with pytest.raises(OvertakenError):
        settlement.settle(batch(1, "b 2"))
    assert state(pings)["rows"] == [("a", 1)]
    assert settlement.positions(["p/0"]) == {"p/0": None}


def test_positions_are_those_of_one_flow_and_source(
    pings: Database, settlement: Settlement[Ping]
) -> None:
    with pings.platform.store("admin").connect() as connection:
        connection.execute(
            "insert into ops.offsets (flow, source, partition, position)"
            " values ('pings', 'mqtt', 'p/0', 3), ('traffic', 'test', 'p/0', 4)"
        )
    assert settlement.positions(["p/0"]) == {"p/0": None}
    settlement.settle(batch(None, "a 1"))
    positions = pings.rows("select source, flow, position from ops.offsets order by 1, 2")
    assert [row["position"] for row in positions] == [3, 1, 4]


def test_skipped_positions_are_counted_as_lost(
    pings: Database, settlement: Settlement[Ping]
) -> None:
    settlement.settle(batch(None, "a 1"))
    settlement.offsets.skip(settlement.connection, "p/0", 1, 40)
    with pytest.raises(OvertakenError):
        settlement.offsets.skip(settlement.connection, "p/0", 1, 50)
    (row,) = pings.rows("select position, offsets_lost from ops.offsets")
    assert tuple(row.values()) == (40, 39)


def test_a_settlement_that_is_not_open_writes_nothing(pings: Database) -> None:
    with pytest.raises(psycopg.OperationalError, match="closed"):
        new_settlement(pings).settle(batch(None, "a 1"))


# Incarnations.


def test_a_partition_that_is_begun_again_moves_on_in_its_new_incarnation_only(
    pings: Database, settlement: Settlement[Ping]
) -> None:
    settlement.settle(batch(None, "a 1", "b x"))
    known = settlement.positions(["p/0"])["p/0"]
    assert known == Position(2) and not known.is_fresh
    offsets, connection = settlement.offsets, settlement.connection
    began = offsets.begin_again(
        connection, "p/0", known, 0, RECREATED, log_id="other", is_other_log=True
    )
    assert began == Position(0, 2, 2, LogMark("other"), is_fresh=True)
    assert settlement.positions(["p/0"]) == {"p/0": began}
    with pytest.raises(OvertakenError):
        offsets.begin_again(connection, "p/0", known, 0, RECREATED)
    with pytest.raises(OvertakenError):
        settlement.settle(batch(0, "zombie 1"))
    new = batch(0, "a 1", "c 1")
    new.spans["p/0"].incarnation = 2
    assert settlement.settle(new).counts == {"stored": 1, "repeated": 1}
    with pytest.raises(OvertakenError):
        settlement.settle(batch(2, "zombie 1"))
    (row,) = pings.rows("select position, rows_stored, rows_repeated, log_id from ops.offsets")
    assert tuple(row.values()) == (2, 2, 1, "other")
    assert state(pings)["rows"] == [("a", 1), ("c", 1)]


def test_what_is_known_of_the_last_message_is_kept_with_the_position(
    settlement: Settlement[Ping],
) -> None:
    mark = LogMark("log", 0, 3, AT, 0xFFFF)
    first = batch(None, "a 1")
    first.spans["p/0"].mark = mark
    settlement.settle(first)
    assert settlement.positions(["p/0"]) == {"p/0": Position(1, mark=mark)}
    # A log keeps its id: another one is another incarnation.
    second = batch(1, "b 1")
    second.spans["p/0"].mark = LogMark("other", 1, 4, AT, 1)
    settlement.settle(second)
    known = settlement.positions(["p/0"])["p/0"]
    assert known is not None and known.mark == LogMark("log", 1, 4, AT, 1)
    assert known.last_offset == 1
