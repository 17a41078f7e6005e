"""The trips' zones, and what the models said of past trips beside how long they took."""

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
    integer_key,
    text_key,
)
from flow_platform.api.routers.forecasts import centres_condition, check_centre
from flow_platform.flows.trips.flow import TRIPS

router = APIRouter(tags=["trips"])

_ZONES = Pages(integer_key("zone_id"))
# In the order of the partitions, which are what the scores are indexed by.
_SCORES = Pages(text_key("centre_id"), day_key("day"), text_key("trip_id"))


class TripZone(BaseModel):
    """A zone; coordinates of a point inside (WGS 84), where the source has them."""

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
    """What a model said of a trip, by a vintage trained before the trip's day."""

    trip_id: str
    centre_id: str = Field(examples=["Manhattan"], description="Borough of the pickup.")
    pickup_at: datetime = Field(description="UTC.")
    predicted_minutes: float
    lower_80: float
    upper_80: float
    actual_minutes: float
    model_version: str


class TripScores(BaseModel):
    """A page of scores by borough, day and trip."""

    model: Literal["default", "planned_distance"]
    day: date = Field(description="UTC day of the pickup.")
    items: list[TripScore]
    next: str | None = Field(description=NEXT_DESCRIPTION)


@router.get("/trips/zones", summary="Zones that trips can begin and end in")
async def zones(
    request: Request,
    account: Annotated[Account, Depends(needs(Role.VIEWER))],
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> TripZones:
    """Their ids are what `POST /predict` takes."""
    database: Database = request.app.state.database
    after, more = _ZONES.after(cursor)
    rows = await database.rows(
        "select zone_id, zone, centre_id, latitude, longitude from published.trip_zones"
        f" where {after} order by {_ZONES.order} limit %(rows)s",
        {"rows": limit + 1} | more,
    )
    shown, following = _ZONES.page(request, rows, limit)
    return TripZones(items=[TripZone.model_construct(**row) for row in shown], next=following)


@router.get("/trips/predictions", summary="What was said of past trips")
async def predictions(
    request: Request,
    account: Annotated[Account, Depends(needs(Role.VIEWER))],
    day: Annotated[AskedDay, Query(description="UTC day of the pickups.")],
    centre: Annotated[
        str | None, Query(max_length=200, description="Borough of the pickup.")
    ] = None,
    model: Literal["default", "planned_distance"] = "default",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> TripScores:
    """Out of sample: each score is of a vintage that was trained before the trip's day. A day at a
    time, because a day has tens of thousands of trips.
    """
    database: Database = request.app.state.database
    if centre is not None:
        await check_centre(database, TRIPS.name, centre)
    after, more = _SCORES.after(cursor)
    params: dict[str, Any] = {
        **{"flow": TRIPS.name, "centre": centre, "day": day},
        **{"model": model, "rows": limit + 1},
    }
    rows = await database.rows(
        "select trip_id, centre_id, day, pickup_at, predicted_minutes, lower_80, upper_80,"
        " actual_minutes, model_version from published.trip_predictions"
        f" where {centres_condition(centre)} and day = %(day)s and model = %(model)s and {after}"
        f" order by {_SCORES.order} limit %(rows)s",
        params | more,
    )
    shown, following = _SCORES.page(request, rows, limit)
    return TripScores(
        model=model,
        day=day,
        items=[TripScore.model_construct(**row) for row in shown],
        next=following,
    )
