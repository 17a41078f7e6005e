"""The page Parcels and its states, run without a browser; Chromium is in `tests/browser`."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any

import pandas as pd
import psycopg
import pytest
from streamlit.testing.v1 import AppTest

from streamlit_app import data, formats
from tests.app.conftest import StartApp
from tests.app.published_fixture import (
    CENTRES,
    NEVER_REPORTED,
    Published,
    Server,
    fill,
    make_tables,
    yesterday,
)

NAMES = {centre[0]: centre[1] for centre in CENTRES}


def _spoken(app: AppTest) -> str:
    """Everything a reader is told, in one text."""
    kinds = (
        *(app.title, app.subheader, app.markdown, app.caption),
        *(app.info, app.warning, app.error, app.success, app.code),
    )
    words = [str(element.value) for kind in kinds for element in kind]
    return "\n".join([*words, *(str(element.value) for element in app.html)])


def _well(app: AppTest) -> bool:
    return not app.exception and not app.error


def _stored(published: Published, centre_id: str, issued_on: date) -> list[tuple[Any, ...]]:
    with psycopg.connect(published.dashboard_dsn) as connection:
        return connection.execute(
            "select p.date, p.prediction, p.lower_80, p.upper_80, p.lower_95, p.upper_95, a.value"
            " from published.predictions p left join published.actuals a"
            " using (flow, measure, centre_id, date)"
            " where p.centre_id = %s and p.issued_on = %s order by p.horizon",
            [centre_id, issued_on],
        ).fetchall()


@pytest.mark.parametrize(("language", "word"), [("fr", "8 fois sur 10"), ("en", "8 times out of")])
def test_the_next_day_is_told_in_plain_words(
    published: Published, start_app: StartApp, language: formats.Language, word: str
) -> None:
    app = start_app(lang=language, centre="1")
    assert _well(app)
    said = _spoken(app)
    _, prediction, lower, upper, *_ = _stored(published, "1", yesterday())[0]
    assert word in said
    assert formats.rounded(prediction, language) in said
    if upper >= 0.5:  # on the centre's closed day there is no range to give
        assert formats.rounded(lower, language) in said
    assert formats.long_day(yesterday() + timedelta(days=1), language) in said


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
    assert _well(again)
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
    data.forget()
    app.run()
    assert app.selectbox(key="date").value == yesterday().isoformat()


def test_an_address_that_asks_for_what_is_not_there_says_so(
    published: Published, start_app: StartApp
) -> None:
    app = start_app(lang="en", centre="nowhere", date="1999-01-01")
    assert _well(app)
    told = "\n".join(info.value for info in app.info)
    assert "nowhere" in told and "1999" in told


def test_the_file_holds_the_numbers_of_the_database_bit_for_bit(
    published: Published, start_app: StartApp, files: dict[str, bytes]
) -> None:
    past = yesterday() - timedelta(days=10)
    assert _well(start_app(lang="fr", centre="1", date=past.isoformat()))
    read = pd.read_csv(io.BytesIO(files["issue.csv"]), dtype={"centre_id": str})
    assert tuple(read.columns) == data.FORECAST_COLUMNS
    assert list(read["horizon"]) == list(range(1, 15))
    stored = _stored(published, "1", past)
    assert list(read["date"]) == [row[0].isoformat() for row in stored]
    for position, column in enumerate(data.FORECAST_COLUMNS[3:9], start=1):
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
    table = app.table[0 if key == "issue" else 1].value
    as_csv = pd.read_csv(io.BytesIO(files[f"{key}.csv"]))
    as_sheet = pd.read_excel(io.BytesIO(files[f"{key}.xlsx"]))
    assert len(table) == len(as_csv) == len(as_sheet) > 0
    for heading, column in (("Forecast", "prediction"), ("High 95%", "upper_95")):
        assert list(table[heading]) == list(as_csv[column])
        assert list(as_sheet[column]) == pytest.approx(list(table[heading]), rel=1e-15)
    assert [str(day.date()) for day in table["Day"]] == list(as_csv["date"])


def test_a_day_without_a_count_is_missing_and_not_zero(
    published: Published, start_app: StartApp
) -> None:
    hole = yesterday() - timedelta(days=4)
    with psycopg.connect(published.admin_dsn) as connection:
        connection.execute(
            "delete from published.actuals where centre_id = '1' and date = %s", [hole]
        )
    app = start_app(lang="en", centre="1", date=(hole - timedelta(days=1)).isoformat())
    assert _well(app)
    assert "No count received" in _spoken(app)
    table = app.table[0].value
    assert table.loc[table["Day"] == pd.Timestamp(hole), "Came"].isna().all()
    assert pd.isna(data.actuals("parcels", "parcels", "1", hole, hole).iloc[0])


def test_the_error_figures_are_the_published_ones(
    published: Published, start_app: StartApp
) -> None:
    app = start_app(lang="en", centre="2", horizon="3")
    with psycopg.connect(published.dashboard_dsn) as connection:
        row = connection.execute(
            "select mae, wape, coverage_80, n from published.accuracy"
            " where centre_id = '2' and horizon = 3"
        ).fetchone()
    assert row is not None
    said = _spoken(app)
    assert formats.number(row[0], "en") in said
    assert formats.percent(row[1], "en", 1) in said
    assert f"{round(row[2] * row[3])} days of {row[3]}; promised: 80%" in said


def test_old_forecasts_are_called_old(published: Published, start_app: StartApp) -> None:
    fill(published.admin_dsn, yesterday() - timedelta(days=9))
    app = start_app(lang="en", centre="1")
    assert _well(app)
    assert any("These forecasts are old" in warning.value for warning in app.warning)
    assert "10 days ago" in _spoken(app)
    assert not any("old" in warning.value for warning in _fresh(published, start_app).warning)


def _fresh(published: Published, start_app: StartApp) -> AppTest:
    fill(published.admin_dsn, yesterday())
    return start_app(lang="en", centre="1")


def test_a_load_over_nine_tenths_of_capacity_is_warned_of(
    published: Published, start_app: StartApp
) -> None:
    with psycopg.connect(published.admin_dsn) as connection:
        connection.execute(
            "update published.centres set daily_capacity = 20000 where centre_id = '1'"
        )
    app = start_app(lang="en", centre="1")
    assert any("More than 90% of capacity" in warning.value for warning in app.warning)
    assert not any("capacity" in w.value for w in start_app(lang="en", centre="3").warning)


def test_holidays_and_events_ahead_are_named(published: Published, start_app: StartApp) -> None:
    said = _spoken(start_app(lang="fr", centre="1"))
    assert "Fête de la Distribution" in said and "Black Friday" in said
    assert "Vacances de démonstration" in said and "pont" in said


def test_a_centre_without_forecasts_says_why_and_leaves_the_choice_open(
    published: Published, start_app: StartApp
) -> None:
    app = start_app(lang="en", centre=NEVER_REPORTED)
    assert _well(app)
    assert "No forecast for" in app.info[0].value
    app.selectbox(key="centre").set_value("1").run()
    assert _well(app) and app.table


@pytest.mark.parametrize(
    ("language", "words"), [("fr", "Aucune prévision pour l’instant"), ("en", "No forecasts yet")]
)
def test_an_empty_platform_says_what_to_do(
    published: Published, start_app: StartApp, language: str, words: str
) -> None:
    make_tables(published.admin_dsn)
    app = start_app(lang=language)
    assert _well(app)
    assert words in app.info[0].value and "make demo" in app.info[0].value


def test_views_that_are_not_there_yet_are_no_crash(
    published: Published, start_app: StartApp
) -> None:
    with psycopg.connect(published.admin_dsn) as connection:
        connection.execute("drop schema published cascade")
    app = start_app(lang="en")
    assert not app.exception
    assert "published nothing yet" in app.warning[0].value


@pytest.mark.parametrize(
    ("language", "words"), [("fr", "ne répond pas"), ("en", "does not answer")]
)
def test_a_database_that_stops_and_starts_again(
    published: Published, server: Server, start_app: StartApp, language: str, words: str
) -> None:
    app = start_app(lang=language, centre="1")
    assert _well(app)
    server.stop()
    try:
        data.forget()
        app.run()
        assert not app.exception
        assert words in app.error[0].value
        assert "Traceback" not in _spoken(app)
    finally:
        server.start()
    app.button(key="retry").click().run()
    assert _well(app) and app.table


@pytest.mark.parametrize("dsn", ["", "not a dsn", "host=/nowhere user=flow_dashboard"])
def test_a_dsn_that_leads_nowhere_is_told_to_the_operator(
    dsn: str, monkeypatch: pytest.MonkeyPatch, start_app: StartApp
) -> None:
    monkeypatch.setenv("FLOW_DASHBOARD_DSN", dsn)
    app = start_app(lang="en")
    assert not app.exception
    assert "does not answer" in app.error[0].value


def test_a_secret_in_a_malformed_dsn_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, start_app: StartApp
) -> None:
    monkeypatch.setenv("FLOW_DASHBOARD_DSN", "host=x password hunter2-secret")
    assert "hunter2" not in _spoken(start_app(lang="en"))


@pytest.mark.parametrize(("locale", "title"), [("fr-FR", "Colis"), ("de-DE", "Parcels")])
def test_the_first_language_is_the_browsers(published: Published, locale: str, title: str) -> None:
    from tests.app.published_fixture import APP

    app = AppTest.from_file(APP, default_timeout=60)
    app.context = {"locale": locale}
    app.run()
    assert app.title[0].value == title


def test_text_from_the_database_is_shown_and_not_obeyed(
    published: Published, start_app: StartApp
) -> None:
    with psycopg.connect(published.admin_dsn) as connection:
        connection.execute(
            "update published.calendar set event = '<img src=x onerror=alert(1)> [a](http://x)'"
        )
        connection.execute(
            "update published.centres set name = '**Bold** <b>' where centre_id = '1'"
        )
    app = start_app(lang="en", centre="1")
    assert _well(app)
    assert "<img src=x" not in "".join(element.value for element in app.html)
    assert "[a](http" not in "".join(element.value for element in app.markdown)


def test_the_page_says_what_moved_the_first_day(published: Published, start_app: StartApp) -> None:
    # Issued on a Sunday, so that the first day is one on which the centre works.
    issued_on = yesterday() - timedelta(days=(yesterday().weekday() + 1) % 7)
    app = start_app(lang="en", centre="1", date=issued_on.isoformat())
    text = "\n".join(str(part.value) for part in app.markdown)
    lines = [line for line in text.splitlines() if line.startswith(("- **+", "- **−"))]
    assert [line.split("**")[1] for line in lines] == ["+ 2,000", "− 1,600"]
    assert "campaigns and known events" in lines[0]


def _change_coverage(published: Published, change: str) -> None:
    with psycopg.connect(published.admin_dsn) as connection:
        connection.execute(change)


@pytest.mark.parametrize(
    ("language", "title", "days"),
    [
        ("fr", "Combien de fois la fourchette a-t-elle tenu", ["Lundi", "Dimanche"]),
        ("en", "How often was the range right", ["Monday", "Sunday"]),
    ],
)
def test_the_page_says_how_often_the_range_held(
    published: Published,
    start_app: StartApp,
    language: formats.Language,
    title: str,
    days: list[str],
) -> None:
    app = start_app(lang=language, centre="2")
    assert _well(app)
    with psycopg.connect(published.dashboard_dsn) as connection:
        figures = connection.execute(
            "select coverage_80, forecasts, mean_width_80 from published.coverage"
            " where cut = 'overall' or cut = 'centre' and key = '2' order by cut desc"
        ).fetchall()
    said = _spoken(app)
    assert title in said
    for share, forecasts, _ in figures:
        assert formats.percent(share, language) in said
        assert formats.number(forecasts, language) in said
    assert formats.percent(figures[0][2], language) in said
    named = list(app.table[2].value.iloc[:, 1])
    assert [named[15], named[21]] == days
    assert named[22:] == [NAMES[centre] for centre in "1234"]


def test_a_range_that_breaks_its_promise_is_called_so(
    published: Published, start_app: StartApp
) -> None:
    _change_coverage(
        published, "update published.coverage set coverage_80 = 0.61 where cut = 'overall'"
    )
    assert "too narrow: 61% of what came was inside, 80% was" in _spoken(start_app(lang="en"))
    _change_coverage(
        published, "update published.coverage set coverage_80 = 0.97 where cut = 'overall'"
    )
    assert "wider than promised: 97%" in _spoken(start_app(lang="en"))


def test_shares_of_few_forecasts_are_marked_and_not_judged(
    published: Published, start_app: StartApp
) -> None:
    assert "Pale bar" not in _spoken(start_app(lang="en"))
    _change_coverage(
        published,
        "update published.coverage set forecasts = 29 where cut in ('overall', 'weekday')",
    )
    app = start_app(lang="en")
    assert _well(app)
    said = _spoken(app)
    assert "Pale bar: fewer than 30 forecasts" in said
    assert "29 forecasts, too few to judge" in said and "too few forecasts to judge by" in said
    assert b"29 (few)" in app.table[2].proto.SerializeToString()


def test_a_range_that_was_never_measured_is_no_zero(
    published: Published, start_app: StartApp
) -> None:
    _change_coverage(published, "delete from published.coverage")
    app = start_app(lang="en")
    assert _well(app)
    assert "Not measured yet" in "\n".join(info.value for info in app.info)


def test_the_file_of_coverage_holds_what_is_published(
    published: Published, start_app: StartApp, files: dict[str, bytes]
) -> None:
    assert _well(start_app(lang="fr"))
    read = pd.read_csv(io.BytesIO(files["record.csv"]), dtype={"key": str}, keep_default_na=False)
    with psycopg.connect(published.dashboard_dsn) as connection:
        stored = connection.execute(
            "select cut, key, coverage_80 from published.coverage where flow = 'parcels'"
        ).fetchall()
    assert set(read[["cut", "key", "coverage_80"]].itertuples(index=False, name=None)) == set(
        stored
    )
    assert list(read.loc[read["cut"] == "horizon", "key"]) == [str(days) for days in range(1, 15)]
