"""How many messages a second are committed, compared with a bare paho subscriber that only counts.

One run, one Mosquitto: (1) a backlog that waits for both is fetched by the bare subscriber, then by
`flow ingest mqtt`, so that the publisher is no brake on either; (2) at a steady half of that rate,
how long a message takes from its publication to its commit. Prints both rates and their ratio.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as paho
from live_stream import (
    Broker,
    Database,
    SubscriberProcess,
    check_mosquitto,
    publisher,
    scratch,
)
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from flow_platform.streams.mqtt import RECEIVE_MAXIMUM

_BARE = "bare"


def message(number: int, counters: int) -> tuple[str, bytes]:
    counter = 4000 + number % counters
    body = {
        "event_id": f"{counter}-{number}",
        "counted_at": "2026-02-01T05:00:00+01:00",
        "vehicles": number % 3000,
        "occupancy": number % 97 / 2,
        "state": "open",
    }
    return f"traffic/{counter}/count", json.dumps(body).encode()


def publish(
    broker: Broker, first: int, count: int, counters: int, rate: float | None
) -> list[float]:
    """Publish messages, at most `rate` a second; returns when each was handed over."""
    sent: list[float] = []
    with publisher(broker) as client:
        started = time.time()
        for number in range(first, first + count):
            if rate is not None:
                ahead = started + len(sent) / rate - time.time()
                if ahead > 0.002:
                    time.sleep(ahead)
            info = client.publish(*message(number, counters), qos=1)
            sent.append(time.time())
            if number == first + count - 1 or (rate is None and number % 500 == 0):
                info.wait_for_publish(60)
    return sent


def _publish_apart(queue: Any, *arguments: Any) -> None:
    queue.put(publish(*arguments))


def bare_client(broker: Broker) -> paho.Client:
    """A subscriber with the same session and window as ours; paho acknowledges by itself."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=_BARE, protocol=paho.MQTTv5)
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 3600
    properties.ReceiveMaximum = RECEIVE_MAXIMUM

    def subscribe(*_: Any) -> None:
        client.subscribe("traffic/+/count", qos=1)

    client.on_connect = subscribe
    client.connect("127.0.0.1", broker.port, clean_start=False, properties=properties)
    return client


def _count(broker: Broker, messages: int, result: Any) -> None:
    """Count `messages` messages; put the seconds from connection to the last one."""
    count = 0
    done = False
    started = time.monotonic()

    def received(_client: paho.Client, _data: Any, _message: paho.MQTTMessage) -> None:
        nonlocal count, done
        count += 1
        done = count >= messages

    client = bare_client(broker)
    client.on_message = received
    while not done:
        client.loop(1)
    result.put(time.monotonic() - started)
    client.disconnect()


def _settled(database: Database) -> int:
    query = "select coalesce(sum(position), 0)::bigint as n from ops.offsets"
    return int(database.rows(query)[0]["n"])


def _watch(database: Database, until: int, ready: Event, result: Any) -> None:
    """(time, settled) at every change, until `until` are settled."""
    import psycopg

    changes: list[tuple[float, int]] = []
    store = database.platform.store("admin")
    with psycopg.connect(store.server.dsn("admin"), autocommit=True) as connection:
        ready.set()
        while not changes or changes[-1][1] < until:
            row = connection.execute(
                "select coalesce(sum(position), 0)::bigint from ops.offsets"
            ).fetchone()
            count = row[0] if row else 0
            if not changes or count != changes[-1][1]:
                changes.append((time.time(), count))
            time.sleep(0.004)
    result.put(changes)


def fetch_bare(broker: Broker, messages: int) -> float:
    result: Any = multiprocessing.Queue()
    process = multiprocessing.Process(target=_count, args=(broker, messages, result))
    process.start()
    seconds = float(result.get(timeout=300))
    process.join()
    return messages / seconds


def fetch_ours(database: Database, broker: Broker, messages: int) -> float:
    """Messages a second from the connection to the last commit."""
    subscriber = SubscriberProcess(database, broker, "--max-messages", str(messages))
    if subscriber.process.wait(300) != 0:
        raise RuntimeError(subscriber.log)
    (connected,) = subscriber.events("connected")
    began = time.mktime(time.strptime(connected["time"][:19], "%Y-%m-%dT%H:%M:%S"))
    began += float(connected["time"][19:23]) - time.timezone
    (last,) = database.rows(
        "select extract(epoch from max(last_message_at)) as at from ops.offsets"
    )
    assert _settled(database) == messages
    return messages / (float(last["at"]) - began)


def delays(database: Database, broker: Broker, first: int, chosen: Any, rate: float) -> np.ndarray:
    """Seconds from publication to commit of each message at a steady rate."""
    context = multiprocessing.get_context("fork")
    subscriber = SubscriberProcess(database, broker)
    subscriber.wait_for("subscribed")
    changes_queue, sent_queue, ready = context.Queue(), context.Queue(), context.Event()
    count = chosen.steady
    watcher = context.Process(target=_watch, args=(database, first + count, ready, changes_queue))
    watcher.start()
    ready.wait(30)
    sender = context.Process(
        target=_publish_apart, args=(sent_queue, broker, first, count, chosen.counters, rate)
    )
    sender.start()
    sent = np.array(sent_queue.get(timeout=300))
    changes = changes_queue.get(timeout=300)
    watcher.join()
    sender.join()
    subscriber.terminate()
    at = np.array([change[0] for change in changes])
    settled = np.array([change[1] for change in changes]) - first
    committed = at[np.searchsorted(settled, np.arange(1, count + 1))]
    return committed - sent


def run(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    database, broker = Database(folder / "home"), Broker(folder / "broker")
    broker.start()
    try:
        opened = bare_client(broker)
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            opened.loop(0.1)
        opened.disconnect()
        ours = SubscriberProcess(database, broker)
        ours.wait_for("subscribed")
        ours.terminate()
        started = time.monotonic()
        publish(broker, 0, chosen.messages, chosen.counters, None)
        published = chosen.messages / (time.monotonic() - started)
        bare = fetch_bare(broker, chosen.messages)
        landed = fetch_ours(database, broker, chosen.messages)
        rate = landed / 2
        waits = delays(database, broker, chosen.messages, chosen, rate)
    finally:
        broker.stop()
        database.remove()
    return {
        "messages": chosen.messages,
        "topics": chosen.counters,
        "published_per_second": round(published),
        "bare_subscriber_per_second": round(bare),
        "committed_per_second": round(landed),
        "ratio_to_bare_subscriber": round(landed / bare, 3),
        "steady_rate_per_second": round(rate),
        "delay_p50_seconds": round(float(np.quantile(waits, 0.5)), 3),
        "delay_p95_seconds": round(float(np.quantile(waits, 0.95)), 3),
        "delay_max_seconds": round(float(waits.max()), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--steady", type=int, default=20_000, help="Messages at the steady rate.")
    parser.add_argument("--counters", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    check_mosquitto()
    with scratch() as folder:
        result = run(chosen, folder)
    print(json.dumps(result, indent=None if chosen.json else 2))


if __name__ == "__main__":
    main()
