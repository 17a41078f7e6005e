"""How long a trip will take, said by the models in use: one trip, many, and what moved the answer.

Requests become arrays here and nowhere else; which model serves is `serving.py`'s, how it scores
`scoring/trips/`'s. Nothing of a request is stored.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pydantic_core
from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)

from flow_platform.api.access import Account, Role, needs
from flow_platform.api.listing import invalid
from flow_platform.api.problems import Problem, responses
from flow_platform.api.serving import FURTHEST_BACK_DAYS, City, ModelStore, Serving

if TYPE_CHECKING:
    from flow_platform.scoring.trips.data import TripInputs

MOST_TRIPS = 10_000
LONGEST_KM = 160.0
# As far as calendar and weather are published; past trips may be asked for, to try the service on.
FURTHEST_AHEAD, FURTHEST_BACK = timedelta(days=30), timedelta(days=FURTHEST_BACK_DAYS)
# No model yet, or not the one that was asked: training takes minutes.
RETRY_SECONDS = 30
DECIMALS = 3
# Of a batch: its trees are half of its work. A trip alone takes less than starting a thread.
_THREADS = min(4, os.cpu_count() or 1)

_NO_ZONE = "There is no such zone. `GET /trips/zones` lists them."

ModelName = Literal["default", "planned_distance"]

# RFC 3339, with the offset left to the client: pydantic would take numbers as moments too.
_MOMENT = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?$"
)

router = APIRouter(tags=["predictions"])


# A string to pydantic: of ten thousand trips it would spend more on moments than on all else.
Moment = Annotated[
    str,
    StringConstraints(strict=True, pattern=_MOMENT),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
ZoneId = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)]


class Trip(BaseModel):
    """A trip that is asked about."""

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
        description="ISO 8601. Without an offset it is the city's clock. At most 30 days ahead and"
        " five years back."
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
    """Trips that are asked about together: answered all or none."""

    model_config = ConfigDict(extra="forbid")

    trips: list[Trip] = Field(min_length=1, max_length=MOST_TRIPS)


class Prediction(BaseModel):
    """How long the trip takes. In four of five trips it takes from lower_80 to upper_80."""

    minutes: float = Field(examples=[41.27])
    lower_80: float = Field(examples=[31.902])
    upper_80: float = Field(examples=[55.514])
    arrival_at: datetime = Field(
        examples=["2026-11-23T09:11:16-05:00"], description="By the city's clock."
    )
    model: ModelName
    model_version: str = Field(examples=["lightgbm-2026-11-8caad29e"])
    issued_at: datetime = Field(examples=["2026-11-21T18:10:00Z"], description="UTC.")
    pickup_zone_name: str = Field(examples=["Midtown Center"])
    dropoff_zone_name: str = Field(examples=["JFK Airport"])


class BatchPrediction(BaseModel):
    """One trip's answer, at the place of its question."""

    minutes: float = Field(examples=[41.27])
    lower_80: float = Field(examples=[31.902])
    upper_80: float = Field(examples=[55.514])
    arrival_at: datetime = Field(examples=["2026-11-23T09:11:16-05:00"])
    model: ModelName


class BatchPredictions(BaseModel):
    """The answers, in the order of the trips."""

    model_versions: dict[ModelName, str] = Field(
        examples=[{"default": "lightgbm-2026-11-8caad29e"}],
        description="The version of each model that answered.",
    )
    issued_at: datetime = Field(description="UTC.")
    predictions: list[BatchPrediction]


class Part(BaseModel):
    """What one subject adds to the usual trip."""

    subject: Literal["zones", "time", "calendar", "weather", "distance"]
    minutes: float = Field(examples=[21.4], description="Below zero where it shortens the trip.")
    text: str = Field(examples=["From Midtown Center to JFK Airport: 21.4 minutes more."])


class Explanation(BaseModel):
    """What made the prediction: usual_minutes and the minutes of the parts add up to minutes."""

    minutes: float = Field(examples=[41.27])
    usual_minutes: float = Field(examples=[14.2], description="The mean of all trips.")
    parts: list[Part]
    text: str = Field(
        examples=["41.3 minutes: a usual trip takes 14.2. From Midtown Center to JFK Airport: ..."]
    )
    model: ModelName
    model_version: str


