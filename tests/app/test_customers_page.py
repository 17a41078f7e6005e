"""The page Customers and its states, run without a browser."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from streamlit_app import texts
from streamlit_app.data.flows import ALL
from streamlit_app.pages_.customers import data
from streamlit_app.pages_.deliveries.charts import unfinished
from tests.app.conftest import StartApp
from tests.app.published.deliveries import FEW, fill_deliveries, fill_segments, make_deliveries
from tests.app.published.server import Published

PAGE = "customers"


def _month() -> date:
    return datetime.now(UTC).date().replace(day=1)


@pytest.fixture
def customers(published: Published) -> Published:
    """A platform that grouped its customers on the first of this month."""
    fill_deliveries(published.admin_dsn, datetime.now(UTC), orders=600, days=300)
    fill_segments(published.admin_dsn, _month())
    return published


def test_the_groups_are_described_in_plain_words_in_each_language(
    customers: Published, start_app: StartApp, language: texts.Language
) -> None:
    app = start_app(PAGE, lang=language)
    app.check_shows("title", "segment.loyal", "segment.dormant", "group.unstable")
    assert not app.warning
    assert app.shows("group.count", n="412")
    assert app.shows("group.share", share=app.view.percent(0.16))


def test_figures_of_fewer_than_ten_customers_are_hidden_and_marked(
    customers: Published, start_app: StartApp, files: dict[str, bytes]
) -> None:
    app = start_app(PAGE, lang="en")
    assert app.shows("group.hidden", n="10")
    assert "333" not in app.shown
    rows = pd.read_csv(io.BytesIO(files["customers.csv"])).set_index("segment")
    assert rows.loc[FEW, ["customers", "share", "orders_each", "value", "late_share"]].isna().all()


def test_months_of_a_group_with_few_deliveries_are_hidden_and_counted(
    customers: Published, start_app: StartApp, files: dict[str, bytes]
) -> None:
    app = start_app(PAGE, lang="en")
    rows = pd.read_csv(io.BytesIO(files["late.csv"]))
    assert len(rows) and rows["delivered"].min() >= 10
    start_app(PAGE, lang="en", region="SP")
    fewer = pd.read_csv(io.BytesIO(files["late.csv"]))
    assert fewer.empty or fewer["delivered"].sum() < rows["delivered"].sum()
    assert app.shows("served.hidden")


def _late(published: Published, condition: str) -> None:
    """Every order arrives; those of the condition late."""
    published.change(
        "update made.orders set status = 'delivered', delivered_at = promised_at"
        f" + case when {condition} then interval '1 day' else interval '-1 day' end"
    )


def test_a_group_is_named_as_served_worst_only_beyond_chance(
    customers: Published, start_app: StartApp
) -> None:
    _late(customers, "segment = 'loyal' and hashtext(order_id) % 2 = 0")
    app = start_app(PAGE, lang="en")
    assert app.shows("served.words", worst=app.view.text("segment.loyal"))
    _late(customers, "hashtext(order_id) % 7 = 0")
    app = start_app(PAGE, lang="en")
    assert app.shows("served.alike") and not app.shows("served.words")


def test_a_month_whose_orders_are_on_their_way_is_shown_apart_and_not_judged(
    customers: Published, start_app: StartApp
) -> None:
    _late(customers, "segment = 'loyal' and hashtext(order_id) % 2 = 0")
    last = (_month() - timedelta(days=1)).replace(day=1)
    # Of last month's orders a third have not arrived: all others were in time.
    customers.change(
        "update made.orders set delivered_at = case when hashtext(order_id) %% 3 <> 0"
        " then promised_at - interval '1 day' end where day >= %s",
        last,
    )
    app = start_app(PAGE, lang="en")
    assert app.is_well
    rows = data.experience(ALL, date(2000, 1, 1), date(2100, 1, 1))
    # Of fewer than ten deliveries a month is on no page.
    shown = (rows["segment"] == "loyal") & (rows["delivered"] >= 10)
    finished = rows[shown & (rows["month"] < pd.Timestamp(last))]
    rate = finished["late"].sum() / finished["delivered"].sum()
    loyal = app.view.text("segment.loyal")
    assert app.shows("served.words", worst=loyal, worst_rate=f"{rate:.1%}")
    open_ones = unfinished(rows)
    assert set(rows.loc[open_ones, "month"]) >= {pd.Timestamp(last)}


def test_a_region_changes_how_they_are_served_and_not_who_they_are(
    customers: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en")
    app.selectbox(key="region").set_value("SP").run()
    assert app.is_well
    assert app.shows("served.body", place="São Paulo") and app.shows("group.count", n="412")
    assert app.query_params["region"] == "SP"


def test_how_many_groups_there_are_is_explained_by_what_was_measured(
    customers: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="fr")
    assert app.shows("choice.body", k="6")
    table = app.tables()[-1]
    assert list(table[app.heading("k")]) == list(range(2, 9))
    assert list(table[app.heading("chosen")]).count(True) == 1


@pytest.mark.parametrize("measure", ["recency_days", "orders_each", "value", "late_share"])
def test_the_groups_are_compared_by_what_the_reader_chooses(
    customers: Published, start_app: StartApp, measure: str
) -> None:
    app = start_app(PAGE, lang="en")
    app.selectbox(key="measure").set_value(measure).run()
    assert app.is_well


def test_an_older_month_is_shown_when_chosen(customers: Published, start_app: StartApp) -> None:
    months = data.segment_months.__wrapped__()  # type: ignore[attr-defined]
    assert len(months) == 3
    app = start_app(PAGE, lang="en", month=f"{months[-1]:%Y-%m}")
    assert app.is_well and app.view.long_day(months[-1], year=True) in app.shown


def test_groups_that_are_no_longer_made_are_called_old(
    published: Published, start_app: StartApp
) -> None:
    make_deliveries(published.admin_dsn)
    fill_segments(published.admin_dsn, date(2024, 5, 1))
    app = start_app(PAGE, lang="en")
    assert app.is_well
    assert app.warning and app.shows("stale", month="May 2024")
    assert app.shows("served.none")


def test_a_platform_without_groups_or_without_views_says_so(
    published: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en")
    assert not app.exception
    assert app.warning and app.shows("unready.title")
    make_deliveries(published.admin_dsn)
    app = start_app(PAGE, lang="fr")
    assert app.is_well and app.shows("none.title")


def test_a_group_that_the_app_has_no_name_for_keeps_its_own(
    customers: Published, start_app: StartApp
) -> None:
    customers.change("update published.customer_segments set name = 'moonlit' where segment = 0")
    app = start_app(PAGE, lang="en")
    assert app.is_well and "moonlit" in app.shown
