"""Prediction intervals: conformal bands from out-of-sample errors, per horizon, kept up to date.

Errors are log errors over the size usual for the series, so that centres of any size share one
calibration. Knows neither models nor features beyond `spread` and whether a day is special.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

QUANTILES = (0.025, 0.1, 0.9, 0.975)
# Recent errors that widen or narrow the bands, and how many days weigh as much as the prior.
RECENT_DAYS = 42
PRIOR_DAYS = 10.0
FACTOR_LIMITS = (0.8, 2.5)
# Stretches of days that are compared with the rest, and the most that bands are widened by it.
BLOCKS = 3
LARGEST_STRETCH = 1.5
# How much a band follows the recent spread (power), and how many days the errors of all weigh.
LEAN = 0.25
SIZE_PRIOR_DAYS = 20
# With more zeros than this a series is sparse: all or nothing, its errors are of another shape.
# Where most days are zero the median is zero too, and the mean is the better forecast.
SPARSE_SHARE, MOSTLY_ZERO = 0.2, 0.5
# Bands of special days are this much wider where none were measured, as if on so many days.
SPECIAL_PRIOR, SPECIAL_PRIOR_DAYS = 1.7, 20


@dataclass(frozen=True)
class Calibration:
    """Quantiles of log error over scale by horizon, and how much wider special days are.

    `quantiles` is (horizons, 4) for `QUANTILES`. `series` holds for each series, and under "" for
    the panel, the mean size of its log errors and the spread it had meanwhile. `sparse` is the
    calibration of the series that are often zero: of their errors in counts, over `units`, the
    mean count of each, since logs do not suit counts of all or nothing. `shifts` are the mean less
    the median of a series that is mostly zero, in units: a forecast of zero would be of no use.
    """

    horizons: tuple[int, ...]
    quantiles: np.ndarray
    special: float
    series: dict[str, tuple[float, float]]
    sparse: Calibration | None = None
    units: dict[str, float] = field(default_factory=dict)
    shifts: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        return {
            "sparse": self.sparse.as_json() if self.sparse else None,
            "units": {name: float(f"{unit:.10g}") for name, unit in sorted(self.units.items())},
            "shifts": {name: float(f"{part:.10g}") for name, part in sorted(self.shifts.items())},
            "horizons": list(self.horizons),
            "quantiles": [[float(f"{q:.10g}") for q in row] for row in self.quantiles],
            "special": float(f"{self.special:.10g}"),
            "series": {
                name: [float(f"{value:.10g}") for value in pair]
                for name, pair in sorted(self.series.items())
            },
        }

    @classmethod
    def from_json(cls, stored: dict) -> Calibration:
        return cls(
            tuple(stored["horizons"]),
            np.array(stored["quantiles"], dtype=float),
            float(stored["special"]),
            {name: (float(pair[0]), float(pair[1])) for name, pair in stored["series"].items()},
            cls.from_json(stored["sparse"]) if stored["sparse"] else None,
            {name: float(unit) for name, unit in stored["units"].items()},
            {name: float(part) for name, part in stored["shifts"].items()},
        )

    def is_sparse(self, frame: pd.DataFrame) -> np.ndarray:
        """Which rows (bool) belong to series whose bands are in counts."""
        return frame["unique_id"].astype(str).isin(list(self.units)).to_numpy()

    def point(self, rows: pd.DataFrame) -> np.ndarray:
        """Log predictions (rows,): medians, and means where the median is zero."""
        log = rows["log_prediction"].to_numpy(dtype=float)
        names = rows["unique_id"].astype(str)
        # As arrays: of no row at all, pandas maps text to text, which it cannot multiply.
        unit, part = (names.map(one).to_numpy(dtype=float) for one in (self.units, self.shifts))
        shift = unit * part
        return np.where(np.isfinite(shift), np.log1p(np.maximum(np.expm1(log) + shift, 0.0)), log)

    def bounds(self, rows: pd.DataFrame, factor: np.ndarray | float = 1.0) -> np.ndarray:
        """Log offsets (rows, 4) from the prediction to `QUANTILES`; `rows` as for `calibrate`.

        `factor` (rows,) widens the bands.
        """
        at = np.searchsorted(np.array(self.horizons), rows["horizon"].to_numpy())
        at = np.clip(at, 0, len(self.horizons) - 1)
        width = scale(rows, self.series) * factor
        width = width * np.where(rows["special"].to_numpy(), self.special, 1.0)
        offsets = self.quantiles[at] * width[:, None]
        if self.sparse is None:
            return offsets
        unit = rows["unique_id"].astype(str).map(self.units).to_numpy(dtype=float)
        own = np.isfinite(unit)
        part = rows[own].assign(spread=1.0)
        wider = np.broadcast_to(factor, len(rows))[own]
        log = part["log_prediction"].to_numpy(dtype=float)[:, None]
        counts = np.expm1(log) + unit[own, None] * self.sparse.bounds(part, wider)
        offsets[own] = np.log1p(np.maximum(counts, 0.0)) - log
        return offsets


def scale(rows: pd.DataFrame, series: dict[str, tuple[float, float]]) -> np.ndarray:
    """Size of error to expect of each row: the series' own, moved a little by its recent spread.

    A spread is measured on few weeks, so it is weaker evidence than the errors of three months. A
    series without errors of its own has the panel's, moved half-way (in logs) by its spread.
    """
    size, typical = series[""]
    names = rows["unique_id"].to_numpy(dtype=object)
    known = np.array([str(name) in series for name in names], dtype=bool)
    own = [series.get(str(name), (size, typical)) for name in names]
    sizes = np.array([pair[0] for pair in own])
    typicals = np.array([pair[1] for pair in own])
    spread = rows["spread"].to_numpy(dtype=float)
    moved = np.where(np.isfinite(spread), spread, typicals) / typicals
    return sizes * np.clip(moved, 1 / 20, 20) ** np.where(known, LEAN, 0.5)


def _sizes(error: np.ndarray, rows: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Mean |log error| and median spread of each series on usual days, drawn to the panel's."""
    usual = ~rows["special"].to_numpy()
    if not usual.any():
        usual = np.ones(len(rows), dtype=bool)
    frame = pd.DataFrame(
        {
            "name": rows["unique_id"].to_numpy(dtype=object)[usual].astype(str),
            "day": rows["day"].to_numpy()[usual],
            "error": np.abs(error[usual]),
            "spread": rows["spread"].to_numpy(dtype=float)[usual],
        }
    )
    size = max(float(frame["error"].mean()), 1e-6)
    typical = float(frame["spread"].median())
    typical = typical if np.isfinite(typical) and typical > 0 else 0.2
    result = {"": (size, typical)}
    own = frame.groupby("name").agg(
        days=("day", "nunique"), error=("error", "mean"), spread=("spread", "median")
    )
    weight = own["days"] / (own["days"] + SIZE_PRIOR_DAYS)
    sizes = size * np.maximum(own["error"] / size, 1e-3) ** weight
    spreads = own["spread"].where(own["spread"] > 0, typical)
    result |= {
        str(name): pair
        for name, pair in zip(own.index, zip(sizes, spreads, strict=True), strict=True)
    }
    return result


