"""The page Retail and its states, run without a browser."""

from __future__ import annotations

import io
from datetime import timedelta

import pandas as pd
import psycopg
import pytest
from streamlit.testing.v1 import AppTest

from streamlit_app import formats
from tests.app.conftest import StartApp
from tests.app.published_fixture import COUNTRIES, Published, fill_retail, yesterday

PAGE = "pages_/retail.py"


@pytest.fixture
def retail(published: Published) -> Published:
    fill_retail(published.admin_dsn, yesterday())
    return published


def _said(app: AppTest) -> str:
    kinds = (app.title, app.subheader, app.markdown, app.caption, app.info, app.warning, app.html)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def _tables(app: AppTest) -> list[pd.DataFrame]:
    return [pd.DataFrame(table.value) for table in app.table]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("fr", ("Boutique", "8 fois sur 10", "Retours", "Classement", "en service")),
        ("en", ("Retail", "8 times out of 10", "Returns", "Leaderboard", "inside the range")),
    ],
)
def test_the_page_says_the_forecast_the_returns_and_the_leaderboard(
    retail: Published, start_app: StartApp, language: formats.Language, words: tuple[str, ...]
) -> None:
    app = start_app(PAGE, lang=language)
    assert not app.exception and not app.error
    said = _said(app)
    for word in words[:4]:
        assert word in said
    assert "4.0%" in said or "4,0" in said


def test_the_busiest_country_comes_first_and_each_measure_can_be_chosen(
    retail: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en")
    assert app.selectbox(key="centre").value == "United Kingdom"
    assert set(app.selectbox(key="centre").options) == set(COUNTRIES)
    for measure in ("quantity", "invoices", "revenue"):
        app.selectbox(key="measure").set_value(measure).run()
        assert not app.exception
        assert app.query_params.get("measure", "quantity") == measure


def test_the_file_holds_exactly_the_rows_shown(
    retail: Published, start_app: StartApp, files: dict[str, bytes]
) -> None:
    start_app(PAGE, lang="en")
    with psycopg.connect(retail.dashboard_dsn) as connection:
        stored = connection.execute(
            "select date, prediction, lower_80, upper_95 from published.predictions"
            " where flow = 'retail' and measure = 'quantity' and centre_id = 'United Kingdom'"
            " and issued_on = %s order by date",
            [yesterday()],
        ).fetchall()
    rows = pd.read_csv(io.BytesIO(files["issue.csv"]))
    assert len(rows) == len(stored) == 12  # no Saturday among them
    assert list(rows["prediction"]) == [row[1] for row in stored]
    leaders = pd.read_csv(io.BytesIO(files["leaderboard.csv"]))
    assert list(leaders["candidate"]) == ["blend", "lightgbm", "seasonal_naive"]
    assert leaders["is_champion"].tolist() == [True, False, False]


def test_closed_days_are_told_with_their_reason(retail: Published, start_app: StartApp) -> None:
    app = start_app(PAGE, lang="en")
    closed = next(table for table in _tables(app) if "Why" in table.columns)
    days = pd.to_datetime(closed["Day"])
    assert set(days.dt.day_of_week) == {5}
    assert days.max() > pd.Timestamp(yesterday() + timedelta(days=6))
    assert closed["Why"].str.contains("traded 0 of 8 weeks").all()


def test_how_often_the_range_held_is_told_for_the_chosen_measure(
    retail: Published, start_app: StartApp
) -> None:
    with psycopg.connect(retail.admin_dsn) as connection:
        connection.execute(
            "update published.coverage set coverage_80 = 0.123"
            " where flow = 'retail' and measure = 'revenue' and cut = 'overall'"
        )
    app = start_app(PAGE, lang="en")
    assert "12%" not in _said(app) and "all countries" in _said(app)
    app.selectbox(key="measure").set_value("revenue").run()
    assert not app.exception
    assert "12% of what came was inside" in _said(app)
    told = list(next(table for table in _tables(app) if "Which" in table.columns)["Which"])
    assert "Friday" in told and "Saturday" not in told  # the shop is closed
    assert told[-2:] == list(COUNTRIES)


def test_a_home_without_retail_says_how_to_make_it(
    published: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en")
    assert "list of countries is empty" in _said(app)
    fill_retail(published.admin_dsn, yesterday(), issues=0)
    with psycopg.connect(published.admin_dsn) as connection:
        connection.execute(
            "delete from published.freshness where flow = 'retail' and dataset = 'predictions'"
        )
    assert "flow backfill retail" in _said(start_app(PAGE, lang="en"))
