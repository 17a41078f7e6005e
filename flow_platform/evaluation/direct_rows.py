"""Rows that global models learn from: one for each series, origin and horizon.

Direct multi-horizon: the features of a row end at its origin, its target is `horizon` steps later.
Features and targets are relative to the level of the series at the origin, so that series of any
size teach one another. The models are in `boosting` and `neural`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from flow_platform.evaluation.series_matrix import STEPS_BEYOND, SeriesMatrix
from flow_platform.ground.errors import ModelError

# Lags of each season that a row has, and recent steps.
LAGS, RECENT = 4, 6
# Widths of the recent means, in steps.
MEAN_WIDTHS = (2, 4, 8, 13, 26, 52)
LEAST_STEPS = 8
LEAST_ROWS = 200


@dataclass(frozen=True)
class DirectRows:
    """Rows for training or forecasts, in the order of series, then horizons.

    features (rows, columns) float32, relative to the level
    anchors  (rows, 2) values in units of y from which a model forecasts the difference
    level    (rows,) size of the series at the origin, from its last season; NaN where a series has
             fewer than LEAST_STEPS known steps
    weight   (rows,) how much an error of one level counts, as on average in relative and in
             scaled errors
    target   (rows,) y at the horizon, NaN where unknown
    """

    features: np.ndarray
    anchors: np.ndarray
    level: np.ndarray
    weight: np.ndarray
    target: np.ndarray

    def only(self, rows: np.ndarray) -> DirectRows:
        """Some of the rows, by their numbers or a bool for each."""
        return DirectRows(*(getattr(self, f.name)[rows] for f in fields(DirectRows)))

    def some(self, limit: int) -> DirectRows:
        """All rows, or `limit` of them drawn at random (always the same), in their order."""
        if len(self.target) <= limit:
            return self
        return self.only(np.sort(np.random.default_rng(0).permutation(len(self.target))[:limit]))


@dataclass(frozen=True)
class _Past:
    """Values up to the origin, (series, steps); the last column is the origin."""

    values: np.ndarray

    @property
    def origin(self) -> int:
        return self.values.shape[1] - 1

    def mean(self, first: int, last: int) -> np.ndarray:
        """Mean of the known steps from `first` to `last` before the origin, (series,)."""
        part = self.values[:, max(self.origin - last, 0) : max(self.origin - first + 1, 0)]
        known = np.isfinite(part)
        total = np.where(known, part, 0.0).sum(axis=1)
        return np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)

    def known_steps(self) -> np.ndarray:
        """Number of known steps, (series,)."""
        return np.isfinite(self.values).sum(axis=1)

    def lag(self, distance: np.ndarray | int) -> np.ndarray:
        """Values so many steps before the origin, (series, distances) or (series, 1)."""
        at = self.origin - np.atleast_1d(np.asarray(distance))
        found = self.values[:, np.clip(at, 0, self.origin)]
        return np.where((at >= 0) & (at <= self.origin), found, np.nan)


def rows_at(panel: SeriesMatrix, origin: int, horizon: int, cycles: tuple[int, ...]) -> DirectRows:
    """Rows of every series and horizon from the origin `origin` steps before the panel's end.

    `cycles` are the seasons that features are made of: the same for training and forecasts.
    """
    past = _Past(panel.filled[:, : panel.values.shape[1] - origin])
    steps = np.arange(1, horizon + 1)
    shape = (len(panel.ids), horizon)
    window = max([s for s in panel.seasons if s > 1], default=8)
    level = _levels(past, window)
    columns = [steps.astype(float)]
    anchors: list[np.ndarray] = []
    for season in cycles:
        lags = _lags(past, level, season, steps)
        columns += _season_features(past, level, season, steps, lags)
        anchors += _season_anchors(past, level, season, lags, season in panel.seasons)
    columns += _recent_features(past, level, window)
    last = np.broadcast_to(past.lag(0), shape)
    if panel.seasons[-1] == 1:
        recent = np.broadcast_to(past.mean(0, 3)[:, None], shape)
        anchors = [anchors[0] if anchors else recent, last]
    usable = np.isfinite(level) & (past.known_steps() >= LEAST_STEPS)
    target = np.where(usable[:, None], panel.following(origin, horizon), np.nan)
    return DirectRows(
        np.stack([np.broadcast_to(c, shape).ravel() for c in columns], axis=1).astype(np.float32),
        np.stack([anchor.ravel() for anchor in _two_anchors(anchors, last)], axis=1),
        np.repeat(np.where(usable, level, np.nan), horizon),
        np.repeat(_weights(past, level, usable, panel.seasons[0]), horizon),
        target.ravel(),
    )


def training_rows(
    panel: SeriesMatrix, horizon: int, cycles: tuple[int, ...], limit: int
) -> DirectRows:
    """Rows with a target from many origins, evenly over the history, at most about `limit`.

    Raises ModelError where there are fewer than LEAST_ROWS, and where no series is longer than a
    season by enough steps.
    """
    if not cycles and panel.seasons[-1] > 1:
        raise ModelError(f"no series has {STEPS_BEYOND} steps more than a season")
    steps = panel.values.shape[1]
    history = max(LEAST_STEPS, min(2 * max([1, *cycles]), steps // 2))
    oldest = steps - history
    per_origin = max(len(panel.ids) * horizon, 1)
    count = int(np.clip(limit // per_origin, 4, 200))
    # A gap that has no divisor in common with a season meets every phase of it.
    gap = max(1, (oldest - horizon) // count)
    while gap > 1 and any(np.gcd(gap, s) > 1 for s in cycles):
        gap -= 1
    origins = [horizon + gap * k for k in range(count) if horizon + gap * k < oldest]
    parts = []
    for origin in origins or ([horizon] if steps > horizon + LEAST_STEPS else []):
        rows = rows_at(panel, origin, horizon, cycles)
        parts.append(rows.only(np.isfinite(rows.target) & np.isfinite(rows.level)))
    if not parts or sum(len(part.target) for part in parts) < LEAST_ROWS:
        raise ModelError(
            f"A global model needs at least {LEAST_ROWS} rows with {horizon} steps ahead and "
            f"{LEAST_STEPS} behind; the panel is shorter."
        )
    joined = DirectRows(
        *(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(DirectRows))
    )
    return joined.some(limit)


def _levels(past: _Past, window: int) -> np.ndarray:
    """|mean| of the last `window` steps, at least 2 % of the largest, (series,); NaN where 0."""
    level = np.abs(past.mean(0, window - 1))
    level = np.where(level > 0, level, np.nan)
    recent = past.values[:, -window:]
    largest = np.nanmax(np.abs(recent), axis=1, initial=0.0, where=np.isfinite(recent))
    return np.where(np.isfinite(level), np.maximum(level, 0.02 * largest), np.nan)


@dataclass(frozen=True)
class _Lags:
    """The newest steps that have the phase of a target in one season, newest first.

    distance  steps from the origin back to the newest of them, (horizons,)
    values    LAGS arrays (series, horizons) in units of y
    relative  the same in levels
    mean      their mean in levels as far as they are known, (series, horizons)
    """

    distance: np.ndarray
    values: list[np.ndarray]
    relative: list[np.ndarray]
    mean: np.ndarray


def _lags(past: _Past, level: np.ndarray, season: int, steps: np.ndarray) -> _Lags:
    distance = (steps + season - 1) // season * season - steps
    values = [past.lag(distance + season * k) for k in range(LAGS)]
    relative = [value / level[:, None] for value in values]
    stacked = np.stack(relative)
    known = np.isfinite(stacked)
    average = np.where(known, stacked, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return _Lags(distance, values, relative, np.where(known.any(axis=0), average, np.nan))


def _season_features(
    past: _Past, level: np.ndarray, season: int, steps: np.ndarray, lags: _Lags
) -> list[np.ndarray]:
    """Columns of one season, each (horizons,), (series, 1) or (series, horizons)."""
    size = level[:, None]
    step_before = past.lag(lags.distance + 1) / size
    step_after = np.where(lags.distance >= 1, past.lag(lags.distance - 1), np.nan) / size
    # How far the newest steps are from those one season before.
    change = [past.lag(k) - past.lag(k + season) for k in range(3)]
    drift = (past.mean(0, season - 1) - past.mean(season, 2 * season - 1)) / level
    return [
        ((past.origin + steps) % season).astype(float),
        *lags.relative,
        step_before,
        step_after,
        lags.mean,
        lags.relative[0] - lags.relative[1],
        change[0] / size,
        sum(change) / 3 / size,
        drift[:, None],
        (_seasonal_difference(past, season, 3 * season) / level)[:, None],
    ]


def _season_anchors(
    past: _Past, level: np.ndarray, season: int, lags: _Lags, given: bool
) -> list[np.ndarray]:
    """What a target is compared with: seasons that are given, or the longer cycle, (series, h).

    A given season has two: its newest lag, and the mean of its lags. The longer cycle has one: its
    newest lag, moved by the change of the series since then.
    """
    if given:
        return [lags.values[0], lags.mean * level[:, None]]
    return [lags.values[0] + past.lag(0) - past.lag(season)]


def _recent_features(past: _Past, level: np.ndarray, window: int) -> list[np.ndarray]:
    """Columns of the recent steps, their means and their roughness, each (series, 1)."""
    size = level[:, None]
    columns = [past.lag(k) / size for k in range(RECENT)]
    for width in MEAN_WIDTHS:
        near = past.mean(0, width - 1)
        columns.append((near / level)[:, None])
        columns.append(((near - past.mean(width, 2 * width - 1)) / level)[:, None])
    differences = np.abs(np.diff(past.values[:, -4 * max(window, 13) :], axis=1))
    known = np.where(np.isfinite(differences), differences, 0.0)
    columns.append((np.nanmean(known, axis=1) / level)[:, None])
    columns.append(np.log1p(past.known_steps())[:, None].astype(float))
    return columns


def _two_anchors(anchors: list[np.ndarray], last: np.ndarray) -> list[np.ndarray]:
    """The two anchors of the longest season; where one is unknown, that of a shorter one."""
    ordered = [anchors[-2], anchors[-1], *anchors[:-2], last]
    result = []
    for wanted in ordered[:2]:
        found = wanted
        for other in ordered:
            found = np.where(np.isfinite(found), found, other)
        result.append(found)
    return result


def _weights(past: _Past, level: np.ndarray, usable: np.ndarray, season: int) -> np.ndarray:
    """Weights (series,): half alike, half in proportion to the level over the MASE scale."""
    scale = _seasonal_difference(past, season, past.values.shape[1])
    scaled = level / np.maximum(scale, 1e-3 * level)
    scaled = np.where(usable & np.isfinite(scaled), scaled, np.nan)
    usual = np.nanmean(scaled) if np.isfinite(scaled).any() else 1.0
    return np.clip(0.5 + 0.5 * np.nan_to_num(scaled / usual, nan=1.0), 0.1, 5.0)


def _seasonal_difference(past: _Past, season: int, window: int) -> np.ndarray:
    """Mean |difference| of steps one season apart within the last `window` steps, (series,).

    The window is three seasons at least.
    """
    recent = past.values[:, -max(window, 3 * season) :]
    if recent.shape[1] <= season:
        return np.full(len(recent), np.nan)
    differences = np.abs(recent[:, season:] - recent[:, :-season])
    known = np.isfinite(differences)
    count = known.sum(axis=1)
    total = np.where(known, differences, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
