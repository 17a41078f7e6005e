"""What was forecast, page by page, as the published views have it. Nothing is computed here.

Series flows alone: what was said of single trips is in `trips.py`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field

from flow_platform.api.access import Account, Role, needs
from flow_platform.api.database import Database
from flow_platform.api.listing import (
    NEXT_DESCRIPTION,
    AskedDay,
    Cursor,
    Limit,
    Pages,
    check_order,
    flow_at,
    invalid,
    measure_of,
    moment_key,
    text_key,
)
from flow_platform.api.problems import responses
from flow_platform.flows import SERIES_FLOWS

# A field may not bear the name of its own type.
Day = date

router = APIRouter(tags=["forecasts"])

_PAGES = Pages(text_key("centre_id"), moment_key("target_at"))
# A target's local day differs from its UTC day by at most one.
_A_DAY = timedelta(days=1)
_EXAMPLES = 10


class Forecast(BaseModel):
    """What was said of one target: a centre's number on a day, or in an hour."""

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
    level: str | None = Field(description="Of traffic: fluid, dense, saturated or blocked.")


class Forecasts(BaseModel):
    """A page of forecasts by centre and target."""

    flow: str
    measure: str
    items: list[Forecast]
    next: str | None = Field(description=NEXT_DESCRIPTION)


@router.get("/forecasts/{flow}", summary="Forecasts of a flow", responses=responses(404))
async def forecasts(
    request: Request,
    account: Annotated[Account, Depends(needs(Role.VIEWER))],
    flow: Annotated[str, Path(max_length=40, description="parcels, retail or traffic.")],
    centre: Annotated[str | None, Query(max_length=200, description="Without it, all.")] = None,
    first: Annotated[
        AskedDay | None,
        Query(alias="from", description="First local day of targets; without it today (UTC)."),
    ] = None,
    last: Annotated[
        AskedDay | None,
        Query(alias="to", description="Last local day; without it there is no end."),
    ] = None,
    horizon: Annotated[
        int | None,
        Query(ge=1, le=10_000, description="What was said so many steps ahead, of each target."),
    ] = None,
    measure: Annotated[
        str | None, Query(max_length=40, description="Without it the flow's first.")
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Forecasts:
    """Without `horizon`: the newest issue for each target. With it: what was said that many steps
    ahead, of past targets too, which is what errors are counted from.
    """
    chosen = flow_at(
        flow,
        SERIES_FLOWS,
        " What was said of single records is at GET"
        " /trips/predictions and /deliveries/predictions.",
    )
    own = measure_of(chosen, measure) if measure is not None else chosen.measures[0]
    check_order(first, last)
    reach = chosen.longest_horizon
    if horizon is not None and horizon > reach:
        raise invalid("query.horizon", f"{flow} reaches {reach} steps ahead.")
    database: Database = request.app.state.database
    if centre is not None:
        await check_centre(database, chosen.name, centre)
    begin = first or datetime.now(UTC).date()
    after, more = _PAGES.after(cursor)
    table = "published.predictions" if horizon is not None else "published.latest_predictions"
    conditions = [
        "flow = %(flow)s and measure = %(measure)s",
        # By moment too: it is what the forecasts are indexed by.
        "target_at >= %(from_at)s and date >= %(from)s",
        after,
    ]
    params: dict[str, Any] = {
        "flow": chosen.name,
        "measure": own,
        "from": begin,
        "from_at": _midnight(begin, -_A_DAY),
        "rows": limit + 1,
    }
    if last is not None:
        conditions.append("target_at < %(to_at)s and date <= %(to)s")
        params |= {"to": last, "to_at": _midnight(last, 2 * _A_DAY)}
    if centre is not None:
        conditions.append("centre_id = %(centre)s")
        params["centre"] = centre
    if horizon is not None:
        conditions.append("horizon = %(horizon)s")
        params["horizon"] = horizon
    rows = await database.rows(
        "select centre_id, target_at, date, horizon, prediction, lower_80, upper_80, lower_95,"
        f" upper_95, issued_at, issued_on, model_version, level from {table}"
        f" where {' and '.join(conditions)} order by {_PAGES.order} limit %(rows)s",
        params | more,
    )
    shown, following = _PAGES.page(request, rows, limit)
    return Forecasts(
        flow=chosen.name,
        measure=own,
        items=[Forecast.model_construct(**row) for row in shown],
        next=following,
    )


async def check_centre(database: Database, flow: str, centre: str) -> None:
    """Raise 422 naming some centres unless the flow has this one."""
    rows = await database.rows(
        "select centre_id from published.centres where flow = %(flow)s"
        " order by centre_id = %(centre)s desc, centre_id limit %(examples)s",
        {"flow": flow, "centre": centre, "examples": _EXAMPLES + 1},
    )
    known = [row["centre_id"] for row in rows]
    if centre not in known:
        some = f"{', '.join(known[:_EXAMPLES])}{' ...' if len(known) > _EXAMPLES else ''}"
        raise invalid(
            "query.centre", f"{flow} has no such centre. There are: {some or 'none yet'}."
        )


def centres_condition(centre: str | None) -> str:
    """SQL for rows of the asked centre, or of every one of %(flow)s: the centres are named, so that
    an index on (centre, day) serves either way."""
    if centre is not None:
        return "centre_id = %(centre)s"
    return "centre_id in (select centre_id from published.centres where flow = %(flow)s)"


def _midnight(day: date, shift: timedelta) -> datetime:
    try:
        return datetime(day.year, day.month, day.day, tzinfo=UTC) + shift
    except OverflowError:
        # The first and the last days that a date can be.
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
