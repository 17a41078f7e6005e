"""The catalogue of flows. A new flow is a new module here, named in CATALOGUE, and its SQL.

A flow says what is predicted and by whom it is owned. How rows come is in `sources/`, how series
are forecast in `forecasting/`, how records are scored in `scoring/`.
"""

from flow_platform.flows.deliveries import DELIVERIES
from flow_platform.flows.flow import Flow
from flow_platform.flows.parcels import PARCELS
from flow_platform.flows.record import RecordFlow
from flow_platform.flows.retail import RETAIL
from flow_platform.flows.series import SeriesFlow
from flow_platform.flows.traffic import TRAFFIC
from flow_platform.flows.trips import TRIPS
from flow_platform.ground.errors import ConfigurationError

SERIES_FLOWS: tuple[SeriesFlow, ...] = (PARCELS, RETAIL, TRAFFIC)
RECORD_FLOWS: tuple[RecordFlow, ...] = (TRIPS, DELIVERIES)
CATALOGUE: tuple[Flow, ...] = (*SERIES_FLOWS, *RECORD_FLOWS)


def flow_named(name: str) -> Flow:
    """The flow of the catalogue that bears this name. Raises ConfigurationError for another."""
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


__all__ = [
    "CATALOGUE",
    "DELIVERIES",
    "PARCELS",
    "RECORD_FLOWS",
    "RETAIL",
    "SERIES_FLOWS",
    "TRAFFIC",
    "TRIPS",
    "Flow",
    "RecordFlow",
    "SeriesFlow",
    "flow_named",
    "series_flow_named",
]
