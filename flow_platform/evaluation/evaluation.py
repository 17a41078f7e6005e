"""Evaluates candidates on a panel: forecasts, the champion chosen beforehand, bands and scores.

At each cutoff the choice, the weights and the bands rest on earlier origins alone, where the same
candidates forecast without the rows that followed. The command writes the files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.evaluation.backtest import Backtest
from flow_platform.evaluation.bands import bands, widths_help
from flow_platform.evaluation.combinations import (
    MEDIAN,
    WEIGHTED,
    cross_weighted,
    median_members,
    weighted,
    weights_of,
)
from flow_platform.evaluation.holdout import held_out_values
from flow_platform.evaluation.options import Options, Progress
from flow_platform.evaluation.report import CutoffChoice, metrics_of
from flow_platform.evaluation.rolling_origins import OriginForecasts, forecast_all, origins_of
from flow_platform.evaluation.scores import seasonal_scales
from flow_platform.evaluation.selection import Choice, choose
from flow_platform.evaluation.series_matrix import SeriesMatrix

COLUMNS = [
    "unique_id",
    "cutoff",
    "ds",
    "candidate",
    "selected",
    "prediction",
    "lower_80",
    "upper_80",
    "lower_95",
    "upper_95",
]


@dataclass
class Evaluation:
    """The result of an evaluation.

    forecasts  one row for each series, cutoff, step and candidate, with the columns COLUMNS:
               `cutoff` is the series' last ds before the forecast, `selected` is true where the
               candidate is the series' champion at that cutoff, the rest are in units of y
    metrics    the content of metrics.json; unknown figures are NaN
    """

    forecasts: pd.DataFrame
    metrics: dict[str, Any]


def evaluate(
    panel: SeriesMatrix,
    options: Options,
    holdout: pd.DataFrame | None = None,
    progress: Progress = lambda text, share: None,
) -> Evaluation:
    """Forecasts and scores of every candidate and of the champion.

    `holdout` has the rows unique_id, ds, y that follow the panel; without it the last rows of the
    panel itself are scored. `progress` is called with what is being done and the share done.
    Raises ModelError where the panel is too short for one window, or where the hold-out does not
    follow it.

    Example:
        rows = read_panel_file(Path("hourly.csv"), "h")
        result = evaluate(matrix_of(rows, "h", (24, 168)), Options(horizon=48, windows=2))
        result.metrics["champion"]["overall"]["mase"]
    """
    origins = origins_of(panel, options, holdout is not None)
    actuals = np.stack([panel.following(origin, options.horizon) for origin in origins.all])
    if holdout is not None:
        actuals[-1] = held_out_values(panel, holdout, options.horizon)
    forecasts = forecast_all(panel, origins, options, progress)
    parts, choices = [], []
    for number, cutoff in enumerate(origins.cutoffs):
        progress("choosing and scoring", 0.9 + 0.1 * number / len(origins.cutoffs))
        history = panel.before(cutoff)
        at = len(origins.earlier) + number
        rows, choice = _at_cutoff(forecasts, actuals, at, history, options)
        parts.append(rows)
        choices.append(choice)
    rows = pd.concat(parts, ignore_index=True)
    metrics = metrics_of(panel, rows, options, forecasts, choices, holdout is not None)
    progress("done", 1.0)
    return Evaluation(rows[COLUMNS], metrics)


def _at_cutoff(
    forecasts: OriginForecasts,
    actuals: np.ndarray,
    at: int,
    history: SeriesMatrix,
    options: Options,
) -> tuple[pd.DataFrame, CutoffChoice]:
    """Rows of one cutoff, which is the origin number `at`, and what was chosen there."""
    scale = seasonal_scales(history.values, history.seasons[0])
    singles = Backtest(
        tuple(forecasts.points),
        np.stack([one[:at] for one in forecasts.points.values()]),
        actuals[:at],
        scale,
    )
    now = {name: one[at] for name, one in forecasts.points.items()}
    past, now, weights = _with_combinations(singles, now, options)
    rivals = past.only([name for name in past.names if name in options.candidates])
    choice = choose(rivals, options.per_series)
    parts = []
    for name in past.names:
        # A combination has the bands' shape of the candidate that is most of it.
        base = next((n for n, w in weights.items() if name == WEIGHTED and w >= 0.5), name)
        widths = forecasts.widths[base][: at + 1] if base in forecasts.widths else None
        limits = _bands(now[name], past, name, widths)
        parts.append(_rows(history, name, now[name], limits, actuals[at], scale, choice))
    return pd.concat(parts, ignore_index=True), CutoffChoice(history, choice, weights)


def _with_combinations(
    singles: Backtest, now: dict[str, np.ndarray], options: Options
) -> tuple[Backtest, dict[str, np.ndarray], dict[str, float]]:
    """The backtest and the forecasts of a cutoff with the combinations, and their weights.

    The weights are empty where there is no weighted combination.
    """
    past, now, weights = singles, dict(now), {}
    members = median_members(singles)
    if MEDIAN in options.candidates and len(members) > 1:
        past = past.with_candidate(MEDIAN, np.median([singles.of(m) for m in members], axis=0))
        now[MEDIAN] = np.median([now[m] for m in members], axis=0)
    if WEIGHTED in options.candidates and len(singles.names) > 1 and len(singles.actuals) > 0:
        weights = weights_of(singles)
        past = past.with_candidate(WEIGHTED, cross_weighted(singles))
        now[WEIGHTED] = weighted(weights, now)
    return past, now, weights


def _bands(
    forecast: np.ndarray, past: Backtest, name: str, widths: np.ndarray | None
) -> dict[str, np.ndarray]:
    """The bands of one candidate; shaped by its widths only where that helped at the origins."""
    known = past.of(name), past.actuals, past.scale
    if widths is not None and not widths_help(*known, widths[:-1]):
        widths = None
    return bands(forecast, *known, widths)


def _rows(
    history: SeriesMatrix,
    name: str,
    values: np.ndarray,
    limits: dict[str, np.ndarray],
    actual: np.ndarray,
    scale: np.ndarray,
    choice: Choice,
) -> pd.DataFrame:
    """Rows of one candidate at one cutoff: COLUMNS, horizon, and y and scale for the scores."""
    horizon = values.shape[1]
    floor = np.where(history.non_negative, 0.0, -np.inf)[:, None]
    begun = np.repeat(history.lengths > 0, horizon)
    rows = pd.DataFrame(
        {
            "unique_id": np.repeat(history.ids, horizon),
            "cutoff": np.repeat(history.last, horizon),
            "ds": history.ahead(horizon).ravel(),
            "horizon": np.tile(np.arange(1, horizon + 1), len(history.ids)),
            "candidate": name,
            "selected": np.repeat(choice.of_series == name, horizon),
            "prediction": values.ravel(),
            **{key: np.maximum(limit, floor).ravel() for key, limit in limits.items()},
            "y": actual.ravel(),
            "scale": np.repeat(scale, horizon),
        }
    )
    return rows[begun]
