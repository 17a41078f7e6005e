"""The figures of the deliveries desk: sums of a period, predictions and their outcomes, risks."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from streamlit_app import chance
from streamlit_app.data.flows import ALL
from streamlit_app.pages_.deliveries import data, outcomes_data
from streamlit_app.pages_.deliveries.data import Chosen
from tests.app.conftest import StartApp
from tests.app.orders_screen import first_shown, listed, now
from tests.app.published.deliveries import (
    MODEL,
    OVERDUE,
    RISKIEST_AT,
    USUAL,
    fill_deliveries,
    make_deliveries,
)
from tests.app.published.server import Published

PAGE = "deliveries"
REGION, SHIPPER = RISKIEST_AT


def test_the_change_is_against_as_many_days_before_and_absent_where_those_are_not_whole(
    orders: Published, start_app: StartApp
) -> None:
    assert start_app(PAGE, lang="en").shows("change.since")
    app = start_app(PAGE, lang="en", placed="182")
    assert app.shows("change.no_before")
    assert not re.search(r"\b(up|down) [0-9]", app.shown)


def test_the_figures_of_a_period_are_its_sums_divided(published: Published) -> None:
    """By hand: gaps of +2 and -1 days, one of two delivered late, incidents of 6 and 18 hours."""
    make_deliveries(published.admin_dsn)
    day = datetime(2026, 3, 2, 12, tzinfo=UTC)
    for order_id, days, predicted, promise, hours in (("a", 12, 10, 11, 6), ("b", 9, 10, 11, 18)):
        published.change(
            "insert into made.orders (order_id, centre_id, day, placed_at, approved_at,"
            " delivered_at, promised_at, shipper, status, predicted_days, late_probability)"
            " values (%s, 'SP', %s, %s, %s, %s, %s, 'X', 'delivered', %s, 0.5)",
            *(order_id, day.date(), day, day, day + timedelta(days=days)),
            *(day + timedelta(days=promise), predicted),
        )
        published.change(
            "insert into made.incidents values (%s, %s, 'lost', %s, %s)",
            *(order_id, order_id, day, day + timedelta(hours=hours)),
        )
    row = data.totals.__wrapped__(Chosen(), day.date(), day.date())  # type: ignore[attr-defined]
    assert row["orders"] == row["delivered"] == row["scored"] == 2
    assert row["late_rate"] == 0.5
    assert row["gap_days"] == pytest.approx(0.5)
    assert row["abs_gap_days"] == pytest.approx(1.5)
    assert row["high_risk_share"] == 1.0
    assert row["resolve_hours"] == pytest.approx(12.0)


def test_a_risk_that_is_the_usual_rate_is_reported_as_the_same_for_all_orders(
    published: Published, start_app: StartApp
) -> None:
    fill_deliveries(published.admin_dsn, now(), orders=400, late=USUAL)
    app = start_app(PAGE, lang="en", placed="182")
    assert app.is_well
    assert [warning.value for warning in app.warning] == [app.view.text("risk.same.approved")]
    assert not app.shows("risk.skill") and not app.shows("risk.no_skill")
    # No risk is high: the list opens with what is overdue all the same.
    assert OVERDUE in listed(app)


def test_a_risk_that_proved_right_is_reported_to_distinguish_orders(
    published: Published, start_app: StartApp
) -> None:
    fill_deliveries(published.admin_dsn, now(), orders=1500, days=300, late=MODEL)
    app = start_app(PAGE, lang="en", placed="182")
    assert app.is_well and not app.warning
    assert app.shows("risk.skill")
    # Outcomes that have nothing to do with the predictions.
    published.change(
        "update made.orders set delivered_at = promised_at"
        " + case when hashtext(order_id) %% 9 = 0 then interval '1' day else interval '-1' day end"
        " where delivered_at is not null and %s",
        True,
    )
    app = start_app(PAGE, lang="en", placed="182")
    assert app.shows("risk.no_skill")


def test_predictions_are_measured_on_days_whose_orders_have_arrived(
    published: Published, start_app: StartApp
) -> None:
    fill_deliveries(published.admin_dsn, now(), orders=1500, days=300, late=MODEL)
    # All orders arrive, but of those of the last twenty days only the quick half has.
    published.change(
        "update made.orders set status = 'delivered', delivered_at = case"
        " when day > now()::date - %s and hashtext(order_id) %% 2 = 0 then null"
        " else placed_at + least(predicted_days, 1.0) * interval '1 day' end",
        20,
    )
    first = first_shown(published)
    last = first + timedelta(days=90)
    until = outcomes_data.arrived_until.__wrapped__(first, last)  # type: ignore[attr-defined]
    # A week of which a day or two are among the twenty may still have nine in ten.
    assert timedelta(days=16) <= last - until <= timedelta(days=20)
    app = start_app(PAGE, lang="en")
    assert app.is_well
    day = app.view.short_day(until, weekday=False, year=True)
    assert app.shown.count(app.view.text("judged", day=day)) == 2
    (n,) = published.row(
        "select count(*) from published.delivery_orders where delivered_at is not null"
        " and day between %s and %s",
        *(first, until),
    )
    assert app.shows("outcomes.words", n=f"{n:,}")


def test_days_of_which_nothing_has_arrived_are_too_early_to_measure(
    orders: Published, start_app: StartApp
) -> None:
    orders.change(
        "update made.orders set delivered_at = null, status = 'in_transit' where %s", True
    )
    app = start_app(PAGE, lang="en")
    assert app.is_well
    assert app.info and app.shows("judged.none")
    assert not app.shows("risk.skill")


def test_too_few_delivered_orders_are_called_too_few(
    orders: Published, start_app: StartApp
) -> None:
    assert start_app(PAGE, lang="en").shows("risk.few")


def test_the_tenths_are_of_equal_size_and_hold_predictions_and_actuals(
    published: Published,
) -> None:
    fill_deliveries(published.admin_dsn, now(), orders=500, days=300)
    last = now().date()
    first = last - timedelta(days=299)
    for chosen in (Chosen(), Chosen(ALL, SHIPPER, ALL)):
        rows = outcomes_data.tenths.__wrapped__(chosen, first, last)  # type: ignore[attr-defined]
        assert rows["orders"].max() - rows["orders"].min() <= 1
        n, predicted, actual = published.row(
            "select count(*), avg(predicted_days), avg(actual_days) from published.delivery_orders"
            " where actual_days is not null and (%s = '*' or shipper = %s) and day >= %s",
            *(chosen.shipper, chosen.shipper, first),
        )
        assert rows["orders"].sum() == n
        assert (rows["said_days"] * rows["orders"]).sum() / n == pytest.approx(predicted)
        assert (rows["real_days"] * rows["orders"]).sum() / n == pytest.approx(actual)


def test_the_interval_of_a_share_is_wilsons() -> None:
    """Newcombe 1998, table I: 15 of 148 and 1 of 29."""
    assert chance.wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert chance.wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=1e-4)
