"""Mean durations of trips by hour, weekday, boroughs or zones, over all loaded days."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from flow_platform.api.access import Account, Role, needs
from flow_platform.api.centres import CentreOrAll, check_centre_or_all
from flow_platform.api.listing import (
    NEXT_DESCRIPTION,
    Key,
    Listing,
    Page,
    integer_key,
    text_key,
)
from flow_platform.flows.trips.flow import TRIPS

router = APIRouter(prefix="/analytics", tags=["analytics"])

Grouping = Literal["hour", "weekday", "borough", "zone_pair"]


class MeanTrip(BaseModel):
    """Mean duration of the trips of a group; fields that do not define the group are null."""

    centre_id: str = Field(examples=["*"], description="Borough of the pickup; * is all together.")
    local_hour: int | None = Field(
        None, examples=[8], description="0 to 23, in the city's local time."
    )
    weekday: int | None = Field(None, description="0 is Monday.")
    dropoff_centre_id: str | None = Field(None, description="Borough of the drop-off.")
    pickup_zone: int | None = None
    dropoff_zone: int | None = None
    pickup_zone_name: str | None = None
    dropoff_zone_name: str | None = None
    trips: int
    mean_minutes: float
    mean_distance_km: float | None


class MeanTrips(BaseModel):
    """A page of mean durations."""

    next: str | None = Field(description=NEXT_DESCRIPTION)
    by: Grouping
    items: list[MeanTrip]


_GROUP_FIELDS = (
    *("local_hour", "weekday", "dropoff_centre_id"),
    *("pickup_zone", "dropoff_zone", "pickup_zone_name", "dropoff_zone_name"),
)


def _listing(
    by: Grouping, own: Sequence[str], *keys: Key, computed: Sequence[str] = ()
) -> Listing[MeanTrip]:
    """The means grouped by `by`, whose view has `own` of the fields that define a group."""
    absent = [f"null as {name}" for name in _GROUP_FIELDS if name not in own]
    return Listing(
        MeanTrip,
        f"published.trip_minutes_by_{by}",
        text_key("centre_id"),
        *keys,
        computed=[*absent, *computed],
    )


_LISTINGS: dict[Grouping, Listing[MeanTrip]] = {
    "hour": _listing("hour", ("local_hour",), integer_key("local_hour")),
    "weekday": _listing("weekday", ("weekday",), integer_key("weekday")),
    "borough": _listing(
        "borough",
        ("dropoff_centre_id",),
        text_key("dropoff"),
        # A drop-off outside the known zones has no borough, and null compares with nothing.
        computed=["coalesce(dropoff_centre_id, '') as dropoff"],
    ),
    "zone_pair": _listing(
        "zone_pair",
        ("pickup_zone", "dropoff_zone", "pickup_zone_name", "dropoff_zone_name"),
        integer_key("pickup_zone"),
        integer_key("dropoff_zone"),
    ),
}


@router.get("/hourly-means", summary="Mean duration of trips by hour, and by other groupings")
async def hourly_means(
    page: Page,
    account: Annotated[Account, Depends(needs(Role.VIEWER))],
    by: Annotated[Grouping, Query(description="What the trips are grouped by.")] = "hour",
    centre: CentreOrAll = None,
) -> MeanTrips:
    """Over all loaded days; the view `published.trip_durations_daily` has them day by day."""
    await check_centre_or_all(page.database, TRIPS, centre)
    items, following = await _LISTINGS[by].page(page, {"centre_id": centre})
    return MeanTrips(by=by, items=items, next=following)
