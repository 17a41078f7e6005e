"""Readings of counters: every row accounted for, each hour in UTC, no reading stored twice."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from source_samples import NOW
from traffic_samples import (
    EXPORT,
    FIRST,
    YEARLY,
    assert_balanced,
    exported,
    facts,
    hours,
    read,
    write,
    yearly,
)

from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.sources import csv_tables
from flow_platform.sources.centres import DEFAULT_CENTRES, read_centres
from flow_platform.sources.counters import Counter
from flow_platform.sources.readings import READING_COLUMNS
from flow_platform.sources.simulator import World
from flow_platform.sources.traffic import read_traffic


def reasons(path: Path, **keys: object) -> list[str]:
    landing = read(path, **keys)  # type: ignore[arg-type]
    assert_balanced(landing)
    return [reason.split(":")[0] for reason in landing.rejected["reason"]]


# -- layouts -------------------------------------------------------------------------------------


def test_a_local_stamp_without_an_offset_is_the_end_of_its_hour_in_paris(tmp_path: Path) -> None:
    rows = [yearly("2021-07-13 01:00:00"), yearly("2021-01-13 01:00:00", "12.0", "")]
    landing = read(write(tmp_path / "a.csv", YEARLY, rows))
    assert tuple(landing.rows.columns) == READING_COLUMNS
    assert hours(landing) == ["2021-07-12 23", "2021-01-13 00"]
    assert landing.rows["day"].dt.date.tolist() == [date(2021, 7, 12), date(2021, 1, 13)]
    assert landing.rows["vehicles"].tolist() == [100.0, 12.0]
    assert landing.rows["occupancy"].isna().tolist() == [False, True]
    assert landing.rows["state"].tolist() == ["open", "open"]
    assert landing.rows["source_line"].tolist() == [2, 3]
    assert landing.rows["event_id"].isna().all()
    assert (landing.rows["available_at"] == landing.rows["counted_at"]).all()


def test_the_last_row_of_a_yearly_file_is_new_years_midnight(tmp_path: Path) -> None:
    landing = read(write(tmp_path / "a.csv", YEARLY, [yearly("2022-01-01 00:00:00")]))
    assert hours(landing) == ["2021-12-31 23"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_the_portals_export_is_read_with_its_offsets_and_its_json(
    tmp_path: Path, encoding: str
) -> None:
    rows = [
        exported("2022-01-02T22:00:00+01:00"),
        exported("2022-07-02T22:00:00+02:00", "", "", state="Invalide"),
        exported("2022-07-02T23:00:00+02:00", "7.0", "", state="Barré"),
    ]
    landing = read(write(tmp_path / "a.csv", EXPORT, rows, encoding=encoding))
    assert hours(landing) == ["2022-01-02 21", "2022-07-02 20", "2022-07-02 21"]
    assert landing.rows["state"].tolist() == ["open", "invalid", "barred"]
    assert landing.rows["vehicles"].isna().tolist() == [False, True, False]


def test_columns_may_be_mapped_and_others_keep_the_names_they_are_known_by(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "loop,when,q,k", ["7,2021-05-01T10:00:00Z,5,1"])
    mapping = {"centre_id": "loop", "counted_at": "when", "vehicles": "q", "occupancy": "k"}
    landing = read(path, columns=mapping, ids=["7"])
    assert landing.rows["occupancy"].tolist() == [1.0]
    assert landing.rows["state"].tolist() == ["unknown"]
    partly = write(tmp_path / "b.csv", "iu_ac,t_1h,flow", ["7,2021-05-01T10:00:00Z,5"])
    assert len(read(partly, columns={"vehicles": "flow"}, ids=["7"]).rows) == 1


def test_files_of_several_layouts_lie_in_one_folder(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", YEARLY, [yearly("2021-05-01 10:00:00")])
    write(tmp_path / "b.csv", EXPORT, [exported("2021-05-01T10:00:00+02:00")])
    write(tmp_path / "c.csv", YEARLY.replace(",", ";"), [])
    own = "centre_id;counted_at;vehicles;state"
    write(tmp_path / "d.csv", own, ["5672;2021-05-01 10:00:00;5;closed"])
    write(tmp_path / "e.csv", "when,what", ["2021,5"])
    landing = read(tmp_path / "*.csv")
    assert landing.rows["centre_id"].tolist() == ["4264", "191", "5672"]
    assert set(hours(landing)) == {"2021-05-01 08"}
    assert landing.rows["state"].tolist() == ["open", "open", "barred"]
    assert [bool(file.error) for file in landing.files] == [False, False, False, False, True]
    assert "no column" in str(landing.files[4].error)
    assert_balanced(landing)


@pytest.mark.parametrize("suffix", ["parquet", "xlsx"])
def test_parquet_and_excel_say_the_same_as_csv(tmp_path: Path, suffix: str) -> None:
    rows = [yearly("2021-05-01 10:00:00"), yearly("2021-05-01 11:00:00", "", "")]
    path = write(tmp_path / "a.csv", YEARLY, rows)
    frame = pd.read_csv(path)
    frame["t_1h"] = pd.to_datetime(frame["t_1h"])
    other = tmp_path / f"b.{suffix}"
    frame.to_parquet(other) if suffix == "parquet" else frame.to_excel(other, index=False)
    assert facts(read(other)).equals(facts(read(path)))


def test_a_careful_reading_says_the_same_as_a_fast_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(5)
    start = datetime(2021, 10, 30)
    rows = [
        yearly(
            f"{start + timedelta(hours=chance.randrange(60)):%Y-%m-%d %H:%M:%S}",
            chance.choice(["", "12.0", "80", "-1", "1.5", "NaN", "x"]),
            chance.choice(["", "2.5", "101", "8"]),
            counter=chance.choice(["4264", "191", "4264.0", "a|b", ""]),
            state=chance.choice(["0", "1", "2", "3", "9"]),
        )
        for _ in range(500)
    ]
    fast = read(write(tmp_path / "a.csv", YEARLY, rows))
    monkeypatch.setattr(csv_tables, "fast_csv", lambda *_: None)
    (tmp_path / "a.csv").touch()
    careful = read(tmp_path / "a.csv")
    pd.testing.assert_frame_equal(fast.rows, careful.rows)
    pd.testing.assert_frame_equal(fast.rejected, careful.rejected)
    assert fast.files == careful.files
    assert_balanced(fast)


CELLS = ("", "1.0", "2", "-3", "1e2", " 5", "+7", "NaN", "1_0", "0x1", ".5", "5.", '"6"', "1,5")
STATES = ("Ouvert", '"Barré"', 'x"y', '"q"z', '"x;y"')
DAMAGE = b'"\n,; \r1.\xe9\0'


def damaged(number: int) -> bytes:
    """A file with a few odd cells, of either layout, a few of its bytes replaced."""
    chance = random.Random(number)
    volumes, states = chance.sample(CELLS, 2), chance.sample(STATES, 2)
    is_export = chance.random() < 0.5
    rows = []
    for day in range(1, 20):
        stamp = f"2021-{chance.choice(('03-28', '10-31', f'05-{day:02d}'))}"
        at = f"{chance.randrange(4):02d}:00:00"
        volume = chance.choice(("12.0", *volumes))
        if is_export:
            offset = chance.choice(("+02:00", "Z", "+2:00"))
            state = chance.choice(("Ouvert", *states))
            rows.append(exported(f"{stamp}T{at}{offset}", volume, state=state))
        else:
            counter = chance.choice(("4264", "4264.0", " 376", '"191"'))
            rows.append(yearly(f"{stamp} {at}", volume, counter=counter))
    line_break = chance.choice(("\n", "\r\n"))
    lines = [EXPORT if is_export else YEARLY, *rows, *[""] * chance.randrange(3)]
    content = bytearray(line_break.join(lines).encode())
    for _ in range(chance.choice((0, 0, 1, 3))):
        content[chance.randrange(len(content))] = chance.choice(DAMAGE)
    return bytes(content)


def test_fast_and_careful_readings_of_damaged_files_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("fast", "careful"):
        (tmp_path / folder).mkdir()
        for number in range(150):
            (tmp_path / folder / f"{number:03d}.csv").write_bytes(damaged(number))
    fast_csv, clean = csv_tables.fast_csv, []

    def counted(*arguments: Any) -> Any:
        clean.append(fast_csv(*arguments))
        return clean[-1]

    monkeypatch.setattr(csv_tables, "fast_csv", counted)
    fast = read(tmp_path / "fast" / "*.csv")
    assert sum(found is not None for found in clean) > 20
    monkeypatch.setattr(csv_tables, "fast_csv", lambda *_: None)
    careful = read(tmp_path / "careful" / "*.csv")
    assert_balanced(fast)
    for part in ("rows", "rejected"):
        one, other = (getattr(landing, part) for landing in (fast, careful))
        pd.testing.assert_frame_equal(
            one.drop(columns="source_file"), other.drop(columns="source_file")
        )


# -- one reading an hour -------------------------------------------------------------------------


def test_an_equal_reading_is_not_stored_again_within_a_file_nor_across_files(
    tmp_path: Path,
) -> None:
    first = [yearly("2021-05-01 10:00:00"), yearly("2021-05-01 11:00:00", "", "")]
    write(tmp_path / "a.csv", YEARLY, first + first[:1])
    write(tmp_path / "b.csv", YEARLY, [yearly("2021-05-01 12:00:00"), first[1]])
    landing = read(tmp_path / "*.csv")
    assert_balanced(landing)
    assert [file.rows_repeated for file in landing.files] == [1, 1]
    assert [file.rows_stored for file in landing.files] == [2, 1]


def test_overlapping_exports_of_other_layouts_are_the_same_readings(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", YEARLY, [yearly("2021-05-01 10:00:00", "345.0", "3.855")])
    export = exported("2021-05-01T10:00:00+02:00", counter="4264")
    write(tmp_path / "b.csv", EXPORT, [export])
    assert [file.rows_repeated for file in read(tmp_path / "*.csv").files] == [0, 1]


def test_two_different_readings_of_an_hour_are_both_stored(tmp_path: Path) -> None:
    rows = [
        yearly("2021-05-01 10:00:00", "100.0"),
        yearly("2021-05-01 10:00:00", "101.0"),
        yearly("2021-05-01 10:00:00", "101.0", state="2"),
    ]
    landing = read(write(tmp_path / "a.csv", YEARLY, rows))
    assert landing.rows["vehicles"].tolist() == [100.0, 101.0, 101.0]
    assert landing.files[0].rows_repeated == 0


def test_a_renamed_label_is_the_same_counter_and_its_reading_the_same(tmp_path: Path) -> None:
    rows = [yearly("2021-05-01 10:00:00"), yearly("2021-05-01 10:00:00", label="Elysees")]
    landing = read(write(tmp_path / "a.csv", YEARLY, rows))
    assert (len(landing.rows), landing.files[0].rows_repeated) == (1, 1)


def test_a_number_with_a_decimal_point_is_the_same_counter(tmp_path: Path) -> None:
    rows = [
        yearly("2021-05-01 10:00:00", counter="4264.0"),
        yearly("2021-05-01 11:00:00", counter="4264"),
    ]
    assert set(read(write(tmp_path / "a.csv", YEARLY, rows)).rows["centre_id"]) == {"4264"}


def test_a_file_read_twice_gives_the_same_rows_and_a_changed_one_others(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", YEARLY, [yearly("2021-05-01 10:00:00"), yearly("x")])
    once, twice = read(path), read(path)
    pd.testing.assert_frame_equal(once.rows, twice.rows)
    pd.testing.assert_frame_equal(once.rejected, twice.rejected)
    assert once.files == twice.files
    write(path, YEARLY, [yearly("2021-05-01 10:00:00"), yearly("2021-05-01 11:00:00")])
    assert len(read(path).rows) == 2


def test_rows_of_other_days_and_counters_are_left_not_lost(tmp_path: Path) -> None:
    rows = [
        yearly("2021-05-01 01:00:00"),
        yearly("2021-05-01 03:00:00"),
        yearly("2021-05-01 03:00:00", counter="999"),
        yearly("2021-05-02 03:00:00"),
    ]
    path = write(tmp_path / "a.csv", YEARLY, rows)
    day = date(2021, 5, 1)
    landing = read(path, first=day, last=day)
    assert hours(landing) == ["2021-05-01 01"]
    assert landing.files[0].rows_left == 3
    assert_balanced(landing)


# -- days of 23 and 25 hours ---------------------------------------------------------------------


def test_the_autumn_hour_without_an_offset_is_its_second_turn(tmp_path: Path) -> None:
    rows = [yearly(f"2021-10-31 0{hour}:00:00") for hour in range(1, 5)]
    landing = read(write(tmp_path / "a.csv", YEARLY, rows))
    assert hours(landing) == ["2021-10-30 23", "2021-10-31 01", "2021-10-31 02", "2021-10-31 03"]


def test_two_different_readings_of_the_autumn_hour_are_its_two_turns_in_order(
    tmp_path: Path,
) -> None:
    twice = "2021-10-31 02:00:00"
    rows = [yearly(twice, "50.0"), yearly(twice, "40.0"), yearly(twice, "50.0"), yearly(twice, "x")]
    landing = read(write(tmp_path / "a.csv", YEARLY, rows))
    assert list(zip(hours(landing), landing.rows["vehicles"], strict=True)) == [
        ("2021-10-31 00", 50.0),
        ("2021-10-31 01", 40.0),
    ]
    assert landing.files[0].rows_repeated == 1
    assert_balanced(landing)


def test_three_different_readings_of_the_autumn_hour_cannot_be_told_apart(tmp_path: Path) -> None:
    rows = [yearly("2021-10-31 02:00:00", q) for q in ("50.0", "40.0", "30.0")]
    landing = read(write(tmp_path / "a.csv", YEARLY, rows))
    assert hours(landing) == ["2021-10-31 01"] * 3


def test_another_counter_does_not_make_the_autumn_hour_come_twice(tmp_path: Path) -> None:
    twice = "2021-10-31 02:00:00"
    rows = [yearly(twice, "50.0"), yearly(twice, "40.0", counter="191")]
    assert hours(read(write(tmp_path / "a.csv", YEARLY, rows))) == ["2021-10-31 01"] * 2


@pytest.mark.parametrize("q", ["10.0", ""])
def test_the_hour_that_spring_skips_is_quarantined_with_its_local_time(
    tmp_path: Path, q: str
) -> None:
    rows = [yearly("2021-03-28 01:00:00"), yearly("2021-03-28 02:00:00", q, "")]
    landing = read(write(tmp_path / "a.csv", YEARLY, [*rows, yearly("2021-03-28 03:00:00")]))
    assert hours(landing) == ["2021-03-28 00", "2021-03-28 01"]
    (reason,) = landing.rejected["reason"]
    assert reason.startswith("nonexistent_hour: counted_at is 2021-03-28 02:00")
    assert_balanced(landing)


# -- rows that cannot be stored ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (yearly("2021-05-01 10:00:00", "-1.0"), "negative_count"),
        (yearly("2021-05-01 10:00:00", "100001"), "too_large"),
        (yearly("2021-05-01 10:00:00", "many"), "wrong_type"),
        (yearly("2021-05-01 10:00:00", "inf"), "not_finite"),
        (yearly("2021-05-01 10:00:00", k="100.5"), "too_large"),
        (yearly("2021-05-01 10:00:00", k="-0.5"), "negative_count"),
        (yearly("yesterday"), "wrong_type"),
        (yearly("2021-05-01"), "wrong_type"),
        (yearly("2021-02-30 10:00:00"), "impossible_date"),
        (yearly(""), "missing_value"),
        (yearly("2004-12-31 10:00:00"), "before_2005"),
        (yearly("2026-06-01 10:00:00"), "future_hour"),
        (yearly("2021-05-01 10:00:00", state="9"), "unknown_state"),
        (yearly("2021-05-01 10:00:00", counter=""), "missing_value"),
        (yearly("2021-05-01 10:00:00", counter="a|b"), "not_an_id"),
        (yearly("2021-05-01 10:00:00", counter="all"), "not_an_id"),
        (yearly("2021-05-01 10:00:00") + ",1", "ragged"),
    ],
)
def test_a_row_that_cannot_be_stored_is_quarantined_whole(
    tmp_path: Path, row: str, code: str
) -> None:
    path = write(tmp_path / "a.csv", YEARLY, [yearly("2021-05-01 09:00:00"), row])
    landing = read(path)
    assert len(landing.rows) == 1
    (reason,) = landing.rejected["reason"]
    assert reason.split(":")[0] == code
    payload = json.loads(landing.rejected["payload"][0])
    assert payload["t_1h"] == row.split(",")[6]
    assert landing.rejected["source_line"].tolist() == [3]
    assert_balanced(landing)


def test_missing_volumes_stay_missing_and_their_rows_are_stored(tmp_path: Path) -> None:
    rows = [yearly(f"2021-05-01 1{hour}:00:00", "", "", state="") for hour in range(5)]
    landing = read(write(tmp_path / "a.csv", YEARLY, rows))
    assert landing.rows["vehicles"].isna().all() and len(landing.rows) == 5
    assert set(landing.rows["state"]) == {"unknown"}


def test_an_hour_that_has_come_since_is_stored_by_the_next_load(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", YEARLY, [yearly("2022-05-01 10:00:00")])
    before = datetime(2022, 5, 1, 6, 0, tzinfo=UTC)
    assert reasons(path, now=before) == ["future_hour"]
    assert reasons(path, now=before + timedelta(hours=1)) == []
    assert reasons(path, now=before) == ["future_hour"]


def test_a_counter_is_unknown_only_where_counters_are_declared(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", YEARLY, [yearly("2021-05-01 10:00:00")])
    declared = [Counter("191", "Sts Peres", None, None, None)]
    assert reasons(path, counters=declared) == []
    assert reasons(path, counters=declared, declared_in="c.csv") == ["unknown_centre"]


def test_a_reading_is_available_after_the_delay_of_its_source(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", YEARLY, [yearly("2021-05-01 10:00:00")])
    rows = read(path, delay_hours=1.5).rows
    assert (rows["available_at"] - rows["counted_at"]).tolist() == [pd.Timedelta(hours=1.5)]


def test_a_pattern_that_names_no_file_says_so(tmp_path: Path) -> None:
    landing = read(tmp_path / "*.csv")
    assert "no file matches" in str(landing.files[0].error)
    assert tuple(landing.rows.columns) == READING_COLUMNS


# -- whatever the bytes are ----------------------------------------------------------------------

cells = st.sampled_from(
    ["4264", "2021-05-01 10:00:00", "2021-10-31 02:00:00", "12.0", "", "-1", "NaN", "1e309", '"',
     "é", "\0", ",", ";", "\u2028", "1", "Ouvert", "9999-12-31 23:00:00", "0001-01-01 00:00:00",
     "2021-03-28 02:30:00", "a|b", "２０２５", "=1+1", '"x\ny"', "2021-05-01T10:00:00+99:00"]
)  # fmt: skip


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    header=st.sampled_from([YEARLY, EXPORT, "centre_id,counted_at,vehicles,occupancy,state"]),
    rows=st.lists(st.lists(cells, min_size=1, max_size=15), max_size=12),
    tail=st.binary(max_size=30),
    line_break=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_rows_balance_whatever_the_bytes_are(
    tmp_path: Path, header: str, rows: list[list[str]], tail: bytes, line_break: str
) -> None:
    separator = ";" if ";" in header else ","
    lines = [header, *(separator.join(row) for row in rows)]
    path = tmp_path / "a.csv"
    path.write_bytes(line_break.join(lines).encode() + tail)
    landing = read(path)
    assert_balanced(landing)
    assert landing.rejected["reason"].str.match(r"[a-z_0-9]+: .+").all()
    for payload in landing.rejected["payload"]:
        json.loads(payload.encode("utf-8"))
        assert "\0" not in payload
    assert (
        landing.rows["counted_at"].between(pd.Timestamp(FIRST, tz="UTC"), pd.Timestamp(NOW)).all()
    )
    assert not (landing.rows["vehicles"] < 0).any()


@pytest.mark.parametrize("batch", range(4))
def test_a_hundred_mutated_files_balance_and_never_crash(tmp_path: Path, batch: int) -> None:
    sound = "\n".join(
        [YEARLY, *(yearly(f"2021-05-{day:02d} 10:00:00", f"{day}.0") for day in range(1, 30))]
    ).encode()
    for number in range(batch * 25, batch * 25 + 25):
        chance = random.Random(number)
        content = bytearray(sound)
        for _ in range(chance.randint(0, 12)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        end = chance.choice([len(content), chance.randrange(len(content))])
        (tmp_path / f"{number:03d}.csv").write_bytes(bytes(content[:end]))
    landing = read(tmp_path / "*.csv")
    assert len(landing.files) == 25
    assert_balanced(landing)


# -- simulated -----------------------------------------------------------------------------------


def test_simulated_readings_come_only_once_their_hour_is_over() -> None:
    world = World(read_centres(DEFAULT_CENTRES), 7)
    now = datetime(2024, 3, 5, 12, 30, tzinfo=UTC)
    day = date(2024, 3, 5)
    config = TrafficSource(delay_hours=2.0)
    landing = read_traffic(config, [], day, day, ["101", "102"], now=now, world=world)
    assert tuple(landing.rows.columns) == READING_COLUMNS
    assert landing.rows["available_at"].max() <= pd.Timestamp(now)
    assert landing.rows["counted_at"].max() == pd.Timestamp("2024-03-05 10:00", tz="UTC")
    assert_balanced(landing)
    with pytest.raises(ValueError, match="world"):
        read_traffic(TrafficSource(), [], day, day, ["101"], now=now)


# -- the real counters ---------------------------------------------------------------------------


@pytest.mark.real_data
def test_every_real_file_balances(real_data: Path) -> None:
    folder = real_data / "traffic"
    landing = read(folder / "**" / "*.csv", first=date(2010, 1, 1), last=date(2023, 1, 1))
    assert len(landing.files) == 18
    assert not any(file.error for file in landing.files)
    assert_balanced(landing)
    codes = landing.rejected["reason"].str.split(":").str[0]
    assert set(codes) == {"nonexistent_hour"}
    # Each yearly file of Paris has an empty row for the hour that spring skips.
    assert len(codes) == 17


@pytest.mark.real_data
def test_the_whole_life_of_a_counter_loads_with_balanced_counts(real_data: Path) -> None:
    """Convention, counter 5672, from 2010 to 2022."""
    landing = read(
        real_data / "traffic" / "**" / "convention_*.csv",
        first=date(2009, 12, 31),
        last=date(2023, 1, 1),
        ids=["5672"],
    )
    assert len(landing.files) == 13
    assert_balanced(landing)
    total = sum(file.rows_in_file for file in landing.files)
    repeated = {Path(file.file).stem[-4:]: file.rows_repeated for file in landing.files}
    assert {year: count for year, count in repeated.items() if count} == {"2010": 384, "2019": 116}
    assert total == len(landing.rows) + len(landing.rejected) + 500
    year = landing.rows["counted_at"].dt.tz_convert("Europe/Paris") - pd.Timedelta(hours=1)
    volume = landing.rows["vehicles"].notna().groupby(year.dt.year).mean()
    assert (volume.loc[2014:2018] == 0).all()
    assert (volume.loc[[2020, 2021, 2022]] > 0.9).all()
    twice = landing.rows[landing.rows.duplicated(["counted_at"], keep=False)]
    assert len(twice) and twice["counted_at"].dt.year.eq(2019).all()


@pytest.mark.real_data
@pytest.mark.parametrize("year", [2021, 2022])
def test_real_days_of_23_and_25_hours_are_right_in_utc(real_data: Path, year: int) -> None:
    spring, autumn = {2021: (28, 31), 2022: (27, 30)}[year]
    path = real_data / "traffic" / f"convention_{year}.csv"
    in_spring = read(path, first=date(year, 3, spring), last=date(year, 3, spring), ids=["5672"])
    assert sorted(hours(in_spring)) == [f"{year}-03-{spring} {hour:02d}" for hour in range(24)]
    in_autumn = read(path, first=date(year, 10, autumn), last=date(year, 10, autumn), ids=["5672"])
    # The file has one 02:00 and it is the second: 00:00 UTC is missing, not 01:00.
    expected = [f"{year}-10-{autumn} {hour:02d}" for hour in range(24) if hour != 0]
    assert sorted(hours(in_autumn)) == expected


@pytest.mark.real_data
def test_the_real_export_of_the_portal_loads_whole(real_data: Path) -> None:
    landing = read(real_data / "traffic" / "portal_export_peres_*.csv", ids=["191"])
    assert (len(landing.rows), landing.files[0].rows_in_file) == (9260, 9260)
    assert set(landing.rows["state"]) == {"invalid"}
    assert landing.rows["vehicles"].isna().sum() == 106
    assert not landing.rows.duplicated("counted_at").any()
    assert np.isfinite(landing.rows["occupancy"].max())
