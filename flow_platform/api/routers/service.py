"""How the service is, for probes, Prometheus and people. No account is needed."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from flow_platform.api.problems import Problem, responses

router = APIRouter(tags=["service"])


class Health(BaseModel):
    """How the service is, without details: those are in its log."""

    status: Literal["ok", "degraded"]
    checks: dict[str, Literal["ok", "down"]] = Field(examples=[{"database": "ok", "models": "ok"}])


class Alive(BaseModel):
    status: Literal["ok"] = "ok"


async def _checks(request: Request) -> dict[str, Literal["ok", "down"]]:
    found: dict[str, bool] = await request.app.state.readiness.results()
    return {name: "ok" if well else "down" for name, well in found.items()}


Checks = Annotated[dict[str, Literal["ok", "down"]], Depends(_checks)]


@router.get("/health/live", summary="Is the process alive?")
async def live() -> Alive:
    """Ok as long as the process answers, whatever else is down: restart it when it does not."""
    return Alive()


@router.get("/health/ready", summary="Can it do its work?", responses=responses(503))
async def ready(request: Request, checks: Checks) -> Health:
    """503 while something it needs is down: send it no requests until this says ok."""
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


@router.get("/health", summary="How are its parts?")
async def health(checks: Checks) -> Health:
    """Always 200: `degraded` when a part is down."""
    return Health(status="degraded" if "down" in checks.values() else "ok", checks=checks)


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """Requests, latencies, refusals and model swaps in Prometheus' text format; of no person."""
    return Response(request.app.state.metrics.exposition(), media_type="text/plain; version=0.0.4")
