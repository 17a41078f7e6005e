"""ds are what they say: dates in every form that can only be one, else a sentence."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flow_platform.evaluation.series_matrix import matrix_of
from flow_platform.ground.errors import ModelError
from tests.unit.evaluation.panel_texts import csv_of, read_parquet, read_text

DAYS = pd.date_range("2024-01-01", periods=60)
HOURS = pd.date_range("2024-03-30", periods=60, freq="h")
PARIS = "Europe/Paris"
DAY_FORMS = ["%Y%m%d", "%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%d %b %Y"]
DAY_FORMS += ["%d-%m-%Y", "%B %d %Y", "%Y-%m-%d 00:00", "%d/%m/%Y 12:00 AM", "s", "ms", "serial"]
EXCEL_ZERO = pd.Timestamp("1899-12-30")


def ds_of(folder: Path, ds: list[object], freq: str) -> list[object]:
    """The ds of a CSV file of one series, which are steps of the frequency."""
    frame = read_text(folder, csv_of(ds), freq)
    matrix_of(frame, freq, (1,))
    return frame["ds"].tolist()


def epoch(times: pd.DatetimeIndex, unit: Any) -> list[Any]:
    return times.as_unit(unit).astype("int64").tolist()


def serials(times: pd.DatetimeIndex) -> list[Any]:
    return ((times - EXCEL_ZERO) / pd.Timedelta(days=1)).tolist()


# -- whole numbers -------------------------------------------------------------------------------


def written_as_numbers(times: pd.DatetimeIndex, form: str) -> list[object]:
    """The times as numbers of a form: one of strftime, a unit of an epoch, or a serial of Excel."""
    if form == "serial":
        return serials(times)
    return list(times.strftime(form)) if "%" in form else epoch(times, form)


@pytest.mark.parametrize("form", ["%Y%m%d", "%Y%m%d%H%M%S", "s", "ms", "us", "ns", "serial"])
def test_whole_numbers_of_days_are_dates(tmp_path: Path, form: str) -> None:
    assert ds_of(tmp_path, written_as_numbers(DAYS, form), "D") == DAYS.tolist()


@pytest.mark.parametrize(
    "form", ["%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S", "s", "ms", "us", "ns", "serial"]
)
def test_numbers_of_hours_are_moments(tmp_path: Path, form: str) -> None:
    assert ds_of(tmp_path, written_as_numbers(HOURS, form), "h") == HOURS.tolist()


@pytest.mark.parametrize("freq", ["MS", "ME", "M"])
@pytest.mark.parametrize("form", ["%Y%m", "%Y-%m"])
def test_months_are_the_day_that_their_frequency_has(tmp_path: Path, freq: str, form: str) -> None:
    days = pd.date_range("2023-01-01", periods=14, freq="MS" if freq == "MS" else "ME")
    assert ds_of(tmp_path, list(days.strftime(form)), freq) == days.tolist()


def test_years_and_quarters_are_dates_too(tmp_path: Path) -> None:
    ends = pd.date_range("2001-12-31", periods=9, freq="YE").tolist()
    assert ds_of(tmp_path, list(range(2001, 2010)), "YE") == ends
    quarters = [f"{year}Q{part}" for year in (2022, 2023) for part in (1, 2, 3, 4)]
    starts = pd.date_range("2022-01-01", periods=8, freq="QS").tolist()
    assert ds_of(tmp_path, list(quarters), "QS") == starts
    assert ds_of(tmp_path, [quarter.replace("Q", "") for quarter in quarters], "QS") == starts


@pytest.mark.parametrize(
    ("ds", "freq", "likeness"),
    [
        (list(pd.date_range("2023-01-01", periods=9, freq="MS").strftime("%Y%m")), "D", "YYYYMM"),
        ([202300 + week for week in range(1, 53)], "W", "YYYYWW"),
        (list(range(2001, 2020)), "D", "YYYY"),
        ([20240101, 20240102, 20240131, 20240132], "D", "YYYYMMDD, but 20240132 is none"),
        ([*epoch(HOURS[:30], "s"), *epoch(HOURS[30:], "ms")], "h", "epoch"),
        (list(range(45292, 45392)), "h", "serial days of Excel"),
        ([2024033000], "h", "YYYYMMDDHH and like epoch seconds"),
    ],
)
def test_whole_numbers_without_one_reading_are_refused_by_their_likeness(
    tmp_path: Path, ds: list[object], freq: str, likeness: str
) -> None:
    with pytest.raises(ModelError, match=f"ds are whole numbers that look like .*{likeness}"):
        ds_of(tmp_path, ds, freq)


@pytest.mark.parametrize("freq", ["1", "h", "D", "MS"])
def test_whole_numbers_that_look_like_no_date_count_steps(tmp_path: Path, freq: str) -> None:
    counts = list(range(1, 1200))
    assert ds_of(tmp_path, list(counts), freq) == counts


def test_a_whole_number_as_frequency_keeps_whole_numbers(tmp_path: Path) -> None:
    assert ds_of(tmp_path, [20240101, 20240102], "1") == [20240101, 20240102]
    frame = read_text(tmp_path, csv_of(range(0, 70, 7)), "7")
    panel = matrix_of(frame, "7", (1,))
    assert panel.values.shape == (1, 10)
    assert panel.ahead(2).tolist() == [[70, 77]]
    assert panel.before(3).last.tolist() == [42]
    with pytest.raises(ModelError, match="is not a whole number, which --freq 1 counts"):
        ds_of(tmp_path, ["2024-01-01"], "1")


@settings(deadline=None, max_examples=60)
@given(
    start=st.datetimes(pd.Timestamp("1990-01-01"), pd.Timestamp("2090-01-01")),
    steps=st.integers(32, 200),
    form=st.sampled_from(DAY_FORMS),
    in_parquet=st.booleans(),
)
def test_days_in_any_form_are_these_days(
    start: pd.Timestamp, steps: int, form: str, in_parquet: bool
) -> None:
    days = pd.date_range(pd.Timestamp(start).normalize(), periods=steps)
    ds = written_as_numbers(days, form)
    with TemporaryDirectory() as folder:
        if in_parquet:
            frame = read_parquet(Path(folder), "D", unique_id=["a"] * steps, ds=ds, y=1.0)
            assert frame["ds"].tolist() == days.tolist()
        else:
            assert ds_of(Path(folder), ds, "D") == days.tolist()


# -- offsets and zones ---------------------------------------------------------------------------


def isoformats(times: pd.DatetimeIndex) -> list[object]:
    return [time.isoformat() for time in times]


def test_steps_are_counted_in_utc_across_months(tmp_path: Path) -> None:
    ds = ["2024-01-31T23:00:00+01:00", "2024-02-29T23:00:00+01:00"]
    frame = read_text(tmp_path, csv_of(ds), "h")
    assert frame["ds"].tolist() == [
        pd.Timestamp("2024-01-31 22:00"),
        pd.Timestamp("2024-02-29 22:00"),
    ]
    assert matrix_of(frame, "h", (24,)).values.shape == (1, 29 * 24 + 1)


def test_hours_over_a_change_of_clocks_are_read_as_utc(tmp_path: Path) -> None:
    hours = pd.date_range("2025-03-25 01:00", "2025-04-06 01:00", freq="h", tz=PARIS)
    utc = hours.tz_convert("UTC").tz_localize(None).tolist()
    assert ds_of(tmp_path, isoformats(hours), "h") == utc
    frame = read_parquet(tmp_path, "h", unique_id=["a"] * len(hours), ds=hours, y=1.0)
    assert frame["ds"].tolist() == utc
    assert matrix_of(frame, "h", (24,)).values.shape == (1, len(hours))


@pytest.mark.parametrize("freq", ["D", "B", "W", "MS", "ME", "QS"])
def test_days_over_a_change_of_clocks_are_the_local_days(tmp_path: Path, freq: str) -> None:
    days = pd.date_range("2025-01-01", periods=60, freq=freq, tz=PARIS)
    local = days.tz_localize(None).tolist()
    assert ds_of(tmp_path, isoformats(days), freq) == local
    frame = read_parquet(tmp_path, freq, unique_id=["a"] * 60, ds=days, y=1.0)
    assert frame["ds"].tolist() == local


@settings(deadline=None, max_examples=40)
@given(
    zone=st.sampled_from([PARIS, "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]),
    start=st.dates(date(2000, 1, 1), date(2037, 1, 1)),
    form=st.sampled_from(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M %z", "%d/%m/%Y %H:%M%z"]),
)
def test_offsets_of_any_zone_are_utc_for_hours_and_local_for_days(
    zone: str, start: date, form: str
) -> None:
    first = pd.Timestamp(start)
    hours = pd.date_range(first, periods=40 * 24, freq="h", tz="UTC").tz_convert(zone)
    days = pd.date_range(first, periods=200, freq="D").tz_localize(
        zone, nonexistent="shift_forward", ambiguous=np.zeros(200, dtype=bool)
    )
    with TemporaryDirectory() as folder:
        read = ds_of(Path(folder), list(hours.strftime(form)), "h")
        assert read == hours.tz_convert("UTC").tz_localize(None).tolist()
        read = ds_of(Path(folder), list(days.strftime(form)), "D")
        assert read == days.tz_localize(None).tolist()


def test_hours_of_which_some_have_an_offset_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="some ds have an offset from UTC, but '2024-01-01 00:00'"):
        ds_of(tmp_path, ["2024-01-01 00:00", "2024-01-01 01:00+01:00"], "h")


# -- forms of dates ------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%d.%m.%Y", "%m/%d/%Y", "%d-%m-%Y", "%d/%m/%Y 00:00"])
def test_a_date_that_can_be_of_two_days_is_refused(tmp_path: Path, form: str) -> None:
    with pytest.raises(ModelError, match=r"can be read day-first and month-first.*Write ISO dates"):
        ds_of(tmp_path, list(DAYS[:12].strftime(form)), "D")


def test_months_decide_which_part_is_the_day(tmp_path: Path) -> None:
    months = pd.date_range("2023-01-01", periods=12, freq="MS")
    assert ds_of(tmp_path, list(months.strftime("%d/%m/%Y")), "MS") == months.tolist()


def test_two_digits_of_a_year_are_read_only_where_they_can_be_nothing_else(tmp_path: Path) -> None:
    assert ds_of(tmp_path, list(DAYS.strftime("%m/%d/%y")), "D") == DAYS.tolist()
    with pytest.raises(ModelError, match="can be read day-first and year-first"):
        ds_of(tmp_path, list(DAYS.strftime("%d/%m/%y")), "D")


@pytest.mark.parametrize(
    "form",
    ["%Y%m%dT%H%M%S", "%Y%m%dT%H%MZ", "%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%dT%HZ", "%Y-%m-%d %H:%M+00"],
)
def test_other_forms_of_iso_are_moments(tmp_path: Path, form: str) -> None:
    assert ds_of(tmp_path, list(HOURS.strftime(form)), "h") == HOURS.tolist()
    assert ds_of(tmp_path, list(DAYS.strftime(form)), "D") == DAYS.tolist()


@pytest.mark.parametrize("form", ["%Y-%m-%d {}:00", "%Y-%m-%dT{}:00:00Z", "%d/%m/%Y {}:00"])
def test_the_hour_24_is_midnight_of_the_next_day(tmp_path: Path, form: str) -> None:
    day = pd.Timestamp("2024-01-31")
    ds: list[object] = [day.strftime(form).format(f"{hour:02d}") for hour in range(1, 25)]
    assert ds_of(tmp_path, ds, "h") == [day + pd.Timedelta(hours=hour) for hour in range(1, 25)]


@pytest.mark.parametrize(
    ("ds", "words"),
    [
        ("2024-W05", "is an ISO week, which is no day.*2024-01-29"),
        ("2024W05", "is an ISO week"),
        ("2024-W05-1", "is an ISO week"),
        ("2024-02-30", "is no date or time that exists"),
        ("2024-01-31 24:30", "is no date or time that exists"),
        ("2024-01-31 24:00:30", "is no date or time that exists"),
        ("30/02/2024", "'30/02/2024' is no day day-first"),
        ("2024-01-31 13:00 PM", "is no date or time that exists"),
        ("10:30", "neither a time nor a whole number"),
        ("2024-01-01 00:00 CET", "neither a time nor a whole number"),
        ("2024-01", "is a month, which names no step of --freq D"),
        ("9999-12-31", "outside of the years"),
        ("1.5", "neither a time nor a whole number"),
        ("1e5", "neither a time nor a whole number"),
        ("1" * 30, "too large a number"),
        ("", "1 row.s. have no ds, the first is row 1"),
    ],
)
def test_a_ds_that_is_no_date_is_refused_in_one_sentence(
    tmp_path: Path, ds: str, words: str
) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        ds_of(tmp_path, [ds], "D")
    assert "\n" not in str(caught.value)


def test_dates_of_two_forms_in_one_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="'2024-01-01' and '13/01/2024' are dates of different"):
        ds_of(tmp_path, ["2024-01-01", "13/01/2024"], "D")


def test_dates_and_periods_of_parquet_are_read(tmp_path: Path) -> None:
    frame = read_parquet(tmp_path, "D", unique_id=["a"] * 60, ds=DAYS.date, y=1.0)
    assert frame["ds"].tolist() == DAYS.tolist()
    periods = pd.period_range("2020-01", periods=9, freq="M")
    frame = read_parquet(tmp_path, "M", unique_id=["a"] * 9, ds=periods, y=1.0)
    assert frame["ds"].tolist() == pd.date_range("2020-01-31", periods=9, freq="ME").tolist()
