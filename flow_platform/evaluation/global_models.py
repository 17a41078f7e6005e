"""The models that learn from all series together, and what each of them can do."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from flow_platform.evaluation.boosting import GlobalLightGBM
from flow_platform.evaluation.linear import GlobalLinear
from flow_platform.evaluation.neural import GlobalLSTM, GlobalMLP
from flow_platform.evaluation.series_matrix import SeriesMatrix


class GlobalModel(Protocol):
    """One model of all series of a panel.

    Example:
        model = GlobalLinear(seed=1, workers=1)
        model.fit(panel, 7)
        forecasts, widths = model.forecast(panel, 7)
    """

    name: str
    needs: str

    def __init__(self, seed: int, workers: int) -> None: ...

    def fit(self, panel: SeriesMatrix, horizon: int) -> None:
        """Learns from the whole panel. Raises ModelError where the panel is too short."""

    def forecast(self, panel: SeriesMatrix, horizon: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Forecasts after the panel's end, and their widths, both (series, horizon).

        A width is the distance between the 10 and 90 % quantiles; None where the model has none.
        A forecast is NaN where the model cannot make it.
        """


# Simplest first: of equal candidates the first is chosen.
GLOBAL: tuple[type[GlobalModel], ...] = (GlobalLinear, GlobalLightGBM, GlobalMLP, GlobalLSTM)
