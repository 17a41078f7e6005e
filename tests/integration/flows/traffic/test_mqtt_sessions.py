"""Sessions that a broker of MQTT loses, or another client takes: counted, and nothing doubled."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.live_stream import Broker, Database, SubscriberProcess, wait_until
from flow_platform.streams.mqtt_settlement import MqttSettlement
from tests.integration.conftest import flow
from tests.integration.flows.traffic.test_mqtt import (
    GOOD,
    TABLES,
    CounterSettlement,
    broker,
    figures,
    mosquitto,
    packet,
    publish,
    readings,
    reasons,
    settled,
    settlement,
    subscribe,
)

__all__ = ["TABLES", "broker", "mosquitto", "settlement", "subscribe"]
pytestmark = [pytest.mark.integration, pytest.mark.slow]

Subscribe = Callable[..., SubscriberProcess]
THERE = "mqtt://there"
FIRST = datetime(2026, 5, 1, tzinfo=UTC)


def sessions(database: Database) -> list[tuple[Any, ...]]:
    rows = database.rows("select lost, taken_over from ops.mqtt_sessions order by began_at")
    return [tuple(row.values()) for row in rows]


def forget_sessions(broker: Broker, folder: Path) -> None:
    """Restart the broker without what it had kept of its sessions."""
    broker.stop()
    for kept in folder.glob("*.db*"):
        kept.unlink()
    broker.start()


def test_a_session_that_the_broker_lost_is_counted_shown_and_begun_again(
    database: Database, broker: Broker, subscribe: Subscribe, tmp_path: Path
) -> None:
    subscriber = subscribe()
    publish(broker, *readings(10), b"x")
    wait_until(lambda: settled(database) == 11, 30, "the first ones are settled")
    assert sessions(database) == [(0, 0)] and not subscriber.events("session_lost")
    forget_sessions(broker, tmp_path / "broker")
    wait_until(lambda: len(subscriber.events("subscribed")) == 2, 30, "it subscribes again")
    # The numbers of packets begin again: the same poison is another message.
    publish(broker, *readings(20), b"x")
    wait_until(lambda: settled(database) == 32, 30, "the new session is settled")
    assert sessions(database) == [(1, 0)] and len(subscriber.events("session_lost")) == 1
    assert database.rows("select count(*) as n from raw.traffic")[0]["n"] == 20
    assert reasons(database) == ["not_json", "not_json"]
    (row,) = database.rows("select position, rows_stored, rows_repeated from ops.offsets")
    assert tuple(row.values()) == (32, 20, 10)
    shown = flow(database.platform.settings, "ingest", "status").stdout
    assert "was lost at the broker 1 times" in shown
    state = json.loads(flow(database.platform.settings, "ingest", "status", "--json").stdout)
    assert state["traffic"]["sessions_lost"] == 1
    assert state["traffic"]["sessions"][0]["broker"] == broker.url


def test_a_session_that_was_lost_while_the_subscriber_was_away_is_counted(
    database: Database, broker: Broker, subscribe: Subscribe, tmp_path: Path
) -> None:
    assert subscribe("--idle-seconds", "0.5").process.wait(60) == 0
    assert subscribe("--idle-seconds", "0.5", wait=False).process.wait(60) == 0
    assert sessions(database) == [(0, 0)]
    forget_sessions(broker, tmp_path / "broker")
    assert subscribe("--idle-seconds", "0.5", wait=False).process.wait(60) == 0
    assert sessions(database) == [(1, 0)]


def test_a_client_that_takes_the_name_and_clears_the_session_is_noticed(
    database: Database, broker: Broker, subscribe: Subscribe
) -> None:
    subscriber = subscribe("--client-id", "one-name")
    publish(broker, *readings(5))
    wait_until(lambda: settled(database) == 5, 30, "the first ones are settled")
    other = paho.Client(CallbackAPIVersion.VERSION2, client_id="one-name", protocol=paho.MQTTv5)
    other.connect("127.0.0.1", broker.port, clean_start=True)
    other.loop_start()
    time.sleep(0.5)
    other.disconnect()
    other.loop_stop()
    subscriber.wait_for("session_lost")
    wait_until(lambda: len(subscriber.events("subscribed")) >= 2, 30, "it subscribes again")
    publish(broker, *readings(9)[5:])
    wait_until(lambda: settled(database) == 9, 30, "the others are settled")
    assert sessions(database)[0][0] >= 1 and subscriber.events("cut_off")


def test_a_session_that_the_broker_says_was_taken_over_is_counted(
    database: Database, settlement: CounterSettlement
) -> None:
    settlement.begin_session(THERE, FIRST, [])
    for _ in range(2):
        settlement.note_take_over(THERE)
    assert sessions(database) == [(0, 2)]


# The settlement alone.


def test_what_a_lost_session_had_sent_is_settled_because_nobody_sends_it_again(
    database: Database, settlement: CounterSettlement
) -> None:
    _, is_lost = settlement.begin_session(THERE, FIRST, [])
    assert not is_lost
    settlement.settle([packet(1, GOOD), packet(2, b"x")])
    held = [packet(2, b"x", again=True), packet(3, b"y"), packet(4, GOOD | {"event_id": "e2"})]
    outcome, is_lost = settlement.begin_session(THERE, FIRST + timedelta(hours=1), held)
    assert is_lost and figures(outcome) == (1, 1, 0, 1)
    assert settled(database) == 4 and database.rows("select * from ops.mqtt_packets") == []
    # In the new session the same number and content may be another message.
    assert figures(settlement.settle([packet(3, b"y", again=True)])) == (0, 1, 0, 0)
    assert sessions(database) == [(1, 0)]


def test_a_session_whose_beginning_was_written_and_not_answered_counts_once(
    database: Database, settlement: CounterSettlement, monkeypatch: pytest.MonkeyPatch
) -> None:
    settlement.begin_session(THERE, FIRST, [])
    held, at = [packet(1, b"x"), packet(2, GOOD)], FIRST + timedelta(hours=1)

    def lose_the_answer(self: object, attempt: Any) -> None:
        raise psycopg.OperationalError("the server closed the connection")

    with monkeypatch.context() as broken:
        broken.setattr(MqttSettlement, "_accept", lose_the_answer)
        with pytest.raises(psycopg.OperationalError):
            settlement.begin_session(THERE, at, held)
    settlement.open()
    _, is_lost = settlement.begin_session(THERE, at, held)
    assert is_lost and settled(database) == 2 and len(reasons(database)) == 1
    assert sessions(database) == [(1, 0)]


def test_the_first_session_at_another_broker_is_no_loss(
    database: Database, settlement: CounterSettlement
) -> None:
    settlement.begin_session(THERE, FIRST, [])
    settlement.settle([packet(1, b"x")])
    _, is_lost = settlement.begin_session("mqtt://elsewhere", FIRST + timedelta(hours=1), [])
    assert not is_lost and sessions(database) == [(0, 0), (0, 0)]


def test_a_session_of_before_sessions_were_noted_is_known_by_its_packets(
    database: Database, settlement: CounterSettlement
) -> None:
    settlement.settle([packet(1, b"x")])
    assert settlement.begin_session(THERE, FIRST, [])[1]
    assert sessions(database) == [(1, 0)]
