"""What tests of the models of deliveries share: the orders of the module's own marketplace."""

from __future__ import annotations

import pytest

from flow_platform.flows.deliveries.models.data import DeliveryData
from tests.unit.flows.deliveries.models.marketplace import Marketplace


@pytest.fixture(scope="module")
def data(world: Marketplace) -> DeliveryData:
    return world.data
