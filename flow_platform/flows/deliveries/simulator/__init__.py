"""The simulated marketplace: eight regions, sellers, carriers, customers, and orders on their way.

Orders of any region and day can be made alone, and their events. It writes nothing; storing and
sending events is in `loading.py` and `order_producer.py`.
"""

from flow_platform.flows.deliveries.simulator.events import SimulatedEvent
from flow_platform.flows.deliveries.simulator.marketplace import Marketplace
from flow_platform.flows.deliveries.simulator.parameters import (
    CUSTOMER_KINDS,
    ORDERS_A_DAY,
    REGIONS,
    SOURCE,
)

__all__ = [
    "CUSTOMER_KINDS",
    "ORDERS_A_DAY",
    "REGIONS",
    "SOURCE",
    "Marketplace",
    "SimulatedEvent",
]
