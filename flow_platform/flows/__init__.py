"""The catalogue of flows. A new flow is a new module here, named in CATALOGUE, and its SQL.

A flow says what is predicted, how far ahead and by whom it is owned. How rows come is in
`sources/`, how forecasts are made in `forecasting/`.
"""

from flow_platform.flows.parcels import PARCELS
from flow_platform.flows.series import SeriesFlow

CATALOGUE: tuple[SeriesFlow, ...] = (PARCELS,)

__all__ = ["CATALOGUE", "PARCELS", "SeriesFlow"]
