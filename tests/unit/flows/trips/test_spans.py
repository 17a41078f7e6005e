"""Files of any span: their days are found, every trip of them is stored, and the balance holds."""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flow_platform.flows.trips import source, waiting
from flow_platform.flows.trips.files import pickups_of
from flow_platform.flows.trips.judging import REASONS
from flow_platform.flows.trips.moments import TripDates
from flow_platform.flows.trips.options import TripsSource
from flow_platform.flows.trips.rows import TRIP
from flow_platform.flows.trips.source import read_trips
from flow_platform.flows.trips.spans import DAY, days_without_stray, named_month, span_in
from flow_platform.flows.trips.waiting import Waiting
from flow_platform.flows.trips.zones import boroughs_of, read_zones
from flow_platform.ground.errors import SourceError
from flow_platform.sources import parts
from flow_platform.sources.config import read_sources
from flow_platform.sources.tables import Column, Table
from tests.cases import CASES
from tests.unit.flows.trips.samples import ZONES, reading, trip, write

YEAR = (date(2024, 1, 1), date(2024, 12, 31))
MARCH = (date(2024, 3, 1), date(2024, 3, 31))
OPEN_DATA = "2024_Yellow_Taxi_Trip_Data.csv"


def write_csv(path: Path, days: list[date], *, hour: int = 12) -> Path:
    """A file of a trip a day, at noon, in the layout of NYC Open Data."""
    lines = [
        "vendorid,tpep_pickup_datetime,tpep_dropoff_datetime,passenger_count,trip_distance,"
        "pulocationid,dolocationid,fare_amount,total_amount"
    ]
    lines += [
        f"2,{day}T{hour:02d}:00:00.000,{day}T{hour:02d}:20:00.000,1,4.0,4,7,{place}.0,15.0"
        for place, day in enumerate(days)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def every(first: date, days: int, step: int = 1) -> list[date]:
    return [first + timedelta(days=number) for number in range(0, days, step)]


# -- a file longer than a month --------------------------------------------------------------------


def test_every_trip_of_a_year_in_one_file_is_stored(tmp_path: Path) -> None:
    days = every(YEAR[0], 366, 3)
    path = write_csv(tmp_path / OPEN_DATA, days)
    rows, rejected, found = reading(tmp_path, *YEAR)
    assert rows["day"].dt.date.tolist() == days
    assert rejected.empty and found.warnings == ()
    (file,) = found.files
    assert (file.file, file.rows_stored, file.rows_left) == (str(path), 122, 0)


def test_a_month_of_a_year_is_stored_alone_and_the_other_months_are_left(tmp_path: Path) -> None:
    days = every(YEAR[0], 366, 3)
    write_csv(tmp_path / OPEN_DATA, days)
    rows, _, found = reading(tmp_path, *MARCH)
    march = [day for day in days if day.month == 3]
    assert rows["day"].dt.date.tolist() == march
    (file,) = found.files
    assert (file.rows_in_file, file.rows_left) == (len(days), len(days) - len(march))


def test_a_name_that_a_file_does_not_keep_to_costs_no_trip(tmp_path: Path) -> None:
    # An export of the first half-year, made in July.
    write_csv(tmp_path / "export_2024-07.csv", every(YEAR[0], 190))
    rows, rejected, _ = reading(tmp_path, *YEAR)
    assert len(rows) == 190 and rejected.empty


def test_stray_clocks_of_a_file_without_a_month_are_rejected(tmp_path: Path) -> None:
    days = [*every(YEAR[0], 366, 3), date(2009, 1, 1), date(2001, 1, 1), date(2098, 5, 5)]
    write_csv(tmp_path / OPEN_DATA, days)
    rows, _, found = reading(tmp_path, date(2000, 1, 1), date(2099, 1, 1))
    assert len(rows) == 122 and found.rejected == {"stray_month": 3}


def test_a_stray_clock_of_a_file_named_for_a_month_is_rejected_a_week_from_it(
    tmp_path: Path,
) -> None:
    days = [*every(date(2023, 1, 1), 31), date(2022, 12, 24), date(2022, 12, 25)]
    write_csv(tmp_path / "yellow_tripdata_2023-01.csv", days)
    rows, _, found = reading(tmp_path, date(2022, 12, 1), date(2023, 2, 28))
    assert len(rows) == 32 and found.rejected == {"stray_month": 1}


@pytest.mark.parametrize(
    ("name", "month"),
    [
        ("yellow_tripdata_2023-01.parquet", date(2023, 1, 1)),
        ("202301.csv", date(2023, 1, 1)),
        ("2023_01_part_2.csv", date(2023, 1, 1)),
        ("2024_Yellow_Taxi_Trip_Data.csv", None),
        ("trips_2022-01_to_2023-01.csv", None),
        ("export_2023-07-15.csv", None),
        ("export_20230715.csv", None),
        ("trips.csv", None),
    ],
)
def test_the_month_of_a_name_is_one_month_and_no_day(name: str, month: date | None) -> None:
    assert named_month(Path(name)) == month


# -- which days are those of a file ----------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    first=st.dates(date(2015, 1, 1), date(2024, 1, 1)),
    gaps=st.lists(st.integers(1, 7), max_size=150),
    stray=st.lists(st.sampled_from([date(2001, 1, 1), date(2009, 1, 1), date(2098, 7, 7)])),
    order=st.randoms(use_true_random=False),
)
@example(date(2024, 2, 29), [], [], None)
def test_the_days_of_a_file_are_those_of_its_trips(
    first: date, gaps: list[int], stray: list[date], order: object
) -> None:
    days = [first + timedelta(days=sum(gaps[:number])) for number in range(len(gaps) + 1)]
    few = stray[: len(days) // 11]
    shuffled = [*days, *few]
    if order is not None:
        order.shuffle(shuffled)  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as folder:
        path = write_csv(Path(folder) / "trips.csv", shuffled)
        span = span_in(
            path,
            TripsSource(kind="files", path="x", zones="x"),
            first,
            TripDates.unasked(None),
        )
        assert (span.first, span.last) == (days[0], days[-1])
        assert span.rows == len(shuffled)
        asked = days[len(days) // 3], days[2 * len(days) // 3]
        rows, _, found = reading(Path(folder), *asked)
    inside = [day for day in days if asked[0] <= day <= asked[1]]
    assert rows["day"].dt.date.tolist() == inside
    (file,) = found.files
    assert file.rows_quarantined == len(few)
    assert file.rows_left == len(days) - len(inside)


@given(st.dictionaries(st.integers(-20_000, 40_000), st.integers(1, 50), min_size=1, max_size=60))
def test_at_most_a_tenth_at_either_end_of_any_file_is_astray(counts: dict[int, int]) -> None:
    first, last = days_without_stray(counts)
    total = sum(counts.values())
    assert 10 * sum(count for day, count in counts.items() if day < first) <= total
    assert 10 * sum(count for day, count in counts.items() if day > last) <= total
    assert first in counts and last in counts


def test_two_periods_far_apart_are_both_the_files() -> None:
    counts = dict.fromkeys([*range(100), *range(5000, 5050)], 3)
    assert days_without_stray(counts) == (0, 5049)


# -- several files ---------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    files=st.lists(
        st.tuples(st.integers(0, 400), st.integers(1, 300), st.integers(1, 9)),
        min_size=1,
        max_size=5,
    ),
    asked=st.tuples(st.integers(0, 500), st.integers(0, 400)),
    block_rows=st.integers(1, 80),
    memory_rows=st.integers(0, 80),
)
def test_files_of_any_spans_give_each_trip_once_and_balance(
    files: list[tuple[int, int, int]],
    asked: tuple[int, int],
    block_rows: int,
    memory_rows: int,
) -> None:
    begin = date(2023, 1, 1)
    first = begin + timedelta(days=asked[0])
    last = first + timedelta(days=asked[1])
    wanted: Counter[date] = Counter()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "BLOCK_ROWS", block_rows)
        patch.setattr(waiting, "MEMORY_ROWS", memory_rows)
        for number, (start, length, step) in enumerate(files):
            days = every(begin + timedelta(days=start), length, step)
            # Another hour in each file: no trip is in two.
            write_csv(Path(folder) / f"{number}.csv", days, hour=8 + number)
            wanted.update(day for day in days if first <= day <= last)
        rows, rejected, found = reading(Path(folder), first, last)
    assert Counter(rows["day"].dt.date) == wanted
    assert rows["pickup_at"].is_monotonic_increasing and rejected.empty
    assert len(found.files) == len(files)
    for file in found.files:
        start, length, step = files[int(Path(file.file).stem)]
        assert file.rows_in_file == len(range(0, length, step))
        assert file.rows_in_file == file.rows_stored + file.rows_left
    assert bool(found.warnings) == (not wanted)


