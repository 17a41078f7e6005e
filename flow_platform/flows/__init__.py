"""The catalogue of flows. A new flow is a new module here, named in CATALOGUE, and its SQL.

A flow says what is predicted, how far ahead and by whom it is owned. How rows come is in
`sources/`, how forecasts are made in `forecasting/`.
"""

from flow_platform.errors import ConfigurationError
from flow_platform.flows.parcels import PARCELS
from flow_platform.flows.retail import RETAIL
from flow_platform.flows.series import SeriesFlow
from flow_platform.flows.traffic import TRAFFIC

CATALOGUE: tuple[SeriesFlow, ...] = (PARCELS, RETAIL, TRAFFIC)


def flow_named(name: str) -> SeriesFlow:
    """The flow of the catalogue that bears this name. Raises ConfigurationError for another."""
    for flow in CATALOGUE:
        if flow.name == name:
            return flow
    raise ConfigurationError(
        f"There is no flow {name!r}. Use one of: {', '.join(flow.name for flow in CATALOGUE)}."
    )


__all__ = ["CATALOGUE", "PARCELS", "RETAIL", "TRAFFIC", "SeriesFlow", "flow_named"]
