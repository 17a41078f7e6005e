"""Events of orders into a real PostgreSQL: stored once, repeated, refused, erased, sealed."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from benchmarks.live_stream import Database
from flow_platform.flows.deliveries.events import Event, OrderEvent
from flow_platform.flows.deliveries.live.event_rows import Written, write_events
from flow_platform.flows.deliveries.live.received import Received
from flow_platform.flows.deliveries.live.rejects import quarantine_events
from tests.order_events import CANARIES, EVENT_TABLES, received_event, whole_database
from tests.unit.flows.deliveries.test_events import (
    CORRECTED,
    FIRST,
    NOW,
    OPENED,
    PAID,
    PERSON,
    PLACED,
    PSEUDONYMS,
    TRACKED,
)

pytestmark = pytest.mark.integration

TABLES = EVENT_TABLES


def received(position: int, body: Any, topic: str = "orders", at: datetime = NOW) -> Received:
    return received_event(topic, body, PSEUDONYMS, at=at, position=position)


def write(database: Database, *some: Received) -> Written:
    """The events written, and those rejected put into quarantine, in one transaction."""
    with database.platform.store("flow_ingest").connect() as connection:
        written = write_events(connection, some, PSEUDONYMS)
        quarantine_events(connection, some, written.fates, PSEUDONYMS)
        return written


def codes(written: Written) -> list[str]:
    return [fate.partition(":")[0] for fate in written.fates]


def test_events_of_every_topic_are_stored_as_they_were_read(database: Database) -> None:
    some = [
        received(0, PLACED),
        received(1, CORRECTED | {"event_id": 'a "quoted" \\ {id}'}),
        received(0, PAID, "payments"),
        received(0, TRACKED | {"event_id": "e2", "place": "NULL"}, "tracking"),
        received(0, OPENED, "logs"),
    ]
    assert write(database, *some).counts() == {"stored": 5}
    tables = ("orders", "orders", "payments", "tracking", "incident_logs")
    for one, table in zip(some, tables, strict=True):
        event = one.found
        assert isinstance(event, Event)
        rows = database.rows(f"select * from raw.{table}")
        (row,) = [row for row in rows if row["event_id"] == event.event_id]
        assert row == {name: getattr(event, name) for name in row}
    (touched,) = database.rows("select flow, order_ids from ops.touched")
    assert touched == {"flow": "deliveries", "order_ids": ["o1"]}


def test_an_event_that_comes_again_is_repeated_and_with_other_content_poison(
    database: Database,
) -> None:
    later = datetime(2026, 4, 2, tzinfo=UTC)
    other = PAID | {"value": 1}
    some = [received(0, PAID, "payments"), received(1, PAID, "payments", later)]
    assert codes(write(database, *some, received(2, other, "payments"))) == [
        "stored",
        "repeated",
        "reused_event_id",
    ]
    again = [received(3, other, "payments"), received(4, PAID, "payments", later)]
    written = write(database, *again)
    assert codes(written) == ["reused_event_id", "repeated"] and not written.order_ids
    assert len(database.rows("select * from ops.touched")) == 1
    (row,) = database.rows("select available_at, value from raw.payments")
    assert row == {"available_at": NOW, "value": 129.5}
    reasons = database.rows("select source_line, reason from ops.quarantine order by 1")
    assert [row["source_line"] for row in reasons] == [2, 3]


def test_an_order_is_placed_once(database: Database) -> None:
    second, third = PLACED | {"event_id": "e2"}, PLACED | {"event_id": "e3"}
    assert codes(write(database, received(0, PLACED), received(1, second))) == [
        "stored",
        "placed_twice",
    ]
    both = [received(2, third), received(3, third), received(4, third | {"region": "RJ"})]
    assert codes(write(database, *both)) == ["placed_twice", "placed_twice", "reused_event_id"]


def test_what_the_database_refuses_stops_nothing_else(database: Database) -> None:
    some = [received(place, TRACKED | {"event_id": f"e{place}"}, "tracking") for place in range(9)]
    for place in (2, 7):
        event = some[place].found
        assert isinstance(event, Event)
        some[place].found = dataclasses.replace(event, type="zoe@canary.example")
    written = write(database, *some)
    assert written.counts() == {"stored": 7, "refused_by_database": 2}
    rows = database.rows("select reason, source_line from ops.quarantine order by source_line")
    assert [row["source_line"] for row in rows] == [2, 7]
    assert rows[0]["reason"] == "refused_by_database: CheckViolation (23514)"


def test_rows_in_quarantine_are_sealed_and_found_by_their_words(database: Database) -> None:
    bodies = [
        PLACED | {"region": "a|b"},
        json.dumps(PLACED | {"items": []}, ensure_ascii=False).encode("latin-1"),
        json.dumps(PLACED, ensure_ascii=False).encode()[:-1],
        PLACED | {"remark": "x" * 70_000},
    ]
    written = write(database, *(received(place, body) for place, body in enumerate(bodies)))
    assert codes(written) == ["bad_region", "undecodable", "not_json", "too_long"]
    rows = database.rows("select * from ops.quarantine order by source_line")
    facts = rows[0]["payload"]
    sealed = PSEUDONYMS.unseal(facts.pop("sealed"))
    assert json.loads(sealed) == bodies[0]
    assert facts == {
        "topic": "orders",
        "available_at": NOW.isoformat(),
        "bytes": len(sealed.encode()),
        "is_whole": True,
        "partition": 0,
        "offset": 0,
    }
    assert r"Zo\xeb" in PSEUDONYMS.unseal(rows[1]["payload"]["sealed"])
    assert [row["payload"]["is_whole"] for row in rows] == [True, False, True, False]
    word = PSEUDONYMS.words(PERSON["email"])
    assert all(set(word) <= set(row["subjects"]) for row in rows)
    with database.platform.store("admin").connect() as connection:
        text = whole_database(connection)
    assert not [word for word in CANARIES if word in text]


def test_the_same_reject_written_again_is_one_row(database: Database) -> None:
    for _ in range(2):
        write(database, received(7, b"x"))
    assert len(database.rows("select * from ops.quarantine")) == 1


def test_nothing_of_the_erased_is_stored_again(database: Database) -> None:
    customer = PSEUDONYMS.customer(PERSON["id"])
    before = [received(0, PAID | {"order_id": "o2"}, "payments"), received(1, PAID, "payments")]
    write(database, before[0])
    write(database, received(1, PAID | {"event_id": "e9"}, "payments"))
    with database.platform.store("admin").connect() as connection:
        connection.cursor().executemany(
            "insert into ops.erased (token, kind) values (%s, %s)",
            [
                (PSEUDONYMS.erased_customer(customer), "customer"),
                (PSEUDONYMS.erased_order("o7"), "order"),
            ],
        )
    approved = FIRST | {"type": "approved", "event_id": "e2"}
    others = FIRST | {"type": "approved", "event_id": "e3", "order_id": "o2"}
    written = write(
        database,
        received(2, PLACED),
        received(3, approved),
        received(4, others),
        received(5, TRACKED | {"order_id": "o7"}, "tracking"),
    )
    assert written.fates == ["erased", "erased", "stored", "erased"]
    assert [row["order_id"] for row in database.rows("select order_id from raw.payments")] == ["o2"]
    # What comes of the order later, too.
    assert write(database, received(1, TRACKED, "tracking")).fates == ["erased"]


def test_an_erasure_waits_for_what_is_being_written(database: Database) -> None:
    with database.platform.store("flow_ingest").connect() as connection:
        write_events(connection, [received(0, PLACED)], PSEUDONYMS)
        with (
            database.platform.store("admin").connect() as eraser,
            pytest.raises(psycopg.errors.LockNotAvailable),
        ):
            eraser.execute("set lock_timeout = '200ms'")
            eraser.execute("insert into ops.erased (token, kind) values ('t', 'order')")


def test_an_object_of_another_source_is_quarantined_whole(database: Database) -> None:
    one = received(3, PLACED | {"items": []})
    body = dict(PLACED)
    write(database, Received("orders", body, NOW, "file:orders.csv", 3, one.found))
    (row,) = database.rows("select * from ops.quarantine")
    assert (row["source_file"], row["source_line"]) == ("file:orders.csv", 3)
    assert json.loads(PSEUDONYMS.unseal(row["payload"]["sealed"])) == body
    assert "offset" not in row["payload"] and row["centre_id"] == "SP"
    assert isinstance(received(0, PLACED).found, OrderEvent)
