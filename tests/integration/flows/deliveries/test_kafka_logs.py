"""Topics that are created again, and logs that lose their end: nothing is lost, nothing doubled.

The broker is librdkafka's own mock, which deletes and creates topics and gives them ids. It cannot
lose the end of a log; that is decided in `tests/unit/streams/test_logs.py`.
"""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from benchmarks.kafka_broker import KafkaBroker
from benchmarks.live_stream import Database, IngestProcess, wait_until
from flow_platform.ground.crash_points import BEGIN_AGAIN_POINTS
from flow_platform.ground.errors import ConfigurationError, FlowError
from flow_platform.streams.kafka_replay import replay
from flow_platform.streams.kafka_topics import BrokerLogs
from flow_platform.streams.offsets import OvertakenError, Span
from flow_platform.streams.settlement import Batch
from tests.integration.conftest import check_exactly_once, flow
from tests.integration.flows.deliveries.test_event_rows import received
from tests.integration.flows.deliveries.test_kafka import (
    PAID,
    QUICK,
    broker,
    consume,
    new_settlement,
    options,
    orders,
    paid,
    position,
    send,
    stored,
)
from tests.order_events import EVENT_TABLES

__all__ = ["broker"]
pytestmark = [pytest.mark.integration, pytest.mark.slow]

TABLES = EVENT_TABLES
# Ten messages are settled; so many are in the topic that is created again, in so many partitions.
RECREATED = [(4, 2), (10, 2), (30, 2), (10, 4), (30, 4)]
POISON = ("payments", b"canary")


def row(database: Database, partition: str = "payments/0") -> dict[str, Any]:
    (found,) = database.rows(f"select * from ops.offsets where partition = '{partition}'")
    return found


def places(database: Database) -> list[tuple[str, int]]:
    rows = database.rows("select source_file, source_line from ops.quarantine order by 1, 2")
    return [(one["source_file"], one["source_line"]) for one in rows]


def event_ids(database: Database) -> set[str]:
    rows = database.rows("select event_id from raw.payments")
    assert len(rows) == len({one["event_id"] for one in rows})
    return {one["event_id"] for one in rows}


def send_again(broker: KafkaBroker, count: int, partitions: int) -> set[str]:
    """The topic again, with `count` messages in partition 0: poison, and others of which the first
    ones repeat events that are stored; and with one message in each partition that is new.
    """
    broker.recreate_topic("payments", partitions)
    send(broker, POISON, *paid(count - 1, 5))
    for number in range(2, partitions):
        send(broker, ("payments", PAID | {"event_id": f"new {number}"}), partition=number)
    news = {f"new {number}" for number in range(2, partitions)}
    return {f"e{number}" for number in range(5, 4 + count)} | news


def check_read_once(database: Database, count: int, expected: set[str]) -> None:
    first = {f"e{number}" for number in range(9)}
    assert event_ids(database) == first | expected
    found = row(database)
    assert (found["position"], found["incarnation"], found["log_number"]) == (count, 2, 2)
    assert found["begun_again_why"] == "recreated" and found["offsets_lost"] == 0
    repeated = min(count - 1, 4)
    counts = found["rows_stored"], found["rows_repeated"], found["rows_quarantined"]
    assert counts == (9 + count - 1 - repeated, repeated, 2)
    # The same poison at the same offset is another message of another topic.
    assert places(database) == [("kafka:payments/0", 0), ("kafka:payments/0#2", 0)]


def test_nothing_is_lost_or_doubled_when_topics_are_created_again_and_consumers_killed() -> None:
    """The short form of the benchmark, which prints what it finds when there is a difference."""
    check_exactly_once(
        *("kafka_recreated.py", "--events", "800", "--kills", "2", "--seed", "7"),
    )


@pytest.mark.parametrize(("count", "partitions"), RECREATED)
def test_a_topic_created_again_while_no_consumer_runs_is_read_from_its_beginning(
    database: Database, broker: KafkaBroker, count: int, partitions: int
) -> None:
    send(broker, POISON, *paid(9))
    consume(database, broker)
    expected = send_again(broker, count, partitions)
    consume(database, broker)
    check_read_once(database, count, expected)
    assert consume(database, broker).messages == 0


@pytest.mark.parametrize(("count", "partitions"), RECREATED)
def test_a_topic_created_again_under_a_running_consumer_is_read_from_its_beginning(
    database: Database, broker: KafkaBroker, count: int, partitions: int
) -> None:
    send(broker, POISON, *paid(9))
    consumer = start(database, broker)
    try:
        wait_until(lambda: position(database) == 10, 60, "the first ten are settled")
        expected = send_again(broker, count, partitions)
        wait_until(lambda: row(database)["incarnation"] == 2, 60, "the new topic is noticed")
        wait_until(lambda: position(database) == count, 60, "it is read")
        wait_until(lambda: expected <= event_ids(database), 60, "so are its new partitions")
        assert consumer.terminate() == 0
    finally:
        consumer.kill()
    check_read_once(database, count, expected)
    (line,) = consumer.events("begun_again")
    assert (line["why"], line["settled"], line["incarnation"]) == ("recreated", 10, 2)


@pytest.mark.parametrize("point", BEGIN_AGAIN_POINTS)
def test_a_consumer_that_is_killed_while_it_begins_again_loses_nothing(
    database: Database, broker: KafkaBroker, point: str
) -> None:
    send(broker, POISON, *paid(9))
    consume(database, broker)
    expected = send_again(broker, 30, 2)
    consumer = start(database, broker, crash_at=f"{point}:1")
    assert consumer.process.wait(60) == -signal.SIGKILL
    assert row(database)["incarnation"] == (1 if point == "before_begin_again" else 2)
    consume(database, broker)
    check_read_once(database, 30, expected)


