"""Calibrates predictions: bands that cover 80 %, probabilities that match observed shares.

Both are learned on rows that the fit had not seen. Nothing here knows a candidate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flow_platform.flows.deliveries.models.candidates import SHORTEST_DAYS
from flow_platform.flows.deliveries.models.data import Floats, Integers
from flow_platform.models.promotion import Interval, block_bootstrap, interval

# How far from 1 the slope of log-odds is expected to be, as a standard deviation.
_SLOPE = 0.5
_MOST_SLOPE = 1.5
_BINS = 10
LEVEL = 0.8
# From fewer errors no quantile is estimated.
LEAST_PART = 100
# Of a band in logs, about a tenth of the days that remain: sides that meet could not be widened by
# a share of the distance between them.
_LEAST_WIDTH = 0.1


@dataclass(frozen=True)
class Platt:
    """Log-odds as served: base + slope (raw - centre) (Platt 1999, the level given).

    `raw` is the candidate's own, `base` the share of late orders known at the row's moment,
    `centre` that of the rows which the candidate was fitted on: only the distance from what was
    usual then is taken from the candidate. There is no shift: a level learned from four months
    would be carried into the fifth. Slope 0 serves the base.
    """

    centre: float
    slope: float = 0.0

    def log_odds(self, raw: Floats, base: Floats) -> Floats:
        return base + self.slope * (raw - self.centre)


def fit_platt(raw: Floats, base: Floats, late: Floats, centre: float) -> Platt:
    """The slope by penalised log loss, drawn to 1; between 0 and 1.5.

    `raw` is less its own centre already where rows are of several fits; give `centre` of the fit
    that will serve. A slope below 0 is not used: the candidate is then ignored.
    """
    from scipy.optimize import minimize_scalar

    def loss(slope: float) -> float:
        z = base + slope * raw
        return float((np.logaddexp(0.0, z) - late * z).sum() + ((slope - 1) / _SLOPE) ** 2 / 2)

    found = minimize_scalar(loss, bounds=(0.0, _MOST_SLOPE), method="bounded")
    slope = min((0.0, float(found.x), _MOST_SLOPE), key=loss)
    return Platt(centre, float(f"{slope:.9g}"))


def probability(log_odds: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-np.clip(log_odds, -30.0, 30.0)))


def widening(logs: Floats, remaining: Floats) -> float:
    """The share of its width by which each side must move out for the band to cover 80 %.

    `logs` has shape (3, n) (conformalized quantile regression, Romano, Patterson and Candes 2019).
    """
    _, lower, upper = logs
    actual = np.log(np.maximum(remaining, SHORTEST_DAYS))
    width = _width(lower, upper)
    strays = np.maximum((lower - actual) / width, (actual - upper) / width)
    return float(f"{np.quantile(strays, min(1.0, LEVEL * (1 + 1 / len(strays)))):.9g}")


def widenings(logs: Floats, remaining: Floats, part: Integers, parts: int) -> Floats:
    """Shape (parts,): `widening` of each part of the rows (Mondrian; Vovk, Gammerman and Shafer
    2005): errors of the last mile are no measure for those of the whole way. A part with fewer
    than `LEAST_PART` rows takes that of all."""
    if not len(part):
        return np.zeros(parts)
    whole = widening(logs, remaining)
    made = np.full(parts, whole)
    for one in range(parts):
        own = part == one
        if own.sum() >= LEAST_PART:
            made[one] = widening(logs[:, own], remaining[own])
    return made


def _width(lower: Floats, upper: Floats) -> Floats:
    return np.maximum(upper - lower, _LEAST_WIDTH)


def banded(logs: Floats, elapsed: Floats, widening: Floats | float) -> Floats:
    """Days from placing and an 80 % band, shape (n, 3), of logs of remaining days, shape (3, n).

    `widening` is that of each row, or of all. Sides never cross the middle, and no side is before
    the moment of the prediction.
    """
    middle, lower, upper = logs
    reach = _width(lower, upper) * widening
    floor = np.log(SHORTEST_DAYS)
    middle = np.maximum(middle, floor)
    lower = np.clip(lower - reach, floor, middle)
    upper = np.maximum(upper + reach, middle)
    # A year is more than any order took.
    held = np.minimum(np.column_stack([middle, lower, upper]), np.log(365.0))
    return np.maximum(elapsed, 0.0)[:, None] + np.exp(held)


def skill(p: Floats, base: Floats, late: Floats, day: Floats, seed: int) -> tuple[float, Interval]:
    """Brier skill score over the base rate, 1 - sum (p - y)^2 / sum (b - y)^2, and its 95 %
    interval (Brier 1950; blocks of days as in `promotion.judge`)."""
    own, rival = (p - late) ** 2, (base - late) ** 2
    days, place = np.unique(day, return_inverse=True)
    sums = np.column_stack(
        [np.bincount(place, weights, len(days)) for weights in (rival, rival, own)]
    )
    # The mean per unit of the base's error, so that a draw's ratio is of its own days.
    drawn = block_bootstrap(sums, seed)[:, 1]
    return float(1 - own.sum() / rival.sum()), interval(1 - drawn)


def fold_skills(p: Floats, base: Floats, late: Floats, fold: Integers) -> Floats:
    """Brier skill score over the base rate of each fold, the oldest first; 0 if neither erred."""
    own, rival = (np.bincount(fold, (rate - late) ** 2) for rate in (p, base))
    return np.where(rival > 0, 1 - own / np.where(rival > 0, rival, 1.0), 0.0)


def lasts(between: Interval, folds: Floats) -> bool:
    """Whether the skill can be expected to last: above 0 beyond noise over the whole backtest, and
    above 0 in its newest fold and in most folds. A few weeks of many late orders can decide a whole
    backtest, and skill that was lost by its end hardly returns."""
    return bool(between.low > 0 and folds[-1] > 0 and 2 * (folds > 0).sum() > len(folds))


def expected_calibration_error(p: Floats, late: Floats, bins: int = _BINS) -> float:
    """Mean |share late - mean probability| over bins of equally many rows, weighted by rows
    (Naeini, Cooper and Hauskrecht 2015, with equal counts)."""
    order = np.argsort(p, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [abs(late[part].mean() - p[part].mean()) * len(part) for part in parts]
    return float(sum(gaps) / len(p))


def cost(p: Floats, late: Floats, threshold: float, cost_late: float, cost_call: float) -> float:
    """Mean cost of an order where those at and above `threshold` are called, which saves them."""
    called = p >= threshold
    return float((cost_call * called + cost_late * (late * ~called)).mean())
