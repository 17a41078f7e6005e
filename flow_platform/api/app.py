"""Puts the service together: routers, what opens and closes with it, what surrounds each request.

What an operation does is in its router, for all flows in `routers/`, for one in its package.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import APIRouter, FastAPI

from flow_platform.api.accounts import Accounts
from flow_platform.api.config import ApiConfig
from flow_platform.api.database import Database
from flow_platform.api.envelope import Envelope
from flow_platform.api.flow_api import FlowApi, flow_apis
from flow_platform.api.health import Readiness
from flow_platform.api.housekeeping import keep_house
from flow_platform.api.limits import RateLimits
from flow_platform.api.logs import log
from flow_platform.api.metrics import Metrics
from flow_platform.api.openapi import install_description
from flow_platform.api.passwords import Passwords
from flow_platform.api.problems import install_handlers
from flow_platform.api.routers import (
    accounts,
    analytics,
    forecasts,
    models,
    page,
    pipelines,
    service,
    tokens,
)
from flow_platform.api.runs import open_dagster
from flow_platform.api.sessions import Sessions
from flow_platform.flows import CATALOGUE

_DESCRIPTION = """
Forecasts and predictions of logistics flows, their accuracy and their outcomes, for programs.

**To begin**: `POST /register` with an e-mail address and a password, `POST /token` with both as a
form, then send the access token with every request: `Authorization: Bearer ...`. It lasts 15
minutes; `POST /token/refresh` gives a new pair for the refresh token, once.

**Roles**: viewer (every new account), analyst, operator, admin; each may also do what those before
it may. Every operation states the role that it needs.

**Errors** are `application/problem+json` (RFC 9457): `title` and `detail` describe what is wrong,
`errors` names the fields, `request_id` finds the request in the log. With 429 and 503,
`Retry-After` is the number of seconds to wait.
"""


@asynccontextmanager
async def open_core(app: FastAPI, config: ApiConfig) -> AsyncIterator[None]:
    """`app.state.database`, `limits`, `sessions`, `accounts`, `passwords` and `readiness`."""
    state = app.state
    state.database = Database(
        config.dsn,
        pool_size=config.pool_size,
        statement_timeout_seconds=config.statement_timeout_seconds,
    )
    state.limits = RateLimits(
        state.database, config.limits, _key(config, "rate limits"), state.metrics
    )
    state.sessions = Sessions(state.database, config)
    state.passwords = Passwords()
    state.accounts = Accounts(state.database, state.passwords)
    state.readiness = Readiness()

    async def database_answers() -> None:
        await state.database.rows("select 1 from auth.accounts limit 1")

    async def models_can_be_read() -> None:
        models = config.home / "models"
        await asyncio.to_thread(os.listdir, models if models.exists() else config.home)

    state.readiness.add("database", database_answers)
    state.readiness.add("models", models_can_be_read)
    upkeep = asyncio.create_task(keep_house(state.database))
    try:
        yield
    finally:
        upkeep.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await upkeep
        state.passwords.close()
        await state.database.close()


def create_app(config: ApiConfig) -> FastAPI:
    """The service. It starts without its database, and is ready once that answers.

    Raises ConfigurationError where a flow declares an API and its package has none.
    """
    apis = flow_apis(CATALOGUE)
    own = list(apis.values())
    # Opened in this order, closed in the reverse one.
    openings = [open_core, *(one for api in own for one in api.openings), open_dagster]

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for opening in openings:
                await stack.enter_async_context(opening(app, config))
            log("started")
            yield
        log("stopped")

    app = FastAPI(
        title="Flow Platform",
        summary="As-of forecasts for logistics flows",
        description=_DESCRIPTION,
        version="1",
        lifespan=lifespan,
        # Served by `routers/page.py`, from local files and under a policy.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.config = config
    app.state.metrics = Metrics()
    app.state.flow_apis = apis
    large = frozenset(path for api in own for path in api.large_body_paths)
    app.add_middleware(Envelope, config=config, large_body_paths=large)
    install_handlers(app)
    install_description(app)
    for router in _routers(own):
        # Not `include_router`: since FastAPI 0.137 it asks every router in turn for every request,
        # a tenth of what a small request costs. These have no dependencies of their own.
        app.router.routes.extend(router.routes)
    return app


def _routers(apis: Sequence[FlowApi]) -> list[APIRouter]:
    """All routers in the order in which their routes are matched: the most requested ones first.

    A new subject of all flows is a module in `routers/` and a line here.
    """
    return [
        *(router for api in apis for router in api.busiest),
        tokens.router,
        accounts.router,
        service.router,
        page.router,
        *(router for api in apis for router in api.routers),
        forecasts.router,
        analytics.router,
        models.router,
        pipelines.router,
    ]


def _key(config: ApiConfig, purpose: str) -> bytes:
    return hmac.new(config.token_key, purpose.encode(), hashlib.sha256).digest()
