"""The page Customers and its states, run without a browser."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import psycopg
import pytest
from streamlit.testing.v1 import AppTest

from streamlit_app import deliveries_charts, deliveries_data, formats
from streamlit_app.deliveries_data import ALL
from tests.app.conftest import StartApp
from tests.app.deliveries_fixture import FEW, fill_deliveries, fill_segments, make_deliveries
from tests.app.published_fixture import Published

PAGE = "pages_/customers.py"


def _month() -> date:
    return datetime.now(UTC).date().replace(day=1)


@pytest.fixture
def customers(published: Published) -> Published:
    """A platform that grouped its customers on the first of this month."""
    fill_deliveries(published.admin_dsn, datetime.now(UTC), orders=600, days=300)
    fill_segments(published.admin_dsn, _month())
    return published


def _said(app: AppTest) -> str:
    kinds = (app.title, app.subheader, app.markdown, app.caption, app.info, app.warning, app.html)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def _well(app: AppTest) -> bool:
    return not app.exception and not app.error


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "fr",
            (
                "Clients",
                "Fidèles",
                "412 clients",
                "16\u202f% de tous",
                "Endormis",
                "groupe instable",
            ),
        ),
        ("en", ("Customers", "Loyal", "412 customers", "16% of all", "Dormant", "unstable group")),
    ],
)
def test_the_groups_are_told_in_plain_words_in_each_language(
    customers: Published, start_app: StartApp, language: formats.Language, words: tuple[str, ...]
) -> None:
    app = start_app(PAGE, lang=language)
    assert _well(app) and not app.warning
    said = _said(app)
    assert [word for word in words if word not in said] == []


def test_figures_of_fewer_than_ten_customers_are_hidden_and_said_to_be(
    customers: Published, start_app: StartApp, files: dict[str, bytes]
) -> None:
    app = start_app(PAGE, lang="en")
    assert "fewer than 10 customers: figures hidden" in _said(app)
    assert "333" not in _said(app)
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
    assert "months of groups" in _said(app)


def _late(published: Published, condition: str) -> None:
    """Every order arrives; those of the condition late."""
    with psycopg.connect(published.admin_dsn) as connection:
        connection.execute(
            "update made.orders set status = 'delivered', delivered_at = promised_at"
            f" + case when {condition} then interval '1 day' else interval '-1 day' end".encode()
        )


def test_a_group_is_named_as_served_worst_only_beyond_chance(
    customers: Published, start_app: StartApp
) -> None:
    _late(customers, "segment = 'loyal' and hashtext(order_id) % 2 = 0")
    assert "the group delivered late most often is **Loyal**" in _said(start_app(PAGE, lang="en"))
    _late(customers, "hashtext(order_id) % 7 = 0")
    said = _said(start_app(PAGE, lang="en"))
    assert "may be chance" in said and "most often is" not in said


def test_a_month_whose_orders_are_on_their_way_is_shown_apart_and_not_judged(
    customers: Published, start_app: StartApp
) -> None:
    _late(customers, "segment = 'loyal' and hashtext(order_id) % 2 = 0")
    last = (_month() - timedelta(days=1)).replace(day=1)
    with psycopg.connect(customers.admin_dsn) as connection:
        # Of last month's orders a third have not arrived: all others were in time.
        connection.execute(
            "update made.orders set delivered_at = case when hashtext(order_id) %% 3 <> 0"
            " then promised_at - interval '1 day' end where day >= %s",
            [last],
        )
    app = start_app(PAGE, lang="en")
    assert _well(app) and "the group delivered late most often is **Loyal**" in _said(app)
    rows = deliveries_data.experience(ALL, date(2000, 1, 1), date(2100, 1, 1))
    # Of fewer than ten deliveries a month is on no page.
    shown = (rows["segment"] == "loyal") & (rows["delivered"] >= 10)
    finished = rows[shown & (rows["month"] < pd.Timestamp(last))]
    rate = finished["late"].sum() / finished["delivered"].sum()
    assert f"**Loyal** ({rate:.1%})" in _said(app)
    open_ones = deliveries_charts.unfinished(rows)
    assert set(rows.loc[open_ones, "month"]) >= {pd.Timestamp(last)}


def test_a_region_changes_how_they_are_served_and_not_who_they_are(
    customers: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en")
    app.selectbox(key="region").set_value("SP").run()
    assert _well(app)
    said = _said(app)
    assert "(São Paulo)" in said and "412 customers" in said
    assert app.query_params["region"] == "SP"


def test_how_many_groups_there_are_is_explained_by_what_was_measured(
    customers: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="fr")
    assert "ici **6** groupes" in _said(app)
    table = app.table[-1].value
    assert list(table["Nombre de groupes"]) == list(range(2, 9))
    assert list(table["Choisi"]).count(True) == 1


@pytest.mark.parametrize("measure", ["recency_days", "orders_each", "value", "late_share"])
def test_the_groups_are_compared_by_what_the_reader_chooses(
    customers: Published, start_app: StartApp, measure: str
) -> None:
    app = start_app(PAGE, lang="en")
    app.selectbox(key="measure").set_value(measure).run()
    assert _well(app)


def test_an_older_month_is_shown_when_chosen(customers: Published, start_app: StartApp) -> None:
    months = deliveries_data.segment_months.__wrapped__()  # type: ignore[attr-defined]
    assert len(months) == 3
    app = start_app(PAGE, lang="en", month=f"{months[-1]:%Y-%m}")
    assert _well(app) and formats.long_day(months[-1], "en", year=True) in _said(app)


def test_groups_that_are_no_longer_made_are_said_to_be_old(
    published: Published, start_app: StartApp
) -> None:
    make_deliveries(published.admin_dsn)
    fill_segments(published.admin_dsn, date(2024, 5, 1))
    app = start_app(PAGE, lang="en")
    assert _well(app)
    assert any("from May 2024" in warning.value for warning in app.warning)
    assert "No deliveries to grouped customers here yet" in _said(app)


def test_a_platform_without_groups_or_without_views_says_so(
    published: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en")
    assert not app.exception
    assert any("published nothing yet" in warning.value for warning in app.warning)
    make_deliveries(published.admin_dsn)
    app = start_app(PAGE, lang="fr")
    assert _well(app) and "Aucun groupe de clients" in _said(app)


def test_a_group_that_the_app_has_no_name_for_keeps_its_own(
    customers: Published, start_app: StartApp
) -> None:
    with psycopg.connect(customers.admin_dsn) as connection:
        connection.execute(
            "update published.customer_segments set name = 'moonlit' where segment = 0"
        )
    app = start_app(PAGE, lang="en")
    assert _well(app) and "moonlit" in _said(app)
