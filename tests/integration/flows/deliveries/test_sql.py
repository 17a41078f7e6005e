"""The SQL of deliveries on a real PostgreSQL: every KPI of a small world, worked out by hand.

Events, scores and segments are written by hand; how they come is tested where they are made.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from flow_platform.platform import Platform
from tests.integration.conftest import checksums, prepared
from tests.integration.flows.deliveries.small_world import (
    FEBRUARY,
    FIRST,
    LAST,
    MARCH,
    PLACED,
    REGIONS,
    SCORES,
    TABLES,
    act,
    build,
    correct,
    kpis,
    land_and_build,
    merged,
    moment,
    orders,
    performance,
    read,
    write,
)

pytestmark = pytest.mark.integration

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
    yield from prepared(scratch / "deliveries-sql")


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
