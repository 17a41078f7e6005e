"""The page Deliveries desk and its states, without a browser; for Chromium see tests/browser."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import psycopg
import pytest
from streamlit.testing.v1 import AppTest

from streamlit_app import deliveries_charts, deliveries_data, desk, formats, order_list, reasons
from streamlit_app.deliveries_data import ALL, Chosen
from streamlit_app.order_list import Cell, Line
from tests.app.conftest import StartApp
from tests.app.deliveries_fixture import (
    CANCELLED,
    MODEL,
    OVERDUE,
    PSEUDONYM,
    RISKIEST,
    RISKIEST_AT,
    SECOND,
    USUAL,
    desk_dsn,
    fill_deliveries,
    make_deliveries,
)
from tests.app.published_fixture import Published

PAGE = "pages_/deliveries.py"
REGION, SHIPPER = RISKIEST_AT
HERE = {"region": REGION, "shipper": SHIPPER}


def _now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def orders(published: Published, monkeypatch: pytest.MonkeyPatch) -> Published:
    """A platform that followed some sixty orders until a few minutes ago."""
    fill_deliveries(published.admin_dsn, _now())
    monkeypatch.setenv(desk.DSN_VARIABLE, desk_dsn(published))
    return published


def _said(app: AppTest) -> str:
    kinds = (
        *(app.title, app.subheader, app.markdown, app.caption, app.success),
        *(app.info, app.warning, app.error, app.html),
    )
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def _well(app: AppTest) -> bool:
    return not app.exception and not app.error


def _elements(block: Any) -> Iterator[Any]:
    for child in block.children.values():
        yield child
        if hasattr(child, "children"):
            yield from _elements(child)


def _listed(app: AppTest) -> list[str]:
    """The numbers of the orders in the list, in its order."""
    return re.findall(r'<tr data-order="([^"]+)"', _rows(app))


def _rows(app: AppTest) -> str:
    """The HTML of the list, as the browser is handed it; "" where there is no list."""
    for element in _elements(app.main):
        if element.type == "bidi_component":
            return str(json.loads(element.proto.json)["rows"])
    return ""


def _change(published: Published, statement: str, *values: Any) -> None:
    with psycopg.connect(published.admin_dsn) as connection:
        connection.execute(statement.encode(), values)


def _ask(published: Published, query: str, *values: Any) -> tuple[Any, ...]:
    with psycopg.connect(published.admin_dsn) as connection:
        row = connection.execute(query.encode(), values).fetchone()
    assert row is not None
    return row


def _first(published: Published) -> date:
    """The first day that is shown at first."""
    (first,) = _ask(published, "select max(day) - 90 from made.orders")
    assert isinstance(first, date)
    return first


def _to_act(app: AppTest) -> int:
    """The figure of the tile that says how many orders are to be acted on."""
    found = re.search(r"High risk, to act on</p><p class=\"fp-value fp-load\">(\d+)<", _said(app))
    assert found
    return int(found[1])


def _act(app: AppTest, order_id: str, action: str, author: str, note: str = "") -> AppTest:
    (form,) = {
        key.removeprefix("author.")
        for box in app.text_input
        if (key := box.key or "").startswith("author.")
    }
    assert form.startswith(order_id)
    app.text_input(key=f"author.{form}").set_value(author)
    app.text_area(key=f"note.{form}").set_value(note)
    return app.button(key=f"act.{action}.{form}").click().run()


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("fr", ("Suivi des livraisons", "Livrées en retard", "À haut risque", "Prévu contre réel")),
        (
            "en",
            ("Deliveries desk", "Delivered late", "High risk, to act on", "Late rate over time"),
        ),
    ],
)
def test_the_desk_tells_the_period_in_plain_words_in_each_language(
    orders: Published, start_app: StartApp, language: formats.Language, words: tuple[str, ...]
) -> None:
    app = start_app(PAGE, lang=language)
    assert _well(app) and not app.warning
    said = _said(app)
    assert [word for word in words if word not in said] == []
    late, delivered, acting = _ask(
        orders,
        "select sum(late), sum(delivered), sum(open_high_risk)::int"
        " from published.delivery_performance where day >= %s",
        _first(orders),
    )
    assert formats.percent(float(late / delivered), language, 1) in said
    assert f">{acting}<" in said
    assert len(_listed(app)) == acting


def test_no_pseudonym_of_a_customer_is_on_the_screen_or_in_a_file(
    orders: Published, start_app: StartApp, files: dict[str, bytes]
) -> None:
    app = start_app(PAGE, lang="en", order=RISKIEST)
    assert _well(app) and f"Order {RISKIEST.replace('-', chr(92) + '-')}" in _said(app)
    everything = _said(app) + "".join(str(element.proto) for element in _elements(app.main))
    assert RISKIEST in everything and PSEUDONYM not in everything
    assert all(PSEUDONYM.encode() not in file for file in files.values())


def test_the_riskiest_order_leads_the_list_and_those_that_ended_are_not_in_it(
    orders: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en")
    assert _listed(app)[:2] == [RISKIEST, SECOND]
    app.selectbox(key="show").set_value("open").run()
    listed = _listed(app)
    assert OVERDUE in listed and CANCELLED not in listed
    delivered = _ask(orders, "select array_agg(order_id) from made.orders where status='delivered'")
    assert not set(listed) & set(delivered[0])


def test_a_band_within_one_day_is_told_by_its_hours(orders: Published, start_app: StartApp) -> None:
    # Placed at noon of São Paulo, 14 days predicted: of a band of 0.6 to 1.5 of them many days.
    assert re.search(r"8 in 10: \w{3} \d+ \w{3} – ", _rows(start_app(PAGE, lang="en")))
    placed = _now().replace(hour=15, minute=0, second=0, microsecond=0)
    _change(
        orders,
        "update made.orders set placed_at = %s, predicted_days = 0.2 where order_id = %s",
        *(placed, RISKIEST),
    )
    app = start_app(PAGE, lang="en", order=RISKIEST)
    # 0.12 to 0.3 days from 12:00 on: 14:53 to 19:12, to the quarter of an hour and outwards.
    assert re.search(r"8 in 10: \w{3} \d+ \w{3}, 14:45–19:15", _rows(app))
    assert re.search(r"8 in 10 on \w{3} \d+ \w{3} from 14:45 to 19:15", _said(app))


def test_whose_promise_is_still_to_come_can_be_listed_alone(
    orders: Published, start_app: StartApp
) -> None:
    _change(orders, "update made.orders set late_probability = 1 where order_id = %s", OVERDUE)
    app = start_app(PAGE, lang="en", show="act")
    assert _listed(app)[:2] == [OVERDUE, RISKIEST]
    app.selectbox(key="show").set_value("ahead").run()
    assert _well(app)
    assert _listed(app)[:2] == [RISKIEST, SECOND] and OVERDUE not in _listed(app)
    assert "promise passed, not delivered" not in _rows(app)


def test_an_order_whose_promise_passed_is_marked_though_its_risk_was_low(
    orders: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en", show="overdue")
    assert _well(app) and OVERDUE in _listed(app)
    assert "promise passed, not delivered" in _rows(app)
    app = start_app(PAGE, lang="en", order=OVERDUE)
    assert "The promise passed 7 d" in _said(app)


@pytest.mark.parametrize(
    ("language", "short", "long"),
    [
        ("fr", "Promesse déjà passée", "Sa promesse était déjà passée"),
        ("en", "Promise already passed", "Its promise had passed already"),
    ],
)
def test_an_order_scored_after_its_promise_is_late_for_that_reason_alone(
    orders: Published, start_app: StartApp, language: formats.Language, short: str, long: str
) -> None:
    _change(
        orders,
        "update made.orders set late_probability = 1, reasons = '[]' where order_id = %s",
        OVERDUE,
    )
    app = start_app(PAGE, lang=language, show="overdue", order=OVERDUE)
    assert _well(app)
    assert short in _rows(app) and long in _said(app)


def test_filters_narrow_every_figure_and_the_list(orders: Published, start_app: StartApp) -> None:
    app = start_app(PAGE, lang="en", **HERE)
    assert _well(app)
    assert f"São Paulo, {SHIPPER}, " in _said(app)
    (acting,) = _ask(
        orders,
        "select sum(open_high_risk)::int from published.delivery_performance"
        " where centre_id = %s and shipper = %s and day >= %s",
        *(REGION, SHIPPER, _first(orders)),
    )
    assert _to_act(app) == acting == len(_listed(app))
    app.selectbox(key="category").set_value("books").run()
    assert _well(app) and RISKIEST not in _listed(app)


def test_the_change_is_against_as_many_days_before_and_absent_where_those_are_not_whole(
    orders: Published, start_app: StartApp
) -> None:
    assert "Changes are against the orders placed" in _said(start_app(PAGE, lang="en"))
    said = _said(start_app(PAGE, lang="en", placed="182"))
    assert "No comparison with the period before" in said
    assert " more</p>" not in said and " less</p>" not in said


def test_the_figures_of_a_period_are_its_sums_divided(published: Published) -> None:
    """By hand: gaps of +2 and -1 days, one of two delivered late, incidents of 6 and 18 hours."""
    make_deliveries(published.admin_dsn)
    day = datetime(2026, 3, 2, 12, tzinfo=UTC)
    for order_id, days, said, promise, hours in (("a", 12, 10, 11, 6), ("b", 9, 10, 11, 18)):
        _change(
            published,
            "insert into made.orders (order_id, centre_id, day, placed_at, approved_at,"
            " delivered_at, promised_at, shipper, status, predicted_days, late_probability)"
            " values (%s, 'SP', %s, %s, %s, %s, %s, 'X', 'delivered', %s, 0.5)",
            *(order_id, day.date(), day, day, day + timedelta(days=days)),
            *(day + timedelta(days=promise), said),
        )
        _change(
            published,
            "insert into made.incidents values (%s, %s, 'lost', %s, %s)",
            *(order_id, order_id, day, day + timedelta(hours=hours)),
        )
    row = deliveries_data.totals.__wrapped__(Chosen(), day.date(), day.date())  # type: ignore[attr-defined]
    assert row["orders"] == row["delivered"] == row["scored"] == 2
    assert row["late_rate"] == 0.5
    assert row["gap_days"] == pytest.approx(0.5)
    assert row["abs_gap_days"] == pytest.approx(1.5)
    assert row["high_risk_share"] == 1.0
    assert row["resolve_hours"] == pytest.approx(12.0)


def test_resolving_an_order_lowers_the_figure_at_once_and_reopening_raises_it_again(
    orders: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en", order=RISKIEST)
    before = _to_act(app)
    _act(app, RISKIEST, "resolve", "Ana", "Called the carrier")
    assert _well(app)
    assert _to_act(app) == before - 1
    assert RISKIEST not in _listed(app)
    said = _said(app)
    assert "Order resolved" in said and "Called the carrier" in said and "Resolved by Ana" in said
    assert _ask(orders, "select order_id, action, note, author from ops.desk_actions") == (
        *(RISKIEST, "resolve", "Called the carrier", "Ana"),
    )
    # The name stays for the next action of the session.
    assert app.text_input(key=f"author.{RISKIEST}.1").value == "Ana"
    _act(app, RISKIEST, "reopen", "Ana")
    assert _to_act(app) == before and "Order reopened" in _said(app)


def test_a_note_is_added_as_it_was_written_and_obeyed_by_nothing(
    orders: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en", order=RISKIEST)
    note = "**Rua 7** <b>'; drop table ops.desk_actions; --"
    _act(app, RISKIEST, "note", "Zoë", note)
    assert _well(app) and "Note added" in _said(app)
    assert _ask(orders, "select note, author from ops.desk_actions") == (note, "Zoë")
    assert "\\*\\*Rua 7\\*\\* \\<b\\>" in _said(app)


@pytest.mark.parametrize(
    ("action", "author", "note", "told"),
    [
        ("note", "Ana", "   ", "the note is empty"),
        ("resolve", "  ", "done", "give your name"),
        ("note", "Ana", "a\0b", "without control characters"),
    ],
)
def test_an_action_that_lacks_something_is_not_written_and_says_why(
    orders: Published, start_app: StartApp, action: str, author: str, note: str, told: str
) -> None:
    app = start_app(PAGE, lang="en", order=RISKIEST)
    _act(app, RISKIEST, action, author, note)
    assert not app.exception
    (error,) = app.error
    assert "Nothing was written" in error.value and told in error.value
    assert _ask(orders, "select count(*) from ops.desk_actions") == (0,)
    # What was written stays in the form.
    assert app.text_area(key=f"note.{RISKIEST}.0").value == note


def test_a_desk_that_was_given_no_right_says_so_and_shows_the_order_all_the_same(
    published: Published, start_app: StartApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_deliveries(published.admin_dsn, _now(), granted=False)
    monkeypatch.setenv(desk.DSN_VARIABLE, desk_dsn(published))
    app = start_app(PAGE, lang="en", order=RISKIEST)
    assert _well(app) and "notes cannot be read" in _said(app)
    _act(app, RISKIEST, "resolve", "Ana")
    assert not app.exception
    (error,) = app.error
    assert "does not let the desk write" in error.value
    assert any("InsufficientPrivilege" in code.value for code in app.code)


def test_a_page_without_the_desks_connection_only_reads(
    orders: Published, start_app: StartApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    _change(
        orders,
        "insert into ops.desk_actions (order_id, action, note, author)"
        " values (%s, 'note', 'Seen', 'Bo')",
        RISKIEST,
    )
    monkeypatch.delenv(desk.DSN_VARIABLE)
    app = start_app(PAGE, lang="en", order=RISKIEST)
    assert _well(app)
    assert "Reading only" in _said(app) and "Seen" in _said(app)
    assert not app.text_area


def test_a_database_that_went_away_while_acting_is_told_without_its_password(
    orders: Published, start_app: StartApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(desk.DSN_VARIABLE, "host=/nowhere user=flow_desk password=hunter2")
    app = start_app(PAGE, lang="en", order=RISKIEST)
    _act(app, RISKIEST, "resolve", "Ana")
    (error,) = app.error
    assert "does not answer" in error.value
    assert "hunter2" not in str([code.value for code in app.code])


@pytest.mark.parametrize(
    "statement",
    [
        "update ops.desk_actions set note = 'x'",
        "delete from ops.desk_actions",
        "truncate ops.desk_actions",
    ],
)
def test_what_the_desk_wrote_can_only_be_added_to(orders: Published, statement: str) -> None:
    with (
        psycopg.connect(desk_dsn(orders), autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


def test_an_action_on_an_order_that_is_not_there_is_refused(
    orders: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(desk.DeskError) as told:
        desk.act("no such order", "resolve", "Ana")
    assert told.value.why == "gone"
    with pytest.raises(desk.DeskError) as told:
        desk.act(RISKIEST, "note", "A" * 101, "x")
    assert told.value.why == "long"


def test_an_order_is_found_by_its_number_and_one_that_is_not_there_is_told(
    orders: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en")
    app.text_input(key="desk.find").set_value(f" {CANCELLED} ").run()
    assert _well(app) and "cancelled" in _said(app)
    assert app.query_params["order"] == CANCELLED
    app.button(key="order.close").click().run()
    assert "order" not in app.query_params
    app = start_app(PAGE, lang="en", order="nothing*")
    assert any("There is no order “nothing\\*”" in info.value for info in app.info)


def test_the_file_of_the_list_holds_its_orders_in_its_order(
    orders: Published, start_app: StartApp, files: dict[str, bytes]
) -> None:
    app = start_app(PAGE, lang="en", show="open")
    rows = pd.read_csv(io.BytesIO(files["orders.csv"]))
    assert tuple(rows.columns) == deliveries_data.ORDER_COLUMNS
    assert list(rows["order_id"])[: deliveries_data.LISTED] == _listed(app)
    assert rows["late_probability"].is_monotonic_decreasing
    assert rows["why"][0] == "carrier_late; distance_km; holidays_ahead"


def test_events_that_stopped_coming_are_said_to_be_old_and_promises_are_judged_as_of_then(
    published: Published, start_app: StartApp
) -> None:
    """Nine days on, a promise has passed of which nobody knows whether it was kept."""
    fill_deliveries(published.admin_dsn, _now() - timedelta(days=9))
    app = start_app(PAGE, lang="en", show="overdue")
    assert _well(app)
    (warning,) = [warning.value for warning in app.warning]
    assert "These data are old" in warning and "9 days ago" in warning
    listed = _listed(app)
    assert OVERDUE in listed and RISKIEST not in listed


def test_a_risk_that_is_the_usual_rate_is_said_to_tell_no_order_from_another(
    published: Published, start_app: StartApp
) -> None:
    fill_deliveries(published.admin_dsn, _now(), orders=400, late=USUAL)
    app = start_app(PAGE, lang="en", placed="182")
    assert _well(app)
    (warning,) = [warning.value for warning in app.warning]
    assert "its risk is the usual rate" in warning and "tells no order from another" in warning
    assert "tell orders apart" not in _said(app)
    # No risk is high: the list opens with what is overdue all the same.
    assert OVERDUE in _listed(app)


def test_a_risk_that_came_true_is_said_to_tell_orders_apart(
    published: Published, start_app: StartApp
) -> None:
    fill_deliveries(published.admin_dsn, _now(), orders=1500, days=300, late=MODEL)
    app = start_app(PAGE, lang="en", placed="182")
    assert _well(app) and not app.warning
    assert "the risk does tell orders apart" in _said(app)
    # Outcomes that have nothing to do with what was said.
    _change(
        published,
        "update made.orders set delivered_at = promised_at"
        " + case when hashtext(order_id) %% 9 = 0 then interval '1' day else interval '-1' day end"
        " where delivered_at is not null and %s",
        True,
    )
    app = start_app(PAGE, lang="en", placed="182")
    assert "that may be chance" in _said(app)


def test_predictions_are_judged_by_days_whose_orders_have_arrived(
    published: Published, start_app: StartApp
) -> None:
    fill_deliveries(published.admin_dsn, _now(), orders=1500, days=300, late=MODEL)
    # All orders arrive, but of those of the last twenty days only the quick half has.
    _change(
        published,
        "update made.orders set status = 'delivered', delivered_at = case"
        " when day > now()::date - %s and hashtext(order_id) %% 2 = 0 then null"
        " else placed_at + least(predicted_days, 1.0) * interval '1 day' end",
        20,
    )
    first = _first(published)
    last = first + timedelta(days=90)
    until = deliveries_data.arrived_until.__wrapped__(first, last)  # type: ignore[attr-defined]
    # A week of which a day or two are among the twenty may still have nine in ten.
    assert timedelta(days=16) <= last - until <= timedelta(days=20)
    app = start_app(PAGE, lang="en")
    assert _well(app)
    assert _said(app).count("Judged by orders placed up to") == 2
    (n,) = _ask(
        published,
        "select count(*) from published.delivery_orders where delivered_at is not null"
        " and day between %s and %s",
        *(first, until),
    )
    assert f"Of {n:,} delivered orders" in _said(app)


def test_days_of_which_nothing_has_arrived_are_too_early_to_judge(
    orders: Published, start_app: StartApp
) -> None:
    _change(
        orders, "update made.orders set delivered_at = null, status = 'in_transit' where %s", True
    )
    app = start_app(PAGE, lang="en")
    assert _well(app)
    assert [info.value for info in app.info if "Too early to judge" in info.value] != []
    assert "the risk does tell orders apart" not in _said(app)


def test_too_few_delivered_orders_are_said_to_be_too_few(
    orders: Published, start_app: StartApp
) -> None:
    assert "too few to tell whether" in _said(start_app(PAGE, lang="en"))


def test_orders_that_nobody_scored_have_lateness_and_no_risk(
    published: Published, start_app: StartApp
) -> None:
    fill_deliveries(published.admin_dsn, _now(), scored=False)
    app = start_app(PAGE, lang="en", order=RISKIEST, show="open")
    assert _well(app)
    said = _said(app)
    assert "No order has a prediction yet" in said and "Not measured yet" in said
    assert "This order has no prediction yet" in said
    assert RISKIEST in _listed(app)


def test_a_platform_without_deliveries_says_how_to_load_them(
    published: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en")
    assert _well(app) and "list of regions is empty" in _said(app)
    make_deliveries(published.admin_dsn)
    app = start_app(PAGE, lang="fr")
    assert _well(app) and "flow backfill deliveries" in _said(app)


def test_views_that_are_not_there_are_told_as_on_every_page(
    orders: Published, start_app: StartApp
) -> None:
    _change(orders, "drop view published.delivery_performance")
    app = start_app(PAGE, lang="en")
    assert not app.exception
    assert any("published nothing yet" in warning.value for warning in app.warning)


def test_days_and_filters_without_orders_say_so(orders: Published, start_app: StartApp) -> None:
    _change(orders, "delete from made.orders where centre_id = 'MG'")
    app = start_app(PAGE, lang="en", region="MG")
    assert _well(app)
    assert any("No order was placed here" in info.value for info in app.info)
    app = start_app(PAGE, lang="en", region="Atlantis*")
    assert any("There is no region “Atlantis\\*”" in info.value for info in app.info)


def test_the_tenths_are_of_equal_size_and_hold_what_was_said_and_came(published: Published) -> None:
    fill_deliveries(published.admin_dsn, _now(), orders=500, days=300)
    last = _now().date()
    first = last - timedelta(days=299)
    for chosen in (Chosen(), Chosen(ALL, SHIPPER, ALL)):
        rows = deliveries_data.tenths.__wrapped__(chosen, first, last)  # type: ignore[attr-defined]
        assert rows["orders"].max() - rows["orders"].min() <= 1
        n, said, real = _ask(
            published,
            "select count(*), avg(predicted_days), avg(actual_days) from published.delivery_orders"
            " where actual_days is not null and (%s = '*' or shipper = %s) and day >= %s",
            *(chosen.shipper, chosen.shipper, first),
        )
        assert rows["orders"].sum() == n
        assert (rows["said_days"] * rows["orders"]).sum() / n == pytest.approx(said)
        assert (rows["real_days"] * rows["orders"]).sum() / n == pytest.approx(real)


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


@pytest.mark.parametrize(
    ("feature", "french", "english"),
    [
        ("distance_km", "distance à parcourir", "distance to cover"),
        ("seller_late", "retards passés (vendeur)", "past lateness (seller)"),
        ("postal_area_log_days", "délais passés (zone postale)", "past delays (postal area)"),
        ("moon_phase", "moon phase", "moon phase"),
    ],
)
def test_reasons_are_told_in_the_readers_language(feature: str, french: str, english: str) -> None:
    assert reasons.feature_words(feature, "fr") == french
    assert reasons.feature_words(feature, "en") == english


def test_days_are_said_as_people_say_them() -> None:
    told = [formats.lasting(days, "en") for days in (2.875, 2.0, 0.3, 0.01, -1.5, 0.9999)]
    assert told == ["2 d 21 h", "2 d", "7 h", "14 min", "\u22121 d 12 h", "1 d"]
    assert formats.lasting(1.25, "fr", signed=True) == "+1 j 6 h"
    assert formats.lasting(None, "fr") == formats.lasting(float("nan"), "en") == "–"


def test_the_interval_of_a_share_is_wilsons() -> None:
    """Newcombe 1998, table I: 15 of 148 and 1 of 29."""
    assert deliveries_charts.wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert deliveries_charts.wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=1e-4)
