"""The page Trips and its states, run without a browser; Chromium is in `tests/browser`."""

from __future__ import annotations

import io
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from streamlit_app import texts
from streamlit_app.pages_.trips import data
from tests.app.conftest import StartApp
from tests.app.published.server import Published
from tests.app.published.tables import make_tables
from tests.app.published.trips import TRIPS_MODEL, UNKNOWN_ZONE, fill_trips

PAGE = "trips"
MONTH = timedelta(days=27)


def _yesterday() -> date:
    """The newest UTC day that is complete."""
    return datetime.now(UTC).date() - timedelta(days=1)


@pytest.fixture
def trips(published: Published) -> Published:
    """A platform that scored seventy days of trips until last night."""
    fill_trips(published.admin_dsn, _yesterday())
    return published


def _refill(published: Published, last_day: date, **how: Any) -> None:
    make_tables(published.admin_dsn)
    fill_trips(published.admin_dsn, last_day, **how)


def test_the_page_describes_the_month_in_plain_words_in_each_language(
    trips: Published, start_app: StartApp, language: texts.Language
) -> None:
    app = start_app(PAGE, lang=language)
    app.check_shows("title", "kpi.error", "kpi.minutes", "change.down", "models", "steps")
    assert not app.warning
    mean, count = trips.row(
        "select sum(minutes) / sum(trips), sum(trips)::int from published.trip_durations_daily"
        " where date > %s",
        _yesterday() - timedelta(days=28),
    )
    assert app.shows("minutes", n=app.view.number(mean, 1))
    assert app.view.number(count) in app.shown
    assert app.view.text("model_name.default").encode() in app.cells()


def test_the_figures_of_a_period_are_those_of_its_trips_taken_together(trips: Published) -> None:
    """R2 and RMSE of a month are not the means of its days'; daily rows must give them back."""
    first, last = _yesterday() - MONTH, _yesterday()
    trips.change("delete from published.trip_accuracy")
    # Two days by hand: errors 1, -1 on trips of 10 and 20 minutes; error 3 on one of 60.
    for day, count, mae, rmse, mean, sd in (
        (last, 2, 1.0, 1.0, 15.0, 5.0),
        (first, 1, 3.0, 3.0, 60.0, 0.0),
    ):
        trips.change(
            "insert into published.trip_accuracy values"
            " ('*', %s, 'default', %s, %s, %s, 0, 0, 1, 8, %s, %s, 0, 'v')",
            *(day, count, mae, rmse, mean, sd),
        )
    (row,) = data.models.__wrapped__("*", first, last).to_dict("records")  # type: ignore[attr-defined]
    assert row["trips"] == 3
    assert row["trip_mae"] == pytest.approx(5 / 3)
    assert row["rmse"] == pytest.approx((11 / 3) ** 0.5)
    # Squared deviations of 10, 20 and 60 from 30: 400 + 100 + 900.
    assert row["r2"] == pytest.approx(1 - 11 / 1400)


