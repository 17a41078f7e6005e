"""Puts the service together: routers, what opens and closes with it, what surrounds each request.

What an operation does stands in its router; nothing is decided here.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from fastapi import APIRouter, FastAPI

from flow_platform.api.accounts import Accounts
from flow_platform.api.config import ApiConfig
from flow_platform.api.database import Database
from flow_platform.api.envelope import Envelope
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
    deliveries,
    forecasts,
    models,
    page,
    pipelines,
    predictions,
    service,
    tokens,
    trips,
)
from flow_platform.api.runs import open_dagster
from flow_platform.api.serving import open_models
from flow_platform.api.sessions import Sessions

# A new subject is a module in `routers/` and a line here.
# Asked in this order: what is asked for most stands first.
ROUTERS: tuple[APIRouter, ...] = (
    predictions.router,
    tokens.router,
    accounts.router,
    service.router,
    page.router,
    trips.router,
    deliveries.router,
    forecasts.router,
    analytics.router,
    models.router,
    pipelines.router,
)

# What lives as long as the app: put onto `app.state` when it opens, given back when it closes.
Opening = Callable[[FastAPI, ApiConfig], AbstractAsyncContextManager[None]]

_DESCRIPTION = """
Forecasts, scores and what is known of them, for programs.

**To begin**: `POST /register` with an e-mail address and a password, `POST /token` with both as a
form, then send the access token with every request: `Authorization: Bearer ...`. It lasts 15
minutes; `POST /token/refresh` gives a new pair for the refresh token, once.

**Roles**: viewer (everybody who registers), analyst, operator, admin; each may do what those before
it may. Every operation says which it needs.

**Errors** are `application/problem+json` (RFC 9457): `title` and `detail` say what was wrong,
`errors` which field, `request_id` what to look for in the log. 429 and 503 say in `Retry-After` how
many seconds to wait.
"""


@asynccontextmanager
async def open_core(app: FastAPI, config: ApiConfig) -> AsyncIterator[None]:
    """`app.state.database`, `limits`, `sessions`, `accounts`, `passwords`, `readiness`."""
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


# In this order; closed in the reverse one.
OPENINGS: tuple[Opening, ...] = (open_core, open_models, open_dagster)


def create_app(config: ApiConfig) -> FastAPI:
    """The service. It starts without its database, and is ready once that answers."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for opening in OPENINGS:
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
    app.add_middleware(Envelope, config=config)
    install_handlers(app)
    install_description(app)
    for router in ROUTERS:
        # Not `include_router`: since FastAPI 0.137 it asks every router in turn for every request,
        # a tenth of what a small request costs. These have no prefix and no dependencies.
        app.router.routes.extend(router.routes)
    return app


def _key(config: ApiConfig, purpose: str) -> bytes:
    return hmac.new(config.token_key, purpose.encode(), hashlib.sha256).digest()
