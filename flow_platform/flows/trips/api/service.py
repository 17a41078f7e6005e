"""What operations on trips take from the running service: the models in use and the city."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request

from flow_platform.api.config import ApiConfig
from flow_platform.api.problems import Problem
from flow_platform.api.serving import LoadedModel, ModelStore, kept_fresh
from flow_platform.flows.trips.api.city import City, PublishedCity
from flow_platform.flows.trips.flow import TRIPS

if TYPE_CHECKING:
    from flow_platform.scoring.trips.model import TripModel

    TripModels = Mapping[str, LoadedModel[TripModel]]

# Training takes minutes, so a client may as well wait.
_RETRY_SECONDS = 30


@dataclass(frozen=True)
class TripService:
    """The models in use by measure, and the city as last read."""

    models: ModelStore[TripModel]
    city: PublishedCity


@asynccontextmanager
async def open_trips(app: FastAPI, config: ApiConfig) -> AsyncIterator[None]:
    """`app.state.trips`, kept up to date as long as the app is open."""
    state = app.state
    models = ModelStore(TRIPS, state.database, config.home, state.metrics, _load)
    city = PublishedCity(state.database)
    state.trips = TripService(models, city)
    # Without a model the service can still answer all else: it is ready.
    state.readiness.add("champions", models.probe, needed=False)
    async with kept_fresh(city.refresh, models.refresh):
        yield


def models_and_city(request: Request) -> tuple[TripModels, City]:
    """The models in use by measure and the city, as they are now: neither changes afterwards.

    Raises Problem 503 while the zones or the calendar are not published.
    """
    service: TripService = request.app.state.trips
    if service.city.city is None:
        raise _unavailable(
            "The zones of the trips are not known yet. Load trips first:"
            " flow backfill trips --from ... --to ..."
        )
    return service.models.serving, service.city.city


def model_for(models: TripModels, measure: str) -> LoadedModel[TripModel]:
    """The model of a measure. Raises Problem 503 where none is in use."""
    found = models.get(measure)
    if found is None:
        raise _unavailable(
            f"No model serves trips {measure} yet. Train one: flow train trips --from MONTH."
        )
    return found


def _unavailable(detail: str) -> Problem:
    headers = {"Retry-After": str(_RETRY_SECONDS)}
    return Problem(503, detail=detail, type="no-model", headers=headers)


def _load(artefacts: Mapping[str, bytes]) -> TripModel:
    # LightGBM and scikit-learn are imported with the first model, not at the start.
    from flow_platform.scoring.trips.model import TripModel

    return TripModel.load(artefacts)
