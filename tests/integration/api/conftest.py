"""The service as `flow up` runs it, on a database of its own, with a stand-in for Dagster."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from flow_platform.api.app import create_app
from flow_platform.api.config import ApiConfig
from flow_platform.warehouse import embedded
from flow_platform.warehouse.server import Server
from tests.integration.api import world
from tests.integration.api.dagster_stand_in import DagsterStandIn

PASSWORD = "eleven quiet herons 4"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def listening(app: Any) -> Iterator[str]:
    """An ASGI app on a port of its own, in a thread; gives its address."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(600):
        if server.started or not thread.is_alive():
            break
        time.sleep(0.05)
    assert server.started
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="session")
def api_home(scratch: Path) -> Iterator[Path]:
    home = scratch / "api-world"
    home.mkdir()
    yield home
    embedded.stop(home)


@pytest.fixture(scope="session")
def database(api_home: Path) -> Server:
    """The tables of the contract, with a city and no model."""
    server = Server(embedded.start(api_home), None)
    world.make_database(server)
    world.fill_city(server, datetime.now(UTC).date())
    return server


@pytest.fixture(scope="session")
def dagster() -> Iterator[DagsterStandIn]:
    stand_in = DagsterStandIn()
    with listening(stand_in) as address:
        stand_in.address = address
        yield stand_in


@pytest.fixture(scope="session")
def service(api_home: Path, database: Server, dagster: DagsterStandIn) -> Iterator[str]:
    """The address of the running service."""
    config = ApiConfig(
        dsn=database.dsn("flow_api"),
        token_key=os.urandom(32),
        home=api_home,
        dagster_url=dagster.address,
    )
    with listening(create_app(config)) as address:
        yield address


@pytest.fixture(scope="session")
def sign_in(service: str, database: Server) -> Callable[[str], httpx.Client]:
    """A signed-in client of a role; the account is made as a person makes it."""
    clients: dict[str, httpx.Client] = {}

    def signed_in(role: str) -> httpx.Client:
        if role not in clients:
            clients[role] = new_client(service, database, f"{role}@example.org", role)
        return clients[role]

    return signed_in


def new_client(service: str, database: Server, email: str, role: str) -> httpx.Client:
    client = httpx.Client(base_url=service, timeout=30, trust_env=False)
    made = client.post("/register", json={"email": email, "password": PASSWORD})
    assert made.status_code == 201, made.text
    world.execute(
        database,
        "update auth.accounts set role = %(role)s where email = %(email)s",
        {"role": role, "email": email},
    )
    told = client.post("/token", data={"username": email, "password": PASSWORD})
    assert told.status_code == 200, told.text
    client.headers["Authorization"] = f"Bearer {told.json()['access_token']}"
    return client


@pytest.fixture
def viewer(sign_in: Callable[[str], httpx.Client]) -> httpx.Client:
    return sign_in("viewer")


@pytest.fixture
def analyst(sign_in: Callable[[str], httpx.Client]) -> httpx.Client:
    return sign_in("analyst")


@pytest.fixture
def operator(sign_in: Callable[[str], httpx.Client]) -> httpx.Client:
    return sign_in("operator")


@pytest.fixture
def admin(sign_in: Callable[[str], httpx.Client]) -> httpx.Client:
    return sign_in("admin")
