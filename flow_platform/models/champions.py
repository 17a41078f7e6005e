"""Which candidate is champion of a month: the rule on backtests of the same origins.

The paired comparison itself is in `promotion.py`; which vintage serves which day, in `registry/`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flow_platform.ground.errors import ModelError
from flow_platform.models.promotion import Comparison, Scores, judge

# Backtest MASE closer than this (relative) is a tie; such differences turn with the origins.
TIE = 0.01


def choose_champion(
    metrics: Mapping[str, Mapping[str, float]], simplest_first: Sequence[str]
) -> str:
    """The candidate with the least backtest MASE; within `TIE` of it the simplest one.

    `metrics` is candidate -> figures over the same origins. A candidate without a finite MASE
    cannot win; where MASE is defined for none, WAPE decides. Raises ModelError if neither is.
    """
    for figure in ("mase", "wape"):
        known = {
            name: float(row[figure])
            for name, row in metrics.items()
            if np.isfinite(row.get(figure, float("nan")))
        }
        if known:
            best = min(known.values())
            close = [name for name, value in known.items() if value <= best * (1 + TIE)]
            order = {name: place for place, name in enumerate(simplest_first)}
            return min(close, key=lambda name: (order.get(name, len(order)), name))
    raise ModelError(
        f"No champion among {sorted(metrics)}: none has a finite backtest MASE or WAPE. "
        "Train the candidates again on data with known days before the cut-off."
    )


@dataclass(frozen=True)
class Succession:
    """The champion of a month, and why; `comparison` where two candidates were compared."""

    champion: str
    reason: str
    comparison: Comparison | None = None


def succeed(
    current: str | None,
    metrics: Mapping[str, Mapping[str, float]],
    backtest: Callable[[str], Scores],
    seed: int,
    simplest_first: Sequence[str],
) -> Succession:
    """The champion of a month: the `current` candidate, unless another is better beyond noise.

    The other one is that with the best backtest. `metrics` is candidate -> figures of the month's
    vintages, `backtest` gives the scores of one. All were backtested on the same origins, each
    forecast by a fit made before it, so their scores are a paired comparison. Until there are days
    enough for one, the best backtest wins. Raises ModelError where no candidate has a finite
    figure.
    """
    best = choose_champion(metrics, simplest_first)
    if current is None:
        return Succession(best, "the first month: the best backtest names the champion")
    if current not in metrics:
        return Succession(best, f"the current candidate, {current}, has no vintage of the month")
    if best == current:
        return Succession(current, "the current candidate has the best backtest")
    if np.isfinite(metrics[best].get("mase", np.nan)) and not np.isfinite(
        metrics[current].get("mase", np.nan)
    ):
        # A late risk without skill has no MASE: it can neither win nor stay.
        return Succession(best, f"the current candidate, {current}, has no backtest MASE")
    try:
        compared = judge(current, best, backtest(current), backtest(best), seed=seed)
    except ModelError as error:
        return Succession(current, f"not compared, the current candidate stays: {error}")
    if not compared.enough:
        return Succession(best, f"{compared.reason}; till then the best backtest leads", compared)
    return Succession(best if compared.promoted else current, compared.reason, compared)
