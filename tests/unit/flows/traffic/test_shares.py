"""Readings of a share of an hour make the hour: counts are added up, rates averaged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from flow_platform.ground.errors import ConfigurationError
from flow_platform.sources.config import read_sources
from flow_platform.sources.landing import Landing
from tests.unit.flows.traffic.samples import YEARLY, assert_balanced, facts, read, write, yearly

OWN = "centre_id,counted_at,vehicles,occupancy,state"
DAY = datetime(2021, 5, 5)
QUARTERS = [DAY + timedelta(minutes=15 * number) for number in range(1, 13)]


def row(at: datetime, vehicles: object = 100, occupancy: object = "", state: str = "") -> str:
    return f"B1,{at:%Y-%m-%d %H:%M:%S},{vehicles},{occupancy},{state}"


def landed(folder: Path, rows: Sequence[str], *, name: str = "a.csv", **keys: Any) -> Landing:
    write(folder / name, OWN, rows)
    landing = read(folder / "*.csv", ids=["B1", "B2"], **({"time_zone": "UTC"} | keys))
    assert_balanced(landing)
    return landing


def by_hour(landing: Landing) -> dict[int, float]:
    """The volume of each hour of DAY; its rows agree on it."""
    hours = landing.rows.groupby("counted_at")["vehicles"]
    assert (hours.nunique(dropna=False) == 1).all()
    largest = hours.max()
    since = pd.DatetimeIndex(largest.index) - pd.Timestamp(DAY, tz="UTC")
    return dict(zip((since // pd.Timedelta("1h")).tolist(), largest.tolist(), strict=True))


# -- what readings within an hour are --------------------------------------------------------------


def test_quarter_hour_counts_are_added_up_to_their_hour(tmp_path: Path) -> None:
    landing = landed(tmp_path, [row(at) for at in QUARTERS], values="count")
    assert by_hour(landing) == {1: 400, 2: 400, 3: 400}
    # Every row of the file is a row, so that each is accounted for.
    assert (len(landing.rows), landing.files[0].rows_stored) == (12, 12)
    assert landing.rows["source_line"].tolist() == list(range(2, 14))


def test_rates_are_averaged(tmp_path: Path) -> None:
    rows = [row(at, 100 + 10 * number) for number, at in enumerate(QUARTERS)]
    assert by_hour(landed(tmp_path, rows, values="rate")) == {1: 115, 2: 155, 3: 195}


@pytest.mark.parametrize("suffix", ["csv", "parquet", "xlsx"])
def test_a_file_of_shares_is_refused_with_the_key_to_set(tmp_path: Path, suffix: str) -> None:
    landing = landed(tmp_path, [row(at) for at in QUARTERS])
    if suffix != "csv":
        frame = pd.read_csv(tmp_path / "a.csv", parse_dates=["counted_at"])
        other = tmp_path / f"b.{suffix}"
        frame.to_parquet(other) if suffix == "parquet" else frame.to_excel(other, index=False)
        landing = read(other, ids=["B1"], time_zone="UTC")
    error = str(landing.files[0].error)
    assert "several readings of counter B1 within an hour" in error
    assert "(2021-05-05 00:15 and 2021-05-05 00:30 UTC)" in error
    assert 'set values = "count" in sources.toml' in error
    assert landing.rows.empty and landing.rejected.empty


def test_files_that_only_together_have_shares_of_an_hour_are_refused(tmp_path: Path) -> None:
    for number, at in enumerate(QUARTERS[:3]):
        landing = landed(tmp_path, [row(at)], name=f"{number}.csv")
    landing = landed(tmp_path, [row(DAY + timedelta(hours=9))], name="hourly.csv")
    assert [bool(file.error) for file in landing.files] == [True, True, True, False]
    assert 'set values = "count"' in str(landing.files[2].error)
    assert len(landing.rows) == 1
    landing = landed(tmp_path, [row(QUARTERS[3])], name="3.csv", values="count", step_minutes=15)
    assert by_hour(landing)[1] == 400


def test_an_hourly_file_needs_no_key_and_equal_stamps_are_statements_of_one_hour(
    tmp_path: Path,
) -> None:
    rows = [row(DAY + timedelta(hours=hour), hour) for hour in (1, 2, 2, 3)]
    landing = landed(tmp_path, [*rows, row(DAY + timedelta(hours=3), 4)])
    assert landing.rows["vehicles"].tolist() == [1, 2, 3, 4]
    assert landing.files[0].rows_repeated == 1


@pytest.mark.parametrize("unit", ["count", "rate"])
def test_an_hourly_file_is_the_same_with_the_key(tmp_path: Path, unit: str) -> None:
    rows = [row(DAY + timedelta(hours=hour), hour) for hour in range(1, 9)]
    plain = facts(landed(tmp_path, rows))
    pd.testing.assert_frame_equal(facts(landed(tmp_path, rows, values=unit)), plain)


def test_readings_of_paris_within_an_hour_stay_statements_of_a_rate(tmp_path: Path) -> None:
    rows = [yearly("2021-05-05 14:00:00"), yearly("2021-05-05 14:20:00", "9.0")]
    landing = read(write(tmp_path / "a.csv", YEARLY, rows))
    assert landing.rows["vehicles"].tolist() == [100, 9]
    assert landing.rows["counted_at"].dt.minute.tolist() == [0, 20]


# -- hours that are not whole ----------------------------------------------------------------------


def test_an_hour_of_which_a_share_is_missing_is_unknown_rather_than_too_small(
    tmp_path: Path,
) -> None:
    silent = [row(at) for at in QUARTERS]
    silent[5] = row(QUARTERS[5], "", 8)
    found = by_hour(landed(tmp_path, [*silent[:2], *silent[3:]], values="count"))
    assert np.isnan(found[1]) and np.isnan(found[2]) and found[3] == 400


def test_occupancy_is_averaged_and_a_share_on_a_barred_road_bars_the_hour(tmp_path: Path) -> None:
    rows = [
        row(at, 100, occupancy, state)
        for at, occupancy, state in zip(
            QUARTERS, (4, 8, "", 6, 1, 2, 3, 4), ["open", "barred", "1", "1"] + ["open"] * 4,
            strict=False,
        )
    ]  # fmt: skip
    landing = landed(tmp_path, rows, values="count")
    assert landing.rows["occupancy"].tolist() == [6] * 4 + [2.5] * 4
    assert landing.rows["state"].tolist() == ["barred"] * 4 + ["open"] * 4


def test_a_repeated_share_counts_once_and_of_two_different_ones_the_last(tmp_path: Path) -> None:
    rows = [row(at) for at in QUARTERS[:4]]
    landed(tmp_path, [*rows, rows[1]], values="count")
    landing = landed(tmp_path, [rows[2], row(QUARTERS[3], 150)], name="b.csv", values="count")
    assert by_hour(landing) == {1: 450}
    assert [file.rows_repeated for file in landing.files] == [1, 1]
    landing = landed(tmp_path, [row(QUARTERS[3], "")], name="c.csv", values="count")
    assert by_hour(landing) == {1: 450}


def test_shares_are_on_the_day_of_their_hour(tmp_path: Path) -> None:
    rows = [row(datetime(2021, 5, 4, 23, 15) + timedelta(minutes=15 * n)) for n in range(8)]
    day = date(2021, 5, 5)
    landing = landed(tmp_path, rows, values="count", first=day, last=day)
    assert by_hour(landing) == {0: 400, 1: 400}
    before = date(2021, 5, 4)
    landing = landed(tmp_path, rows, values="count", first=before, last=before)
    assert (len(landing.rows), landing.files[0].rows_left) == (0, 8)


# -- how long a share is ---------------------------------------------------------------------------


def test_counters_of_one_file_may_have_other_steps(tmp_path: Path) -> None:
    hourly = [f"B2,{DAY + timedelta(hours=hour)},70,," for hour in range(1, 7)]
    landing = landed(tmp_path, [*hourly, *map(row, QUARTERS)], values="count")
    found = landing.rows.groupby("centre_id")["vehicles"]
    assert found.unique().map(list).to_dict() == {"B1": [400.0], "B2": [70.0]}


def test_a_share_between_the_steps_is_quarantined(tmp_path: Path) -> None:
    landing = landed(
        tmp_path, [*map(row, QUARTERS), row(DAY + timedelta(minutes=20))], values="count"
    )
    assert landing.rejected["reason"].tolist() == [
        "off_step: counted_at is not a multiple of 15 minutes after the full hour"
    ]
    assert by_hour(landing) == {1: 400, 2: 400, 3: 400}


def test_a_count_that_no_road_carries_in_its_minutes_is_quarantined(tmp_path: Path) -> None:
    rows = [row(at, 25_001 if at == QUARTERS[1] else 25_000) for at in QUARTERS]
    landing = landed(tmp_path, rows, values="count")
    assert [one.split(":")[0] for one in landing.rejected["reason"]] == ["too_large"]
    found = by_hour(landing)
    assert np.isnan(found[1]) and found[2] == 100_000


def test_a_file_whose_step_cannot_be_found_is_refused_with_the_key_to_set(tmp_path: Path) -> None:
    landing = landed(tmp_path, [row(QUARTERS[0])], values="count")
    assert "set step_minutes = 15" in str(landing.files[0].error)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ('values = "sum"', "values: Input should be 'count' or 'rate', not 'sum'"),
        ('stamp = "middle"', "stamp: Input should be 'end' or 'start', not 'middle'"),
        ('values = "count"\nstep_minutes = 7', "step_minutes is 7. Write one of 1, 2, 3"),
        ("step_minutes = 15", "step_minutes needs values"),
    ],
)
def test_keys_that_cannot_be_used_are_refused(tmp_path: Path, keys: str, message: str) -> None:
    (tmp_path / "s.toml").write_text(f'[traffic]\nkind = "files"\npath = "a"\n{keys}\n')
    with pytest.raises(ConfigurationError, match=message):
        read_sources(tmp_path / "s.toml")


# -- the start of an interval ----------------------------------------------------------------------


def test_a_stamp_may_be_the_start_of_its_interval(tmp_path: Path) -> None:
    starts = [at - timedelta(minutes=15) for at in QUARTERS]
    landing = landed(tmp_path, [row(at) for at in starts], values="count", stamp="start")
    assert by_hour(landing) == {1: 400, 2: 400, 3: 400}
    hourly = [row(DAY + timedelta(hours=hour), hour) for hour in range(3)]
    assert by_hour(landed(tmp_path, hourly, stamp="start")) == {1: 0, 2: 1, 3: 2}


def test_an_hour_that_has_only_begun_is_still_in_the_future(tmp_path: Path) -> None:
    rows = [row(datetime(2022, 5, 1, hour)) for hour in (9, 10)]
    now = datetime.fromisoformat("2022-05-01T09:30+00:00")
    landing = landed(tmp_path, rows, stamp="start", now=now)
    assert [one.split(":")[0] for one in landing.rejected["reason"]] == ["future_hour"]
    landing = landed(tmp_path, rows, stamp="start", now=now + timedelta(hours=1))
    assert landing.rejected.empty


# -- any true series -------------------------------------------------------------------------------

ZONES = (
    "UTC", "Europe/Paris", "America/Chicago", "America/St_Johns", "Asia/Kolkata", "Asia/Kathmandu",
    "Australia/Lord_Howe", "Pacific/Auckland", "America/Sao_Paulo", "Africa/Casablanca",
)  # fmt: skip
# Days on which a clock changes somewhere, and a usual one.
DAYS = (
    "2021-03-13", "2021-03-27", "2021-04-03", "2021-04-10", "2021-05-15", "2021-06-01",
    "2021-09-25", "2021-10-02", "2021-10-30", "2021-11-06",
)  # fmt: skip


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    zone=st.sampled_from(ZONES),
    day=st.sampled_from(DAYS),
    minutes=st.sampled_from([5, 6, 10, 15, 20, 30]),
    unit=st.sampled_from(["count", "rate"]),
    stamp=st.sampled_from(["end", "start"]),
    has_offset=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_a_true_hourly_series_cut_into_shares_comes_back(
    tmp_path: Path,
    zone: str,
    day: str,
    minutes: int,
    unit: str,
    stamp: str,
    has_offset: bool,
    seed: int,
) -> None:
    # Lord Howe's clock goes back by half an hour: of 20 minutes some local times occur once only,
    # in the first turn, and their second would be between two steps. They go to quarantine.
    assume(has_offset or zone != "Australia/Lord_Howe" or 30 % minutes == 0)
    count = 48 * 60 // minutes
    begin = pd.Timestamp(f"{day} 10:00", tz="UTC")
    ends = pd.date_range(begin, periods=count + 1, freq=f"{minutes}min")[1:]
    # No two alike: equal readings of a local time that occurs twice are one reading.
    shares = np.random.default_rng(seed).permutation(count)
    by_share = pd.Series(shares, ends.ceil("h")).groupby(level=0)
    true = by_share.sum() if unit == "count" else by_share.mean()
    stamps = (ends if stamp == "end" else ends - pd.Timedelta(minutes=minutes)).tz_convert(
        ZoneInfo(zone)
    )
    written = [at.isoformat() if has_offset else f"{at:%Y-%m-%d %H:%M:%S}" for at in stamps]
    rows = [f"B1,{at},{value},," for at, value in zip(written, shares, strict=True)]
    path = write(tmp_path / "a.csv", OWN, rows)
    keys: dict[str, Any] = {"values": unit, "stamp": stamp, "time_zone": zone, "ids": ["B1"]}
    landing = read(path, **keys)
    assert_balanced(landing)
    assert len(landing.rows) == count
    hours = landing.rows.groupby("counted_at")["vehicles"]
    assert (hours.nunique() == 1).all()
    pd.testing.assert_series_equal(
        hours.first(), true, check_names=False, check_dtype=False, check_freq=False,
        check_index_type=False,
    )  # fmt: skip
    # A day alone has the same rows as in the range, and loading again changes nothing.
    days = [one.date() for one in pd.date_range(day, periods=4)]
    alone = pd.concat([read(path, first=one, last=one, **keys).rows for one in days])
    pd.testing.assert_frame_equal(
        alone.sort_values("source_line").reset_index(drop=True), landing.rows
    )


def test_equal_shares_of_the_hour_that_occurs_twice_follow_the_others_of_that_night(
    tmp_path: Path,
) -> None:
    at = datetime(2021, 10, 30, 22, 15)
    ends = [at + timedelta(minutes=15 * number) for number in range(16)]
    local = [pd.Timestamp(end, tz="UTC").tz_convert("Europe/Paris") for end in ends]
    rows = [row(end, 1 if number == 8 else 0) for number, end in enumerate(local)]
    landing = landed(tmp_path, rows, values="count", time_zone="Europe/Paris")
    found = landing.rows.groupby(landing.rows["counted_at"].dt.hour)["vehicles"].max()
    assert found.to_dict() == {23: 0, 0: 0, 1: 1, 2: 0}
