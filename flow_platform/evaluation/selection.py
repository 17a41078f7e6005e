"""The champion: which candidate a backtest chooses, for the panel or for single series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flow_platform.evaluation.backtest import Backtest, mean_of_known

# Backtest MASE closer than this (relative) is a tie, which the simpler candidate wins.
TIE = 0.005
# A series chooses for itself when it has as many origins, and its choice saves this share.
LEAST_ORIGINS, LEAST_GAIN = 4, 0.10


@dataclass(frozen=True)
class Choice:
    """What a backtest chooses.

    champion   the candidate for the panel
    of_series  the candidate of each series, (series,)
    reason     why the champion was chosen, in words
    mase       backtest MASE of each candidate, NaN where unknown
    """

    champion: str
    of_series: np.ndarray
    reason: str
    mase: dict[str, float]


def choose(backtest: Backtest, per_series: bool) -> Choice:
    """The candidate with the lowest backtest MASE; the simplest of those within 0.5 % of it.

    Stability: where the origins disagree, so that the best is ahead of a simpler candidate in
    less than half of them, the simpler one is chosen. With `per_series` a series has its own best
    where it has 4 origins or more and saves a tenth by it; else the common champion.

    Example: choose(backtest, per_series=False).champion
    """
    errors = backtest.scaled_errors
    figures = backtest.mase
    overall = np.array([figures[name] for name in backtest.names])
    if not np.isfinite(overall).any():
        first = backtest.names[0]
        everywhere = np.full(len(backtest.scale), first, dtype=object)
        reason = "no backtest was possible: the simplest candidate"
        return Choice(first, everywhere, reason, figures)
    chosen, reason = _best_or_simpler(backtest, overall, errors)
    champion = backtest.names[chosen]
    of_series = np.full(len(backtest.scale), champion, dtype=object)
    if per_series:
        rival, better = _own_best(errors, chosen)
        of_series[better] = np.array(backtest.names, dtype=object)[rival[better]]
        reason += f"; {int(better.sum())} series chose their own"
    return Choice(champion, of_series, reason, figures)


def _best_or_simpler(
    backtest: Backtest, overall: np.ndarray, errors: np.ndarray
) -> tuple[int, str]:
    """The place of the chosen candidate, and the reason."""
    by_origin = mean_of_known(mean_of_known(errors, 3), 2)
    best = int(np.nanargmin(overall))
    for simpler in range(best):
        ahead = np.mean(by_origin[best] < by_origin[simpler]) if by_origin.shape[1] else 0.0
        if overall[simpler] <= overall[best] * (1 + TIE):
            return simpler, f"within {TIE:.1%} of {backtest.names[best]}, and simpler"
        if ahead < 0.5:
            name = backtest.names[best]
            return simpler, f"{name} is ahead of it in only {ahead:.0%} of the origins"
    return best, f"lowest backtest MASE, {overall[best]:.4f}"


def _own_best(errors: np.ndarray, chosen: int) -> tuple[np.ndarray, np.ndarray]:
    """The best candidate of each series, and whether the series is to have it, both (series,)."""
    own = mean_of_known(errors, (1, 3))
    enough = np.isfinite(errors[chosen]).any(axis=2).sum(axis=0) >= LEAST_ORIGINS
    filled = np.where(np.isfinite(own), own, np.inf)
    gain = filled.min(axis=0) < (1 - LEAST_GAIN) * filled[chosen]
    return filled.argmin(axis=0), enough & gain
