"""The simulated marketplace as a producer of messages: its events to a broker, at a steady rate.

For trying the platform with; nothing here is needed to run it. Receiving is in `kafka.py`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from flow_platform.ground.errors import SourceError
from flow_platform.ingest.signals import stopping_on_signals
from flow_platform.sources.deliveries_simulator import Marketplace, SimulatedEvent

# Orders on their way are placed in the last so many days; those before have all been told of.
_DAYS_BEFORE = 21
_FLUSH_SECONDS = 30.0
# How long a broker may be away before it counts as not there.
_DELIVERY_SECONDS = 60.0


@dataclass
class Sent:
    """What the broker has acknowledged: events, their orders, and messages that are no events."""

    events: int = 0
    orders: int = 0
    poison: int = 0
    seconds: float = 0.0
    by_topic: dict[str, int] = field(default_factory=dict)


def present_events(market: Marketplace, now: datetime) -> list[SimulatedEvent]:
    """The events of the orders of the last days and of today, as they become known, with persons;
    those too that are not known yet at `now`.
    """
    today = now.astimezone(UTC).date()
    orders = market.orders(today - timedelta(days=_DAYS_BEFORE), today)
    return list(market.events(orders, with_persons=True))


def send_events(
    market: Marketplace,
    *,
    brokers: str,
    topic_prefix: str,
    rate: float,
    seconds: float | None = None,
    most: int | None = None,
    poison: float = 0.0,
    now: datetime | None = None,
) -> Sent:
    """Send the events of the present days, `rate` a second, until SIGTERM, SIGINT or a limit.

    Without a limit it goes on with new events as the marketplace makes them; with one it ends when
    all that is known is sent. `poison` is the share of messages, sent beside, that cannot be
    read. The producer is idempotent: what the broker acknowledged is there once, in order.

    Raises SourceError where the broker does not take the messages.
    """
    from confluent_kafka import Producer

    sent, failed = Sent(), list[str]()
    orders: set[str] = set()
    producer = Producer(
        {
            "bootstrap.servers": brokers,
            "enable.idempotence": True,
            "linger.ms": 20,
            "delivery.timeout.ms": int(_DELIVERY_SECONDS * 1000),
            # Errors come back with the messages they concern; the log would only repeat them.
            "log_level": 2,
        }
    )

    def told(event: SimulatedEvent | None) -> Any:
        def done(error: Any, message: Any) -> None:
            if error is not None:
                failed.append(str(error))
            elif event is None:
                sent.poison += 1
            else:
                sent.events += 1
                orders.add(event.order_id)
                sent.by_topic[event.topic] = sent.by_topic.get(event.topic, 0) + 1

        return done

    started = time.monotonic()
    faults = _Poison(market.seed)
    is_live = most is None and seconds is None and now is None
    stopping = threading.Event()
    with stopping_on_signals(stopping.set):
        made = 0
        for number, event in enumerate(_stream(market, now or datetime.now(UTC), is_live)):
            if event is not None:
                made += 1
                _produce(producer, f"{topic_prefix}{event.topic}", event, told(event))
                if faults.draw.random() < poison:
                    topic, payload = faults.message(event)
                    producer.produce(
                        f"{topic_prefix}{topic}", payload, event.order_id, on_delivery=told(None)
                    )
            # By the clock and not by the message, so that a late moment is made up for.
            due = started + (number + 1) / rate
            while not stopping.is_set() and (wait := due - time.monotonic()) > 0:
                producer.poll(min(wait, 0.2))
            producer.poll(0)
            is_over = seconds is not None and time.monotonic() - started >= seconds
            if stopping.is_set() or is_over or failed or made == most:
                break
        left = producer.flush(_FLUSH_SECONDS)
    sent.orders, sent.seconds = len(orders), time.monotonic() - started
    if failed or left:
        raise SourceError(
            f"The broker at {brokers} did not take {left + len(failed)} messages"
            f" ({failed[0] if failed else 'no answer'}); {sent.events} were taken. Check that it"
            " runs, and brokers under [deliveries] in sources.toml; sending again is safe."
        )
    return sent


def _stream(market: Marketplace, now: datetime, is_live: bool) -> Iterator[SimulatedEvent | None]:
    """The events known at `now`; live, also those that become known from then on.

    None says that nothing new is known yet.
    """
    told: set[str] = set()
    present = now
    while True:
        made_on = present.date()
        for event in present_events(market, present):
            if event.body["event_id"] in told:
                continue
            while event.available_at > present and present.date() == made_on:
                if not is_live:
                    return
                yield None
                present = datetime.now(UTC)
            if event.available_at > present:
                break  # a new day has new orders, which may be known sooner
            told.add(event.body["event_id"])
            yield event
        else:
            if not is_live:
                return
            yield None
            present = datetime.now(UTC)


def _produce(producer: Any, topic: str, event: SimulatedEvent, done: Any) -> None:
    payload = json.dumps(event.body, ensure_ascii=False).encode()
    while True:
        try:
            producer.produce(topic, payload, event.order_id, on_delivery=done)
            return
        except BufferError:  # the queue is full: the broker is slower than the rate
            producer.poll(0.2)


class _Poison:
    """Messages that are no events, each kind in its turn."""

    def __init__(self, seed: int) -> None:
        self.draw = np.random.default_rng(seed)
        self._kind = 0

    def message(self, event: SimulatedEvent) -> tuple[str, bytes]:
        """A topic and a payload, made of an event by a fault."""
        body: dict[str, Any] = dict(event.body)
        body["event_id"] = f"{body['event_id']}:poison"
        kinds: list[tuple[str, Any]] = [
            (event.topic, b"\xff\xfe" + json.dumps(body).encode()),
            (event.topic, json.dumps(body).encode()[:-2]),
            (event.topic, json.dumps([body]).encode()),
            (event.topic, {**body, "schema": 99}),
            (event.topic, {**body, "event_id": None}),
            (event.topic, {**body, "type": "teleported"}),
            (event.topic, {**body, "order_id": None}),
            (event.topic, {**body, "occurred_at": 1}),
            (event.topic, {**body, "occurred_at": "2025-02-30T00:00:00+00:00"}),
            ("payments", {**body, "type": "paid", "value": -1}),
            ("orders", {**body, "type": "corrected", "region": "a|b"}),
        ]
        topic, payload = kinds[self._kind % len(kinds)]
        self._kind += 1
        whole = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return topic, whole
