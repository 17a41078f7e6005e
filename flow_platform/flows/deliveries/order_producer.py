"""The simulated marketplace as a producer: sends its events to Kafka at a steady rate.

The events are made in `flows/deliveries/simulator/`; receiving them is in `streams/kafka.py`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from flow_platform.flows.deliveries.simulator import Marketplace, SimulatedEvent
from flow_platform.ground.errors import SourceError
from flow_platform.ground.signals import stopping_on_signals

# Orders still on their way were placed in the last so many days; older ones have no more events.
_DAYS_BEFORE = 21
_FLUSH_SECONDS = 30.0
# How long a broker may be away before it counts as missing.
_DELIVERY_SECONDS = 60.0

_Callback = Callable[[Any, Any], None]


@dataclass
class Sent:
    """What the broker has acknowledged: events, their orders, and messages that are no events."""

    events: int = 0
    orders: int = 0
    poison: int = 0
    seconds: float = 0.0
    by_topic: dict[str, int] = field(default_factory=dict)


def present_events(market: Marketplace, now: datetime) -> list[SimulatedEvent]:
    """The events of the orders of the last days and of today, in the order in which they become
    known, with persons; including those that are not known yet at `now`.
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

    Without a limit it continues with new events as the marketplace makes them; with one it ends
    when all known events are sent. `poison` is the share of additional messages that cannot be
    read. The producer is idempotent: what the broker acknowledged is there once, in order.

    Raises SourceError if the broker does not take the messages.
    """
    producer = _Producer(brokers, topic_prefix)
    faults = _Poison(market.seed)
    is_live = most is None and seconds is None and now is None
    stopping = threading.Event()
    started = time.monotonic()
    with stopping_on_signals(stopping.set):
        made = 0
        for number, event in enumerate(_stream(market, now or datetime.now(UTC), is_live)):
            if event is not None:
                made += 1
                producer.send(event)
                if faults.draw.random() < poison:
                    producer.send_poison(event, *faults.message(event))
            # By the clock and not by the message, so that a delay is caught up with.
            producer.wait_until(started + (number + 1) / rate, stopping.is_set)
            is_over = seconds is not None and time.monotonic() - started >= seconds
            if stopping.is_set() or is_over or producer.errors or made == most:
                break
        producer.finish()
    producer.sent.seconds = time.monotonic() - started
    return producer.sent


class _Producer:
    """A connection to the broker; `sent` counts what it has acknowledged, `errors` the rest."""

    def __init__(self, brokers: str, topic_prefix: str) -> None:
        from confluent_kafka import Producer

        self.sent, self.errors = Sent(), list[str]()
        self._orders: set[str] = set()
        self._brokers, self._prefix = brokers, topic_prefix
        self._client = Producer(
            {
                "bootstrap.servers": brokers,
                "enable.idempotence": True,
                "linger.ms": 20,
                "delivery.timeout.ms": int(_DELIVERY_SECONDS * 1000),
                # Errors arrive with the messages they concern; the log would only repeat them.
                "log_level": 2,
            }
        )

    def send(self, event: SimulatedEvent) -> None:
        """Queue an event."""
        payload = json.dumps(event.body, ensure_ascii=False).encode()
        self._queue(event.topic, payload, event.order_id, self._on_delivery(event))

    def send_poison(self, event: SimulatedEvent, topic: str, payload: bytes) -> None:
        """Queue a message that cannot be read, under the key of an event."""
        self._queue(topic, payload, event.order_id, self._on_delivery(None))

    def _queue(self, topic: str, payload: bytes, key: str, on_delivery: _Callback) -> None:
        while True:
            try:
                self._client.produce(
                    f"{self._prefix}{topic}", payload, key, on_delivery=on_delivery
                )
                return
            except BufferError:  # the queue is full: the broker is slower than the rate
                self._client.poll(0.2)

    def wait_until(self, due: float, is_stopping: Callable[[], bool]) -> None:
        """Wait until the monotonic time `due`, and take the broker's answers meanwhile."""
        while not is_stopping() and (wait := due - time.monotonic()) > 0:
            self._client.poll(min(wait, 0.2))
        self._client.poll(0)

    def finish(self) -> None:
        """Wait until the broker has everything. Raises SourceError if it has not taken all."""
        left = self._client.flush(_FLUSH_SECONDS)
        self.sent.orders = len(self._orders)
        if self.errors or left:
            raise SourceError(
                f"The broker at {self._brokers} did not take {left + len(self.errors)} messages"
                f" ({self.errors[0] if self.errors else 'no answer'}); {self.sent.events} were"
                " taken. Check that it runs, and brokers under [deliveries] in sources.toml;"
                " sending again is safe."
            )

    def _on_delivery(self, event: SimulatedEvent | None) -> _Callback:
        """What counts the broker's answer to an event; None is a message that is no event."""

        def count(error: Any, _message: Any) -> None:
            if error is not None:
                self.errors.append(str(error))
            elif event is None:
                self.sent.poison += 1
            else:
                self.sent.events += 1
                self._orders.add(event.order_id)
                by_topic = self.sent.by_topic
                by_topic[event.topic] = by_topic.get(event.topic, 0) + 1

        return count


def _stream(market: Marketplace, now: datetime, is_live: bool) -> Iterator[SimulatedEvent | None]:
    """The events known at `now`; if live, also those that become known from then on.

    None means that nothing new is known yet.
    """
    sent: set[str] = set()
    present = now
    while True:
        made_on = present.date()
        for event in present_events(market, present):
            if event.body["event_id"] in sent:
                continue
            while event.available_at > present and present.date() == made_on:
                if not is_live:
                    return
                yield None
                present = datetime.now(UTC)
            if event.available_at > present:
                break  # a new day has new orders, which may be known sooner
            sent.add(event.body["event_id"])
            yield event
        else:
            if not is_live:
                return
            yield None
            present = datetime.now(UTC)


class _Poison:
    """Messages that are no events, one kind after the other."""

    def __init__(self, seed: int) -> None:
        self.draw = np.random.default_rng(seed)
        self._kind = 0

    def message(self, event: SimulatedEvent) -> tuple[str, bytes]:
        """A topic and a payload, made from an event by introducing a fault."""
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
