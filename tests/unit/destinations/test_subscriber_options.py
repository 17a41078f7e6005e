"""How the subscriber of counters is set, and what its settings must not be."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from flow_platform.destinations.traffic.messages import counter_messages
from flow_platform.destinations.traffic.subscriber_options import subscriber_options
from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.ground.errors import ConfigurationError
from flow_platform.sources.messages import TOPIC, Reading
from flow_platform.streams.mqtt_settlement import Packet

PLAIN = TrafficSource(kind="mqtt")


def test_without_settings_the_broker_is_this_machine() -> None:
    found = subscriber_options(PLAIN)
    assert (found.host, found.port, found.tls) == ("127.0.0.1", 1883, False)
    assert (found.topic, found.client_id) == ("traffic/+/count", "flow-platform")
    assert found.username is None and found.password is None


def test_options_of_the_command_take_precedence_over_sources_toml() -> None:
    config = TrafficSource(
        kind="mqtt",
        columns={"vehicles": "n"},
        broker="mqtts://me:p%40ss@city.example",
        topic="a/+",
        client_id="x",
    )
    found = subscriber_options(config)
    assert (found.host, found.port, found.tls) == ("city.example", 8883, True)
    assert (found.username, found.password) == ("me", "p@ss")
    assert (found.topic, found.client_id) == ("a/+", "x")
    changed = subscriber_options(config, broker="mqtt://other:1", topic="b/#", client_id="y")
    assert (changed.host, changed.port, changed.topic, changed.client_id) == (
        "other",
        1,
        "b/#",
        "y",
    )
    assert subscriber_options(config, password="better").password == "better"


def test_no_password_is_ever_shown() -> None:
    found = subscriber_options(PLAIN, broker="mqtt://me:secret@city.example")
    assert "secret" not in repr(found) + found.address
    with pytest.raises(ConfigurationError) as refused:
        subscriber_options(PLAIN, broker="tcp://me:secret@city.example")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "broker",
    ["city.example", "mqtt://", "mqtt://h:port", "ws://h", "mqtt://h/path", "mqtt://h:99999"],
)
def test_a_broker_that_cannot_be_used_is_refused(broker: str) -> None:
    with pytest.raises(ConfigurationError, match="mqtt://host:port"):
        subscriber_options(PLAIN, broker=broker)


@pytest.mark.parametrize("topic", ["a/b+/c", "a/#/b", "a#", "$share/g/traffic/+/count", "a\0b"])
def test_a_topic_that_cannot_be_subscribed_is_refused(topic: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be subscribed"):
        subscriber_options(PLAIN, topic=topic)


def test_another_kind_of_source_says_what_to_write_unless_a_broker_is_given() -> None:
    with pytest.raises(ConfigurationError, match=r'kind = "mqtt"'):
        subscriber_options(TrafficSource())
    assert subscriber_options(TrafficSource(), broker="mqtt://h").host == "h"


def test_sources_toml_names_the_keys_of_payloads() -> None:
    config = TrafficSource(kind="mqtt", columns={"vehicles": "n"})
    payload = b'{"event_id": "e1", "counted_at": "2026-03-29T12:00:00Z", "n": 3}'
    now = datetime(2026, 3, 29, 13, tzinfo=UTC)
    place = ("traffic/77/count", payload, "mqtt:traffic/77/count", 1, now, now)
    packet = Packet(*place, size=len(payload), sha256="", number=1, qos=1, is_redelivery=False)
    found = counter_messages(config, TOPIC).read(packet).found
    assert isinstance(found, Reading)
    assert (found.centre_id, found.vehicles) == ("77", 3)
