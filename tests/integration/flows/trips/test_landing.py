"""Trips land on a real PostgreSQL: whole days, every row accounted for, the same in any order."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flow_platform.flows.trips.flow import TRIPS
from flow_platform.flows.trips.loading import load_trips, load_zones
from flow_platform.flows.trips.source import TripReading
from flow_platform.ground.rectangle import Rectangle
from flow_platform.platform import Platform
from flow_platform.stages.calendar import load_calendar
from flow_platform.warehouse import embedded
from tests.conftest import new_settings
from tests.integration.conftest import checksums, migrated
from tests.taxi_server import taxi_site

pytestmark = pytest.mark.integration

TABLES: dict[str, tuple[str, ...]] = {
    "raw.trips": (),
    "raw.trip_zones": (),
    "ops.quarantine": ("quarantined_at",),
}
LOOKUP = "LocationID,Borough,Zone\n4,Manhattan,Alphabet City\n7,Queens,Astoria\n264,Unknown,NV\n"
JANUARY, FEBRUARY = (date(2023, 1, 1), date(2023, 1, 31)), (date(2023, 2, 1), date(2023, 2, 28))
GREEN = "green_tripdata_2023-01.parquet"


def trips(first: str, count: int, **other: Any) -> pd.DataFrame:
    pickup = pd.date_range(first, periods=count, freq="97min").as_unit("us")
    return pd.DataFrame(
        {
            "lpep_pickup_datetime": pickup,
            "lpep_dropoff_datetime": pickup + pd.Timedelta(minutes=14),
            "PULocationID": [4, 7] * (count // 2) + [4] * (count % 2),
            "DOLocationID": 7,
            "passenger_count": 1.0,
            "trip_distance": 3.5,
            "fare_amount": 15.0,
            "total_amount": 19.5,
            **other,
        }
    )


def start(home: Path, section: str) -> Platform:
    home.mkdir(parents=True, exist_ok=True)
    (home / "in").mkdir(exist_ok=True)
    (home / "zones.csv").write_text(LOOKUP)
    (home / "sources.toml").write_text(f"[trips]\n{section}")
    chosen = migrated(new_settings(home, sources=home / "sources.toml"))
    load_zones(chosen)
    return chosen


FILES = 'kind = "files"\npath = "in/*.parquet"\nzones = "zones.csv"\n'


@pytest.fixture
def platform(home: Path) -> Platform:
    shutil.rmtree(home / "in", ignore_errors=True)
    chosen = start(home, FILES)
    with chosen.store("admin").connect() as connection:
        connection.execute("truncate raw.trips, ops.quarantine, ops.loads")
    return chosen


def keys(platform: Platform, days: tuple[date, date]) -> Rectangle:
    return Rectangle(platform.centre_ids_of(TRIPS), *days)


def write_months(home: Path) -> None:
    trips("2023-01-01 00:10", 470).to_parquet(home / "in" / GREEN)
    late = trips("2023-01-31 22:00", 440)
    late.loc[3, "trip_distance"] = 0.0
    late.loc[5, "PULocationID"] = 264
    late.to_parquet(home / "in" / "green_tripdata_2023-02.parquet")


def test_landing_in_any_order_and_twice_leaves_the_same_rows(
    platform: Platform, home: Path
) -> None:
    write_months(home)
    whole = load_trips(platform, keys(platform, (JANUARY[0], FEBRUARY[1])))
    assert (whole.rows_quarantined, whole.rejected) == (2, {"no_distance": 1, "unknown_pickup": 1})
    assert whole.rows_read == whole.rows_stored + whole.rows_quarantined
    sums = checksums(platform, TABLES)
    with platform.store("admin").connect() as connection:
        connection.execute("truncate raw.trips, ops.quarantine")
    for days in (FEBRUARY, JANUARY, (date(2023, 1, 31), date(2023, 2, 1)), JANUARY):
        load_trips(platform, keys(platform, days))
    assert checksums(platform, TABLES) == sums


def test_a_borough_alone_leaves_the_others_untouched(platform: Platform, home: Path) -> None:
    write_months(home)
    load_trips(platform, keys(platform, JANUARY))
    sums = checksums(platform, TABLES)
    alone = load_trips(platform, Rectangle(("Queens",), *JANUARY))
    assert alone.rows_left > 200 and alone.empty_partitions == 0
    assert checksums(platform, TABLES) == sums


def test_a_row_that_its_file_has_mended_is_marked_as_repaired(
    platform: Platform, home: Path
) -> None:
    faulty = trips("2023-01-05 10:00", 4)
    faulty.loc[1, "trip_distance"] = -1.0
    faulty.to_parquet(home / "in" / GREEN)
    assert load_trips(platform, keys(platform, JANUARY)).rows_quarantined == 1
    trips("2023-01-05 10:00", 4).to_parquet(home / "in" / GREEN)
    assert load_trips(platform, keys(platform, JANUARY)).rows_stored == 4
    states = platform.store("admin").read("select state, payload from ops.quarantine")
    assert states["state"].tolist() == ["repaired"]
    assert states["payload"].iloc[0]["trip_distance"] == -1.0


def test_rejects_that_are_recorded_in_parts_stay_open_until_their_file_is_mended(
    platform: Platform, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flow_platform.flows.trips.waiting.MEMORY_REJECTS", 2)
    faulty = trips("2023-01-05 10:00", 9).assign(trip_distance=[0.0] * 7 + [3.5] * 2)
    faulty.to_parquet(home / "in" / GREEN)
    for _ in range(2):
        load_trips(platform, keys(platform, JANUARY))
        states = platform.store("admin").read("select state from ops.quarantine")
        assert states["state"].tolist() == ["open"] * 7
    trips("2023-01-05 10:00", 9).to_parquet(home / "in" / GREEN)
    load_trips(platform, keys(platform, JANUARY))
    states = platform.store("admin").read("select state from ops.quarantine")
    assert states["state"].tolist() == ["repaired"] * 7


def test_days_without_trips_are_emptied_and_told(platform: Platform, home: Path) -> None:
    write_months(home)
    load_trips(platform, keys(platform, JANUARY))
    (home / "in" / GREEN).unlink()
    balance = load_trips(platform, keys(platform, JANUARY))
    # February's file begins at 22:00 on 31 January in New York: that is in February in UTC.
    assert platform.store("admin").read("select trip_id from raw.trips").empty
    assert balance.rows_stored == 0 and balance.empty_partitions == 31 * 2


def test_a_crash_between_two_blocks_leaves_whole_days(
    platform: Platform, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_months(home)
    monkeypatch.setattr("flow_platform.flows.trips.source.BLOCK_ROWS", 100)
    whole = TripReading.blocks

    def broken(reading: TripReading) -> Iterator[Any]:
        for number, block in enumerate(whole(reading)):
            if number == 3:
                raise KeyboardInterrupt
            yield block

    monkeypatch.setattr(TripReading, "blocks", broken)
    with pytest.raises(KeyboardInterrupt):
        load_trips(platform, keys(platform, JANUARY))
    some = platform.store("admin").read("select day, count(*) as rows from raw.trips group by day")
    assert 0 < len(some) < 31
    monkeypatch.setattr(TripReading, "blocks", whole)
    load_trips(platform, keys(platform, JANUARY))
    every = platform.store("admin").read("select day, count(*) as rows from raw.trips group by day")
    both = some.merge(every, on="day")
    assert len(both) == len(some) and both["rows_x"].equals(both["rows_y"])


def test_zones_without_a_borough_are_no_zones_of_the_table(platform: Platform) -> None:
    zones = platform.store("admin").read("select * from raw.trip_zones order by zone_id")
    assert zones["zone_id"].tolist() == [4, 7]
    assert load_zones(platform) == 2


def test_simulated_trips_land_the_same_day_by_day_or_at_once(scratch: Path) -> None:
    home = scratch / "simtrips"
    try:
        chosen = start(home, 'kind = "simulated"\n')
        days = (date(2025, 3, 28), date(2025, 4, 1))
        balance = load_trips(chosen, keys(chosen, days))
        assert balance.rows_stored > 1000 and balance.empty_partitions == 0
        sums = checksums(chosen, TABLES)
        for day in (31, 28, 30, 29):
            one = date(2025, 3, day)
            load_trips(chosen, keys(chosen, (one, one)))
        assert checksums(chosen, TABLES) == sums
        load_calendar(chosen)
        calendar = chosen.store("admin").read(
            "select distinct centre_id from raw.calendar where flow = 'trips'"
        )
        assert calendar["centre_id"].tolist() == [chosen.centres[0].centre_id]
    finally:
        embedded.stop(home)


def test_files_of_the_site_land_and_a_month_that_is_not_there_is_a_warning(
    platform: Platform, home: Path
) -> None:
    write_months(home)
    load_trips(platform, keys(platform, JANUARY))
    stored = platform.store("admin").read("select trip_id from raw.trips order by trip_id")
    with taxi_site() as site:
        site.files = {path.name: path.read_bytes() for path in (home / "in").iterdir()}
        text = f'kind = "http"\nzones = "zones.csv"\nurl = "{site.url}"\nretries = 0\n'
        chosen = start(home, text)
        balance = load_trips(chosen, keys(chosen, JANUARY))
    assert [warning.split("/")[-1][:30] for warning in balance.warnings] == [
        "green_tripdata_2022-12.parquet"
    ]
    again = platform.store("admin").read("select trip_id from raw.trips order by trip_id")
    assert again.equals(stored)
    assert (home / "bronze" / "trips" / GREEN).exists()


def test_a_file_of_a_year_lands_whole_by_month_and_twice(platform: Platform, home: Path) -> None:
    year = (date(2024, 1, 1), date(2024, 12, 31))
    march = (date(2024, 3, 1), date(2024, 3, 31))
    path = home / "in" / "2024_Green_Taxi_Trip_Data.parquet"
    pickup = pd.date_range("2024-01-02 10:00", periods=120, freq="3D").as_unit("us")
    made = trips("2024-01-02 10:00", 120).assign(
        lpep_pickup_datetime=pickup, lpep_dropoff_datetime=pickup + pd.Timedelta(minutes=14)
    )
    made.to_parquet(path)
    balance = load_trips(platform, keys(platform, march))
    in_march = int((pickup.month == 3).sum())
    assert (balance.rows_stored, balance.rows_left) == (in_march, 120 - in_march)
    assert balance.warnings == ()
    loads = platform.store("admin").read("select file, rows_stored, rows_left from ops.loads")
    assert loads.values.tolist() == [[str(path), in_march, 120 - in_march]]
    balance = load_trips(platform, keys(platform, year))
    assert (balance.rows_stored, balance.rows_quarantined) == (120, 0)
    every = {**TABLES, "ops.loads": ()}
    sums = checksums(platform, every)
    assert load_trips(platform, keys(platform, year)) == balance
    load_trips(platform, keys(platform, march))
    assert checksums(platform, every) == sums


def test_a_load_of_days_that_no_file_has_is_a_warning_with_the_files_in_the_balance(
    platform: Platform, home: Path
) -> None:
    write_months(home)
    trips("2023-06-01 10:00", 30).to_parquet(home / "in" / "summer.parquet")
    balance = load_trips(platform, keys(platform, (date(2024, 3, 1), date(2024, 3, 31))))
    (warning,) = balance.warnings
    assert "summer.parquet has trips from 2023-06-01 to 2023-06-0" in warning
    assert (balance.rows_stored, balance.rows_left, balance.broken_files) == (0, 30, ())
    loads = platform.store("admin").read(
        "select file, rows_in_file, rows_left, error from ops.loads order by file"
    )
    assert loads["file"].str.removeprefix(f"{home / 'in'}/").tolist() == [
        f"{GREEN} [not opened: named for 2023-01]",
        "green_tripdata_2023-02.parquet [not opened: named for 2023-02]",
        "summer.parquet",
    ]
    assert loads["rows_left"].tolist() == loads["rows_in_file"].tolist() == [0, 0, 30]
    assert loads["error"].isna().all()


@pytest.mark.real_data
def test_two_real_months_land_and_balance(
    real_data: Path, home: Path, platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = real_data / "trips"
    chosen = start(
        home,
        f'kind = "files"\npath = "{folder}/green*.parquet"\n'
        f'zones = "{folder}/taxi_zone_lookup.csv"\n',
    )
    asked = keys(chosen, (JANUARY[0], FEBRUARY[1]))
    balance = load_trips(chosen, asked)
    with capsys.disabled():
        print(f"\nTwo real months: {balance}")
    assert balance.rows_read == balance.rows_stored + balance.rows_quarantined
    assert balance.rows_in_files == 68_211 + 64_809
    assert sum(balance.rejected.values()) == balance.rows_quarantined
    by_reason = chosen.store("admin").read(
        "select split_part(reason, ':', 1) as reason, count(*) as rows from ops.quarantine"
        " group by 1"
    )
    assert dict(zip(by_reason["reason"], by_reason["rows"], strict=True)) == balance.rejected
    sums = checksums(chosen, TABLES)
    assert load_trips(chosen, asked) == balance
    assert checksums(chosen, TABLES) == sums


def test_the_asset_tells_rejects_by_reason_and_warns_of_too_many(
    platform: Platform, home: Path
) -> None:
    import dagster as dg

    from flow_platform.assets.keys import raw_key
    from flow_platform.assets.raw import build_raw_assets
    from flow_platform.flows.trips.assets import ZONES, zone_assets

    faulty = trips("2023-01-05 10:00", 10)
    faulty.loc[[1, 2, 4], "trip_distance"] = 0.0
    faulty.to_parquet(home / "in" / GREEN)
    (zones,) = zone_assets(platform)
    (rows,) = (one for one in build_raw_assets(platform) if one.key == raw_key(TRIPS))
    graph = dg.Definitions([zones, rows], resources={"platform": platform})
    parents = graph.resolve_asset_graph().get(raw_key(TRIPS)).parent_keys
    assert parents == {zones.key} == {dg.AssetKey(list(ZONES))}
    assert dg.materialize([zones], resources={"platform": platform}).success
    result = dg.materialize(
        [zones, rows],
        resources={"platform": platform},
        selection=[raw_key(TRIPS)],
        partition_key="Manhattan|2023-01-05",
    )
    (made,) = result.asset_materializations_for_node("raw__trips_raw")
    assert made.metadata["rejected_no_distance"].value == 3
    # Of the six trips before 19:00 in New York three are Manhattan's, two of them rejected.
    assert made.metadata["dagster/row_count"].value == 1
    checks = {one.check_name: one for one in result.get_asset_check_evaluations()}
    assert set(checks) == {"rows_balance", "files_readable", "days_reported", "rows_kept"}
    assert checks["rows_balance"].passed and not checks["rows_kept"].passed
    assert checks["rows_kept"].metadata["no_distance"].value == 3
