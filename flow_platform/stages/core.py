"""Which engine a flow has: that of days, of hours, of trips or of deliveries.

Reading the data that an engine takes is in `history.py`.
"""

from __future__ import annotations

from typing import Any

from flow_platform.flows import DELIVERIES, Flow, RecordFlow, SeriesFlow
from flow_platform.forecasting.daily.engine import ENGINE as DAILY
from flow_platform.forecasting.hourly.engine import ENGINE as HOURLY
from flow_platform.models.engine import Engine, SeriesEngine
from flow_platform.models.trainer import Trainer

# Which data and spec go with a flow's engine is known where they are read, not by its type.
AnyEngine = Engine[Any, Any, Any]
AnySeriesEngine = SeriesEngine[Any, Any, Any]
AnyTrainer = Trainer[Any, Any, Any]


def engine_of(flow: Flow) -> AnyEngine:
    """The engine that trains a flow's models."""
    if isinstance(flow, SeriesFlow):
        return series_engine_of(flow)
    assert isinstance(flow, RecordFlow)
    from flow_platform.scoring.deliveries.engine import ENGINE as SCORED_DELIVERIES
    from flow_platform.scoring.trips.engine import ENGINE as SCORED_TRIPS

    return SCORED_DELIVERIES if flow == DELIVERIES else SCORED_TRIPS


def series_engine_of(flow: SeriesFlow) -> AnySeriesEngine:
    """The engine that trains and forecasts a series flow."""
    return HOURLY if flow.is_hourly else DAILY