def often_zero(names: pd.Series, counts: pd.Series) -> np.ndarray:
    """Which rows (bool) belong to series that are sparse: zero in more than `SPARSE_SHARE`."""
    zeros = (counts < 0.5).groupby(names.to_numpy()).transform("mean")
    return zeros.to_numpy() > SPARSE_SHARE


def calibrate(error: np.ndarray, rows: pd.DataFrame) -> Calibration:
    """The calibration of out-of-sample log errors (rows,); sparse series have one of their own.

    `rows` has unique_id, horizon, spread, special (bool), day (whole days) and log_prediction of
    each error.
    """
    log = rows["log_prediction"].to_numpy(dtype=float)
    actual = pd.Series(np.maximum(np.expm1(log + error), 0.0), rows.index)
    names = rows["unique_id"].astype(str)
    zeros = (actual < 0.5).groupby(names).transform("mean").to_numpy()
    units = actual.groupby(names).transform("mean").to_numpy()
    sparse = often_zero(names, actual) & (units > 0)
    if not sparse.any():
        return _calibrate(error, rows)
    counts = (actual.to_numpy() - np.expm1(log)) / np.where(units > 0, units, 1.0)
    of_sparse = _calibrate(counts[sparse], rows[sparse].assign(spread=1.0))
    # Where all are sparse, a series that is new has nothing better than their errors in logs.
    steady = _calibrate(error, rows) if sparse.all() else _calibrate(error[~sparse], rows[~sparse])
    by_name = dict(zip(names[sparse], units[sparse].tolist(), strict=True))
    mostly = sparse & (zeros > MOSTLY_ZERO)
    lacking = pd.DataFrame({"count": counts[mostly], "day": rows["day"].to_numpy()[mostly]})
    shifts = {
        str(name): float(group["count"].mean()) * days / (days + SIZE_PRIOR_DAYS)
        for name, group in lacking.groupby(names[mostly].to_numpy())
        for days in [group["day"].nunique()]
    }
    return replace(steady, sparse=of_sparse, units=by_name, shifts=shifts)