def test_a_borough_is_chosen_and_every_figure_is_its_own(
    trips: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en", borough="Queens")
    assert app.is_well
    assert app.shows("period.title", place="Queens")
    (mean,) = trips.row(
        "select sum(minutes) / sum(trips) from published.trip_durations_daily"
        " where date > %s and centre_id = 'Queens'",
        _yesterday() - timedelta(days=28),
    )
    assert app.shows("minutes", n=f"{mean:.1f}")
    pairs = app.table_with("dropoff")
    assert set(pairs[app.heading("pickup")]) <= {"Astoria", "LaGuardia Airport"}
    app.selectbox(key="borough").set_value("*").run()
    assert app.is_well and "borough" not in app.query_params


def test_a_borough_that_does_not_exist_is_named(trips: Published, start_app: StartApp) -> None:
    app = start_app(PAGE, lang="en", borough="Gotham*")
    assert app.is_well
    assert app.info and app.shows("address.unknown", asked="Gotham\\*")


def test_the_change_is_against_the_period_before_and_absent_where_that_is_not_whole(
    trips: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en", period="28")
    assert app.shows("change.since") and (app.shows("change.up") or app.shows("change.down"))
    # Seventy days cannot hold two quarters.
    app = start_app(PAGE, lang="en", period="91")
    assert app.shows("change.no_before") and not app.shows("change.since")
    assert not re.search(r">(up|down) [0-9]", app.shown)


@pytest.mark.parametrize("name", ["hours", "pairs", "models", "steps"])
def test_a_file_holds_exactly_the_rows_and_columns_shown(
    trips: Published, start_app: StartApp, files: dict[str, bytes], name: str
) -> None:
    app = start_app(PAGE, lang="en")
    assert app.is_well
    columns = {
        "hours": data.HOUR_COLUMNS,
        "pairs": data.PAIR_COLUMNS,
        "models": data.MODEL_COLUMNS,
        "steps": data.STEP_COLUMNS,
    }[name]
    rows = pd.read_csv(io.BytesIO(files[f"{name}.csv"]))
    assert tuple(rows.columns) == columns
    order = ["hours", "pairs", "models", "steps"]
    shown = app.tables()[order.index(name)]
    assert len(shown) == len(rows) and shown.shape[1] == len(columns)
    if name == "pairs":
        assert rows["trips"].is_monotonic_decreasing
        stored = trips.row(
            "select sum(trips)::int, sum(minutes) / sum(trips) from"
            " published.trip_zone_pairs_daily where date > %s"
            " group by pickup_zone, dropoff_zone order by 1 desc, pickup_zone, dropoff_zone",
            _yesterday() - timedelta(days=28),
        )
        # Days may be added up in any order.
        assert (rows["trips"][0], rows["mean_minutes"][0]) == pytest.approx(stored, rel=1e-12)


def test_a_zone_without_a_name_has_its_number(trips: Published, start_app: StartApp) -> None:
    app = start_app(PAGE, lang="en")
    assert f"Zone {UNKNOWN_ZONE}" in set(app.table_with("dropoff")[app.heading("dropoff")])


def test_trips_that_stopped_arriving_are_called_old(
    published: Published, start_app: StartApp
) -> None:
    fill_trips(published.admin_dsn, _yesterday() - timedelta(days=39))
    app = start_app(PAGE, lang="en")
    assert app.is_well
    assert len(app.warning) == 1 and app.shows("stale", age="40")


def test_days_without_scores_are_named(published: Published, start_app: StartApp) -> None:
    fill_trips(published.admin_dsn, _yesterday(), unscored=3)
    app = start_app(PAGE, lang="fr")
    assert app.is_well
    day = app.view.long_day(_yesterday() - timedelta(days=3), year=True)
    assert len(app.warning) == 1 and app.shows("unscored", day=day)


def test_trips_that_nobody_scored_have_durations_and_no_errors(
    published: Published, start_app: StartApp
) -> None:
    fill_trips(published.admin_dsn, _yesterday(), unscored=100)
    app = start_app(PAGE, lang="en")
    assert app.is_well
    assert app.shows("unscored.all")
    assert app.shows("kpi.minutes")
    assert app.shows("models.none") and "±" not in app.shown


def test_scores_of_the_fallback_are_marked_as_such(
    published: Published, start_app: StartApp
) -> None:
    fill_trips(published.admin_dsn, _yesterday(), fallback_until=_yesterday() - timedelta(days=14))
    app = start_app(PAGE, lang="en")
    assert app.is_well
    assert len(app.warning) == 1
    share = f"{app.view.text('model_name.default')}: 50%"
    assert app.shows("fallback") and share in app.warning[0].value
    # A week that a trained model scored alone needs no warning.
    app = start_app(PAGE, lang="en", period="7")
    assert not app.warning
    assert app.shows("stamp", model=TRIPS_MODEL.replace("-", "\\-"))


def test_a_platform_without_trips_says_how_to_load_them(
    published: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en")
    assert app.is_well and app.shows("no_centres")
    published.change(
        "insert into published.centres (centre_id, flow, timezone) values"
        " ('Queens', 'trips', 'America/New_York')",
    )
    app = start_app(PAGE, lang="fr")
    assert app.is_well and app.shows("empty.body") and "flow backfill trips" in app.shown


def test_a_borough_without_trips_in_the_period_says_so(
    trips: Published, start_app: StartApp
) -> None:
    trips.change(
        "insert into published.centres (centre_id, flow, timezone) values"
        " ('EWR', 'trips', 'America/New_York')",
    )
    app = start_app(PAGE, lang="en", borough="EWR")
    assert app.is_well
    assert app.info and app.shows("none")


def test_simulated_trips_are_marked_as_such(trips: Published, start_app: StartApp) -> None:
    assert start_app(PAGE, lang="en").shows("simulated")
    _refill(trips, _yesterday(), file="green_tripdata_2023-01.parquet")
    assert not start_app(PAGE, lang="en").shows("simulated")
