"""The page Parcels and its states, run without a browser; Chromium is in `tests/browser`."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from streamlit_app import texts
from streamlit_app.data import database, series
from tests.app.conftest import StartApp, check_an_outage_is_reported
from tests.app.published.parcels import NEVER_REPORTED, fill, yesterday
from tests.app.published.server import Published, Server
from tests.app.published.tables import CENTRES, make_tables
from tests.app.screen import Screen, view_of

NAMES = {centre[0]: centre[1] for centre in CENTRES}


def _stored(published: Published, centre_id: str, issued_on: date) -> list[tuple[Any, ...]]:
    return published.rows(
        "select p.date, p.prediction, p.lower_80, p.upper_80, p.lower_95, p.upper_95, a.value"
        " from published.predictions p left join published.actuals a"
        " using (flow, measure, centre_id, date)"
        " where p.centre_id = %s and p.issued_on = %s order by p.horizon",
        *(centre_id, issued_on),
    )


def test_the_next_day_is_described_in_plain_words(
    published: Published, start_app: StartApp, language: texts.Language
) -> None:
    app = start_app(lang=language, centre="1")
    assert app.is_well
    _, prediction, lower, upper, *_ = _stored(published, "1", yesterday())[0]
    assert app.view.rounded(prediction) in app.shown
    if upper >= 0.5:  # on the centre's closed day there is no range to give
        assert app.shows("range", lower=app.view.rounded(lower), upper=app.view.rounded(upper))
    assert app.view.long_day(yesterday() + timedelta(days=1)) in app.shown


def test_centres_are_chosen_by_name_and_the_newest_evening_comes_first(
    published: Published, start_app: StartApp
) -> None:
    app = start_app(lang="en")
    assert set(app.selectbox(key="centre").options) == set(NAMES.values())
    assert app.selectbox(key="date").value == yesterday().isoformat()
    assert len(app.selectbox(key="date").options) == 60


def test_choices_stand_in_the_address_and_open_again_from_it(
    published: Published, start_app: StartApp
) -> None:
    past = (yesterday() - timedelta(days=20)).isoformat()
    app = start_app(lang="fr")
    app.selectbox(key="centre").set_value("2").run()
    app.selectbox(key="date").set_value(past).run()
    app.selectbox(key="horizon").set_value("7").run()
    expected = {"lang": "fr", "centre": "2", "date": past, "horizon": "7"}
    assert app.query_params == expected
    again = start_app(**expected)
    assert again.is_well
    assert {name: again.selectbox(key=name).value for name in ("centre", "date", "horizon")} == {
        name: value for name, value in expected.items() if name != "lang"
    }


def test_an_address_without_a_date_follows_the_newest_issue(
    published: Published, start_app: StartApp
) -> None:
    fill(published.admin_dsn, yesterday() - timedelta(days=1))
    app = start_app(lang="en", centre="1")
    assert "date" not in app.query_params
    fill(published.admin_dsn, yesterday())
    database.forget()
    app.run()
    assert app.selectbox(key="date").value == yesterday().isoformat()


def test_an_address_that_asks_for_what_is_not_there_says_so(
    published: Published, start_app: StartApp
) -> None:
    app = start_app(lang="en", centre="nowhere", date="1999-01-01")
    assert app.is_well
    assert app.shows("address.unknown", asked="nowhere")
    assert app.shows("issue.unknown", asked="1999\\-01\\-01")


def test_the_file_holds_the_numbers_of_the_database_bit_for_bit(
    published: Published, start_app: StartApp, files: dict[str, bytes]
) -> None:
    past = yesterday() - timedelta(days=10)
    assert start_app(lang="fr", centre="1", date=past.isoformat()).is_well
    read = pd.read_csv(io.BytesIO(files["issue.csv"]), dtype={"centre_id": str})
    assert tuple(read.columns) == series.FORECAST_COLUMNS
    assert list(read["horizon"]) == list(range(1, 15))
    stored = _stored(published, "1", past)
    assert list(read["date"]) == [row[0].isoformat() for row in stored]
    for position, column in enumerate(series.FORECAST_COLUMNS[3:9], start=1):
        expected = pd.Series([row[position] for row in stored], dtype="float64", name=column)
        exact = pd.read_csv(io.BytesIO(files["issue.csv"]))[column]
        pd.testing.assert_series_equal(exact, expected, check_exact=True)
    assert read["actual"].isna().sum() > 0  # days to come, and a day without a count: blank


@pytest.mark.parametrize("key", ["issue", "compare"])
def test_table_csv_and_excel_have_the_same_rows(
    published: Published, start_app: StartApp, files: dict[str, bytes], key: str
) -> None:
    past = (yesterday() - timedelta(days=10)).isoformat()
    app = start_app(lang="en", centre="1", date=past)
    table = app.tables()[0 if key == "issue" else 1]
    as_csv = pd.read_csv(io.BytesIO(files[f"{key}.csv"]))
    as_sheet = pd.read_excel(io.BytesIO(files[f"{key}.xlsx"]))
    assert len(table) == len(as_csv) == len(as_sheet) > 0
    for column in ("prediction", "upper_95"):
        shown = list(table[app.heading(column)])
        assert shown == list(as_csv[column])
        assert list(as_sheet[column]) == pytest.approx(shown, rel=1e-15)
    assert [str(day.date()) for day in table[app.heading("date")]] == list(as_csv["date"])


def test_a_day_without_a_count_is_missing_and_not_zero(
    published: Published, start_app: StartApp
) -> None:
    hole = yesterday() - timedelta(days=4)
    published.change("delete from published.actuals where centre_id = '1' and date = %s", hole)
    app = start_app(lang="en", centre="1", date=(hole - timedelta(days=1)).isoformat())
    assert app.is_well
    assert app.shows("absent")
    table = app.table_with("actual")
    assert (
        table.loc[table[app.heading("date")] == pd.Timestamp(hole), app.heading("actual")]
        .isna()
        .all()
    )
    assert pd.isna(series.actuals("parcels", "parcels", "1", hole, hole).iloc[0])


def test_the_error_figures_are_the_published_ones(
    published: Published, start_app: StartApp
) -> None:
    app = start_app(lang="en", centre="2", horizon="3")
    mae, wape, coverage, n = published.row(
        "select mae, wape, coverage_80, n from published.accuracy"
        " where centre_id = '2' and horizon = 3"
    )
    assert app.shows("compare.words", mae=app.view.number(mae), wape=app.view.percent(wape, 1))
    inside = str(round(coverage * n))
    assert app.shows("figure.coverage.body", inside=inside, n=str(n), target="80%")


def test_old_forecasts_are_called_old(published: Published, start_app: StartApp) -> None:
    fill(published.admin_dsn, yesterday() - timedelta(days=9))
    app = start_app(lang="en", centre="1")
    assert app.is_well
    assert app.warning and app.shows("stale", age="10", schedule="predict_colis_daily")
    fill(published.admin_dsn, yesterday())
    assert not start_app(lang="en", centre="1").shows("stale")


def test_a_load_over_nine_tenths_of_capacity_is_warned_of(
    published: Published, start_app: StartApp
) -> None:
    published.change("update published.centres set daily_capacity = 20000 where centre_id = '1'")
    app = start_app(lang="en", centre="1")
    assert app.warning and app.shows("tight", limit="90%")
    app = start_app(lang="en", centre="3")
    assert not app.shows("tight") and not app.shows("tight_possible")
    assert app.shows("load.none")


def test_holidays_and_events_ahead_are_named(published: Published, start_app: StartApp) -> None:
    app = start_app(lang="fr", centre="1")
    for name in ("Fête de la Distribution", "Black Friday", "Vacances de démonstration"):
        assert name in app.shown
    assert app.shows("days.bridge")


def test_a_centre_without_forecasts_says_why_and_leaves_the_choice_open(
    published: Published, start_app: StartApp
) -> None:
    app = start_app(lang="en", centre=NEVER_REPORTED)
    assert app.is_well
    assert len(app.info) == 1 and app.shows("centre_empty.title") and app.shows("centre_empty.body")
    app.selectbox(key="centre").set_value("1").run()
    assert app.is_well and app.table


def test_an_empty_platform_says_what_to_do(
    published: Published, start_app: StartApp, language: str
) -> None:
    make_tables(published.admin_dsn)
    app = start_app(lang=language)
    assert app.is_well and len(app.info) == 1
    assert app.shows("empty.title") and app.shows("empty.body")
    assert "make demo" in app.info[0].value


def test_views_that_are_not_there_yet_are_no_crash(
    published: Published, start_app: StartApp
) -> None:
    published.change("drop schema published cascade")
    app = start_app(lang="en")
    assert not app.exception
    assert len(app.warning) == 1 and app.shows("unready.title")


def test_a_database_that_stops_and_starts_again(
    published: Published, server: Server, start_app: StartApp, language: str
) -> None:
    app = start_app(lang=language, centre="1")
    assert app.is_well
    check_an_outage_is_reported(server, app)


@pytest.mark.parametrize("dsn", ["", "not a dsn", "host=/nowhere user=flow_dashboard"])
def test_a_dsn_that_leads_nowhere_is_shown_to_the_operator(
    dsn: str, monkeypatch: pytest.MonkeyPatch, start_app: StartApp
) -> None:
    monkeypatch.setenv("FLOW_DASHBOARD_DSN", dsn)
    app = start_app(lang="en")
    assert not app.exception
    assert len(app.error) == 1 and app.shows("down.title")


def test_a_secret_in_a_malformed_dsn_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, start_app: StartApp
) -> None:
    monkeypatch.setenv("FLOW_DASHBOARD_DSN", "host=x password hunter2-secret")
    assert "hunter2" not in start_app(lang="en").shown


@pytest.mark.parametrize(("locale", "language"), [("fr-FR", "fr"), ("de-DE", "en")])
def test_the_first_language_is_the_browsers(
    published: Published, locale: str, language: texts.Language
) -> None:
    app = Screen()
    app.context = {"locale": locale}
    app.run()
    assert app.title[0].value == view_of("parcels", language).text("title")


def test_text_from_the_database_is_shown_and_not_obeyed(
    published: Published, start_app: StartApp
) -> None:
    published.change(
        "update published.calendar set event = '<img src=x onerror=alert(1)> [a](http://x)'"
    )
    published.change("update published.centres set name = '**Bold** <b>' where centre_id = '1'")
    app = start_app(lang="en", centre="1")
    assert app.is_well
    assert "<img src=x" not in "".join(element.value for element in app.html)
    assert "[a](http" not in "".join(element.value for element in app.markdown)


def test_the_page_explains_the_first_day(published: Published, start_app: StartApp) -> None:
    # Issued on a Sunday, so that the first day is one on which the centre works.
    issued_on = yesterday() - timedelta(days=(yesterday().weekday() + 1) % 7)
    app = start_app(lang="en", centre="1", date=issued_on.isoformat())
    text = "\n".join(str(part.value) for part in app.markdown)
    lines = [line for line in text.splitlines() if line.startswith(("- **+", "- **−"))]
    assert [line.split("**")[1] for line in lines] == ["+ 2,000", "− 1,600"]
    assert app.view.text("driver.events") in lines[0]


def test_the_page_says_how_often_the_range_held(
    published: Published, start_app: StartApp, language: texts.Language
) -> None:
    app = start_app(lang=language, centre="2")
    assert app.is_well
    figures = published.rows(
        "select coverage_80, forecasts, mean_width_80 from published.coverage"
        " where cut = 'overall' or cut = 'centre' and key = '2' order by cut desc"
    )
    assert app.shows("held")
    for share, forecasts, _ in figures:
        assert app.view.percent(share) in app.shown
        assert app.view.number(forecasts) in app.shown
    assert app.view.percent(figures[0][2]) in app.shown
    named = list(app.tables()[2].iloc[:, 1])
    days = [app.view.weekday(day).capitalize() for day in (1, 7)]
    assert [named[15], named[21]] == days
    assert named[22:] == [NAMES[centre] for centre in "1234"]


def test_a_range_that_misses_its_target_is_called_so(
    published: Published, start_app: StartApp
) -> None:
    change = "update published.coverage set coverage_80 = %s where cut = 'overall'"
    published.change(change, 0.61)
    assert start_app(lang="en").shows("held.narrow", share="61%", target="80%")
    published.change(change, 0.97)
    assert start_app(lang="en").shows("held.wide", share="97%")
    published.change(change, 0.83)
    assert start_app(lang="en").shows("held.right", share="83%")


def test_shares_of_few_forecasts_are_marked_and_not_judged(
    published: Published, start_app: StartApp
) -> None:
    assert not start_app(lang="en").shows("held.pale")
    published.change(
        "update published.coverage set forecasts = 29 where cut in ('overall', 'weekday')"
    )
    app = start_app(lang="en")
    assert app.is_well
    assert app.shows("held.pale", enough="30")
    assert app.shows("held.target.few", n="29") and app.shows("held.few")
    assert app.view.text("held.few_marked", n="29").encode() in app.cells()


def test_a_range_that_was_never_measured_is_no_zero(
    published: Published, start_app: StartApp
) -> None:
    published.change("delete from published.coverage")
    app = start_app(lang="en")
    assert app.is_well
    assert app.shows("held.none")


def test_the_file_of_coverage_holds_what_is_published(
    published: Published, start_app: StartApp, files: dict[str, bytes]
) -> None:
    assert start_app(lang="fr").is_well
    read = pd.read_csv(io.BytesIO(files["record.csv"]), dtype={"key": str}, keep_default_na=False)
    stored = published.rows(
        "select cut, key, coverage_80 from published.coverage where flow = 'parcels'"
    )
    assert set(read[["cut", "key", "coverage_80"]].itertuples(index=False, name=None)) == set(
        stored
    )
    assert list(read.loc[read["cut"] == "horizon", "key"]) == [str(days) for days in range(1, 15)]
