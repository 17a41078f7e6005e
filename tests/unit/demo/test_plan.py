"""What the demo makes, and in which order."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from flow_platform.demo.plan import newest_day, parts_of_demo, windows
from flow_platform.flows.catalogue import CATALOGUE, flow_named
from flow_platform.ground.rectangle import Rectangle
from flow_platform.platform import Platform
from tests.conftest import new_settings

LAST = date(2026, 11, 10)


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    return Platform(new_settings(tmp_path))


def test_every_flow_of_the_catalogue_is_shown(platform: Platform) -> None:
    parts = parts_of_demo(platform, LAST)
    assert sorted(name for part in parts for name in part.flows) == sorted(
        flow.name for flow in CATALOGUE
    )


def test_the_longest_part_begins_first(platform: Platform) -> None:
    lengths = [part.expected for part in parts_of_demo(platform, LAST)]
    assert lengths == sorted(lengths, reverse=True)


def test_flows_that_share_the_weather_follow_the_one_that_loads_it(platform: Platform) -> None:
    together = [part.flows for part in parts_of_demo(platform, LAST) if len(part.flows) > 1]
    assert together == [("parcels", "traffic", "trips")]


def test_what_is_done_is_not_made_again(platform: Platform) -> None:
    parts = parts_of_demo(platform, LAST, done=["parcels", "deliveries"])
    assert sorted(name for part in parts for name in part.flows) == ["retail", "traffic", "trips"]
    assert parts_of_demo(platform, LAST, done=[flow.name for flow in CATALOGUE]) == []


def test_only_a_flow_with_hours_has_the_day_that_is_not_over(platform: Platform) -> None:
    newest = {flow.name: newest_day(flow, LAST) for flow in CATALOGUE}
    assert newest.pop("traffic") == LAST + timedelta(days=1)
    assert set(newest.values()) == {LAST}


def test_what_is_predicted_is_the_end_of_what_is_loaded(platform: Platform) -> None:
    for part in parts_of_demo(platform, LAST):
        for name in part.flows:
            flow = flow_named(name)
            over = {
                step.job.removeprefix(f"{name}_"): step.over
                for step in part.steps
                if step.job is not None and step.job.startswith(f"{name}_")
            }
            loaded, predicted, window = over["history"], over["daily"], windows()[flow]
            assert isinstance(loaded, Rectangle) and isinstance(predicted, Rectangle)
            assert (loaded.days, predicted.days) == (window.loaded.days, window.predicted.days)
            assert loaded.last_day == predicted.last_day == newest_day(flow, LAST)
            assert loaded.centres == predicted.centres == platform.areas_of(flow)


def test_segments_are_made_for_the_months_of_the_predicted_orders(platform: Platform) -> None:
    steps = [step for part in parts_of_demo(platform, LAST) for step in part.steps]
    (segments,) = [step for step in steps if step.job == "deliveries_segments"]
    assert segments.over == (date(2026, 10, 1), date(2026, 11, 1))
