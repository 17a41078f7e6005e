"""Global models: one learner over all series, one row per series, origin and horizon.

Direct multi-horizon: a row's features end at its origin, its target lies `horizon` steps later.
Values are relative to the series' level at the origin: series of any size teach one another.
"""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from flow_platform.evaluation.table import Panel
from flow_platform.ground.errors import ModelError

MAX_ROWS = 300_000
MLP_ROWS = 80_000
# Lags of each season that a row sees, and recent steps.
LAGS, RECENT = 4, 6
LEAST_STEPS = 8

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
# Of quantiles only the width is used; smaller trees on fewer rows tell it.
QUANTILE: dict[str, Any] = {"objective": "quantile", "num_leaves": 16}
QUANTILE_ROUNDS, QUANTILE_ROWS = 120, 100_000


@dataclass(frozen=True)
class Rows:
    """Direct rows: features (rows, columns) float32, anchors, level, weight, target (NaN unknown).

    An error of one level counts `weight`, as it does on average in relative and scaled errors.
    """

    features: np.ndarray
    anchors: np.ndarray  # (rows, kinds)
    level: np.ndarray
    weight: np.ndarray
    target: np.ndarray

    def only(self, rows: np.ndarray) -> Rows:
        return Rows(*(getattr(self, f.name)[rows] for f in fields(Rows)))

    def some(self, limit: int) -> Rows:
        """All rows, or so many of them, drawn evenly and in their order."""
        if len(self.target) <= limit:
            return self
        return self.only(np.sort(np.random.default_rng(0).permutation(len(self.target))[:limit]))


