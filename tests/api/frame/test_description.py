"""The service does what its OpenAPI description says, whatever is sent (Schemathesis)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from flow_platform.api.access import Role
from flow_platform.api.app import create_app
from flow_platform.api.config import ApiConfig
from flow_platform.warehouse.server import Server
from tests.api.listening import listening
from tests.api.world import execute

pytestmark = [pytest.mark.integration, pytest.mark.timeout(3600), pytest.mark.slow]

HERE = Path(__file__).parent
# `FLOW_FUZZ=400 pytest tests/api/frame/test_description.py` looks for longer.
EXAMPLES = int(os.environ.get("FLOW_FUZZ", "12"))


# Accounts are changed in a run of their own: the admin of the other requests would lose its role.
WHAT = {
    "admin": ["--exclude-path-regex", "^/accounts"],
    "accounts": ["--include-path-regex", "^/accounts"],
    "nobody": [],
}


@pytest.fixture
def undone(server: Server, client: TestClient) -> Iterator[None]:
    """Gives every account back the role and the sessions it had."""
    kept = execute(server, "select role, disabled, id from auth.accounts")
    alive = execute(server, "select id from auth.sessions where revoked_at is null")
    yield
    for row in kept:
        execute(server, "update auth.accounts set role = %s, disabled = %s where id = %s", *row)
    execute(
        server,
        "update auth.sessions set revoked_at = null, revoked_for = null where id = any(%s)",
        [session for (session,) in alive],
    )
    client.app.state.sessions.forget()  # type: ignore[attr-defined]


@pytest.mark.usefixtures("undone")
@pytest.mark.parametrize("who", WHAT)
def test_schemathesis_finds_nothing(
    who: str, config: ApiConfig, accounts: dict[Role, dict[str, Any]], tmp_path: Path
) -> None:
    # Longer than a run; whether tokens end in time is tested elsewhere.
    patient = replace(config, access_token_seconds=3600)
    with listening(create_app(patient)) as address:
        header = f"Authorization: {accounts[Role.ADMIN]['headers']['Authorization']}"
        report = tmp_path / "report.ndjson"
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "schemathesis"),
                *("--config-file", str(HERE / "schemathesis.toml")),
                *("run", f"{address}/openapi.json", "--checks", "all", "--no-color"),
                *("--seed", "20240229", "--max-examples", str(EXAMPLES)),
                *("--report", "ndjson", "--report-ndjson-path", str(report)),
                *([] if who == "nobody" else ["--header", header]),
                *WHAT[who],
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=3500,
        )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    statuses = re.findall(r'"status_code": ?(\d+)', report.read_text())
    assert len(statuses) > (20 if who == "accounts" else 100)
    if who == "admin":
        assert not {"401", "403"} >= set(statuses)
    assert not [status for status in statuses if status.startswith("5")]


def test_every_operation_has_a_text_a_role_and_its_errors(app: FastAPI) -> None:
    for path, item in app.openapi()["paths"].items():
        for method, operation in item.items():
            named = f"{method} {path}"
            assert operation["summary"] and operation["description"], named
            assert operation["x-role"] in {"public", *Role}, named
            assert operation["x-role"] in operation["description"].lower(), named
            is_public = operation["x-role"] == "public"
            assert operation["security"] == ([] if is_public else [{"account": []}]), named
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    content = answer["content"]["application/problem+json"]
                    assert content["example"]["status"] == int(status), named


def test_the_page_of_the_description_needs_no_other_machine(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "http" not in policy and "'unsafe-eval'" not in policy
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(links) >= 4
    for link in links:
        assert "//" not in link
        # An icon that is empty, so that browsers ask for none.
        assert link == "data:," or client.get("/" + link).status_code == 200, link
    assert client.get("/openapi.json").json()["openapi"].startswith("3.1")


def test_two_apps_of_one_config_describe_the_same(app: FastAPI, config: ApiConfig) -> None:
    assert json.dumps(app.openapi()) == json.dumps(create_app(config).openapi())
