"""Moments without an offset are local time of the source: stated, of its place, or of Paris."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flow_platform.flows.traffic.clock import clock_of
from flow_platform.flows.traffic.counters import Counter
from flow_platform.flows.traffic.live.messages import counter_messages
from flow_platform.flows.traffic.live.payload import Reading
from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.ground.errors import ConfigurationError
from flow_platform.sources.centres import Centre
from flow_platform.sources.config import read_sources
from flow_platform.sources.landing import Landing
from flow_platform.streams.mqtt_settlement import Packet
from tests.unit.flows.traffic.samples import YEARLY, assert_balanced, hours, read, write, yearly


def centre(name: str, latitude: float, longitude: float, timezone: str) -> Centre:
    return Centre(name, name, latitude, longitude, None, None, None, timezone, None)


MINNEAPOLIS = centre("mn", 44.98, -93.27, "America/Chicago")
DENVER = centre("dn", 39.74, -104.99, "America/Denver")
OWN = "station,date_time,traffic_volume"
COLUMNS = {"centre_id": "station", "counted_at": "date_time", "vehicles": "traffic_volume"}


def own(
    folder: Path, stamps: Sequence[str], counter: str = "301", *, name: str = "a.csv", **keys: Any
) -> Landing:
    write(folder / name, OWN, [f"{counter},{stamp},{n}" for n, stamp in enumerate(stamps)])
    landing = read(folder / name, ids=["301", "302"], columns=COLUMNS, **keys)
    assert_balanced(landing)
    return landing


def test_the_clock_is_that_of_the_place(tmp_path: Path) -> None:
    stamps = [
        "2021-03-28 02:00:00",
        "2021-03-14 02:00:00",
        "2021-03-14 03:00:00",
        "2021-01-01 00:00:00",
    ]
    landing = own(tmp_path, stamps, place="mn", centres=[DENVER, MINNEAPOLIS])
    # Paris skips the first, Minneapolis the second.
    assert hours(landing) == ["2021-03-28 07", "2021-03-14 08", "2021-01-01 06"]
    (reason,) = landing.rejected["reason"]
    assert reason.startswith("nonexistent_hour: counted_at is 2021-03-14 02:00, which America/Chic")


def test_the_hour_that_occurs_twice_is_that_of_the_place(tmp_path: Path) -> None:
    stamps = ["2021-11-07 01:00:00", "2021-11-07 01:00:00", "2021-10-31 02:00:00"]
    landing = own(tmp_path, stamps, place="mn", centres=[MINNEAPOLIS])
    assert hours(landing) == ["2021-11-07 06", "2021-11-07 07", "2021-10-31 07"]


def test_a_stated_time_zone_comes_before_the_place_and_before_the_layout(tmp_path: Path) -> None:
    landing = own(
        tmp_path, ["2021-07-01 10:00:00"], time_zone="UTC", place="mn", centres=[MINNEAPOLIS]
    )
    assert hours(landing) == ["2021-07-01 10"]
    path = write(tmp_path / "b.csv", YEARLY, [yearly("2021-07-01 10:00:00")])
    assert hours(read(path, time_zone="America/Chicago")) == ["2021-07-01 15"]


def test_a_layout_of_paris_is_of_paris_wherever_the_centres_are(tmp_path: Path) -> None:
    path = write(tmp_path / "b.csv", YEARLY, [yearly("2021-07-01 10:00:00")])
    assert hours(read(path, centres=[MINNEAPOLIS])) == ["2021-07-01 08"]
    assert hours(read(path, centres=[MINNEAPOLIS], place="mn")) == ["2021-07-01 15"]


def test_an_offset_comes_before_any_clock(tmp_path: Path) -> None:
    landing = own(tmp_path, ["2021-07-01T10:00:00+09:00"], centres=[MINNEAPOLIS, DENVER])
    assert hours(landing) == ["2021-07-01 01"]


def test_each_counter_has_the_clock_of_the_centre_nearest_to_it(tmp_path: Path) -> None:
    counters = [
        Counter("301", "M", 44.9, -93.2, None),
        Counter("302", "D", 39.7, -104.9, None),
    ]
    rows = [f"{name},{stamp},1" for stamp in ("2021-07-01 10:00:00", "2021-03-14 02:00:00")
            for name in ("301", "302")]  # fmt: skip
    path = write(tmp_path / "a.csv", OWN, rows)
    landing = read(
        path, ids=["301", "302"], columns=COLUMNS, counters=counters, centres=[MINNEAPOLIS, DENVER]
    )
    assert_balanced(landing)
    assert hours(landing) == ["2021-07-01 15", "2021-07-01 16"]
    assert ["America/Chicago" in one for one in landing.rejected["reason"]] == [True, False]


def test_a_counter_without_coordinates_has_the_clock_that_all_centres_share(
    tmp_path: Path,
) -> None:
    assert hours(own(tmp_path, ["2021-07-01 10:00:00"], centres=[DENVER])) == ["2021-07-01 16"]


@pytest.mark.parametrize(
    ("counters", "centres"),
    [
        ([], [MINNEAPOLIS, DENVER]),
        ([Counter("301", "Tokyo", 35.7, 139.7, None)], [MINNEAPOLIS]),
        ([Counter("9", "Tokyo", 35.7, 139.7, None)], [MINNEAPOLIS]),
    ],
    ids=["two clocks", "far from all", "others far from all"],
)
def test_a_file_whose_clock_nobody_knows_is_refused_with_the_key_to_set(
    tmp_path: Path, counters: list[Counter], centres: list[Centre]
) -> None:
    landing = own(tmp_path, ["2021-07-01 10:00:00"], counters=counters, centres=centres)
    (file,) = landing.files
    assert "set time_zone" in str(file.error) and "[traffic]" in str(file.error)
    assert landing.rows.empty and landing.rejected.empty


def test_a_file_that_was_judged_by_another_clock_is_judged_again(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", OWN, ["301,2021-07-01 10:00:00,1"])
    found = [
        hours(read(path, ids=["301"], columns=COLUMNS, centres=[one]))
        for one in (MINNEAPOLIS, DENVER, MINNEAPOLIS)
    ]
    assert found == [["2021-07-01 15"], ["2021-07-01 16"], ["2021-07-01 15"]]


def test_the_end_of_a_day_may_be_written_as_its_hour_24(tmp_path: Path) -> None:
    rows = [f"L1,2021-05-05 {hour:02d}:00,{100 + hour}" for hour in range(1, 25)]
    rows.append("L1,2021-05-06 24:00:00,124")
    path = write(tmp_path / "hour24.csv", "centre_id,counted_at,vehicles", rows)
    landing = read(path, ids=["L1"], place="mn", centres=[MINNEAPOLIS])
    assert landing.rejected.empty
    assert hours(landing)[0] == "2021-05-05 06"
    assert hours(landing)[-2:] == ["2021-05-06 05", "2021-05-07 05"]


def test_a_time_zone_that_does_not_exist_is_refused_when_sources_toml_is_read(
    tmp_path: Path,
) -> None:
    (tmp_path / "s.toml").write_text('[traffic]\nkind = "files"\npath = "a"\ntime_zone = "Chicago"')
    with pytest.raises(
        ConfigurationError, match=r"time_zone is 'Chicago'. Write an IANA time zone"
    ):
        read_sources(tmp_path / "s.toml")


def test_a_place_that_is_no_centre_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="place 'x' is no centre"):
        clock_of(TrafficSource(kind="files", path="a", place="x"), (), [DENVER])


def test_messages_without_an_offset_are_of_paris_unless_a_time_zone_is_stated() -> None:
    payload = b'{"event_id": "e", "counted_at": "2021-07-01T10:00:00", "vehicles": 1}'
    now = datetime(2021, 7, 2, tzinfo=UTC)
    found = []
    for time_zone in (None, "America/Chicago"):
        config = TrafficSource(kind="mqtt", time_zone=time_zone)
        place = ("traffic/7/count", payload, "mqtt:traffic/7/count", 1, now, now)
        packet = Packet(*place, size=len(payload), sha256="", number=1, qos=1, is_redelivery=False)
        reading = counter_messages(config, "traffic/+/count").read(packet).found
        assert isinstance(reading, Reading)
        found.append(reading.counted_at.hour)
    assert found == [8, 15]
