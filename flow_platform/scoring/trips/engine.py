"""The engine of trips, as stages use it."""

from __future__ import annotations

from flow_platform.models.engine import Engine
from flow_platform.scoring.trips.candidates import CANDIDATES
from flow_platform.scoring.trips.data import TripData, TripSpec, fingerprint
from flow_platform.scoring.trips.preparation import Prepared, has_enough_history
from flow_platform.scoring.trips.training import fit

ENGINE: Engine[TripData, TripSpec, Prepared] = Engine(
    candidates=CANDIDATES,
    fingerprint=fingerprint,
    has_enough_history=has_enough_history,
    prepare=Prepared,
    fit=fit,
)
