"""The engine of deliveries, as stages use it."""

from __future__ import annotations

from flow_platform.flows.deliveries.models.candidates import CANDIDATES
from flow_platform.flows.deliveries.models.data import DeliveryData, DeliverySpec, fingerprint
from flow_platform.flows.deliveries.models.preparation import Prepared
from flow_platform.flows.deliveries.models.training import fit
from flow_platform.models.engine import Engine

ENGINE: Engine[DeliveryData, DeliverySpec, Prepared] = Engine(
    candidates=CANDIDATES,
    fingerprint=fingerprint,
    prepare=Prepared,
    fit=fit,
)
