"""A global linear model: a forecast is a weighted sum of the last steps, for all series alike."""

from __future__ import annotations

import numpy as np

from flow_platform.evaluation.series_matrix import SeriesMatrix
from flow_platform.ground.errors import ModelError

ROWS, LEAST = 40_000, 300
# A window has so many cycles, or so many steps where there is none.
CYCLES_BACK, STEPS_BACK = 2, 26
# Penalties tried, as a share of the mean square of a step; the newest tenth of the rows decides.
PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)


class GlobalLinear:
    """Ridge regression on the last steps, direct for every horizon.

    A window is taken relative to its last value and size, so that series of any size share the
    weights (Zeng et al., Are transformers effective for time series forecasting?, 2023, NLinear).
    """

    name = "linear"
    needs = (
        "300 windows of 26 steps, or of a horizon where longer, and what follows, over all series"
    )

    def __init__(self, seed: int, workers: int) -> None:
        self.window = 0
        self.weights = np.empty((0, 0))

    def fit(self, panel: SeriesMatrix, horizon: int) -> None:
        """Raises ModelError where there are too few windows."""
        self.window = _window_steps(panel, horizon)
        span = self.window + horizon
        if np.maximum(panel.lengths - span + 1, 0).sum() < LEAST:
            raise ModelError(f"it needs {self.needs}; there are fewer of {span} steps")
        windows = _windows(panel, span)
        inputs, last, size = _relative(windows[:, : self.window])
        targets = np.clip((windows[:, self.window :] - last) / size, -10, 10)
        old = int(0.9 * len(inputs))
        gram, cross = inputs[:old].T @ inputs[:old], inputs[:old].T @ targets[:old]
        losses = []
        for penalty in PENALTIES:
            predicted = inputs[old:] @ _solve(gram, cross, penalty)
            losses.append(np.abs(predicted - targets[old:]).mean())
        gram += inputs[old:].T @ inputs[old:]
        cross += inputs[old:].T @ targets[old:]
        self.weights = _solve(gram, cross, PENALTIES[int(np.argmin(losses))])

    def forecast(self, panel: SeriesMatrix, horizon: int) -> tuple[np.ndarray, None]:
        """Forecasts (series, horizon) of the steps after the panel's end; no widths."""
        table = panel.filled[:, -self.window :]
        # A series shorter than the window is continued back with its first value.
        first = np.isfinite(table).argmax(axis=1)
        begun = table[np.arange(len(table)), first][:, None]
        inputs, last, size = _relative(np.where(np.isfinite(table), table, begun))
        return last + size * (inputs @ self.weights), None


def _window_steps(panel: SeriesMatrix, horizon: int) -> int:
    """The longest window for which most series have an example, and the panel enough of them."""
    longest = max((0, *panel.cycles))
    least = max(STEPS_BACK, horizon)
    for cycles in range(CYCLES_BACK, 0, -1):
        window = max(cycles * longest, least)
        examples = np.maximum(panel.lengths - window - horizon + 1, 0)
        if (examples > 0).mean() >= 0.5 and examples.sum() >= LEAST:
            return window
    return least


def _windows(panel: SeriesMatrix, span: int) -> np.ndarray:
    """At most ROWS windows of `span` known steps, oldest first, (windows, span)."""
    everything = np.lib.stride_tricks.sliding_window_view(panel.filled, span, axis=1)
    series, start = np.nonzero(np.isfinite(everything[:, :, 0]))
    if len(series) > ROWS:
        kept = np.random.default_rng(0).permutation(len(series))[:ROWS]
        series, start = series[kept], start[kept]
    order = np.argsort(start, kind="stable")
    return everything[series[order], start[order]]


def _relative(windows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows relative to their last value and size; both, shape (rows, 1)."""
    last = windows[:, -1:]
    size = np.mean(np.abs(windows - windows.mean(axis=1, keepdims=True)), axis=1, keepdims=True)
    size = np.where(size > 0, size, 1.0)
    return np.clip((windows - last) / size, -10, 10), last, size


def _solve(gram: np.ndarray, cross: np.ndarray, penalty: float) -> np.ndarray:
    usual = np.trace(gram) / len(gram)
    return np.linalg.solve(gram + penalty * 1e-3 * usual * np.eye(len(gram)), cross)
