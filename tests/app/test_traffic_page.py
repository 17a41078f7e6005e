"""The page Road traffic and its states, run without a browser; Chromium is in `tests/browser`."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import psycopg
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from streamlit_app import choices, data, formats, hourly_charts, texts, traffic_data
from tests.app.conftest import StartApp
from tests.app.published_fixture import (
    CLOSED,
    ROADS,
    Published,
    Server,
    fill_traffic,
    make_tables,
    this_hour,
)

PAGE = "pages_/traffic.py"
HOUR = timedelta(hours=1)
FIRST = ROADS[0][0]


@pytest.fixture
def traffic(published: Published) -> Published:
    """A platform that counted and forecast three counters until this hour."""
    fill_traffic(published.admin_dsn, this_hour())
    return published


def _said(app: AppTest) -> str:
    kinds = (
        *(app.title, app.subheader, app.markdown, app.caption),
        *(app.info, app.warning, app.error, app.html),
    )
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def _well(app: AppTest) -> bool:
    return not app.exception and not app.error


def _tables(app: AppTest) -> list[pd.DataFrame]:
    return [pd.DataFrame(table.value) for table in app.table]


def _change(published: Published, statement: str, *values: Any) -> None:
    with psycopg.connect(published.admin_dsn) as connection:
        connection.execute(statement.encode(), values)


def _refill(published: Published, last_issue: datetime, **how: Any) -> None:
    make_tables(published.admin_dsn)
    fill_traffic(published.admin_dsn, last_issue, **how)


def _ask(published: Published, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(published.dashboard_dsn) as connection:
        return connection.execute(query.encode(), values).fetchall()


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("fr", ("Trafic routier", "8 fois sur 10", "trafic attendu", "heures à l’avance")),
        ("en", ("Road traffic", "8 times out of 10", "expected traffic", "hours ahead")),
    ],
)
def test_the_next_hour_is_told_in_plain_words_in_each_language(
    traffic: Published, start_app: StartApp, language: formats.Language, words: tuple[str, ...]
) -> None:
    app = start_app(PAGE, lang=language, counter="102")
    assert _well(app)
    said = _said(app)
    assert all(word in said for word in words)
    ((prediction, level),) = _ask(
        traffic,
        "select prediction, level from published.predictions"
        " where flow = 'traffic' and centre_id = '102' and horizon = 1 and issued_at = %s",
        this_hour(),
    )
    assert formats.rounded(prediction, language) in said
    assert f"**{texts.speaker(language)(f'level.{level}')}**" in said
    assert formats.hour_span(this_hour() + HOUR, language, "Europe/Paris") in said
    assert not app.warning


def test_no_sentence_of_an_hour_speaks_of_days_or_evenings(
    traffic: Published, start_app: StartApp
) -> None:
    said = _said(start_app(PAGE, lang="en")).lower()
    for wrong in ("evening", "days ahead", "14-day", "sorting", "parcel"):
        assert wrong not in said


def test_the_tile_counts_the_counters_by_expected_level(
    traffic: Published, start_app: StartApp
) -> None:
    for counter, level in ((FIRST, "dense"), ("102", "blocked"), ("103", "fluid")):
        _change(
            traffic,
            "update published.predictions set level = %s where flow = 'traffic' and centre_id = %s",
            level,
            counter,
        )
    said = _said(start_app(PAGE, lang="en"))
    assert "2 of 3" in said and "dense: 1, saturated: 0, blocked: 1" in said


def test_counters_without_occupancy_have_no_level_and_are_not_called_flowing(
    traffic: Published, start_app: StartApp
) -> None:
    _change(traffic, "update published.predictions set level = null where flow = 'traffic'")
    app = start_app(PAGE, lang="en")
    assert _well(app)
    assert "report no occupancy" in _said(app) and "of 3</p>" not in _said(app).split("Busiest")[0]
    assert "level unknown" in _said(app)


def test_the_list_has_the_worst_counter_first(traffic: Published, start_app: StartApp) -> None:
    _change(
        traffic,
        "update published.predictions set level = case centre_id when '102' then 'blocked'"
        " when '103' then 'dense' else 'fluid' end where flow = 'traffic'",
    )
    listed = _tables(start_app(PAGE, lang="en"))[0]
    assert list(listed["Counter"]) == [ROADS[1][1], ROADS[2][1], ROADS[0][1]]
    assert list(listed["Level"]) == ["blocked", "dense", "fluid"]


def test_without_coordinates_there_is_a_list_and_the_reason_why_there_is_no_map(
    traffic: Published, start_app: StartApp
) -> None:
    _refill(traffic, this_hour(), placed=False)
    app = start_app(PAGE, lang="en")
    assert _well(app)
    assert "No map: none of these counters has coordinates" in app.info[0].value
    assert len(_tables(app)[0]) == 3
    assert "North is up" not in _said(app)


def test_a_counter_without_coordinates_among_others_is_in_the_list_only(
    traffic: Published, start_app: StartApp
) -> None:
    _change(traffic, "update published.centres set latitude = null where centre_id = '102'")
    app = start_app(PAGE, lang="en", counter="102")
    assert _well(app)
    assert "in this list only: 1" in _said(app) and "North is up" in _said(app)
    assert ROADS[1][1] in list(_tables(app)[0]["Counter"])


def test_of_hundreds_of_counters_the_worst_are_listed_and_any_is_found(
    traffic: Published, start_app: StartApp
) -> None:
    _refill(traffic, this_hour(), counters=320, issues=1)
    app = start_app(PAGE, lang="en")
    assert _well(app)
    assert "50 of 320 counters" in _said(app) and len(_tables(app)[0]) == 50
    app.text_input(key="search").set_value("clignancourt").run()
    assert list(_tables(app)[0]["Counter"]) == ["Périphérique Clignancourt"]
    app.text_input(key="search").set_value("2007").run()
    assert list(_tables(app)[0]["Counter"]) == ["Rue 2007"]
    app.text_input(key="search").set_value("no such road").run()
    assert _well(app) and "0 of 0 counters" in _said(app)


def test_a_counter_without_readings_is_named(traffic: Published, start_app: StartApp) -> None:
    said = _said(start_app(PAGE, lang="en"))
    silent = said.split("No reading in the 3 hours")[1].split("</div>")[0]
    assert "1 of 3" in silent and ROADS[2][1] in silent


def test_an_hour_without_a_reading_is_missing_and_not_zero(
    traffic: Published, start_app: StartApp
) -> None:
    hole = this_hour() - 5 * HOUR
    app = start_app(
        PAGE,
        lang="en",
        counter=FIRST,
        day=f"{(hole - HOUR).astimezone(ZoneInfo('Europe/Paris')):%Y-%m-%d}",
        hour=f"{(hole - HOUR).astimezone(ZoneInfo('Europe/Paris')):%H:%M}",
    )
    assert _well(app)
    table = next(table for table in _tables(app) if "Local hour" in table.columns)
    came = table.set_index("Local hour")["Counted"]
    assert pd.isna(came[pd.Timestamp(hole)]) and came[pd.Timestamp(hole + HOUR)] > 0
    assert "No reading received" in _said(app)
    raw = next(t for t in app.table if "Local hour" in t.value.columns).proto.SerializeToString()
    assert b"no reading" in raw and b"to come" in raw


def test_an_hour_of_a_closed_road_is_called_so(traffic: Published, start_app: StartApp) -> None:
    local = (this_hour() - 4 * HOUR).astimezone(ZoneInfo("Europe/Paris"))
    app = start_app(PAGE, lang="fr", counter=CLOSED, day=f"{local:%Y-%m-%d}", hour=f"{local:%H:%M}")
    assert _well(app)
    told = b"".join(table.proto.SerializeToString() for table in app.table)
    assert "voie fermée".encode() in told


def test_old_forecasts_are_called_old_and_late_readings_late(
    traffic: Published, start_app: StartApp
) -> None:
    _refill(traffic, this_hour() - 5 * HOUR)
    app = start_app(PAGE, lang="en")
    assert len(app.warning) == 1
    assert "These forecasts are old" in app.warning[0].value
    assert "5 hours ago" in app.warning[0].value
    _refill(traffic, this_hour())
    _change(
        traffic,
        "update published.merged_traffic set vehicles = null where target_at > %s",
        this_hour() - 6 * HOUR,
    )
    app = start_app(PAGE, lang="en")
    assert len(app.warning) == 1
    assert "The readings are late" in app.warning[0].value and "6 hours" in app.warning[0].value


def test_a_past_issue_is_no_stale_one_and_shows_what_came_since(
    traffic: Published, start_app: StartApp
) -> None:
    past = (this_hour() - 8 * HOUR).astimezone(ZoneInfo("Europe/Paris"))
    app = start_app(PAGE, lang="en", counter="102", day=f"{past:%Y-%m-%d}", hour=f"{past:%H:%M}")
    assert _well(app) and not app.warning
    assert "a past forecast" in _said(app)
    table = next(table for table in _tables(app) if "Local hour" in table.columns)
    assert table["Counted"].notna().sum() == 8


def test_choices_stand_in_the_address_and_the_newest_does_not(
    traffic: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en")
    assert "day" not in app.query_params and "hour" not in app.query_params
    app.selectbox(key="counter").set_value("101").run()
    before = this_hour().astimezone(ZoneInfo("Europe/Paris")).date() - timedelta(days=1)
    app.selectbox(key="day").set_value(before.isoformat()).run()
    app.selectbox(key="hour").set_value("22:00").run()
    assert _well(app)
    expected = {"lang": "en", "counter": "101", "day": before.isoformat(), "hour": "22:00"}
    assert expected.items() <= app.query_params.items()
    assert _issued_at(app).astimezone(ZoneInfo("Europe/Paris")).hour == 22


def test_an_address_that_asks_for_what_is_not_there_says_so(
    traffic: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="fr", counter="nowhere", day="1999-01-01")
    assert _well(app)
    told = "\n".join(info.value for info in app.info)
    assert "nowhere" in told and "1999" in told


def test_a_click_on_the_map_chooses_the_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, Any] = {"default.counter": "101"}
    monkeypatch.setattr(st, "session_state", state)
    choices.take("counter", "102")
    assert state == {"chosen.counter": "102", "default.counter": None}


def test_table_csv_and_excel_have_the_same_rows_as_the_screen(
    traffic: Published, start_app: StartApp, files: dict[str, bytes]
) -> None:
    app = start_app(PAGE, lang="en", counter="102")
    tables = _tables(app)
    assert set(files) >= {"issue.csv", "counters.csv", "errors.csv", "record.csv", "issue.xlsx"}
    for key, columns, heading in (
        ("counters", traffic_data.LIST_COLUMNS, "Counter"),
        ("issue", traffic_data.HOUR_COLUMNS, "Local hour"),
        ("errors", traffic_data.ERROR_COLUMNS, "Our error"),
    ):
        table = next(table for table in tables if heading in table.columns)
        as_csv = pd.read_csv(io.BytesIO(files[f"{key}.csv"]))
        as_sheet = pd.read_excel(io.BytesIO(files[f"{key}.xlsx"]))
        assert tuple(as_csv.columns) == tuple(as_sheet.columns) == columns
        assert len(table) == len(as_csv) == len(as_sheet) > 0
        number = "mae" if key == "errors" else "prediction"
        assert list(as_csv[number]) == list(table.iloc[:, columns.index(number)])
        assert list(as_sheet[number]) == pytest.approx(list(as_csv[number]), rel=1e-15)
    stored = _ask(
        traffic,
        "select prediction, upper_95 from published.predictions where flow = 'traffic'"
        " and centre_id = '102' and issued_at = %s order by horizon",
        this_hour(),
    )
    read = pd.read_csv(io.BytesIO(files["issue.csv"]))
    assert list(read[["prediction", "upper_95"]].itertuples(index=False, name=None)) == stored


def test_a_day_of_25_hours_has_25_hours_to_choose_and_tells_the_two_apart(
    traffic: Published, start_app: StartApp
) -> None:
    # Clocks went back in the night to 25 October 2026: 02:00 came twice.
    _refill(traffic, datetime(2026, 10, 26, 6, tzinfo=UTC), issues=60)
    app = start_app(PAGE, lang="en", counter="101", day="2026-10-25")
    assert _well(app)
    hours = app.selectbox(key="hour").options
    assert len(hours) == 25
    assert "02:00 (summer time)" in hours and "02:00 (winter time)" in hours
    first = _issued_at(start_app(PAGE, lang="en", counter="101", day="2026-10-25", hour="02:00"))
    second = _issued_at(start_app(PAGE, lang="en", counter="101", day="2026-10-25", hour="02:00-2"))
    assert first == datetime(2026, 10, 25, 0, tzinfo=UTC)
    assert second - first == HOUR


def _issued_at(app: AppTest) -> datetime:
    assert _well(app)
    table = next(table for table in _tables(app) if "Local hour" in table.columns)
    assert len(table) == 24
    return pd.Timestamp(table["Issued (UTC)"].iloc[0]).to_pydatetime()


def test_a_day_of_23_hours_has_a_tick_for_every_sixth_hour_there_is() -> None:
    ends = pd.date_range("2026-03-28T23:00Z", "2026-03-29T22:00Z", freq="h")
    places, names = hourly_charts._ticks(ends, "Europe/Paris", "en")
    assert [name[:5] for name in names] == ["00:00", "06:00", "12:00", "18:00", "00:00"]
    assert places[1] - places[0] == pd.Timedelta(hours=5)


def test_the_errors_are_the_published_ones_against_the_two_simple_rules(
    traffic: Published, start_app: StartApp
) -> None:
    ((mae, beside, mase),) = _ask(
        traffic,
        "select mae, against_persistence, mase from published.accuracy"
        " where flow = 'traffic' and centre_id = '102' and horizon = 6",
    )
    app = start_app(PAGE, lang="en", counter="102")
    tile = _said(app).split("6 hours ahead</p>")[1].split("</div>")[0]
    assert f"± {formats.rounded(mae, 'en')}" in tile
    assert f"{formats.percent(1 - beside, 'en')} less than “as now”" in tile
    assert f"{formats.percent(1 - mase, 'en')} less than the week before" in tile
    table = next(table for table in _tables(app) if "“As now”" in table.columns)
    assert table["“As now”"].iloc[5] == pytest.approx(mae / beside)


def test_a_rule_that_is_not_known_or_was_better_is_said_to_be(
    traffic: Published, start_app: StartApp
) -> None:
    _change(traffic, "update published.accuracy set against_persistence = null, mase = 1.25")
    app = start_app(PAGE, lang="en", counter="102")
    assert _well(app)
    tile = _said(app).split("6 hours ahead</p>")[1].split("</div>")[0]
    assert "as now" not in tile and "25% more than the week before" in tile
    _change(traffic, "delete from published.accuracy where flow = 'traffic'")
    assert "errors are not measured yet" in _said(start_app(PAGE, lang="en"))


def test_a_counter_that_is_not_in_the_issue_says_when_it_last_was(
    traffic: Published, start_app: StartApp
) -> None:
    _change(
        traffic,
        "delete from published.predictions where centre_id = '102' and issued_at > %s",
        this_hour() - 3 * HOUR,
    )
    app = start_app(PAGE, lang="en", counter="102")
    assert _well(app)
    assert any("not in this forecast" in warning.value for warning in app.warning)
    _change(traffic, "delete from published.predictions where centre_id = '102'")
    app = start_app(PAGE, lang="en", counter="102")
    assert _well(app)
    assert any("never been forecast" in warning.value for warning in app.warning)


@pytest.mark.parametrize(("file", "words"), [("simulated", "Simulated data"), ("a.csv", "ODbL")])
def test_the_readings_are_credited_or_said_to_be_simulated(
    traffic: Published, start_app: StartApp, file: str, words: str
) -> None:
    _refill(traffic, this_hour(), file=file)
    told = start_app(PAGE, lang="en").caption[-1].value
    assert words in told
    assert ("https://opendatacommons.org/licenses/odbl/" in told) == (file != "simulated")


def test_a_live_stream_says_how_long_ago_it_spoke(traffic: Published, start_app: StartApp) -> None:
    assert "live:" not in _said(start_app(PAGE, lang="en"))
    _change(
        traffic,
        "insert into published.streams values ('traffic', 'mqtt', 'traffic/101/count', 9, 8, 1, 2,"
        " now(), now() - interval '2 hours 5 minutes')",
    )
    assert "live: last message 2 hours ago" in _said(start_app(PAGE, lang="en"))


@pytest.mark.parametrize(
    ("language", "words"), [("fr", "La liste des compteurs est vide"), ("en", "No forecasts yet")]
)
def test_an_empty_platform_says_what_to_do(
    traffic: Published, start_app: StartApp, language: str, words: str
) -> None:
    if language == "fr":
        make_tables(traffic.admin_dsn)
    else:
        _change(traffic, "delete from published.predictions")
    app = start_app(PAGE, lang=language)
    assert _well(app) and words in app.info[0].value


def test_names_from_the_database_are_shown_and_not_obeyed(
    traffic: Published, start_app: StartApp
) -> None:
    _change(
        traffic,
        "update published.centres set name = '<img src=x onerror=alert(1)> [a](http://x)'"
        " where centre_id = '103'",
    )
    app = start_app(PAGE, lang="en", counter="103")
    assert _well(app)
    assert "<img src=x" not in "".join(element.value for element in app.html)
    assert "[a](http" not in "".join(element.value for element in app.markdown)


def test_a_database_that_went_away_is_told(
    traffic: Published, server: Server, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="fr")
    server.stop()
    try:
        data.forget()
        app.run()
        assert not app.exception
        assert "ne répond pas" in app.error[0].value
    finally:
        server.start()
    app.button(key="retry").click().run()
    assert _well(app) and app.table
