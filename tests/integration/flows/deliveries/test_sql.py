"""The SQL of deliveries on a real PostgreSQL: every KPI of a small world, worked out by hand.

Events, scores and segments are written by hand; how they come is tested where they are made.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pytest

from flow_platform.assets.dbt import build_arguments, window_variables
from flow_platform.ground.rectangle import Rectangle
from flow_platform.orchestration import prepare
from flow_platform.platform import Platform
from flow_platform.warehouse import embedded
from tests.conftest import new_settings
from tests.integration.conftest import checksums

pytestmark = pytest.mark.integration

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

# What was said when approved - what came: on_time 6 - 5, late 7 - 10, corrected 8 - 10 (on time by
# its last promise, late by the one in force), came_back 3 - 2; february 4 - 4.5. High risk when
# approved: late, early_tracking, cancelled, returned, risky, resolved; february at the threshold.
# Hours to resolve: both 24 (6 once the desk has), log 12, slow_clock 0.
# dimension, value, month: orders, delivered, late rate, gap, absolute gap, high risk, hours
KPIS: dict[tuple[str, str | None, str], tuple[float | None, ...]] = {
    ("all", "*", FEBRUARY): (1, 1, 1.0, 0.5, 0.5, 1.0, None),
    ("all", "*", MARCH): (11, 5, 2 / 5, 3 / 4, 7 / 4, 6 / 9, 18 / 3),
    ("centre", "RJ", FEBRUARY): (1, 1, 1.0, 0.5, 0.5, 1.0, None),
    ("centre", "RJ", MARCH): (4, 3, 1 / 3, 1 / 2, 3 / 2, 0.0, None),
    ("centre", "SP", MARCH): (7, 2, 1 / 2, 2 / 2, 4 / 2, 6 / 7, 18 / 3),
    ("shipper", "X", MARCH): (3, 1, 1.0, 3.0, 3.0, 1.0, 12.0),
    ("shipper", "Y", FEBRUARY): (1, 1, 1.0, 0.5, 0.5, 1.0, None),
    ("shipper", "Y", MARCH): (2, 2, 1 / 2, 1 / 2, 3 / 2, 0.0, None),
    ("shipper", "s1", MARCH): (4, 1, 0.0, -1.0, 1.0, 3 / 4, 6 / 2),
    ("shipper", "Z", MARCH): (1, 0, None, None, None, None, None),
    ("shipper", None, MARCH): (1, 1, 0.0, None, None, None, None),
    ("category", "toys", FEBRUARY): (1, 1, 1.0, 0.5, 0.5, 1.0, None),
    ("category", "toys", MARCH): (3, 2, 1 / 2, 2 / 2, 4 / 2, 2 / 3, 12 / 2),
    ("category", "books", MARCH): (4, 2, 1 / 2, 1 / 2, 3 / 2, 2 / 4, None),
    ("category", "garden", MARCH): (3, 0, None, None, None, 1.0, 6.0),
    ("category", None, MARCH): (1, 1, 0.0, None, None, None, None),
    ("segment", "occasional", FEBRUARY): (1, 1, 1.0, 0.5, 0.5, 1.0, None),
    ("segment", "loyal", MARCH): (1, 1, 0.0, -1.0, 1.0, 0.0, 0.0),
    ("segment", "new", MARCH): (1, 1, 1.0, 3.0, 3.0, 1.0, 12.0),
    ("segment", None, MARCH): (9, 3, 1 / 3, 1 / 2, 3 / 2, 5 / 7, 6.0),
}


@pytest.fixture(scope="module")
def platform(scratch: Path) -> Iterator[Platform]:
    settings = new_settings(scratch / "deliveries-sql")
    made = Platform(settings)
    prepare(made)
    yield made
    embedded.stop(settings.home_path)


@pytest.fixture(scope="module")
def built(platform: Platform) -> Platform:
    land_and_build(platform)
    return platform


@pytest.fixture
def filled(built: Platform) -> Platform:
    """The small world merged, no action of the desk; a test leaves its events and scores alone."""
    write(built, "truncate ops.desk_actions, ml.segment_profiles, ml.segment_choices")
    return built


@pytest.fixture
def changing(filled: Platform) -> Iterator[Platform]:
    """The same for a test that changes events: the small world is made anew after it."""
    yield filled
    land_and_build(filled)


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


def assert_kpis(
    found: dict[tuple[str, str | None, str], tuple[float | None, ...]],
    expected: dict[tuple[str, str | None, str], tuple[float | None, ...]],
) -> None:
    assert set(found) == set(expected)
    for key, figures in expected.items():
        assert found[key] == pytest.approx(figures), key


def test_every_kpi_is_the_one_worked_out_by_hand(filled: Platform) -> None:
    act(filled, "resolved", "resolve", "5 14:00")
    act(filled, "late", "resolve", "10 10:00")
    assert_kpis(kpis(filled), KPIS)


def test_performance_adds_up_to_the_figures_of_the_orders(filled: Platform) -> None:
    sums = performance(filled)
    assert dict(sums) == {
        **{"orders": 12, "delivered": 6, "late": 3, "scored": 10, "delivered_scored": 5},
        **{"gap_days": 3.5, "abs_gap_days": 7.5, "high_risk": 7},
        # risky and resolved: the newest that was said of early_tracking is no high risk.
        **{"open_high_risk": 2, "incidents": 4, "incidents_resolved": 3, "resolve_hours": 36},
    }
    rows = read(filled, "select * from published.delivery_performance where centre_id = 'SP'")
    cut = rows[(rows["shipper"] == "X") & (rows["category"] == "garden")]
    assert (cut["orders"].sum(), cut["open_high_risk"].sum(), cut["incidents"].sum()) == (1, 1, 1)


def test_what_the_desk_resolves_counts_at_once_and_reopening_takes_it_back(
    filled: Platform,
) -> None:
    act(filled, "risky", "note", "5 12:00", "Called the carrier")
    before = performance(filled)
    assert (before["open_high_risk"], before["incidents_resolved"]) == (2, 3)
    act(filled, "risky", "resolve", "5 16:00")
    after = performance(filled)
    assert (after["open_high_risk"], after["incidents_resolved"]) == (1, 4)
    assert after["resolve_hours"] == before["resolve_hours"] + 6
    row = orders(filled).loc["risky"]
    assert row["is_resolved"] and row["actions"] == 2 and row["last_action"] == "resolve"
    assert (row["last_note"], row["last_author"]) == ("Called the carrier", "Ana")
    act(filled, "risky", "reopen", "5 18:00")
    assert dict(performance(filled)) == dict(before)
    assert not orders(filled).loc["risky", "is_resolved"]


def test_an_incident_is_resolved_by_who_was_first_the_log_or_the_desk(filled: Platform) -> None:
    act(filled, "resolved", "resolve", "5 07:00")  # before it was opened: of no account
    act(filled, "late", "resolve", "10 10:00")
    query = "select * from published.delivery_incidents"
    rows = read(filled, query).set_index("incident_id")
    assert set(rows.index) == {"open", "both", "log", "slow_clock"}
    assert dict(rows["resolved_by"].dropna()) == {"both": "log", "log": "log", "slow_clock": "log"}
    assert dict(rows["resolve_hours"].dropna()) == {"both": 24, "log": 12, "slow_clock": 0}
    act(filled, "resolved", "resolve", "5 14:00")
    rows = read(filled, query).set_index("incident_id")
    assert rows.loc["both", "resolved_by"] == "desk" and rows.loc["both", "resolve_hours"] == 6
    assert rows.loc["both", "resolved_at"] == moment("5 14:00")
    assert pd.isna(rows["resolved_at"]["open"]) and rows.loc["open", "kind"] == "lost"


def test_an_order_is_what_was_known_when_its_approval_became_known(filled: Platform) -> None:
    row = merged(filled).loc["corrected"]
    assert (row["carrier"], row["shipper"], row["price"], row["category"]) == (
        "Y",
        "Y",
        50,
        "books",
    )
    assert row["promised_at"] == moment("12 00:00")
    assert row["promised_now_at"] == moment("15 00:00") and row["corrections"] == 3
    assert row["was_late"] and row["days"] == 10
    assert pd.isna(row["postal_area"])
    # Not approved: as known now.
    row = merged(filled).loc["unapproved"]
    assert (row["shipper"], row["status"], row["payment_method"]) == ("Z", "placed", "card")


def test_the_history_says_what_was_known_from_when_to_when(filled: Platform) -> None:
    rows = filled.store("flow_ml").read(
        "select * from merged.deliveries_history where order_id = 'corrected' order by valid_from"
    )
    known = [moment(at) for at in ("3 10:00", "3 10:35", "3 13:00", "5 09:00")]
    assert list(rows["valid_from"]) == known
    assert list(rows["valid_to"][:-1]) == known[1:] and pd.isna(rows["valid_to"].iloc[-1])
    assert [c if isinstance(c, str) else None for c in rows["carrier"]] == [None, "Y", "Y", "Y"]
    assert [p.day for p in rows["promised_at"]] == [8, 12, 15, 15]
    assert list(rows["price"]) == [50, 50, 80, 80]
    # Who says the items anew and no weight leaves the weight unknown.
    assert list(rows["weight_kg"].isna()) == [False, False, True, True]
    assert list(rows["postal_area"].notna()) == [False, False, False, True]


def test_a_correction_that_changes_nothing_makes_no_version(changing: Platform) -> None:
    correct(changing, "corrected", "3 10:10", "6 09:00", {"carrier": "W"})
    build(changing)
    rows = changing.store("flow_ml").read(
        "select * from merged.deliveries_history where order_id = 'corrected'"
    )
    assert len(rows) == 4 and rows["valid_to"].isna().sum() == 1
    assert merged(changing).loc["corrected", "corrections"] == 4


def test_tracking_and_approval_before_the_order_count_from_when_it_is_known(
    filled: Platform,
) -> None:
    row = merged(filled).loc["early_tracking"]
    assert row["approved_at"] == moment("3 11:00") and row["handed_over_at"] == moment("3 18:00")
    assert row["approved_known_at"] == row["handed_over_known_at"] == moment("4 09:00")
    tracking = filled.store("flow_ml").read(
        "select * from staging.tracking where order_id = 'early_tracking'"
    )
    assert list(tracking["available_at"]) == [moment("4 09:00")]
    assert (tracking["centre_id"].iloc[0], row["status"]) == ("SP", "in_transit")


def test_what_was_known_first_stands_and_the_newest_place_is_by_the_carrier_s_clock(
    filled: Platform,
) -> None:
    row = merged(filled).loc["on_time"]
    assert row["approved_at"] == moment("3 12:00") == row["approved_known_at"]
    assert (row["last_tracked"], row["last_tracked_at"]) == ("delivered", moment("8 10:00"))
    assert row["delivered_known_at"] == moment("8 12:00") and row["known_at"] == moment("8 13:00")
    assert (row["days"], row["was_late"]) == (5, False)


def test_payments_are_told_apart_by_when_they_were_known(filled: Platform) -> None:
    """The transfer is the largest, and came after the approval."""
    row = merged(filled).loc["on_time"]
    assert (row["payment_method"], row["installments"], row["paid_value"]) == ("card", 3, 190.5)
    assert row["paid_at"] == moment("3 10:00")
    assert pd.isna(merged(filled)["paid_value"]["late"])


def test_an_order_s_status_is_where_its_parcel_is(filled: Platform) -> None:
    assert dict(merged(filled)["status"]) == {
        **dict.fromkeys(("on_time", "late", "corrected", "unscored", "february"), "delivered"),
        **dict.fromkeys(("returned", "came_back"), "returned"),
        **dict.fromkeys(("early_tracking", "resolved"), "in_transit"),
        **{"cancelled": "cancelled", "risky": "approved", "unapproved": "placed"},
    }
    rows = merged(filled)
    assert rows.loc["came_back", "days"] == 2 and not rows.loc["came_back", "was_late"]
    assert rows.loc[["returned", "cancelled", "risky"], "was_late"].isna().all()


def test_an_order_shows_the_newest_that_was_said_of_it(filled: Platform) -> None:
    rows = orders(filled)
    assert len(rows) == len(PLACED)
    row = rows.loc["early_tracking"]
    assert (row["stage"], row["late_probability"], row["is_high_risk"]) == (
        "in_transit",
        0.15,
        False,
    )
    assert row["predicted_at"] == moment("7 10:00")
    assert row["reasons"] == [{"feature": "price", "effect": 0.5}]
    assert rows.loc["february", "is_high_risk"] and rows.loc["february", "actual_days"] == 4.5
    assert pd.isna(rows["late_probability"]["unscored"])
    assert dict(rows["segment"].dropna()) == {
        **{"on_time": "loyal", "late": "new", "february": "occasional"}
    }
    assert (rows["actions"] == 0).all() and not rows["is_resolved"].any()
    assert "customer" not in rows.columns


def test_every_score_is_published_with_what_came_of_it(filled: Platform) -> None:
    rows = read(filled, "select * from published.delivery_predictions")
    assert len(rows) == len(SCORES)
    late = rows[rows["order_id"] == "late"]
    assert set(late["actual_days"]) == {10} and late["was_late"].all() and len(late) == 3
    assert set(rows.loc[rows["is_high_risk"], "order_id"]) == {
        *("late", "early_tracking", "cancelled", "returned", "risky", "resolved", "february")
    }


def test_the_errors_of_a_day_are_those_of_its_delivered_orders(filled: Platform) -> None:
    """on_time and late: when approved +1 and -3 days, 0.1 and 0.5; handed over +0.5 and -1."""
    rows = read(
        filled,
        "select * from published.delivery_accuracy where centre_id = 'SP' and day = '2025-03-03'",
    ).set_index("stage")
    row = rows.loc["approved"]
    assert (row["orders"], row["abs_error"], row["error"], row["squared_error"]) == (2, 4, -2, 10)
    assert (row["inside_80"], row["width_80"], row["late"]) == (1, 8, 1)
    assert row["brier"] == pytest.approx(0.01 + 0.25)
    row = rows.loc["in_transit"]
    assert (row["orders"], row["abs_error"], row["inside_80"]) == (2, 1.5, 2)
    assert row["brier"] == pytest.approx(0.0025 + 0.0225)
    figures = read(filled, "select * from published.accuracy where flow = 'deliveries'")
    own = figures[(figures["measure"] == "delay") & (figures["centre_id"] == "*")].iloc[0]
    assert (own["n"], own["horizon"], own["mae"]) == (5, 0, 7.5 / 5)
    assert own["wape"] == pytest.approx(7.5 / 31.5) and pd.isna(own["mase"])
    cuts = read(filled, "select * from published.coverage where flow = 'deliveries'")
    overall = cuts[cuts["cut"] == "overall"].set_index("measure")
    assert dict(overall["forecasts"]) == {"delay": 5, "delay_in_transit": 2}
    assert overall.loc["delay", "coverage_80"] == pytest.approx(3 / 5)


def test_calibration_holds_what_came_against_what_was_said(filled: Platform) -> None:
    rows = read(filled, "select * from published.delivery_calibration")
    found = {
        (row["stage"], str(row["month"])[:10], row["bucket"]): (
            row["orders"],
            round(row["probability"], 9),
            row["late"],
        )
        for row in rows.to_dict("records")
    }
    assert found == {
        ("approved", FEBRUARY, 2): (1, 0.2, 1),
        ("approved", MARCH, 1): (3, 0.35, 1),
        ("approved", MARCH, 5): (1, 0.5, 1),
        ("in_transit", MARCH, 0): (1, 0.05, 0),
        ("in_transit", MARCH, 8): (1, 0.85, 1),
    }


def test_building_twice_or_in_parts_or_anew_leaves_the_same_rows(changing: Platform) -> None:
    once = checksums(changing, TABLES)
    build(changing)
    assert checksums(changing, TABLES) == once
    for region in reversed(REGIONS):
        for day in (LAST, LAST - timedelta(days=1), FIRST):
            build(changing, (region,), day, day)
    assert checksums(changing, TABLES) == once
    write(changing, f"truncate {', '.join(TABLES)}")
    build(changing)
    assert checksums(changing, TABLES) == once


def test_events_that_come_later_leave_what_they_would_have_left_in_time(
    changing: Platform,
) -> None:
    """Kept back, the window built without them, brought, and only the windows they touch built."""
    once = checksums(changing, TABLES)
    kept = "order_id in ('late', 'corrected') and type <> 'placed'"
    for table in ("orders", "tracking"):
        write(changing, f"create table raw.kept_{table} as select * from raw.{table} where {kept}")
        write(changing, f"delete from raw.{table} where {kept}")
    write(
        changing, "create table raw.kept_late as select * from raw.orders where order_id = 'late'"
    )
    write(changing, "delete from raw.orders where order_id = 'late'")
    build(changing)
    assert "late" not in merged(changing).index
    assert merged(changing).loc["corrected", "status"] == "placed"
    for table in ("orders", "tracking"):
        write(changing, f"insert into raw.{table} select * from raw.kept_{table}")
        write(changing, f"drop table raw.kept_{table}")
    write(changing, "insert into raw.orders select * from raw.kept_late; drop table raw.kept_late")
    day = date(2025, 3, 3)
    build(changing, ("SP",), day, day)
    build(changing, ("RJ",), day, day)
    assert checksums(changing, TABLES) == once


def test_an_order_that_is_gone_leaves_no_row_and_no_other_window_is_touched(
    changing: Platform,
) -> None:
    """delete+insert clears only days for which rows came; the last order of a day would stay."""
    for table in ("raw.orders", "ml.deliveries_scores"):
        write(changing, f"delete from {table} where order_id in ('february', 'late')")
    build(changing, ("RJ",), FIRST, FIRST)
    assert set(merged(changing).index) == {row[0] for row in PLACED} - {"february"}
    for table in TABLES:
        left = changing.store("admin").read(f"select * from {table} where day = date '{FIRST}'")
        assert left.empty, table


def test_freshness_is_that_of_the_orders_and_of_what_was_said(filled: Platform) -> None:
    rows = read(filled, "select * from published.freshness where flow = 'deliveries'")
    rows = rows.set_index("dataset")
    assert dict(rows["rows"]) == {"actuals": len(PLACED), "predictions": len(SCORES)}
    assert set(rows["newest_day"].astype(str).str[:10]) == {"2025-03-04"}
    assert rows.loc["actuals", "newest_at"] == moment("13 10:00")
    assert rows.loc["predictions", "newest_at"] == moment("8 10:00")


def test_a_segment_of_few_customers_shows_no_figures(filled: Platform) -> None:
    profile = "insert into ml.segment_profiles values (%s, %s, %s, %s, 30, 2, 80, 0.1, 9, 0.9, 'v')"
    for segment, name, customers in ((1, "loyal", 31), (2, "dormant", 9)):
        write(filled, profile, MARCH, segment, name, customers)
    write(filled, "insert into ml.segment_choices values (%s, 2, 0.4, 0.9, true)", MARCH)
    rows = read(filled, "select * from published.customer_segments").set_index("name")
    assert dict(rows["is_hidden"]) == {"loyal": False, "dormant": True}
    assert rows.loc["loyal", "share"] == pytest.approx(31 / 40) and rows.loc["loyal", "value"] == 80
    figures = ["customers", "share", "recency_days", "orders", "value", "late_share", "mean_days"]
    assert rows.loc["dormant", figures].isna().all()
    choices = read(filled, "select * from published.segment_choices")
    assert (choices["k"].iloc[0], choices["chosen"].iloc[0]) == (2, True)
