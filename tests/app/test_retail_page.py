"""The page Retail and its states, run without a browser."""

from __future__ import annotations

import io
from datetime import timedelta

import pandas as pd
import pytest

from streamlit_app import texts
from tests.app.conftest import StartApp
from tests.app.published.parcels import yesterday
from tests.app.published.retail import COUNTRIES, fill_retail
from tests.app.published.server import Published

PAGE = "retail"


@pytest.fixture
def retail(published: Published) -> Published:
    fill_retail(published.admin_dsn, yesterday())
    return published


def test_the_page_shows_the_forecast_the_returns_and_the_leaderboard(
    retail: Published, start_app: StartApp, language: texts.Language
) -> None:
    app = start_app(PAGE, lang=language)
    app.check_shows("title", "returns", "returns.quantity", "leaderboard", "leaderboard.body")
    assert app.shows("range") or app.shows("range.none")
    assert app.view.percent(0.04, 1) in app.shown
    assert app.view.text("champion").encode() in app.cells()


def test_the_busiest_country_is_shown_first_and_each_measure_can_be_chosen(
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
    stored = retail.rows(
        "select date, prediction, lower_80, upper_95 from published.predictions"
        " where flow = 'retail' and measure = 'quantity' and centre_id = 'United Kingdom'"
        " and issued_on = %s order by date",
        yesterday(),
    )
    rows = pd.read_csv(io.BytesIO(files["issue.csv"]))
    assert len(rows) == len(stored) == 12  # no Saturday among them
    assert list(rows["prediction"]) == [row[1] for row in stored]
    leaders = pd.read_csv(io.BytesIO(files["leaderboard.csv"]))
    assert list(leaders["candidate"]) == ["blend", "lightgbm", "seasonal_naive"]
    assert leaders["is_champion"].tolist() == [True, False, False]


def test_closed_days_are_listed_with_their_reason(retail: Published, start_app: StartApp) -> None:
    app = start_app(PAGE, lang="en")
    closed = app.table_with("reason")
    days = pd.to_datetime(closed[app.heading("day")])
    assert set(days.dt.day_of_week) == {5}
    assert days.max() > pd.Timestamp(yesterday() + timedelta(days=6))
    assert closed[app.heading("reason")].str.contains("traded 0 of 8 weeks").all()


def test_how_often_the_range_held_is_shown_for_the_chosen_measure(
    retail: Published, start_app: StartApp
) -> None:
    retail.change(
        "update published.coverage set coverage_80 = 0.123"
        " where flow = 'retail' and measure = 'revenue' and cut = 'overall'"
    )
    app = start_app(PAGE, lang="en")
    assert "12%" not in app.shown and app.view.text("held.all").lower() in app.shown.lower()
    app.selectbox(key="measure").set_value("revenue").run()
    assert not app.exception
    assert app.shows("held.narrow", share="12%")
    groups = list(app.table_with("key")[app.heading("key")])
    assert "Friday" in groups and "Saturday" not in groups  # the shop is closed
    assert groups[-2:] == list(COUNTRIES)


def test_a_home_without_retail_says_how_to_make_it(
    published: Published, start_app: StartApp
) -> None:
    assert start_app(PAGE, lang="en").shows("no_centres")
    fill_retail(published.admin_dsn, yesterday(), issues=0)
    published.change(
        "delete from published.freshness where flow = 'retail' and dataset = 'predictions'"
    )
    app = start_app(PAGE, lang="en")
    assert app.shows("empty.body") and "flow backfill retail" in app.shown
