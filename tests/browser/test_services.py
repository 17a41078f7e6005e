"""`flow up` brings every service up, also after kill -9; the Dagster page shows the lineage."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from flow_platform.settings import Settings
from tests.integration.conftest import (
    flow,
    make_settings,
    ports_of_services,
    services_up,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def ports() -> dict[str, str]:
    return ports_of_services()


@pytest.fixture(scope="module")
def home(scratch: Path, ports: dict[str, str]) -> Iterator[Settings]:
    settings = make_settings(scratch / "up")
    with services_up(settings, **ports):
        yield settings


def states(settings: Settings, ports: dict[str, str]) -> dict[str, dict[str, Any]]:
    done: subprocess.CompletedProcess[str] = flow(settings, "status", "--json", **ports)
    return {state["service"]: state for state in json.loads(done.stdout)}


def test_the_dagster_page_shows_the_lineage(
    home: Settings, ports: dict[str, str], browser: Browser
) -> None:
    page = browser.new_page(viewport={"width": 1700, "height": 900})
    page.goto(
        f"http://127.0.0.1:{ports['FLOW_DAGSTER_PORT']}"
        "/locations/flow_platform/asset-groups/parcels/lineage",
        timeout=120_000,
    )
    stages = ("raw", "staging", "merged", "model", "champion", "forecast", "accuracy", "drift")
    for name in (f"parcels_{stage}" for stage in stages):
        expect(page.get_by_text(name, exact=True).first).to_be_visible(timeout=120_000)
    page.close()


def test_the_page_of_the_api_shows_its_operations_from_this_machine_alone(
    home: Settings, ports: dict[str, str], browser: Browser
) -> None:
    page = browser.new_page()
    asked: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda entry: faults.append(entry.text) if entry.type == "error" else None)
    address = f"http://127.0.0.1:{ports['FLOW_API_PORT']}"
    page.goto(f"{address}/docs")
    expect(page.get_by_text("/token/refresh").first).to_be_visible(timeout=60_000)
    described = httpx.get(f"{address}/openapi.json", trust_env=False).json()
    sign_in = described["paths"]["/token"]["post"]["summary"]
    expect(page.get_by_text(sign_in, exact=True).first).to_be_visible()
    assert all(url.startswith((address, "data:")) for url in asked), asked
    assert not faults
    page.close()


def test_what_kill_9_leaves_is_started_over(home: Settings, ports: dict[str, str]) -> None:
    before = states(home, ports)
    for service in ("dagster-webserver", "streamlit"):
        os.kill(before[service]["pid"], signal.SIGKILL)
    assert states(home, ports)["streamlit"]["state"] == "down"
    done = flow(home, "up", **ports)
    assert done.returncode == 0, done.stderr
    after = states(home, ports)
    assert {state["state"] for state in after.values()} == {"up"}
    assert after["dagster-daemon"]["pid"] == before["dagster-daemon"]["pid"]
    assert after["streamlit"]["pid"] != before["streamlit"]["pid"]


def test_down_stops_everything_and_says_what(home: Settings, ports: dict[str, str]) -> None:
    pids = [state["pid"] for state in states(home, ports).values() if state["pid"]]
    done = flow(home, "down", **ports)
    assert done.returncode == 0, done.stderr
    for name in ("postgresql", "dagster-webserver", "dagster-daemon", "streamlit", "api"):
        assert name in done.stderr
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
