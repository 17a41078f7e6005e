"""LightGBM as a global model: one learner of all series. Its rows are made in `direct_rows`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from flow_platform.evaluation.direct_rows import DirectRows, rows_at, training_rows
from flow_platform.evaluation.series_matrix import SeriesMatrix

MAX_ROWS = 300_000

PARAMETERS: dict[str, Any] = {
    "objective": "l1",
    "num_leaves": 48,
    "min_data_in_leaf": 60,
    "learning_rate": 0.05,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 127,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
ROUNDS = 300
# Only the distance of the quantiles is used: smaller trees on fewer rows are enough for it.
QUANTILE: dict[str, Any] = {"objective": "quantile", "num_leaves": 16}
QUANTILE_ROUNDS, QUANTILE_ROWS = 120, 100_000


class GlobalLightGBM:
    """LightGBM (Ke et al. 2017) on direct rows: one booster for each anchor, averaged.

    Two more boosters forecast the 10 and 90 % quantiles, whose distance is the width of a band at
    each series and step.
    """

    name = "lightgbm"
    needs = "200 rows over all series; 8 known steps in a series"

    def __init__(self, seed: int, workers: int) -> None:
        self.seed = seed
        self.workers = workers
        self.cycles: tuple[int, ...] = ()
        self.boosters: list[Any] = []
        self.quantiles: list[Any] = []

    def fit(self, panel: SeriesMatrix, horizon: int) -> None:
        """Raises ModelError where the panel has too few rows."""
        self.cycles = panel.cycles
        rows = training_rows(panel, horizon, self.cycles, MAX_ROWS)
        fewer = rows.some(QUANTILE_ROWS)
        anchors = range(rows.anchors.shape[1])
        # One thread a booster: threads within one wait for each other wherever cores are shared.
        with ThreadPoolExecutor(self.workers) as pool:
            points = [pool.submit(self._train, rows, anchor, ROUNDS, {}) for anchor in anchors]
            bounds = [
                pool.submit(
                    self._train, fewer, anchors[-1], QUANTILE_ROUNDS, QUANTILE | {"alpha": alpha}
                )
                for alpha in (0.1, 0.9)
            ]
        self.boosters = [job.result() for job in points]
        self.quantiles = [job.result() for job in bounds]

    def _train(self, rows: DirectRows, anchor: int, rounds: int, more: dict[str, Any]) -> Any:
        import lightgbm

        target = np.clip((rows.target - rows.anchors[:, anchor]) / rows.level, -5, 5)
        known = np.isfinite(target)
        data = lightgbm.Dataset(
            rows.features[known], target[known].astype(np.float32), weight=rows.weight[known]
        )
        settings = PARAMETERS | {"seed": self.seed + anchor, "num_threads": 1} | more
        return lightgbm.train(settings, data, num_boost_round=rounds)

    def forecast(self, panel: SeriesMatrix, horizon: int) -> tuple[np.ndarray, np.ndarray]:
        """Forecasts, and the distance between the 10 and 90 % quantiles, both (series, horizon).

        The distance is in levels of its origin: a change of level changes no shape of a band.
        """
        rows = rows_at(panel, 0, horizon, self.cycles)
        shape = (len(panel.ids), horizon)

        def predicted(booster: Any) -> np.ndarray:
            return np.asarray(booster.predict(rows.features, num_threads=self.workers))

        points = [
            rows.anchors[:, anchor] + rows.level * predicted(booster)
            for anchor, booster in enumerate(self.boosters)
        ]
        low, high = (predicted(booster) for booster in self.quantiles)
        return np.mean(points, axis=0).reshape(shape), np.abs(high - low).reshape(shape)
