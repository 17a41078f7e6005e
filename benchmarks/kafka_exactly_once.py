"""Events of orders through Kafka while consumers and PostgreSQL are killed: lost, doubled?

In a home of its own a producer sends events of orders, duplicates, poison, reused event ids and
second placings, late and out of order, and keeps a ledger. Two `flow ingest kafka` of one group
share the partitions; one after the other dies with -9, most at the points where it hurts most, is
stopped for longer than its session lasts, and PostgreSQL is restarted. At the end every table is
compared with the ledger. Exit code 1 on any difference. The broker is librdkafka's own mock.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import threading
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from kafka_broker import KafkaBroker
from live_stream import Database, IngestProcess, parser_with_kills, run_with_kills, wait_until

from flow_platform.flows.deliveries.events import TOPICS
from flow_platform.ground.crash_points import INGEST_POINTS

REGIONS = ("AM", "BA", "MG", "PR", "RJ", "SP")
SESSION = ("--client", "session.timeout.ms=2000", "--client", "heartbeat.interval.ms=400")
_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
_TABLES = {
    "orders": ("raw.orders", "type, order_id, occurred_at, region, items, price, freight"),
    "payments": ("raw.payments", "'paid', order_id, occurred_at, method, installments, value"),
    "tracking": ("raw.tracking", "type, order_id, occurred_at, place"),
    "logs": ("raw.incident_logs", "type, order_id, occurred_at, incident_id, kind"),
}


@dataclass(frozen=True)
class Sent:
    """A message of the ledger. Poison has no `content`, but the `code` of its reason."""

    topic: str
    order_id: str
    payload: bytes
    event_id: str | None = None
    content: tuple[Any, ...] | None = None
    code: str | None = None


@dataclass
class Expected:
    """What the tables must hold: rows by topic and event id, quarantine by partition and offset."""

    stored: dict[tuple[str, str], tuple[Any, ...]] = field(default_factory=dict)
    quarantined: dict[tuple[str, int], str] = field(default_factory=dict)
    partitions: dict[str, Counter[str]] = field(default_factory=dict)

    def source(self, partition: str) -> str:
        """The source of a partition's messages: topics that are created again are counted in it."""
        log_number = self.partitions[partition]["log_number"]
        return f"kafka:{partition}" if log_number == 1 else f"kafka:{partition}#{log_number}"


def body_of(event_id: str, type_: str, order_id: str, at: datetime, **more: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "event_id": event_id,
        "type": type_,
        "order_id": order_id,
        "occurred_at": at.isoformat(),
        **more,
    }


def placed(number: int, event_id: str, order_id: str, chance: random.Random) -> Sent:
    at = _BEGINNING + timedelta(minutes=number % 400_000)
    region = chance.choice(REGIONS)
    items = [
        {"price": chance.randrange(1, 90_000) / 100, "freight": chance.randrange(3000) / 100}
        for _ in range(chance.randrange(1, 4))
    ]
    body = body_of(
        event_id,
        "placed",
        order_id,
        at,
        customer={
            "id": f"customer-{number % 7000}",
            "name": "Canary Kanarienvogel",
            "email": f"canary{number}@canary.example",
        },
        region=region,
        promised_at=(at + timedelta(days=9)).isoformat(),
        items=items,
    )
    price = round(sum(item["price"] for item in items), 2)
    freight = round(sum(item["freight"] for item in items), 2)
    content = ("placed", order_id, at, region, len(items), price, freight)
    return Sent("orders", order_id, json.dumps(body).encode(), event_id, content)


