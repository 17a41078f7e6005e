"""Messages through a real Mosquitto while subscriber and PostgreSQL are killed: lost, doubled?

In a home of its own a producer publishes readings, duplicates, poison and reused event ids, out of
order, and keeps a ledger; `flow ingest mqtt` is killed with -9 again and again, some times at the
very points where it hurts most, and PostgreSQL is restarted. At the end every table is compared
with the ledger. Exit code 1 on any difference.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from live_stream import (
    Broker,
    Database,
    SubscriberProcess,
    check_mosquitto,
    parser_with_kills,
    publisher,
    run_with_kills,
    wait_until,
)

from flow_platform.ground.crash_points import INGEST_POINTS
from flow_platform.ground.errors import WarehouseError

COUNTERS = tuple(str(number) for number in range(4260, 4300))
# Longer than this without a commit while messages wait, and the stream counts as stalled.
STALL_SECONDS = 30.0
_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Sent:
    """A message of the ledger. Poison has no `content`, but the `code` of its reason."""

    topic: str
    payload: bytes
    event_id: str | None = None
    content: tuple[Any, ...] | None = None
    code: str | None = None


@dataclass
class Expected:
    """What the tables must hold when all that was sent is settled."""

    stored: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    quarantined: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    topics: dict[str, Counter[str]] = field(default_factory=dict)


def good(number: int, chance: random.Random) -> Sent:
    counter = chance.choice(COUNTERS)
    hour = _BEGINNING + timedelta(hours=number % 5000)
    vehicles = float(chance.randrange(3000)) if chance.random() > 0.05 else None
    occupancy = round(chance.random() * 60, 2)
    event_id = f"{counter}-{number}"
    body = {
        "event_id": event_id,
        "counted_at": hour.isoformat(),
        "vehicles": vehicles,
        "occupancy": occupancy,
        "state": "open",
    }
    content = (counter, hour, vehicles, occupancy, "open")
    return Sent(f"traffic/{counter}/count", json.dumps(body).encode(), event_id, content)


def poison(number: int, chance: random.Random) -> Sent:
    """One of many kinds; some have the same bytes each time, and nothing else that differs."""
    counter = chance.choice(COUNTERS[:3])
    sound = {
        "event_id": f"poison-{number}",
        "counted_at": "2026-02-01T00:00:00Z",
        "vehicles": 1,
    }
    kinds: list[tuple[str, bytes]] = [
        ("not_json", b"vehicles=12"),
        ("not_json", b""),
        ("undecodable", b'{"event_id": "\xff\xfe"}'),
        ("not_an_object", b"[1, 2, 3]"),
        ("missing_event_id", b'{"counted_at": "2026-02-01T00:00:00Z", "vehicles": 3}'),
        ("not_finite", b'{"event_id": "n", "vehicles": NaN}'),
        ("too_deep", b"[" * 20_000),
        ("missing_value", json.dumps({"event_id": f"t{number}", "vehicles": 2}).encode()),
        ("wrong_type", json.dumps(sound | {"counted_at": "noon"}).encode()),
        ("future_hour", json.dumps(sound | {"counted_at": "2999-01-01T00:00:00Z"}).encode()),
        ("before_2005", json.dumps(sound | {"counted_at": "1999-01-01T00:00:00Z"}).encode()),
        ("negative_count", json.dumps(sound | {"vehicles": -4}).encode()),
        ("wrong_type", json.dumps(sound | {"vehicles": "many"}).encode()),
        ("too_large", json.dumps(sound | {"vehicles": 10**7}).encode()),
        ("unknown_state", json.dumps(sound | {"state": "asleep"}).encode()),
        ("other_counter", json.dumps(sound | {"counter": "1"}).encode()),
        ("too_long", json.dumps(sound | {"remark": "x" * 70_000}).encode()),
        ("bad_event_id", json.dumps(sound | {"event_id": "a\0b"}).encode()),
    ]
    code, payload = kinds[number % len(kinds)]
    if number % 37 == 0:
        return Sent("traffic/a,b/count", json.dumps(sound).encode(), code="bad_counter")
    return Sent(f"traffic/{counter}/count", payload, code=code)


def reused(earlier: Sent) -> Sent:
    """The event id of an earlier message on other values."""
    assert earlier.content is not None
    counter, hour, _, occupancy, state = earlier.content
    body = {
        "event_id": earlier.event_id,
        "counted_at": hour.isoformat(),
        "vehicles": 4321,
        "occupancy": occupancy,
        "state": state,
    }
    content = (counter, hour, 4321.0, occupancy, state)
    return Sent(earlier.topic, json.dumps(body).encode(), earlier.event_id, content)


def write_ledger(
    messages: int, duplicates: float, bad: float, chance: random.Random, window: int = 200
) -> list[Sent]:
    """Messages in the order in which they are published: each up to `window` away from its turn."""
    extra, poisonous = round(messages * duplicates), round(messages * bad)
    reusing = max(1, poisonous // 10)
    readings = [good(number, chance) for number in range(messages - extra - poisonous)]
    turns = [(float(place), sent) for place, sent in enumerate(readings)]
    for kind, count in ((reused, reusing), (None, extra)):
        for _ in range(count):
            place = chance.randrange(len(readings))
            again = kind(readings[place]) if kind else readings[place]
            turns.append((place + chance.randrange(1, 2 * window), again))
    for number in range(poisonous - reusing):
        turns.append((chance.randrange(len(readings)), poison(number, chance)))
    turns.sort(key=lambda turn: turn[0] + chance.random() * window)
    return [sent for _, sent in turns]


def expected_of(ledger: list[Sent]) -> Expected:
    """What must become of the ledger, message by message in its order."""
    expected = Expected()
    for sent in ledger:
        counts = expected.topics.setdefault(sent.topic, Counter())
        counts["position"] += 1
        code = sent.code
        if code is None and sent.event_id is not None and sent.content is not None:
            if sent.event_id not in expected.stored:
                expected.stored[sent.event_id] = sent.content
                counts["rows_stored"] += 1
                continue
            if expected.stored[sent.event_id] == sent.content:
                counts["rows_repeated"] += 1
                continue
            code = "reused_event_id"
        counts["rows_quarantined"] += 1
        digest = hashlib.sha256(sent.payload).hexdigest()
        expected.quarantined[(f"mqtt:{sent.topic}", digest, str(code))] += 1
    return expected


def differences(database: Database, expected: Expected) -> dict[str, int]:
    """How many rows are lost, doubled, wrong or beyond the ledger, by what they are."""
    rows = database.rows(
        "select event_id, centre_id, counted_at, vehicles, occupancy, state from raw.traffic"
    )
    stored = {row["event_id"]: tuple(list(row.values())[1:]) for row in rows}
    quarantine = database.rows(
        "select source_file, source_line, payload_sha256, split_part(reason, ':', 1) as code"
        " from ops.quarantine"
    )
    found = Counter((row["source_file"], row["payload_sha256"], row["code"]) for row in quarantine)
    offsets = {row["partition"]: row for row in database.rows("select * from ops.offsets")}
    wrong_counts = sum(
        int(offsets.get(topic, {}).get(name, -1) != counts[name])
        for topic, counts in expected.topics.items()
        for name in ("position", "rows_stored", "rows_quarantined", "rows_repeated")
    )
    return {
        "readings lost": len(expected.stored.keys() - stored.keys()),
        "readings doubled": len(rows) - len(stored),
        "readings beyond the ledger": len(stored.keys() - expected.stored.keys()),
        "readings with other values": sum(
            stored[event_id] != expected.stored[event_id]
            for event_id in stored.keys() & expected.stored.keys()
        ),
        "poison lost": (expected.quarantined - found).total(),
        "poison doubled or beyond the ledger": (found - expected.quarantined).total(),
        "places in a topic taken twice": len(quarantine)
        - len({(row["source_file"], row["source_line"]) for row in quarantine}),
        "counts of offsets that differ": wrong_counts
        + len(offsets.keys() - expected.topics.keys()),
    }


class Producer(threading.Thread):
    """Publishes the ledger in its order, as far as it is allowed to, and counts what the broker
    has taken.
    """

    def __init__(self, broker: Broker, ledger: list[Sent]) -> None:
        super().__init__(daemon=True)
        self._broker, self._ledger = broker, ledger
        self.allowed = 0
        self.taken = 0
        self.pace = 0.0

    def run(self) -> None:
        with publisher(self._broker) as client:
            place = 0
            while place < len(self._ledger):
                if place >= self.allowed:
                    time.sleep(0.01)
                    continue
                last = min(place + 20, self.allowed)
                infos = [
                    client.publish(sent.topic, sent.payload, qos=1)
                    for sent in self._ledger[place:last]
                ]
                for info in infos:
                    info.wait_for_publish(30)
                self.taken = place = last
                time.sleep(self.pace)


class Watch(threading.Thread):
    """Measures the longest time without a commit while messages wait at the broker."""

    def __init__(self, database: Database, producer: Producer) -> None:
        super().__init__(daemon=True)
        self._database, self._producer = database, producer
        self.settled = 0
        self.longest_gap = 0.0
        self.is_over = False

    def run(self) -> None:
        last_change = time.monotonic()
        while not self.is_over:
            time.sleep(0.05)
            now = time.monotonic()
            try:
                rows = self._database.rows(
                    "select coalesce(sum(position), 0)::bigint as n from ops.offsets"
                )
            except (WarehouseError, psycopg.Error):
                continue
            if rows[0]["n"] != self.settled or self.settled >= self._producer.taken:
                self.settled, last_change = rows[0]["n"], now
            self.longest_gap = max(self.longest_gap, now - last_change)


def run(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    chance = random.Random(chosen.seed)
    ledger = write_ledger(chosen.messages, chosen.duplicates, chosen.poison, chance)
    expected = expected_of(ledger)
    database, broker = Database(folder / "home"), Broker(folder / "broker")
    broker.start()
    producer = Producer(broker, ledger)
    watch = Watch(database, producer)
    subscriber = SubscriberProcess(database, broker)
    died_at: Counter[str] = Counter()
    survived = 0
    restarts = {
        (place + 1) * chosen.kills // (chosen.database_restarts + 1): mode
        for place, mode in zip(
            range(chosen.database_restarts), ["immediate", "fast"] * 100, strict=False
        )
    }
    started = time.monotonic()
    try:
        subscriber.wait_for("subscribed")  # from now on the broker keeps what is published
        quota = len(ledger) // (chosen.kills + 1) + 1
        # A quota takes about two seconds, so that messages flow when the subscriber is killed.
        producer.pace = 2.0 / (quota / 20)
        producer.start()
        watch.start()
        for kill in range(chosen.kills):
            producer.allowed += quota
            if kill in restarts:
                subscriber.wait_for("subscribed")
                time.sleep(chance.random())
                database.control("restart", restarts[kill])
                time.sleep(1 + chance.random())
                survived += len(subscriber.events("database_lost"))
            died_at[end_of(subscriber, chance)] += 1
            # One that is to die at a named point could not live through a restart.
            at_points = kill + 1 not in restarts and kill % 2 == 0
            subscriber = next_subscriber(database, broker, kill, chance, at_points)
            if chance.random() < 0.7:
                subscriber.wait_for("connected")
        if point_of(subscriber) is not None:
            subscriber.kill()
            subscriber = SubscriberProcess(database, broker)
        producer.allowed = len(ledger)
        producer.join(120)
        wait_until(
            lambda: watch.settled >= len(ledger) or subscriber.process.poll() is not None,
            120,
            f"all {len(ledger)} messages settled, {watch.settled} are",
        )
        time.sleep(1)  # a message that is settled twice would show now
        code = subscriber.terminate()
    finally:
        watch.is_over = True
        subscriber.kill()
        wrong = differences(database, expected)
        broker.stop()
        database.remove()
    return {
        "messages": len(ledger),
        "readings": len(expected.stored),
        "poison": expected.quarantined.total(),
        "poison kinds": len({code for _, _, code in expected.quarantined}),
        "duplicates": sum(counts["rows_repeated"] for counts in expected.topics.values()),
        "kills": dict(died_at),
        "database restarts": len(restarts),
        "connections to the database lost and made again": survived,
        "seconds": round(time.monotonic() - started, 1),
        "longest gap between commits while messages waited, seconds": round(watch.longest_gap, 1),
        "exit code after SIGTERM": code,
        "differences": wrong,
    }


def next_subscriber(
    database: Database, broker: Broker, number: int, chance: random.Random, at_points: bool
) -> SubscriberProcess:
    """A subscriber that dies at one of the named points, or waits to be killed."""
    point = INGEST_POINTS[number // 2 % len(INGEST_POINTS)] if at_points else None
    crash_at = f"{point}:{chance.randrange(1, 4)}" if point else None
    return SubscriberProcess(database, broker, crash_at=crash_at)


def end_of(subscriber: SubscriberProcess, chance: random.Random) -> str:
    """Wait until it has killed itself, or kill it; returns where it died."""
    point = point_of(subscriber)
    if point is None:
        time.sleep(chance.random() * 2)
    else:
        try:
            subscriber.process.wait(20)
            return point
        except subprocess.TimeoutExpired:
            pass
    subscriber.kill()
    return "at random"


def point_of(subscriber: SubscriberProcess) -> str | None:
    return subscriber.crash_at.partition(":")[0] if subscriber.crash_at else None


def main() -> None:
    parser = parser_with_kills(__doc__, kills=20, database_restarts=2)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--duplicates", type=float, default=0.05)
    parser.add_argument("--poison", type=float, default=0.02)
    chosen = parser.parse_args()
    check_mosquitto()
    result = run_with_kills(chosen, run)
    if result["longest gap between commits while messages waited, seconds"] > STALL_SECONDS:
        sys.exit(1)


if __name__ == "__main__":
    main()
