"""What [trips] may say, and which place its trips have."""

from __future__ import annotations

from pathlib import Path

import pytest

from flow_platform.flows.traffic.flow import TRAFFIC
from flow_platform.flows.trips.context import NEW_YORK, TripsContext
from flow_platform.flows.trips.flow import TRIPS
from flow_platform.flows.trips.options import TripsSource
from flow_platform.ground.errors import ConfigurationError
from flow_platform.platform import Platform
from flow_platform.sources.config import read_sources
from tests.conftest import new_settings
from tests.unit.refusals import assert_sources_refused, sources_file

CENTRES = (
    "centre_id,latitude,longitude,country,timezone\n"
    "lyon,45.76,4.84,FR,Europe/Paris\n"
    "jersey,40.73,-74.07,US,America/New_York\n"
)
FILES = '[trips]\nkind = "files"\npath = "*.parquet"\nzones = "zones.csv"\n'


def platform(folder: Path, sources: str | None, zones: str = "1,A,North,,\n") -> Platform:
    (folder / "centres.csv").write_text(CENTRES)
    (folder / "zones.csv").write_text(f"zone_id,zone,borough,latitude,longitude\n{zones}")
    given = {} if sources is None else {"sources": sources_file(folder, sources)}
    return Platform(new_settings(folder, centres=folder / "centres.csv", **given))


def test_paths_start_at_the_sources_file_and_defaults_hold(tmp_path: Path) -> None:
    text = f'{FILES}geometry = "/shapes.csv"\n'
    trips = read_sources(sources_file(tmp_path, text)).of(TripsSource)
    assert trips.zones == str(tmp_path / "zones.csv")
    assert trips.geometry == "/shapes.csv"
    assert trips.services == ["green"]
    assert trips.url == "https://d37ci6vzurychx.cloudfront.net/trip-data"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[trips]\nkind = "files"\npath = "x"\n', "needs zones"),
        ('[trips]\nkind = "http"\n', "needs zones"),
        ('[trips]\nkind = "files"\nzones = "z.csv"\n', "needs path"),
        ('[trips]\nkind = "mqtt"\n', "unknown kind 'mqtt'"),
        ('[trips]\nkind = "http"\nzones = "z"\nservices = ["blue"]\n', '"green", "yellow"'),
        ('[trips]\nkind = "http"\nzones = "z"\nservices = []\n', "services is []"),
        ('[trips]\nkind = "http"\nzones = "z"\nservices = "green"\n', "a list of"),
        ('[trips]\nkind = "http"\nzones = "z"\nservices = ["green", "green"]\n', "once"),
        ('[trips]\nkind = "http"\nzones = "z"\nurl = "ftp://x"\n', "url is 'ftp://x'"),
        ('[trips]\nkind = "files"\npath = "x"\nzones = 3\n', "zones is 3"),
        ('[trips]\nkind = "simulated"\nplace = " "\n', "place is ' '"),
        ('[trips]\nkind = "simulated"\nrate = 3\n', "unknown key 'rate'"),
        (f'{FILES}columns = {{speed = "v"}}\n', "columns maps speed"),
    ],
)
def test_a_section_that_cannot_be_used_says_why(tmp_path: Path, text: str, message: str) -> None:
    assert_sources_refused(tmp_path, text, "section [trips]", message)


def test_simulated_trips_happen_at_the_first_centre(tmp_path: Path) -> None:
    chosen = platform(tmp_path, None)
    assert chosen.kept(TripsContext).place.centre_id == "lyon"
    assert [one.place for one in chosen.centres_of(TRIPS)] == ["lyon"] * 4
    assert chosen.centre_ids_of(TRIPS) == ("Harbour", "Meadows", "North Gate", "Old Town")
    assert chosen.weather_places_of(TRIPS) == ("lyon",)
    assert chosen.weather_places_of(TRAFFIC) == ()


@pytest.mark.parametrize(
    ("more", "zones", "place"),
    [
        ('place = "lyon"\n', "1,A,North,40.7,-74.0\n", "lyon"),
        ("", "1,A,North,40.6,-74.1\n2,B,South,40.8,-73.9\n3,C,South,,\n", "jersey"),
        ("", "1,A,North,51.5,0.1\n", NEW_YORK.centre_id),
        ("", "1,A,North,,\n", NEW_YORK.centre_id),
    ],
)
def test_the_place_is_the_named_or_the_nearest_centre_or_new_york(
    tmp_path: Path, more: str, zones: str, place: str
) -> None:
    chosen = platform(tmp_path, FILES + more, zones)
    assert chosen.kept(TripsContext).place.centre_id == place
    calendar = chosen.calendar
    assert set(calendar.loc[calendar["flow"] == "trips", "centre_id"]) == {place}
    borough = chosen.centres_of(TRIPS)[0]
    assert (borough.centre_id, borough.timezone) == (
        "North",
        chosen.kept(TripsContext).place.timezone,
    )


def test_a_place_that_is_no_centre_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"\[trips\]: place 'x' is no centre"):
        _ = platform(tmp_path, f'{FILES}place = "x"\n').kept(TripsContext).place
