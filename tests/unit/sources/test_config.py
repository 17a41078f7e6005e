"""What sources.toml may say, and how it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.ground.errors import ConfigurationError
from flow_platform.sources.config import read_sources
from tests.unit.refusals import assert_sources_refused, sources_file


def test_without_a_file_everything_is_simulated() -> None:
    sources = read_sources(None)
    flows = ("parcels", "weather", "retail", "traffic", "trips", "deliveries")
    assert {sources[flow].kind for flow in flows} == {"simulated"}


def test_a_relative_path_starts_at_the_toml_file(tmp_path: Path) -> None:
    sources = read_sources(
        sources_file(
            tmp_path,
            '[parcels]\nkind = "files"\npath = "in/*.csv"\n'
            'columns = {centre_id = "场地2", day = "日期", parcels = "货量"}\n',
        )
    )
    assert sources["parcels"].path == str(tmp_path / "in/*.csv")
    assert sources["parcels"].columns["day"] == "日期"
    assert sources["weather"].kind == "simulated"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[parcel]\nkind = "files"', "unknown section [parcel]. Allowed: parcels, retail"),
        ('[calendar]\nkind = "files"', "FLOW_EVENTS"),
        ('[parcels]\nkind = "ftp"', "unknown kind 'ftp'. Allowed: simulated, files"),
        ('[parcels]\npath = "x"', "kind is missing"),
        ('[parcels]\nkind = "files"', "needs path"),
        ('[parcels]\nkind = "files"\npath = "x"\npaht = "y"', "unknown key 'paht' (allowed: kind"),
        ('[parcels]\nkind = "files"\npath = 3', "path: "),
        (
            '[parcels]\nkind = "files"\npath = "x"\ncolumns = {day = "d"}',
            "columns does not map centre_id, parcels",
        ),
        (
            '[parcels]\nkind="files"\npath="x"\n'
            'columns = {centre_id="c", day="d", parcels="p", hour="h"}',
            "columns maps hour, which parcels do not have",
        ),
        ('[parcels]\nkind="files"\npath="x"\nencoding="utf-99"', "unknown encoding 'utf-99'"),
        ('[parcels]\nkind="files"\npath="x"\nseparator=";;"', "separator: "),
        ('[parcels]\nkind="files"\npath="x"\ndecimal=";"', "decimal: "),
        ("parcels = 3", "parcels is not a section"),
        (
            '[traffic]\nkind = "kafka"',
            "unknown kind 'kafka'. Allowed: simulated, files, http, mqtt",
        ),
        ('[traffic]\nkind = "http"\nareas = "city"', "Write one of counter, grid, district"),
        (
            '[traffic]\nkind = "http"\ndelay_hours = -1',
            "delay_hours is -1. Write a number of hours",
        ),
        ('[traffic]\nkind = "http"\ndelay_hours = true', "delay_hours is True"),
        ('[traffic]\nkind = "http"\ndelay_hours = nan', "delay_hours is nan"),
        ('[traffic]\nkind = "http"\ndataset_url = "paris"', "Write the address of a data set"),
        ('[traffic]\nkind = "http"\nplace = ""', "place is ''. Write a text"),
        ('[traffic]\nkind = "mqtt"\nbroker = "127.0.0.1"', "Write mqtt://host:port"),
        ('[traffic]\nkind = "mqtt"\nbroker = "mqtt://h:x"', "Write mqtt://host:port"),
        ('[traffic]\nkind = "mqtt"\ntopic = "a/+b"', "Write an MQTT filter"),
        ('[traffic]\nkind = "mqtt"\ntopic = "#/a"', "Write an MQTT filter"),
        ('[traffic]\nkind = "mqtt"\nqos = 1', "unknown key 'qos' (allowed: kind"),
        (
            '[traffic]\nkind = "mqtt"\ncolumns = {speed = "v"}',
            "columns maps speed, which traffic do not have",
        ),
        ("[parcels", "is not valid TOML"),
    ],
)
def test_a_fault_in_sources_toml_says_what_is_allowed(
    tmp_path: Path, text: str, message: str
) -> None:
    assert_sources_refused(tmp_path, text, message)


def test_traffic_keeps_its_own_keys_and_defaults_for_those_left_out(tmp_path: Path) -> None:
    traffic = read_sources(
        sources_file(
            tmp_path,
            '[traffic]\nkind = "http"\nplace = "1"\nareas = "grid"\ndelay_hours = 24\n'
            'counters = "counters.csv"\ncolumns = {vehicles = "flow"}\n',
        )
    ).of(TrafficSource)
    assert (traffic.place, traffic.areas, traffic.delay_hours) == ("1", "grid", 24.0)
    assert traffic.counters == str(tmp_path / "counters.csv")
    assert traffic.columns == {"vehicles": "flow"}
    assert traffic.topic == "traffic/+/count"
    assert traffic.delay_hours == 24.0
    assert "comptages-routiers-permanents" in traffic.dataset_url


def test_a_missing_sources_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Correct FLOW_SOURCES"):
        read_sources(tmp_path / "absent.toml")
