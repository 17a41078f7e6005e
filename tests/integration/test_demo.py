"""`flow demo`, over fewer days: what a newcomer runs first fills every page of the app."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, NamedTuple

import pandas as pd
import pytest
import streamlit as st

from flow_platform.demo.plan import FOUNDATION, parts_of_demo
from flow_platform.flows.catalogue import CATALOGUE, SERIES_FLOWS
from flow_platform.ground.roles import DASHBOARD_ROLE, DESK_ROLE
from flow_platform.models.vintage import FALLBACK_VERSION
from flow_platform.platform import Platform
from flow_platform.settings import Settings
from flow_platform.warehouse import embedded
from streamlit_app import navigation
from tests.app.screen import Screen
from tests.conftest import new_settings
from tests.integration.conftest import flow

pytestmark = [pytest.mark.integration, pytest.mark.slow]

# Fewer days and rows of each flow: loaded, predicted. A month that ends within the predicted days
# needs a model too.
DAYS = {
    "parcels": (120, 3),
    "traffic": (95, 2),
    "retail": (100, 8),
    "trips": (50, 3),
    "deliveries": (140, 28),
}
# A file, because the processes that make the flows begin with what it changes.
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
    for name, days in (("loaded", loaded), ("predicted", predicted)):
        step = replace(getattr(parts.demo, name), days=days)
        object.__setattr__(parts.demo, name, step)
if __name__ == "__main__":
    main()
"""


class Demo(NamedTuple):
    """A home after `flow demo --json`: what it printed, as JSON and as text."""

    settings: Settings
    program: Path
    result: dict[str, Any]
    printed: str

    def again(self) -> dict[str, Any]:
        return parsed(command(self.settings, self.program))

    def read(self, query: str) -> pd.DataFrame:
        return Platform(self.settings).store(DASHBOARD_ROLE).read(query)


def command(settings: Settings, program: Path) -> CompletedProcess[str]:
    return flow(settings, "demo", "--json", program=(str(program),))


def parsed(done: CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture(scope="module")
def demo(scratch: Path) -> Iterator[Demo]:
    program = scratch / "short_demo.py"
    program.write_text(SHORT)
    settings = new_settings(scratch / "demo")
    try:
        done = command(settings, program)
        yield Demo(settings, program, parsed(done), done.stderr)
    finally:
        embedded.stop(settings.home_path)


def test_each_step_is_shown_with_its_number_before_it_begins(demo: Demo) -> None:
    platform = Platform(demo.settings)
    flows = parts_of_demo(platform, datetime.now(UTC).date())
    titles = [step.title for step in (*FOUNDATION, *(one for part in flows for one in part.steps))]
    lines = re.findall(r"^\[ *(\d+)/(\d+)\] \d+:\d\d  (.+) \(about \d+ s\)$", demo.printed, re.M)
    numbers, of, shown = zip(*lines, strict=True)
    assert [int(number) for number in numbers] == list(range(1, len(titles) + 1))
    assert set(of) == {str(len(titles))}
    assert sorted(shown) == sorted(titles)
    # A model is named after the step that trains it.
    assert demo.printed.index("models, forecasts") < demo.printed.index("seasonal_naive-")
    steps = demo.result["steps"]
    assert sorted(step["step"] for step in steps) == sorted(titles)
    assert all(step["seconds"] > 0 and step["cpu_seconds"] > 0 for step in steps)


def test_every_flow_is_predicted_by_models_up_to_its_newest_day(demo: Demo) -> None:
    assert not demo.result["was_done"]
    made = demo.read(
        "select flow, measure, max(issued_at) as newest, bool_or(model_version ="
        f" '{FALLBACK_VERSION}') as by_fallback from published.predictions group by 1, 2"
    )
    named = set(made[["flow", "measure"]].itertuples(index=False, name=None))
    assert named == {(flow.name, measure) for flow in SERIES_FLOWS for measure in flow.measures}
    assert not made["by_fallback"].any()
    newest = made.groupby("flow")["newest"].max()
    midnight = pd.Timestamp(demo.result["last_day"], tz="UTC") + timedelta(days=1)
    # Traffic is forecast each hour of the present day; days of the others end in their own zone.
    assert midnight <= newest["traffic"] <= pd.Timestamp.now("UTC")
    assert all(abs(newest[one] - midnight) < timedelta(hours=12) for one in ("parcels", "retail"))
    measured = {(row["flow"], row["measure"]) for row in demo.result["series"]}
    assert measured == named
    assert all(row["n"] > 0 and 0 < row["wape"] < 1 for row in demo.result["series"])


def test_the_result_has_parcels_of_tomorrow_trips_and_orders(demo: Demo) -> None:
    forecasts = demo.result["forecasts"]
    assert len(forecasts) == 5 and all(row["model_version"] for row in forecasts)
    assert {row["model"] for row in demo.result["trips"]} == {"default", "planned_distance"}
    orders = demo.result["deliveries"]
    # A week of orders of a month ago: those at the highest predicted risk are late more often.
    assert orders["orders"] > 600 and 0.5 < orders["coverage_80"] < 1.0
    assert orders["late_if_risky"] > orders["late_otherwise"]
    named = demo.read(
        "select count(*) as n from published.delivery_performance where segment <> ''"
    )
    assert named["n"].iloc[0] > 0


@pytest.mark.parametrize("page", [page.name for page in navigation.pages()])
def test_no_page_of_the_app_lacks_anything(
    demo: Demo, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Platform(demo.settings).server
    monkeypatch.setenv("FLOW_DASHBOARD_DSN", server.dsn(DASHBOARD_ROLE))
    monkeypatch.setenv("FLOW_DESK_DSN", server.dsn(DESK_ROLE))
    st.cache_data.clear()
    app = Screen()
    app.run()
    # What the first page chose is not asked of another.
    app.query_params.clear()
    app.query_params["lang"] = "en"
    app.open(page)
    assert app.is_well
    # A box with information is where the page has nothing to show.
    assert not [box.value for box in app.info]


def test_a_second_run_changes_nothing(demo: Demo) -> None:
    views = demo.read(
        "select table_name from information_schema.views where table_schema = 'published'"
    )["table_name"]

    def rows() -> dict[str, int]:
        counts = " union all ".join(
            f"select '{view}' as view, count(*) as n from published.{view}" for view in views
        )
        return dict(demo.read(counts).itertuples(index=False, name=None))

    filled = rows()
    again = demo.again()
    assert again["was_done"] and again["steps"] == []
    assert rows() == filled
    assert again["deliveries"] == demo.result["deliveries"]
    assert again["series"] == demo.result["series"]


def test_a_home_with_some_of_the_flows_gets_the_others_alone(demo: Demo) -> None:
    kept = demo.settings.home_path / "demo.json"
    state = json.loads(kept.read_text())
    assert sorted(state["done"]) == sorted(flow.name for flow in CATALOGUE)
    state["done"].remove("trips")
    kept.write_text(json.dumps(state))
    again = demo.again()
    assert not again["was_done"]
    titles = {step["step"] for step in again["steps"]}
    assert {title.split(":")[0] for title in titles - {one.title for one in FOUNDATION}} == {
        "Trips"
    }
    assert json.loads(kept.read_text())["done"] == [*state["done"], "trips"]
