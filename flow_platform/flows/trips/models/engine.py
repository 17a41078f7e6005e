"""The engine of trips, as stages use it."""

from __future__ import annotations

from flow_platform.flows.trips.models.candidates import CANDIDATES
from flow_platform.flows.trips.models.data import TripData, TripSpec, fingerprint
from flow_platform.flows.trips.models.preparation import Prepared, has_enough_history
from flow_platform.flows.trips.models.training import fit
from flow_platform.models.engine import Engine

ENGINE: Engine[TripData, TripSpec, Prepared] = Engine(
    candidates=CANDIDATES,
    fingerprint=fingerprint,
    has_enough_history=has_enough_history,
    prepare=Prepared,
    fit=fit,
)
