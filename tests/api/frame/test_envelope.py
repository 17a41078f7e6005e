"""What surrounds every answer: problems, headers, ids, log, metrics, health; and start-up."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from flow_platform.api.app import create_app
from flow_platform.api.config import ApiConfig
from flow_platform.api.logs import JsonFormatter
from flow_platform.warehouse import embedded
from flow_platform.warehouse.migrate import migrate
from flow_platform.warehouse.server import Server, create_roles_and_databases
from tests.api.clients import PASSWORD, new_email, sign_in

pytestmark = pytest.mark.integration

CANARY = "canary-7f3a9c"


class _Broken(Exception):
    """Its message holds what no answer and no log may."""


@pytest.fixture(scope="module")
def breaking(config: ApiConfig) -> Iterator[TestClient]:
    app: FastAPI = create_app(config)

    @app.get("/breaks")
    async def breaks() -> None:
        raise _Broken(f"password {CANARY}")

    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The service's log as it is written, parsed."""
    written: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(self.format(record))

    handler, logger = Keep(), logging.getLogger("flow.api")
    handler.setFormatter(JsonFormatter())
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield lambda: [json.loads(line) for line in written]
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _is_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["instance"].startswith("/")
    return problem


def test_every_error_is_a_problem(breaking: TestClient) -> None:
    _is_problem(breaking.get("/nowhere"), 404)
    wrong_method = breaking.delete("/me")
    _is_problem(wrong_method, 405)
    assert wrong_method.headers["allow"] == "GET"
    _is_problem(breaking.get("/me"), 401)
    _is_problem(breaking.post("/register", content=b"{"), 422)
    _is_problem(breaking.get("/breaks"), 500)
    form = {"Content-Type": "multipart/form-data"}
    _is_problem(breaking.post("/token", content=b"x", headers=form), 400)


def test_a_failure_shows_neither_its_trace_nor_its_message(
    breaking: TestClient, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    answer = breaking.get("/breaks")
    problem = _is_problem(answer, 500)
    assert CANARY not in answer.text
    assert "Traceback" not in answer.text and "_Broken" not in answer.text
    failure, request = lines()[-2:]
    assert failure["request_id"] == problem["request_id"] == request["request_id"]
    assert failure["exception"][0]["type"] == "_Broken"
    assert "breaks" in failure["exception"][0]["frames"][-1]
    assert CANARY not in json.dumps(lines())


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/register", {"email": CANARY, "password": CANARY}),
        ("/register", {"email": f"{CANARY}@x", "password": "x"}),
        ("/register", {"email": f"a@{CANARY}..com", "password": "x"}),
        ("/register", {"email": [CANARY], "password": {"a": CANARY}}),
        ("/register", {CANARY: 1}),
        ("/register", {"email": "a@example.com", "password": "x" * 8, CANARY: CANARY}),
        ("/register", CANARY),
        ("/register", [CANARY]),
        ("/token/refresh", {"refresh_token": [CANARY]}),
        ("/token/refresh", {"refresh_token": CANARY}),
        ("/token/refresh", {"refresh_token": CANARY * 100}),
    ],
)
def test_what_is_wrong_is_named_without_being_repeated(
    client: TestClient, path: str, body: Any
) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code in (401, 422)
    assert CANARY not in answer.text
    for error in answer.json().get("errors", []):
        assert error["field"].startswith("body")
        assert error["reason"]


def test_broken_json_and_ids_are_not_repeated(
    client: TestClient, new_account: Callable[..., dict[str, Any]]
) -> None:
    from flow_platform.api.access import Role

    headers = new_account(Role.ADMIN)["headers"]
    answers = [
        client.post("/register", content=f'{{"email": {CANARY}'),
        client.patch(f"/accounts/{CANARY}", headers=headers, json={"role": "viewer"}),
        client.patch(f"/accounts/{'0' * 8}", headers=headers, json={"role": CANARY}),
        client.get(f"/accounts?limit={CANARY}&offset=-1", headers=headers),
    ]
    for answer in answers:
        problem = _is_problem(answer, 422)
        assert CANARY not in json.dumps({**problem, "instance": ""})
    fields = {error["field"] for error in answers[-1].json()["errors"]}
    assert fields == {"query.limit", "query.offset"}


def test_the_log_has_a_line_a_request_and_nothing_of_persons(
    client: TestClient,
    lines: Callable[[], list[dict[str, Any]]],
    new_account: Callable[..., dict[str, Any]],
) -> None:
    person = new_account()
    client.get(f"/me?token={CANARY}", headers=person["headers"] | {"User-Agent": CANARY})
    client.get(f"/{CANARY}")
    client.request("X" * 40, "/me")
    sign_in(client, f"{CANARY}@example.com", CANARY)
    client.post("/token/refresh", json={"refresh_token": CANARY})
    client.post("/register", json={"email": f"{CANARY}@example.com", "password": CANARY})
    written = lines()
    text = json.dumps(written)
    for secret in (
        *(CANARY, PASSWORD, person["email"], person["refresh_token"]),
        *(person["access_token"], "testclient"),
    ):
        assert secret not in text
    requests = [line for line in written if line["event"] == "request"]
    me = next(line for line in requests if line["route"] == "/me" and line["status"] == 200)
    assert me["account"] == person["id"]
    assert me["method"] == "GET"
    assert me["ms"] >= 0
    assert {"time", "level", "request_id"} <= set(me)
    assert {line["route"] for line in requests} == {
        *("/register", "/token", "/me", "/token/refresh", "unknown")
    }


