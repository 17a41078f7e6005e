"""A small world of a dozen orders, written by hand as events, scores and segments, and built.

What is worked out of it by hand is in the tests.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import psycopg

from flow_platform.assets.dbt import build_arguments, window_variables
from flow_platform.ground.rectangle import Rectangle
from flow_platform.platform import Platform

FIRST, LAST = date(2025, 2, 28), date(2025, 3, 4)
REGIONS = ("RJ", "SP")
MARCH, FEBRUARY = "2025-03-01", "2025-02-01"
STAGES = (
    *("merged__deliveries", "merged__deliveries_history", "monitoring__deliveries_performance"),
    *("monitoring__deliveries_calibration", "monitoring__deliveries_accuracy"),
)
TABLES: dict[str, tuple[str, ...]] = {stage.replace("__", "."): () for stage in STAGES}

# Moments are "day hour:minute" of March 2025, UTC; 28 is the 28th of February.
# order, region, customer, placed, promised, seller, carrier, category, price
PLACED = (
    ("on_time", "SP", "c1", "3 10:00", "10 00:00", "s1", None, "toys", 100),
    ("late", "SP", "c2", "3 10:00", "10 00:00", "s1", "X", "toys", 40),
    ("early_tracking", "SP", "c3", "3 10:00", "10 00:00", "s1", None, "toys", 40),
    ("corrected", "RJ", "c4", "3 10:00", "8 00:00", "s2", None, "books", 50),
    ("unscored", "RJ", "c5", "3 10:00", "20 00:00", None, None, None, 40),
    ("cancelled", "SP", "c6", "4 10:00", "10 00:00", "s1", None, "books", 40),
    ("returned", "SP", "c7", "4 10:00", "10 00:00", "s1", "X", "books", 40),
    ("came_back", "RJ", "c8", "4 10:00", "10 00:00", "s2", "Y", "books", 40),
    ("risky", "SP", "c9", "4 10:00", "10 00:00", "s1", "X", "garden", 40),
    ("resolved", "SP", "c10", "4 10:00", "10 00:00", "s1", None, "garden", 40),
    ("unapproved", "RJ", "c11", "4 10:00", "10 00:00", "s2", None, "garden", 40),
    ("february", "RJ", "c1", "28 23:30", "4 00:00", "s2", "Y", "toys", 40),
)
# The order of early_tracking became known a day after its approval and its first tracking.
PLACED_KNOWN = {"early_tracking": "4 09:00"}
# order, type, occurred, known (None: at once)
LIFE = (
    *((name, "approved", "3 12:00", None) for name in ("on_time", "late", "corrected", "unscored")),
    ("early_tracking", "approved", "3 11:00", None),
    *((name, "approved", "4 12:00", None) for name in ("cancelled", "returned", "came_back")),
    *((name, "approved", "4 12:00", None) for name in ("risky", "resolved")),
    ("february", "approved", "28 23:45", None),
    ("cancelled", "cancelled", "5 10:00", None),
    # Told again, with another moment: what was known first stands.
    ("on_time", "approved", "3 11:00", "6 12:00"),
)
TRACKING = (
    ("on_time", "handed_over", "4 10:00", None),
    ("on_time", "delivered", "8 10:00", "8 12:00"),
    # Came before the news of the delivery, speaks of an earlier moment.
    ("on_time", "out_for_delivery", "8 08:00", "8 13:00"),
    ("late", "handed_over", "5 10:00", None),
    ("late", "in_transit", "8 10:00", None),
    ("late", "delivered", "13 10:00", None),
    ("early_tracking", "handed_over", "3 18:00", None),
    ("corrected", "delivered", "13 10:00", None),
    ("unscored", "delivered", "7 10:00", None),
    ("returned", "handed_over", "5 10:00", None),
    ("returned", "returned", "9 10:00", None),
    ("came_back", "delivered", "6 10:00", None),
    ("came_back", "returned", "10 10:00", None),
    ("resolved", "handed_over", "5 06:00", None),
    ("february", "delivered", "5 11:30", None),
)
# order, occurred, known, what it says
CORRECTIONS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("corrected", "3 10:30", "3 10:35", {"promised_at": "12 00:00", "carrier": "Y"}),
    # After the approval: for the page and the history, not for the model.
    (
        *("corrected", "3 13:00", "3 13:00"),
        {"promised_at": "15 00:00", "items": 2, "seller": "s3", "category": "toys", "price": 80},
    ),
    # Made before the first, known after the second: its carrier is overruled, its area is news.
    ("corrected", "3 10:20", "5 09:00", {"carrier": "Z", "postal_area": "221"}),
    ("unapproved", "4 11:00", "4 11:00", {"carrier": "Z"}),
)
# order, stage, scored, predicted, lower, upper, probability. From 0.2 on an order is at high risk.
SCORES = (
    ("on_time", "approved", "3 12:00", 6, 4, 8, 0.10),
    ("on_time", "in_transit", "4 10:00", 5.5, 4.5, 6.5, 0.05),
    ("late", "approved", "3 12:00", 7, 5, 9, 0.50),
    ("late", "in_transit", "5 10:00", 9, 8, 11, 0.85),
    ("late", "in_transit", "8 10:00", 10, 9, 12, 0.95),
    ("early_tracking", "approved", "4 09:00", 4, 3, 5, 0.30),
    ("early_tracking", "in_transit", "4 09:00", 4, 3, 5, 0.15),
    ("corrected", "approved", "3 12:00", 8, 7, 9, 0.15),
    ("cancelled", "approved", "4 12:00", 5, 4, 6, 0.60),
    ("returned", "approved", "4 12:00", 5, 4, 6, 0.40),
    ("came_back", "approved", "4 12:00", 3, 2, 4, 0.10),
    ("risky", "approved", "4 12:00", 9, 8, 10, 0.70),
    ("resolved", "approved", "4 12:00", 9, 8, 10, 0.80),
    ("february", "approved", "28 23:45", 4, 3, 5, 0.20),
)
# incident, order, type, occurred
INCIDENTS = (
    ("open", "risky", "opened", "5 10:00"),
    ("both", "resolved", "opened", "5 08:00"),
    ("both", "resolved", "resolved", "6 08:00"),
    ("log", "late", "opened", "9 10:00"),
    ("log", "late", "resolved", "9 22:00"),
    ("slow_clock", "on_time", "opened", "5 10:00"),
    ("slow_clock", "on_time", "resolved", "5 09:30"),
    ("ghost", "nowhere", "opened", "5 10:00"),
)
# c1 was told apart in both months; c2 in February alone, and later, which no order of March knows.
SEGMENTS = (
    (FEBRUARY, "c1", "occasional"),
    (MARCH, "c1", "loyal"),
    (FEBRUARY, "c2", "new"),
    ("2025-04-01", "c2", "dormant"),
)


def land_and_build(platform: Platform) -> None:
    """All events, scores and segments of the small world, and every table made of them."""
    write(
        platform,
        "truncate raw.orders, raw.payments, raw.tracking, raw.incident_logs, ops.desk_actions,"
        " ml.deliveries_scores, ml.customer_segments, ml.segment_profiles, ml.segment_choices,"
        + ", ".join(TABLES),
    )
    for name, region, customer, at, promised, seller, carrier, category, price in PLACED:
        add(
            platform,
            "orders",
            name,
            "placed",
            at,
            PLACED_KNOWN.get(name),
            centre_id=region,
            day=moment(at).date(),
            customer=customer,
            region=region,
            promised_at=moment(promised),
            seller=seller,
            sellers=1,
            carrier=carrier,
            category=category,
            items=1,
            price=price,
            weight_kg=2.0,
        )
    for name, kind, at, known in LIFE:
        add(platform, "orders", name, kind, at, known)
    for correction in CORRECTIONS:
        correct(platform, *correction)
    for name, kind, at, known in TRACKING:
        add(platform, "tracking", name, kind, at, known)
    pay(platform, "on_time", "3 10:00", "3 10:00", "voucher", 1, 20)
    pay(platform, "on_time", "3 10:05", "3 10:05", "card", 3, 80.5)
    pay(platform, "on_time", "3 13:00", "5 10:00", "transfer", 10, 90)
    pay(platform, "unapproved", "4 10:05", "5 10:00", "card", 2, 40)
    for incident, name, kind, at in INCIDENTS:
        add(platform, "incident_logs", name, kind, at, None, incident_id=incident, kind="lost")
    for score in SCORES:
        add_score(platform, *score)
    for month, customer, segment in SEGMENTS:
        write(
            platform,
            "insert into ml.customer_segments values (%s, %s, 'SP', 1, %s, 1, 1, 1, 0, 1, 'v')",
            *(month, customer, segment),
        )
    build(platform, tested=True)


def moment(text: str) -> datetime:
    day, clock = text.split()
    hour, minute = map(int, clock.split(":"))
    return datetime(2025, 2 if day == "28" else 3, int(day), hour, minute, tzinfo=UTC)


def write(platform: Platform, statement: str, *values: Any) -> None:
    with psycopg.connect(platform.server.admin_dsn, dbname="flow") as connection:
        connection.execute(statement.encode(), values or None)


_serial = iter(range(1_000_000))


def add(
    platform: Platform,
    table: str,
    order: str,
    type_: str | None,
    at: str,
    known: str | None,
    **more: Any,
) -> None:
    """One event of an order, known at once where `known` is None."""
    row = {
        "event_id": f"{order}:{next(_serial)}",
        "order_id": order,
        **({"type": type_} if type_ else {}),
        "occurred_at": moment(at),
        "available_at": moment(known or at),
        "source": "simulated",
        "source_position": 0,
        **more,
    }
    write(
        platform,
        f"insert into raw.{table} ({', '.join(row)}) values ({', '.join(['%s'] * len(row))})",
        *row.values(),
    )


def correct(platform: Platform, order: str, at: str, known: str, said: dict[str, Any]) -> None:
    told = {n: moment(v) if n == "promised_at" else v for n, v in said.items()}
    add(platform, "orders", order, "corrected", at, known, **told)


def pay(
    platform: Platform,
    order: str,
    at: str,
    known: str,
    method: str,
    installments: int,
    value: float,
) -> None:
    said = {"method": method, "installments": installments, "value": value}
    add(platform, "payments", order, None, at, known, **said)


def add_score(platform: Platform, order: str, stage: str, at: str, *said: float) -> None:
    write(
        platform,
        "insert into ml.deliveries_scores select order_id, centre_id, day, %s, %s, %s, %s, %s, %s,"
        " 0.2, '[{\"feature\": \"price\", \"effect\": 0.5}]', 'v1', 'w1' from raw.orders"
        " where type = 'placed' and order_id = %s",
        *(stage, moment(at), *said, order),
    )


def act(platform: Platform, order: str, action: str, at: str, note: str | None = None) -> None:
    """At a moment of the world's own, which the desk's role could not choose."""
    with psycopg.connect(platform.server.dsn("admin")) as connection:
        connection.execute(
            "insert into ops.desk_actions (order_id, action, note, author, acted_at)"
            " values (%s, %s, %s, 'Ana', %s)",
            (order, action, note, moment(at)),
        )


def build(
    platform: Platform,
    centres: tuple[str, ...] = REGIONS,
    first: date = FIRST,
    last: date = LAST,
    *,
    tested: bool = False,
) -> None:
    """Every stage of a window, in the order of the lineage; if `tested`, its data tests pass."""
    untested = () if tested else ("--exclude-resource-type", "test")
    outcome = platform.dbt.run(
        platform.server,
        [*build_arguments(STAGES), *untested],
        window_variables(Rectangle(centres, first, last)),
    )
    failed = [r.node.name for r in outcome.results if str(r.status) not in ("success", "pass")]
    assert failed == [] and len(outcome.results) >= len(STAGES) * (4 if tested else 1)


def read(platform: Platform, query: str) -> pd.DataFrame:
    return platform.store("flow_dashboard").read(query)


def merged(platform: Platform) -> pd.DataFrame:
    return platform.store("flow_ml").read("select * from merged.deliveries").set_index("order_id")


def orders(platform: Platform) -> pd.DataFrame:
    return read(platform, "select * from published.delivery_orders").set_index("order_id")


def kpis(platform: Platform) -> dict[tuple[str, str | None, str], tuple[float | None, ...]]:
    rows = read(
        platform,
        "select dimension, value, month::text, orders, delivered, late_rate, mean_gap_days,"
        " mean_abs_gap_days, high_risk_share, mean_resolve_hours from published.delivery_kpis",
    )
    return {
        (row[0], row[1] if isinstance(row[1], str) else None, row[2]): tuple(
            None if pd.isna(figure) else float(figure) for figure in row[3:]
        )
        for row in rows.itertuples(index=False)
    }


def performance(platform: Platform) -> pd.Series:
    """Sums over all days and cuts."""
    rows = read(platform, "select * from published.delivery_performance")
    return rows.select_dtypes("number").sum()
