"""The page Trips and its states, run without a browser; Chromium is in `tests/browser`."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any

import pandas as pd
import psycopg
import pytest
from streamlit.testing.v1 import AppTest

from streamlit_app import data, formats, trips_data
from tests.app.conftest import StartApp
from tests.app.published_fixture import (
    TRIPS_MODEL,
    UNKNOWN_ZONE,
    Published,
    fill_trips,
    make_tables,
)

PAGE = "pages_/trips.py"
MONTH = timedelta(days=27)


def _yesterday() -> date:
    """The newest UTC day that is complete."""
    return data.today("UTC") - timedelta(days=1)


@pytest.fixture
def trips(published: Published) -> Published:
    """A platform that scored seventy days of trips until last night."""
    fill_trips(published.admin_dsn, _yesterday())
    return published


def _said(app: AppTest) -> str:
    kinds = (
        *(app.title, app.subheader, app.markdown, app.caption),
        *(app.info, app.warning, app.error, app.html),
    )
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def _well(app: AppTest) -> bool:
    return not app.exception and not app.error


def _refill(published: Published, last_day: date, **how: Any) -> None:
    make_tables(published.admin_dsn)
    fill_trips(published.admin_dsn, last_day, **how)


def _change(published: Published, statement: str, *values: Any) -> None:
    with psycopg.connect(published.admin_dsn) as connection:
        connection.execute(statement.encode(), values)


def _ask(published: Published, query: str, *values: Any) -> tuple[Any, ...]:
    with psycopg.connect(published.dashboard_dsn) as connection:
        row = connection.execute(query.encode(), values).fetchone()
    assert row is not None
    return row


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("fr", ("Courses", "Erreur typique", "de moins", "Sans distance prévue")),
        ("en", ("Trips", "Typical error", "Mean duration", "less", "Without a planned distance")),
    ],
)
def test_the_page_tells_the_month_in_plain_words_in_each_language(
    trips: Published, start_app: StartApp, language: formats.Language, words: tuple[str, ...]
) -> None:
    app = start_app(PAGE, lang=language)
    assert _well(app) and not app.warning
    said = _said(app) + "".join(str(table.value) for table in app.table)
    missing = [word for word in words if word not in said]
    assert missing == []
    mean, count = _ask(
        trips,
        "select sum(minutes) / sum(trips), sum(trips)::int from published.trip_durations_daily"
        " where date > %s",
        _yesterday() - timedelta(days=28),
    )
    assert formats.number(mean, language, 1) in said
    assert formats.number(count, language) in said


def test_the_figures_of_a_period_are_those_of_its_trips_taken_together(trips: Published) -> None:
    """R2 and RMSE of a month are not the means of its days'; daily rows must give them back."""
    first, last = _yesterday() - MONTH, _yesterday()
    _change(trips, "delete from published.trip_accuracy")
    # Two days by hand: errors 1, -1 on trips of 10 and 20 minutes; error 3 on one of 60.
    for day, count, mae, rmse, mean, sd in (
        (last, 2, 1.0, 1.0, 15.0, 5.0),
        (first, 1, 3.0, 3.0, 60.0, 0.0),
    ):
        _change(
            trips,
            "insert into published.trip_accuracy values"
            " ('*', %s, 'default', %s, %s, %s, 0, 0, 1, 8, %s, %s, 0, 'v')",
            *(day, count, mae, rmse, mean, sd),
        )
    (row,) = trips_data.models.__wrapped__("*", first, last).to_dict("records")  # type: ignore[attr-defined]
    assert row["trips"] == 3
    assert row["trip_mae"] == pytest.approx(5 / 3)
    assert row["rmse"] == pytest.approx((11 / 3) ** 0.5)
    # Squared deviations of 10, 20 and 60 from 30: 400 + 100 + 900.
    assert row["r2"] == pytest.approx(1 - 11 / 1400)


