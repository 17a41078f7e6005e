"""A real client against everything `flow up` starts: it registers, signs in, starts runs of real
Dagster jobs, follows them and reads what they made."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from flow_platform.settings import Settings
from tests.api.clients import PASSWORD, bearer, sign_in
from tests.integration.conftest import (
    flow,
    make_settings,
    ports_of_services,
    services_up,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800), pytest.mark.slow]

LAST = datetime.now(UTC).date() - timedelta(days=1)
FIRST = LAST - timedelta(days=40)
RUN_SECONDS = 400.0


@pytest.fixture(scope="module")
def ports() -> dict[str, str]:
    return ports_of_services() | {"FLOW_FIRST_DAY": str(FIRST)}


@pytest.fixture(scope="module")
def home(scratch: Path, ports: dict[str, str]) -> Iterator[Settings]:
    settings = make_settings(scratch / "real")
    before = str(LAST - timedelta(days=5))
    days = ("--history", "--from", str(FIRST), "--to", before)
    done = flow(settings, "backfill", "parcels", *days, **ports)
    assert done.returncode == 0, done.stderr
    with services_up(settings, **ports):
        yield settings


@pytest.fixture(scope="module")
def admin(home: Settings, ports: dict[str, str]) -> httpx.Client:
    name = "chief@example.org"
    made = flow(home, "user", "create-admin", name, typed=f"{PASSWORD}\n", **ports)
    assert made.returncode == 0, made.stderr
    return signed_in(ports, name)


def signed_in(ports: dict[str, str], email: str) -> httpx.Client:
    address = f"http://127.0.0.1:{ports['FLOW_API_PORT']}"
    client = httpx.Client(base_url=address, timeout=60, trust_env=False)
    answer = sign_in(client, email)
    assert answer.status_code == 200, answer.text
    client.headers.update(bearer(answer.json()["access_token"]))
    return client


def finished(client: httpx.Client, started: httpx.Response) -> dict[str, Any]:
    """Follow a run by its Location to its end."""
    assert started.status_code == 202, started.text
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        run: dict[str, Any] = client.get(started.headers["Location"]).json()
        if run["status"] in ("succeeded", "failed", "canceled"):
            return run
        time.sleep(1)
    raise AssertionError(f"no end: {run}")


def test_a_client_registers_starts_runs_and_reads_what_they_made(
    admin: httpx.Client, ports: dict[str, str]
) -> None:
    person = {"email": "dispatcher@example.org", "password": PASSWORD}
    assert admin.post("/register", json=person).status_code == 201
    client = signed_in(ports, person["email"])
    span = {"flow": "parcels", "from": str(LAST - timedelta(days=4)), "to": str(LAST)}
    assert client.post("/pipelines/ingest/runs", json=span).status_code == 403
    accounts = admin.get("/accounts").json()
    rows = accounts["items"] if isinstance(accounts, dict) else accounts
    (own,) = [row for row in rows if row["email"] == person["email"]]
    changed = admin.patch(f"/accounts/{own['id']}", json={"role": "operator"})
    assert changed.status_code == 200, changed.text
    time.sleep(5)

    runs = {}
    for pipeline in ("ingest", "etl", "predict"):
        started = client.post(
            f"/pipelines/{pipeline}/runs", json=span, headers={"Idempotency-Key": pipeline}
        )
        runs[pipeline] = finished(client, started)
        assert runs[pipeline]["status"] == "succeeded", runs[pipeline]
        assert runs[pipeline]["steps_done"] == runs[pipeline]["steps_total"]
    again = client.post("/pipelines/etl/runs", json=span, headers={"Idempotency-Key": "etl"})
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json()["run_id"] == runs["etl"]["run_id"]

    forecasts = client.get(f"/forecasts/parcels?from={LAST}&horizon=1").json()["items"]
    assert {row["centre_id"] for row in forecasts} == {"07", "north", "w"}
    assert runs["predict"]["results"] == f"/forecasts/parcels?from={span['from']}"
    kpis = client.get("/analytics/kpis?flow=parcels").json()["items"]
    assert kpis[0]["newest_actual_day"] == str(LAST)

    # Of the first month nothing is known that was before it.
    first = {"flow": "parcels", "from": str(FIRST), "to": str(FIRST)}
    failed = finished(client, client.post("/pipelines/training/runs", json=first))
    assert failed["status"] == "failed"
    (step,) = failed["failed_steps"]
    assert "has no vintage" in step["reason"]
    assert "Traceback" not in str(failed)


def test_a_rollback_without_a_champion_fails_with_its_reason(admin: httpx.Client) -> None:
    run = finished(admin, admin.post("/models/parcels/rollback", json={}))
    assert run["status"] == "failed"
    assert "has no champion" in run["failed_steps"][0]["reason"]
