"""Pictures of predictions against actuals, for people who look at a run. Frames in, figures out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Of fewer records than this a mean by tenths says nothing.
_LEAST_RECORDS = 100


def forecast_plot(forecasts: pd.DataFrame, actuals: pd.DataFrame, title: str, label: str) -> Figure:
    """Forecasts one step ahead, with their 80 % interval, over time against the actuals.

    `forecasts` has at, prediction, lower_80 and upper_80 in the order of `at`; `actuals` at, value.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.6), dpi=80)
    axes = figure.subplots()
    axes.fill_between(
        forecasts["at"], forecasts["lower_80"], forecasts["upper_80"], color="#cfe0f3"
    )
    axes.plot(forecasts["at"], forecasts["prediction"], color="#1f5fa8", label=label)
    axes.plot(actuals["at"], actuals["value"], "k.", markersize=4, label="actual")
    axes.set_title(title, fontsize=9)
    axes.tick_params(labelsize=7)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7, loc="lower left")
    return figure


def scores_plot(by_model: Mapping[str, pd.DataFrame], title: str, unit: str) -> Figure | None:
    """Mean actual over mean predicted, by tenths of the prediction, a line a model.

    Each frame has predicted and actual of records whose outcome is known. None where all have too
    few.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4, 3.4), dpi=80)
    axes = figure.subplots()
    furthest = 0.0
    for model, shown in by_model.items():
        if len(shown) < _LEAST_RECORDS:
            continue
        tenth = pd.qcut(shown["predicted"], 10, labels=False, duplicates="drop")
        means = shown.groupby(tenth).mean()
        axes.plot(means["predicted"], means["actual"], "o-", markersize=4, label=model)
        furthest = max(furthest, float(means.to_numpy().max()))
    if not furthest:
        return None
    axes.plot([0, furthest], [0, furthest], color="#999999", linewidth=1, label="as predicted")
    axes.set_xlabel(f"predicted {unit}, tenths of all records", fontsize=8)
    axes.set_ylabel("mean of the actual", fontsize=8)
    axes.set_title(title, fontsize=9)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=7)
    return figure