class _Question:
    """A trip as the models are asked: its moment on the city's clock, its zones known."""

    __slots__ = ("local", "model", "seconds", "trip")

    def __init__(self, trip: Trip, city: City, now: datetime) -> None:
        self.trip = trip
        if trip.pickup_zone not in city.zones:
            raise _Refused("pickup_zone", _NO_ZONE)
        if trip.dropoff_zone not in city.zones:
            raise _Refused("dropoff_zone", _NO_ZONE)
        try:
            at = datetime.fromisoformat(trip.pickup_at)
        except ValueError as error:
            raise _Refused("pickup_at", "is no moment of any day.") from error
        if at.tzinfo is None:
            at = at.replace(tzinfo=city.timezone)
        if not now - FURTHEST_BACK <= at <= now + FURTHEST_AHEAD:
            raise _Refused("pickup_at", "must be at most 30 days ahead and five years back.")
        # A local time that the spring leaves out becomes the moment it stands for.
        self.seconds = at.timestamp()
        self.local = datetime.fromtimestamp(self.seconds, city.timezone)
        self.model: ModelName = (
            "default" if trip.planned_distance_km is None else "planned_distance"
        )


class _Refused(Exception):
    """One field of one trip cannot be used."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field, self.reason = field, reason


def _question(trip: Trip, city: City, now: datetime, where: str) -> _Question:
    """The trip as models are asked. Raises the client's error, which names the field in `where`."""
    try:
        return _Question(trip, city, now)
    except _Refused as refused:
        raise invalid(f"{where}.{refused.field}", refused.reason) from refused


@router.post(
    "/predict",
    summary="How long a trip will take",
    response_model=Prediction,
    responses=responses(503),
)
async def predict(
    trip: Trip,
    request: Request,
    account: Annotated[Account, Depends(needs(Role.VIEWER))],
) -> Response:
    """Minutes from pickup to drop-off, an interval that four of five trips lie in, and the version
    of the model that said it.

    With `planned_distance_km` the model that is told the length of the route answers, without it
    the model that knows the zones alone.
    """
    store, city, now = _asked(request)
    question = _question(trip, city, now, "body")
    serving = _serving(store, question.model)
    # One row takes less than a millisecond: handing it to a thread would cost more.
    minutes, lower, upper = serving.model.score(_inputs([question], city))[0].tolist()
    return _json(
        {
            "minutes": round(minutes, DECIMALS),
            "lower_80": round(lower, DECIMALS),
            "upper_80": round(upper, DECIMALS),
            "arrival_at": _arrival(question, minutes),
            "model": question.model,
            "model_version": serving.version,
            "issued_at": now,
            "pickup_zone_name": city.zones[trip.pickup_zone].name,
            "dropoff_zone_name": city.zones[trip.dropoff_zone].name,
        }
    )


# The body is read in a thread, so FastAPI is told of it here; Trip stands with `predict`.
_BATCH_SCHEMA = Trips.model_json_schema(ref_template="#/components/schemas/{model}")
_BATCH_SCHEMA.pop("$defs")


@router.post(
    "/predict/batch",
    summary="How long up to 10,000 trips will take",
    response_model=BatchPredictions,
    responses=responses(415, 422, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _BATCH_SCHEMA}},
        }
    },
)
async def predict_batch(
    request: Request,
    account: Annotated[Account, Depends(needs(Role.VIEWER))],
) -> Response:
    """The answers come in the order of the trips. Trips with a planned distance and trips without
    may be mixed; each model answers its own with one version. One trip that cannot be answered
    refuses them all, and is named by its place.
    """
    store, city, now = _asked(request)
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise Problem(415, detail="Send the trips as application/json.")
    body = await request.body()
    # Taken before the thread: the versions of the beginning answer to the end.
    serving = dict(store.serving)
    return await asyncio.to_thread(_answer_batch, body, city, now, serving)


@router.post(
    "/predict/explain",
    summary="What made the prediction of a trip",
    response_model=Explanation,
    responses=responses(503),
)
async def explain(
    trip: Trip,
    request: Request,
    account: Annotated[Account, Depends(needs(Role.VIEWER))],
) -> Explanation:
    """The mean of all trips, and what the zones, the time, the calendar, the weather and the
    planned distance add to it or take from it. They add up to the minutes of `POST /predict`.
    """
    store, city, now = _asked(request)
    question = _question(trip, city, now, "body")
    serving = _serving(store, question.model)
    inputs = _inputs([question], city)
    said = await asyncio.to_thread(serving.model.explain, inputs)
    parts = {name: float(values[0]) for name, values in said.items()}
    return _explanation(question, city, serving, parts)


def _asked(request: Request) -> tuple[ModelStore, City, datetime]:
    store: ModelStore = request.app.state.models
    if store.city is None:
        raise _unavailable(
            "The zones of the trips are not known yet. Load trips first:"
            " flow backfill trips --from ... --to ..."
        )
    return store, store.city, datetime.now(UTC)


def _serving(store: ModelStore, measure: str) -> Serving:
    found = store.serving.get(measure)
    if found is None:
        raise _no_model(measure)
    return found


