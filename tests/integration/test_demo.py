"""`flow demo`, over fewer days: what a newcomer runs first fills every part that it names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flow_platform.platform import Platform
from flow_platform.settings import Settings
from flow_platform.warehouse import embedded
from tests.conftest import new_settings
from tests.integration.conftest import flow

pytestmark = [pytest.mark.integration, pytest.mark.slow]

# Fewer days and rows of each flow: loaded, predicted.
DAYS = {
    "parcels": (120, 3),
    "traffic": (60, 1),
    "retail": (60, 3),
    "trips": (40, 3),
    "deliveries": (140, 28),
}
SHORT = f"""
from dataclasses import replace
from functools import partial
from flow_platform.cli.app import main
from flow_platform.flows.catalogue import CATALOGUE
from flow_platform.flows.deliveries import scoring, segmenting
from flow_platform.flows.deliveries.models.data import DeliverySpec
from flow_platform.flows.deliveries.segments.customers import SegmentSpec
from flow_platform.forecasting.hourly.data import HourlyBoosting, HourlySpec
from flow_platform.parts import parts_of
from flow_platform.stages import hourly
hourly.HourlySpec = partial(HourlySpec, boosting=HourlyBoosting(rounds=20))
scoring.DeliverySpec = partial(DeliverySpec, most_rows=3_000)
segmenting.SegmentSpec = partial(SegmentSpec, resamples=4)
for flow in CATALOGUE:
    loaded, predicted = {DAYS}[flow.name]
    parts = parts_of(flow)
    window = replace(parts.demo, loaded_days=loaded, predicted_days=predicted)
    object.__setattr__(parts, "demo", window)
main()
"""
VIEWS = (
    "latest_predictions",
    "accuracy",
    "drift",
    "trip_predictions",
    "delivery_predictions",
    "delivery_performance",
    "customer_segments",
)


def run(settings: Settings) -> dict[str, Any]:
    done = flow(settings, "demo", "--json", program=("-c", SHORT))
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.fixture(scope="module")
def home(scratch: Path) -> Iterator[Settings]:
    settings = new_settings(scratch / "demo")
    yield settings
    embedded.stop(settings.home_path)


def test_the_demo_fills_parcels_trips_and_deliveries_and_then_changes_nothing(
    home: Settings,
) -> None:
    first = run(home)
    assert not first["was_done"]
    assert len(first["forecasts"]) == 5 and all(row["model_version"] for row in first["forecasts"])
    assert {row["model"] for row in first["trips"]} == {"default", "planned_distance"}
    orders = first["deliveries"]
    # A week of orders of a month ago: the risk said tells the tenth most at risk apart.
    assert orders["orders"] > 600 and 0.5 < orders["coverage_80"] < 1.0
    assert orders["late_if_risky"] > orders["late_otherwise"]
    store = Platform(home).store("flow_dashboard")

    def rows() -> dict[str, int]:
        return {
            view: int(store.read(f"select count(*) as n from published.{view}")["n"].iloc[0])
            for view in VIEWS
        }

    filled = rows()
    assert all(filled.values())
    named = store.read(
        "select count(*) as n from published.delivery_performance where segment <> ''"
    )
    assert named["n"].iloc[0] > 0
    again = run(home)
    assert again["was_done"] and rows() == filled
    assert again["deliveries"] == orders