def life(number: int, chance: random.Random) -> list[Sent]:
    """The ten events of an order, in the order in which they occur."""
    order_id = f"order-{number}"
    first = placed(number, f"{order_id}:0", order_id, chance)
    assert first.content is not None
    at = first.content[2]
    events = [first]

    def add(topic: str, type_: str, days: float, *rest: Any, **more: Any) -> None:
        event_id = f"{order_id}:{len(events)}"
        then = at + timedelta(days=days)
        payload = json.dumps(body_of(event_id, type_, order_id, then, **more)).encode()
        events.append(Sent(topic, order_id, payload, event_id, (type_, order_id, then, *rest)))

    value = chance.randrange(100_000) / 100
    add("payments", "paid", 0.01, "card", 3, value, method="card", installments=3, value=value)
    add("orders", "approved", 0.02, None, None, None, None)
    add("orders", "corrected", 0.5, "SP", None, None, None, region="SP")
    add("tracking", "handed_over", 1, None)
    for place in ("hub 1", 'hub "2"', "hub\\3"):
        add("tracking", "in_transit", 2 + chance.random(), place, place=place)
    incident = f"incident-{number}"
    add("logs", "opened", 3, incident, "lost", incident_id=incident, kind="lost")
    add("tracking", "delivered", 6, None)
    return events


def poison(number: int, chance: random.Random) -> Sent:
    order_id = f"order-{chance.randrange(1000)}"
    sound = body_of(f"poison-{number}", "paid", order_id, _BEGINNING, value=1)
    kinds: list[tuple[str, bytes]] = [
        ("not_json", b"canary=12"),
        ("undecodable", b'{"name": "canary \xff"}'),
        ("not_an_object", b"[1, 2, 3]"),
        ("too_deep", b"[" * 20_000),
        ("too_long", json.dumps(sound | {"remark": "canary " * 12_000}).encode()),
    ]
    for code, changes in (
        ("unknown_schema", {"schema": 2}),
        ("missing_event_id", {"event_id": None}),
        ("unknown_type", {"type": "canary"}),
        ("missing_value", {"value": None}),
        ("wrong_type", {"value": "canary"}),
        ("impossible_date", {"occurred_at": "2999-01-01T00:00:00Z"}),
        ("impossible_date", {"occurred_at": "2026-02-30T00:00:00Z"}),
        ("bad_number", {"value": -4}),
        ("bad_number", {"value": float("nan")}),
        ("bad_text", {"method": "a\0b"}),
    ):
        kinds.append((code, json.dumps(sound | changes).encode()))
    code, payload = kinds[number % len(kinds)]
    return Sent("payments", order_id, payload, code=code)


def reused(earlier: Sent) -> Sent:
    """The event id of an earlier event on another moment."""
    body = json.loads(earlier.payload)
    body["occurred_at"] = (_BEGINNING - timedelta(days=3)).isoformat()
    assert earlier.content is not None
    content = (*earlier.content[:2], _BEGINNING - timedelta(days=3), *earlier.content[3:])
    payload = json.dumps(body).encode()
    return Sent(earlier.topic, earlier.order_id, payload, earlier.event_id, content)


