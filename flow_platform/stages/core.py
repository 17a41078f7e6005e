"""Which core a flow has: that of days, of hours, of trips or of deliveries.

All train vintages of one form from data of their own, so that stages, registry and promotion are
written once. Reading the data is in `history.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import pandas as pd

from flow_platform.flows import DELIVERIES, Flow, RecordFlow
from flow_platform.forecasting.daily import training as daily
from flow_platform.forecasting.hourly import training as hourly
from flow_platform.models.vintage import TrainedModel


class Core(Protocol):
    """What `forecasting/daily/training.py` and `forecasting/hourly/training.py` both offer."""

    CANDIDATES: tuple[str, ...]

    def fingerprint(self, data: Any, cutoff: pd.Timestamp, spec: Any) -> str: ...

    def has_enough_history(self, data: Any, cutoff: pd.Timestamp, spec: Any) -> bool: ...

    def train(self, candidate: str, data: Any, cutoff: pd.Timestamp, spec: Any) -> TrainedModel: ...

    def forecast(
        self, artefacts: Mapping[str, bytes], data: Any, issues: pd.DataFrame, spec: Any
    ) -> pd.DataFrame: ...

    def fallback_forecast(self, data: Any, issues: pd.DataFrame, spec: Any) -> pd.DataFrame: ...


def core_of(flow: Flow) -> Core:
    """The core that trains a flow, and forecasts it or scores its records."""
    if isinstance(flow, RecordFlow):
        from flow_platform.scoring.deliveries import training as deliveries
        from flow_platform.scoring.trips import training as trips

        record_core: Any = deliveries if flow == DELIVERIES else trips
        return record_core
    chosen: Any = hourly if flow.is_hourly else daily
    core: Core = chosen
    return core
