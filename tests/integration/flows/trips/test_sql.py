"""The SQL of trips on a real PostgreSQL: it repeats, forgets what is gone, publishes all.

Trips, zones and scores are written by hand; how they come is tested where they are made.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pytest

from flow_platform.assets.dbt import build_arguments, window_variables
from flow_platform.ground.rectangle import Rectangle
from flow_platform.platform import Platform
from tests.integration.conftest import checksums, prepared

pytestmark = pytest.mark.integration

FIRST, LAST = date(2025, 3, 8), date(2025, 3, 10)
BOROUGHS = ("Manhattan", "Queens")
PLACE = "[new york]"
MODELS = ("default", "planned_distance")
STAGES = (
    *("merged__trips", "monitoring__trips_durations", "monitoring__trips_calibration"),
    *("monitoring__trips_accuracy", "monitoring__trips_zone_pairs"),
)
TABLES: dict[str, tuple[str, ...]] = {
    name: ()
    for name in (
        *("merged.trips", "monitoring.trips_durations", "monitoring.trips_calibration"),
        *("monitoring.trips_accuracy", "monitoring.trips_zone_pairs"),
    )
}
# The clock of New York is put forward at 07:00 UTC on 9 March: 01:59 is followed by 03:00.
TRIPS = (
    ("before", "Queens", "2025-03-09 06:30", 7, 4, 10),
    ("after", "Queens", "2025-03-09 07:30", 7, 4, 20),
    ("evening", "Queens", "2025-03-10 01:15", 7, 7, 6),
    ("unknown", "Manhattan", "2025-03-09 15:00", 4, 265, 30),
    ("first", "Manhattan", "2025-03-08 12:00", 4, 4, 12),
)


@pytest.fixture(scope="module")
def platform(scratch: Path) -> Iterator[Platform]:
    yield from prepared(scratch / "trips-sql")


@pytest.fixture
def filled(platform: Platform) -> Platform:
    """Five trips of three days with a score of each model, and everything built from them."""
    write(
        platform,
        "truncate raw.trips, raw.trip_zones, ml.trips_scores, raw.weather;"
        "delete from staging.centres where flow = 'trips';"
        "delete from raw.calendar where flow = 'trips'",
    )
    for borough in BOROUGHS:
        write(
            platform,
            "insert into staging.centres (flow, centre_id, name, country, timezone, place)"
            " values ('trips', %s, %s, 'US', 'America/New_York', %s)",
            *(borough, borough, PLACE),
        )
    write(
        platform,
        "insert into raw.trip_zones values (4, 'Alphabet City', 'Manhattan', 40.72, -73.98),"
        " (7, 'Astoria', 'Queens', null, null)",
    )
    for trip in TRIPS:
        add_trip(platform, *trip)
    add_weather(platform, "2025-03-09", "2025-03-08 23:00", 5.0)
    add_weather(platform, "2025-03-09", "2025-03-09 00:00", 6.0)
    add_weather(platform, "2025-03-09", "2025-03-09 12:00", 7.0)
    for model, factor in zip(MODELS, (1.5, 1.1), strict=True):
        write(
            platform,
            "insert into ml.trips_scores select trip_id, centre_id, day, pickup_at, %s, m * %s,"
            " m * 0.9, m * 2, 'v1' from (select *,"
            " extract(epoch from dropoff_at - pickup_at) / 60 as m from raw.trips) t",
            *(model, factor),
        )
    build(platform)
    return platform


def write(platform: Platform, statement: str, *values: Any) -> None:
    with psycopg.connect(platform.server.admin_dsn, dbname="flow") as connection:
        connection.execute(statement.encode(), values or None)


def add_trip(
    platform: Platform, trip_id: str, borough: str, at: str, zone: int, to: int, minutes: float
) -> None:
    pickup = datetime.fromisoformat(at).replace(tzinfo=UTC)
    dropoff = pickup + timedelta(minutes=minutes)
    write(
        platform,
        "insert into raw.trips values (%s, %s, %s, 'green', %s, %s, %s, %s, 3.5, 1, 12, %s,"
        " 'f.parquet', 1)",
        *(trip_id, borough, pickup.date(), pickup, dropoff, zone, to, dropoff),
    )


def add_weather(platform: Platform, target: str, known: str, temperature: float) -> None:
    """A vintage of `target`, known at `known` (UTC); its partition day is of no account here."""
    write(
        platform,
        "insert into raw.weather (centre_id, day, vintage, target_day, lead_days, available_at,"
        " temperature_mean) values (%s, date '2025-01-01' + %s, 'forecast', %s, 1, %s, %s)",
        *(PLACE, int(temperature), target, f"{known}+00", temperature),
    )


def build(
    platform: Platform,
    centres: tuple[str, ...] = BOROUGHS,
    first: date = FIRST,
    last: date = LAST,
) -> None:
    """Every stage of a window, in the order of the lineage; its data tests must pass."""
    outcome = platform.dbt.run(
        platform.server, build_arguments(STAGES), window_variables(Rectangle(centres, first, last))
    )
    failed = [r.node.name for r in outcome.results if str(r.status) not in ("success", "pass")]
    assert failed == []


def read(platform: Platform, query: str) -> pd.DataFrame:
    return platform.store("flow_dashboard").read(query)


def merged(platform: Platform) -> pd.DataFrame:
    return platform.store("flow_ml").read("select * from merged.trips").set_index("trip_id")


def test_a_trip_is_named_by_the_city_s_clock_also_on_the_day_it_is_put_forward(
    filled: Platform,
) -> None:
    rows = merged(filled)
    assert list(rows.loc[["before", "after", "evening"], "local_hour"]) == [1, 3, 21]
    assert list(rows.loc[["before", "after", "evening"], "local_minute"]) == [90, 210, 1275]
    assert str(rows.loc["evening", "local_day"])[:10] == "2025-03-09"
    assert (rows.loc["evening", "weekday"], rows.loc["first", "weekday"]) == (6, 5)
    assert rows.loc["before", "dropoff_centre_id"] == "Manhattan"
    assert pd.isna(rows["dropoff_centre_id"]["unknown"])


def test_no_trip_knows_weather_that_came_after_its_utc_day_began(filled: Platform) -> None:
    rows = merged(filled)
    assert rows["temperature_mean"]["before"] == rows["temperature_mean"]["after"] == 6.0
    # The evening belongs to the next UTC day, when the noon vintage is known.
    assert rows["temperature_mean"]["evening"] == 7.0
    assert pd.isna(rows["temperature_mean"]["first"])
    known = rows["weather_available_at"].dropna()
    begun = pd.to_datetime(rows.loc[known.index, "day"]).dt.tz_localize("UTC")
    assert (known <= begun).all()


def test_building_twice_or_in_parts_leaves_the_same_rows(filled: Platform) -> None:
    once = checksums(filled, TABLES)
    build(filled)
    assert checksums(filled, TABLES) == once
    for borough in reversed(BOROUGHS):
        for back in range(3):
            build(filled, (borough,), LAST - timedelta(days=back), LAST - timedelta(days=back))
    assert checksums(filled, TABLES) == once


def test_a_day_whose_last_trip_is_gone_has_no_rows_left(filled: Platform) -> None:
    """delete+insert clears only days for which rows came; the trips of the others would stay."""
    write(filled, "delete from raw.trips where trip_id = 'first'")
    build(filled, ("Manhattan",), FIRST, FIRST)
    assert "first" not in merged(filled).index
    for table in TABLES:
        left = filled.store("admin").read(f"select * from {table} where day = date '{FIRST}'")
        assert left.empty, table


def test_what_is_outside_the_window_is_not_touched(filled: Platform) -> None:
    write(filled, "delete from raw.trips where trip_id in ('first', 'evening')")
    build(filled, ("Queens",), LAST, LAST)
    assert set(merged(filled).index) == {"before", "after", "unknown", "first"}


def test_every_kept_trip_has_what_both_models_said_of_it(filled: Platform) -> None:
    rows = read(filled, "select * from published.trip_predictions order by trip_id, model")
    assert len(rows) == 2 * len(TRIPS)
    row = rows[(rows["trip_id"] == "after") & (rows["model"] == "default")].iloc[0]
    assert (row["actual_minutes"], row["predicted_minutes"], row["upper_80"]) == (20, 30, 40)


def test_the_figures_of_the_scores_are_those_of_each_trip(filled: Platform) -> None:
    """Errors are half of each duration: 10, 20, 30 on Sunday, UTC."""
    rows = read(
        filled,
        "select * from published.trip_accuracy where model = 'default' and date = '2025-03-09'",
    ).set_index("centre_id")
    whole = rows.loc["*"]
    assert whole["trips"] == 3 and whole["mae"] == 10 and whole["bias"] == 0.5
    assert whole["rmse"] == pytest.approx(((25 + 100 + 225) / 3) ** 0.5)
    assert whole["r2"] == pytest.approx(1 - 350 / 200)
    assert whole["coverage_80"] == 1 and whole["mean_actual"] == 20
    assert rows.loc["Queens", "trips"] == 2
    figures = read(filled, "select * from published.accuracy where flow = 'trips'")
    own = figures[(figures["measure"] == "default") & (figures["centre_id"] == "*")].iloc[0]
    assert (own["horizon"], own["n"]) == (0, 5) and own["wape"] == pytest.approx(0.5)
    assert own["mape"] == pytest.approx(0.5)
    assert pd.isna(own["mase"]) and pd.isna(own["coverage_95"])
    cuts = read(filled, "select * from published.coverage where flow = 'trips'")
    assert set(cuts["cut"]) == {"overall", "weekday", "centre"}
    assert (cuts["coverage_80"] == 1).all() and cuts["expected_95"].isna().all()


def test_mean_minutes_count_every_trip_once_in_each_cut(filled: Platform) -> None:
    for cut in ("hour", "weekday"):
        rows = read(filled, f"select * from published.trip_minutes_by_{cut}")
        for part in (rows["centre_id"] == "*", rows["centre_id"] != "*"):
            assert rows.loc[part, "trips"].sum() == len(TRIPS)
    pairs = read(filled, "select * from published.trip_minutes_by_zone_pair")
    row = pairs[(pairs["pickup_zone"] == 7) & (pairs["dropoff_zone"] == 4)].iloc[0]
    assert (row["pickup_zone_name"], row["dropoff_zone_name"]) == ("Astoria", "Alphabet City")
    assert (row["trips"], row["mean_minutes"]) == (2, 15)
    assert pairs.loc[pairs["dropoff_zone"] == 265, "dropoff_zone_name"].isna().all()
    boroughs = read(filled, "select * from published.trip_minutes_by_borough")
    assert boroughs["trips"].sum() == len(TRIPS)


def test_conditions_have_each_date_once_with_the_newest_weather_known_by_now(
    filled: Platform,
) -> None:
    soon = datetime.now(UTC).date() + timedelta(days=3)
    hour = timedelta(hours=1)
    for known, temperature in ((-2, 10.0), (-1, 11.0), (1, 12.0)):
        at = f"{datetime.now(UTC) + known * hour:%Y-%m-%d %H:%M:%S}"
        add_weather(filled, str(soon), at, temperature)
    write(
        filled,
        "insert into raw.calendar (flow, centre_id, day, weekday, holiday, is_public_holiday,"
        " is_bridge_day, is_school_holiday, days_to_holiday, days_since_holiday, is_month_start,"
        " is_month_end, is_event) values ('trips', %s, %s, 0, 'Day of tests', true, false, false,"
        " 0, 0, false, false, false)",
        *(PLACE, soon),
    )
    rows = read(filled, "select * from published.trip_conditions order by date")
    days = pd.to_datetime(rows["date"]).dt.date
    calendar = "select day from staging.calendar where flow = 'trips'"
    in_calendar = filled.store("flow_ml").read(calendar)["day"].dt.date
    assert len(rows) == days.nunique() and set(days) <= set(in_calendar)
    assert soon in set(days) and days.max() <= soon + timedelta(days=30)
    assert set(rows["place"]) == {PLACE} and set(rows["timezone"]) == {"America/New_York"}
    row = rows[pd.to_datetime(rows["date"]).dt.date == soon].iloc[0]
    assert row["temperature_mean"] == 11.0 and row["holiday"] == "Day of tests"
    assert row["is_public_holiday"] and not rows["is_public_holiday"].isna().any()


def test_freshness_is_that_of_the_trips_and_of_their_scores(filled: Platform) -> None:
    write(filled, "delete from ml.trips_scores where day = %s", LAST)
    rows = read(filled, "select * from published.freshness where flow = 'trips'")
    days = rows.set_index("dataset")["newest_day"].astype(str).str[:10]
    assert dict(days) == {"actuals": "2025-03-10", "predictions": "2025-03-09"}
    assert set(rows["rows"]) == {5, 8}
