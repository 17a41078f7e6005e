"""Drift of features: PSI and KS against the same season of earlier years.

Compared with the trailing year every winter would be a drift. The PSI threshold is not a rule of
thumb but its critical value for the sample sizes at hand. Pure: no Dagster, no SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

COLUMNS = (
    "centre_id",
    "day",
    "feature",
    "psi",
    "psi_critical",
    "ks_statistic",
    "ks_pvalue",
    "n_current",
    "n_reference",
    "status",
)


@dataclass(frozen=True)
class DriftSettings:
    """Windows in days; `alpha` is the false-alarm rate for one feature and reading."""

    window: int = 28
    season_margin: int = 28
    bins: int = 5
    alpha: float = 0.01
    minimum_rows: int = 20


def population_stability_index(
    reference: NDArray[np.float64], current: NDArray[np.float64], bins: int
) -> float:
    """PSI over quantile bins of the reference, with half a row added to each bin.

    Sum over bins of (p - q) ln(p / q). Source: Siddiqi, Credit Risk Scorecards (2006); smoothing so
    that an empty bin has a finite share (Krichevsky-Trofimov).
    """
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, bins + 1)[1:-1]))
    p = np.bincount(np.searchsorted(edges, current, side="right"), minlength=len(edges) + 1) + 0.5
    q = np.bincount(np.searchsorted(edges, reference, side="right"), minlength=len(edges) + 1) + 0.5
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum((p - q) * np.log(p / q)))


def effective_size(values: NDArray[np.float64]) -> float:
    """How many independent rows a series of neighbouring days is worth: n (1 - r) / (1 + r).

    r is the lag-1 autocorrelation, never taken as negative: days that resemble their neighbours
    carry less news than their number says, and a test that ignored it would cry wolf. Source:
    Bayley and Hammersley (1946).
    """
    if len(values) < 3 or np.ptp(values) == 0:
        return float(len(values))
    centred = values - values.mean()
    r = float(np.sum(centred[1:] * centred[:-1]) / np.sum(centred**2))
    r = min(max(r, 0.0), 0.95)
    return max(2.0, len(values) * (1 - r) / (1 + r))


def measure_drift(
    history: pd.DataFrame,
    readings: pd.DataFrame,
    features: Sequence[str],
    settings: DriftSettings | None = None,
) -> pd.DataFrame:
    """One row per reading and feature: PSI and KS of the days up to the reading.

    `history` has centre_id, day (midnight, naive) and the features, one row per day, missing values
    allowed; `readings` has centre_id and day. The current window is the `window` days up to the
    reading; the reference is the same days of the year, `season_margin` wider at both ends, of
    every earlier year. Only values up to the reading are used.
    The critical PSI is what chance exceeds with probability `alpha`: (1/n + 1/m) times the
    chi-square quantile with bins - 1 degrees of freedom (Yurdakul and Naranjo, Statistical
    properties of the population stability index, 2020), n and m being effective sizes.
    Returns COLUMNS; status is ok, drift, or insufficient (fewer than `minimum_rows` on a side).
    """
    from scipy.stats import chi2, kstwo

    chosen = settings or DriftSettings()
    quantile = float(chi2.ppf(1 - chosen.alpha, chosen.bins - 1))
    rows: list[dict[str, object]] = []
    for centre_id, days in readings.groupby("centre_id", sort=False)["day"]:
        own = history[history["centre_id"] == centre_id].sort_values("day")
        if own.empty:
            continue
        dates = own["day"].to_numpy("datetime64[D]")
        table = own[list(features)].to_numpy("float64")
        for day in days:
            end = np.datetime64(pd.Timestamp(day), "D")
            current = _between(dates, end - (chosen.window - 1), end)
            reference = np.zeros(len(dates), dtype=bool)
            years_back = 1
            while end - 364 * years_back >= dates[0]:
                # 364 days keep the weekdays in line.
                middle = end - 364 * years_back
                reference |= _between(
                    dates,
                    middle - (chosen.window - 1) - chosen.season_margin,
                    middle + chosen.season_margin,
                )
                years_back += 1
            reference &= ~current
            for column, feature in enumerate(features):
                now = table[current, column]
                then = table[reference, column]
                now, then = now[~np.isnan(now)], then[~np.isnan(then)]
                row: dict[str, object] = {
                    "centre_id": centre_id,
                    "day": pd.Timestamp(day),
                    "feature": feature,
                    "n_current": len(now),
                    "n_reference": len(then),
                }
                if min(len(now), len(then)) >= chosen.minimum_rows:
                    worth, worth_then = effective_size(now), effective_size(then)
                    row.update(
                        psi=population_stability_index(then, now, chosen.bins),
                        psi_critical=(1 / worth + 1 / worth_then) * quantile,
                        ks_statistic=largest_gap(then, now),
                        pairs=worth * worth_then / (worth + worth_then),
                    )
                rows.append(row)
    result = pd.DataFrame(rows, columns=[*COLUMNS, "pairs"])
    measured = result["psi"].notna()
    # Limiting law of Kolmogorov's statistic on as many rows as the pair is worth.
    result.loc[measured, "ks_pvalue"] = kstwo.sf(
        result.loc[measured, "ks_statistic"].to_numpy("float64"),
        np.maximum(1, np.round(result.loc[measured, "pairs"].to_numpy("float64"))),
    )
    result["status"] = np.select(
        [~measured, result["psi"] > result["psi_critical"]], ["insufficient", "drift"], "ok"
    )
    return result[list(COLUMNS)]


def largest_gap(reference: NDArray[np.float64], current: NDArray[np.float64]) -> float:
    """Two-sample Kolmogorov-Smirnov statistic: the largest gap between the two distributions."""
    points = np.concatenate([reference, current])
    below_reference = np.searchsorted(np.sort(reference), points, side="right") / len(reference)
    below_current = np.searchsorted(np.sort(current), points, side="right") / len(current)
    return float(np.max(np.abs(below_reference - below_current)))


def _between(
    dates: NDArray[np.datetime64], first: np.datetime64, last: np.datetime64
) -> NDArray[np.bool_]:
    return (dates >= first) & (dates <= last)
