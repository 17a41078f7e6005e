"""Counts of a city of one's own on a real PostgreSQL: its clock, and quarters of an hour."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from flow_platform.flows.traffic.stage import load_traffic
from flow_platform.ground.rectangle import Rectangle
from flow_platform.orchestration import prepare
from flow_platform.platform import Platform
from flow_platform.stages.calendar import load_calendar
from flow_platform.warehouse import embedded
from tests.conftest import new_settings
from tests.integration.flows.traffic.roads import merge, read

pytestmark = [pytest.mark.integration, pytest.mark.slow]

DAYS = date(2025, 3, 8), date(2025, 3, 10)
CENTRES = """centre_id,name,latitude,longitude,country,timezone
mn,Minneapolis,44.98,-93.27,US,America/Chicago
"""
SOURCES = """[traffic]
kind = "files"
path = "in/*.csv"
place = "mn"
columns = {centre_id = "station", counted_at = "date_time", vehicles = "volume"}
"""


@pytest.fixture(scope="module")
def city(scratch: Path) -> Iterator[Platform]:
    """A station counted each quarter of an hour; on 9 March its clocks go forward."""
    home = scratch / "t16"
    (home / "in").mkdir(parents=True)
    (home / "centres.csv").write_text(CENTRES)
    (home / "sources.toml").write_text(SOURCES)
    first = datetime(2025, 3, 7, 23, 15, tzinfo=UTC)
    ends = pd.date_range(first, periods=3 * 96, freq="15min").tz_convert("America/Chicago")
    # The quarter to 12:00 UTC of the last day is not there.
    missing = first + timedelta(days=2, hours=12, minutes=45)
    lines = [f"301,{at:%Y-%m-%d %H:%M:%S},{at.hour}" for at in ends if at != missing]
    skipped = "301,2025-03-09 02:30:00,5"
    for number, part in enumerate((lines[:150], [*lines[150:], skipped])):
        text = "\n".join(["station,date_time,volume", *part, ""])
        (home / "in" / f"{number}.csv").write_text(text)
    platform = Platform(
        new_settings(
            home, sources=home / "sources.toml", centres=home / "centres.csv", first_day=DAYS[0]
        )
    )
    prepare(platform)
    load_calendar(platform)
    platform.dbt.run(platform.server, ["seed"], {})
    yield platform
    embedded.stop(home)


def test_quarters_are_refused_until_their_meaning_is_stated_and_then_make_their_hours(
    city: Platform,
) -> None:
    rectangle = Rectangle(("301",), *DAYS)
    refused = load_traffic(city, rectangle)
    assert refused.rows_stored == 0
    assert all('set values = "count"' in one for one in refused.broken_files)

    sources = city.settings.home_path / "sources.toml"
    sources.write_text(f'{SOURCES}values = "count"\n')
    stated = Platform(city.settings)
    balance = load_traffic(stated, rectangle)
    assert (balance.broken_files, balance.rows_quarantined) == ((), 1)
    assert balance.rows_in_files == 3 * 96
    assert balance.rows_stored == read(city, "select count(*) from raw.traffic").iloc[0, 0]
    assert balance.rows_stored == 3 * 96 - 1
    reason = read(city, "select reason from ops.quarantine")["reason"].item()
    assert "2025-03-09 02:30, which America/Chicago skips" in reason

    merge(stated, rectangle)
    rows = read(city, "select * from merged.traffic where centre_id = '301' order by target_at")
    assert (rows["source_rows"] == 4).sum() == len(rows) - 1
    not_whole = rows[rows["vehicles"].isna()]
    assert not_whole["target_at"].tolist() == [pd.Timestamp("2025-03-10 12:00", tz="UTC")]
    assert not_whole["source_rows"].item() == 3
    # Three quarters end in the hour that begins, the last at the next: as the lines have it.
    begins = rows["target_at"].dt.tz_convert("America/Chicago") - pd.Timedelta(hours=1)
    assert rows["local_hour"].tolist() == begins.dt.hour.tolist()
    ends = rows["target_at"].dt.tz_convert("America/Chicago")
    expected = (3 * begins.dt.hour + ends.dt.hour).astype(float)
    assert rows["vehicles"].dropna().equals(expected[rows["vehicles"].notna()])

    before = read(city, "select * from raw.traffic order by source_file, source_line")
    load_traffic(stated, rectangle)
    again = read(city, "select * from raw.traffic order by source_file, source_line")
    pd.testing.assert_frame_equal(again, before)
