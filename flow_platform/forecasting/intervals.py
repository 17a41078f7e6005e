"""Prediction intervals: conformal bands from out-of-sample errors, per horizon, kept up to date.

Errors are log errors over the series' own spread, so that centres of any size share one
calibration. Knows neither models nor features beyond `spread` and whether a day is special.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

QUANTILES = (0.025, 0.1, 0.9, 0.975)
# Recent errors that widen or narrow the bands, and how many days weigh as much as the prior.
RECENT_DAYS = 42
PRIOR_DAYS = 10.0
FACTOR_LIMITS = (0.6, 2.5)
# Special days too few to measure are given bands this much wider.
SPECIAL_PRIOR, SPECIAL_PRIOR_ROWS = 1.7, 60


@dataclass(frozen=True)
class Calibration:
    """Quantiles of log error over scale by horizon, and how much wider special days are.

    `quantiles` is (horizons, 4) for `QUANTILES`; `typical` the panel's median spread.
    """

    horizons: tuple[int, ...]
    quantiles: np.ndarray
    special: float
    typical: float

    def as_json(self) -> dict[str, object]:
        return {
            "horizons": list(self.horizons),
            "quantiles": [[float(f"{q:.10g}") for q in row] for row in self.quantiles],
            "special": float(f"{self.special:.10g}"),
            "typical": float(f"{self.typical:.10g}"),
        }

    @classmethod
    def from_json(cls, stored: dict) -> Calibration:
        return cls(
            tuple(stored["horizons"]),
            np.array(stored["quantiles"], dtype=float),
            float(stored["special"]),
            float(stored["typical"]),
        )

    def bounds(self, horizon: np.ndarray, spread: np.ndarray, special: np.ndarray) -> np.ndarray:
        """Log offsets (rows, 4) from the prediction to `QUANTILES`."""
        at = np.searchsorted(np.array(self.horizons), horizon)
        at = np.clip(at, 0, len(self.horizons) - 1)
        width = scale(spread, self.typical) * np.where(special, self.special, 1.0)
        return self.quantiles[at] * width[:, None]


def scale(spread: np.ndarray, typical: float) -> np.ndarray:
    """A series' spread drawn half-way (in logs) to the panel's: short windows measure badly."""
    own = np.where(np.isfinite(spread), spread, typical)
    return np.sqrt(np.clip(own, typical / 20, typical * 20) * typical)


def calibrate(
    error: np.ndarray,
    horizon: np.ndarray,
    spread: np.ndarray,
    special: np.ndarray,
    day: np.ndarray,
) -> Calibration:
    """Split-conformal quantiles of out-of-sample log errors (rows,) (Vovk et al. 2005).

    Signed, since counts scatter further upward; each horizon borrows from its neighbours. Rows
    of one target `day` count once: series share its shocks, so they are no separate evidence.
    """
    usable = np.isfinite(error)
    error, horizon, spread, special, day = (
        a[usable] for a in (error, horizon, spread, special, day)
    )
    steps = np.unique(horizon)
    known = spread[np.isfinite(spread)]
    typical = float(np.median(known)) if len(known) else 0.2
    score = error / scale(spread, typical)
    rows = []
    for step in steps:
        near = (np.abs(horizon - step) <= 1) & ~special
        if near.sum() < 20:
            near = np.abs(horizon - step) <= 3
        count = len(np.unique(day[near]))
        rows.append([_conformal(score[near], q, count) for q in QUANTILES])
    quantiles = np.array(rows)
    quantiles[:, :2] = np.minimum(quantiles[:, :2], 0.0)
    quantiles[:, 2:] = np.maximum(quantiles[:, 2:], 0.0)
    if special.any():
        ratio = _ratio(score, quantiles[np.searchsorted(steps, horizon)])[special]
        seen = max(float(np.quantile(ratio, 0.8)), 1.0)
        weight = len(ratio) / (len(ratio) + SPECIAL_PRIOR_ROWS)
        wide = float(np.exp(weight * np.log(seen) + (1 - weight) * np.log(SPECIAL_PRIOR)))
    else:
        wide = SPECIAL_PRIOR
    return Calibration(tuple(int(s) for s in steps), quantiles, min(wide, 3.0), typical)


def _conformal(score: np.ndarray, quantile: float, count: int) -> float:
    """The conformal quantile of `count` independent scores: one more is taken to lie outside."""
    level = (
        (count + 1) * quantile / count
        if quantile > 0.5
        else 1 - (count + 1) * (1 - quantile) / count
    )
    return float(np.quantile(score, min(max(level, 0.0), 1.0)))


def _ratio(error: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """|error| over the 80 % half-width on its own side; above 1 is outside the band."""
    edge = np.where(error >= 0, offsets[:, 2], -offsets[:, 1])
    return np.abs(error) / np.maximum(edge, 1e-9)


def position(error: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Where each log error fell in its 80 % band: 0 at the prediction, 1 at the edge."""
    return _ratio(error, offsets)


def recent_factors(moments: np.ndarray, known_at: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """By how much bands issued at `moments` (int64 ns) are to be widened or narrowed.

    From the `positions` of earlier forecasts whose actual was known (`known_at`, int64 ns) by
    then and within `RECENT_DAYS`; drawn to 1 where few days are known. Gibbs and Candes 2021
    adapt in the same spirit.
    """
    day = 86_400_000_000_000
    order = np.argsort(known_at, kind="stable")
    known_at, positions = known_at[order], positions[order]
    distinct, which = np.unique(moments, return_inverse=True)
    factors = np.ones(len(distinct))
    for number, moment in enumerate(distinct):
        low = np.searchsorted(known_at, moment - RECENT_DAYS * day, side="right")
        high = np.searchsorted(known_at, moment, side="right")
        if high - low < 10:
            continue
        days = len(np.unique(known_at[low:high] // day))
        seen = np.quantile(positions[low:high], 0.8)
        weight = days / (days + PRIOR_DAYS)
        factors[number] = np.clip(max(seen, 1e-3) ** weight, *FACTOR_LIMITS)
    return factors[which]
