"""Predictions for orders, with their outcomes, and the open orders that need somebody to act."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from flow_platform.api.access import Account, Role, needs
from flow_platform.api.centres import check_centre, day_page
from flow_platform.api.listing import (
    NEXT_DESCRIPTION,
    AskedDay,
    Listing,
    Page,
    day_key,
    moment_key,
    number_key,
    text_key,
)
from flow_platform.flows.deliveries.flow import DELIVERIES

router = APIRouter(tags=["deliveries"])

Region = Annotated[
    str | None, Query(max_length=200, description="Region that the order is delivered to.")
]


class OrderScore(BaseModel):
    """The prediction for an order at one moment, by vintages trained before it, and the outcome."""

    order_id: str
    centre_id: str = Field(examples=["SP"], description="Region.")
    scored_at: datetime = Field(description="UTC.")
    stage: Literal["approved", "in_transit"]
    predicted_days: float = Field(description="Days from placing to delivery.")
    lower_80: float
    upper_80: float
    late_probability: float
    threshold: float = Field(
        description="From this probability on the risk is high, by the costs that are configured."
    )
    is_high_risk: bool
    actual_days: float | None = Field(description="Null until it is delivered.")
    was_late: bool | None = Field(
        description="Whether it was delivered after the moment promised when it was approved."
    )
    model_version: str
    late_version: str = Field(description="The version that predicted the probability.")


class OrderScores(BaseModel):
    """A page of predictions by region, order and moment."""

    day: date = Field(description="UTC day on which the orders were placed.")
    items: list[OrderScore]
    next: str | None = Field(description=NEXT_DESCRIPTION)


class Reason(BaseModel):
    """What raised the risk of an order; the effect is in log-odds."""

    feature: str = Field(examples=["lane_late"])
    effect: float


class OrderAtRisk(BaseModel):
    """An open order at high risk that nobody has resolved, with its newest prediction."""

    order_id: str
    centre_id: str = Field(examples=["SP"], description="Region.")
    status: Literal["placed", "approved", "in_transit"]
    shipper: str | None = Field(
        description="The carrier, or the seller where the carrier is unknown."
    )
    category: str | None
    price: float | None
    placed_at: datetime = Field(description="UTC.")
    promised_at: datetime | None
    predicted_at: datetime = Field(
        description="When it will be delivered, by the middle of the band (UTC)."
    )
    lower_80: float = Field(description="Days from placing to delivery.")
    upper_80: float
    late_probability: float
    threshold: float
    reasons: list[Reason]
    scored_at: datetime
    last_action: str | None = Field(description="The last action of the desk.")
    last_acted_at: datetime | None


class OrdersAtRisk(BaseModel):
    """A page of orders, the riskiest first."""

    items: list[OrderAtRisk]
    next: str | None = Field(description=NEXT_DESCRIPTION)


# In the order of the partitions, by which the scores are indexed.
_SCORES = Listing(
    OrderScore,
    "published.delivery_predictions",
    text_key("centre_id"),
    day_key("day"),
    text_key("order_id"),
    moment_key("scored_at"),
)
# The riskiest first: pages are in ascending order.
_AT_RISK = Listing(
    OrderAtRisk,
    "published.delivery_orders",
    number_key("safety"),
    text_key("order_id"),
    computed=["1 - late_probability as safety"],
)
_OPEN = (
    "status in ('placed', 'approved', 'in_transit') and is_high_risk"
    " and not coalesce(is_resolved, false)"
)
_PASSED = "promised_at < now()"
_PROMISES = {"any": "true", "passed": _PASSED, "ahead": f"not coalesce({_PASSED}, false)"}


@router.get("/deliveries/predictions", summary="Predictions for orders, with outcomes")
async def predictions(
    page: Page,
    account: Annotated[Account, Depends(needs(Role.VIEWER))],
    day: Annotated[AskedDay, Query(description="UTC day on which the orders were placed.")],
    centre: Region = None,
    stage: Annotated[
        Literal["approved", "in_transit"] | None,
        Query(description="Where the order was at the time of the prediction; without it, both."),
    ] = None,
) -> OrderScores:
    """All predictions for the orders of a day: one when an order is approved, and one at each
    tracking event, by a vintage that was trained before that moment.
    """
    items, following = await day_page(_SCORES, page, DELIVERIES, day, centre, {"stage": stage})
    return OrderScores(day=day, items=items, next=following)


@router.get("/deliveries/at-risk", summary="Open orders at high risk, the riskiest first")
async def at_risk(
    page: Page,
    account: Annotated[Account, Depends(needs(Role.VIEWER))],
    centre: Region = None,
    promise: Annotated[
        Literal["any", "ahead", "passed"],
        Query(
            description="Which orders: all, those whose promised moment is still ahead, or those"
            " where it has passed."
        ),
    ] = "any",
) -> OrdersAtRisk:
    """The list of the deliveries desk: orders that are neither delivered nor cancelled, and that
    the desk has not resolved. The desk's notes and their authors are not included.
    """
    await check_centre(page.database, DELIVERIES, centre)
    items, following = await _AT_RISK.page(page, {"centre_id": centre}, [_OPEN, _PROMISES[promise]])
    return OrdersAtRisk(items=items, next=following)
