"""Starting the pipelines of a flow over a range, and reading their runs.

Dagster runs them and knows the partitions; what a stage does is in `stages/`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from flow_platform.api.access import Account, Role, needs
from flow_platform.api.asset_keys import merged_key, model_key
from flow_platform.api.dagster_client import (
    RANGE_END_TAG,
    RANGE_START_TAG,
    DagsterClient,
    DagsterDown,
    Run,
)
from flow_platform.api.database import Database
from flow_platform.api.flow_api import FlowApi
from flow_platform.api.listing import AskedDay, flow_in, invalid, names_of
from flow_platform.api.problems import Problem, responses
from flow_platform.api.runs import (
    STARTED_HEADERS,
    Runs,
    Start,
    StartedRun,
    dagster_down,
    own_tags,
)
from flow_platform.flows.catalogue import CATALOGUE
from flow_platform.flows.kinds import Flow, SeriesFlow

router = APIRouter(prefix="/pipelines", tags=["pipelines"])

Pipeline = Literal["ingest", "etl", "training", "predict"]
# Most partitions of one run: each is an event in Dagster's database before the run begins.
MOST_PARTITIONS = 50_000
# With this tag the model asset also decides the champions of its months (assets/models.py).
CHAMPIONS_TAG, CHAMPIONS = "flow/champions", "name"
# By pipeline, the second part of the job's name; the first is the flow.
_JOBS: dict[Pipeline, str] = {
    "ingest": "ingest",
    "etl": "etl",
    "training": "models",
    "predict": "predict",
}
_EXAMPLES = 10


class PipelineRange(BaseModel):
    """The flow, the days and the centres to run a pipeline for."""

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={
            "examples": [{"flow": "parcels", "from": "2026-11-01", "to": "2026-11-10"}]
        },
    )

    flow: str = Field(max_length=40, description=f"One of: {names_of(CATALOGUE)}.")
    first: AskedDay = Field(
        alias="from", description="First partition day (UTC); for training, its month."
    )
    last: AskedDay = Field(
        alias="to", description="Last partition day (UTC); for training, its month."
    )
    centres: list[Annotated[str, Field(max_length=200)]] | None = Field(
        None,
        min_length=1,
        max_length=10_000,
        description="Centres that are adjacent in the flow's order; without it, all. Training is"
        " always for all.",
    )


class FailedStep(BaseModel):
    """A step that failed, and its reason."""

    step: str
    reason: str = Field(examples=["There is no vintage of 2026-11: too little history."])


class PipelineRun(BaseModel):
    """A run as it is now."""

    run_id: str
    job: str
    status: Literal["queued", "running", "succeeded", "failed", "canceled"]
    created_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    steps_done: int
    steps_total: int | None
    failed_steps: list[FailedStep] = Field(description="Empty unless the run failed.")
    decisions: list[dict[str, Any]] | None = Field(
        description="Of a promotion or rollback that succeeded: the version that serves, and the"
        " reason."
    )
    results: str | None = Field(
        examples=["/forecasts/parcels?from=2026-11-01"],
        description="Address of the run's results, once it has succeeded.",
    )
    tags: dict[str, str]


@router.post(
    "/{pipeline}/runs",
    status_code=202,
    summary="Start a pipeline of a flow over a range of days",
    responses={202: {"headers": STARTED_HEADERS}, **responses(409)},
)
async def start(
    pipeline: Pipeline,
    body: PipelineRange,
    runs: Runs,
    account: Annotated[Account, Depends(needs(Role.OPERATOR))],
) -> StartedRun:
    """**ingest** loads the source's rows, **etl** builds the merged table from them, **training**
    trains every candidate of the months and decides their champions, **predict** issues forecasts
    or scores and measures their errors. One run covers the whole range and replaces what earlier
    runs of it made, so that starting it again is safe. The answer does not wait for the run, which
    can be followed at `Location`.
    """
    chosen = flow_in(body.flow, "body.flow")
    if body.first > body.last:
        raise invalid("body.from", "is after `to`. Swap them.")
    try:
        if pipeline == "training":
            tags = await _months(runs.dagster, chosen, body)
        else:
            tags = await _rectangle(runs.dagster, runs.database, chosen, body)
    except DagsterDown as error:
        raise dagster_down(error) from error
    return await runs.start(account, body, Start(f"{chosen.name}_{_JOBS[pipeline]}", tags))


@router.get("/runs/{run_id}", summary="The state of a run", responses=responses(404))
async def run(
    run_id: Annotated[uuid.UUID, Path(description="As returned when the run was started.")],
    request: Request,
    account: Annotated[Account, Depends(needs(Role.OPERATOR))],
) -> PipelineRun:
    """Repeat the request until `status` is succeeded, failed or canceled."""
    client: DagsterClient = request.app.state.dagster
    try:
        found = await client.run(str(run_id))
        if found is None:
            raise Problem(404, detail="There is no run of this id.")
        failures = await client.failures(found) if found.status == "failed" else []
        decisions = None
        if found.status == "succeeded" and found.job.startswith(("promote_", "rollback_")):
            decisions = await client.output(found.run_id, "decisions")
    except DagsterDown as error:
        raise dagster_down(error) from error
    return PipelineRun(
        run_id=found.run_id,
        job=found.job,
        status=found.status,
        created_at=found.created_at,
        started_at=found.started_at,
        ended_at=found.ended_at,
        steps_done=found.steps_done,
        steps_total=found.steps_total,
        failed_steps=[FailedStep(step=one.step, reason=one.reason) for one in failures],
        decisions=decisions,
        results=_results(found, request) if found.status == "succeeded" else None,
        tags=own_tags(found),
    )


async def _months(client: DagsterClient, flow: Flow, body: PipelineRange) -> dict[str, str]:
    if body.centres is not None:
        raise invalid("body.centres", "Training is for all centres. Leave them out.")
    keys = await client.partitions(model_key(flow))
    months, candidates = keys["month"], keys["candidate"]
    first, last = (str(day.replace(day=1)) for day in (body.first, body.last))
    if first < months[0]:
        raise invalid("body.from", f"The first month is {months[0][:7]}.")
    if last > months[-1]:
        raise invalid("body.to", f"The last month that has begun is {months[-1][:7]}.")
    return {
        RANGE_START_TAG: f"{candidates[0]}|{first}",
        RANGE_END_TAG: f"{candidates[-1]}|{last}",
        CHAMPIONS_TAG: CHAMPIONS,
    }


async def _rectangle(
    client: DagsterClient, database: Database, flow: Flow, body: PipelineRange
) -> dict[str, str]:
    keys = await client.partitions(merged_key(flow))
    centres, days = keys["centre"], keys["day"]
    if not centres:
        raise Problem(
            409,
            detail=f"The source of {flow.name} has no centre yet. See `flow doctor`.",
            type="no-centre",
        )
    if str(body.first) < days[0]:
        raise invalid("body.from", f"The first partition day is {days[0]}.")
    if str(body.last) > days[-1]:
        raise invalid("body.to", f"The last complete partition day is {days[-1]}.")
    chosen = centres
    if body.centres is not None:
        areas = await _areas(database, flow, body.centres, centres)
        chosen = _adjacent(areas, centres)
    count = len(chosen) * ((body.last - body.first).days + 1)
    if count > MOST_PARTITIONS:
        raise invalid(
            "body.to",
            f"{count} partitions are more than the {MOST_PARTITIONS} of one run. Start several.",
        )
    return {
        RANGE_START_TAG: f"{chosen[0]}|{body.first}",
        RANGE_END_TAG: f"{chosen[-1]}|{body.last}",
    }


async def _areas(
    database: Database, flow: Flow, wanted: Sequence[str], centres: Sequence[str]
) -> list[str]:
    """The partition keys of centres: those that share a partition have the key of their area."""
    known = set(centres)
    if known.issuperset(wanted):
        return list(wanted)
    rows = await database.rows(
        "select centre_id, area from published.centres"
        " where flow = %(flow)s and centre_id = any(%(wanted)s) and area is not null",
        {"flow": flow.name, "wanted": list(wanted)},
    )
    areas = {row["centre_id"]: row["area"] for row in rows}
    return [one if one in known else areas.get(one, one) for one in wanted]


def _adjacent(wanted: Sequence[str], centres: Sequence[str]) -> list[str]:
    """The wanted partition keys in order. Raises Problem 422 unless they follow one another."""
    place = {centre: index for index, centre in enumerate(centres)}
    if any(one not in place for one in wanted):
        some = ", ".join(centres[:_EXAMPLES]) + (" ..." if len(centres) > _EXAMPLES else "")
        raise invalid("body.centres", f"One is not a centre of the flow. There are: {some}.")
    places = sorted({place[one] for one in wanted})
    if places[-1] - places[0] + 1 != len(places):
        raise invalid(
            "body.centres",
            "They are not side by side in the flow's order, and one run covers one block. Start"
            " one run for each block, or leave them out for all.",
        )
    return [centres[index] for index in places]


def _results(run: Run, request: Request) -> str | None:
    """Address of what a run made; None where the service does not have it."""
    for flow in CATALOGUE:
        if run.job in (f"{flow.name}_models", f"promote_{flow.name}", f"rollback_{flow.name}"):
            return f"/models?flow={flow.name}"
        if run.job in (f"{flow.name}_ingest", f"{flow.name}_etl"):
            return f"/analytics/kpis?flow={flow.name}"
        if run.job == f"{flow.name}_predict":
            first = run.tags.get(RANGE_START_TAG, "|").split("|")[-1]
            return _predictions_address(flow, first, request.app.state.flow_apis)
    return None


def _predictions_address(flow: Flow, day: str, apis: Mapping[str, FlowApi]) -> str | None:
    """Where the predictions of a partition day are read."""
    if isinstance(flow, SeriesFlow):
        return f"/forecasts/{flow.name}?from={day}"
    own = apis.get(flow.name)
    return own.day_path.format(day=day) if own and own.day_path else None
