"""Forecasts of series flows, page by page, from the published views. Nothing is computed here.

Predictions for single records are in the packages of their flows (`flows/<flow>/api`).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field

from flow_platform.api.access import Account, Role, needs
from flow_platform.api.centres import check_centre
from flow_platform.api.flow_api import FlowApi
from flow_platform.api.listing import (
    NEXT_DESCRIPTION,
    AskedDay,
    Listing,
    Page,
    check_order,
    flow_at,
    invalid,
    measure_of,
    moment_key,
    names_of,
    text_key,
)
from flow_platform.api.problems import responses
from flow_platform.flows.catalogue import SERIES_FLOWS
from flow_platform.flows.kinds import SeriesFlow

# A field may not have the name of its own type.
Day = date

router = APIRouter(tags=["forecasts"])

# A target's local day differs from its UTC day by at most one.
_A_DAY = timedelta(days=1)


class Forecast(BaseModel):
    """The forecast for one target: a centre's number on a day, or in an hour."""

    centre_id: str = Field(examples=["1"])
    target_at: datetime = Field(
        description="UTC: start of the target's local day; of hourly flows the end of the hour."
    )
    date: Day = Field(description="Local day of the target.")
    horizon: int = Field(examples=[1], description="Steps of the flow after the issue.")
    prediction: float = Field(examples=[51804.2])
    lower_80: float
    upper_80: float
    lower_95: float
    upper_95: float
    issued_at: datetime = Field(description="UTC.")
    issued_on: Day
    model_version: str = Field(examples=["blend-2026-11-bcd4f46c"])
    level: str | None = Field(
        description="Of road traffic: fluid, dense, saturated or blocked. Null for other flows."
    )


class Forecasts(BaseModel):
    """A page of forecasts by centre and target."""

    flow: str
    measure: str
    items: list[Forecast]
    next: str | None = Field(description=NEXT_DESCRIPTION)


_KEYS = (text_key("centre_id"), moment_key("target_at"))
_LATEST = Listing(Forecast, "published.latest_predictions", *_KEYS)
_ALL = Listing(Forecast, "published.predictions", *_KEYS)


@router.get("/forecasts/{flow}", summary="Forecasts of a flow", responses=responses(404))
async def forecasts(
    request: Request,
    page: Page,
    account: Annotated[Account, Depends(needs(Role.VIEWER))],
    flow: Annotated[str, Path(max_length=40, description=f"One of: {names_of(SERIES_FLOWS)}.")],
    centre: Annotated[
        str | None, Query(max_length=200, description="Without it, every centre.")
    ] = None,
    first: Annotated[
        AskedDay | None,
        Query(alias="from", description="First local day of targets; without it today (UTC)."),
    ] = None,
    last: Annotated[
        AskedDay | None,
        Query(alias="to", description="Last local day of targets; without it there is no end."),
    ] = None,
    horizon: Annotated[
        int | None,
        Query(ge=1, le=10_000, description="Only forecasts issued this many steps ahead."),
    ] = None,
    measure: Annotated[
        str | None, Query(max_length=40, description="Without it, the flow's first measure.")
    ] = None,
) -> Forecasts:
    """Without `horizon`: the newest forecast for each target. With it: the forecasts issued that
    many steps ahead, for past targets too; errors are measured on these.
    """
    chosen = flow_at(flow, SERIES_FLOWS, _records_hint(request))
    own = measure_of(chosen, measure) if measure is not None else chosen.measures[0]
    check_order(first, last)
    _check_horizon(chosen, horizon)
    await check_centre(page.database, chosen, centre)
    begin = first or datetime.now(UTC).date()
    # By moment too, by which the forecasts are indexed.
    where = ["target_at >= %(from_at)s and date >= %(from)s"]
    params: dict[str, object] = {"from": begin, "from_at": _midnight(begin, -_A_DAY)}
    if last is not None:
        where.append("target_at < %(to_at)s and date <= %(to)s")
        params |= {"to": last, "to_at": _midnight(last, 2 * _A_DAY)}
    items, following = await (_LATEST if horizon is None else _ALL).page(
        page,
        {"flow": chosen.name, "measure": own, "centre_id": centre, "horizon": horizon},
        where,
        params,
    )
    return Forecasts(flow=chosen.name, measure=own, items=items, next=following)


def _records_hint(request: Request) -> str:
    """Where the predictions of flows that have no series are."""
    apis: dict[str, FlowApi] = request.app.state.flow_apis
    paths = [api.day_path.split("?")[0] for api in apis.values() if api.day_path is not None]
    if not paths:
        return ""
    return f" Predictions for single records are at GET {' and '.join(paths)}."


def _check_horizon(flow: SeriesFlow, horizon: int | None) -> None:
    if horizon is not None and horizon > flow.longest_horizon:
        reach = flow.longest_horizon
        raise invalid("query.horizon", f"{flow.name} is forecast up to {reach} steps ahead.")


def _midnight(day: date, shift: timedelta) -> datetime:
    """The start of a UTC day, moved by `shift` unless no datetime can hold that."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    try:
        return start + shift
    except OverflowError:
        return start
