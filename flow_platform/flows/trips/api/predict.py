"""How long trips will take: one trip, many at once, and what made the prediction of one.

A trip is checked in `questions.py`; which model is in use is `service.py`'s, how it predicts
`scoring/trips/`'s.
"""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pydantic_core
from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field, ValidationError

from flow_platform.api.access import Account, Role, needs
from flow_platform.api.listing import invalid
from flow_platform.api.problems import Problem, responses
from flow_platform.flows.trips.api.city import City
from flow_platform.flows.trips.api.explanations import DECIMALS, Explanation, explain_question
from flow_platform.flows.trips.api.questions import (
    ModelName,
    Question,
    Trip,
    Trips,
    inputs_of,
    question_of,
)
from flow_platform.flows.trips.api.service import model_for, models_and_city

if TYPE_CHECKING:
    from flow_platform.flows.trips.api.service import TripModels

BATCH_PATH = "/predict/batch"
# Of a batch: its trees are half of its work. A trip alone takes less time than starting a thread.
_THREADS = min(4, os.cpu_count() or 1)

router = APIRouter(tags=["predictions"])


class Prediction(BaseModel):
    """How long the trip takes. Four of five trips take from lower_80 to upper_80 minutes."""

    minutes: float = Field(examples=[41.27])
    lower_80: float = Field(examples=[31.902])
    upper_80: float = Field(examples=[55.514])
    arrival_at: datetime = Field(
        examples=["2026-11-23T09:11:16-05:00"], description="In the city's local time."
    )
    model: ModelName
    model_version: str = Field(examples=["lightgbm-2026-11-8caad29e"])
    issued_at: datetime = Field(examples=["2026-11-21T18:10:00Z"], description="UTC.")
    pickup_zone_name: str = Field(examples=["Midtown Center"])
    dropoff_zone_name: str = Field(examples=["JFK Airport"])


class BatchPrediction(BaseModel):
    """The prediction of one trip, in the place that the trip has in the request."""

    minutes: float = Field(examples=[41.27])
    lower_80: float = Field(examples=[31.902])
    upper_80: float = Field(examples=[55.514])
    arrival_at: datetime = Field(examples=["2026-11-23T09:11:16-05:00"])
    model: ModelName


class BatchPredictions(BaseModel):
    """The predictions, in the order of the trips."""

    model_versions: dict[ModelName, str] = Field(
        examples=[{"default": "lightgbm-2026-11-8caad29e"}],
        description="The version of each model that answered.",
    )
    issued_at: datetime = Field(description="UTC.")
    predictions: list[BatchPrediction]


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
    """Minutes from pickup to drop-off, an interval that holds four of five trips, and the version
    of the model that predicted them.

    With `planned_distance_km` the model that uses the length of the route answers, without it the
    model that uses the zones alone.
    """
    models, city = models_and_city(request)
    now = datetime.now(UTC)
    question = question_of(trip, city, now, "body")
    loaded = model_for(models, question.model)
    # One row takes less than a millisecond: handing it to a thread would cost more.
    minutes, lower, upper = loaded.model.score(inputs_of([question], city))[0].tolist()
    return _json(
        {
            "minutes": round(minutes, DECIMALS),
            "lower_80": round(lower, DECIMALS),
            "upper_80": round(upper, DECIMALS),
            "arrival_at": _arrival(question, minutes),
            "model": question.model,
            "model_version": loaded.version,
            "issued_at": now,
            "pickup_zone_name": city.zones[trip.pickup_zone].name,
            "dropoff_zone_name": city.zones[trip.dropoff_zone].name,
        }
    )


# The body is read in a thread, so its schema is added here; that of Trip comes with `predict`.
_BATCH_SCHEMA = Trips.model_json_schema(ref_template="#/components/schemas/{model}")
_BATCH_SCHEMA.pop("$defs")


@router.post(
    BATCH_PATH,
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
    """Predictions in the order of the trips. Trips with and without a planned distance may be
    mixed; each of the two models answers its own trips with one version. If one trip cannot be
    predicted, none is, and the error names the trip by its place.
    """
    models, city = models_and_city(request)
    now = datetime.now(UTC)
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise Problem(415, detail="Send the trips as application/json.")
    body = await request.body()
    return await asyncio.to_thread(_answer_batch, body, city, now, models)


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
    models, city = models_and_city(request)
    question = question_of(trip, city, datetime.now(UTC), "body")
    loaded = model_for(models, question.model)
    explained = await asyncio.to_thread(loaded.model.explain, inputs_of([question], city))
    contributions = {name: float(values[0]) for name, values in explained.items()}
    return explain_question(question, city, loaded.version, contributions)


def _answer_batch(body: bytes, city: City, now: datetime, models: TripModels) -> Response:
    try:
        trips = Trips.model_validate_json(body).trips
    except ValidationError as error:
        raise _unreadable(error) from error
    questions = [
        question_of(trip, city, now, f"body.trips.{place}") for place, trip in enumerate(trips)
    ]
    scores = np.empty((len(questions), 3))
    versions = {}
    for measure in ("default", "planned_distance"):
        places = [n for n, one in enumerate(questions) if one.model == measure]
        if not places:
            continue
        loaded = model_for(models, measure)
        versions[measure] = loaded.version
        scores[places] = loaded.model.score(
            inputs_of([questions[place] for place in places], city), threads=_THREADS
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
    """The error that FastAPI would raise for this body, so that one place decides what is shown."""
    found = error.errors(include_url=False, include_context=False, include_input=False)[:50]
    if found[0]["type"] == "json_invalid":
        return invalid("body", "is not JSON.")
    return RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in found])


def _arrival(question: Question, minutes: float) -> str:
    # By the seconds since 1970: the clock may change during the trip.
    moment = int(question.seconds + 60 * minutes)
    return datetime.fromtimestamp(moment, question.local.tzinfo).isoformat()


def _json(content: Any) -> Response:
    return Response(pydantic_core.to_json(content), media_type="application/json")
