"""The content of metrics.json: scores of every candidate and the champion, and how it was chosen.

The scores are computed in `scores`; the command writes the file.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.evaluation import combinations
from flow_platform.evaluation.candidates import PER_SERIES, REFERENCE
from flow_platform.evaluation.global_models import GLOBAL
from flow_platform.evaluation.options import Options
from flow_platform.evaluation.rolling_origins import OriginForecasts
from flow_platform.evaluation.scores import DEFINITIONS, owa, score
from flow_platform.evaluation.selection import Choice
from flow_platform.evaluation.series_matrix import SeriesMatrix

# The name of the champion's rows among the candidates' while they are scored; no candidate has it.
CHAMPION = "champion"
# Scoring takes a few times the memory of the rows that are scored at once.
ROWS_AT_ONCE = 300_000
NEEDS = (
    {candidate.name: candidate.needs for candidate in PER_SERIES}
    | {model.name: model.needs for model in GLOBAL}
    | combinations.NEEDS
)


@dataclass(frozen=True)
class CutoffChoice:
    """What was chosen at one cutoff: the panel up to it, the choice, the combination's weights."""

    history: SeriesMatrix
    choice: Choice
    weights: dict[str, float]


def metrics_of(
    panel: SeriesMatrix,
    rows: pd.DataFrame,
    options: Options,
    forecasts: OriginForecasts,
    choices: list[CutoffChoice],
    held_out: bool,
) -> dict[str, Any]:
    """All that metrics.json holds, unknown figures as NaN.

    `rows` are the forecasts at the cutoffs with unique_id, candidate, horizon, selected,
    prediction, the bounds, y and scale.
    """
    figures = _figures(rows)
    champion = figures.pop(CHAMPION)
    return {
        "panel": {
            "series": len(panel.ids),
            "rows": int(np.isfinite(panel.values).sum()),
            "frequency": panel.freq,
            "seasons": list(panel.seasons),
            "mase_season": panel.seasons[0],
            "horizon": options.horizon,
            "test": "hold-out" if held_out else "rolling origins",
            "cutoffs": len(choices),
            "scored_rows": int(rows.loc[rows["candidate"] == REFERENCE, "y"].notna().sum()),
        },
        "definitions": DEFINITIONS,
        "champion": {**champion, "choices": [_choice(one) for one in choices]},
        "candidates": {
            name: {**_run(name, forecasts), **scored} for name, scored in figures.items()
        },
        "left_out": forecasts.left_out,
    }


def _choice(made: CutoffChoice) -> dict[str, Any]:
    return {
        "newest_row": str(made.history.last.max()),
        "candidate": made.choice.champion,
        "reason": made.choice.reason,
        "series": {str(name): count for name, count in Counter(made.choice.of_series).items()},
        "backtest_mase": made.choice.mase,
        "weights": made.weights,
    }


def _run(name: str, forecasts: OriginForecasts) -> dict[str, Any]:
    """What a candidate needs, and what it took to run; a combination takes nothing of its own."""
    cost = forecasts.costs.get(name)
    return {
        "needs": NEEDS[name],
        "seconds": cost.seconds if cost else None,
        "peak_memory_mib": cost.peak_memory_mib if cost else None,
        "fallbacks": dict(forecasts.fallbacks.get(name, {})),
    }


def _figures(rows: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Scores of each candidate, and of the champion: over all rows, and by horizon."""
    rows = pd.concat([rows, rows[rows["selected"]].assign(candidate=CHAMPION)], ignore_index=True)
    overall = _scores(rows, ["candidate"])
    by_horizon = _scores(rows, ["candidate", "horizon"])
    return {
        str(name): {
            "overall": _known(overall.loc[name]),
            "by_horizon": [
                {"horizon": int(step), **_known(figures)}
                for step, figures in by_horizon.loc[name].sort_index().iterrows()
            ],
        }
        for name in overall.index
    }


def _scores(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """The scores of each group and its OWA, as many candidates at once as memory is to allow."""
    names = rows["candidate"].unique()
    count = max(1, ROWS_AT_ONCE * len(names) // len(rows))
    batches = [names[start : start + count] for start in range(0, len(names), count)]
    table = pd.concat([score(rows[rows["candidate"].isin(batch)], by) for batch in batches])
    return table.assign(owa=owa(table, table.loc[REFERENCE]))


def _known(figures: pd.Series) -> dict[str, float]:
    """The scores of one group by name; none but the number of rows where no row was scored."""
    if figures["rows"] == 0:
        return {"rows": 0.0}
    return {str(name): float(value) for name, value in figures.items()}
