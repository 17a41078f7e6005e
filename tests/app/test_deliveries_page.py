"""The page Deliveries desk: its period, its list and its states, without a browser.

Actions of the desk are in `test_desk_actions.py`, outcomes in `test_deliveries_outcomes.py`, those
with Chromium in `tests/browser`.
"""

from __future__ import annotations

import io
import re
from datetime import timedelta

import pandas as pd

from streamlit_app import texts
from streamlit_app.pages_.deliveries import data, order_list, reasons
from streamlit_app.pages_.deliveries.order_list import Cell, Line
from tests.app.conftest import StartApp
from tests.app.orders_screen import (
    elements,
    first_shown,
    list_html,
    listed,
    literal,
    now,
    to_act,
)
from tests.app.published.deliveries import (
    CANCELLED,
    OVERDUE,
    PSEUDONYM,
    RISKIEST,
    RISKIEST_AT,
    SECOND,
    fill_deliveries,
    make_deliveries,
)
from tests.app.published.server import Published
from tests.app.screen import view_of

PAGE = "deliveries"
REGION, SHIPPER = RISKIEST_AT
HERE = {"region": REGION, "shipper": SHIPPER}


def test_the_desk_describes_the_period_in_plain_words_in_each_language(
    orders: Published, start_app: StartApp, language: texts.Language
) -> None:
    app = start_app(PAGE, lang=language)
    app.check_shows("title", "kpi.late", "kpi.act", "kpi.risk", "outcomes", "rates", "risk")
    assert not app.warning
    late, delivered, acting = orders.row(
        "select sum(late), sum(delivered), sum(open_high_risk)::int"
        " from published.delivery_performance where day >= %s",
        first_shown(orders),
    )
    assert app.view.percent(float(late / delivered), 1) in app.shown
    assert f">{acting}<" in app.shown
    assert len(listed(app)) == acting


def test_no_pseudonym_of_a_customer_is_on_the_screen_or_in_a_file(
    orders: Published, start_app: StartApp, files: dict[str, bytes]
) -> None:
    app = start_app(PAGE, lang="en", order=RISKIEST)
    assert app.is_well and app.shows("order.title", order=literal(RISKIEST))
    everything = app.shown + "".join(str(element.proto) for element in elements(app.main))
    assert RISKIEST in everything and PSEUDONYM not in everything
    assert all(PSEUDONYM.encode() not in file for file in files.values())


