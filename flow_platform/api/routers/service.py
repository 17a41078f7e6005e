"""The state of the service, for probes, Prometheus and people. No account is needed."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from flow_platform.api.problems import Problem, responses

router = APIRouter(tags=["service"])


class Health(BaseModel):
    """The state of the service and its parts. Details are in its log."""

    status: Literal["ok", "degraded"]
    checks: dict[str, Literal["ok", "down"]] = Field(examples=[{"database": "ok", "models": "ok"}])


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


async def _checks(request: Request) -> dict[str, Literal["ok", "down"]]:
    found: dict[str, bool] = await request.app.state.readiness.results()
    return {name: "ok" if well else "down" for name, well in found.items()}


Checks = Annotated[dict[str, Literal["ok", "down"]], Depends(_checks)]


@router.get("/health/live", summary="Whether the process is alive")
async def live() -> Alive:
    """Answers ok as long as the process runs, whatever else is down. Restart it when it does not
    answer.
    """
    return Alive()


@router.get(
    "/health/ready", summary="Whether the service can do its work", responses=responses(503)
)
async def ready(request: Request, checks: Checks) -> Health:
    """Answers 503 while a part that the service needs is down: send it no requests meanwhile."""
    is_needed = request.app.state.readiness.is_needed
    down = [name for name, state in checks.items() if state == "down" and is_needed(name)]
    if down:
        raise Problem(
            503,
            detail=f"Down: {', '.join(down)}.",
            type="not-ready",
            headers={"Retry-After": "5"},
            more={"checks": checks},
        )
    return Health(status="degraded" if "down" in checks.values() else "ok", checks=checks)


@router.get("/health", summary="The state of the service's parts")
async def health(checks: Checks) -> Health:
    """Always answers 200; the status is `degraded` when a part is down."""
    return Health(status="degraded" if "down" in checks.values() else "ok", checks=checks)


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """Requests, latencies, refusals and model swaps in Prometheus' text format, without any
    personal data.
    """
    return Response(request.app.state.metrics.exposition(), media_type="text/plain; version=0.0.4")
