"""Predicts a rectangle of any flow, and says what the run reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flow_platform.flows.kinds import Flow
from flow_platform.ground.rectangle import Rectangle
from flow_platform.models.vintage import FALLBACK_VERSION
from flow_platform.parts import Refresh, parts_of
from flow_platform.platform import Platform
from flow_platform.stages.training import Progress, Trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def predict(
    platform: Platform,
    flow: Flow,
    rectangle: Rectangle,
    *,
    refresh: Refresh = "missing",
    progress: Progress = lambda message: None,
) -> PredictionRun:
    """Forecast or score a rectangle by every model of the flow, and replace its rows.

    Vintages that its days need are trained first; with `refresh` "stale" those too whose training
    data changed. Days before any vintage get the fallback.
    """
    make = parts_of(flow).models.predictions.make
    return make(platform, flow, rectangle, refresh, progress)


@dataclass(frozen=True, kw_only=True)
class PredictionRun:
    """What was predicted for one rectangle, as it is in the flow's table now.

    rows      rows written
    missing   how many forecasts or scores that were due are not there
    counts    what else the check `complete` shows
    vintages  by measure, the vintages that the run trained or found as they should be
    versions  by measure and model version, how many issues or scores it made
    figures   how right predictions were whose outcome is known, named after what they measure
    plot      draws predicted against actual; None where there is too little to draw
    """

    rows: int
    missing: int
    counts: dict[str, int]
    vintages: dict[str, list[Trained]]
    versions: dict[str, dict[str, int]]
    figures: dict[str, float]
    plot: Callable[[], Figure | None]

    @property
    def by_fallback(self) -> int:
        """How many issues or scores no trained model made."""
        return sum(counts.get(FALLBACK_VERSION, 0) for counts in self.versions.values())

    @property
    def known_figures(self) -> dict[str, float]:
        """The figures that are numbers."""
        return {name: value for name, value in self.figures.items() if np.isfinite(value)}