@pytest.mark.parametrize("offered", ["abcdef12", "7c0f6c1e-9a5b-4a6e-8c3d-2b1a09f8e7d6"])
def test_a_sane_request_id_is_kept(client: TestClient, offered: str) -> None:
    answer = client.get("/health/live", headers={"X-Request-ID": offered})
    assert answer.headers["x-request-id"] == offered


@pytest.mark.parametrize("offered", ["", "short", "x" * 65, "a b c d e f g", '"},{"a":"b', "é" * 9])
def test_an_odd_request_id_is_replaced(client: TestClient, offered: str) -> None:
    answer = client.get("/health/live", headers={b"X-Request-ID": offered.encode()})
    assert answer.headers["x-request-id"] != offered
    assert len(answer.headers["x-request-id"]) == 32


@pytest.mark.parametrize("path", ["/health/live", "/docs", "/nowhere", "/me", "/breaks"])
def test_every_answer_has_the_headers_of_security(breaking: TestClient, path: str) -> None:
    headers = breaking.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "server" not in headers
    assert "strict-transport-security" not in headers
    assert not [name for name in headers if name.startswith("access-control")]


def test_no_other_site_may_call_from_a_browser(client: TestClient) -> None:
    preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    answer = client.options("/me", headers=preflight)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_what_is_private_is_not_stored(
    client: TestClient, new_account: Callable[..., dict[str, Any]]
) -> None:
    person = new_account()
    answers = [
        client.get("/me", headers=person["headers"]),
        sign_in(client, person["email"]),
        sign_in(client, person["email"], "wrong one"),
        client.post("/token/refresh", json={"refresh_token": "x"}),
        client.post("/register", json={"email": new_email(), "password": PASSWORD}),
    ]
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}


def test_only_behind_tls_browsers_must_stay_with_it(config: ApiConfig) -> None:
    app = create_app(replace(config, trusted_proxies=(ip_network("192.0.2.1/32"),)))
    behind_tls = {"X-Forwarded-Proto": "https"}
    with TestClient(app, client=("192.0.2.1", 1)) as client:
        assert "strict-transport-security" in client.get("/health/live", headers=behind_tls).headers
        assert "strict-transport-security" not in client.get("/health/live").headers
    with TestClient(app, client=("192.0.2.2", 1)) as client:
        assert (
            "strict-transport-security"
            not in client.get("/health/live", headers=behind_tls).headers
        )


def test_metrics_count_by_route_and_say_nothing_of_persons(
    config: ApiConfig, new_account: Callable[..., dict[str, Any]]
) -> None:
    person = new_account()
    with TestClient(create_app(config)) as client:
        for _ in range(3):
            client.get("/me", headers=person["headers"])
        client.get(f"/{CANARY}")
        sign_in(client, person["email"], "wrong one")
        client.patch(f"/accounts/{person['id']}", headers=person["headers"], json={})
        text = client.get("/metrics").text
    assert 'flow_api_requests_total{method="GET",route="/me",status="200"} 3.0' in text
    assert 'route="/accounts/{account_id}",status="403"' in text
    assert 'flow_api_requests_total{method="other",route="unknown",status="404"} 1.0' in text
    assert "flow_api_failed_sign_ins_total 1.0" in text
    assert "flow_api_request_seconds_bucket" in text
    for secret in (CANARY, person["id"], person["email"]):
        assert secret not in text


def test_without_its_database_it_lives_and_is_not_ready_and_comes_back(
    scratch: Path, config: ApiConfig
) -> None:
    home = scratch / "down"
    found = Server(embedded.start(home), None)
    try:
        create_roles_and_databases(found)
        migrate(found)
        with TestClient(create_app(replace(config, dsn=found.dsn("flow_api")))) as client:
            email = new_email()
            client.post("/register", json={"email": email, "password": PASSWORD})
            tokens = sign_in(client, email).json()
            headers = {"Authorization": f"Bearer {tokens['access_token']}"}
            assert client.get("/health/ready").json()["checks"]["database"] == "ok"
            assert embedded.stop(home)
            time.sleep(1.1)  # an answer about readiness is kept for a second
            assert client.get("/health/live").status_code == 200
            not_ready = client.get("/health/ready")
            assert _is_problem(not_ready, 503)["checks"]["database"] == "down"
            assert int(not_ready.headers["retry-after"]) >= 1
            assert client.get("/health").json()["status"] == "degraded"
            for answer in (
                sign_in(client, email),
                client.post("/token/refresh", json={"refresh_token": tokens["refresh_token"]}),
            ):
                _is_problem(answer, 503)
                assert int(answer.headers["retry-after"]) >= 1
            time.sleep(3.1)  # as long as a session is known without asking
            _is_problem(client.get("/me", headers=headers), 503)
            embedded.start(home)
            back = time.monotonic() + 10
            while client.get("/health/ready").status_code != 200:
                assert time.monotonic() < back
                time.sleep(0.2)
            assert client.get("/me", headers=headers).status_code == 200
            assert sign_in(client, email).status_code == 200
    finally:
        embedded.stop(home)


def test_it_starts_before_its_database_does(scratch: Path, config: ApiConfig) -> None:
    home = scratch / "late"
    dsn = f"host={home / 'postgres'} port=5432 user=flow_api dbname=flow"
    try:
        with TestClient(create_app(replace(config, dsn=dsn))) as client:
            assert client.get("/health/live").status_code == 200
            assert client.get("/health/ready").status_code == 503
            found = Server(embedded.start(home), None)
            create_roles_and_databases(found)
            migrate(found)
            time.sleep(1.1)
            assert client.get("/health/ready").status_code == 200
    finally:
        embedded.stop(home)