def test_equal_trips_of_a_year_and_a_month_are_one(tmp_path: Path) -> None:
    write_csv(tmp_path / OPEN_DATA, every(YEAR[0], 366))
    write_csv(tmp_path / "yellow_tripdata_2024-01.csv", every(YEAR[0], 31))
    rows, _, found = reading(tmp_path, *YEAR)
    # The fare counts the days in both.
    assert len(rows) == 366
    assert [file.rows_repeated for file in found.files] == [31, 0] or [
        file.rows_repeated for file in found.files
    ] == [0, 31]


def test_a_file_that_breaks_off_gives_none_of_its_trips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "_CSV_BLOCK_BYTES", 8000)
    days = every(YEAR[0], 1500)
    good = write_csv(tmp_path / "a.csv", days[:60])
    text = write_csv(tmp_path / "b.csv", days, hour=8).read_text()
    # Far behind what is read to find the header, in a column that is not one of pickups.
    (tmp_path / "b.csv").write_bytes(text.encode() + b"\xe9" + text.splitlines()[7][1:].encode())
    rows, _, found = reading(tmp_path, *YEAR)
    assert set(rows["source_file"]) == {str(good)} and len(rows) == 60
    (error,) = [file.error for file in found.files if file.error]
    assert "b.csv cannot be read" in error and "encoding in sources.toml" in error


