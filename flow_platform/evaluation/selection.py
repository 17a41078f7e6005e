"""What a backtest decides: the weights of the combination, the champion, and the bands.

Backtest errors come in as tables; who made the forecasts is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Backtest MASE closer than this (relative) is a tie, which the simpler candidate wins.
TIE = 0.005
# Steps of the greedy search for weights: each adds one share of 1/STEPS.
STEPS = 20
# A series chooses for itself when it has as many origins, and its choice saves this share.
LEAST_ORIGINS, LEAST_GAIN = 4, 0.10
LEVELS = {"lower_95": 0.025, "lower_80": 0.1, "upper_80": 0.9, "upper_95": 0.975}
# Errors of a series count as much as its usual size after so many of them.
PRIOR_ERRORS = 8.0
# A band is at least and at most so many times the series' usual band.
SHAPES = (0.1, 10.0)


@dataclass(frozen=True)
class Backtest:
    """Forecasts of every candidate at the same rolling origins before the cutoff.

    names      candidates, simplest first
    forecasts  (candidates, origins, series, horizon), NaN where there was no series yet
    actuals    (origins, series, horizon), NaN where nothing is known
    scale      (series,) of the MASE, NaN where a series has none
    """

    names: tuple[str, ...]
    forecasts: np.ndarray
    actuals: np.ndarray
    scale: np.ndarray

    @property
    def scaled_errors(self) -> np.ndarray:
        """|error| over the MASE scale, in the shape of `forecasts`."""
        return np.abs(self.forecasts - self.actuals) / self.scale[:, None]

    @property
    def mase(self) -> dict[str, float]:
        """Mean over the series of the mean scaled error, NaN where there is none."""
        overall = _mean(_mean(self.scaled_errors, (1, 3)), 1)
        return {name: float(value) for name, value in zip(self.names, overall, strict=True)}

    def with_combination(self, name: str, forecasts: np.ndarray) -> Backtest:
        joined = np.concatenate([self.forecasts, forecasts[None]])
        return Backtest((*self.names, name), joined, self.actuals, self.scale)


@dataclass(frozen=True)
class Choice:
    """The champion of each series, why, and the backtest MASE of each candidate."""

    champion: str
    of_series: np.ndarray
    reason: str
    mase: dict[str, float]


def weights_of(backtest: Backtest) -> dict[str, float]:
    """Weights on the simplex that lower the scaled error of the backtest; the rest get none.

    Greedy selection with replacement (Caruana et al., Ensemble selection, ICML 2004): each step
    adds the candidate that helps the mean most. Coarse steps keep few origins from overfitting.
    """
    known = np.isfinite(backtest.actuals) & np.isfinite(backtest.scale)[:, None]
    usable = known & np.isfinite(backtest.forecasts).all(axis=0)
    if not usable.any():
        share = 1.0 / len(backtest.names)
        return dict.fromkeys(backtest.names, share)
    scale = np.broadcast_to(backtest.scale[:, None], usable.shape)[usable]
    made = backtest.forecasts[:, usable] / scale
    actual = backtest.actuals[usable] / scale
    # Each series counts alike, however many of its steps are known.
    series = np.broadcast_to(np.arange(usable.shape[1])[:, None], usable.shape)[usable]
    weight = 1.0 / np.bincount(series, minlength=usable.shape[1])[series]
    counts = np.zeros(len(made), dtype=int)
    total = np.zeros(made.shape[1])
    for step in range(1, STEPS + 1):
        losses = [np.sum(np.abs((total + one) / step - actual) * weight) for one in made]
        best = int(np.argmin(losses))
        counts[best] += 1
        total += made[best]
    return {name: float(n / STEPS) for name, n in zip(backtest.names, counts, strict=True) if n}


def choose(backtest: Backtest, per_series: bool) -> Choice:
    """The candidate with the lowest backtest MASE; the simplest of those within 0.5 % of it.

    Stability: where the origins disagree, so that the best is ahead of a simpler candidate in
    less than half of them, the simpler one is taken. With `per_series` a series takes its own
    best where it has 4 origins or more and saves a tenth by it; else the common champion.
    """
    errors = backtest.scaled_errors
    by_origin = _mean(_mean(errors, 3), 2)
    figures = backtest.mase
    overall = np.array([figures[name] for name in backtest.names])
    if not np.isfinite(overall).any():
        first = backtest.names[0]
        none = np.full(len(backtest.scale), first, dtype=object)
        return Choice(first, none, "no backtest was possible: the simplest candidate", figures)
    best = int(np.nanargmin(overall))
    chosen, reason = best, f"lowest backtest MASE, {overall[best]:.4f}"
    for simpler in range(best):
        near = overall[simpler] <= overall[best] * (1 + TIE)
        ahead = np.mean(by_origin[best] < by_origin[simpler]) if by_origin.shape[1] else 0.0
        if near:
            chosen, reason = simpler, f"within {TIE:.1%} of {backtest.names[best]}, and simpler"
            break
        if ahead < 0.5:
            chosen = simpler
            reason = f"{backtest.names[best]} is ahead of it in only {ahead:.0%} of the origins"
            break
    champion = backtest.names[chosen]
    of_series = np.full(len(backtest.scale), champion, dtype=object)
    if per_series:
        own = _mean(errors, (1, 3))
        enough = np.isfinite(errors[chosen]).any(axis=2).sum(axis=0) >= LEAST_ORIGINS
        filled = np.where(np.isfinite(own), own, np.inf)
        rival = filled.argmin(axis=0)
        gain = filled.min(axis=0) < (1 - LEAST_GAIN) * filled[chosen]
        changed = enough & gain
        of_series[changed] = np.array(backtest.names, dtype=object)[rival[changed]]
        reason += f"; {int(changed.sum())} series chose their own"
    return Choice(champion, of_series, reason, figures)


def bands(
    forecast: np.ndarray,
    backtest: np.ndarray,
    actuals: np.ndarray,
    scale: np.ndarray,
    widths: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Bounds of 80 and 95 %, each (series, horizon), from the errors of the rolling origins.

    Conformal: the quantiles, pooled over series and smoothed over horizons, of errors divided by
    the series' own size, which the other origins tell. `forecast` (series, horizon); `backtest`
    and `actuals` (origins, series, horizon); `scale` (series,). `widths` (origins + 1, series,
    horizon), the last one the forecast's, is the distance between a model's quantiles: it tells
    where in a series errors are larger, and the errors tell how large (after Romano et al.,
    Conformalized quantile regression, 2019). Without one error the bounds are those of a normal
    error of the size of the MASE scale.
    """
    errors = actuals - backtest
    origins, _, horizon = errors.shape
    usual = np.where(
        np.isfinite(scale), scale, np.nanmedian(scale) if np.isfinite(scale).any() else 0
    )
    usual = np.maximum(usual, 1e-9)[:, None]
    shape = _shape(np.ones((origins + 1, 1, 1)) if widths is None else widths)
    errors = errors / (usual * shape[:-1])
    # How large errors are beside the MASE scale, at each horizon, over the panel.
    growth = _smooth(np.nan_to_num(_median(np.abs(errors), (0, 1)), nan=1.0))
    relative = np.abs(errors) / growth
    sizes = [_sizes(np.delete(relative, k, axis=0)) for k in range(origins)]
    spread = _sizes(relative)[:, None] * growth * usual * shape[-1]
    bounds = {}
    for name, level in LEVELS.items():
        offsets = np.full(
            horizon, {"lower": -1, "upper": 1}[name[:5]] * (2.9 if "95" in name else 1.9)
        )
        if origins and np.isfinite(errors).any():
            places = np.concatenate(
                [errors[k] / (sizes[k][:, None] * growth) for k in range(origins)]
            )
            offsets = _level(places, level)
        bounds[name] = forecast + offsets * spread
    lower = np.minimum(bounds["lower_80"], forecast)
    upper = np.maximum(bounds["upper_80"], forecast)
    return {
        "lower_80": lower,
        "upper_80": upper,
        "lower_95": np.minimum(bounds["lower_95"], lower),
        "upper_95": np.maximum(bounds["upper_95"], upper),
    }