def rows_at(panel: Panel, back: int, horizon: int, cycles: tuple[int, ...]) -> Rows:
    """Rows of every series for the origin `back` steps before the end; series-major order.

    `cycles` are the seasons that features look at, one choice for training and forecasts.
    """
    table = panel.filled
    origin = table.shape[1] - 1 - back
    past = table[:, : origin + 1]
    count = len(past)
    steps = np.arange(1, horizon + 1)

    def mean(first: int, last: int) -> np.ndarray:
        """Mean of the steps from `first` to `last` back (both included), as far as known."""
        part = past[:, max(origin - last, 0) : max(origin - first + 1, 0)]
        known = np.isfinite(part)
        total = np.where(known, part, 0.0).sum(axis=1)
        return np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)

    window = max([s for s in panel.seasons if s > 1], default=8)
    level = np.abs(mean(0, window - 1))
    level = np.where(level > 0, level, np.nan)
    spread = np.nanmax(
        np.abs(past[:, -window:]), axis=1, initial=0.0, where=np.isfinite(past[:, -window:])
    )
    level = np.where(np.isfinite(level), np.maximum(level, 0.02 * spread), np.nan)

    def lag(distance: np.ndarray | int) -> np.ndarray:
        """Value so many steps before the origin, (series, horizons) or (series, 1)."""
        at = origin - np.atleast_1d(np.asarray(distance))
        found = past[:, np.clip(at, 0, origin)]
        return np.where((at >= 0) & (at <= origin), found, np.nan)

    shape = (count, horizon)
    columns: list[np.ndarray] = [np.broadcast_to(steps.astype(float), shape)]
    anchors: list[np.ndarray] = []
    for season in cycles:
        ahead = (origin + steps) % season
        columns.append(np.broadcast_to(ahead.astype(float), shape))
        first = (steps + season - 1) // season * season - steps
        lags = [lag(first + season * k) for k in range(LAGS)]
        relative = [value / level[:, None] for value in lags]
        columns.extend(relative)
        columns.append(lag(first + 1) / level[:, None])
        columns.append(np.where(first >= 1, lag(first - 1), np.nan) / level[:, None])
        with np.errstate(all="ignore"):
            stacked = np.stack(relative)
            known = np.isfinite(stacked)
            average = np.where(known, stacked, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        columns.append(np.where(known.any(axis=0), average, np.nan))
        columns.append(relative[0] - relative[1])
        now = [lag(k) - lag(k + season) for k in range(3)]
        columns.append(np.broadcast_to(now[0] / level[:, None], shape))
        columns.append(np.broadcast_to(sum(now) / 3 / level[:, None], shape))
        moved = (mean(0, season - 1) - mean(season, 2 * season - 1)) / level
        columns.append(np.broadcast_to(moved[:, None], shape))
        columns.append(np.broadcast_to((_apart(past, season) / level)[:, None], shape))
        if season in panel.seasons:
            anchors.append(lags[0])
            anchors.append(np.where(known.any(axis=0), average * level[:, None], np.nan))
        else:
            anchors.append(lags[0] + lag(0) - lag(season))
    for k in range(RECENT):
        columns.append(np.broadcast_to(lag(k) / level[:, None], shape))
    for width in (2, 4, 8, 13, 26, 52):
        near = mean(0, width - 1)
        columns.append(np.broadcast_to((near / level)[:, None], shape))
        columns.append(
            np.broadcast_to(((near - mean(width, 2 * width - 1)) / level)[:, None], shape)
        )
    apart = np.abs(np.diff(past[:, -4 * max(window, 13) :], axis=1))
    rough = np.nanmean(np.where(np.isfinite(apart), apart, 0.0), axis=1) / level
    columns.append(np.broadcast_to(rough[:, None], shape))
    length = np.isfinite(past).sum(axis=1)
    columns.append(np.broadcast_to(np.log1p(length)[:, None].astype(float), shape))

    last = np.broadcast_to(lag(0), shape)
    if panel.seasons[-1] == 1:
        anchors = [*anchors, np.broadcast_to(mean(0, 3)[:, None], shape)]
        anchors = [anchors[0], last]
    chosen = _anchors(anchors, last)
    future = np.full(shape, np.nan)
    inside = min(horizon, table.shape[1] - 1 - origin)
    future[:, :inside] = panel.values[:, origin + 1 : origin + 1 + inside]
    usable = np.isfinite(level) & (length >= LEAST_STEPS)
    scaled = level / np.maximum(_apart(past, panel.seasons[0], past.shape[1]), 1e-3 * level)
    scaled = np.where(usable & np.isfinite(scaled), scaled, np.nan)
    usual = np.nanmean(scaled) if np.isfinite(scaled).any() else 1.0
    weight = np.clip(0.5 + 0.5 * np.nan_to_num(scaled / usual, nan=1.0), 0.1, 5.0)
    target = np.where(usable[:, None], future, np.nan)
    return Rows(
        np.stack([c.ravel() for c in columns], axis=1).astype(np.float32),
        np.stack([a.ravel() for a in chosen], axis=1),
        np.repeat(np.where(usable, level, np.nan), horizon),
        np.repeat(weight, horizon),
        target.ravel(),
    )


def _apart(past: np.ndarray, season: int, window: int = 0) -> np.ndarray:
    """Mean |difference| of steps one season apart over the last two seasons, or `window` steps."""
    recent = past[:, -max(window, 3 * season) :]
    if recent.shape[1] <= season:
        return np.full(len(past), np.nan)
    apart = np.abs(recent[:, season:] - recent[:, :-season])
    known = np.isfinite(apart)
    count = known.sum(axis=1)
    total = np.where(known, apart, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _anchors(anchors: list[np.ndarray], last: np.ndarray) -> list[np.ndarray]:
    """Two anchors, the longest season's first; where one is unknown the next shorter one serves."""
    ordered = [anchors[-2], anchors[-1], *anchors[:-2], last]
    result = []
    for wanted in ordered[:2]:
        found = wanted
        for other in ordered:
            found = np.where(np.isfinite(found), found, other)
        result.append(found)
    return result


def training_rows(panel: Panel, horizon: int, cycles: tuple[int, ...], limit: int) -> Rows:
    """Rows of many origins, evenly over the history, at most about `limit`.

    Raises ModelError where no series is long enough.
    """
    steps = panel.values.shape[1]
    history = max(LEAST_STEPS, min(2 * max([1, *cycles]), steps // 2))
    oldest = steps - history
    per_origin = max(len(panel.ids) * horizon, 1)
    count = int(np.clip(limit // per_origin, 4, 200))
    # Origins an odd number of steps apart meet every phase of a day and a week.
    gap = max(1, (oldest - horizon) // count)
    while gap > 1 and any(np.gcd(gap, s) > 1 for s in cycles):
        gap -= 1
    backs = [horizon + gap * k for k in range(count) if horizon + gap * k < oldest]
    parts = []
    for back in backs or ([horizon] if steps > horizon + LEAST_STEPS else []):
        rows = rows_at(panel, back, horizon, cycles)
        parts.append(rows.only(np.isfinite(rows.target) & np.isfinite(rows.level)))
    if not parts or sum(len(part.target) for part in parts) < 200:
        raise ModelError(
            f"A global model needs at least 200 rows with {horizon} steps ahead and "
            f"{LEAST_STEPS} behind; the panel is shorter."
        )
    joined = Rows(
        *(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Rows))
    )
    return joined.some(limit)


class GlobalLightGBM:
    """LightGBM (Ke et al. 2017) on direct rows, one booster an anchor, their forecasts averaged.

    Two more boosters tell the 10 and 90 % quantiles: how wide a band is, where and when.
    """

    name = "lightgbm"
    needs = "200 rows over all series; 8 known steps in a series"

    def __init__(self, seed: int, workers: int) -> None:
        self.seed = seed
        self.workers = workers
        self.cycles: tuple[int, ...] = ()
        self.boosters: list[Any] = []
        self.quantiles: list[Any] = []

    def fit(self, panel: Panel, horizon: int) -> None:
        self.cycles = panel.cycles
        rows = training_rows(panel, horizon, self.cycles, MAX_ROWS)
        fewer = rows.some(QUANTILE_ROWS)
        kinds = range(rows.anchors.shape[1])
        wide = [{"alpha": alpha} for alpha in (0.1, 0.9)]
        # One thread a booster: threads within one wait for each other wherever cores are shared.
        with ThreadPoolExecutor(self.workers) as pool:
            points = [pool.submit(self._train, rows, kind, ROUNDS, {}) for kind in kinds]
            bounds = [
                pool.submit(self._train, fewer, kinds[-1], QUANTILE_ROUNDS, QUANTILE | more)
                for more in wide
            ]
        self.boosters = [job.result() for job in points]
        self.quantiles = [job.result() for job in bounds]

    def _train(self, rows: Rows, kind: int, rounds: int, more: dict[str, Any]) -> Any:
        import lightgbm

        target = np.clip((rows.target - rows.anchors[:, kind]) / rows.level, -5, 5)
        known = np.isfinite(target)
        data = lightgbm.Dataset(
            rows.features[known], target[known].astype(np.float32), weight=rows.weight[known]
        )
        settings = PARAMETERS | {"seed": self.seed + kind, "num_threads": 1} | more
        return lightgbm.train(settings, data, num_boost_round=rounds)

    def forecast(self, panel: Panel, horizon: int) -> tuple[np.ndarray, np.ndarray]:
        """Forecasts, and the distance between the 10 and 90 % quantiles, both (series, horizon).

        The distance is in levels of its origin, so that a change of level changes no band's shape.
        """
        rows = rows_at(panel, 0, horizon, self.cycles)
        shape = (len(panel.ids), horizon)

        def said(booster: Any) -> np.ndarray:
            return np.asarray(booster.predict(rows.features, num_threads=self.workers))

        made = [
            rows.anchors[:, kind] + rows.level * said(one) for kind, one in enumerate(self.boosters)
        ]
        low, high = (said(booster) for booster in self.quantiles)
        return np.mean(made, axis=0).reshape(shape), np.abs(high - low).reshape(shape)


class GlobalMLP:
    """A dense neural network (scikit-learn) on the same rows, standardised, unknown as zero."""

    name = "mlp"
    needs = GlobalLightGBM.needs

    def __init__(self, seed: int, workers: int) -> None:
        self.seed = seed
        self.cycles: tuple[int, ...] = ()
        self.model: Any = None

    def fit(self, panel: Panel, horizon: int) -> None:
        from sklearn.neural_network import MLPRegressor

        self.cycles = panel.cycles
        rows = training_rows(panel, horizon, self.cycles, MLP_ROWS)
        target = np.clip((rows.target - rows.anchors[:, 0]) / rows.level, -2, 2)
        known = np.isfinite(target)
        features = rows.features[known]
        self.centre = np.nanmedian(features, axis=0)
        low, high = np.nanquantile(features, [0.1, 0.9], axis=0)
        self.width = np.maximum(high - low, 1e-3)
        self.model = MLPRegressor(
            hidden_layer_sizes=(64, 32),
            alpha=1e-3,
            batch_size=512,
            learning_rate_init=2e-3,
            max_iter=12,
            random_state=self.seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.model.fit(self._scaled(features), target[known])

    def _scaled(self, features: np.ndarray) -> np.ndarray:
        return np.clip(np.nan_to_num((features - self.centre) / self.width), -5, 5)

    def forecast(self, panel: Panel, horizon: int) -> tuple[np.ndarray, None]:
        rows = rows_at(panel, 0, horizon, self.cycles)
        made = rows.anchors[:, 0] + rows.level * self.model.predict(self._scaled(rows.features))
        return made.reshape(len(panel.ids), horizon), None
