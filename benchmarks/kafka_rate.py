"""How many events a second are committed, compared with a bare consumer; and the memory it takes.

One run, one broker (librdkafka's mock): a backlog is read by a bare consumer that only polls and
decodes JSON, then by `flow ingest kafka`. Then once more with every transaction ten times as slow,
and messages that together are larger than memory may grow. Prints rates, their ratio and MiB.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import Consumer, Producer
from kafka_broker import KafkaBroker
from kafka_exactly_once import life, partition_of
from live_stream import Database, IngestProcess, scratch

from flow_platform.flows.deliveries.events import TOPICS

PARTITIONS = 4
_SLOWED = """
create function ops.slow_down() returns trigger language plpgsql as
    $$ begin perform pg_sleep({seconds}); return null; end $$;
create trigger slow_down after insert on ops.touched
    for each statement execute function ops.slow_down();
"""


def fill(broker: KafkaBroker, events: int, remark: str) -> int:
    """Send the events of so many orders; returns the bytes sent."""
    chance = random.Random(1)
    client = Producer({"bootstrap.servers": broker.address, "linger.ms": 20, "log_level": 0})
    size = 0
    for number in range(events // 10):
        for sent in life(number, chance):
            payload = sent.payload
            if remark:
                payload = json.dumps(json.loads(payload) | {"remark": remark}).encode()
            size += len(payload)
            client.produce(
                sent.topic,
                key=sent.order_id,
                value=payload,
                partition=partition_of(sent, PARTITIONS),
            )
        client.poll(0)
        if number % 500 == 0:
            client.flush()
    client.flush()
    return size


def _read_bare(address: str, events: int, result: Any) -> None:
    client = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": "bare",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )
    client.subscribe(list(TOPICS))
    count, began = 0, 0.0
    while count < events:
        message = client.poll(1.0)
        if message is None or message.error() is not None:
            continue
        began = began or time.monotonic()
        json.loads(message.value() or b"")
        count += 1
    result.put(time.monotonic() - began)
    client.close()


def read_bare(broker: KafkaBroker, events: int) -> float:
    """Events a second from the first message to the last."""
    result: Any = multiprocessing.Queue()
    process = multiprocessing.Process(target=_read_bare, args=(broker.address, events, result))
    process.start()
    seconds = float(result.get(timeout=300))
    process.join()
    return events / seconds


def read_ours(database: Database, broker: KafkaBroker, events: int) -> tuple[float, float, float]:
    """Committed events a second, the longest transaction in seconds, and the peak of memory."""
    process = IngestProcess(
        database, "kafka", "--brokers", broker.address, "--max-messages", str(events)
    )
    seen = psutil.Process(process.process.pid)
    peak = 0.0
    while process.process.poll() is None:
        try:
            peak = max(peak, seen.memory_info().rss / 2**20)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.05)
    if process.process.wait() != 0:
        raise RuntimeError(process.log)
    moments = [
        datetime.fromisoformat(process.events(name)[-1]["time"])
        for name in ("positioned", "stopped")
    ]
    stored = database.rows("select sum(rows_stored)::bigint as n from ops.offsets")[0]["n"]
    if stored != events:
        raise RuntimeError(f"{stored} of {events} events are stored")
    settled = process.events("settled")
    slowest = max(one["longest_settling_seconds"] for one in settled)
    batches = sum(one["batches"] for one in settled)
    seconds = (moments[1] - moments[0]).total_seconds()
    return events / seconds, peak, min(slowest, seconds / batches)


def empty(database: Database) -> None:
    with database.platform.store("admin").connect() as connection:
        connection.execute(
            "truncate raw.orders, raw.payments, raw.tracking, raw.incident_logs, ops.touched,"
            " ops.offsets, ops.quarantine"
        )


def run(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    broker, database = KafkaBroker(PARTITIONS), Database(folder / "home")
    large = KafkaBroker(PARTITIONS)
    try:
        fill(broker, chosen.events, "")
        bare = read_bare(broker, chosen.events)
        rate, peak, transaction = read_ours(database, broker, chosen.events)
        empty(database)
        large_size = fill(large, chosen.slow_events, "x" * 1500)
        _, large_peak, _ = read_ours(database, large, chosen.slow_events)
        empty(database)
        with database.platform.store("admin").connect() as connection:
            connection.execute(_SLOWED.format(seconds=9 * transaction))
        slow_rate, slow_peak, _ = read_ours(database, large, chosen.slow_events)
    finally:
        broker.stop()
        large.stop()
        database.remove()
    return {
        "events": chosen.events,
        "bare consumer, events a second": round(bare),
        "committed events a second": round(rate),
        "ratio": round(rate / bare, 3),
        "peak memory, MiB": round(peak),
        "large messages, MiB in all": round(large_size / 2**20),
        "peak memory with large messages, MiB": round(large_peak),
        "seconds added to every transaction": round(9 * transaction, 2),
        "committed events a second with PostgreSQL slowed": round(slow_rate),
        "peak memory with PostgreSQL slowed, MiB": round(slow_peak),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--slow-events", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    with scratch() as folder:
        result = run(chosen, folder)
    print(json.dumps(result, indent=None if chosen.json else 2))
    # Memory that grows with what waits would be several times this.
    if result["peak memory with PostgreSQL slowed, MiB"] > result["peak memory, MiB"] + 100:
        sys.exit("Memory is not bounded.")


if __name__ == "__main__":
    main()
