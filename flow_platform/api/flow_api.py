"""What a flow adds to the service: its package binds it as API in `flows/<flow>/api`.

Operations that serve every flow are in `routers/`. Nothing here knows which flows there are.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI

from flow_platform.api.config import ApiConfig
from flow_platform.flows.kinds import Flow
from flow_platform.ground.errors import ConfigurationError

# What is open as long as the app: put onto `app.state` at the start, closed at the end.
Opening = Callable[[FastAPI, ApiConfig], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, kw_only=True)
class FlowApi:
    """What a flow adds to the service.

    >>> API = FlowApi(routers=(orders.router,), day_path="/deliveries/predictions?day={day}")

    routers           its operations; the app takes their routes one by one, so that a router has
                      neither dependencies nor an `include_router` of its own
    busiest           those of its operations that are called most: they are matched before all
                      others, because each route that is tried first costs every request
    openings          what is open as long as the app, such as the models in use
    day_path          where the predictions of one UTC day are read, with `{day}`
    large_body_paths  paths whose bodies may have `config.Limits.large_body_bytes`
    """

    routers: tuple[APIRouter, ...]
    busiest: tuple[APIRouter, ...] = ()
    openings: tuple[Opening, ...] = ()
    day_path: str | None = None
    large_body_paths: frozenset[str] = frozenset()


def flow_apis(flows: Iterable[Flow]) -> dict[str, FlowApi]:
    """By name, what each of `flows` that declares an API adds to the service.

    Raises ConfigurationError where a flow declares one and its package does not bind it.
    """
    return {flow.name: _bound(flow.name) for flow in flows if flow.has_api}


def _bound(flow: str) -> FlowApi:
    name = f"flow_platform.flows.{flow}.api"
    where = f"flow_platform/flows/{flow}/api/__init__.py"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise ConfigurationError(
            f"The flow {flow} declares an API (has_api) and has none. Write {where}, or leave"
            " has_api out of its declaration."
        ) from error
    found = getattr(module, "API", None)
    if not isinstance(found, FlowApi):
        raise ConfigurationError(
            f"The flow {flow} declares an API (has_api): {where} must bind API, a FlowApi."
        )
    return found