def _no_model(measure: str) -> Problem:
    return _unavailable(
        f"No model serves trips {measure} yet. Train one: flow train trips --from MONTH."
    )


def _unavailable(detail: str) -> Problem:
    return Problem(503, detail=detail, type="no-model", headers={"Retry-After": str(RETRY_SECONDS)})


def _inputs(questions: Sequence[_Question], city: City) -> TripInputs:
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


def _answer_batch(body: bytes, city: City, now: datetime, serving: dict[str, Serving]) -> Response:
    try:
        asked = Trips.model_validate_json(body)
    except ValidationError as error:
        raise _unreadable(error) from error
    questions = [
        _question(trip, city, now, f"body.trips.{place}") for place, trip in enumerate(asked.trips)
    ]
    scores = np.empty((len(questions), 3))
    versions = {}
    for measure in ("default", "planned_distance"):
        places = [n for n, one in enumerate(questions) if one.model == measure]
        if not places:
            continue
        if measure not in serving:
            raise _no_model(measure)
        versions[measure] = serving[measure].version
        scores[places] = serving[measure].model.score(
            _inputs([questions[place] for place in places], city), threads=_THREADS
        )
    rounded = scores.round(DECIMALS).tolist()
    return _json(
        {
            "model_versions": versions,
            "issued_at": now,
            "predictions": [
                {
                    "minutes": minutes,
                    "lower_80": lower,
                    "upper_80": upper,
                    "arrival_at": _arrival(question, minutes),
                    "model": question.model,
                }
                for question, (minutes, lower, upper) in zip(questions, rounded, strict=True)
            ],
        }
    )


def _unreadable(error: ValidationError) -> Exception:
    """The same error as of a body that FastAPI reads, so that one place decides what is told."""
    found = error.errors(include_url=False, include_context=False, include_input=False)[:50]
    if found[0]["type"] == "json_invalid":
        return invalid("body", "is not JSON.")
    return RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in found])


def _arrival(question: _Question, minutes: float) -> str:
    # By the seconds since 1970: the clock may change during the trip.
    moment = int(question.seconds + 60 * minutes)
    return datetime.fromtimestamp(moment, question.local.tzinfo).isoformat()


def _explanation(
    question: _Question, city: City, serving: Serving, parts: dict[str, float]
) -> Explanation:
    usual = parts.pop("usual")
    # Rounded so that they still add up: what is lost by rounding goes to the usual trip.
    rounded = {name: round(value, DECIMALS) for name, value in parts.items()}
    minutes = round(usual + sum(parts.values()), DECIMALS)
    usual = round(minutes - sum(rounded.values()), DECIMALS)
    told = [
        Part(subject=name, minutes=value, text=_sentence(name, value, question, city))
        for name, value in rounded.items()
        if name != "distance" or question.model == "planned_distance"
    ]
    text = " ".join(
        [f"{minutes:.1f} minutes: a usual trip takes {usual:.1f}.", *(one.text for one in told)]
    )
    return Explanation(
        minutes=minutes,
        usual_minutes=usual,
        parts=told,
        text=text,
        model=question.model,
        model_version=serving.version,
    )


_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _sentence(subject: str, minutes: float, question: _Question, city: City) -> str:
    trip, local = question.trip, question.local
    day = city.on(local.date())
    if subject == "zones":
        what = f"From {city.zones[trip.pickup_zone].name} to {city.zones[trip.dropoff_zone].name}"
    elif subject == "time":
        what = f"{_WEEKDAYS[local.weekday()]} at {local:%H:%M}"
    elif subject == "calendar":
        holidays = [
            name
            for name, flag in (
                ("a public holiday", day.is_public_holiday),
                ("school holidays", day.is_school_holiday),
            )
            if flag
        ]
        what = f"The calendar ({' and '.join(holidays) or 'no holiday'})"
    elif subject == "weather":
        known = [
            f"{value:.{digits}f} {unit}"
            for value, digits, unit in (
                (day.temperature_mean, 0, "°C"),
                (day.precipitation_mm, 1, "mm of rain"),
                (day.snowfall_cm, 1, "cm of snow"),
                (day.wind_max_kmh, 0, "km/h of wind"),
            )
            if value == value
        ]
        what = f"The weather of the day ({', '.join(known) or 'not known'})"
    else:
        what = f"A planned route of {trip.planned_distance_km:.1f} km"
    if abs(minutes) < 0.05:
        return f"{what}: no difference."
    return f"{what}: {abs(minutes):.1f} minutes {'more' if minutes > 0 else 'less'}."


def _json(content: Any) -> Response:
    return Response(pydantic_core.to_json(content), media_type="application/json")