def widths_help(
    backtest: np.ndarray, actuals: np.ndarray, scale: np.ndarray, widths: np.ndarray
) -> bool:
    """Whether bands shaped by `widths` lose less (pinball) than plain ones at the rolling origins.

    Each origin's bands rest on the others; shapes as in `bands`. With one origin nothing is known.
    """
    origins = len(actuals)
    if origins < 2:
        return False
    usual = np.where(np.isfinite(scale), scale, np.nan)[:, None]
    gain = []
    for k in range(origins):
        others = [j for j in range(origins) if j != k]
        losses = []
        for shape in (None, widths[[*others, k]]):
            found = bands(backtest[k], backtest[others], actuals[others], scale, shape)
            for name, level in LEVELS.items():
                short = (actuals[k] - found[name]) / usual
                losses.append(np.maximum(level * short, (level - 1) * short))
        plain, shaped = np.split(_mean(np.array(losses), (1, 2)), 2)
        gain.append(plain.mean() - shaped.mean())
    return bool(np.nanmean(gain) > 0) if np.isfinite(gain).any() else False


def _shape(widths: np.ndarray) -> np.ndarray:
    """Widths beside the median one of the same series; 1 where unknown or nothing."""
    middle = np.median(widths, axis=(0, 2), keepdims=True)
    usable = np.isfinite(widths) & np.isfinite(middle) & (middle > 0)
    shape = np.where(usable, widths, 1.0) / np.where(usable, middle, 1.0)
    return np.clip(shape, *SHAPES)