def write_ledger(events: int, chance: random.Random, window: int = 300) -> list[Sent]:
    """Messages in the order in which they are sent: each up to `window` away from its turn.

    Of 100 are 3 duplicates, 2 poison and half a one each reused ids and second placings.
    """
    lives = [life(number, chance) for number in range(events * 94 // 1000)]
    turns = [
        (place * 10.0 + turn, sent)
        for place, some in enumerate(lives)
        for turn, sent in enumerate(some)
    ]
    firsts = list(turns)
    for _ in range(events * 3 // 100):
        place, sent = chance.choice(firsts)
        turns.append((place + chance.randrange(2 * window), sent))
    for _ in range(events // 200):
        place, sent = chance.choice(firsts)
        turns.append((place + chance.randrange(2 * window), reused(sent)))
    for number in range(events // 200):
        order = chance.randrange(len(lives))
        again = placed(number, f"again-{number}", f"order-{order}", chance)
        turns.append((order * 10.0 + chance.randrange(2 * window), again))
    for number in range(events - len(turns)):
        turns.append((chance.random() * len(firsts), poison(number, chance)))
    turns.sort(key=lambda turn: turn[0] + chance.random() * window)
    return [sent for _, sent in turns]


def partition_of(sent: Sent, partitions: int) -> int:
    return zlib.crc32(sent.order_id.encode()) % partitions


def expected_of(ledger: list[Sent], partitions: int, before: Expected | None = None) -> Expected:
    """What must become of the ledger, message by message in the order of each partition.

    `before` is what was expected until all topics were created again with so many partitions; it
    is continued.
    """
    expected = Expected() if before is None else before
    for counts in expected.partitions.values():
        counts |= {"log_number": counts["log_number"] + 1}
        counts["position"] = 0
    placings = {content[1] for content in expected.stored.values() if content[0] == "placed"}
    for sent in ledger:
        name = f"{sent.topic}/{partition_of(sent, partitions)}"
        counts = expected.partitions.setdefault(name, Counter(log_number=1))
        offset = counts["position"]
        counts["position"] += 1
        code = sent.code
        if code is None:
            assert sent.event_id is not None and sent.content is not None
            key = (sent.topic, sent.event_id)
            earlier = expected.stored.get(key)
            is_placing = sent.content[0] == "placed"
            if earlier is None and not (is_placing and sent.order_id in placings):
                expected.stored[key] = sent.content
                placings |= {sent.order_id} if is_placing else set()
                counts["rows_stored"] += 1
                continue
            if earlier == sent.content:
                counts["rows_repeated"] += 1
                continue
            code = "placed_twice" if earlier is None else "reused_event_id"
        counts["rows_quarantined"] += 1
        expected.quarantined[(expected.source(name), offset)] = code
    return expected


def differences(database: Database, expected: Expected) -> dict[str, int]:
    """How many rows are lost, doubled, wrong or beyond the ledger, by what they are."""
    rows = [
        ((topic, row["event_id"]), tuple(list(row.values())[1:]))
        for topic, (table, columns) in _TABLES.items()
        for row in database.rows(f"select event_id, {columns} from {table}")
    ]
    stored = {key: tuple(map(_rounded, content)) for key, content in rows}
    found = {
        (row["source_file"], row["source_line"]): row["code"]
        for row in database.rows(
            "select source_file, source_line, split_part(reason, ':', 1) as code"
            " from ops.quarantine"
        )
    }
    held = database.rows("select count(*) as n from ops.quarantine")[0]["n"]
    offsets = {row["partition"]: row for row in database.rows("select * from ops.offsets")}
    touched = {
        order_id
        for row in database.rows("select order_ids from ops.touched")
        for order_id in row["order_ids"]
    }
    texts = database.rows(
        "select (select count(*) from raw.orders o where o::text ilike '%canary%')"
        " + (select count(*) from ops.quarantine q where q::text ilike '%canary%') as n"
    )
    return {
        "events lost": len(expected.stored.keys() - stored.keys()),
        "events doubled": len(rows) - len(stored),
        "events beyond the ledger": len(stored.keys() - expected.stored.keys()),
        "events with other content": sum(
            stored[key] != expected.stored[key] for key in stored.keys() & expected.stored.keys()
        ),
        "poison lost": len(expected.quarantined.keys() - found.keys()),
        "poison doubled or beyond the ledger": held
        - len(expected.quarantined.keys() & found.keys()),
        "poison with another reason": sum(
            found[key] != expected.quarantined[key]
            for key in found.keys() & expected.quarantined.keys()
        ),
        "counts of offsets that differ": sum(
            int(offsets.get(name, {}).get(column, -1) != counts[column])
            for name, counts in expected.partitions.items()
            for column in ("position", "rows_stored", "rows_quarantined", "rows_repeated")
        )
        + len(offsets.keys() - expected.partitions.keys()),
        "orders not marked as touched": len(
            {content[1] for content in expected.stored.values()} - touched
        ),
        "rows that hold a person's words": int(texts[0]["n"]),
    }


def _rounded(value: Any) -> Any:
    return round(value, 2) if isinstance(value, float) else value


class Sender(threading.Thread):
    """Sends the ledger in its order, as far as it is allowed to."""

    def __init__(self, broker: KafkaBroker, ledger: list[Sent], partitions: int) -> None:
        super().__init__(daemon=True)
        self._ledger, self._partitions = ledger, partitions
        self._producer = Producer(
            {
                "bootstrap.servers": broker.address,
                "linger.ms": 5,
                "enable.idempotence": True,
                "log_level": 0,
            }
        )
        self.allowed, self.pace = 0, 0.0

    def run(self) -> None:
        """One quota takes some seconds, so that messages flow when a consumer dies."""
        place = 0
        while place < len(self._ledger):
            if place >= self.allowed:
                time.sleep(0.01)
                continue
            last = min(place + 100, self.allowed)
            for sent in self._ledger[place:last]:
                self._producer.produce(
                    sent.topic,
                    key=sent.order_id,
                    value=sent.payload,
                    partition=partition_of(sent, self._partitions),
                )
            self._producer.flush(30)
            place = last
            time.sleep(self.pace)


def settled(database: Database) -> int:
    total = "select coalesce(sum(position), 0)::bigint as n from ops.offsets"
    return int(database.rows(total)[0]["n"])


class Group:
    """The consumers of a run, two of which are alive at a time, and what happens to them."""

    def __init__(
        self, chosen: argparse.Namespace, database: Database, broker: KafkaBroker, sender: Sender
    ) -> None:
        self._database, self._broker, self._sender = database, broker, sender
        self._partitions = len(TOPICS) * chosen.partitions
        self._kills = chosen.kills
        self._chance = random.Random(chosen.seed)
        self.everyone: list[IngestProcess] = []
        self.died_at: Counter[str] = Counter()
        self.felt = 0  # restarts of PostgreSQL that a consumer noticed
        self.restarts = {
            (place + 1) * chosen.kills // (chosen.database_restarts + 1): mode
            for place, mode in enumerate(["immediate", "fast"] * chosen.database_restarts)
            if place < chosen.database_restarts
        }
        self.stalls = {
            (2 * place + 1) * chosen.kills // (2 * chosen.stalls + 1)
            for place in range(chosen.stalls)
        }

    @property
    def rounds(self) -> int:
        """How often messages are sent before the last ones."""
        return self._kills + len(self.restarts | dict.fromkeys(self.stalls))

    def start(self, number: int | None) -> IngestProcess:
        """A consumer that dies at a named point, or, as the eighth or without a number, at none."""
        crash_at = None
        if number is not None and number % 8 != 7:
            crash_at = (
                f"{INGEST_POINTS[number % len(INGEST_POINTS)]}:{self._chance.randrange(1, 3)}"
            )
        arguments = ("kafka", "--brokers", self._broker.address, *SESSION)
        self.everyone.append(IngestProcess(self._database, *arguments, crash_at=crash_at))
        return self.everyone[-1]

    def run_kills(self, quota: int) -> None:
        """Kill one consumer after the other while messages flow, `quota` messages each time."""
        alive = [self.start(0), self.start(1)]
        self._sender.start()
        for kill in range(self._kills):
            # Messages must flow when one dies; a command that starts needs a database that answers.
            wait_until(lambda: all(map(_is_up_or_dead, alive)), 120, "consumers are up")
            self._sender.allowed += quota
            self.died_at[_one_dies(alive, self._chance)] += 1
            number = kill + 2 if kill + 2 < self._kills else None
            if kill in self.restarts or kill in self.stalls:
                alive.pop().terminate()
                self._disturb(kill, quota)
                alive.append(self.start(number))
            alive.append(self.start(number))
        for process in alive:
            process.terminate()

    def _disturb(self, kill: int, quota: int) -> None:
        """Restart PostgreSQL, or stop a consumer, while two that nobody kills are at work."""
        sound = [self.start(None), self.start(None)]
        wait_until(
            lambda: sum(map(_owns, sound)) == self._partitions,
            60,
            "all partitions have a consumer",
        )
        self._sender.allowed += quota // 2
        time.sleep(0.5 + self._chance.random())
        if kill in self.restarts:
            self._database.control("restart", self.restarts[kill])
        else:
            _stall(sound[-1])
        # Messages after it too: a consumer without any does not notice that its connection is cut.
        self._sender.allowed += quota - quota // 2
        time.sleep(2 + self._sender.pace)
        for process in sound:
            process.terminate()
        if kill in self.restarts:
            self.felt += any(map(_felt_a_restart, sound))

    def settle_all(self, messages: int) -> int:
        """Two consumers settle what is left of so many messages; returns the worst exit code."""
        alive = [self.start(None), self.start(None)]
        self._sender.allowed = messages
        self._sender.join(300)
        wait_until(
            lambda: (
                settled(self._database) >= messages
                or any(process.process.poll() is not None for process in alive)
            ),
            300,
            f"all {messages} messages settled",
        )
        time.sleep(1)  # a message that is settled twice would show now
        return max(process.terminate() for process in alive)


def run(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    ledger = write_ledger(chosen.events, random.Random(chosen.seed))
    expected = expected_of(ledger, chosen.partitions)
    database, broker = Database(folder / "home"), KafkaBroker(chosen.partitions)
    sender = Sender(broker, ledger, chosen.partitions)
    group = Group(chosen, database, broker, sender)
    started = time.monotonic()
    try:
        quota = len(ledger) // (group.rounds + 1) + 1
        sender.pace = 3.0 / (quota / 100)
        group.run_kills(quota)
        code = group.settle_all(len(ledger))
    finally:
        for process in group.everyone:
            process.kill()
        wrong = differences(database, expected)
        logs = [process.log for process in group.everyone]
        broker.stop()
        database.remove()
    return {
        "messages": len(ledger),
        "events": len(expected.stored),
        "poison": len(expected.quarantined),
        "poison kinds": len(set(expected.quarantined.values())),
        "duplicates": sum(counts["rows_repeated"] for counts in expected.partitions.values()),
        "kills": dict(group.died_at),
        "consumers stopped for longer than their session": len(group.stalls),
        "database restarts": len(group.restarts),
        "connections to the database lost": sum(log.count('"database_lost"') for log in logs),
        "rebalances": sum(log.count('"assigned"') for log in logs),
        "batches refused to one that was overtaken": sum(log.count('"overtaken"') for log in logs),
        "seconds": round(time.monotonic() - started, 1),
        "exit code after SIGTERM": code,
        "differences": wrong | {"restarts that no consumer felt": len(group.restarts) - group.felt},
    }


def _one_dies(alive: list[IngestProcess], chance: random.Random) -> str:
    """Wait until one of them has killed itself, or kill one; returns where it died."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        for process in alive:
            if process.process.poll() is not None:
                alive.remove(process)
                if process.process.returncode != -signal.SIGKILL:
                    raise RuntimeError(f"A consumer has ended: {process.log}")
                return str(process.crash_at).partition(":")[0]
        if all(process.crash_at is None for process in alive):
            time.sleep(1 + chance.random())
            break
        time.sleep(0.05)
    process = alive.pop(0)
    process.kill()
    return "at random"


def _is_up_or_dead(process: IngestProcess) -> bool:
    return bool(process.events("subscribed")) or process.process.poll() is not None


def _felt_a_restart(process: IngestProcess) -> bool:
    """Whether its connection was cut, while it wrote or while it asked for positions."""
    return bool(process.events("database_lost") or process.events("database_away"))


def _owns(process: IngestProcess) -> int:
    """How many partitions it reads at the moment."""
    changes = [*process.events("positioned"), *process.events("revoked"), *process.events("lost")]
    if not changes:
        return 0
    return len(max(changes, key=lambda one: str(one["time"])).get("positions", ()))


def _stall(process: IngestProcess) -> None:
    """Stop it until the group has given its partitions away; then it wakes, and knows nothing."""
    process.process.send_signal(signal.SIGSTOP)
    time.sleep(4)
    process.process.send_signal(signal.SIGCONT)


def main() -> None:
    parser = parser_with_kills(__doc__, kills=50, database_restarts=3)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--stalls", type=int, default=3)
    chosen = parser.parse_args()
    run_with_kills(chosen, run)


if __name__ == "__main__":
    main()
