"""The zones of the trips, and predictions for past trips with how long they really took."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from flow_platform.api.access import Account, Role, needs
from flow_platform.api.centres import day_page
from flow_platform.api.listing import (
    NEXT_DESCRIPTION,
    AskedDay,
    FullPage,
    Listing,
    Page,
    day_key,
    integer_key,
    text_key,
)
from flow_platform.flows.trips.flow import TRIPS

router = APIRouter(tags=["trips"])


class TripZone(BaseModel):
    """A zone; the coordinates are of a point inside it (WGS 84), where the source has them."""

    zone_id: int = Field(examples=[161])
    zone: str = Field(examples=["Midtown Center"])
    centre_id: str = Field(examples=["Manhattan"], description="Its borough.")
    latitude: float | None
    longitude: float | None


class TripZones(BaseModel):
    """A page of zones by id."""

    items: list[TripZone]
    next: str | None = Field(description=NEXT_DESCRIPTION)


class TripScore(BaseModel):
    """The prediction for a trip, by a vintage trained before the trip's day, and the outcome."""

    trip_id: str
    centre_id: str = Field(examples=["Manhattan"], description="Borough of the pickup.")
    pickup_at: datetime = Field(description="UTC.")
    predicted_minutes: float
    lower_80: float
    upper_80: float
    actual_minutes: float
    model_version: str


class TripScores(BaseModel):
    """A page of predictions by borough, day and trip."""

    model: Literal["default", "planned_distance"]
    day: date = Field(description="UTC day of the pickup.")
    items: list[TripScore]
    next: str | None = Field(description=NEXT_DESCRIPTION)


_ZONES = Listing(TripZone, "published.trip_zones", integer_key("zone_id"))
# In the order of the partitions, by which the scores are indexed.
_SCORES = Listing(
    TripScore,
    "published.trip_predictions",
    text_key("centre_id"),
    day_key("day"),
    text_key("trip_id"),
)


@router.get("/trips/zones", summary="Zones that trips can begin and end in")
async def zones(
    page: FullPage,
    account: Annotated[Account, Depends(needs(Role.VIEWER))],
) -> TripZones:
    """Their ids are what `POST /predict` takes."""
    items, following = await _ZONES.page(page, {})
    return TripZones(items=items, next=following)


@router.get("/trips/predictions", summary="Predictions for past trips, with actual durations")
async def predictions(
    page: Page,
    account: Annotated[Account, Depends(needs(Role.VIEWER))],
    day: Annotated[AskedDay, Query(description="UTC day of the pickups.")],
    centre: Annotated[
        str | None, Query(max_length=200, description="Borough of the pickup.")
    ] = None,
    model: Annotated[
        Literal["default", "planned_distance"],
        Query(description="The model whose predictions are listed."),
    ] = "default",
) -> TripScores:
    """Out of sample: each prediction is by a vintage that was trained before the trip's day. One
    day at a time, because a day has tens of thousands of trips.
    """
    items, following = await day_page(_SCORES, page, TRIPS, day, centre, {"model": model})
    return TripScores(model=model, day=day, items=items, next=following)
