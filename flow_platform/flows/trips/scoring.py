"""How trips are scored: their columns, their models, and what scores before any model.

Reading records, choosing the vintage and writing scores is in `stages/records.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from flow_platform.flows.trips.context import TripsContext
from flow_platform.flows.trips.models.data import (
    WEATHER,
    Floats,
    TripData,
    TripSpec,
    inputs_of,
    joined,
    trips_of,
)
from flow_platform.flows.trips.models.engine import ENGINE
from flow_platform.flows.trips.models.fallback import fallback_scores
from flow_platform.flows.trips.models.model import TripModel
from flow_platform.platform import Platform
from flow_platform.stages.records import RecordScoring


def trip_spec(platform: Platform, measure: str) -> TripSpec:
    """The flow's fixed choices for one of its models."""
    return TripSpec(measure=measure, seed=platform.settings.seed)


@dataclass(frozen=True)
class TripVintage:
    """A vintage that scores rows of merged.trips."""

    model: TripModel

    def score(self, frame: pd.DataFrame) -> Floats:
        """Shape (n, 3): minutes, and the lower and upper side of the 80 % band."""
        return self.model.score(inputs_of(frame))

    def usual(self, frame: pd.DataFrame) -> Floats:
        """Shape (n,): the usual minutes of each trip's zone pair."""
        return self.model.usual_minutes(inputs_of(frame))


def _load(artefacts: Mapping[str, bytes]) -> TripVintage:
    return TripVintage(TripModel.load(artefacts))


def _trips(platform: Platform, frame: pd.DataFrame) -> TripData:
    return trips_of(frame, platform.kept(TripsContext).zone_frame)


SCORING = RecordScoring[TripData, TripSpec](
    columns=(
        "trip_id",
        "centre_id",
        "day",
        "pickup_at",
        "available_at",
        "pickup_zone",
        "dropoff_zone",
        "local_minute",
        "weekday",
        "minutes",
        "distance_km",
        "is_public_holiday",
        "is_school_holiday",
        *WEATHER,
    ),
    key="trip_id",
    began_at="pickup_at",
    outcome="minutes",
    predicted="predicted_minutes",
    unit="minutes",
    engine=ENGINE,
    spec=trip_spec,
    data_of=_trips,
    joined=joined,
    load=_load,
    fallback=fallback_scores,
)
