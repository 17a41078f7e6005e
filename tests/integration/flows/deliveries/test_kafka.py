"""Events of orders through Kafka into a real PostgreSQL: each settled exactly once.

The broker is librdkafka's own mock, in a process of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.kafka_broker import KafkaBroker
from benchmarks.live_stream import Database, IngestProcess, wait_until
from flow_platform.flows.deliveries.events import TOPICS
from flow_platform.flows.deliveries.live.consumer_options import consumer_options
from flow_platform.flows.deliveries.live.messages import OrderMessages, order_messages
from flow_platform.flows.deliveries.live.received import Received
from flow_platform.flows.deliveries.live.retry import retry
from flow_platform.flows.deliveries.options import DeliveriesSource
from flow_platform.ground.errors import ConfigurationError, FlowError
from flow_platform.streams import kafka_replay
from flow_platform.streams.kafka import KafkaSubscriber
from flow_platform.streams.kafka_messages import SOURCE
from flow_platform.streams.kafka_options import KafkaOptions
from flow_platform.streams.kafka_replay import replay
from flow_platform.streams.offsets import OvertakenError, Span
from flow_platform.streams.outcome import Outcome
from flow_platform.streams.settlement import Batch, Settlement
from flow_platform.streams.state import stream_state
from flow_platform.warehouse.quarantine import Selection, drop_rows, selected_rows
from tests.integration.conftest import check_exactly_once, flow
from tests.integration.flows.deliveries.test_event_rows import received
from tests.order_events import CANARIES, EVENT_TABLES, whole_database
from tests.unit.flows.deliveries.test_events import (
    FIRST,
    OPENED,
    PAID,
    PLACED,
    POISON,
    PSEUDONYMS,
    TRACKED,
)

pytestmark = [pytest.mark.integration, pytest.mark.slow]

TABLES = EVENT_TABLES
QUICK = ("session.timeout.ms=2000", "heartbeat.interval.ms=400")


@pytest.fixture
def broker() -> Iterator[KafkaBroker]:
    made = KafkaBroker(partitions=2)
    yield made
    made.stop()


def send(broker: KafkaBroker, *messages: tuple[str, Any], at: int = 0, partition: int = 0) -> None:
    client = Producer({"bootstrap.servers": broker.address, "log_level": 0})
    for topic, body in messages:
        payload = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        client.produce(topic, payload, "o1", partition=partition, timestamp=at)
    client.flush(30)


def options(broker: KafkaBroker) -> KafkaOptions:
    return consumer_options(DeliveriesSource(kind="kafka"), brokers=broker.address, client=QUICK)


def orders(regions: list[str] | None = None) -> OrderMessages:
    return order_messages(DeliveriesSource(kind="kafka", regions=regions), PSEUDONYMS)


def new_settlement(database: Database, destination: OrderMessages) -> Settlement[Received]:
    return Settlement(database.platform.store("flow_ingest"), SOURCE, destination)


def consume(
    database: Database, broker: KafkaBroker, *, regions: Any = None, **more: Any
) -> Outcome:
    """One consumer until nothing has arrived for a while."""
    settlement = new_settlement(database, orders(regions))
    arguments = {"idle_seconds": 1.0} | more
    return KafkaSubscriber(options(broker), settlement, **arguments).run()


def paid(count: int, first: int = 0) -> list[tuple[str, Any]]:
    return [
        ("payments", PAID | {"event_id": f"e{number}"}) for number in range(first, first + count)
    ]


def position(database: Database, partition: str = "payments/0") -> int:
    rows = database.rows(f"select position from ops.offsets where partition = '{partition}'")
    return int(rows[0]["position"]) if rows else 0


def stored(database: Database) -> int:
    return int(database.rows("select count(*) as n from raw.payments")[0]["n"])


def reasons(database: Database) -> list[str]:
    query = "select split_part(reason, ':', 1) as code from ops.quarantine order by source_line"
    return [row["code"] for row in database.rows(query)]


def test_nothing_is_lost_or_doubled_when_everything_is_killed() -> None:
    """The short form of the benchmark, which prints what it finds when there is a difference."""
    check_exactly_once(
        *("kafka_exactly_once.py", "--events", "2500", "--kills", "6", "--stalls", "1"),
        *("--database-restarts", "1", "--seed", "7"),
    )


def test_two_consumers_share_the_partitions_and_one_goes_on_alone(
    database: Database, broker: KafkaBroker
) -> None:
    arguments = ["kafka", "--brokers", broker.address]
    for setting in QUICK:
        arguments += ["--client", setting]
    both = [IngestProcess(database, *arguments) for _ in range(2)]
    try:

        def shares() -> list[int]:
            lines = [process.events("positioned") for process in both]
            return [len(some[-1]["positions"]) if some else 0 for some in lines]

        wait_until(lambda: shares() == [4, 4], 60, "each has half of the partitions")
        for number in (0, 1):
            send(broker, *paid(200, 200 * number), partition=number)
        wait_until(lambda: stored(database) == 400, 30, "both have settled")
        assert both[0].terminate() == 0
        database.control("restart", "immediate")
        for number in (0, 1):
            send(broker, *paid(200, 400 + 200 * number), partition=number)
        wait_until(lambda: stored(database) == 800, 60, "the other has settled all")
        assert both[1].terminate() == 0
    finally:
        for process in both:
            process.kill()
    rows = database.rows("select position, rows_stored, rows_repeated from ops.offsets")
    assert [tuple(row.values()) for row in rows] == [(400, 400, 0)] * 2


def test_a_consumer_that_was_overtaken_writes_nothing(database: Database) -> None:
    zombie, other = (new_settlement(database, orders()) for _ in range(2))
    zombie.open()
    other.open()

    def batch(first: int, before: int | None, *partitions: str) -> Batch[Received]:
        some = [
            received(first + place, PAID | {"event_id": f"{name} {first + place}"}, "payments")
            for name in partitions
            for place in range(3)
        ]
        names = [name for name in partitions for _ in range(3)]
        return Batch(some, names, {name: Span(before, first + 3) for name in partitions})

    assert zombie.settle(batch(0, None, "payments/0", "payments/1")).counts == {"stored": 6}
    assert other.settle(batch(3, 3, "payments/1")).counts == {"stored": 3}
    with pytest.raises(OvertakenError, match="payments/1"):
        zombie.settle(batch(3, 3, "payments/0", "payments/1"))
    with pytest.raises(OvertakenError):
        zombie.settle(batch(9, None, "payments/0"))
    assert stored(database) == 9
    assert {
        name: one and one.offset
        for name, one in zombie.positions(["payments/0", "payments/1"]).items()
    } == {"payments/0": 3, "payments/1": 6}
    # Offsets need not be contiguous.
    assert zombie.settle(batch(70, 3, "payments/0")).messages == 3
    assert position(database) == 73
    zombie.close()
    other.close()


def test_poison_of_each_kind_is_sealed_in_quarantine_and_the_partition_continues(
    database: Database, broker: KafkaBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = POISON | {
        "the future": (
            "tracking",
            TRACKED | {"occurred_at": "2999-01-01T00:00:00Z"},
            "impossible_date",
        )
    }
    sent = [(topic, body, code) for topic, body, code in kinds.values() if topic in TOPICS]
    send(broker, *((topic, body) for topic, body, _ in sent))
    good = [("orders", PLACED), ("payments", PAID), ("tracking", TRACKED), ("logs", OPENED)]
    again = PLACED | {"event_id": "e2"}
    send(broker, *good, ("orders", again), ("payments", PAID | {"value": 1}), ("payments", PAID))
    send(broker, ("orders", PLACED | {"region": "XX", "event_id": "e3"}))
    outcome = consume(database, broker, regions=["SP"])
    expected = [code for _, _, code in sent if code != "bad_region"]
    expected += ["placed_twice", "reused_event_id", "unknown_region", "unknown_region"]
    assert sorted(reasons(database)) == sorted(expected) and len(set(expected)) >= 12
    assert (outcome.counts["stored"], outcome.counts["repeated"]) == (4, 1)
    assert outcome.quarantined == len(expected)
    rows = database.rows("select source_file, source_line, payload from ops.quarantine")
    assert all(
        row["source_file"].startswith("kafka:") and row["payload"]["offset"] == row["source_line"]
        for row in rows
    )
    with database.platform.store("admin").connect() as connection:
        text = whole_database(connection)
    text += capsys.readouterr().out
    assert not [word for word in CANARIES if word in text.casefold()]


def test_late_events_are_available_when_the_broker_had_them_and_not_before_they_occurred(
    database: Database, broker: KafkaBroker
) -> None:
    occurred = datetime(2026, 3, 29, 12, tzinfo=UTC)
    arrived = occurred + timedelta(days=3)
    for at, event_id in ((arrived, "late"), (occurred - timedelta(hours=1), "early")):
        moment = int(at.timestamp() * 1000)
        send(broker, ("tracking", TRACKED | {"event_id": event_id}), at=moment)
    earlier = occurred - timedelta(days=9)
    send(broker, ("tracking", TRACKED | {"event_id": "x", "occurred_at": earlier.isoformat()}))
    consume(database, broker)
    rows = database.rows("select event_id, occurred_at, available_at from raw.tracking")
    found = {row["event_id"]: (row["occurred_at"], row["available_at"]) for row in rows}
    assert found["late"] == (occurred, arrived) and found["early"] == (occurred, occurred)
    assert found["x"][0] == earlier
    state = stream_state(database.platform.store("flow_ingest"), "deliveries", datetime.now(UTC))
    assert state.last_event_at == occurred and state.stored == 3


def test_topics_of_a_stream_that_has_not_begun_are_empty(database: Database) -> None:
    state = stream_state(database.platform.store("flow_ingest"), "deliveries", datetime.now(UTC))
    for topic in TOPICS:
        own = state.of_topic(topic)
        assert own.messages == 0 and own.lag_seconds is None and own.last_message_at is None


def test_what_the_broker_says_of_a_groups_offsets_does_not_count(
    database: Database, broker: KafkaBroker
) -> None:
    send(broker, *paid(20))
    assert consume(database, broker).messages == 20
    with database.platform.store("admin").connect() as connection:
        connection.execute("update ops.offsets set position = 12")
        connection.execute("delete from raw.payments where source_position >= 12")
    assert consume(database, broker).counts == {"stored": 8}
    assert stored(database) == 20 and position(database) == 20


def test_a_limit_of_messages_is_kept_and_the_rest_comes_next_time(
    database: Database, broker: KafkaBroker
) -> None:
    send(broker, *paid(30))
    assert consume(database, broker, max_messages=7).messages == 7
    assert position(database) == 7
    assert consume(database, broker).messages == 23


def test_offsets_that_were_deleted_unread_stop_the_consumer_until_it_may_go_on(
    database: Database, broker: KafkaBroker
) -> None:
    send(broker, *paid(10))
    consume(database, broker)
    send(broker, *paid(40, 10))
    broker.delete_before("payments", 0, 25)
    with pytest.raises(FlowError, match=r"15 offsets were deleted.*--from-earliest"):
        consume(database, broker)
    assert position(database) == 10
    assert consume(database, broker, from_earliest=True).counts == {"stored": 25}
    (row,) = database.rows("select position, offsets_lost, rows_stored from ops.offsets")
    assert tuple(row.values()) == (50, 15, 35)


def test_a_slow_database_pauses_the_partitions_and_loses_nothing(
    database: Database, broker: KafkaBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    with database.platform.store("admin").connect() as connection:
        connection.execute(
            "create function ops.slow_down() returns trigger language plpgsql as"
            " $$ begin perform pg_sleep(1.5); return null; end $$"
        )
        connection.execute(
            "create trigger slow_down after insert on ops.touched"
            " for each statement execute function ops.slow_down()"
        )
    try:
        for first in range(0, 6000, 1000):
            send(broker, *paid(1000, first))
        assert consume(database, broker).counts == {"stored": 6000}
    finally:
        with database.platform.store("admin").connect() as connection:
            connection.execute("drop function ops.slow_down cascade")
    log = capsys.readouterr().out
    assert '"paused"' in log and '"resumed"' in log
    assert position(database) == 6000 and stored(database) == 6000


# Reading again.


class TimedConsumer(Consumer):
    """The mock brokers do not look messages up by time; this one answers as a real one does."""

    first = 0

    def offsets_for_times(self, partitions: Any, *_: Any) -> Any:
        return [TopicPartition(one.topic, one.partition, self.first) for one in partitions]


def test_a_replay_fills_gaps_and_moves_no_position(
    database: Database, broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = int(datetime(2026, 5, 1, tzinfo=UTC).timestamp() * 1000)
    for number, message in enumerate(paid(20)):
        send(broker, message, at=start + number * 1000)
    store = database.platform.store("flow_ingest")
    with pytest.raises(ConfigurationError, match="Nothing of payments/0 is settled"):
        replay(options(broker), store, orders(), "payments", 0, from_offset=0)
    consume(database, broker)
    before = database.rows("select * from ops.offsets")
    with database.platform.store("admin").connect() as connection:
        connection.execute("delete from raw.payments where source_position in (3, 12)")
    found = replay(options(broker), store, orders(), "payments", 0, from_offset=5, to_offset=14)
    assert found.counts == {"stored": 1, "repeated": 9}
    monkeypatch.setattr(kafka_replay, "Consumer", TimedConsumer)
    since = datetime.fromtimestamp(start / 1000 + 2.5, UTC)
    for first, counts in ((-1, {}), (3, {"stored": 1, "repeated": 16})):
        TimedConsumer.first = first
        found = replay(options(broker), store, orders(), "payments", 0, from_time=since)
        assert found.counts == counts
    assert stored(database) == 20 and database.rows("select * from ops.offsets") == before
    with pytest.raises(ConfigurationError, match="settled up to offset 20"):
        replay(options(broker), store, orders(), "payments", 0, from_offset=0, to_offset=20)
    with pytest.raises(ConfigurationError, match="not read"):
        replay(options(broker), store, orders(), "reviews", 0, from_offset=0)


def test_a_replay_repairs_what_can_be_read_by_now(database: Database, broker: KafkaBroker) -> None:
    send(broker, ("orders", PLACED), ("orders", b"x"))
    consume(database, broker, regions=["RJ"])
    assert reasons(database) == ["unknown_region", "not_json"]
    store = database.platform.store("flow_ingest")
    found = replay(options(broker), store, orders(["RJ", "SP"]), "orders", 0, from_offset=0)
    assert (found.repaired, found.counts) == (1, {"stored": 1, "not_json": 1})
    rows = database.rows("select state from ops.quarantine order by source_line")
    assert [row["state"] for row in rows] == ["repaired", "open"]


def test_rows_in_quarantine_are_read_again_changed_or_dropped(
    database: Database, broker: KafkaBroker
) -> None:
    approved = FIRST | {"type": "approved", "event_id": "e2", "order_id": None}
    send(broker, ("orders", PLACED), ("orders", approved), ("orders", b"\xff"))
    consume(database, broker, regions=["RJ"])
    store = database.platform.store("flow_ingest")
    selection = Selection(flow="deliveries")
    nothing = retry(store, orders(["RJ"]), selection)
    assert nothing.repaired == 0 and nothing.counts["unknown_region"] == 1
    assert nothing.counts["not_readable_again"] == 1
    first = retry(store, orders(["RJ", "SP"]), Selection(reason="unknown_region"))
    assert first.repaired == 1
    (open_one,) = selected_rows(store, Selection(reason="missing_value"))
    changed = retry(store, orders(), Selection(ids=(open_one.id,)), {"order_id": "o1"})
    assert changed.repaired == 1
    events = database.rows("select event_id, source_position from raw.orders order by 1")
    assert [tuple(row.values()) for row in events] == [("e1", 0), ("e2", 1)]
    assert drop_rows(store, selection) == 1
    states = {
        row.reason.partition(":")[0]: row.state
        for row in selected_rows(store, Selection(state=None))
    }
    assert states == {
        "unknown_region": "repaired",
        "missing_value": "repaired",
        "undecodable": "dropped",
    }
    assert len(database.rows("select * from ops.quarantine")) == 3


def test_the_commands_show_streams_and_quarantine(database: Database, broker: KafkaBroker) -> None:
    settings = database.platform.settings
    send(broker, *paid(5), ("payments", b"canary"))
    arguments = ("--brokers", broker.address)
    done = flow(settings, "ingest", "kafka", *arguments, "--max-messages", "4")
    assert done.returncode == 0, done.stderr
    found = json.loads(flow(settings, "ingest", "status", "--json", *arguments).stdout)
    (topic,) = found["deliveries"]["topics"]
    assert (topic["topic"], topic["position"], topic["end"]) == ("payments/0", 4, 6)
    assert topic["lag_messages"] == 2 and found["traffic"]["messages"] == 0
    done = flow(settings, "ingest", "kafka", *arguments, "--max-messages", "2")
    assert done.returncode == 0, done.stderr
    shown = flow(settings, "ingest", "status", *arguments).stdout
    assert "6 messages: 5 stored, 1 in quarantine, 0 repeated" in shown and "not_json 1" in shown
    listed = flow(settings, "quarantine", "list", "--json").stdout
    assert "canary" not in listed and json.loads(listed)[0]["facts"]["offset"] == 5
    assert "canary" in flow(settings, "quarantine", "list", "--show").stdout
    replayed = flow(
        *(settings, "ingest", "replay", "--topic", "payments", "--partition", "0"),
        *("--from-offset", "2", *arguments),
    )
    assert "4 messages, 0 stored now, 3 known already, 1 in quarantine" in replayed.stdout


def test_without_brokers_the_command_says_what_to_write() -> None:
    with pytest.raises(ConfigurationError, match='kind = "kafka"'):
        consumer_options(DeliveriesSource())
    with pytest.raises(ConfigurationError, match=r"group\.id cannot be set"):
        consumer_options(DeliveriesSource(kind="kafka"), client=["group.id=x"])
