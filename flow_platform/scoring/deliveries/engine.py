"""The engine of deliveries, as stages use it."""

from __future__ import annotations

from flow_platform.models.engine import Engine
from flow_platform.scoring.deliveries.candidates import CANDIDATES
from flow_platform.scoring.deliveries.data import DeliveryData, DeliverySpec, fingerprint
from flow_platform.scoring.deliveries.preparation import Prepared, has_enough_history
from flow_platform.scoring.deliveries.training import fit

ENGINE: Engine[DeliveryData, DeliverySpec, Prepared] = Engine(
    candidates=CANDIDATES,
    fingerprint=fingerprint,
    has_enough_history=has_enough_history,
    prepare=Prepared,
    fit=fit,
)