def _sizes(relative: np.ndarray) -> np.ndarray:
    """Mean |scaled error| of each series, drawn to what is usual in the panel."""
    count = np.isfinite(relative).sum(axis=(0, 2))
    total = np.nansum(relative, axis=(0, 2))
    own = total / np.maximum(count, 1)
    usual = np.median(own[count > 0]) if (count > 0).any() else 1.0
    size = (total + PRIOR_ERRORS * usual) / (count + PRIOR_ERRORS)
    return np.maximum(size, 1e-9 + 0.02 * usual)


def _level(places: np.ndarray, level: float) -> np.ndarray:
    """Quantile of each horizon's errors with the conformal correction, smoothed over horizons."""
    width = max(1, places.shape[1] // 8)
    result = np.empty(places.shape[1])
    for step in range(places.shape[1]):
        near = places[:, max(0, step - width) : step + width + 1]
        known = near[np.isfinite(near)]
        share = (len(known) + 1) / max(len(known), 1) * abs(level - 0.5)
        result[step] = np.quantile(known, np.clip(0.5 + np.sign(level - 0.5) * share, 0, 1))
    return result


def _smooth(values: np.ndarray) -> np.ndarray:
    width = max(1, len(values) // 8)
    padded = np.pad(values, width, mode="edge")
    kernel = np.ones(2 * width + 1) / (2 * width + 1)
    return np.maximum(np.convolve(padded, kernel, mode="valid"), 1e-9)


def _mean(values: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    count = np.isfinite(values).sum(axis=axis)
    total = np.nansum(np.where(np.isfinite(values), values, 0.0), axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _median(values: np.ndarray, axis: tuple[int, ...]) -> np.ndarray:
    kept = np.where(np.isfinite(values), values, np.nan)
    if not np.isfinite(kept).any():
        return np.full(values.shape[-1], np.nan)
    return np.nanmedian(kept, axis=axis)
