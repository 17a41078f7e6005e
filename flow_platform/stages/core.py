"""What trains the vintages of a flow: the functions that every engine offers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import pandas as pd

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
