"""Weather from files: its refused rows are kept, and every row is in the balance of its file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from flow_platform.ground.rectangle import Rectangle
from flow_platform.platform import Platform
from flow_platform.stages.refusals import NOTHING_STORED, Loads
from flow_platform.stages.weather import load_weather
from flow_platform.warehouse import embedded
from tests.conftest import new_settings
from tests.integration.conftest import migrated

pytestmark = pytest.mark.integration

DAYS = Rectangle(("A",), date(2024, 1, 2), date(2024, 1, 5))
SOURCES = """
[weather]
kind = "files"
path = "days.csv"
columns = { centre_id = "site", day = "day", temperature_mean = "mean" }
"""


@pytest.fixture(scope="module")
def platform(scratch: Path) -> Iterator[Platform]:
    home = scratch / "weather"
    home.mkdir()
    (home / "centres.csv").write_text("centre_id,country,timezone\nA,FR,Europe/Paris\n")
    (home / "sources.toml").write_text(SOURCES)
    settings = new_settings(
        home,
        sources=home / "sources.toml",
        centres=home / "centres.csv",
        first_day=date(2024, 1, 1),
    )
    platform = migrated(settings)
    yield platform
    embedded.stop(home)


def test_a_refused_row_is_kept_until_its_file_is_corrected(platform: Platform) -> None:
    path = platform.settings.home_path / "days.csv"
    rows = ["A,2024-01-02,5.5", "A,2024-01-03,warm", "mars,2024-01-02,1", "A,2024-02-02,1"]
    path.write_text("\n".join(["site,day,mean", *rows, ""]))
    stored, balance = load_weather(platform, DAYS)
    assert stored == 1
    store = platform.store("admin")
    loads = store.read("select * from ops.loads where flow = 'weather'").iloc[0]
    names = ("rows_in_file", "rows_stored", "rows_quarantined", "rows_left")
    assert tuple(loads[name] for name in names) == (4, 1, 1, 2)
    kept = store.read("select reason, state from ops.quarantine where flow = 'weather'")
    assert kept["state"].tolist() == ["open"]
    assert kept["reason"].str.startswith("wrong_type: temperature_mean").all()
    assert Loads([("weather", balance)]).rows_refused == 1

    path.write_text("\n".join(["site,day,mean", *rows, ""]).replace("warm", "7"))
    assert load_weather(platform, DAYS)[0] == 2
    kept = store.read("select state from ops.quarantine where flow = 'weather'")
    assert kept["state"].tolist() == ["repaired"]


def test_weather_whose_dates_nothing_decides_changes_nothing(platform: Platform) -> None:
    path = platform.settings.home_path / "days.csv"
    path.write_text("site,day,mean\nA,2024-01-02,5.5\nA,2024-01-03,7\n")
    load_weather(platform, DAYS)
    path.write_text("site,day,mean\nA,02/01/2024,5.5\nA,03/01/2024,7\n")
    _, balance = load_weather(platform, DAYS)
    assert "date_format" in balance.warnings[0]
    assert len(platform.store("admin").read("select * from raw.weather")) == 2
    assert Loads([("weather", balance)]).exit_code(strict=False) == NOTHING_STORED
