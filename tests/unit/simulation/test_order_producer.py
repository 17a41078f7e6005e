"""What `flow simulate` sends: the marketplace's events as they become known, and nothing twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from flow_platform.ground.errors import SourceError
from flow_platform.simulation import order_producer
from flow_platform.simulation.order_producer import send_events
from flow_platform.sources.centres import Centre
from flow_platform.sources.deliveries_simulator import Marketplace
from flow_platform.sources.delivery_events import Poison, read_message
from flow_platform.sources.pseudonyms import Pseudonyms

NOW = datetime(2025, 3, 20, 12, tzinfo=UTC)
PLACE = Centre("p", "Paris", 48.9, 2.4, "FR", None, "C", "Europe/Paris", None)


@pytest.fixture(scope="module")
def market() -> Marketplace:
    return Marketplace(PLACE, 7, orders_a_day=0.5)


@pytest.fixture
def brokers() -> Iterator[str]:
    """A broker of librdkafka's own, in this process."""
    from confluent_kafka import Producer

    host = Producer({"test.mock.num.brokers": 1, "log_level": 2})
    (broker,) = host.list_topics(timeout=10).brokers.values()
    yield f"{broker.host}:{broker.port}"
    del host


def received(brokers: str, count: int) -> list[Any]:
    from confluent_kafka import Consumer

    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "test",
            "auto.offset.reset": "earliest",
            "log_level": 2,
        }
    )
    consumer.subscribe([f"shop.{name}" for name in ("orders", "payments", "tracking", "logs")])
    found: list[Any] = []
    silent = 0
    while len(found) < count and silent < 30:
        message = consumer.poll(1.0)
        if message is None or message.error():
            silent += 1
            continue
        found.append(message)
    consumer.close()
    return found


def test_events_arrive_once_under_their_order_with_persons(
    market: Marketplace, brokers: str
) -> None:
    sent = send_events(market, brokers=brokers, topic_prefix="shop.", rate=5000, most=300, now=NOW)
    assert sent.events == 300 and sent.poison == 0
    messages = received(brokers, 300)
    assert len(messages) == 300
    bodies = [json.loads(message.value()) for message in messages]
    assert len({body["event_id"] for body in bodies}) == 300
    assert all(
        message.key().decode() == body["order_id"]
        for message, body in zip(messages, bodies, strict=True)
    )
    placed = [body for body in bodies if body["type"] == "placed"]
    assert placed and all("@" in body["customer"]["email"] for body in placed)
    expected = order_producer.present_events(market, NOW)[:300]
    assert {body["event_id"] for body in bodies} == {one.body["event_id"] for one in expected}


def test_poison_of_every_kind_is_sent_in_addition_to_the_events(
    market: Marketplace, brokers: str
) -> None:
    sent = send_events(
        market, brokers=brokers, topic_prefix="shop.", rate=5000, most=200, poison=0.3, now=NOW
    )
    assert sent.events == 200 and sent.poison > 30
    found = [
        read_message(
            message.topic().removeprefix("shop."),
            message.value(),
            Pseudonyms(b"k" * 32),
            available_at=NOW,
            source="kafka:orders/0",
            source_position=message.offset(),
            now=NOW,
        )
        for message in received(brokers, 200 + sent.poison)
    ]
    reasons = Counter(one.reason.split(":")[0] for one in found if isinstance(one, Poison))
    assert reasons.total() == sent.poison
    assert len(reasons) >= 9


def test_without_a_broker_it_says_what_to_check(
    market: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_producer, "_DELIVERY_SECONDS", 1.0)
    monkeypatch.setattr(order_producer, "_FLUSH_SECONDS", 3.0)
    with pytest.raises(SourceError, match="did not take"):
        send_events(market, brokers="127.0.0.1:1", topic_prefix="", rate=1000, most=3, now=NOW)


def test_only_what_is_known_is_sent_and_in_that_order(market: Marketplace) -> None:
    known = list(order_producer._stream(market, NOW, is_live=False))
    moments = [event.available_at for event in known if event is not None]
    assert len(moments) == len(known) > 200
    assert moments == sorted(moments) and moments[-1] <= NOW
