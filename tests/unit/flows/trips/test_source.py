"""Trips: every row is stored, rejected with its reason, left, or known already."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flow_platform.flows.trips import rows as trip_rows
from flow_platform.flows.trips import source as trips
from flow_platform.flows.trips.judging import REASONS
from flow_platform.flows.trips.options import TripsSource
from flow_platform.flows.trips.source import read_trips
from flow_platform.flows.trips.zones import boroughs_of, read_zones
from tests.unit.flows.trips.samples import JANUARY, ZONES, reading, trip, write

MILES = 1.609344


# -- which rows are trips ------------------------------------------------------------------------


def test_a_trip_is_typed_and_measured(tmp_path: Path) -> None:
    write(tmp_path / "green_tripdata_2023-01.parquet", [trip()])
    rows, rejected, found = reading(tmp_path)
    assert rejected.empty and found.rejected == {}
    row = rows.iloc[0]
    assert (row["centre_id"], row["service"], row["day"]) == (
        "Manhattan",
        "green",
        pd.Timestamp("2023-01-10"),
    )
    assert row["pickup_at"] == pd.Timestamp("2023-01-10 17:00", tz="UTC")
    assert row["available_at"] == row["dropoff_at"] == pd.Timestamp("2023-01-10 17:20", tz="UTC")
    assert (row["pickup_zone"], row["dropoff_zone"], row["passengers"]) == (4, 7, 1)
    assert row["distance_km"] == pytest.approx(4 * MILES, abs=1e-4)
    assert row["total_amount"] == 25.0
    assert row["source_line"] == 1
    assert tuple(rows.columns) == trip_rows.COLUMNS


FAULTY: dict[str, dict[str, Any]] = {
    "stray_month": trip("2023-02-08 00:00:00"),
    "missing_time": trip(lpep_pickup_datetime=pd.NaT),
    "not_after": trip(minutes=-5),
    "too_short": trip(minutes=0.98),
    "too_long": trip(minutes=180.1, trip_distance=40.0),
    "no_distance": trip(trip_distance=0.0),
    "too_far": trip(trip_distance=120098.84),
    "too_fast": trip(minutes=5, trip_distance=8.0),
    "too_slow": trip(minutes=61, trip_distance=3.0),
    "negative_amount": trip(total_amount=-0.01),
    "unknown_pickup": trip(PULocationID=264),
    "unknown_dropoff": trip(DOLocationID=999),
}


@pytest.mark.parametrize("reason", FAULTY)
def test_what_is_no_trip_is_kept_whole_with_its_reason(tmp_path: Path, reason: str) -> None:
    path = write(tmp_path / "green_tripdata_2023-01.parquet", [trip(), FAULTY[reason]])
    rows, rejected, found = reading(tmp_path)
    assert len(rows) == 1 and found.rejected == {reason: 1}
    row = rejected.iloc[0]
    assert row["reason"] == f"{reason}: {REASONS[reason]}"
    assert (row["source_file"], row["source_line"]) == (str(path), 2)
    payload = json.loads(row["payload"])
    assert list(payload) == list(FAULTY[reason])
    assert payload["trip_distance"] == FAULTY[reason]["trip_distance"]
    assert row["centre_id"] == (None if reason == "unknown_pickup" else "Manhattan")


@pytest.mark.parametrize(
    "row",
    [
        trip("2022-12-25 00:00:00"),
        trip("2023-02-07 23:59:59"),
        trip(minutes=1, trip_distance=0.3),
        trip(minutes=180, trip_distance=20.0),
        trip(minutes=60, trip_distance=0.1),
        trip(fare_amount=0.0, total_amount=0.0),
        trip(DOLocationID=264),
        trip(DOLocationID=265),
        trip(passenger_count=None),
    ],
)
def test_what_is_odd_but_possible_is_a_trip(tmp_path: Path, row: dict[str, Any]) -> None:
    write(tmp_path / "green_tripdata_2023-01.parquet", [row, trip()])
    rows, rejected, _ = reading(tmp_path, date(2022, 12, 1), date(2023, 3, 1))
    assert len(rows) == 2 and rejected.empty


def test_the_first_reason_that_holds_is_given(tmp_path: Path) -> None:
    worst = trip("2009-01-01", minutes=-1, trip_distance=0.0, PULocationID=265, fare_amount=-1.0)
    write(tmp_path / "green_tripdata_2023-01.parquet", [trip(), worst])
    _, _, found = reading(tmp_path)
    assert found.rejected == {"stray_month": 1}


def test_text_that_is_no_number_is_rejected_not_guessed(tmp_path: Path) -> None:
    header = "lpep_pickup_datetime,lpep_dropoff_datetime,PULocationID,DOLocationID,trip_distance"
    (tmp_path / "green_tripdata_2023-01.csv").write_text(
        f"{header}\n"
        "2023-01-05 10:00:00,2023-01-05 10:10:00,4,7,2.5\n"
        "2023-01-05 10:00:00,soon,4,7,2.5\n"
        "2023-01-05 10:00:00,2023-01-05 10:10:00,4,7,far\n"
        "2023-01-05 10:00:00,2023-01-05 10:10:00,N/A,7,2.5\n"
        "2023-01-05 10:00:00,2023-01-05 10:10:00,4,7.5,2.5\n"
    )
    rows, rejected, found = reading(tmp_path)
    assert len(rows) == 1
    assert found.rejected == {
        "missing_time": 1,
        "no_distance": 1,
        "unknown_pickup": 1,
        "unknown_dropoff": 1,
    }
    assert json.loads(rejected["payload"].iloc[2])["PULocationID"] == "N/A"
    assert rejected["source_line"].tolist() == [2, 3, 4, 5]


# -- the clock -----------------------------------------------------------------------------------


def test_an_hour_that_the_clock_skips_is_a_reason(tmp_path: Path) -> None:
    write(
        tmp_path / "green_tripdata_2023-03.parquet",
        [
            trip("2023-03-12 01:50:00", minutes=80),
            trip("2023-03-12 02:30:00", minutes=10),
            trip("2023-03-12 01:50:00", minutes=20),
        ],
    )
    rows, _, found = reading(tmp_path, date(2023, 3, 1), date(2023, 3, 31))
    # From 01:50 to 03:10 on the clock are twenty minutes.
    took = rows["dropoff_at"] - rows["pickup_at"]
    assert took.dt.total_seconds().tolist() == [20 * 60]
    assert found.rejected == {"skipped_hour": 2}


def test_an_hour_that_comes_twice_takes_its_first_turn(tmp_path: Path) -> None:
    write(
        tmp_path / "green_tripdata_2022-11.parquet",
        [
            trip("2022-11-06 00:50:00", minutes=20),
            trip("2022-11-06 01:50:00", minutes=-40),
            trip("2022-11-06 01:10:00", minutes=10),
        ],
    )
    rows, rejected, _ = reading(tmp_path, date(2022, 11, 1), date(2022, 11, 30))
    assert rejected.empty
    utc = rows.sort_values("source_line")
    assert utc["pickup_at"].dt.strftime("%H:%M").tolist() == ["04:50", "05:50", "05:10"]
    # Written 01:50 to 01:10: the drop-off is in the second turn.
    assert utc["dropoff_at"].dt.strftime("%H:%M").tolist() == ["05:10", "06:10", "05:20"]


def test_moments_with_an_offset_are_taken_as_they_are(tmp_path: Path) -> None:
    aware = pa.timestamp("us", tz="Europe/Paris")
    write(
        tmp_path / "green_tripdata_2023-01.parquet",
        [trip("2023-01-10 12:00:00")],
        lpep_pickup_datetime=aware,
        lpep_dropoff_datetime=aware,
    )
    rows, _, _ = reading(tmp_path)
    assert rows["pickup_at"].iloc[0] == pd.Timestamp("2023-01-10 12:00", tz="UTC")


def test_a_partition_is_a_utc_day_of_the_pickup(tmp_path: Path) -> None:
    write(
        tmp_path / "green_tripdata_2023-01.parquet",
        [trip("2023-01-10 18:59:59"), trip("2023-01-10 19:00:00")],
    )
    rows, _, found = reading(tmp_path, date(2023, 1, 10), date(2023, 1, 10))
    assert rows["source_line"].tolist() == [1]
    assert found.files[0].rows_left == 1


# -- files of several years ----------------------------------------------------------------------


def yellow(row: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("lpep", "tpep"): value for name, value in row.items()}


SCHEMAS: dict[str, tuple[str, dict[str, Any], dict[str, pa.DataType]]] = {
    "green of 2023": ("green", {**trip(), "ehail_fee": None, "trip_type": 1.0}, {}),
    "green with 32-bit zones": (
        "green",
        trip(),
        {"PULocationID": pa.int32(), "DOLocationID": pa.int32(), "VendorID": pa.int32()},
    ),
    "zones as numbers with a point": (
        "green",
        trip(),
        {"PULocationID": pa.float64(), "DOLocationID": pa.float64()},
    ),
    "yellow with airport_fee": ("yellow", {**yellow(trip()), "airport_fee": 0.0}, {}),
    "yellow with Airport_fee": ("yellow", {**yellow(trip()), "Airport_fee": 1.75}, {}),
    "yellow of 2025": (
        "yellow",
        {**yellow(trip()), "Airport_fee": 0.0, "cbd_congestion_fee": 0.75},
        {"passenger_count": pa.int64()},
    ),
    "nanoseconds": (
        "green",
        trip(),
        {"lpep_pickup_datetime": pa.timestamp("ns"), "lpep_dropoff_datetime": pa.timestamp("ms")},
    ),
    "times as text": (
        "green",
        trip(),
        {"lpep_pickup_datetime": pa.string(), "lpep_dropoff_datetime": pa.string()},
    ),
    "dictionaries and large texts": (
        "green",
        trip(),
        {
            "store_and_fwd_flag": pa.dictionary(pa.int8(), pa.string()),
            "lpep_pickup_datetime": pa.large_string(),
        },
    ),
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schemas_of_the_years_say_the_same_trip(tmp_path: Path, name: str) -> None:
    service, row, types = SCHEMAS[name]
    write(tmp_path / f"{service}_tripdata_2023-01.parquet", [row], **types)
    rows, rejected, _ = reading(tmp_path)
    assert rejected.empty, rejected["payload"].tolist()
    found = rows.iloc[0]
    assert found["service"] == service
    assert found["pickup_at"] == pd.Timestamp("2023-01-10 17:00", tz="UTC")
    assert (found["pickup_zone"], found["dropoff_zone"]) == (4, 7)


def test_csv_of_older_years_is_read_whatever_its_header_looks_like(tmp_path: Path) -> None:
    # Blanks in the header, a blank line after it, two empty fields more in every row.
    (tmp_path / "yellow_tripdata_2016-07.csv").write_bytes(
        "VendorID, tpep_pickup_datetime, Tpep_Dropoff_Datetime,PULocationID,DOLocationID,"
        "passenger_count,Trip_distance,fare_amount,total_amount\r\n\r\n"
        "2,2016-07-04 10:00:00,2016-07-04 10:20:00,4,7,1,4.00,15,18.5,,\r\n".encode("utf-8-sig")
    )
    rows, rejected, _ = reading(tmp_path, date(2016, 7, 1), date(2016, 7, 31))
    assert rejected.empty
    assert rows["service"].tolist() == ["yellow"]
    assert rows["pickup_at"].iloc[0] == pd.Timestamp("2016-07-04 14:00", tz="UTC")


def test_rows_that_cannot_be_cut_are_kept_with_their_number(tmp_path: Path) -> None:
    header = "pickup_at,dropoff_at,pickup_zone,dropoff_zone,distance_km"
    good = "2023-01-05 10:{minute:02d}:00,2023-01-05 11:00:00,4,7,9.5"
    lines = [header, *(good.format(minute=minute) for minute in range(3)), "", "2023-01-05,cut"]
    lines += [good.format(minute=3), "", good.format(minute=4).replace("9.5", "0")]
    (tmp_path / "2023-01.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    rows, rejected, found = reading(tmp_path)
    assert found.rejected == {"no_distance": 1, "ragged": 1}
    assert rows["source_line"].tolist() == [1, 2, 3, 5]
    assert sorted(rejected["source_line"]) == [4, 6]
    assert json.loads(rejected["payload"].iloc[1]) == {"(line)": "2023-01-05,cut"}


def test_the_columns_of_other_files_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "2023-01.csv").write_text(
        "start;end;from;to;km\n10/01/2023 12:00;10/01/2023 12:20;4;7;6,5\n"
    )
    rows, _, _ = reading(
        tmp_path,
        separator=";",
        decimal=",",
        date_format="%d/%m/%Y %H:%M",
        columns={
            "pickup_at": "start",
            "dropoff_at": "end",
            "pickup_zone": "from",
            "dropoff_zone": "to",
            "distance_km": "km",
        },
    )
    assert rows["distance_km"].tolist() == [6.5]
    assert rows["service"].tolist() == ["other"]
    assert rows["total_amount"].isna().all() and rows["passengers"].isna().all()


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in trip().items() if key != name}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("g_2023-01.parquet", without("PULocationID"), "no column pulocationid or pickup_zone"),
        ("g_2023-01.parquet", without("trip_distance"), "no column trip_distance"),
        (
            "g_2023-01.parquet",
            {**without("PULocationID"), "Pickup_longitude": 1.0},
            "coordinates in place of zones",
        ),
        ("g_2023-01.parquet", {**trip(), "Trip_Distance": 1.0}, "both mean distance_miles"),
        ("g_2023-01.parquet", {**trip(), "PULocationID": [4]}, "holds list"),
        ("g_2023-01.parquet", {**trip(), "lpep_pickup_datetime": 5}, "not times"),
        ("g_2023-01.parquet", b"PAR1 cut off", "cannot be read"),
        ("g_2023-01.parquet", b"", "is empty"),
        ("g_2023-01.csv", b"\n\n", "holds no row"),
        ("g_2023-01.csv", b"a,b\n1,2\n", "no column"),
        (
            "g_2023-01.csv",
            # Beyond what is looked at to detect an encoding.
            b"pickup_at,dropoff_at,pickup_zone,dropoff_zone,distance_km,x\n"
            + b",,1,1,1,e\n" * 10_000
            + b",,1,1,1,\xe9\n",
            "encoding",
        ),
        ("g_2023-01.xlsx", b"PK", "workbook"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_remedy_and_others_are_read(
    tmp_path: Path, name: str, content: Any, message: str
) -> None:
    write(tmp_path / "a_2023-01.parquet", [trip()])
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    else:
        write(tmp_path / name, [content])
    rows, _, found = reading(tmp_path)
    assert len(rows) == 1
    (error,) = [file.error for file in found.files if file.error]
    assert str(tmp_path / name) in error and message in error
    assert error.endswith(".")


def test_a_pattern_that_names_no_file_is_reported(tmp_path: Path) -> None:
    _, _, found = reading(tmp_path)
    assert "no file matches" in str(found.files[0].error)


# -- months, days and files ----------------------------------------------------------------------


def test_a_file_that_is_named_for_another_month_is_in_the_balance_and_not_opened(
    tmp_path: Path,
) -> None:
    write(tmp_path / "green_tripdata_2023-01.parquet", [trip()])
    (tmp_path / "green_tripdata_2022-06.parquet").write_bytes(b"never read")
    _, _, found = reading(tmp_path)
    read, other = found.files
    assert (read.rows_stored, other.rows_in_file, other.error) == (1, 0, None)
    assert other.file.endswith("green_tripdata_2022-06.parquet [not opened: named for 2022-06]")
    assert found.warnings == ()


def test_a_file_of_other_days_is_in_the_balance_with_all_its_rows(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", [trip("2022-06-01"), trip("2022-06-03", trip_distance=0.0)])
    write(tmp_path / "b.parquet", [trip()])
    _, rejected, found = reading(tmp_path)
    left = next(file for file in found.files if file.file.endswith("a.parquet"))
    assert (left.rows_in_file, left.rows_left, left.error) == (2, 2, None)
    # Its rows are judged by the load that asks for their days.
    assert rejected.empty


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_a_file_of_no_plausible_month_is_rejected_row_by_row(tmp_path: Path, year: str) -> None:
    write(tmp_path / "x.parquet", [trip(f"{year}-01-15")])
    rows, rejected, found = reading(tmp_path)
    assert rows.empty and rejected["day"].isna().all()
    assert found.rejected == {"stray_month": 1}


def test_a_day_has_the_trips_of_all_files_that_know_it(tmp_path: Path) -> None:
    write(tmp_path / "green_tripdata_2023-01.parquet", [trip("2023-01-31 10:00:00")])
    write(
        tmp_path / "green_tripdata_2023-02.parquet",
        [trip("2023-01-31 11:00:00"), trip("2023-02-15 11:00:00")],
    )
    write(tmp_path / "yellow_tripdata_2023-01.parquet", [yellow(trip("2023-01-31 10:00:00"))])
    rows, _, found = reading(tmp_path)
    assert sorted(rows["service"]) == ["green", "green", "yellow"]
    assert rows["pickup_at"].is_monotonic_increasing
    assert [file.rows_left for file in found.files] == [0, 0, 1]
    assert rows["trip_id"].is_unique


def test_the_same_rows_have_the_same_ids_in_any_file_and_order(tmp_path: Path) -> None:
    rows = [trip(), trip(), trip(minutes=21), trip(total_amount=26.0)]
    write(tmp_path / "green_tripdata_2023-01.parquet", rows)
    first, _, _ = reading(tmp_path)
    assert first["trip_id"].is_unique and len(first) == 4
    write(tmp_path / "green_tripdata_2023-01.parquet", rows[::-1])
    again, _, _ = reading(tmp_path)
    assert sorted(again["trip_id"]) == sorted(first["trip_id"])
    (tmp_path / "green_tripdata_2023-01.parquet").rename(tmp_path / "z.parquet")
    renamed, _, _ = reading(tmp_path)
    assert sorted(renamed["trip_id"]) == sorted(first["trip_id"])


def test_the_ids_stay_what_they_were() -> None:
    # Other ids would leave every partition that is loaded in part with two of each trip.
    ids = trip_rows.trip_ids(np.array([1_673_370_000_000_000]), np.array([255], dtype="u8"))
    assert ids.tolist() == ["63bd999000000000000000ff"]
    one = np.zeros(1, dtype=trip_rows.TRIP)
    one["km"], one["pickup"], one["total"] = 6.4374, 1_673_370_000_000_000, np.nan
    found = trip_rows.hashed(one, np.array([20.0]), "green", ["Manhattan"])
    assert f"{int(found[0]):016x}" == "025e153049b07e76"


def test_a_trip_in_two_files_is_one_and_counted(tmp_path: Path) -> None:
    write(tmp_path / "a_2023-01.parquet", [trip(), trip(), trip(minutes=30)])
    write(tmp_path / "b_2023-01.parquet", [trip(), trip(), trip(), trip(minutes=-1)])
    rows, _, found = reading(tmp_path)
    assert len(rows) == 4
    assert [file.rows_repeated for file in found.files] == [0, 2]
    assert [file.rows_stored for file in found.files] == [3, 1]


def test_only_the_asked_boroughs_are_given_and_the_others_left(tmp_path: Path) -> None:
    write(tmp_path / "green_tripdata_2023-01.parquet", [trip(), trip(PULocationID=7)])
    rows, _, found = reading(tmp_path, centres=["Queens"])
    assert rows["centre_id"].tolist() == ["Queens"]
    assert found.files[0].rows_left == 1
    # A day on which only another borough had trips is not quiet.
    assert found.quiet_days == 30


def test_blocks_are_whole_days_and_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trips, "BLOCK_ROWS", 5)
    rows = [
        trip(f"2023-01-{day:02d} 10:00:00", minutes=10 + n) for day in (3, 4, 9) for n in (1, 2, 3)
    ]
    write(tmp_path / "green_tripdata_2023-01.parquet", rows)
    source = TripsSource(kind="files", path=str(tmp_path / "*"), zones="unread.csv")
    found = read_trips(source, ZONES, "America/New_York", *JANUARY, boroughs_of(ZONES))
    blocks = [
        (block.first_day.day, block.last_day.day, len(block.rows)) for block in found.blocks()
    ]
    assert blocks == [(1, 3, 3), (4, 8, 3), (9, 31, 3)]


CHOICES: dict[str, list[Any]] = {
    "lpep_pickup_datetime": [
        pd.Timestamp(text)
        for text in (
            "2022-11-06 00:30:00",
            "2022-11-06 01:30:00",
            "2022-10-31 23:59:59",
            "2022-11-30 23:59:59.5",
            "2001-01-01",
            "2099-12-31 23:59:59",
        )
    ]
    + [pd.NaT],
    "minutes": [-60, 0, 0.5, 1, 15, 61, 181, 525600],
    "trip_distance": [float("nan"), float("inf"), -1.0, 0.0, 1.5, 25.0, 1e9],
    "PULocationID": [1, 4, 7, 264, 9999, -3, None],
    "DOLocationID": [4, 265, 0, None],
    "fare_amount": [None, -2.5, 0.0, 12.0],
    "store_and_fwd_flag": ["N", None, 'a "quoted" ✓ text', "nul \0 here", "line\nbreak"],
}


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.fixed_dictionaries({k: st.sampled_from(v) for k, v in CHOICES.items()}), min_size=1)
)
def test_whatever_a_file_says_its_rows_balance(tmp_path: Path, drawn: list[dict[str, Any]]) -> None:
    rows = [
        {
            **trip(),
            **{name: value for name, value in row.items() if name != "minutes"},
            "lpep_dropoff_datetime": row["lpep_pickup_datetime"]
            + pd.Timedelta(minutes=row["minutes"]),
        }
        for row in drawn
    ]
    write(
        tmp_path / "green_tripdata_2022-11.parquet",
        rows,
        PULocationID=pa.float64(),
        DOLocationID=pa.float64(),
        store_and_fwd_flag=pa.string(),
        fare_amount=pa.float64(),
        lpep_pickup_datetime=pa.timestamp("us"),
        lpep_dropoff_datetime=pa.timestamp("us"),
    )
    kept, rejected, found = reading(tmp_path, date(2022, 11, 1), date(2022, 11, 30))
    (file,) = found.files
    assert file.error is None and file.rows_in_file == len(rows)
    assert file.rows_stored + file.rows_quarantined + file.rows_left == len(rows)
    lines = [*kept["source_line"], *rejected["source_line"]]
    assert len(set(lines)) == len(lines)
    assert kept["trip_id"].is_unique
    for payload in rejected["payload"]:
        assert "\0" not in payload and set(json.loads(payload)) == set(rows[0])
    took = (kept["dropoff_at"] - kept["pickup_at"]).dt.total_seconds() / 60
    assert took.between(1, 180).all() and kept["distance_km"].between(0, 160).all()


# -- the real months -----------------------------------------------------------------------------


@pytest.mark.real_data
def test_the_real_months_balance_by_reason(real_data: Path) -> None:
    lookup = str(real_data / "trips" / "taxi_zone_lookup.csv")
    zones = read_zones(TripsSource(kind="files", path="x", zones=lookup))
    rows, _, found = reading(
        real_data / "trips",
        date(2022, 12, 25),
        date(2023, 3, 10),
        pattern="green*.parquet",
        zones=zones,
    )
    print(found.rejected, [vars(file) for file in found.files])
    assert sum(file.rows_in_file for file in found.files) == 68_211 + 64_809
    assert sum(file.rows_left for file in found.files) == 0
    # Counted with pandas on the files, apart from this code.
    assert found.rejected["stray_month"] == 4
    assert found.rejected["not_after"] == 61 + 81
    assert found.rejected["too_short"] == 1_584 + 1_543
    # Pickups of January that February's file brings.
    late = rows["source_file"].str.contains("-02") & (rows["pickup_at"] < "2023-02-01 05:00")
    lines = pd.read_parquet(real_data / "trips" / "green_tripdata_2023-02.parquet")
    pickups = lines["lpep_pickup_datetime"]
    assert ((pickups > "2023-01-01") & (pickups < "2023-02-01")).sum() == 24
    # Two of them have no distance, and two took less than a minute.
    assert np.count_nonzero(late) == 20
