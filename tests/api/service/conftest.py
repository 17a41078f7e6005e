"""The service as `flow up` runs it, on a database of its own, with a stand-in for Dagster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flow_platform.api.app import create_app
from flow_platform.api.config import ApiConfig
from flow_platform.warehouse import embedded
from flow_platform.warehouse.server import Server
from tests.api import world
from tests.api.clients import make_account
from tests.api.dagster_stand_in import DagsterStandIn
from tests.api.listening import listening


@pytest.fixture(scope="session")
def api_home(scratch: Path) -> Iterator[Path]:
    home = scratch / "api-world"
    home.mkdir()
    yield home
    embedded.stop(home)


@pytest.fixture(scope="session")
def database(api_home: Path) -> Server:
    """The tables of the contract, with a city and no model."""
    return world.started(api_home)


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


# Of a module, not of the session: its tokens end after minutes.
@pytest.fixture(scope="module")
def signed_in(service: str, database: Server) -> Callable[[str], httpx.Client]:
    """A signed-in client of a role; the account is made as a person makes it."""
    clients: dict[str, httpx.Client] = {}

    def of_role(role: str) -> httpx.Client:
        if role not in clients:
            client = httpx.Client(base_url=service, timeout=30, trust_env=False)
            client.headers.update(make_account(client, database, role)["headers"])
            clients[role] = client
        return clients[role]

    return of_role


def _client_of(role: str) -> Any:
    @pytest.fixture(name=role)
    def client(signed_in: Callable[[str], httpx.Client]) -> httpx.Client:
        return signed_in(role)

    return client


viewer, analyst, operator, admin = map(_client_of, ("viewer", "analyst", "operator", "admin"))
