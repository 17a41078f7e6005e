"""Zone files: the official lookup, own files, and where zones lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flow_platform.flows.trips.options import TripsSource
from flow_platform.flows.trips.zones import Zone, boroughs_of, read_places, read_zones
from flow_platform.ground.errors import ConfigurationError

LOOKUP = """"LocationID","Borough","Zone","service_zone"
7,"Queens","Astoria","Boro Zone"
1,"EWR","Newark Airport","EWR"
5,"Staten Island","Arden Heights","Boro Zone"
264,"Unknown","NV","N/A"
265,"N/A","Outside of NYC","N/A"
"""


def zones_of(folder: Path, text: str, geometry: str | None = None) -> tuple[Zone, ...]:
    (folder / "zones.csv").write_text(text)
    options: dict[str, Any] = {"zones": str(folder / "zones.csv")}
    if geometry is not None:
        (folder / "geometry.csv").write_text(geometry)
        options["geometry"] = str(folder / "geometry.csv")
    return read_zones(TripsSource(kind="files", path="x", **options))


def test_the_official_lookup_names_boroughs_and_zones_of_none(tmp_path: Path) -> None:
    zones = zones_of(tmp_path, LOOKUP)
    assert [zone.zone_id for zone in zones] == [1, 5, 7, 264, 265]
    assert boroughs_of(zones) == ("EWR", "Queens", "Staten Island")
    assert [zone.borough for zone in zones[-2:]] == [None, None]
    assert zones[0] == Zone(1, "Newark Airport", "EWR", None, None)


def test_an_own_file_may_say_where_zones_lie(tmp_path: Path) -> None:
    text = "zone_id;zone;borough;latitude;longitude\n3;;North;48.9;2.3\n4;Quay;South;;\n"
    assert zones_of(tmp_path, text) == (
        Zone(3, "3", "North", 48.9, 2.3),
        Zone(4, "Quay", "South", None, None),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("zone_id,zone\n1,A\n", "no column borough"),
        ("zone_id,zone,borough\n1,A,B\n1,C,D\n", "already in line 2"),
        ("zone_id,zone,borough\nx,A,B\n", "'x' is not a whole number"),
        ("zone_id,zone,borough\n9999999999,A,B\n", "is not a whole number"),
        ("zone_id,zone,borough\n1,A,B|C\n", "partition keys"),
        ("zone_id,zone,borough\n1,A,all\n", "means all"),
        ("zone_id,zone,borough\n1,A,Unknown\n", "no zone with a borough"),
        ("zone_id,zone,borough,latitude,longitude\n1,A,B,91,2\n", "latitude '91'"),
        ("zone_id,zone,borough,latitude,longitude\n1,A,B,41,\n", "Give both"),
    ],
)
def test_a_zone_file_that_cannot_be_used_says_why(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=r"zones\.csv") as caught:
        zones_of(tmp_path, text)
    assert message in str(caught.value)


def test_coordinates_come_from_the_shapes_of_the_official_export(tmp_path: Path) -> None:
    square = "-74.0 40.0, -73.0 40.0, -73.0 41.0, -74.0 41.0, -74.0 40.0"
    # Two squares of which the second is four times as large; a hole takes off its own share.
    shapes = {
        7: f"MULTIPOLYGON ((({square})))",
        1: "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 1, 0 0)), ((10 0, 12 0, 12 2, 10 2, 10 0)))",
        5: "POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0), (0 0, 2 0, 2 4, 0 4, 0 0))",
    }
    rows = "".join(f'0.1,"{text}",x,{zone_id},y\n' for zone_id, text in shapes.items())
    zones = zones_of(tmp_path, LOOKUP, f"Shape_Leng,the_geom,zone,LocationID,borough\n{rows}")
    found = {zone.zone_id: (zone.latitude, zone.longitude) for zone in zones}
    assert found[7] == pytest.approx((40.5, -73.5))
    assert found[1] == pytest.approx((0.9, 8.9))
    assert found[5] == pytest.approx((2.0, 3.0))
    assert found[264] == (None, None)


def test_a_zone_in_several_rows_has_the_middle_of_all(tmp_path: Path) -> None:
    path = tmp_path / "geometry.csv"
    path.write_text(
        'LocationID,the_geom\n56,"POLYGON ((0 0, 1 0, 1 1, 0 1, 0 0))"\n'
        '56,"POLYGON ((2 0, 3 0, 3 1, 2 1, 2 0))"\n'
    )
    assert read_places(path)[56] == pytest.approx((0.5, 1.5))


def test_a_coast_longer_than_the_csv_module_allows_is_read(tmp_path: Path) -> None:
    points = [f"{-73 - n * 1e-6:.7f} {40 + (n % 2) * 1e-4:.7f}" for n in range(12_000)]
    ring = ", ".join([*points, "-73.5 41.0", points[0]])
    path = tmp_path / "geometry.csv"
    path.write_text(f'LocationID,the_geom\n2,"MULTIPOLYGON ((({ring})))"\n')
    latitude, longitude = read_places(path)[2]
    assert 40 < latitude < 41 and -73.6 < longitude < -73


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("LocationID,x\n1,2\n", "needs a column"),
        ("LocationID,the_geom\n1,POINT (1 2)\n", "no POLYGON"),
        ('LocationID,the_geom\n1,"POLYGON ((a b, c d))"\n', "not a list of points"),
        (
            'LocationID,the_geom\n1,"POLYGON ((913175 120121, 913180 120121, 913180 120130))"\n',
            "latitude",
        ),
        ("zone_id,latitude,longitude\n1,north,3\n", "latitude 'north'"),
    ],
)
def test_a_geometry_file_that_cannot_be_used_says_why(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "geometry.csv"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"geometry\.csv") as caught:
        read_places(path)
    assert message in str(caught.value)


@pytest.mark.real_data
def test_the_real_lookup_has_six_boroughs(real_data: Path) -> None:
    lookup = real_data / "trips" / "taxi_zone_lookup.csv"
    zones = read_zones(TripsSource(kind="files", path="x", zones=str(lookup)))
    assert len(zones) == 265
    assert boroughs_of(zones) == (
        "Bronx",
        "Brooklyn",
        "EWR",
        "Manhattan",
        "Queens",
        "Staten Island",
    )
