"""What was said of orders and what came of it, and the open orders that somebody should act on."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from flow_platform.api.access import Account, Role, needs
from flow_platform.api.database import Database
from flow_platform.api.listing import (
    NEXT_DESCRIPTION,
    AskedDay,
    Cursor,
    Limit,
    Pages,
    day_key,
    moment_key,
    number_key,
    text_key,
)
from flow_platform.api.routers.forecasts import centres_condition, check_centre
from flow_platform.flows.deliveries.flow import DELIVERIES

router = APIRouter(tags=["deliveries"])

# In the order of the partitions, which are what the scores are indexed by.
_SCORES = Pages(
    text_key("centre_id"), day_key("day"), text_key("order_id"), moment_key("scored_at")
)
# The riskiest first; of no two orders is the number the same.
_AT_RISK = Pages(number_key("safety"), text_key("order_id"))
_PASSED = "promised_at < now()"
_PROMISES = {"any": "true", "passed": _PASSED, "ahead": f"not coalesce({_PASSED}, false)"}

Region = Annotated[str | None, Query(max_length=200, description="Region the order is for.")]


class OrderScore(BaseModel):
    """What was said of an order at a moment, by vintages trained before it."""

    order_id: str
    centre_id: str = Field(examples=["SP"], description="Region.")
    scored_at: datetime = Field(description="UTC.")
    stage: Literal["approved", "in_transit"]
    predicted_days: float = Field(description="From placing to delivery.")
    lower_80: float
    upper_80: float
    late_probability: float
    threshold: float = Field(description="High risk from this probability on, by stated costs.")
    is_high_risk: bool
    actual_days: float | None = Field(description="Null until it is delivered.")
    was_late: bool | None = Field(description="After the promise in force when it was approved.")
    model_version: str
    late_version: str = Field(description="The version that said the probability.")


class OrderScores(BaseModel):
    """A page of scores by region, order and moment."""

    day: date = Field(description="UTC day on which the orders were placed.")
    items: list[OrderScore]
    next: str | None = Field(description=NEXT_DESCRIPTION)


class Reason(BaseModel):
    """What raised the risk of an order, and by how much (log-odds)."""

    feature: str = Field(examples=["lane_late"])
    effect: float


class OrderAtRisk(BaseModel):
    """An open order at high risk that nobody has resolved, by what was said of it last."""

    order_id: str
    centre_id: str = Field(examples=["SP"], description="Region.")
    status: Literal["placed", "approved", "in_transit"]
    shipper: str | None = Field(description="Carrier, or the seller where none is known.")
    category: str | None
    price: float | None
    placed_at: datetime = Field(description="UTC.")
    promised_at: datetime | None
    predicted_at: datetime = Field(description="When it will come, by the middle of the band.")
    lower_80: float = Field(description="Days from placing.")
    upper_80: float
    late_probability: float
    threshold: float
    reasons: list[Reason]
    scored_at: datetime
    last_action: str | None = Field(description="What the desk did last.")
    last_acted_at: datetime | None


class OrdersAtRisk(BaseModel):
    """A page of orders, the riskiest first."""

    items: list[OrderAtRisk]
    next: str | None = Field(description=NEXT_DESCRIPTION)


@router.get("/deliveries/predictions", summary="What was said of orders, and what came of it")
async def predictions(
    request: Request,
    account: Annotated[Account, Depends(needs(Role.VIEWER))],
    day: Annotated[AskedDay, Query(description="UTC day on which the orders were placed.")],
    centre: Region = None,
    stage: Literal["approved", "in_transit"] | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> OrderScores:
    """Every score of the orders of a day: one when an order is approved, one more at each tracking
    event, each of a vintage that was trained before it.
    """
    database: Database = request.app.state.database
    if centre is not None:
        await check_centre(database, DELIVERIES.name, centre)
    after, more = _SCORES.after(cursor)
    params: dict[str, Any] = {
        **{"flow": DELIVERIES.name, "centre": centre, "day": day},
        **{"stage": stage, "rows": limit + 1},
    }
    rows = await database.rows(
        "select order_id, centre_id, day, scored_at, stage, predicted_days, lower_80, upper_80,"
        " late_probability, threshold, is_high_risk, actual_days, was_late, model_version,"
        " late_version from published.delivery_predictions"
        f" where {centres_condition(centre)} and day = %(day)s"
        f" and (%(stage)s::text is null or stage = %(stage)s) and {after}"
        f" order by {_SCORES.order} limit %(rows)s",
        params | more,
    )
    shown, following = _SCORES.page(request, rows, limit)
    return OrderScores(
        day=day, items=[OrderScore.model_construct(**row) for row in shown], next=following
    )


@router.get("/deliveries/at-risk", summary="Open orders at high risk, the riskiest first")
async def at_risk(
    request: Request,
    account: Annotated[Account, Depends(needs(Role.VIEWER))],
    centre: Region = None,
    promise: Annotated[
        Literal["any", "ahead", "passed"],
        Query(description="Of all, of those whose promise can still be kept, or of the others."),
    ] = "any",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> OrdersAtRisk:
    """What the deliveries desk lists: neither delivered, nor cancelled, nor resolved there. Notes
    and their authors are the desk's own.
    """
    database: Database = request.app.state.database
    if centre is not None:
        await check_centre(database, DELIVERIES.name, centre)
    after, more = _AT_RISK.after(cursor)
    rows = await database.rows(
        "select * from (select order_id, centre_id, status, shipper, category, price, placed_at,"
        " promised_at, predicted_at, lower_80, upper_80, late_probability, threshold, reasons,"
        " scored_at, last_action, last_acted_at, 1 - late_probability as safety"
        " from published.delivery_orders where status in ('placed', 'approved', 'in_transit')"
        " and is_high_risk and not coalesce(is_resolved, false)"
        f" and (%(centre)s::text is null or centre_id = %(centre)s) and {_PROMISES[promise]}"
        f") as orders where {after} order by {_AT_RISK.order} limit %(rows)s",
        {"centre": centre, "rows": limit + 1} | more,
    )
    shown, following = _AT_RISK.page(request, rows, limit)
    return OrdersAtRisk(
        items=[
            OrderAtRisk.model_construct(
                **row | {"reasons": [Reason.model_construct(**one) for one in row["reasons"]]}
            )
            for row in shown
        ],
        next=following,
    )