def test_the_riskiest_order_leads_the_list_and_those_that_ended_are_not_in_it(
    orders: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en")
    assert listed(app)[:2] == [RISKIEST, SECOND]
    app.selectbox(key="show").set_value("open").run()
    found = listed(app)
    assert OVERDUE in found and CANCELLED not in found
    delivered = orders.row("select array_agg(order_id) from made.orders where status='delivered'")
    assert not set(found) & set(delivered[0])


def test_a_band_within_one_day_is_given_by_its_hours(
    orders: Published, start_app: StartApp
) -> None:
    # Placed at noon of São Paulo, 14 days predicted: of a band of 0.6 to 1.5 of them many days.
    app = start_app(PAGE, lang="en")
    band = re.search(app.pattern("list.band"), list_html(app))
    assert band and re.fullmatch(r"\w{3} \d+ \w{3}", band[1])
    placed = now().replace(hour=15, minute=0, second=0, microsecond=0)
    orders.change(
        "update made.orders set placed_at = %s, predicted_days = 0.2 where order_id = %s",
        *(placed, RISKIEST),
    )
    app = start_app(PAGE, lang="en", order=RISKIEST)
    # 0.12 to 0.3 days from 12:00 on: 14:53 to 19:12, to the quarter of an hour and outwards.
    hours = {"first": "14:45", "last": "19:15"}
    assert re.search(app.pattern("list.band.hours", **hours), list_html(app))
    assert app.shows("life.band.hours", **hours)


def test_whose_promise_is_still_to_come_can_be_listed_alone(
    orders: Published, start_app: StartApp
) -> None:
    orders.change("update made.orders set late_probability = 1 where order_id = %s", OVERDUE)
    app = start_app(PAGE, lang="en", show="act")
    assert listed(app)[:2] == [OVERDUE, RISKIEST]
    app.selectbox(key="show").set_value("ahead").run()
    assert app.is_well
    assert listed(app)[:2] == [RISKIEST, SECOND] and OVERDUE not in listed(app)
    assert app.view.text("list.overdue") not in list_html(app)


def test_an_order_whose_promise_passed_is_marked_though_its_risk_was_low(
    orders: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en", show="overdue")
    assert app.is_well and OVERDUE in listed(app)
    assert app.view.text("list.overdue") in list_html(app)
    app = start_app(PAGE, lang="en", order=OVERDUE)
    assert app.shows("order.overdue", age="7 d")


def test_an_order_scored_after_its_promised_date_is_late_for_that_reason_alone(
    orders: Published, start_app: StartApp, language: texts.Language
) -> None:
    orders.change(
        "update made.orders set late_probability = 1, reasons = '[]' where order_id = %s",
        OVERDUE,
    )
    app = start_app(PAGE, lang=language, show="overdue", order=OVERDUE)
    assert app.is_well
    assert app.view.text("reason.promise_passed").capitalize() in list_html(app)
    assert app.shows("order.why.passed")


def test_filters_narrow_every_figure_and_the_list(orders: Published, start_app: StartApp) -> None:
    app = start_app(PAGE, lang="en", **HERE)
    assert app.is_well
    assert app.shows("period.title", place=f"São Paulo, {SHIPPER}")
    (acting,) = orders.row(
        "select sum(open_high_risk)::int from published.delivery_performance"
        " where centre_id = %s and shipper = %s and day >= %s",
        *(REGION, SHIPPER, first_shown(orders)),
    )
    assert to_act(app) == acting == len(listed(app))
    app.selectbox(key="category").set_value("books").run()
    assert app.is_well and RISKIEST not in listed(app)


def test_an_order_is_found_by_its_number_and_one_that_is_not_there_is_named(
    orders: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en")
    app.text_input(key="desk.find").set_value(f" {CANCELLED} ").run()
    assert app.is_well and app.shows("order.facts", status=app.view.text("status.cancelled"))
    assert app.query_params["order"] == CANCELLED
    app.button(key="order.close").click().run()
    assert "order" not in app.query_params
    app = start_app(PAGE, lang="en", order="nothing*")
    assert app.info and app.shows("order.unknown", order="nothing\\*")


def test_the_file_of_the_list_holds_its_orders_in_its_order(
    orders: Published, start_app: StartApp, files: dict[str, bytes]
) -> None:
    app = start_app(PAGE, lang="en", show="open")
    rows = pd.read_csv(io.BytesIO(files["orders.csv"]))
    assert tuple(rows.columns) == data.ORDER_COLUMNS
    assert list(rows["order_id"])[: data.LISTED] == listed(app)
    assert rows["late_probability"].is_monotonic_decreasing
    assert rows["why"][0] == "carrier_late; distance_km; holidays_ahead"


def test_events_that_stopped_arriving_are_called_old_and_promises_are_compared_as_of_then(
    published: Published, start_app: StartApp
) -> None:
    """Nine days on, it is unknown whether orders promised since then were delivered."""
    fill_deliveries(published.admin_dsn, now() - timedelta(days=9))
    app = start_app(PAGE, lang="en", show="overdue")
    assert app.is_well
    assert len(app.warning) == 1
    assert app.shows("stale", age=app.view.text("age.days", n="9"))
    found = listed(app)
    assert OVERDUE in found and RISKIEST not in found


def test_orders_that_nobody_scored_have_lateness_and_no_risk(
    published: Published, start_app: StartApp
) -> None:
    fill_deliveries(published.admin_dsn, now(), scored=False)
    app = start_app(PAGE, lang="en", order=RISKIEST, show="open")
    assert app.is_well
    assert app.shows("unscored.all") and app.shows("outcomes.none")
    assert app.shows("order.unscored")
    assert RISKIEST in listed(app)


def test_a_platform_without_deliveries_says_how_to_load_them(
    published: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en")
    assert app.is_well and app.shows("no_centres")
    make_deliveries(published.admin_dsn)
    app = start_app(PAGE, lang="fr")
    assert app.is_well and app.shows("empty.body") and "flow backfill deliveries" in app.shown


def test_views_that_are_not_there_are_reported_as_on_every_page(
    orders: Published, start_app: StartApp
) -> None:
    orders.change("drop view published.delivery_performance")
    app = start_app(PAGE, lang="en")
    assert not app.exception
    assert app.warning and app.shows("unready.title")


def test_days_and_filters_without_orders_say_so(orders: Published, start_app: StartApp) -> None:
    orders.change("delete from made.orders where centre_id = 'MG'")
    app = start_app(PAGE, lang="en", region="MG")
    assert app.is_well
    assert app.info and app.shows("none")
    app = start_app(PAGE, lang="en", region="Atlantis*")
    assert app.info and app.shows("address.unknown", asked="Atlantis\\*")


def test_text_from_outside_is_shown_in_the_list_and_not_obeyed() -> None:
    line = Line('"><script>alert(1)</script>', (Cell("<b>x</b>", ("<i>y</i>",), "<u>z</u>"),))
    rows = order_list.rows_html(
        [line],
        ["Order", "What"],
        numeric=(),
        name="<Name>",
        open_label=lambda order: f"Open {order}",
    )
    assert not re.search(r"<(script|b|i|u|Name)>", rows)
    assert "&lt;script&gt;" in rows and "&lt;b&gt;x" in rows


def test_reasons_are_named_in_the_readers_language(language: texts.Language) -> None:
    view = view_of(PAGE, language)

    def past(what: str, of: str) -> str:
        return view.text(f"past.{what}", of=view.text(f"past_of.{of}"))

    for feature, words in (
        ("distance_km", view.text("reason.distance_km")),
        ("seller_late", past("late", "seller")),
        ("postal_area_log_days", past("log_days", "postal_area")),
        ("moon_phase", "moon phase"),
    ):
        assert reasons.feature_words(view, feature) == words
