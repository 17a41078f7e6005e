"""Trips in requests: how they are checked, and made into the arrays that models take.

Requests become arrays here and nowhere else. Nothing of a request is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from flow_platform.api.listing import invalid
from flow_platform.flows.trips.api.city import FURTHEST_BACK_DAYS, City

if TYPE_CHECKING:
    from flow_platform.scoring.trips.data import TripInputs

MOST_TRIPS = 10_000
LONGEST_KM = 160.0
# As far as calendar and weather are published. Past trips are allowed, to try the service with.
FURTHEST_AHEAD, FURTHEST_BACK = timedelta(days=30), timedelta(days=FURTHEST_BACK_DAYS)

_NO_ZONE = "There is no such zone. `GET /trips/zones` lists them."

ModelName = Literal["default", "planned_distance"]

# RFC 3339 with an optional offset: pydantic would take numbers as moments too.
_MOMENT = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?$"
)
# A string to pydantic: of ten thousand trips it would spend more time on moments than on all else.
Moment = Annotated[
    str,
    StringConstraints(strict=True, pattern=_MOMENT),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
ZoneId = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)]


class Trip(BaseModel):
    """A trip whose duration is to be predicted."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"pickup_zone": 161, "dropoff_zone": 132, "pickup_at": "2026-11-23T08:30:00"},
                {
                    "pickup_zone": 161,
                    "dropoff_zone": 132,
                    "pickup_at": "2026-11-23T08:30:00-05:00",
                    "planned_distance_km": 27.4,
                },
            ]
        },
    )

    pickup_zone: ZoneId = Field(description="Zone of the pickup; `GET /trips/zones` lists them.")
    dropoff_zone: ZoneId = Field(description="Zone of the drop-off.")
    pickup_at: Moment = Field(
        description="ISO 8601. Without an offset it is the city's local time. At most 30 days ahead"
        " and five years back."
    )
    planned_distance_km: float | None = Field(
        None,
        gt=0,
        le=LONGEST_KM,
        strict=True,
        allow_inf_nan=False,
        description="Length of the route that a router planned. With it the model"
        " `planned_distance` answers.",
    )


class Trips(BaseModel):
    """Trips that are predicted together: all of them, or none."""

    model_config = ConfigDict(extra="forbid")

    trips: list[Trip] = Field(min_length=1, max_length=MOST_TRIPS)


class Question:
    """A checked trip: `seconds` since 1970, `local` time of the city, the `model` that answers."""

    __slots__ = ("local", "model", "seconds", "trip")

    def __init__(self, trip: Trip, city: City, now: datetime) -> None:
        self.trip = trip
        if trip.pickup_zone not in city.zones:
            raise _UnusableField("pickup_zone", _NO_ZONE)
        if trip.dropoff_zone not in city.zones:
            raise _UnusableField("dropoff_zone", _NO_ZONE)
        try:
            at = datetime.fromisoformat(trip.pickup_at)
        except ValueError as error:
            raise _UnusableField("pickup_at", "is not a date and time that exists.") from error
        if at.tzinfo is None:
            at = at.replace(tzinfo=city.timezone)
        if not now - FURTHEST_BACK <= at <= now + FURTHEST_AHEAD:
            raise _UnusableField("pickup_at", "must be at most 30 days ahead and five years back.")
        # A local time that the clock skips in spring becomes the moment one hour later.
        self.seconds = at.timestamp()
        self.local = datetime.fromtimestamp(self.seconds, city.timezone)
        self.model: ModelName = (
            "default" if trip.planned_distance_km is None else "planned_distance"
        )


class _UnusableField(Exception):
    """One field of one trip cannot be used."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field, self.reason = field, reason


def question_of(trip: Trip, city: City, now: datetime, where: str) -> Question:
    """The checked trip. Raises Problem 422, which names the field within `where`."""
    try:
        return Question(trip, city, now)
    except _UnusableField as unusable:
        raise invalid(f"{where}.{unusable.field}", unusable.reason) from unusable


def inputs_of(questions: Sequence[Question], city: City) -> TripInputs:
    """The inputs of the models, a row for each question, in their order."""
    from flow_platform.scoring.trips.data import TripInputs

    integers = np.array(
        [
            (
                one.trip.pickup_zone,
                one.trip.dropoff_zone,
                60 * one.local.hour + one.local.minute,
                one.local.weekday(),
            )
            for one in questions
        ],
        np.int64,
    )
    # None, of a distance that was not planned, becomes nan.
    floats = np.array(
        [(*city.on(one.local.date()).as_row, one.trip.planned_distance_km) for one in questions],
        np.float64,
    )
    return TripInputs(*np.ascontiguousarray(integers.T), *np.ascontiguousarray(floats.T))