def test_a_borough_is_chosen_and_every_figure_is_its_own(
    trips: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en", borough="Queens")
    assert _well(app)
    assert "Queens, " in _said(app)
    (mean,) = _ask(
        trips,
        "select sum(minutes) / sum(trips) from published.trip_durations_daily"
        " where date > %s and centre_id = 'Queens'",
        _yesterday() - timedelta(days=28),
    )
    assert f"{mean:.1f} min" in _said(app)
    pairs = next(table.value for table in app.table if "To" in table.value.columns)
    assert set(pairs["From"]) <= {"Astoria", "LaGuardia Airport"}
    app.selectbox(key="borough").set_value("*").run()
    assert _well(app) and "borough" not in app.query_params


def test_a_borough_that_does_not_exist_is_told(trips: Published, start_app: StartApp) -> None:
    app = start_app(PAGE, lang="en", borough="Gotham*")
    assert _well(app)
    assert any("There is no borough “Gotham\\*”" in info.value for info in app.info)


def test_the_change_is_against_the_period_before_and_absent_where_that_is_not_whole(
    trips: Published, start_app: StartApp
) -> None:
    said = _said(start_app(PAGE, lang="en", period="28"))
    assert "Changes are against the period before" in said
    # Seventy days cannot hold two quarters.
    said = _said(start_app(PAGE, lang="en", period="91"))
    assert "No comparison with the period before" in said
    assert " more</p>" not in said and " less</p>" not in said


@pytest.mark.parametrize("name", ["hours", "pairs", "models", "steps"])
def test_a_file_holds_exactly_the_rows_and_columns_shown(
    trips: Published, start_app: StartApp, files: dict[str, bytes], name: str
) -> None:
    app = start_app(PAGE, lang="en")
    assert _well(app)
    columns = {
        "hours": trips_data.HOUR_COLUMNS,
        "pairs": trips_data.PAIR_COLUMNS,
        "models": trips_data.MODEL_COLUMNS,
        "steps": trips_data.STEP_COLUMNS,
    }[name]
    rows = pd.read_csv(io.BytesIO(files[f"{name}.csv"]))
    assert tuple(rows.columns) == columns
    order = ["hours", "pairs", "models", "steps"]
    shown = app.table[order.index(name)].value
    assert len(shown) == len(rows) and shown.shape[1] == len(columns)
    if name == "pairs":
        assert rows["trips"].is_monotonic_decreasing
        stored = _ask(
            trips,
            "select sum(trips)::int, sum(minutes) / sum(trips) from"
            " published.trip_zone_pairs_daily where date > %s"
            " group by pickup_zone, dropoff_zone order by 1 desc, pickup_zone, dropoff_zone",
            _yesterday() - timedelta(days=28),
        )
        # Days may be added up in any order.
        assert (rows["trips"][0], rows["mean_minutes"][0]) == pytest.approx(stored, rel=1e-12)


def test_a_zone_without_a_name_is_told_by_its_number(trips: Published, start_app: StartApp) -> None:
    app = start_app(PAGE, lang="en")
    pairs = next(table.value for table in app.table if "To" in table.value.columns)
    assert f"Zone {UNKNOWN_ZONE}" in set(pairs["To"])


def test_trips_that_stopped_coming_are_said_to_be_old(
    published: Published, start_app: StartApp
) -> None:
    fill_trips(published.admin_dsn, _yesterday() - timedelta(days=39))
    app = start_app(PAGE, lang="en")
    assert _well(app)
    (warning,) = [warning.value for warning in app.warning]
    assert "These trips are old" in warning and "40 days ago" in warning


def test_days_without_scores_are_named(published: Published, start_app: StartApp) -> None:
    fill_trips(published.admin_dsn, _yesterday(), unscored=3)
    app = start_app(PAGE, lang="fr")
    assert _well(app)
    (warning,) = [warning.value for warning in app.warning]
    day = formats.long_day(_yesterday() - timedelta(days=3), "fr", year=True)
    assert f"après le {day}" in warning


def test_trips_that_nobody_scored_have_durations_and_no_errors(
    published: Published, start_app: StartApp
) -> None:
    fill_trips(published.admin_dsn, _yesterday(), unscored=100)
    app = start_app(PAGE, lang="en")
    assert _well(app)
    said = _said(app)
    assert "No trip has a time said yet" in said
    assert "Mean duration of a trip" in said
    assert "Not measured yet" in said and "±" not in said


def test_scores_of_the_fallback_are_said_to_be_its(
    published: Published, start_app: StartApp
) -> None:
    fill_trips(published.admin_dsn, _yesterday(), fallback_until=_yesterday() - timedelta(days=14))
    app = start_app(PAGE, lang="en")
    assert _well(app)
    (warning,) = [warning.value for warning in app.warning]
    assert "fallback" in warning and "Without planned distance: 50%" in warning
    # A week that a trained model scored alone has nothing to tell.
    app = start_app(PAGE, lang="en", period="7")
    assert not app.warning
    assert TRIPS_MODEL.replace("-", "\\-") in _said(app)


def test_a_platform_without_trips_says_how_to_load_them(
    published: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en")
    assert _well(app) and "list of boroughs is empty" in _said(app)
    _change(
        published,
        "insert into published.centres (centre_id, flow, timezone) values"
        " ('Queens', 'trips', 'America/New_York')",
    )
    app = start_app(PAGE, lang="fr")
    assert _well(app) and "flow backfill trips" in _said(app)


def test_a_borough_without_trips_in_the_period_says_so(
    trips: Published, start_app: StartApp
) -> None:
    _change(
        trips,
        "insert into published.centres (centre_id, flow, timezone) values"
        " ('EWR', 'trips', 'America/New_York')",
    )
    app = start_app(PAGE, lang="en", borough="EWR")
    assert _well(app)
    assert any("No trip began here" in info.value for info in app.info)


def test_trips_that_did_not_take_place_are_said_not_to(
    trips: Published, start_app: StartApp
) -> None:
    assert "these trips did not take place" in _said(start_app(PAGE, lang="en"))
    _refill(trips, _yesterday(), file="green_tripdata_2023-01.parquet")
    assert "did not take place" not in _said(start_app(PAGE, lang="en"))
