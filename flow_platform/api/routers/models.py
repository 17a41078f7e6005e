"""The trained vintages, who serves, and changing that.

Promotions and rollbacks are decided by Dagster jobs (`automation/promotion.py`): the service's
database role may not write what they write.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from flow_platform.api.access import Account, Role, needs
from flow_platform.api.database import Database
from flow_platform.api.lineup import standings
from flow_platform.api.listing import (
    NEXT_DESCRIPTION,
    AskedDay,
    Cursor,
    Limit,
    Pages,
    day_key,
    flow_at,
    flow_in,
    invalid,
    measure_of,
    text_key,
)
from flow_platform.api.problems import responses
from flow_platform.api.runs import STARTED_HEADERS, IdempotencyKey, Start, StartedRun, start_run
from flow_platform.flows import CATALOGUE, Flow

router = APIRouter(prefix="/models", tags=["models"])

_PAGES = Pages(*(text_key("flow"), text_key("measure"), day_key("month"), text_key("candidate")))
_COLUMNS = (
    *("flow", "measure", "candidate", "month", "model_version", "is_champion", "mae", "rmse"),
    *("mape", "wape", "mase", "bias", "coverage_80", "coverage_95", "trained_rows", "train_first"),
    *("train_last", "trained_at", "sha256"),
)

FlowPath = Annotated[str, Path(max_length=40, description="parcels, retail, traffic or trips.")]


class Model(BaseModel):
    """A vintage: all it saw was known before the first of its month. Errors are its backtest's."""

    flow: str
    measure: str
    candidate: str = Field(examples=["lightgbm"])
    month: date
    model_version: str = Field(examples=["lightgbm-2026-11-8caad29e"])
    is_champion: bool = Field(description="Whether it is the champion of its month.")
    is_serving: bool = Field(description="Whether it serves today (UTC).")
    mae: float | None
    rmse: float | None
    mape: float | None
    wape: float | None
    mase: float | None
    bias: float | None
    coverage_80: float | None
    coverage_95: float | None
    trained_rows: int
    train_first: date
    train_last: date
    trained_at: datetime
    sha256: str


class Models(BaseModel):
    """A page of vintages by flow, measure, month and candidate."""

    items: list[Model]
    next: str | None = Field(description=NEXT_DESCRIPTION)


_FROM_DAY = Field(
    None, description="First day it counts for, today (UTC) or later; without it today."
)


class Promotion(BaseModel):
    """Which vintage is to serve, if it wins."""

    model_config = ConfigDict(extra="forbid")

    version: str = Field(
        max_length=200, examples=["lightgbm-2026-11-8caad29e"], description="As GET /models has it."
    )
    from_day: AskedDay | None = _FROM_DAY


class Rollback(BaseModel):
    """Whose champion is to be taken back."""

    model_config = ConfigDict(extra="forbid")

    measure: str | None = Field(
        None, max_length=40, description="One of the flow's; without it, all."
    )
    from_day: AskedDay | None = _FROM_DAY


_STARTED: dict[int | str, dict[str, Any]] = {
    202: {"headers": STARTED_HEADERS},
    **responses(404, 409),
}


@router.get("", summary="Trained vintages, and who serves")
async def models(
    request: Request,
    account: Annotated[Account, Depends(needs(Role.ANALYST))],
    flow: Annotated[str | None, Query(max_length=40, description="Without it, every flow.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Models:
    """Of every flow, or of one."""
    flows = [flow_in(flow, "query.flow")] if flow is not None else list(CATALOGUE)
    names = [one.name for one in flows]
    database: Database = request.app.state.database
    after, params = _PAGES.after(cursor)
    rows = await database.rows(
        f"select {', '.join(_COLUMNS)} from published.models where flow = any(%(flows)s)"
        f" and {after} order by {_PAGES.order} limit %(rows)s",
        params | {"flows": names, "rows": limit + 1},
    )
    serving = {
        (*key, standing.serving.model_version)
        for key, standing in (await standings(database, names)).items()
    }
    shown, following = _PAGES.page(request, rows, limit)
    return Models(
        items=[
            Model(
                **row,
                is_serving=(row["flow"], row["measure"], row["model_version"]) in serving,
            )
            for row in shown
        ],
        next=following,
    )


@router.post(
    "/{flow}/promote",
    status_code=202,
    summary="Let a vintage serve if it beats the champion",
    responses=_STARTED,
)
async def promote(
    flow: FlowPath,
    body: Promotion,
    request: Request,
    response: Response,
    account: Annotated[Account, Depends(needs(Role.ADMIN))],
    idempotency_key: IdempotencyKey = None,
) -> StartedRun:
    """Starts the job that replays the vintage and the champion on days new to both: the vintage
    serves only if its error is smaller beyond noise. `decisions` of `GET /pipelines/runs/{run_id}`
    says how it ended: a comparison that was lost is a run that succeeded, with promoted = false.
    """
    chosen = flow_at(flow, CATALOGUE)
    _check_day(body.from_day)
    database: Database = request.app.state.database
    if not await database.rows(
        "select 1 from published.models where flow = %(flow)s and model_version = %(version)s",
        {"flow": chosen.name, "version": body.version},
    ):
        raise invalid("body.version", "There is no such vintage. `GET /models` lists them.")
    start = _start("promote", "compare", chosen, account, body, {"version": body.version})
    return await start_run(
        request, response, account, idempotency_key, body.model_dump(mode="json"), start
    )


@router.post(
    "/{flow}/rollback",
    status_code=202,
    summary="Let the champion before the present one serve again",
    responses=_STARTED,
)
async def rollback(
    flow: FlowPath,
    body: Rollback,
    request: Request,
    response: Response,
    account: Annotated[Account, Depends(needs(Role.ADMIN))],
    idempotency_key: IdempotencyKey = None,
) -> StartedRun:
    """Nothing is trained and nothing compared. Days that are over keep their forecasts; once more
    goes one champion further back. `decisions` of `GET /pipelines/runs/{run_id}` says who serves.
    """
    chosen = flow_at(flow, CATALOGUE)
    _check_day(body.from_day)
    asked = {}
    if body.measure is not None:
        asked["measure"] = measure_of(chosen, body.measure, "body.measure")
    start = _start("rollback", "take_back", chosen, account, body, asked)
    return await start_run(
        request, response, account, idempotency_key, body.model_dump(mode="json"), start
    )


def _check_day(day: date | None) -> None:
    if day is not None and day < datetime.now(UTC).date():
        raise invalid("body.from_day", "is over: what was said on it stays. Give today or later.")


def _start(
    job: str,
    op: str,
    flow: Flow,
    account: Account,
    body: Promotion | Rollback,
    asked: dict[str, str],
) -> Start:
    """A job of `automation/promotion.py`, told what is asked, who asks and from which day on."""
    config = asked | {"decided_by": str(account.id)}
    if body.from_day is not None:
        config["effective_day"] = body.from_day.isoformat()
    return Start(f"{job}_{flow.name}", {}, {"ops": {f"{op}_{flow.name}": {"config": config}}})
