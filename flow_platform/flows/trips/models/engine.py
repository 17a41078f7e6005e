"""The engine of trips, as stages use it."""

from __future__ import annotations

from flow_platform.flows.trips.models.candidates import CANDIDATES
from flow_platform.flows.trips.models.data import TripData, TripSpec, fingerprint
from flow_platform.flows.trips.models.preparation import Prepared
from flow_platform.flows.trips.models.training import fit
from flow_platform.models.engine import Engine

ENGINE: Engine[TripData, TripSpec, Prepared] = Engine(
    candidates=CANDIDATES,
    fingerprint=fingerprint,
    prepare=Prepared,
    fit=fit,
)
