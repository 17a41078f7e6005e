"""Counters: discovered, declared or remembered; their areas can be partition keys."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flow_platform.flows.traffic import counters as module
from flow_platform.flows.traffic.counters import (
    Counter,
    areas_of,
    declared_counters,
    known_counters,
    place_of,
    point_of,
    remember_counters,
)
from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.ground.errors import ConfigurationError
from flow_platform.sources.centres import Centre
from flow_platform.sources.config import read_sources
from flow_platform.sources.ids import why_not_an_id
from tests.unit.flows.traffic.samples import EXPORT, YEARLY, exported, write, yearly


def files(path: Path, **options: Any) -> TrafficSource:
    return TrafficSource(kind="files", path=str(path), **options)


def plain(centre_id: str, district: str | None = None) -> Counter:
    return Counter(centre_id, centre_id, None, None, district)


def at(centre_id: str, latitude: float, longitude: float) -> Counter:
    return Counter(centre_id, centre_id, latitude, longitude, None)


def test_counters_are_discovered_with_their_newest_label_and_numbers_in_order(
    tmp_path: Path,
) -> None:
    write(
        tmp_path / "a.csv",
        YEARLY,
        [
            yearly("2021-05-02 10:00:00", label="New_name"),
            yearly("2021-05-01 10:00:00", label="Old_name"),
            yearly("2021-05-03 10:00:00", label=""),
            yearly("2021-05-01 10:00:00", counter="376.0", label="Old_street"),
            yearly("2021-05-01 10:00:00", counter="a|b"),
            yearly("2021-05-01 10:00:00", counter=""),
        ],
    )
    write(
        tmp_path / "b.csv", YEARLY, [yearly("2022-05-01 10:00:00", counter="376", label="Street")]
    )
    write(tmp_path / "c.csv", EXPORT, [exported("2021-05-01T10:00:00+02:00")])
    write(tmp_path / "d.csv", "no,readings", ["1,2"])
    found = known_counters(files(tmp_path / "*.csv"), tmp_path / "cache.json")
    assert found == (
        Counter("191", "Sts_Peres", 48.8572, 2.3324, None),
        Counter("376", "Street", None, None, None),
        Counter("4264", "New_name", None, None, None),
    )


def test_a_file_that_did_not_change_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.csv", YEARLY, [yearly("2021-05-02 10:00:00")])
    cache = tmp_path / "deep" / "cache.json"
    before = known_counters(files(path), cache)
    with monkeypatch.context() as patched:
        patched.setattr(module, "read_file", lambda *_: pytest.fail("read again"))
        assert known_counters(files(path), cache) == before
    write(path, YEARLY, [yearly("2021-05-02 10:00:00", counter="12")])
    assert [one.centre_id for one in known_counters(files(path), cache)] == ["12"]


def test_a_damaged_cache_is_made_again(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", YEARLY, [yearly("2021-05-02 10:00:00")])
    cache = tmp_path / "cache.json"
    for damage in ("", "{", "[]", "null"):
        cache.write_text(damage)
        assert [one.centre_id for one in known_counters(files(path), cache)] == ["4264"]


def test_declared_counters_are_the_only_ones_of_files(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", YEARLY, [yearly("2021-05-02 10:00:00")])
    declared = write(
        tmp_path / "counters.txt",
        "centre_id;name;latitude;longitude;district",
        ["4264;;48.87;2.30;Paris 8", "12;Twelve;;;"],
    )
    sources = tmp_path / "sources.toml"
    sources.write_text(
        f'[traffic]\nkind = "files"\npath = "{path.name}"\ncounters = "{declared.name}"\n'
    )
    found = known_counters(read_sources(sources).of(TrafficSource), tmp_path / "cache.json")
    assert found == (
        Counter("12", "Twelve", None, None, None),
        Counter("4264", "Av_des_Champs_Elysees", 48.87, 2.30, "Paris 8"),
    )


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("id,name", "1,a", "has no column centre_id"),
        ("centre_id,name", "a|b,a", "partition keys cannot carry"),
        ("centre_id,district", "1,all", "means all"),
        ("centre_id,latitude,longitude", "1,48.8,", "is not a latitude and a longitude"),
        ("centre_id,latitude,longitude", "1,98.8,2", "is not a latitude and a longitude"),
    ],
)
def test_a_fault_in_the_counters_file_names_line_and_remedy(
    tmp_path: Path, header: str, row: str, message: str
) -> None:
    path = write(tmp_path / "counters.csv", header, [row])
    with pytest.raises(ConfigurationError, match=message) as caught:
        declared_counters(path)
    assert str(path) in str(caught.value)


def test_a_counter_declared_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "counters.csv", "centre_id", ["1", "1.0"])
    with pytest.raises(ConfigurationError, match="line 3: centre_id '1' is there twice"):
        declared_counters(path)


@pytest.mark.parametrize("kind", ["http", "mqtt"])
def test_streams_know_the_counters_they_remember(tmp_path: Path, kind: str) -> None:
    cache, config = tmp_path / "deep" / "c.json", TrafficSource(kind=kind)
    assert known_counters(config, cache) == ()
    assert remember_counters(cache, [plain("4264"), plain("376")])
    assert not remember_counters(cache, [plain("376")])
    assert not remember_counters(cache, [])
    assert known_counters(config, cache) == (plain("376"), plain("4264"))


def test_what_is_known_of_a_counter_is_not_forgotten_for_less(tmp_path: Path) -> None:
    cache, full = tmp_path / "c.json", Counter("7", "Seven", 48.0, 2.0, "Paris")
    assert remember_counters(cache, [plain("7")])
    assert remember_counters(cache, [full])
    assert not remember_counters(cache, [plain("7")])
    assert known_counters(TrafficSource(kind="mqtt"), cache) == (full,)


def test_processes_that_remember_at_a_time_lose_nothing(tmp_path: Path) -> None:
    cache = tmp_path / "c.json"
    program = (
        "import sys; from pathlib import Path\n"
        "from flow_platform.flows.traffic.counters import Counter, remember_counters\n"
        "for number in range(int(sys.argv[2]), int(sys.argv[2]) + 20):\n"
        "    counter = Counter(str(number), str(number), None, None, None)\n"
        "    remember_counters(Path(sys.argv[1]), [counter])\n"
    )
    made = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(cache), str(start)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for start in (100, 200)
    ]
    assert [process.wait(timeout=60) for process in made] == [0, 0]
    known = known_counters(TrafficSource(kind="http"), cache)
    numbers = [int(counter.centre_id) for counter in known]
    assert numbers == [*range(100, 120), *range(200, 220)]


def test_simulated_counters_are_those_of_the_simulator(tmp_path: Path) -> None:
    known = known_counters(TrafficSource(), tmp_path / "c.json")
    assert [counter.centre_id for counter in known] == [str(number) for number in range(101, 113)]
    assert not (tmp_path / "c.json").exists()


# -- areas ---------------------------------------------------------------------------------------


def test_few_counters_are_areas_of_their_own() -> None:
    few = [plain(str(number), "Paris") for number in range(20)]
    assert areas_of(few, TrafficSource()) == {one.centre_id: one.centre_id for one in few}
    many = [plain(str(number), "Paris") for number in range(21)]
    own = areas_of(many, TrafficSource(areas="counter"))
    assert own == {one.centre_id: one.centre_id for one in many}


def test_many_counters_belong_to_districts_where_all_have_one() -> None:
    many = [plain(str(number), f"Paris {number % 3}") for number in range(21)]
    assert set(areas_of(many, TrafficSource()).values()) == {"Paris 0", "Paris 1", "Paris 2"}
    assert areas_of(many[:2], TrafficSource(areas="district")) == {
        "0": "Paris 0",
        "1": "Paris 1",
    }
    assert set(areas_of([*many, plain("x")], TrafficSource()).values()) == {"unplaced"}


def test_a_cell_is_named_after_its_south_west_corner_and_can_be_a_key() -> None:
    placed = [
        at("a", 48.87, 2.31),
        at("b", 48.85, 2.30),
        at("c", 48.8999, 2.3499),
        at("d", -33.86, -70.02),
        at("e", 0.0, -0.01),
        plain("f"),
    ]
    areas = areas_of(placed, TrafficSource(areas="grid"))
    assert areas == {
        "a": "48.85N 2.30E",
        "b": "48.85N 2.30E",
        "c": "48.85N 2.30E",
        "d": "33.90S 70.05W",
        "e": "0.00N 0.05W",
        "f": "unplaced",
    }
    assert not any(why_not_an_id(area) for area in areas.values())


# -- places --------------------------------------------------------------------------------------


def test_a_counter_has_the_nearest_centre_within_sixty_kilometres(
    french_centres: tuple[Centre, ...],
) -> None:
    by_name = {centre.centre_id: centre for centre in french_centres}
    own_names = TrafficSource(kind="mqtt")
    paris = place_of(at("a", 48.80, 2.30), french_centres, own_names)
    assert paris is not None and abs((by_name[paris].latitude or 0) - 48.86) < 0.1
    assert place_of(at("a", 46.0, 2.3), french_centres, own_names) is None
    assert place_of(plain("a"), french_centres, own_names) is None
    assert place_of(plain("a"), french_centres, TrafficSource(kind="http")) == paris
    assert place_of(plain("a"), french_centres, TrafficSource(kind="files", path="x")) == paris
    assert place_of(at("a", 48.8, 2.3), [], own_names) is None


def test_a_named_place_counts_for_all_and_must_be_a_centre(
    french_centres: tuple[Centre, ...],
) -> None:
    last = french_centres[-1].centre_id
    config = TrafficSource(place=last)
    assert place_of(at("a", 10.0, 10.0), french_centres, config) == last
    with pytest.raises(ConfigurationError, match="place 'x' is no centre"):
        place_of(plain("a"), french_centres, TrafficSource(place="x"))


@pytest.mark.parametrize(
    ("value", "point"),
    [
        ("48.85, 2.33", (48.85, 2.33)),
        ({"lon": 2.33, "lat": 48.85}, (48.85, 2.33)),
        ({"lon": None, "lat": 48.85}, None),
        ("", None),
        (None, None),
        ("x,y", None),
        ("98,2", None),
        ("nan,2", None),
        ("1,2,3", None),
    ],
)
def test_a_point_is_read_or_not_there(value: object, point: tuple[float, float] | None) -> None:
    assert point_of(value) == point
