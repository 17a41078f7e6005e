"""What a run of scores tells, of whichever flow's records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from flow_platform.models.vintage import FALLBACK_VERSION
from flow_platform.stages.training import Trained


@dataclass(frozen=True)
class ScoreRun:
    """What was said of one rectangle's records, as it stands in the flow's table of scores.

    `due` is how many scores there should be, `rows` how many there are. By measure: the vintages
    that were asked for, and the scores by version. `figures` are over the records whose outcome is
    known, named after what they measure; `shown` has predicted and actual of some of these.
    """

    due: int
    rows: int
    vintages: dict[str, list[Trained]]
    versions: dict[str, dict[str, int]]
    figures: dict[str, float]
    shown: dict[str, pd.DataFrame]

    @property
    def by_fallback(self) -> int:
        return sum(counts.get(FALLBACK_VERSION, 0) for counts in self.versions.values())

    @property
    def known_figures(self) -> dict[str, float]:
        """The figures that there is anything to tell of."""
        return {name: value for name, value in self.figures.items() if np.isfinite(value)}
