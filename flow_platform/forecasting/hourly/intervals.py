"""Bands around hourly forecasts: conformal quantiles of errors over the size to be expected.

How large an error is to be expected of an hour is learned (LightGBM on the backtest's absolute
errors); how far errors stray beyond it is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from flow_platform.forecasting.hourly.frame import Frame
from flow_platform.models.boosters import predictor

QUANTILES = (0.025, 0.10, 0.90, 0.975)
# Rows of neighbouring horizons are counted together until there are so many.
_ENOUGH = 400
# Unrest in units of the level where none is known, and the least that is believed.
_UNREST, _LEAST_UNREST = 0.2, 0.02
_SETTINGS = {
    "objective": "l2",
    "num_leaves": 15,
    "min_data_in_leaf": 150,
    "learning_rate": 0.06,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "max_bin": 63,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
_ROUNDS = 80


@dataclass(frozen=True)
class Bands:
    """The calibration of one vintage.

    size        LightGBM's text: expected |error| in units of `unit`
    quantiles   (horizons, 4) of error over size, at `QUANTILES`
    least       the smallest size that is believed
    """

    size: str
    horizons: tuple[int, ...]
    quantiles: np.ndarray
    least: float

    def as_json(self) -> dict[str, object]:
        return {
            "horizons": list(self.horizons),
            "quantiles": [[float(f"{q:.8g}") for q in row] for row in self.quantiles],
            "least": self.least,
        }

    @cached_property
    def _predict(self) -> Callable[[np.ndarray], np.ndarray]:
        return predictor(self.size)

    def expected(self, frame: Frame, prediction: np.ndarray) -> np.ndarray:
        """Size of error (rows,) to expect, in readings."""
        made = self._predict(_inputs(frame, prediction))
        return np.maximum(made, self.least) * unit(frame)

    def around(
        self, frame: Frame, prediction: np.ndarray, wider: np.ndarray | float = 1.0
    ) -> np.ndarray:
        """Band edges (rows, 4) at `QUANTILES`, never negative, in order, prediction inside.

        `wider` (rows,) stretches the bands.
        """
        at = np.searchsorted(np.array(self.horizons), frame.horizon)
        at = np.clip(at, 0, len(self.horizons) - 1)
        size = self.expected(frame, prediction) * wider
        edges = prediction[:, None] + self.quantiles[at] * size[:, None]
        return ordered(edges, prediction)


def ordered(edges: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Edges (rows, 4) that do not cross, with the prediction between them, none negative."""
    edges = np.maximum(edges, 0.0)
    low, high = np.minimum(edges[:, 1], prediction), np.maximum(edges[:, 2], prediction)
    return np.column_stack([np.minimum(edges[:, 0], low), low, high, np.maximum(edges[:, 3], high)])


def unit(frame: Frame) -> np.ndarray:
    """The unit of errors, (rows,): the residuals' size of the last four weeks.

    In this unit, bands widen by themselves with the unrest of a road.
    """
    size = np.where(np.isfinite(frame.size), frame.size, _UNREST * frame.level)
    return np.maximum(size, _LEAST_UNREST * frame.level)


def _inputs(frame: Frame, prediction: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        own = np.column_stack(
            [prediction / frame.level, (prediction - frame.usual) / frame.level]
        ).astype(np.float32)
    return np.hstack([frame.features, own])


def calibrate(frame: Frame, prediction: np.ndarray, halves: np.ndarray, seed: int) -> Bands:
    """Bands from out-of-sample forecasts of `frame` (rows with y and level).

    `halves` (rows,) bool divides the rows in time: errors of each half are divided by sizes that
    were learned from the other, so that the quantiles are out of sample too (cross-conformal,
    Vovk 2015).
    """
    error = frame.y - prediction
    inputs, relative = _inputs(frame, prediction), np.abs(error) / unit(frame)
    least = max(float(np.quantile(relative, 0.05)), 1e-4)
    score = np.full(len(frame), np.nan)
    for own, other in ((halves, ~halves), (~halves, halves)):
        if own.any() and other.any():
            made = _fit(inputs[other], relative[other], seed)
            size = np.maximum(predictor(made)(inputs[own]), least) * unit(frame)[own]
            score[own] = error[own] / size
    usable = np.isfinite(score)
    if not usable.any():
        score, usable = error / (np.maximum(relative.mean(), least) * unit(frame)), score != 0
    steps = np.unique(frame.horizon)
    rows = [_quantiles(score[usable], frame.horizon[usable], int(step)) for step in steps]
    return Bands(_fit(inputs, relative, seed), tuple(int(s) for s in steps), np.array(rows), least)


def _quantiles(score: np.ndarray, horizon: np.ndarray, step: int) -> list[float]:
    for reach in range(24):
        near = np.abs(horizon - step) <= reach
        if near.sum() >= _ENOUGH:
            break
    values = score[near]
    return [float(np.quantile(values, q)) for q in QUANTILES]


def _fit(inputs: np.ndarray, target: np.ndarray, seed: int) -> str:
    import lightgbm

    data = lightgbm.Dataset(inputs, target)
    return str(
        lightgbm.train(_SETTINGS | {"seed": seed}, data, num_boost_round=_ROUNDS).model_to_string()
    )
