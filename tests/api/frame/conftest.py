"""Apps on a database with a small city and its models, their clients, accounts of every role."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from flow_platform.api.access import Role
from flow_platform.api.app import create_app
from flow_platform.api.config import ApiConfig, Limit, Limits
from flow_platform.warehouse import embedded
from flow_platform.warehouse.server import Server
from tests.api import world
from tests.api.clients import make_account
from tests.api.dagster_stand_in import DagsterStandIn

# Tests that are not about limits must not meet them.
PLENTY = Limits(
    account=Limit(1_000_000, 60),
    address=Limit(1_000_000, 60),
    sign_in_address=Limit(1_000_000, 60),
    sign_in_name=Limit(1_000_000, 60),
    register_address=Limit(1_000_000, 60),
    refresh_address=Limit(1_000_000, 60),
)


@pytest.fixture(scope="session")
def server(scratch: Path) -> Iterator[Server]:
    """PostgreSQL with every role and table; the published views are tables, with a small city."""
    home = scratch / "api"
    yield world.started(home)
    embedded.stop(home)


@pytest.fixture(scope="session")
def config(server: Server, scratch: Path, dagster: DagsterStandIn) -> ApiConfig:
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
        dagster_url=dagster.address,
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


@pytest.fixture(scope="session")
def new_account(client: TestClient, server: Server) -> Callable[..., dict[str, Any]]:
    """Makes an account of a role; returns its e-mail, id, tokens and headers."""

    def make(role: Role = Role.VIEWER) -> dict[str, Any]:
        return make_account(client, server, role)

    return make


# Of a module, not of the session: its tokens end after minutes.
@pytest.fixture(scope="module")
def accounts(new_account: Callable[..., dict[str, Any]]) -> dict[Role, dict[str, Any]]:
    """One signed-in account of each role."""
    return {role: new_account(role) for role in Role}


def together(*calls: Any) -> list[Any]:
    """Await all calls at once in one event loop."""

    async def run() -> list[Any]:
        return list(await asyncio.gather(*calls))

    return asyncio.run(run())
