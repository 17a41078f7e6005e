"""Files of counts land with every row accounted for; what cannot be used is kept whole."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import psycopg
import pytest

from flow_platform.flows.parcels.stage import load_parcels
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import LOGIN_ROLES
from flow_platform.orchestration import prepare
from flow_platform.platform import Platform
from flow_platform.stages.calendar import load_calendar
from flow_platform.warehouse import embedded
from flow_platform.warehouse.store import copy_rows
from tests.conftest import new_settings

pytestmark = pytest.mark.integration
DAYS = (date(2025, 1, 1), date(2025, 1, 31))


@pytest.fixture(scope="module")
def home(scratch: Path) -> Iterator[Path]:
    folder = scratch / "files"
    folder.mkdir()
    (folder / "sources.toml").write_text('[parcels]\nkind = "files"\npath = "in/*"\n')
    (folder / "centres.csv").write_text("centre_id,country,timezone\nA,FR,Europe/Paris\nB,FR,\n")
    (folder / "in").mkdir()
    yield folder
    embedded.stop(folder)


@pytest.fixture(scope="module")
def platform(home: Path) -> Platform:
    chosen = Platform(
        new_settings(home, sources=home / "sources.toml", centres=home / "centres.csv")
    )
    prepare(chosen)
    load_calendar(chosen)
    return chosen


KEYS = Rectangle(("A", "B"), *DAYS)
GOOD = "centre_id,day,parcels\nA,2025-01-02,10\nA,2025-01-02,5\nB,2025-01-03,7\n"
BAD = (
    "centre_id,day,parcels\n"
    "A,2025-01-04,11\n"
    "A,2025-01-05,-1\n"
    "Z,2025-01-05,1\n"
    "A,2025-13-05,1\n"
    "A,2099-01-01,1\n"
    "A,2025-01-06,eleven\n"
    "A,2025-01-04,11\n"
)


def read(platform: Platform, query: str) -> pd.DataFrame:
    return platform.store("admin").read(query)


def test_a_moment_is_stored_as_it_is_whatever_zone_it_is_written_in(platform: Platform) -> None:
    at = pd.Timestamp("2025-07-01 10:00", tz="UTC")
    frame = pd.DataFrame({"at": pd.DatetimeIndex([at]).tz_convert("Asia/Tokyo").as_unit("us")})
    with platform.store("flow_ingest").connect() as connection, connection.cursor() as cursor:
        cursor.execute("create temporary table moments (at timestamptz) on commit drop")
        copy_rows(cursor, "moments", frame)
        assert cursor.execute("select at from moments").fetchall() == [(at.to_pydatetime(),)]


def test_rows_of_a_centre_and_day_are_added_up(platform: Platform, home: Path) -> None:
    (home / "in" / "good.csv").write_text(GOOD)
    load_parcels(platform, KEYS)
    rows = read(platform, "select * from staging.parcels order by centre_id, day")
    assert rows["parcels"].tolist() == [15, 7]
    assert rows["source_rows"].tolist() == [2, 1]


def test_rejected_rows_are_kept_whole_with_reason_file_and_line(
    platform: Platform, home: Path
) -> None:
    (home / "in" / "bad.csv").write_text(BAD)
    balance = load_parcels(platform, KEYS)
    assert (balance.rows_read, balance.rows_stored, balance.rows_quarantined) == (10, 5, 5)
    rows = read(
        platform,
        "select source_line, reason, payload from ops.quarantine"
        " where source_file like '%bad.csv' order by source_line",
    )
    assert rows["source_line"].tolist() == [3, 4, 5, 6, 7]
    assert rows["payload"].iloc[0] == {"centre_id": "A", "day": "2025-01-05", "parcels": "-1"}
    loads = read(platform, "select * from ops.loads order by file")
    assert (loads["rows_read"] == loads["rows_stored"] + loads["rows_quarantined"]).all()


def test_landing_again_changes_nothing(platform: Platform) -> None:
    query = "select * from ops.quarantine order by source_file, source_line"
    before, loads = read(platform, query), read(platform, "select * from ops.loads order by file")
    load_parcels(platform, KEYS)
    assert read(platform, query).equals(before)
    assert read(platform, "select * from ops.loads order by file").equals(loads)


def test_rows_of_other_partitions_are_left_alone_not_rejected(platform: Platform) -> None:
    balance = load_parcels(platform, Rectangle(("B",), date(2025, 1, 3), date(2025, 1, 3)))
    assert balance.rows_stored == 1
    assert balance.rows_left == 4


def test_a_broken_file_names_itself_and_stops_only_itself(platform: Platform, home: Path) -> None:
    (home / "in" / "torn.parquet").write_bytes(b"PAR1 and then nothing")
    try:
        balance = load_parcels(platform, KEYS)
        assert balance.rows_stored == 5
        assert len(balance.broken_files) == 1
        assert "torn.parquet" in balance.broken_files[0]
        errors = read(platform, "select file, error from ops.loads where error is not null")
        assert errors["file"].str.endswith("torn.parquet").all()
    finally:
        (home / "in" / "torn.parquet").unlink()


def test_a_row_mended_in_its_file_is_marked_as_repaired(platform: Platform, home: Path) -> None:
    (home / "in" / "bad.csv").write_text(BAD.replace("eleven", "12"))
    load_parcels(platform, KEYS)
    state = read(
        platform, "select state from ops.quarantine where source_line = 7 and reason is not null"
    )
    assert state["state"].tolist() == ["repaired"]


def test_the_real_lanes_load_with_every_row(
    platform: Platform, home: Path, real_data: Path, scratch: Path
) -> None:
    lanes = next((real_data / "parcels").glob("*.csv"))
    table = pd.read_csv(lanes)
    sites = sorted(set(table["场地1"]) | set(table["场地2"]))
    folder = scratch / "lanes"
    folder.mkdir()
    (folder / "centres.csv").write_text("centre_id\n" + "\n".join(sites) + "\n")
    (folder / "sources.toml").write_text(
        f'[parcels]\nkind = "files"\npath = "{lanes}"\n'
        'columns = {centre_id = "场地2", day = "日期", parcels = "货量"}\n'
    )
    lanes_platform = Platform(
        new_settings(home, sources=folder / "sources.toml", centres=folder / "centres.csv")
    )
    rectangle = Rectangle(lanes_platform.centre_ids, date(2021, 1, 1), date(2022, 6, 30))
    balance = load_parcels(lanes_platform, rectangle)
    assert (balance.rows_read, balance.rows_stored) == (130_016, 130_016)
    total = read(
        platform,
        "select sum(parcels) as s from raw.parcels where day >= '2021-01-01'"
        " and day <= '2022-06-30'",
    )
    assert total["s"].iloc[0] == table["货量"].sum()


FORBIDDEN = {
    "flow_dashboard": [
        "select * from merged.parcels",
        "select * from raw.parcels",
        "select * from ml.forecasts",
        "select * from ops.quarantine",
        "delete from published.predictions",
        "create table published.x (a int)",
        "create schema mine",
    ],
    "flow_api": ["select * from ml.forecasts", "update ml.vintages set is_champion = true"],
    "flow_ml": [
        "select * from raw.parcels",
        "insert into raw.parcels select * from raw.parcels",
        "delete from merged.parcels",
        "delete from ops.loads",
    ],
    "flow_transform": ["delete from raw.parcels", "delete from ml.forecasts"],
    "flow_ingest": ["delete from merged.parcels", "select * from ml.forecasts"],
    "flow_desk": [
        "select * from merged.parcels",
        "select * from raw.orders",
        "delete from ops.desk_actions",
        "delete from published.predictions",
    ],
    "flow_dagster": ["select * from raw.parcels", "delete from ml.forecasts"],
}


@pytest.mark.parametrize("role", sorted(LOGIN_ROLES))
def test_a_role_can_do_only_its_part(platform: Platform, role: str) -> None:
    for statement in FORBIDDEN[role]:
        with (
            psycopg.connect(platform.server.dsn(role)) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement)


def test_the_dashboard_reads_every_published_view(platform: Platform) -> None:
    views = read(
        platform, "select viewname from pg_views where schemaname = 'published' order by viewname"
    )["viewname"]
    assert len(views) >= 12
    for view in views:
        platform.store("flow_dashboard").read(f"select * from published.{view} limit 1")
