"""Trips are predicted by one version from begin to end, whatever is swapped meanwhile."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from flow_platform.scoring.trips.data import TripData
from flow_platform.warehouse.server import Server
from tests.api import world

pytestmark = pytest.mark.integration

MONTH = datetime.now(UTC).date().replace(day=1)
CUTOFF = pd.Timestamp(MONTH, tz="UTC")
# Longer than the service takes to look for a new champion.
SWAP_SECONDS = 8.0


@pytest.fixture(scope="module")
def trips() -> TripData:
    return world.draw_trips(4_000, CUTOFF)


@pytest.fixture(scope="module")
def defaults(trips: TripData, api_home: Path) -> list[world.Vintage]:
    """Two models that nobody could mistake for each other: one predicts three times as long."""
    return [
        world.keep(
            api_home,
            "default",
            "zone_pair_mean",
            MONTH,
            world.train_artefacts("default", "zone_pair_mean", world.slower(trips, by), CUTOFF),
        )
        for by in (1.0, 3.0)
    ]


@pytest.fixture(scope="module")
def planned(trips: TripData, api_home: Path) -> world.Vintage:
    artefacts = world.train_artefacts("planned_distance", "lightgbm", trips, CUTOFF)
    return world.keep(api_home, "planned_distance", "lightgbm", MONTH, artefacts)


@pytest.fixture(scope="module", autouse=True)
def in_use(
    database: Server, defaults: list[world.Vintage], planned: world.Vintage, service: str
) -> Iterator[None]:
    world.serve(database, defaults[0])
    world.serve(database, planned)
    yield
    world.execute(database, "truncate published.models")


@pytest.fixture(autouse=True)
def settled(
    database: Server, defaults: list[world.Vintage], viewer: httpx.Client, in_use: None
) -> None:
    """Each test begins with the first model in use."""
    world.serve(database, defaults[0])
    wait_for(viewer, defaults[0].version)


def trip(**changes: Any) -> dict[str, Any]:
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    return {"pickup_zone": 1, "dropoff_zone": 5, "pickup_at": at.isoformat()} | changes


def wait_for(viewer: httpx.Client, version: str) -> None:
    deadline = time.monotonic() + SWAP_SECONDS
    answer = None
    while time.monotonic() < deadline:
        answer = viewer.post("/predict", json=trip())
        if answer.status_code == 200 and answer.json()["model_version"] == version:
            return
        time.sleep(0.1)
    raise AssertionError(f"{version} did not come into use: {answer.text if answer else answer}")


def test_a_trip_gets_minutes_an_interval_and_the_version_that_predicted_it(
    viewer: httpx.Client, defaults: list[world.Vintage]
) -> None:
    answer = viewer.post("/predict", json=trip())
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert 0 < body["lower_80"] <= body["minutes"] <= body["upper_80"]
    assert body["model"] == "default"
    assert body["model_version"] == defaults[0].version
    assert (body["pickup_zone_name"], body["dropoff_zone_name"]) == ("Harbour", "Airport")
    arrival = datetime.fromisoformat(body["arrival_at"])
    minutes = (arrival - datetime.fromisoformat(trip()["pickup_at"])).total_seconds() / 60
    assert abs(minutes - body["minutes"]) < 0.1


def test_a_planned_distance_is_answered_by_the_model_that_uses_it(
    viewer: httpx.Client, planned: world.Vintage
) -> None:
    near, far = (
        viewer.post("/predict", json=trip(planned_distance_km=km)).json() for km in (5.0, 30.0)
    )
    assert near["model"] == "planned_distance"
    assert near["model_version"] == planned.version
    assert near["minutes"] < far["minutes"]


def test_a_moment_without_an_offset_is_the_citys_clock(viewer: httpx.Client) -> None:
    day = datetime.now(UTC).date() + timedelta(days=2)
    local = viewer.post("/predict", json=trip(pickup_at=f"{day}T17:30:00")).json()
    arrival = datetime.fromisoformat(local["arrival_at"])
    left = arrival - timedelta(minutes=local["minutes"])
    assert (left.hour, left.minute) in ((17, 30), (17, 29))
    assert arrival.utcoffset() in (timedelta(hours=-5), timedelta(hours=-4))
    moment = arrival - timedelta(minutes=local["minutes"])
    stated = moment.replace(hour=17, minute=30, second=0, microsecond=0).astimezone(UTC)
    same = viewer.post("/predict", json=trip(pickup_at=stated.isoformat())).json()
    assert same["minutes"] == local["minutes"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"pickup_zone": world.UNKNOWN_ZONE}, "body.pickup_zone"),
        ({"dropoff_zone": world.UNKNOWN_ZONE}, "body.dropoff_zone"),
        ({"dropoff_zone": "5"}, "body.dropoff_zone"),
        ({"dropoff_zone": True}, "body.dropoff_zone"),
        ({"pickup_at": "2020-01-01T00:00:00Z"}, "body.pickup_at"),
        ({"pickup_at": "9999-12-31T23:59:59+14:00"}, "body.pickup_at"),
        ({"pickup_at": "0001-01-01T00:00:00-14:00"}, "body.pickup_at"),
        ({"pickup_at": "0001-01-01T00:00:00"}, "body.pickup_at"),
        ({"pickup_at": 1_700_000_000}, "body.pickup_at"),
        ({"pickup_at": "1700000000"}, "body.pickup_at"),
        ({"pickup_at": "tomorrow"}, "body.pickup_at"),
        ({"planned_distance_km": 0}, "body.planned_distance_km"),
        ({"planned_distance_km": -3.0}, "body.planned_distance_km"),
        ({"planned_distance_km": 161}, "body.planned_distance_km"),
        ({"planned_distance_km": "5"}, "body.planned_distance_km"),
        ({"driver": "me"}, "body"),
    ],
)
def test_a_trip_that_cannot_be_answered_names_its_field(
    viewer: httpx.Client, changes: dict[str, Any], field: str
) -> None:
    answer = viewer.post("/predict", json=trip(**changes))
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert [one["field"] for one in answer.json()["errors"]] == [field]
    # The same of one of many, by its place.
    batch = viewer.post("/predict/batch", json={"trips": [trip(), trip(**changes)]})
    assert batch.status_code == 422, batch.text
    place = field.replace("body", "body.trips.1")
    assert [one["field"] for one in batch.json()["errors"]] == [place]


def test_a_batch_answers_in_order_what_each_trip_gets_alone(viewer: httpx.Client) -> None:
    asked = [
        trip(pickup_zone=start, dropoff_zone=end, **more)
        for start in (1, 2, 3)
        for end in (4, 5)
        for more in ({}, {"planned_distance_km": 7.5})
    ]
    answer = viewer.post("/predict/batch", json={"trips": asked})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    alone = [viewer.post("/predict", json=one).json() for one in asked]
    shared = ("minutes", "lower_80", "upper_80", "model")
    for one, own in zip(body["predictions"], alone, strict=True):
        assert one["model"] == own["model"]
        for name in shared[:3]:
            assert one[name] == pytest.approx(own[name], abs=0.002)
        assert body["model_versions"][one["model"]] == own["model_version"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"trips": []}, "body.trips"),
        ({"trips": [{}] * 10_001}, "body.trips"),
        ({}, "body.trips"),
        ([], "body"),
    ],
)
def test_a_batch_has_from_one_to_ten_thousand_trips(
    viewer: httpx.Client, body: Any, field: str
) -> None:
    answer = viewer.post("/predict/batch", json=body)
    assert answer.status_code == 422, answer.text
    assert field in [one["field"] for one in answer.json()["errors"]]


def test_ten_thousand_trips_are_answered(viewer: httpx.Client) -> None:
    asked = [trip(pickup_zone=1 + n % 5, dropoff_zone=1 + n % 4) for n in range(10_000)]
    answer = viewer.post("/predict/batch", json={"trips": asked})
    assert answer.status_code == 200, answer.text[:300]
    assert len(answer.json()["predictions"]) == 10_000


@pytest.mark.parametrize("more", [{}, {"planned_distance_km": 12.0}])
def test_an_explanation_adds_up_to_the_prediction(
    viewer: httpx.Client, more: dict[str, Any]
) -> None:
    body = viewer.post("/predict/explain", json=trip(**more)).json()
    minutes = viewer.post("/predict", json=trip(**more)).json()["minutes"]
    assert body["minutes"] == pytest.approx(minutes, abs=0.002)
    total = body["usual_minutes"] + sum(part["minutes"] for part in body["parts"])
    assert total == pytest.approx(body["minutes"], abs=1e-6)
    subjects = [part["subject"] for part in body["parts"]]
    assert ("distance" in subjects) == bool(more)
    assert "Harbour to Airport" in body["text"]


def test_a_new_champion_comes_into_use_and_the_old_one_comes_back(
    viewer: httpx.Client, database: Server, defaults: list[world.Vintage]
) -> None:
    before = viewer.post("/predict", json=trip()).json()["minutes"]
    world.serve(database, defaults[1])
    wait_for(viewer, defaults[1].version)
    assert viewer.post("/predict", json=trip()).json()["minutes"] > 2 * before


def broken(home: Path, whole: world.Vintage, how: str) -> world.Vintage:
    """A copy of a vintage that cannot serve: files changed after or before their registration."""
    folder = home / whole.row["artefact_path"]
    artefacts = {path.name: path.read_bytes() for path in folder.iterdir()}
    if how == "golden":
        golden = json.loads(artefacts["golden.json"])
        golden["scores"][0][0] += 1
        artefacts["golden.json"] = json.dumps(golden).encode()
    if how == "measure":
        training = json.loads(artefacts["training.json"]) | {"measure": "planned_distance"}
        artefacts["training.json"] = json.dumps(training).encode()
    if how == "file":
        del artefacts["history.npz"]
    made = world.keep(home, "default", "zone_pair_mean", MONTH, artefacts)
    if how == "sha256":
        (home / made.row["artefact_path"] / "golden.json").write_bytes(b"{}")
    if how == "folder":
        return world.Vintage({**made.row, "artefact_path": "../../etc", "model_version": "x"})
    return made


@pytest.mark.parametrize("how", ["sha256", "golden", "file", "folder", "measure"])
def test_the_old_model_goes_on_when_the_new_one_is_broken(
    viewer: httpx.Client,
    database: Server,
    defaults: list[world.Vintage],
    api_home: Path,
    service: str,
    how: str,
) -> None:
    world.serve(database, broken(api_home, defaults[1], how))
    for _ in range(80):
        if viewer.get("/health").json()["checks"]["champions"] == "down":
            break
        time.sleep(0.1)
    health = viewer.get("/health").json()
    assert health["status"] == "degraded"
    assert health["checks"]["champions"] == "down"
    assert viewer.get("/health/ready").status_code == 200
    assert (
        'flow_api_model_broken{flow="trips",measure="default"} 1.0' in viewer.get("/metrics").text
    )
    assert viewer.post("/predict", json=trip()).json()["model_version"] == defaults[0].version


def test_a_hundred_swaps_under_load_mix_no_versions(
    viewer: httpx.Client,
    service: str,
    database: Server,
    api_home: Path,
    defaults: list[world.Vintage],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The prediction of each version is known: no answer has the name of one and the minutes of the
    other, not within a batch either, and none is a 5xx."""
    monkeypatch.setattr("flow_platform.api.serving.POLL_SECONDS", 0.02)
    time.sleep(2.2)  # The pause that is under way was begun before.
    expected: dict[str, float] = {}
    asked = trip()
    for one in defaults:
        world.serve(database, one)
        wait_for(viewer, one.version)
        expected[one.version] = viewer.post("/predict", json=asked).json()["minutes"]
    failures: list[str] = []
    seen: list[str] = []
    over = threading.Event()

    def load(batch: bool) -> None:
        with httpx.Client(base_url=service, headers=viewer.headers, trust_env=False) as client:
            while not over.is_set():
                if batch:
                    answer = client.post("/predict/batch", json={"trips": [asked] * 200})
                else:
                    answer = client.post("/predict", json=asked)
                if answer.status_code != 200:
                    failures.append(answer.text)
                    continue
                body = answer.json()
                version = body["model_versions"]["default"] if batch else body["model_version"]
                minutes = (
                    {one["minutes"] for one in body["predictions"]} if batch else {body["minutes"]}
                )
                seen.append(version)
                if any(abs(one - expected[version]) > 0.002 for one in minutes):
                    failures.append(f"{version} predicted {minutes} and not {expected[version]}")

    threads = [threading.Thread(target=load, args=(n == 0,)) for n in range(4)]
    for thread in threads:
        thread.start()
    swaps = 0
    try:
        for n in range(100):
            wanted = defaults[n % 2].version
            world.serve(database, defaults[n % 2])
            deadline = time.monotonic() + SWAP_SECONDS
            while time.monotonic() < deadline:
                if viewer.post("/predict", json=asked).json()["model_version"] == wanted:
                    swaps += 1
                    break
                time.sleep(0.005)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert not failures, failures[:3]
    assert swaps == 100
    assert set(seen) == set(expected)
    assert len(seen) > 100
