"""The person who is erased: orders of theirs and of others, written by hand into every table."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import sql

from flow_platform.flows.deliveries.context import DeliveriesContext
from flow_platform.platform import Platform
from flow_platform.privacy.holdings import Person

CUSTOMER, EMAIL, NAME = "cst-Quetzal77", "zoe.quetzal@example.org", "Zoë Quetzálová"
PERSON = Person(CUSTOMER, (EMAIL,), (NAME,))
WORDS = (CUSTOMER, EMAIL, "Quetzálová")
ORDERS = ("ord-canary-1", "ord-canary-2", "ord-canary-3")
OTHER, THIRD = "cst-other-01", "cst-third-02"

# As dbt makes them, in what matters here; where dbt has made them, they are left alone.
MERGED = """
create table if not exists merged.deliveries (
    order_id text, centre_id text, day date, customer text, status text);
create table if not exists merged.deliveries_history (
    order_id text, centre_id text, day date, valid_from timestamptz, valid_to timestamptz);
create table if not exists monitoring.deliveries_performance (
    centre_id text, day date, orders bigint);
"""
FILLED = (
    *("raw.orders", "raw.payments", "raw.tracking", "raw.incident_logs", "ops.touched"),
    *("ops.erased", "ops.privacy_audit", "ops.desk_actions", "ops.quarantine"),
    *("ml.deliveries_scores", "ml.customer_segments", "ml.segment_profiles"),
    *("merged.deliveries", "merged.deliveries_history", "monitoring.deliveries_performance"),
)


def fill(platform: Platform, admin: psycopg.Connection) -> None:
    """The canary with two orders and one that was rejected when placed; two others; a full life."""
    admin.execute(f"truncate {', '.join(FILLED)}")
    (platform.privacy_folder / "erased.jsonl").unlink(missing_ok=True)
    moment = datetime(2026, 3, 2, 10, tzinfo=UTC)
    for number, (order, customer, centre, day) in enumerate(
        [
            (ORDERS[0], CUSTOMER, "lyon", 0),
            (ORDERS[1], CUSTOMER, "lille", 1),  # nobody else in Lille on that day
            ("ord-other-1", OTHER, "lyon", 0),
            ("ord-other-2", OTHER, "lille", 2),
            ("ord-third-1", THIRD, "lyon", 5),
        ]
    ):
        place(platform, admin, number, order, customer, centre, moment + timedelta(days=day))
    track(admin, "t-canary-3", ORDERS[2], moment)  # its placing lies in the quarantine
    admin.execute(
        "insert into ops.touched (flow, order_ids) values ('deliveries', %s), ('deliveries', %s)",
        ([ORDERS[0], "ord-third-1"], [ORDERS[1]]),
    )
    admin.execute(
        "insert into ml.segment_profiles"
        " select '2026-04-01', segment, 'loyal', 1, 1, 1, 1, 0, 1, 1, 'v'"
        " from unnest(array[1, 2]) as segment"
    )
    for customer, segment in ((CUSTOMER, 1), (OTHER, 2)):
        admin.execute(
            "insert into ml.customer_segments values"
            " ('2026-04-01', %s, 'lyon', %s, 'loyal', 1, 1, 1, 0, 1, 'v')",
            (platform.kept(DeliveriesContext).pseudonyms.customer(customer), segment),
        )
    for action, order, note in (
        ("note", ORDERS[0], "called, is at home on Monday"),
        ("note", "ord-other-1", f"wrong parcel: it is {EMAIL.upper()}'s"),
        ("resolve", "ord-other-1", "quetzálová zoë has it now"),
        ("note", "ord-third-1", "customer is angry"),
    ):
        admin.execute(
            "insert into ops.desk_actions (order_id, action, note, author)"
            " values (%s, %s, %s, 'A')",
            (order, action, note),
        )
    person = {"id": CUSTOMER, "name": NAME, "email": EMAIL}
    for line, text in enumerate(
        [
            json.dumps({"schema": 1, "type": "placed", "order_id": ORDERS[2], "customer": person}),
            json.dumps({"schema": 1, "customer": {"name": NAME.upper()}}),
            f'{{"email": "{EMAIL}", broken',
            f"{ORDERS[1]} \\xff cut",
            json.dumps({"schema": 1, "customer": {"id": OTHER, "name": "Ann Other"}}),
        ]
    ):
        seal(platform, admin, line, text)
    admin.execute("analyze")  # the planner, too, keeps values


def place(
    platform: Platform,
    admin: psycopg.Connection,
    number: int,
    order: str,
    customer: str,
    centre: str,
    moment: datetime,
) -> None:
    pseudonym = platform.kept(DeliveriesContext).pseudonyms.customer(customer)
    admin.execute(
        "insert into raw.orders (event_id, type, order_id, occurred_at, available_at, centre_id,"
        " day, customer, promised_at, source, source_position)"
        " values (%s, 'placed', %s, %s, %s, %s, %s, %s, %s, 'kafka:orders/0', %s)",
        (f"p-{order}", order, moment, moment, centre, moment.date(), pseudonym, moment, number),
    )
    admin.execute(
        "insert into raw.orders (event_id, type, order_id, occurred_at, available_at, source,"
        " source_position) values (%s, 'approved', %s, %s, %s, 'kafka:orders/0', %s)",
        (f"a-{order}", order, moment, moment, number + 100),
    )
    admin.execute(
        "insert into raw.payments values (%s, %s, %s, %s, 'card', 1, 10, 'kafka:payments/0', %s)",
        (f"y-{order}", order, moment, moment, number),
    )
    track(admin, f"t-{order}", order, moment)
    admin.execute(
        "insert into raw.incident_logs values (%s, 'opened', %s, %s, 'lost', %s, %s, 'kafka', %s)",
        (f"l-{order}", f"incident of {order}", order, moment, moment, number),
    )
    admin.execute(
        "insert into merged.deliveries (order_id, centre_id, day, customer, status)"
        " values (%s, %s, %s, %s, 'approved')",
        (order, centre, moment.date(), pseudonym),
    )
    admin.execute(
        "insert into merged.deliveries_history (order_id, centre_id, day, valid_from)"
        " values (%s, %s, %s, %s)",
        (order, centre, moment.date(), moment),
    )
    admin.execute(
        "insert into ml.deliveries_scores values"
        " (%s, %s, %s, 'approved', %s, 5, 3, 8, 0.1, 0.1, '[]', 'v', 'v')",
        (order, centre, moment.date(), moment),
    )
    admin.execute(
        "insert into monitoring.deliveries_performance (centre_id, day, orders) values (%s, %s, 1)",
        (centre, moment.date()),
    )


def track(admin: psycopg.Connection, event: str, order: str, moment: datetime) -> None:
    admin.execute(
        "insert into raw.tracking values (%s, 'in_transit', %s, %s, %s, null, 'kafka', 1)",
        (event, order, moment, moment),
    )


def seal(platform: Platform, admin: psycopg.Connection, line: int, text: str) -> None:
    pseudonyms = platform.kept(DeliveriesContext).pseudonyms
    admin.execute(
        "insert into ops.quarantine (flow, source_file, source_line, payload_sha256, reason,"
        " payload, subjects)"
        " values ('deliveries', 'kafka:orders/0', %s, %s, 'not_json: x', %s, %s)",
        (
            line,
            f"sha-{line}",
            json.dumps({"sealed": pseudonyms.seal(text), "offset": line}),
            pseudonyms.words(text),
        ),
    )


def sought(platform: Platform) -> tuple[str, ...]:
    return (*WORDS, *ORDERS, platform.kept(DeliveriesContext).pseudonyms.customer(CUSTOMER))


def rows_of(admin: psycopg.Connection) -> set[str]:
    found: set[str] = set()
    for table in FILLED:
        query = sql.SQL("select t::text from {} as t").format(sql.Identifier(*table.split(".")))
        found |= {f"{table} {row[0]}" for row in admin.execute(query)}
    return found