# -- no trip of the asked days ---------------------------------------------------------------------


def test_a_load_without_a_trip_of_its_days_names_the_files_and_their_days(tmp_path: Path) -> None:
    write_csv(tmp_path / "2023_trips.csv", every(date(2023, 1, 1), 365, 4))
    write(tmp_path / "green_tripdata_2022-06.parquet", [trip("2022-06-10")])
    write(tmp_path / "no_time.parquet", [trip(lpep_pickup_datetime=pd.NaT)])
    rows, _, found = reading(tmp_path, *MARCH)
    (warning,) = found.warnings
    assert rows.empty
    assert warning.startswith("No trip of the asked days, 2024-03-01 to 2024-03-31: ")
    assert f"{tmp_path / '2023_trips.csv'} has trips from 2023-01-01 to 2023-12-31" in warning
    assert "green_tripdata_2022-06.parquet is named for 2022-06 and was not opened" in warning
    assert "no_time.parquet has no valid trip (rows in quarantine: 1)" in warning
    assert len(found.files) == 3


def test_a_warning_names_the_files_nearest_to_the_asked_days(tmp_path: Path) -> None:
    for month in range(1, 13):
        (tmp_path / f"trips_2023-{month:02d}.csv").write_text("never read")
    _, _, found = reading(tmp_path, *MARCH)
    (warning,) = found.warnings
    assert "2023-12 and was not opened" in warning and "2023-07" not in warning
    assert "and so on for 7 more files" in warning


def test_a_load_whose_rows_were_all_rejected_is_a_warning_too(tmp_path: Path) -> None:
    rows = [trip(f"2024-03-{day:02d}", DOLocationID=999) for day in range(1, 30)]
    write(tmp_path / "march.parquet", rows)
    _, _, found = reading(tmp_path, *MARCH)
    (warning,) = found.warnings
    assert "march.parquet has no valid trip (rows in quarantine: 29)" in warning


def test_files_that_cannot_be_read_are_errors_and_no_days(tmp_path: Path) -> None:
    (tmp_path / "trips.csv").write_text("a,b\n1,2\n")
    write(tmp_path / "2024.parquet", [trip("2024-05-01")])
    _, _, found = reading(tmp_path, *MARCH)
    (warning,) = found.warnings
    assert "trips.csv" not in warning and "2024.parquet has trips from 2024-05-01" in warning


def test_boroughs_without_a_trip_on_days_with_trips_are_no_warning(tmp_path: Path) -> None:
    write_csv(tmp_path / "trips.csv", every(YEAR[0], 366))
    rows, _, found = reading(tmp_path, *MARCH, centres=["Queens"], zones=ZONES)
    assert rows.empty and found.warnings == ()


