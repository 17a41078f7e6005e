"""A database with the service's tables, apps on it, clients, and accounts of every role."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import psycopg
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from flow_platform.api.access import Role
from flow_platform.api.app import create_app
from flow_platform.api.config import ApiConfig, Limit, Limits
from flow_platform.api.server import listening_on
from flow_platform.warehouse import embedded
from flow_platform.warehouse.server import Server
from tests.integration.api import world
from tests.integration.api.conftest import listening
from tests.integration.api.dagster_stand_in import DagsterStandIn

PASSWORD = "vier alltägliche Wörter 7"
# Tests that are not about limits must not meet them.
PLENTY = Limits(
    account=Limit(1_000_000, 60),
    address=Limit(1_000_000, 60),
    sign_in_address=Limit(1_000_000, 60),
    sign_in_name=Limit(1_000_000, 60),
    register_address=Limit(1_000_000, 60),
    refresh_address=Limit(1_000_000, 60),
)
_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def server(scratch: Path) -> Iterator[Server]:
    """PostgreSQL with every role and table; the published views are tables, with a small city."""
    home = scratch / "api"
    found = Server(embedded.start(home), None)
    world.make_database(found)
    world.fill_city(found, datetime.now(UTC).date())
    yield found
    embedded.stop(home)


@pytest.fixture(scope="session")
def dagster() -> Iterator[str]:
    """The address of a stand-in for Dagster's webserver."""
    with listening(DagsterStandIn()) as address:
        yield address


@pytest.fixture(scope="session")
def config(server: Server, scratch: Path, dagster: str) -> ApiConfig:
    month = datetime.now(UTC).date().replace(day=1)
    cutoff = pd.Timestamp(month, tz="UTC")
    trips = world.draw_trips(4_000, cutoff)
    for measure in ("default", "planned_distance"):
        artefacts = world.train_artefacts(measure, "zone_pair_mean", trips, cutoff)
        kept = world.keep(scratch / "api", measure, "zone_pair_mean", month, artefacts)
        world.serve(server, kept)
    return ApiConfig(
        dsn=server.dsn("flow_api"),
        token_key=secrets.token_bytes(32),
        home=scratch / "api",
        dagster_url=dagster,
        limits=PLENTY,
    )


@pytest.fixture(scope="session")
def app(config: ApiConfig) -> FastAPI:
    return create_app(config)


@pytest.fixture(scope="session")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as opened:
        yield opened


@contextmanager
def opened(config: ApiConfig, **changes: Any) -> Iterator[TestClient]:
    """A client of an app of its own: another process of the same service."""
    with TestClient(create_app(replace(config, **changes))) as client:
        yield client


def new_email() -> str:
    return f"person-{next(_NUMBERS)}-{secrets.token_hex(4)}@example.com"


def execute(server: Server, sql: str, *params: Any) -> list[tuple[Any, ...]]:
    """Run a statement as the administrator of the database; returns its rows."""
    with psycopg.connect(server.dsn("admin"), autocommit=True) as connection:
        cursor = connection.execute(sql, params)
        return cursor.fetchall() if cursor.description else []


def sign_in(client: TestClient, email: str, password: str = PASSWORD) -> httpx.Response:
    return client.post("/token", data={"username": email, "password": password})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="session")
def new_account(client: TestClient, server: Server) -> Callable[..., dict[str, Any]]:
    """Makes an account of a role; returns its e-mail, id, tokens and headers."""

    def make(role: Role = Role.VIEWER) -> dict[str, Any]:
        email = new_email()
        answer = client.post("/register", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        ((account_id,),) = execute(
            server, "update auth.accounts set role = %s where email = %s returning id", role, email
        )
        tokens = sign_in(client, email).json()
        return {
            "email": email,
            "id": str(account_id),
            "headers": bearer(tokens["access_token"]),
            **tokens,
        }

    return make


@pytest.fixture(scope="session")
def accounts(new_account: Callable[..., dict[str, Any]]) -> dict[Role, dict[str, Any]]:
    """One signed-in account of each role."""
    return {role: new_account(role) for role in Role}


@contextmanager
def serving(config: ApiConfig, app: FastAPI | None = None) -> Iterator[str]:
    """The service on a port of its own, over HTTP as clients meet it; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings = uvicorn.Config(app or create_app(config), **listening_on("127.0.0.1", port))
    running = uvicorn.Server(settings)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    try:
        for _ in range(600):
            if running.started:
                break
            time.sleep(0.05)
        assert running.started
        yield f"http://127.0.0.1:{port}"
    finally:
        running.should_exit = True
        thread.join(20)


def together(*calls: Any) -> list[Any]:
    """Await all calls at once in one event loop."""

    async def run() -> list[Any]:
        return list(await asyncio.gather(*calls))

    return asyncio.run(run())
