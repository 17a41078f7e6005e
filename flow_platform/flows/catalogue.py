"""The catalogue: the flows of the platform, in the order in which they are listed.

A new flow is a package here and its line in CATALOGUE (docs/guides/add-a-flow.md).
"""

from __future__ import annotations

from flow_platform.flows.deliveries.flow import DELIVERIES
from flow_platform.flows.kinds import Flow, RecordFlow, SeriesFlow
from flow_platform.flows.parcels.flow import PARCELS
from flow_platform.flows.retail.flow import RETAIL
from flow_platform.flows.traffic.flow import TRAFFIC
from flow_platform.flows.trips.flow import TRIPS
from flow_platform.ground.errors import ConfigurationError

CATALOGUE: tuple[Flow, ...] = (PARCELS, RETAIL, TRAFFIC, TRIPS, DELIVERIES)
SERIES_FLOWS = tuple(flow for flow in CATALOGUE if isinstance(flow, SeriesFlow))
RECORD_FLOWS = tuple(flow for flow in CATALOGUE if isinstance(flow, RecordFlow))


def flow_named(name: str) -> Flow:
    """The flow of this name. Raises ConfigurationError if it is unknown.

    >>> flow_named("parcels").measures
    ('parcels',)
    """
    for flow in CATALOGUE:
        if flow.name == name:
            return flow
    raise ConfigurationError(
        f"There is no flow {name!r}. Use one of: {', '.join(flow.name for flow in CATALOGUE)}."
    )


def series_flow_named(name: str) -> SeriesFlow:
    """The series flow of this name. Raises ConfigurationError for any other, a record flow too."""
    flow = flow_named(name)
    if isinstance(flow, SeriesFlow):
        return flow
    raise ConfigurationError(
        f"{name} is scored record by record, it has no series. This is for:"
        f" {', '.join(flow.name for flow in SERIES_FLOWS)}; `flow backfill {name}` scores it."
    )
