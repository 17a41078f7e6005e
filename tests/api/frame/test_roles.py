"""Who may call what: every role on every operation, against one table."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from flow_platform.api.access import Role

pytestmark = pytest.mark.integration

# Every operation and the least role that may call it. An operation that is not here fails a test:
# its author decides here, a second time, who may use it.
EXPECTED: dict[tuple[str, str], str] = {
    ("POST", "/register"): "public",
    ("POST", "/token"): "public",
    ("POST", "/token/refresh"): "public",
    ("POST", "/token/revoke"): "public",
    ("GET", "/me"): "viewer",
    ("GET", "/accounts"): "admin",
    ("PATCH", "/accounts/{account_id}"): "admin",
    ("GET", "/health/live"): "public",
    ("GET", "/health/ready"): "public",
    ("GET", "/health"): "public",
    ("GET", "/metrics"): "public",
    ("POST", "/predict"): "viewer",
    ("POST", "/predict/batch"): "viewer",
    ("POST", "/predict/explain"): "viewer",
    ("GET", "/trips/zones"): "viewer",
    ("GET", "/trips/predictions"): "viewer",
    ("GET", "/deliveries/predictions"): "viewer",
    ("GET", "/deliveries/at-risk"): "viewer",
    ("GET", "/forecasts/{flow}"): "viewer",
    ("GET", "/analytics/hourly-means"): "viewer",
    ("GET", "/analytics/kpis"): "viewer",
    ("GET", "/analytics/accuracy"): "viewer",
    ("GET", "/analytics/coverage"): "viewer",
    ("GET", "/analytics/drift"): "analyst",
    ("GET", "/analytics/alerts"): "analyst",
    ("GET", "/models"): "analyst",
    ("POST", "/models/{flow}/promote"): "admin",
    ("POST", "/models/{flow}/rollback"): "admin",
    ("POST", "/pipelines/{pipeline}/runs"): "operator",
    ("GET", "/pipelines/runs/{run_id}"): "operator",
}
CALLERS: tuple[Role | None, ...] = (None, *Role)


def _operations(app: FastAPI) -> dict[tuple[str, str], str]:
    return {
        (method.upper(), path): operation["x-role"]
        for path, item in app.openapi()["paths"].items()
        for method, operation in item.items()
    }


def test_the_table_lists_every_operation_with_the_role_it_declares(app: FastAPI) -> None:
    assert _operations(app) == EXPECTED


@pytest.mark.parametrize("caller", CALLERS, ids=lambda role: role or "nobody")
@pytest.mark.parametrize(("method", "path"), EXPECTED, ids=lambda part: part.strip("/"))
def test_each_cell_of_roles_and_operations(
    client: TestClient,
    accounts: dict[Role, dict[str, Any]],
    caller: Role | None,
    method: str,
    path: str,
) -> None:
    needed = EXPECTED[method, path]
    # Of things that do not exist, so that an allowed call changes nothing.
    nothing = dict.fromkeys(("account_id", "run_id", "flow", "pipeline"), uuid.uuid4())
    place = path.format_map(nothing)
    headers = accounts[caller]["headers"] if caller else {}
    answer = client.request(method, place, headers=headers)
    if needed == "public":
        assert answer.status_code not in (401, 403)
    elif caller is None:
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    elif caller.rank < Role(needed).rank:
        assert answer.status_code == 403
        assert answer.json()["type"].endswith("role-too-low")
    else:
        assert answer.status_code not in (401, 403)
    assert answer.status_code < 500


def test_nothing_answers_that_is_not_in_the_description(app: FastAPI, client: TestClient) -> None:
    for path in ("/admin", "/debug", "/.env", "/docs/../app.py", "/redoc", "/static/x"):
        assert client.get(path).status_code == 404


def test_a_new_role_counts_at_once_for_tokens_that_are_out(
    client: TestClient,
    accounts: dict[Role, dict[str, Any]],
    new_account: Callable[..., dict[str, Any]],
) -> None:
    person, admin = new_account(), accounts[Role.ADMIN]["headers"]
    assert client.get("/accounts", headers=person["headers"]).status_code == 403
    place = f"/accounts/{person['id']}"
    assert client.patch(place, headers=admin, json={"role": "admin"}).json()["role"] == "admin"
    assert client.get("/accounts", headers=person["headers"]).status_code == 200
    assert client.patch(place, headers=admin, json={"role": "viewer"}).status_code == 200
    assert client.get("/accounts", headers=person["headers"]).status_code == 403


def test_nobody_becomes_more_than_a_viewer_by_registering(client: TestClient) -> None:
    body = {"email": "greedy@example.com", "password": "vier alltägliche Wörter", "role": "admin"}
    assert client.post("/register", json=body).status_code == 422