# -- trips that wait -------------------------------------------------------------------------------


def test_trips_that_wait_on_disk_come_back_by_day_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MEMORY_ROWS", 100)
    random, waits = np.random.default_rng(3), Waiting(tmp_path)
    trips = np.zeros(1000, dtype=TRIP)
    trips["pickup"] = random.integers(0, 30, 1000) * DAY + random.integers(0, 5, 1000)
    trips["line"] = np.arange(1000)
    for part in np.array_split(trips, 13):
        waits.add(part)
    # Files without a name: nothing is left where the process is killed.
    assert list(tmp_path.iterdir()) == []
    found = [waits.before(day) for day in (7, 8, 21, 40)]
    assert sum(map(len, found)) == 1000
    assert [waits.count(day) for day in (0, 29)] == [
        int((trips["pickup"] // DAY == day).sum()) for day in (0, 29)
    ]
    assert all(len(part) == 0 or (part["pickup"] < 40 * DAY).all() for part in found)
    assert found[1]["pickup"].min() >= 7 * DAY and found[1]["pickup"].max() < 8 * DAY
    for part in found:
        for pickup in np.unique(part["pickup"]):
            assert np.all(np.diff(part["line"][part["pickup"] == pickup]) > 0)
    waits.close()


def test_rejects_of_a_file_are_given_out_whole_and_in_order_from_disk_or_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [trip(f"2023-01-{day:02d}", trip_distance=-1.0) for day in range(1, 30)]
    write(tmp_path / "green_tripdata_2023-01.parquet", [*rows, trip()])
    _, kept, found = reading(tmp_path)
    monkeypatch.setattr(waiting, "MEMORY_REJECTS", 4)
    _, moved, again = reading(tmp_path)
    assert kept["source_line"].tolist() == list(range(1, 30))
    pd.testing.assert_frame_equal(kept, moved)
    assert found.rejected == again.rejected == {"no_distance": 29}
    (reason,) = found.reasons.values()
    assert reason == f"no_distance: {REASONS['no_distance']}"
    assert found.files == again.files


def test_a_disk_without_room_is_an_error_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MEMORY_ROWS", 1)
    with pytest.raises(SourceError, match=r"cannot be kept in .*missing.*Free space there"):
        Waiting(tmp_path / "missing").add(np.zeros(2, dtype=TRIP))


# -- times -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-05T03:14:18.000",
        "2024-01-05T03:14:18.123456",
        "2024-01-05 03:14:18.123456789",
        "2024-01-05 03:14:18",
        "2024-01-05 03:14",
        "2024-01-05T03",
        "2024-01-05",
        "2024-01",
        "20240105",
        " 2024-01-05 03:14:18 ",
        "2024-02-30",
        "2024-01-05 24:00:00",
        "2024-01-05 03:14:60",
        "1704424458",
        "0001-01-01",
        "0000-01-01",
        "10000-01-01",
        "",
        "soon",
    ],
)
def test_a_time_is_the_same_whatever_other_times_its_file_has(text: str) -> None:
    def first_of(*texts: str) -> int:
        batch = pa.RecordBatch.from_pydict({"pickup_at": pa.array(texts)})
        columns = {0: Column.of_arrow(batch.column(0))}
        header = {"pickup_at": "pickup_at"}
        table = Table(
            ["pickup_at"], np.arange(len(texts)), columns, lambda _: [], [], header, batch
        )
        return int(pickups_of(table, TripDates.unasked(None)).at[0])

    # A time that is none makes all be read in the slow way.
    assert first_of(text) == first_of(text, "soon")


# -- the case of a user ----------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "stored"), [(YEAR, 120), (MARCH, 10)])
def test_the_years_export_of_a_user_is_stored_whole(days: tuple[date, date], stored: int) -> None:
    config = read_sources(CASES / "trips-file-longer-than-a-month" / "sources.toml").of(TripsSource)
    zones = read_zones(config)
    found = read_trips(config, zones, "America/New_York", *days, boroughs_of(zones))
    rows = pd.concat([block.rows for block in found.blocks()])
    assert len(rows) == stored and found.rejected == {} and found.warnings == ()
    (file,) = found.files
    assert file.file.endswith(OPEN_DATA)
    assert (file.rows_in_file, file.rows_left) == (120, 120 - stored)
