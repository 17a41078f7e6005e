"""Messages through a real Mosquitto into a real PostgreSQL: each settled exactly once."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import paho.mqtt.client as paho
import psutil
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.live_stream import (
    MOSQUITTO,
    Broker,
    Database,
    SubscriberProcess,
    publisher,
    wait_until,
)
from flow_platform.flows.traffic.live import messages as counter_messages
from flow_platform.flows.traffic.live.messages import CounterMessages
from flow_platform.flows.traffic.live.payload import TOPIC, Reading
from flow_platform.flows.traffic.live.reading_rows import ReceivedReading
from flow_platform.flows.traffic.live.subscriber_options import subscriber_options
from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.ground import crash_points
from flow_platform.ground.errors import FlowError
from flow_platform.streams import mqtt_settlement
from flow_platform.streams.mqtt import BATCH_MESSAGES, MqttSubscriber
from flow_platform.streams.mqtt_settlement import MqttSettlement, Packet
from flow_platform.streams.outcome import Outcome
from flow_platform.streams.state import stream_state
from tests.integration.conftest import check_exactly_once, flow
from tests.unit.flows.traffic.live.test_payload import POISON

CounterSettlement = MqttSettlement[ReceivedReading]

pytestmark = [pytest.mark.integration, pytest.mark.slow]

GOOD = {"event_id": "e1", "counted_at": "2026-03-29T14:00:00+02:00", "vehicles": 812}
TABLES = "raw.traffic, ops.offsets, ops.mqtt_packets, ops.mqtt_sessions, ops.quarantine"


@pytest.fixture(scope="module")
def mosquitto() -> None:
    if not MOSQUITTO.exists():
        reason = f"No broker: {MOSQUITTO} is missing (apt-get install mosquitto)."
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason} In CI these tests must run.")
        pytest.skip(reason)


@pytest.fixture
def broker(mosquitto: None, tmp_path: Path) -> Iterator[Broker]:
    made = Broker(tmp_path / "broker")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def subscribe(database: Database, broker: Broker) -> Iterator[Callable[..., SubscriberProcess]]:
    started: list[SubscriberProcess] = []

    def start(*options: str, wait: bool = True) -> SubscriberProcess:
        started.append(SubscriberProcess(database, broker, *options))
        if wait:
            started[-1].wait_for("subscribed")
        return started[-1]

    yield start
    for process in started:
        process.kill()


def publish(broker: Broker, *payloads: bytes, topic: str = "traffic/4264/count") -> None:
    with publisher(broker) as client:
        for info in [client.publish(topic, payload, qos=1) for payload in payloads]:
            info.wait_for_publish(30)


def as_bytes(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def readings(count: int, **more: Any) -> list[bytes]:
    return [as_bytes(GOOD | {"event_id": f"e{number}"} | more) for number in range(count)]


def settled(database: Database) -> int:
    total = "select coalesce(sum(position), 0)::bigint as n from ops.offsets"
    return int(database.rows(total)[0]["n"])


def reasons(database: Database) -> list[str]:
    query = "select split_part(reason, ':', 1) as code from ops.quarantine order by source_line"
    return [row["code"] for row in database.rows(query)]


# Through the broker.


def test_nothing_is_lost_or_doubled_when_everything_is_killed(mosquitto: None) -> None:
    """The short form of the benchmark, which prints what it finds when there is a difference."""
    check_exactly_once(
        *("mqtt_exactly_once.py", "--messages", "500", "--kills", "4"),
        *("--database-restarts", "1", "--seed", "7"),
    )


def test_poison_of_each_kind_is_in_quarantine_and_the_stream_continues(
    database: Database, broker: Broker, subscribe: Callable[..., SubscriberProcess]
) -> None:
    subscribe()
    bodies = [as_bytes(body) for body, _ in POISON.values()]
    publish(broker, *bodies, *bodies[:2], as_bytes(GOOD))
    wait_until(lambda: settled(database) == len(bodies) + 3, 30, "all are settled")
    codes = [code for _, code in POISON.values()]
    assert reasons(database) == codes + codes[:2]
    rows = database.rows("select payload, source_file, centre_id from ops.quarantine")
    assert {row["source_file"] for row in rows} == {"mqtt:traffic/4264/count"}
    assert {row["centre_id"] for row in rows} == {"4264"}
    assert any(r'"\xff"' in row["payload"]["payload"] for row in rows)
    (stored,) = database.rows("select * from raw.traffic")
    assert (stored["centre_id"], stored["vehicles"], stored["occupancy"]) == ("4264", 812, None)
    assert stored["source_line"] == len(bodies) + 3
    assert stored["available_at"] > stored["counted_at"] == datetime(2026, 3, 29, 12, tzinfo=UTC)


def test_without_postgresql_memory_stays_bounded_and_the_broker_keeps_the_rest(
    database: Database, broker: Broker, subscribe: Callable[..., SubscriberProcess]
) -> None:
    subscriber = subscribe()
    process = psutil.Process(subscriber.process.pid)
    before = process.memory_info().rss
    database.control("stop")
    try:
        many = readings(10_000, remark="x" * 6000)
        publish(broker, *many)
        subscriber.wait_for("database_away")
        assert process.memory_info().rss - before < 30e6  # of 60 MB that were published
        (lost,) = subscriber.events("database_lost")
        assert lost["messages"] <= BATCH_MESSAGES
        assert subscriber.process.poll() is None
    finally:
        database.control("start")
    wait_until(lambda: settled(database) == len(many), 60, "the broker's messages are settled")
    assert process.memory_info().rss - before < 30e6
    assert database.rows("select count(*) as n from raw.traffic")[0]["n"] == len(many)


def test_sigterm_settles_what_was_received_and_leaves_the_rest_to_the_broker(
    database: Database, broker: Broker, subscribe: Callable[..., SubscriberProcess]
) -> None:
    first = subscribe()
    publish(broker, *readings(1200))
    assert first.terminate() == 0
    publish(broker, *readings(1300)[1200:])
    assert subscribe("--idle-seconds", "1", wait=False).process.wait(60) == 0
    assert settled(database) == 1300
    assert database.rows("select count(*) as n from raw.traffic")[0]["n"] == 1300


def test_a_second_subscriber_is_refused(
    database: Database, broker: Broker, subscribe: Callable[..., SubscriberProcess]
) -> None:
    first = subscribe()
    second = subscribe("--client-id", "another", wait=False)
    assert second.process.wait(60) == 1
    assert "Another subscriber settles traffic" in second.log
    publish(broker, as_bytes(GOOD))
    wait_until(lambda: settled(database) == 1, 30, "the first one goes on")
    assert first.process.poll() is None


def test_a_limit_of_messages_is_kept_and_the_rest_is_read_next_time(
    database: Database, broker: Broker, subscribe: Callable[..., SubscriberProcess]
) -> None:
    first = subscribe("--max-messages", "7")
    publish(broker, *readings(20))
    assert first.process.wait(30) == 0
    assert settled(database) == 7
    assert subscribe("--max-messages", "13", wait=False).process.wait(30) == 0
    assert settled(database) == 20


def test_status_shows_settled_messages_and_open_quarantine(
    database: Database, broker: Broker, subscribe: Callable[..., SubscriberProcess]
) -> None:
    settings = database.platform.settings
    empty = flow(settings, "ingest", "status")
    assert empty.returncode == 0 and "No message has arrived yet" in empty.stdout
    subscriber = subscribe("--max-messages", "4")
    publish(broker, as_bytes(GOOD), as_bytes(GOOD), b"x", b"y")
    assert subscriber.process.wait(30) == 0
    shown = flow(settings, "ingest", "status").stdout
    assert "4 messages: 1 stored, 2 in quarantine, 1 repeated" in shown
    assert "not_json 2" in shown and "2026-03-29 12:00 UTC" in shown
    state = json.loads(flow(settings, "ingest", "status", "--json").stdout)["traffic"]
    assert state["open_quarantine"] == {"not_json": 2}
    assert state["topics"][0]["topic"] == "traffic/4264/count"
    assert state["lag_seconds"] > 0 and state["quarantined_last_day"] == 2


def test_a_broker_that_restarts_is_found_again(
    database: Database, broker: Broker, subscribe: Callable[..., SubscriberProcess]
) -> None:
    subscriber = subscribe()
    publish(broker, *readings(10))
    wait_until(lambda: settled(database) == 10, 30, "the first ones are settled")
    broker.stop()
    subscriber.wait_for("broker_away")
    broker.start()
    publish(broker, *readings(30)[10:])
    wait_until(lambda: settled(database) == 30, 30, "the others are settled")
    assert subscriber.events("connected")[-1]["session"] is True
    assert database.rows("select count(*) as n from raw.traffic")[0]["n"] == 30


def test_two_clients_of_one_name_do_not_fight_without_a_pause(
    broker: Broker, subscribe: Callable[..., SubscriberProcess]
) -> None:
    """Mosquitto 2.0.11 throws out the older of two clients without saying why."""
    subscriber = subscribe("--client-id", "one-name")
    other = paho.Client(CallbackAPIVersion.VERSION2, client_id="one-name")
    # Its types ask for whole seconds; fractions work.
    other.reconnect_delay_set(0.01, 0.01)  # type: ignore[arg-type]
    other.connect("127.0.0.1", broker.port)
    other.loop_start()
    time.sleep(4)
    other.disconnect()
    other.loop_stop()
    assert len(subscriber.events("connected")) <= 6


def test_a_broker_that_says_so_ends_a_subscriber_whose_name_another_client_has_taken() -> None:
    options = subscriber_options(TrafficSource(kind="mqtt"))
    subscriber = MqttSubscriber(options, settlement=None)  # type: ignore[arg-type]
    subscriber._disconnected(
        subscriber._client,
        None,
        SimpleNamespace(is_disconnect_packet_from_server=True),
        SimpleNamespace(value=142),
        None,
    )
    assert "Another client connected" in str(subscriber._fatal)


def test_sources_toml_names_broker_topic_and_keys(
    database: Database, broker: Broker, tmp_path: Path
) -> None:
    sources = tmp_path / "sources.toml"
    sources.write_text(
        f'[traffic]\nkind = "mqtt"\nbroker = "{broker.url}"\ntopic = "city/+/out"\n'
        'columns = { event_id = "key", counted_at = "at", vehicles = "n" }\n'
    )
    arguments = ("ingest", "mqtt", "--idle-seconds", "0.5")
    more = {"FLOW_SOURCES": str(sources)}
    settings = database.platform.settings
    assert flow(settings, *arguments, **more).returncode == 0  # the session is there from now on
    body = {"key": "e1", "at": "2026-03-29T12:00:00Z", "n": 3}
    publish(broker, as_bytes(body), topic="city/77/out")
    assert flow(settings, *arguments, **more).returncode == 0
    (stored,) = database.rows("select centre_id, vehicles from raw.traffic")
    assert (stored["centre_id"], stored["vehicles"]) == ("77", 3)


def test_without_a_broker_the_command_says_what_to_write(database: Database) -> None:
    done = flow(database.platform.settings, "ingest", "mqtt")
    assert done.returncode == 1
    assert 'kind = "mqtt"' in done.stderr


# The settlement alone.


@pytest.fixture
def settlement(database: Database) -> Iterator[CounterSettlement]:
    made = new_settlement(database)
    made.open()
    yield made
    made.close()


def new_settlement(database: Database, client_id: str = "test") -> CounterSettlement:
    store = database.platform.store("flow_ingest")
    return MqttSettlement(store, CounterMessages({}, TOPIC), client_id)


def packet(number: int, body: Any, *, again: bool = False, counter: str = "4264") -> Packet:
    payload, topic, now = as_bytes(body), f"traffic/{counter}/count", datetime.now(UTC)
    return Packet(
        *(topic, payload, f"mqtt:{topic}", 0, now, now),
        *(len(payload), hashlib.sha256(payload).hexdigest(), number, 1, again),
    )


def figures(outcome: Outcome) -> tuple[int, int, int, int]:
    return outcome.stored, outcome.quarantined, outcome.repeated, outcome.redelivered


def test_poison_published_twice_is_two_rows_and_redelivered_poison_one(
    database: Database, settlement: CounterSettlement
) -> None:
    assert figures(settlement.settle([packet(1, b"x"), packet(2, b"x")])) == (0, 2, 0, 0)
    settlement.open()  # as after a crash: everything is read from the tables
    again = [packet(1, b"x", again=True), packet(2, b"x", again=True)]
    assert figures(settlement.settle(again)) == (0, 0, 0, 2)
    # A redelivery that never arrived the first time, and a packet identifier used again.
    assert figures(settlement.settle([packet(3, b"x", again=True)])) == (0, 1, 0, 0)
    assert figures(settlement.settle([packet(1, b"x")])) == (0, 1, 0, 0)
    assert reasons(database) == ["not_json"] * 4


def test_packet_identifiers_of_a_lost_session_are_forgotten(
    settlement: CounterSettlement,
) -> None:
    settlement.settle([packet(1, b"x")])
    settlement.begin_session("mqtt://there", datetime.now(UTC), [])
    assert figures(settlement.settle([packet(1, b"x", again=True)])) == (0, 1, 0, 0)


def test_an_event_that_comes_again_is_repeated_and_with_other_content_rejected(
    database: Database, settlement: CounterSettlement
) -> None:
    other = GOOD | {"vehicles": 5}
    first = settlement.settle([packet(1, GOOD), packet(2, GOOD), packet(3, other)])
    assert figures(first) == (1, 1, 1, 0)
    second = settlement.settle([packet(4, other), packet(5, GOOD), packet(6, other)])
    assert figures(second) == (0, 2, 1, 0)
    assert figures(settlement.settle([packet(7, GOOD, counter="9")])) == (0, 1, 0, 0)
    assert set(reasons(database)) == {"reused_event_id"}
    rows = database.rows("select partition, position, rows_repeated from ops.offsets")
    assert sorted(tuple(row.values()) for row in rows) == [
        ("traffic/4264/count", 6, 2),
        ("traffic/9/count", 1, 0),
    ]


def test_a_commit_whose_answer_was_lost_is_recognised(
    database: Database, settlement: CounterSettlement, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = [packet(1, GOOD), packet(2, b"x"), packet(3, b"x")]

    def lose_the_answer(self: object, attempt: Any) -> None:
        raise psycopg.OperationalError("the server closed the connection")

    with monkeypatch.context() as broken:
        broken.setattr(MqttSettlement, "_accept", lose_the_answer)
        with pytest.raises(psycopg.OperationalError):
            settlement.settle(batch)
    settlement.open()
    settlement.settle(batch)
    assert settled(database) == 3
    assert len(reasons(database)) == 2


def test_a_batch_that_was_cut_off_before_its_commit_is_written_again(
    database: Database, settlement: CounterSettlement, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = [packet(1, GOOD), packet(2, b"x")]

    def cut(point: str) -> None:
        if point == "before_commit":
            raise psycopg.OperationalError("the server closed the connection")

    with monkeypatch.context() as broken:
        broken.setattr(crash_points, "pass_point", cut)
        with pytest.raises(psycopg.OperationalError):
            settlement.settle(batch)
    assert settled(database) == 0
    settlement.open()
    assert figures(settlement.settle(batch)) == (1, 1, 0, 0)


def test_only_one_settlement_of_a_flow_is_open_and_none_writes_past_another(
    database: Database, settlement: CounterSettlement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_settlement, "_LOCK_PATIENCE", 0.3)
    with pytest.raises(FlowError, match="Another subscriber settles traffic"):
        new_settlement(database, "other").open()
    # A zombie that lost its lock without knowing: the positions it knows are out of date.
    with database.platform.store("admin").connect() as connection:
        connection.execute(
            "insert into ops.offsets (flow, source, partition, position)"
            " values ('traffic', 'mqtt', 'traffic/4264/count', 5)"
        )
    with pytest.raises(FlowError, match="settled messages of traffic meanwhile"):
        settlement.settle([packet(1, GOOD)])
    assert database.rows("select * from raw.traffic") == []


def test_what_postgresql_refuses_alone_goes_to_quarantine(
    database: Database, settlement: CounterSettlement, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_parse = counter_messages.parse

    def careless(*arguments: Any, **more: Any) -> Any:
        found = true_parse(*arguments, **more)
        if isinstance(found, Reading) and found.event_id == "e2":
            return Reading(
                *(found.centre_id, found.counted_at, -1.0, found.occupancy, found.state),
                *(found.available_at, found.event_id),
            )
        return found

    monkeypatch.setattr(counter_messages, "parse", careless)
    batch = [packet(number, body) for number, body in enumerate(readings(5), start=1)]
    assert figures(settlement.settle(batch)) == (4, 1, 0, 0)
    assert reasons(database) == ["refused_by_database"]
    assert all(one.is_settled for one in batch)


def test_the_state_of_a_stream_is_that_of_its_tables(
    database: Database, settlement: CounterSettlement
) -> None:
    store, now = database.platform.store("flow_ingest"), datetime(2026, 3, 29, 13, tzinfo=UTC)
    before = stream_state(store, "traffic", now)
    assert (before.messages, before.lag_seconds, before.last_message_at) == (0, None, None)
    settlement.settle([packet(1, GOOD), packet(2, b"x", counter="9"), packet(3, GOOD)])
    state = stream_state(store, "traffic", now)
    assert (state.messages, state.stored, state.quarantined, state.repeated) == (3, 1, 1, 1)
    assert state.lag_seconds == 3600
    assert state.open_reasons == {"not_json": 1}
    assert Counter(state.by_topic["topic"]) == {"traffic/4264/count": 1, "traffic/9/count": 1}
