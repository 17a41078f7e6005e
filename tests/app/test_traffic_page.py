"""The page Road traffic and its states, run without a browser; Chromium is in `tests/browser`."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import streamlit as st

from streamlit_app import choices, texts
from streamlit_app.pages_.traffic import charts, data
from tests.app.conftest import StartApp, check_an_outage_is_reported
from tests.app.published.server import Published, Server
from tests.app.published.tables import make_tables
from tests.app.published.traffic import CLOSED, ROADS, fill_traffic, this_hour
from tests.app.screen import Screen, view_of

PAGE = "traffic"
HOUR = timedelta(hours=1)
FIRST = ROADS[0][0]


@pytest.fixture
def traffic(published: Published) -> Published:
    """A platform that counted and forecast three counters until this hour."""
    fill_traffic(published.admin_dsn, this_hour())
    return published


def _refill(published: Published, last_issue: datetime, **how: Any) -> None:
    make_tables(published.admin_dsn)
    fill_traffic(published.admin_dsn, last_issue, **how)


def test_the_next_hour_is_described_in_plain_words_in_each_language(
    traffic: Published, start_app: StartApp, language: texts.Language
) -> None:
    app = start_app(PAGE, lang=language, counter="102")
    app.check_shows("title", "range", "horizon.many", "held")
    prediction, level = traffic.row(
        "select prediction, level from published.predictions"
        " where flow = 'traffic' and centre_id = '102' and horizon = 1 and issued_at = %s",
        this_hour(),
    )
    assert app.shows(
        "first",
        hour=app.view.hour_span(this_hour() + HOUR, "Europe/Paris"),
        n=app.view.rounded(prediction),
        level=app.view.text(f"level.{level}"),
    )
    assert not app.warning


def test_no_sentence_about_hours_mentions_days_ahead_or_evenings(
    traffic: Published, start_app: StartApp
) -> None:
    shown = start_app(PAGE, lang="en").shown.lower()
    for wrong in ("evening", "days ahead", "14-day", "sorting", "parcel"):
        assert wrong not in shown


def test_the_tile_counts_the_counters_by_expected_level(
    traffic: Published, start_app: StartApp
) -> None:
    for counter, level in ((FIRST, "dense"), ("102", "blocked"), ("103", "fluid")):
        traffic.change(
            "update published.predictions set level = %s where flow = 'traffic' and centre_id = %s",
            level,
            counter,
        )
    app = start_app(PAGE, lang="en")
    names = {name: app.view.text(f"level.{name}") for name in ("dense", "saturated", "blocked")}
    counts = zip(names.values(), (1, 0, 1), strict=True)
    assert app.shows("count_of", n="2", all="3")
    assert app.shows("not_free", counts=", ".join(f"{name}: {n}" for name, n in counts))


def test_counters_without_occupancy_have_no_level_and_are_not_called_flowing(
    traffic: Published, start_app: StartApp
) -> None:
    traffic.change("update published.predictions set level = null where flow = 'traffic'")
    app = start_app(PAGE, lang="en")
    assert app.is_well
    assert app.shows("levels.none") and app.view.text("level.none") in app.shown
    before = app.shown.split(app.view.text("busiest"))[0]
    assert not re.search(app.pattern("count_of", all="3"), before)


def test_the_list_has_the_worst_counter_first(traffic: Published, start_app: StartApp) -> None:
    traffic.change(
        "update published.predictions set level = case centre_id when '102' then 'blocked'"
        " when '103' then 'dense' else 'fluid' end where flow = 'traffic'",
    )
    app = start_app(PAGE, lang="en")
    listed = app.table_with("last_counted")
    assert list(listed[app.heading("counter")]) == [ROADS[1][1], ROADS[2][1], ROADS[0][1]]
    assert list(listed[app.heading("level")]) == ["blocked", "dense", "fluid"]


def test_without_coordinates_there_is_a_list_and_the_reason_why_there_is_no_map(
    traffic: Published, start_app: StartApp
) -> None:
    _refill(traffic, this_hour(), placed=False)
    app = start_app(PAGE, lang="en")
    assert app.is_well
    assert app.info[0].value == app.view.text("map.none")
    assert len(app.table_with("last_counted")) == 3
    assert not app.shows("map.caption")


def test_a_counter_without_coordinates_among_others_is_in_the_list_only(
    traffic: Published, start_app: StartApp
) -> None:
    traffic.change("update published.centres set latitude = null where centre_id = '102'")
    app = start_app(PAGE, lang="en", counter="102")
    assert app.is_well
    assert app.shows("map.some", n="1") and app.shows("map.caption")
    assert ROADS[1][1] in list(app.table_with("last_counted")[app.heading("counter")])


def test_of_hundreds_of_counters_the_worst_are_listed_and_any_is_found(
    traffic: Published, start_app: StartApp
) -> None:
    _refill(traffic, this_hour(), counters=320, issues=1)
    app = start_app(PAGE, lang="en")
    assert app.is_well
    assert app.shows("listed", shown="50", found="320") and len(_listed(app)) == 50
    app.text_input(key="search").set_value("clignancourt").run()
    assert _listed(app) == ["Périphérique Clignancourt"]
    app.text_input(key="search").set_value("2007").run()
    assert _listed(app) == ["Rue 2007"]
    app.text_input(key="search").set_value("no such road").run()
    assert app.is_well and app.shows("listed", shown="0", found="0")


def _listed(app: Screen) -> list[str]:
    return list(app.table_with("last_counted")[app.heading("counter")])


def test_a_counter_without_readings_is_named(traffic: Published, start_app: StartApp) -> None:
    app = start_app(PAGE, lang="en")
    silent = app.shown.split(app.view.text("silent"))[1].split("</div>")[0]
    assert app.view.text("count_of", n="1", all="3") in silent and ROADS[2][1] in silent


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
    assert app.is_well
    actual = app.table_with("target_at").set_index(app.heading("target_at"))[app.heading("actual")]
    assert pd.isna(actual[pd.Timestamp(hole)]) and actual[pd.Timestamp(hole + HOUR)] > 0
    assert app.shows("absent")
    for key in ("absent_short", "table.later"):
        assert app.view.text(key).encode() in app.cells()


def test_an_hour_of_a_closed_road_is_called_so(traffic: Published, start_app: StartApp) -> None:
    local = (this_hour() - 4 * HOUR).astimezone(ZoneInfo("Europe/Paris"))
    app = start_app(PAGE, lang="fr", counter=CLOSED, day=f"{local:%Y-%m-%d}", hour=f"{local:%H:%M}")
    assert app.is_well
    assert app.view.text("table.barred").encode() in app.cells()


def test_old_forecasts_are_called_old_and_late_readings_late(
    traffic: Published, start_app: StartApp
) -> None:
    _refill(traffic, this_hour() - 5 * HOUR)
    app = start_app(PAGE, lang="en")
    assert len(app.warning) == 1
    assert app.shows("stale", age=app.view.text("age.hours", n="5"))
    _refill(traffic, this_hour())
    traffic.change(
        "update published.merged_traffic set vehicles = null where target_at > %s",
        this_hour() - 6 * HOUR,
    )
    app = start_app(PAGE, lang="en")
    assert len(app.warning) == 1
    assert app.shows("late", age=app.view.text("age.hours", n="6"))


def test_a_past_issue_is_no_stale_one_and_shows_the_actuals_since(
    traffic: Published, start_app: StartApp
) -> None:
    past = (this_hour() - 8 * HOUR).astimezone(ZoneInfo("Europe/Paris"))
    app = start_app(PAGE, lang="en", counter="102", day=f"{past:%Y-%m-%d}", hour=f"{past:%H:%M}")
    assert app.is_well and not app.warning
    assert app.shows("past")
    assert app.table_with("target_at")[app.heading("actual")].notna().sum() == 8


def test_choices_stand_in_the_address_and_the_newest_does_not(
    traffic: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en")
    assert "day" not in app.query_params and "hour" not in app.query_params
    app.selectbox(key="counter").set_value("101").run()
    before = this_hour().astimezone(ZoneInfo("Europe/Paris")).date() - timedelta(days=1)
    app.selectbox(key="day").set_value(before.isoformat()).run()
    app.selectbox(key="hour").set_value("22:00").run()
    assert app.is_well
    expected = {"lang": "en", "counter": "101", "day": before.isoformat(), "hour": "22:00"}
    assert expected.items() <= app.query_params.items()
    assert _issued_at(app).astimezone(ZoneInfo("Europe/Paris")).hour == 22


def test_an_address_that_asks_for_what_is_not_there_says_so(
    traffic: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="fr", counter="nowhere", day="1999-01-01")
    assert app.is_well
    assert app.shows("address.unknown", asked="nowhere")
    assert app.shows("issue.unknown", asked="1999\\-01\\-01")


def test_a_click_on_the_map_chooses_the_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, Any] = {"default.counter": "101"}
    monkeypatch.setattr(st, "session_state", state)
    choices.take("counter", "102")
    assert state == {"chosen.counter": "102", "default.counter": None}


def test_table_csv_and_excel_have_the_same_rows_as_the_screen(
    traffic: Published, start_app: StartApp, files: dict[str, bytes]
) -> None:
    app = start_app(PAGE, lang="en", counter="102")
    assert set(files) >= {"issue.csv", "counters.csv", "errors.csv", "record.csv", "issue.xlsx"}
    for key, columns, own in (
        ("counters", data.LIST_COLUMNS, "last_counted"),
        ("issue", data.HOUR_COLUMNS, "target_at"),
        ("errors", data.ERROR_COLUMNS, "persistence_mae"),
    ):
        table = app.table_with(own)
        as_csv = pd.read_csv(io.BytesIO(files[f"{key}.csv"]))
        as_sheet = pd.read_excel(io.BytesIO(files[f"{key}.xlsx"]))
        assert tuple(as_csv.columns) == tuple(as_sheet.columns) == columns
        assert len(table) == len(as_csv) == len(as_sheet) > 0
        number = "mae" if key == "errors" else "prediction"
        assert list(as_csv[number]) == list(table.iloc[:, columns.index(number)])
        assert list(as_sheet[number]) == pytest.approx(list(as_csv[number]), rel=1e-15)
    stored = traffic.rows(
        "select prediction, upper_95 from published.predictions where flow = 'traffic'"
        " and centre_id = '102' and issued_at = %s order by horizon",
        this_hour(),
    )
    read = pd.read_csv(io.BytesIO(files["issue.csv"]))
    assert list(read[["prediction", "upper_95"]].itertuples(index=False, name=None)) == stored


def test_a_day_of_25_hours_has_25_hours_to_choose_and_distinguishes_the_two(
    traffic: Published, start_app: StartApp
) -> None:
    # Clocks went back in the night to 25 October 2026: 02:00 is there twice.
    _refill(traffic, datetime(2026, 10, 26, 6, tzinfo=UTC), issues=60)
    app = start_app(PAGE, lang="en", counter="101", day="2026-10-25")
    assert app.is_well
    hours = app.selectbox(key="hour").options
    assert len(hours) == 25
    assert "02:00 (summer time)" in hours and "02:00 (winter time)" in hours
    first = _issued_at(start_app(PAGE, lang="en", counter="101", day="2026-10-25", hour="02:00"))
    second = _issued_at(start_app(PAGE, lang="en", counter="101", day="2026-10-25", hour="02:00-2"))
    assert first == datetime(2026, 10, 25, 0, tzinfo=UTC)
    assert second - first == HOUR


def _issued_at(app: Screen) -> datetime:
    assert app.is_well
    table = app.table_with("target_at")
    assert len(table) == 24
    return pd.Timestamp(table[app.heading("issued_at")].iloc[0]).to_pydatetime()


def test_a_day_of_23_hours_has_a_tick_for_every_sixth_hour_there_is() -> None:
    ends = pd.date_range("2026-03-28T23:00Z", "2026-03-29T22:00Z", freq="h")
    places, names = charts.hour_ticks(view_of(PAGE), ends, "Europe/Paris")
    assert [name[:5] for name in names] == ["00:00", "06:00", "12:00", "18:00", "00:00"]
    assert places[1] - places[0] == pd.Timedelta(hours=5)


def test_the_errors_are_the_published_ones_against_the_two_simple_rules(
    traffic: Published, start_app: StartApp
) -> None:
    mae, against_now, mase = traffic.row(
        "select mae, against_persistence, mase from published.accuracy"
        " where flow = 'traffic' and centre_id = '102' and horizon = 6",
    )
    app = start_app(PAGE, lang="en", counter="102")
    tile, view = _error_tile(app), app.view
    assert view.text("errors.off", mae=view.rounded(mae)) in tile
    assert view.text("errors.now.less", share=view.percent(1 - against_now)) in tile
    assert view.text("errors.week.less", share=view.percent(1 - mase)) in tile
    table = app.table_with("persistence_mae")
    assert table[app.heading("persistence_mae")].iloc[5] == pytest.approx(mae / against_now)


def _error_tile(app: Screen) -> str:
    """The tile with the errors six hours ahead."""
    title = app.view.text("horizon.many", days="6")
    return app.shown.split(f"{title}</p>")[1].split("</div>")[0]


def test_a_rule_that_is_not_known_or_was_better_is_shown_as_such(
    traffic: Published, start_app: StartApp
) -> None:
    traffic.change("update published.accuracy set against_persistence = null, mase = 1.25")
    app = start_app(PAGE, lang="en", counter="102")
    assert app.is_well
    assert not re.search(app.pattern("errors.now.less"), _error_tile(app))
    assert app.view.text("errors.week.more", share="25%") in _error_tile(app)
    traffic.change("delete from published.accuracy where flow = 'traffic'")
    assert start_app(PAGE, lang="en").shows("errors.unmeasured")


def test_a_counter_that_is_not_in_the_issue_says_when_it_last_was(
    traffic: Published, start_app: StartApp
) -> None:
    traffic.change(
        "delete from published.predictions where centre_id = '102' and issued_at > %s",
        this_hour() - 3 * HOUR,
    )
    app = start_app(PAGE, lang="en", counter="102")
    assert app.is_well
    assert len(app.warning) == 1 and app.shows("centre_behind")
    traffic.change("delete from published.predictions where centre_id = '102'")
    app = start_app(PAGE, lang="en", counter="102")
    assert app.is_well
    assert len(app.warning) == 1 and app.shows("never")


@pytest.mark.parametrize(("file", "key"), [("simulated", "simulated"), ("a.csv", "credit")])
def test_the_readings_are_credited_or_marked_as_simulated(
    traffic: Published, start_app: StartApp, file: str, key: str
) -> None:
    _refill(traffic, this_hour(), file=file)
    app = start_app(PAGE, lang="en")
    last = app.caption[-1].value
    assert re.fullmatch(app.pattern(key), last)
    assert ("https://opendatacommons.org/licenses/odbl/" in last) == (file != "simulated")


def test_a_live_stream_shows_how_old_its_last_message_is(
    traffic: Published, start_app: StartApp
) -> None:
    assert not start_app(PAGE, lang="en").shows("stamp.live")
    traffic.change(
        "insert into published.streams values ('traffic', 'mqtt', 'traffic/101/count', 9, 8, 1, 2,"
        " now(), now() - interval '2 hours 5 minutes')",
    )
    app = start_app(PAGE, lang="en")
    assert app.shows("stamp.live", age=app.view.text("age.hours", n="2"))


def test_an_empty_platform_says_what_to_do(traffic: Published, start_app: StartApp) -> None:
    traffic.change("delete from published.predictions")
    app = start_app(PAGE, lang="en")
    assert app.is_well and app.shows("empty.title") and app.shows("empty.body")
    make_tables(traffic.admin_dsn)
    app = start_app(PAGE, lang="fr")
    assert app.is_well and app.info[0].value == app.view.text("no_centres")


def test_names_from_the_database_are_shown_and_not_obeyed(
    traffic: Published, start_app: StartApp
) -> None:
    traffic.change(
        "update published.centres set name = '<img src=x onerror=alert(1)> [a](http://x)'"
        " where centre_id = '103'",
    )
    app = start_app(PAGE, lang="en", counter="103")
    assert app.is_well
    assert "<img src=x" not in "".join(element.value for element in app.html)
    assert "[a](http" not in "".join(element.value for element in app.markdown)


def test_a_database_that_went_away_is_reported(
    traffic: Published, server: Server, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="fr")
    check_an_outage_is_reported(server, app)