def test_topics_created_again_and_again_are_each_read_once(
    database: Database, broker: KafkaBroker
) -> None:
    for number in range(4):
        send(broker, *paid(10 + number, 100 * number))
        assert consume(database, broker).counts == {"stored": 10 + number}
        broker.recreate_topic("payments", 2)
    assert stored(database) == 46
    assert (row(database)["incarnation"], row(database)["log_number"]) == (4, 4)


@pytest.mark.parametrize("count", [4, 10, 30])
def test_without_ids_of_topics_the_last_settled_message_tells_logs_apart(
    database: Database, broker: KafkaBroker, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Brokers before Kafka 2.8 give none."""
    monkeypatch.setattr(BrokerLogs, "ask_ids", lambda *_: {})
    send(broker, POISON, *paid(9))
    consume(database, broker)
    assert consume(database, broker).messages == 0
    expected = send_again(broker, count, 2)
    consume(database, broker)
    check_read_once(database, count, expected)
    assert row(database)["log_id"] is None


def test_a_consumer_of_the_topic_that_was_writes_nothing(
    database: Database, broker: KafkaBroker
) -> None:
    """Its position is right by chance: the new topic is settled to the same offset."""
    send(broker, *paid(10))
    consume(database, broker)
    zombie = new_settlement(database, orders())
    assert zombie.positions(["payments/0"])["payments/0"] is not None
    broker.recreate_topic("payments", 2)
    send(broker, *paid(10, 50))
    consume(database, broker)
    assert row(database)["position"] == 10
    late = Batch(
        [received(10, PAID | {"event_id": "late"}, "payments")],
        ["payments/0"],
        {"payments/0": Span(10, 11, incarnation=1)},
    )
    with pytest.raises(OvertakenError):
        zombie.settle(late)
    zombie.close()
    assert "late" not in event_ids(database)


def test_a_position_of_before_the_update_learns_the_id_of_its_topic(
    database: Database, broker: KafkaBroker
) -> None:
    send(broker, *paid(10))
    consume(database, broker)
    with database.platform.store("admin").connect() as connection:
        connection.execute(
            "update ops.offsets set log_id = null, last_offset = null, last_checksum = null"
        )
    consume(database, broker)
    assert row(database)["log_id"] is not None and row(database)["incarnation"] == 1
    broker.recreate_topic("payments", 2)
    send(broker, *paid(20, 100))
    assert consume(database, broker).counts == {"stored": 20}


def test_a_log_that_lost_its_end_is_read_again_and_what_is_known_is_repeated(
    database: Database, broker: KafkaBroker
) -> None:
    """The mock brokers cannot lose it: a position that they never reached looks the same."""
    send(broker, POISON, *paid(9))
    consume(database, broker)
    with database.platform.store("admin").connect() as connection:
        connection.execute("update ops.offsets set position = 15, last_offset = 14")
    assert consume(database, broker).counts == {"repeated": 9, "not_json": 1}
    found = row(database)
    assert (found["begun_again_why"], found["log_number"]) == ("truncated", 1)
    assert places(database) == [("kafka:payments/0", 0)]


def test_what_was_deleted_unread_from_a_topic_created_again_is_counted_as_lost(
    database: Database, broker: KafkaBroker
) -> None:
    send(broker, *paid(10))
    consume(database, broker)
    broker.recreate_topic("payments", 2)
    send(broker, *paid(20, 100))
    broker.delete_before("payments", 0, 5)
    with pytest.raises(FlowError, match=r"5 offsets were deleted.*--from-earliest"):
        consume(database, broker)
    assert consume(database, broker, from_earliest=True).counts == {"stored": 15}
    found = row(database)
    assert (found["offsets_lost"], found["position"], found["incarnation"]) == (5, 20, 2)


def test_state_and_replay_know_the_topic_that_was_created_again(
    database: Database, broker: KafkaBroker
) -> None:
    settings, address = database.platform.settings, ("--brokers", broker.address)
    send(broker, POISON, *paid(9))
    consume(database, broker)
    send_again(broker, 4, 2)
    (topic,) = status(settings, address)
    assert (topic["lag_messages"], topic["is_other_log"]) == (4, True)
    shown = flow(settings, "ingest", "status", *address).stdout
    assert "payments/0 is another log at the broker" in shown
    store = database.platform.store("flow_ingest")
    with pytest.raises(ConfigurationError, match="was created again at the broker"):
        replay(options(broker), store, orders(), "payments", 0, from_offset=0)
    consume(database, broker)
    (topic,) = status(settings, address)
    assert (topic["lag_messages"], topic["is_other_log"], topic["incarnation"]) == (0, False, 2)
    shown = flow(settings, "ingest", "status", *address).stdout
    assert "payments/0 was created again at the broker" in shown and "incarnation 2" in shown
    found = replay(options(broker), store, orders(), "payments", 0, from_offset=0)
    assert found.counts == {"repeated": 3, "not_json": 1}
    assert places(database) == [("kafka:payments/0", 0), ("kafka:payments/0#2", 0)]


def status(settings: Any, address: tuple[str, ...]) -> list[dict[str, Any]]:
    printed = json.loads(flow(settings, "ingest", "status", "--json", *address).stdout)
    found: list[dict[str, Any]] = printed["deliveries"]["topics"]
    return found


def start(database: Database, broker: KafkaBroker, **more: Any) -> IngestProcess:
    arguments = ["kafka", "--brokers", broker.address]
    for setting in (*QUICK, "topic.metadata.refresh.interval.ms=1000"):
        arguments += ["--client", setting]
    return IngestProcess(database, *arguments, **more)
