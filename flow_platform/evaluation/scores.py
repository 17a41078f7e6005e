"""Scores of forecasts by stated definitions, from the losses of utilsforecast.

What differs from utilsforecast, and why, is in the docstring of `score`. Which forecasts are scored
is decided in `evaluation`; what the command writes is in `report`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from utilsforecast import losses
from utilsforecast.evaluation import evaluate

# y is the actual, f the forecast, means run over rows with a y. metrics.json holds these texts.
DEFINITIONS = {
    "smape": "200 |y - f| / (|y| + |f|), 0 where both are 0; mean within a series, then over series"
    " (Makridakis et al., The M4 Competition, 2020)",
    "mase": "|y - f| over the in-sample mean |y_t - y_(t-m)|, m the first season; mean within a"
    " series, then over series; a series whose scale is 0 or unknown is left out",
    "owa": "(smape / smape of Naive2 + mase / mase of Naive2) / 2",
    "wape": "sum |y - f| / sum |y|",
    "rmse": "square root of the mean of (y - f)^2",
    "mae": "mean |y - f|",
    "mape": "100 |y - f| / |y|, rows with y = 0 left out",
    "bias": "sum (f - y) / sum |y|",
    "pinball": "mean over the quantiles 2.5, 10, 50, 90, 97.5 % of the pinball loss over the MASE"
    " scale; mean within a series, then over series",
    "coverage_80": "share of rows within lower_80 and upper_80",
    "coverage_95": "share of rows within lower_95 and upper_95",
}

QUANTILES = {
    "lower_95": 0.025,
    "lower_80": 0.1,
    "prediction": 0.5,
    "upper_80": 0.9,
    "upper_95": 0.975,
}
# Names that utilsforecast gives to the bounds of a column `prediction`.
_BOUNDS = {
    f"{ours}_{level}": f"prediction-{theirs}-{level}"
    for ours, theirs in (("lower", "lo"), ("upper", "hi"))
    for level in (80, 95)
}
_MODELS = ["prediction"]
_POOLED = ["wape", "rmse", "mae", "mape", "coverage_level80", "coverage_level95"]


def seasonal_scales(values: np.ndarray, season: int) -> np.ndarray:
    """The scale of the MASE: in-sample mean |y_t - y_(t-season)| of each series, shape (series,).

    `values` has the shape (series, steps). NaN where no pair of steps is known, or where the mean
    is 0: such a series has no MASE.
    """
    if values.shape[1] <= season:
        return np.full(len(values), np.nan)
    apart = np.abs(values[:, season:] - values[:, :-season])
    count = np.isfinite(apart).sum(axis=1)
    scale = np.nansum(apart, axis=1) / np.maximum(count, 1)
    return np.where((count > 0) & (scale > 0), scale, np.nan)


def score(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """The scores of each group of rows, by DEFINITIONS, but for the OWA, which `owa` returns.

    rows    unique_id, y, prediction, lower_80, upper_80, lower_95, upper_95, the scale of the MASE
            (`seasonal_scales`), and the columns of `by`; rows without y are not scored
    by      columns whose values make the groups: a candidate, or a candidate and a horizon

    Returns one row for each group in `rows`, indexed by the values of `by`. Its columns are `rows`,
    the number of rows scored, and the scores, NaN where a score is unknown.

    Example: score(rows, ["candidate"]).loc["theta", "mase"]

    The losses are those of utilsforecast, called so that DEFINITIONS hold:
    - Its MASE takes differences between rows `season` apart, so that a missing row shifts all that
      follow, and is infinite for a series whose scale is 0. Here rows are divided by our scale
      first; its MAE and quantile loss of the quotients are the MASE and the pinball loss.
    - Its sMAPE is a fraction of at most 1, ours is out of 200. Its MAPE is a fraction, ours is in
      percent. (`models.metrics.mape`, which the flows use, is a fraction too, over y > 0.)
    - It scores each series. WAPE, RMSE, MAE, MAPE and coverage are over all rows of a group here,
      so the group takes the place of the series' id.
    - Its bias is the mean error in units of y; ours is relative to sum |y|, and computed here.
    """
    groups = rows.groupby(by, sort=False)
    known = rows[["y", "prediction", *_BOUNDS, "scale"]].assign(
        # Numbers in place of names: grouped several times faster.
        group=groups.ngroup(),
        unique_id=rows["unique_id"].factorize()[0],
    )
    known = known[known["y"].notna()]
    scaled = known[["unique_id", "group"]].copy()
    for column in ("y", *QUANTILES):
        scaled[column] = known[column] / known["scale"]
    pooled = _over_rows(known)
    found = pd.DataFrame(
        {
            "rows": known.groupby("group").size(),
            "smape": 200 * _over_series(losses.smape(known, _MODELS, cutoff_col="group")),
            "mase": _over_series(losses.mae(scaled, _MODELS, cutoff_col="group")),
            "wape": pooled["wape"],
            "rmse": pooled["rmse"],
            "mae": pooled["mae"],
            "mape": 100 * pooled["mape"],
            "bias": _relative_bias(known),
            "pinball": _pinball(scaled),
            "coverage_80": pooled["coverage_level80"],
            "coverage_95": pooled["coverage_level95"],
        }
    ).reindex(range(groups.ngroups))
    found["rows"] = found["rows"].fillna(0).astype(float)
    return found.set_axis(groups.size().index, axis="index")


def owa(scores: pd.DataFrame, naive2: pd.DataFrame | pd.Series) -> pd.Series:
    """The overall weighted average of the M4 competition, for each row of `scores`.

    `naive2` has the scores of Naive2: one row, or, where `scores` is by candidate and horizon, a
    row for each horizon. NaN where a score of Naive2 is unknown or 0.

    Example: owa(scores, scores.loc["naive2"])
    """
    base = naive2.replace(0.0, np.nan)
    smape = scores["smape"].div(base["smape"], level=-1)
    return (smape + scores["mase"].div(base["mase"], level=-1)) / 2


def _over_rows(known: pd.DataFrame) -> pd.DataFrame:
    """Losses over all rows of each group: a row for each group, a column for each loss."""
    found = evaluate(
        known.rename(columns=_BOUNDS),
        [losses.wape, losses.rmse, losses.mae, losses.mape, losses.coverage],
        models=_MODELS,
        level=[80, 95],
        id_col="group",
    )
    table = found.pivot(index="group", columns="metric", values="prediction")
    return table.reindex(columns=_POOLED)


def _over_series(of_series: pd.DataFrame) -> pd.Series:
    """The mean over the series of each group, of a loss that utilsforecast gives by series."""
    return of_series.groupby("group")["prediction"].mean()


def _pinball(scaled: pd.DataFrame) -> pd.Series:
    """The mean over QUANTILES; utilsforecast's mqloss would hold all their losses at once."""
    of_quantiles = [
        _over_series(
            losses.quantile_loss(scaled, {"prediction": column}, quantile, cutoff_col="group")
        )
        for column, quantile in QUANTILES.items()
    ]
    return pd.concat(of_quantiles, axis="columns").mean(axis="columns", skipna=False)


def _relative_bias(known: pd.DataFrame) -> pd.Series:
    group = known["group"]
    total = known["y"].abs().groupby(group).sum()
    return (known["prediction"] - known["y"]).groupby(group).sum() / total.where(total > 0)
