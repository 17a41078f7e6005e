"""Weather from the simulated world and from files: local days, vintages, warnings."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from flow_platform.ground.columns import WEATHER_COLUMNS, WEATHER_KEYS
from flow_platform.sources.centres import Centre
from flow_platform.sources.simulated_world import World
from flow_platform.sources.weather import WeatherResult, fetch_weather
from flow_platform.sources.weather_days import local_days
from flow_platform.sources.weather_options import WeatherSource
from tests.unit.sources.samples import NOW, plain_centre

PARIS = plain_centre("1")


def hours(first: str, last: str, timezone: str = "UTC") -> pd.DataFrame:
    time = pd.date_range(first, last, freq="h", tz=timezone).tz_convert("UTC")
    return pd.DataFrame({"time": time, "temperature": 10.0, "precipitation": 1.0})


def from_files(
    path: Path,
    first: date,
    last: date,
    centres: tuple[Centre, ...] = (PARIS,),
    centres_by_name: dict[str, str] | None = None,
    columns: dict[str, str] | None = None,
) -> WeatherResult:
    config = WeatherSource(
        kind="files", path=str(path), centres=centres_by_name or {}, columns=columns or {}
    )
    result = fetch_weather(config, centres, first, last, now=NOW)
    assert list(result.rows.columns) == [*WEATHER_KEYS, *WEATHER_COLUMNS]
    return result


@pytest.mark.parametrize(("day", "length"), [("2025-03-30", 23), ("2025-10-26", 25)])
def test_days_of_23_and_25_hours_are_whole_days(day: str, length: int) -> None:
    start = pd.Timestamp(day, tz="Europe/Paris")
    days = local_days(hours(f"{day} 00:00", f"{day} 23:00", "Europe/Paris"), "Europe/Paris")
    assert days.index.tolist() == [start.tz_localize(None)]
    assert days["precipitation_mm"].tolist() == [length]


def test_a_day_with_few_hours_has_no_weather_and_one_with_most_is_scaled() -> None:
    most = local_days(hours("2025-01-01 00:00", "2025-01-01 19:00"), "UTC")
    assert most["precipitation_mm"].tolist() == [24]
    assert local_days(hours("2025-01-01 00:00", "2025-01-01 11:00"), "UTC").empty


def test_impossible_values_are_missing_and_a_repeated_hour_counts_once() -> None:
    table = pd.concat([hours("2025-01-01 00:00", "2025-01-01 23:00")] * 2)
    table.iloc[-1, 1] = 999.0
    table["wind"] = "calm"
    days = local_days(table, "UTC")
    assert days["temperature_max"].tolist() == [10]
    assert days["precipitation_mm"].tolist() == [24]
    assert days["wind_max_kmh"].isna().all()


def test_simulated_weather_of_a_day_is_the_same_when_it_is_loaded_later(
    french_centres: tuple[Centre, ...],
) -> None:
    world = World(french_centres)
    day = date(2026, 5, 31)
    config = WeatherSource()
    early = fetch_weather(config, french_centres, day, day, now=NOW, world=world)
    late = fetch_weather(
        config, french_centres, day, day, now=NOW + pd.Timedelta(days=9), world=world
    )
    pd.testing.assert_frame_equal(early.rows, late.rows)
    assert len(early.rows) == 5 * 15
    tomorrow = date(2026, 6, 2)
    assert fetch_weather(
        config, french_centres, tomorrow, tomorrow, now=NOW, world=world
    ).rows.empty


def test_hourly_files_in_utc_become_local_days(tmp_path: Path) -> None:
    table = hours("2025-01-01 00:00", "2025-01-04 23:00")
    table["temperature"] = table["time"].dt.hour.astype(float)
    names = {"temperature": "temperature_2m"}
    table.rename(columns=names).to_parquet(tmp_path / "weather_paris.parquet")
    result = from_files(
        tmp_path / "*", date(2025, 1, 2), date(2025, 1, 3), centres_by_name={"paris": "1"}
    )
    assert result.warnings == []
    assert result.rows["vintage"].tolist() == ["observed"] * 2
    assert result.rows["temperature_mean"].tolist() == [11.5, 11.5]
    assert result.rows["wind_max_kmh"].isna().all()
    assert result.rows["available_at"].dt.strftime("%m-%d %H").tolist() == ["01-03 06", "01-04 06"]


def test_daily_files_with_a_centre_column_are_read_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "days.csv").write_text(
        "site,date,tm,rain\n1,2025-01-02,5.5,2\n2,2025-01-02,7,0\n1,2025-01-03,x,0\n"
    )
    result = from_files(
        tmp_path / "days.csv",
        date(2025, 1, 1),
        date(2025, 1, 5),
        columns={
            "centre_id": "site",
            "day": "date",
            "temperature_mean": "tm",
            "precipitation_mm": "rain",
        },
    )
    assert result.rows["temperature_mean"].tolist() == [5.5]
    assert result.rows["precipitation_mm"].tolist() == [2]
    assert result.rejected["reason"].tolist() == [
        "wrong_type: temperature_mean is 'x', not a plain number"
    ]
    (balance,) = result.files
    assert (balance.rows_in_file, balance.rows_stored, balance.rows_quarantined) == (3, 1, 1)
    assert balance.rows_left == 1  # of centre 2, which was not asked for


def test_every_row_of_weather_files_is_in_the_balance(tmp_path: Path) -> None:
    chance = random.Random(5)
    for _ in range(40):
        for old in tmp_path.iterdir():
            old.unlink()
        for number in range(chance.randint(1, 3)):
            rows = [
                [
                    chance.choice(["1", "2", "01", "mars", "", "1.0"]),
                    f"2025-01-{chance.randint(1, 9):02d}",
                    chance.choice(["5", "7.5", "", "x", "999", "-3"]),
                    chance.choice(["0", "", "y", "-1", "12"]),
                ]
                for _ in range(chance.randint(1, 25))
            ]
            text = "\n".join(",".join(row) for row in [["site", "day", "tm", "rain"], *rows])
            (tmp_path / f"{number}.csv").write_text(text)
        result = from_files(
            tmp_path / "*.csv",
            date(2025, 1, 2),
            date(2025, 1, 6),
            columns={
                "centre_id": "site",
                "day": "day",
                "temperature_mean": "tm",
                "precipitation_mm": "rain",
            },
        )
        stored = sum(file.rows_stored for file in result.files)
        assert stored == len(result.rows)
        assert not result.rows.duplicated(["centre_id", "target_day"]).any()
        for file in result.files:
            of_file = result.rejected["source_file"] == file.file
            assert file.rows_quarantined == of_file.sum()
            assert min(file.rows_left, file.rows_repeated, file.rows_stored) >= 0
            lines = len(Path(file.file).read_text().splitlines()) - 1
            assert file.rows_in_file == lines


def test_a_station_that_lost_its_zeros_is_named_and_other_places_are_left(tmp_path: Path) -> None:
    columns = {"centre_id": "site", "day": "day", "temperature_mean": "tm"}
    (tmp_path / "a.csv").write_text("site,day,tm\n01,2025-01-02,5\nmars,2025-01-02,5\n")
    result = from_files(tmp_path / "a.csv", date(2025, 1, 1), date(2025, 1, 5), columns=columns)
    (reason,) = result.rejected["reason"]
    assert "'1' differs from it by leading zeros only" in reason
    assert (result.files[0].rows_left, result.files[0].rows_quarantined) == (1, 1)


def test_values_that_no_station_has_measured_are_counted_and_named(tmp_path: Path) -> None:
    columns = {"day": "day", "temperature_mean": "tm", "precipitation_mm": "rain"}
    (tmp_path / "1.csv").write_text("day,tm,rain\n2025-01-02,5,-9999\n2025-01-03,-9999,0\n")
    result = from_files(tmp_path / "1.csv", date(2025, 1, 1), date(2025, 1, 5), columns=columns)
    assert "1 values are implausible" in result.warnings[0] and "line 2" in result.warnings[0]
    assert result.rows["precipitation_mm"].isna().tolist() == [True]
    (reason,) = result.rejected["reason"]
    assert reason.startswith("implausible: temperature_mean")


def test_files_with_an_issue_time_are_forecasts_known_from_then(tmp_path: Path) -> None:
    days = pd.DataFrame(
        {
            "day": [f"2025-01-{number:02d}" for number in range(1, 20)] * 2,
            "temperature_mean": [1.0] * 19 + [2.0] * 19,
            "made": ["2025-01-01T06:00:00Z"] * 19 + ["2025-01-01T12:00:00Z"] * 19,
        }
    )
    days.to_csv(tmp_path / "1.csv", index=False)
    result = from_files(
        tmp_path / "1.csv",
        date(2025, 1, 1),
        date(2025, 1, 1),
        columns={"day": "day", "issued_at": "made"},
    )
    assert result.rows["lead_days"].tolist() == list(range(1, 15))
    assert set(result.rows["temperature_mean"]) == {2.0}
    assert set(result.rows["available_at"]) == {pd.Timestamp("2025-01-01T12:00Z")}
    assert set(result.rows["vintage"]) == {"forecast"}


def test_files_that_cannot_be_used_are_warnings(tmp_path: Path) -> None:
    (tmp_path / "1.parquet").write_bytes(b"PAR1 broken")
    (tmp_path / "mars.csv").write_text("time,temperature_2m\n2025-01-01T00:00,1\n")
    (tmp_path / "2.csv").write_text("nothing\n")
    result = from_files(tmp_path / "*", date(2025, 1, 1), date(2025, 1, 2))
    assert result.rows.empty
    text = "\n".join(result.warnings)
    assert "not a readable Parquet file" in text
    assert "belongs to no centre" in text
    assert "no column time" in text
    assert "for centre 1" in text
    nowhere = from_files(tmp_path / "no" / "*", date(2025, 1, 1), date(2025, 1, 2))
    assert "No weather file matches" in nowhere.warnings[0]


@pytest.mark.real_data
def test_the_real_hourly_files_become_local_days(
    real_data: Path, french_centres: tuple[Centre, ...]
) -> None:
    result = from_files(
        real_data / "weather" / "*.parquet",
        date(2022, 1, 1),
        date(2022, 12, 31),
        french_centres,
        centres_by_name={"paris": "1", "lyon": "2", "marseille": "3", "lille": "4"},
    )
    assert result.rows.groupby("centre_id").size().tolist() == [365] * 4
    text = "\n".join(result.warnings)
    assert "nantes" in text
    assert "for centre 5" in text
    table = pd.read_parquet(real_data / "weather" / "weather_paris.parquet")
    local = table["time"].dt.tz_convert("Europe/Paris")
    day = table[(local >= "2022-07-19") & (local < "2022-07-20")]
    paris = result.rows[
        (result.rows["centre_id"] == "1") & (result.rows["day"] == pd.Timestamp(2022, 7, 19))
    ]
    assert paris["temperature_max"].iloc[0] == pytest.approx(day["temperature_2m"].max(), abs=0.01)
