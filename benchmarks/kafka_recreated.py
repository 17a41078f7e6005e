"""Topics of Kafka that are created again under consumers that are killed: lost, doubled?

As `kafka_exactly_once.py`, with the same ledger of events, duplicates, poison and reused ids. When
all of it is settled, every topic is deleted and created again: shorter, of equal length, longer,
and with more partitions, while two consumers run. Consumers die with -9, also while they begin a
partition again. At the end every table is compared with the ledger. Exit code 1 on any difference.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import time
from collections import Counter, defaultdict
from itertools import cycle
from pathlib import Path
from typing import Any

from kafka_broker import KafkaBroker
from kafka_exactly_once import (
    SESSION,
    Expected,
    Sender,
    Sent,
    differences,
    expected_of,
    partition_of,
    write_ledger,
)
from live_stream import Database, IngestProcess, parser_with_kills, run_with_kills, wait_until

from flow_platform.flows.deliveries.events import TOPICS
from flow_platform.ground.crash_points import BEGIN_AGAIN_POINTS, INGEST_POINTS

# Name, messages as a share of the first topics' (None: as many in each partition), partitions.
PHASES: tuple[tuple[str, float | None, int], ...] = (
    ("first", 1.0, 2),
    ("shorter", 0.3, 2),
    ("of equal length", None, 2),
    ("longer", 1.6, 2),
    ("with more partitions", 1.2, 4),
    ("with more partitions and shorter", 0.4, 6),
)
_POINTS = (*BEGIN_AGAIN_POINTS, INGEST_POINTS[1], *BEGIN_AGAIN_POINTS, INGEST_POINTS[2])
_REFRESH = ("--client", "topic.metadata.refresh.interval.ms=1000")


def renamed(ledger: list[Sent], phase: int) -> list[Sent]:
    """The same ledger of other orders: those whose number is odd; the others come once more."""
    if phase == 0:
        return ledger
    return [_renamed(sent, phase) if sent.order_id[-1] in "13579" else sent for sent in ledger]


def _renamed(sent: Sent, phase: int) -> Sent:
    if sent.content is None or sent.event_id is None:
        return sent
    order_id, event_id = f"{phase}-{sent.order_id}", f"{phase}-{sent.event_id}"
    body = json.loads(sent.payload) | {"order_id": order_id, "event_id": event_id}
    content = (sent.content[0], order_id, *sent.content[2:])
    return Sent(sent.topic, order_id, json.dumps(body).encode(), event_id, content, sent.code)


def as_many(ledger: list[Sent], model: list[Sent], partitions: int) -> list[Sent]:
    """The ledger with as many messages in each partition as `model` has."""
    wanted = Counter((one.topic, partition_of(one, partitions)) for one in model)
    some: dict[tuple[str, int], list[Sent]] = defaultdict(list)
    for sent in ledger:
        some[(sent.topic, partition_of(sent, partitions))].append(sent)
    found = []
    for place, count in wanted.items():
        repeats = cycle(some[place])
        found += [next(repeats) for _ in range(count)]
    return found


def is_settled(database: Database, expected: Expected) -> bool:
    """Whether every partition is settled to its end, in the log that the topic has now."""
    rows = database.rows("select partition, position, log_number from ops.offsets")
    found = {row["partition"]: (row["position"], row["log_number"]) for row in rows}
    return all(
        found.get(name) == (counts["position"], counts["log_number"])
        for name, counts in expected.partitions.items()
        if counts["position"]
    )


class Consumers:
    """Two that are alive, and those that died."""

    def __init__(self, database: Database, broker: KafkaBroker, chance: random.Random) -> None:
        self._database, self._broker, self._chance = database, broker, chance
        self._points = cycle(_POINTS)
        self.everyone: list[IngestProcess] = []
        self.alive: list[IngestProcess] = []
        self.died_at: Counter[str] = Counter()

    def fill(self, *, die: bool) -> None:
        """Start what is missing; one that shall die does so at a named point."""
        for process in list(self.alive):
            if process.process.poll() is None:
                continue
            self.alive.remove(process)
            if process.process.returncode != -signal.SIGKILL:
                raise RuntimeError(f"A consumer has ended: {process.log}")
            self.died_at[str(process.crash_at).partition(":")[0]] += 1
        while len(self.alive) < 2:
            crash_at = f"{next(self._points)}:{self._chance.randrange(1, 3)}" if die else None
            arguments = ("kafka", "--brokers", self._broker.address, *SESSION, *_REFRESH)
            self.alive.append(IngestProcess(self._database, *arguments, crash_at=crash_at))
            self.everyone.append(self.alive[-1])

    def kill_one(self) -> None:
        process = self.alive.pop(0)
        process.kill()
        self.died_at["at random"] += 1

    def stop(self) -> int:
        return max(process.terminate() for process in self.alive)


def run(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    chance = random.Random(chosen.seed)
    database, broker = Database(folder / "home"), KafkaBroker(PHASES[0][2])
    consumers = Consumers(database, broker, chance)
    expected, first = Expected(), list[Sent]()
    started, messages = time.monotonic(), 0
    try:
        for number, (name, share, partitions) in enumerate(PHASES):
            events = int(chosen.events * (1.0 if share is None else share))
            ledger = renamed(write_ledger(events, random.Random(chosen.seed)), number)
            if share is None:
                ledger = as_many(ledger, first, partitions)
            first, messages = ledger, messages + len(ledger)
            if number:
                for topic in TOPICS:
                    broker.recreate_topic(topic, partitions)
            expected = expected_of(ledger, partitions, expected if number else None)
            sender = Sender(broker, ledger, partitions)
            sender.allowed, sender.pace = len(ledger), chosen.pace
            sender.start()
            settle(database, expected, consumers, chosen.kills, name)
            sender.join(60)
        time.sleep(1)  # a message that is settled twice would show now
        code = consumers.stop()
    finally:
        for process in consumers.everyone:
            process.kill()
        wrong = differences(database, expected)
        logs = [process.log for process in consumers.everyone]
        broker.stop()
        database.remove()
    return {
        "messages": messages,
        "events": len(expected.stored),
        "poison": len(expected.quarantined),
        "topics created again": len(TOPICS) * (len(PHASES) - 1),
        "partitions begun again": sum(log.count('"begun_again"') for log in logs),
        "batches refused because their topic was another": sum(
            log.count('"log_replaced"') for log in logs
        ),
        "kills": dict(consumers.died_at),
        "seconds": round(time.monotonic() - started, 1),
        "exit code after SIGTERM": code,
        "differences": wrong,
    }


def settle(
    database: Database, expected: Expected, consumers: Consumers, kills: int, name: str
) -> None:
    """Kill consumers while they settle, then let two settle what is left."""
    until = sum(consumers.died_at.values()) + kills
    at = time.monotonic() + 6
    while sum(consumers.died_at.values()) < until and not is_settled(database, expected):
        consumers.fill(die=True)
        time.sleep(0.1)
        if time.monotonic() > at:
            consumers.kill_one()
            at = time.monotonic() + 6

    def is_done() -> bool:
        consumers.fill(die=False)
        return is_settled(database, expected)

    wait_until(is_done, 180, f"the topics {name} are settled")


def main() -> None:
    parser = parser_with_kills(__doc__, kills=6, database_restarts=0)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--pace", type=float, default=0.02, help="Seconds after 100 messages.")
    run_with_kills(parser.parse_args(), run)


if __name__ == "__main__":
    main()
