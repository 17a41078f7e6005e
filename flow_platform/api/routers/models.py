"""The trained vintages, which of them serve, and changing that.

Promotions and rollbacks are decided by Dagster jobs (`automation/promotion.py`): the service's
database role may not write what they write.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from flow_platform.api.access import Account, Role, needs
from flow_platform.api.in_service import read_vintages_in_service
from flow_platform.api.listing import (
    NEXT_DESCRIPTION,
    AskedDay,
    Listing,
    Page,
    day_key,
    flow_at,
    flow_in,
    invalid,
    measure_of,
    names_of,
    text_key,
)
from flow_platform.api.problems import responses
from flow_platform.api.runs import STARTED_HEADERS, Runs, Start, StartedRun
from flow_platform.flows.catalogue import CATALOGUE
from flow_platform.flows.kinds import Flow

router = APIRouter(prefix="/models", tags=["models"])

FlowPath = Annotated[str, Path(max_length=40, description=f"One of: {names_of(CATALOGUE)}.")]


class Model(BaseModel):
    """A vintage: trained on what was known before the first of its month, with the errors of its
    backtest."""

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


_MODELS = Listing(
    Model,
    "published.models",
    text_key("flow"),
    text_key("measure"),
    day_key("month"),
    text_key("candidate"),
    computed=["concat_ws('|', flow, measure, model_version) = any(%(serving)s) as is_serving"],
)

_FROM_DAY = Field(
    None, description="First day it applies to, today (UTC) or later; without it today."
)


class Promotion(BaseModel):
    """The vintage that is to serve, if it wins the comparison."""

    model_config = ConfigDict(extra="forbid")

    version: str = Field(
        max_length=200,
        examples=["lightgbm-2026-11-8caad29e"],
        description="A `model_version` of `GET /models`.",
    )
    from_day: AskedDay | None = _FROM_DAY


class Rollback(BaseModel):
    """The measure whose previous champion is to serve again."""

    model_config = ConfigDict(extra="forbid")

    measure: str | None = Field(
        None, max_length=40, description="A measure of the flow; without it, all."
    )
    from_day: AskedDay | None = _FROM_DAY


_STARTED: dict[int | str, dict[str, Any]] = {
    202: {"headers": STARTED_HEADERS},
    **responses(404, 409),
}


@router.get("", summary="Trained vintages, and which of them serve")
async def models(
    page: Page,
    account: Annotated[Account, Depends(needs(Role.ANALYST))],
    flow: Annotated[str | None, Query(max_length=40, description="Without it, every flow.")] = None,
) -> Models:
    """Of every flow, or of one."""
    flows = [flow_in(flow, "query.flow")] if flow is not None else CATALOGUE
    names = [one.name for one in flows]
    in_service = await read_vintages_in_service(page.database, names)
    serving = ["|".join((*key, one.vintage.model_version)) for key, one in in_service.items()]
    items, following = await _MODELS.page(
        page,
        {},
        ["flow = any(%(flows)s)"],
        {"flows": names, "serving": serving},
    )
    return Models(items=items, next=following)


@router.post(
    "/{flow}/promote",
    status_code=202,
    summary="Let a vintage serve if it beats the champion",
    responses=_STARTED,
)
async def promote(
    flow: FlowPath,
    body: Promotion,
    runs: Runs,
    account: Annotated[Account, Depends(needs(Role.ADMIN))],
) -> StartedRun:
    """Starts the job that replays the vintage and the champion on days that neither was trained on:
    the vintage serves only if its error is smaller beyond noise. The outcome is in `decisions` of
    `GET /pipelines/runs/{run_id}`: if the vintage loses the comparison, the run has succeeded with
    promoted = false.
    """
    chosen = flow_at(flow, CATALOGUE)
    _check_day(body.from_day)
    if not await runs.database.rows(
        "select 1 from published.models where flow = %(flow)s and model_version = %(version)s",
        {"flow": chosen.name, "version": body.version},
    ):
        raise invalid("body.version", "There is no such vintage. `GET /models` lists them.")
    start = _start("promote", "compare", chosen, account, body, {"version": body.version})
    return await runs.start(account, body, start)


@router.post(
    "/{flow}/rollback",
    status_code=202,
    summary="Let the previous champion serve again",
    responses=_STARTED,
)
async def rollback(
    flow: FlowPath,
    body: Rollback,
    runs: Runs,
    account: Annotated[Account, Depends(needs(Role.ADMIN))],
) -> StartedRun:
    """Nothing is trained or compared. Days that are over keep their forecasts; a second rollback
    goes one champion further back. `decisions` of `GET /pipelines/runs/{run_id}` names the vintage
    that serves.
    """
    chosen = flow_at(flow, CATALOGUE)
    _check_day(body.from_day)
    asked = {}
    if body.measure is not None:
        asked["measure"] = measure_of(chosen, body.measure, "body.measure")
    start = _start("rollback", "take_back", chosen, account, body, asked)
    return await runs.start(account, body, start)


def _check_day(day: date | None) -> None:
    if day is not None and day < datetime.now(UTC).date():
        raise invalid(
            "body.from_day", "is over: its forecasts stay as they are. Give today or later."
        )


def _start(
    job: str,
    op: str,
    flow: Flow,
    account: Account,
    body: Promotion | Rollback,
    asked: dict[str, str],
) -> Start:
    """The start of a job of `automation/promotion.py` with what was asked, by whom, from when."""
    config = asked | {"decided_by": str(account.id)}
    if body.from_day is not None:
        config["effective_day"] = body.from_day.isoformat()
    return Start(f"{job}_{flow.name}", {}, {"ops": {f"{op}_{flow.name}": {"config": config}}})