def _calibrate(error: np.ndarray, rows: pd.DataFrame) -> Calibration:
    """Split-conformal quantiles of out-of-sample log errors (rows,) (Vovk et al. 2005).

    Signed, since counts scatter further upward; each horizon borrows from its neighbours. Rows
    of one target `day` count once: series share its shocks, so they are no separate evidence.
    Bands measured on some weeks cover less in others; each stretch of days is therefore compared
    with bands from the rest, and the bands are widened by as much as they were too narrow there
    (cross-conformal, Vovk 2015, with blocks in place of random folds).
    """
    usable = np.isfinite(error)
    error, rows = error[usable], rows[usable]
    horizon, special, day = (rows[c].to_numpy() for c in ("horizon", "special", "day"))
    series = _sizes(error, rows)
    score = error / scale(rows, series)
    steps = np.unique(horizon)
    quantiles = _quantiles(score, horizon, special, day, steps) * _stretch(
        score, horizon, special, day, steps
    )
    quantiles[:, 0] = np.minimum(quantiles[:, 0], quantiles[:, 1])
    quantiles[:, 3] = np.maximum(quantiles[:, 3], quantiles[:, 2])
    if special.any():
        ratio = _ratio(score, quantiles[np.searchsorted(steps, horizon)][:, 1:3])[special]
        seen = max(float(np.quantile(ratio, 0.8)), 1.0)
        days = len(np.unique(day[special]))
        weight = days / (days + SPECIAL_PRIOR_DAYS)
        wide = float(np.exp(weight * np.log(seen) + (1 - weight) * np.log(SPECIAL_PRIOR)))
    else:
        wide = SPECIAL_PRIOR
    return Calibration(tuple(int(s) for s in steps), quantiles, min(wide, 3.0), series)


def _stretch(
    score: np.ndarray, horizon: np.ndarray, special: np.ndarray, day: np.ndarray, steps: np.ndarray
) -> np.ndarray:
    """How far each edge must move for bands from other days to cover a stretch of days."""
    days, reach = np.unique(day), int(steps.max())
    within, beyond = np.full(len(score), np.nan), np.full(len(score), np.nan)
    for block in np.array_split(days, BLOCKS):
        # Forecasts of the days next to a block share its shocks.
        own = (day >= block[0]) & (day <= block[-1]) if len(block) else np.zeros(len(day), bool)
        apart = ~own & ((day < day[own].min() - reach) | (day > day[own].max() + reach))
        if len(np.unique(day[apart])) < reach:
            continue
        others = _quantiles(score[apart], horizon[apart], special[apart], day[apart], steps)
        others = others[np.searchsorted(steps, horizon[own])]
        within[own] = _ratio(score[own], others[:, 1:3])
        beyond[own] = _ratio(score[own], others[:, [0, 3]])
    usual = ~special & np.isfinite(within)
    if usual.sum() < 20:
        return np.ones(len(QUANTILES))
    inner = float(np.quantile(within[usual], QUANTILES[2] - QUANTILES[1]))
    outer = float(np.quantile(beyond[usual], QUANTILES[3] - QUANTILES[0]))
    return np.clip([outer, inner, inner, outer], 1.0, LARGEST_STRETCH)


def _quantiles(
    score: np.ndarray,
    horizon: np.ndarray,
    special: np.ndarray,
    day: np.ndarray,
    steps: np.ndarray,
) -> np.ndarray:
    """Conformal quantiles of the scores on usual days by step, (steps, 4)."""
    rows = []
    for step in steps:
        near = (np.abs(horizon - step) <= 1) & ~special
        if near.sum() < 20:
            near = np.abs(horizon - step) <= 3
        if not near.any():
            near = np.ones(len(score), dtype=bool)
        count = len(np.unique(day[near]))
        rows.append([_conformal(score[near], q, count) for q in QUANTILES])
    quantiles = np.array(rows)
    quantiles[:, :2] = np.minimum(quantiles[:, :2], 0.0)
    quantiles[:, 2:] = np.maximum(quantiles[:, 2:], 0.0)
    return quantiles


def _conformal(score: np.ndarray, quantile: float, count: int) -> float:
    """The conformal quantile of `count` independent scores: one more is taken to be outside."""
    level = (
        (count + 1) * quantile / count
        if quantile > 0.5
        else 1 - (count + 1) * (1 - quantile) / count
    )
    return float(np.quantile(score, min(max(level, 0.0), 1.0)))


def _ratio(error: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """|error| over the band (rows, 2: lower, upper) on its own side; above 1 is outside."""
    edge = np.where(error >= 0, offsets[:, 1], -offsets[:, 0])
    return np.abs(error) / np.maximum(edge, 1e-9)


def position(error: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Where each log error fell in its 80 % band: 0 at the prediction, 1 at the edge."""
    return _ratio(error, offsets[:, 1:3])


def recent_factors(moments: np.ndarray, known_at: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The factors by which bands issued at `moments` (int64 ns) are widened or narrowed.

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
