"""How each candidate turns a feature frame into log forecasts, and how LightGBM is fitted.

Rows and folds are chosen by `training`; bands are made in `intervals`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from flow_platform.forecasting.daily.data import SeriesSpec
from flow_platform.forecasting.daily.features import HALF_LIVES
from flow_platform.models.boosters import lightgbm_settings, predictor

# Issues that know fewer days than this teach nothing.
LEAST_KNOWN = 14
# How fast levels move is judged on half a year: series settle after they open.
MEMORY_DAYS = 182
# Until a year and a month is known, memories that err by so much more than the best serve too.
WHOLE_YEAR, ALL_BUT = 392, 0.02
# Shares of last year's season that the backtest chooses from.
SEASON_SHARES = (0.25, 0.5, 0.75, 1.0)
# Rows to learn from, by the size of the panel, and rows of the backtest.
TRAINING_ROWS = (60_000, 240_000)
BACKTEST_ROWS = 80_000
# Issue days that are kept at the least; with still too many rows, series take turns.
LEAST_DAYS = 30
ENOUGH_ROWS = 5_000


@dataclass(frozen=True)
class Memory:
    """How a level is carried forward: its half-life (days) and its share of last year's season."""

    half_life: int = 8
    season: float = 0.0


def choose_memory(frame: pd.DataFrame) -> Memory:
    """The memory whose level plus effects erred least, in logs, over recent issues.

    Every series counts alike. Last year's season is left out unless it takes off one part in a
    hundred. With less than a year behind it, no backtest has met the season's turns: the shortest
    of the memories that are about as good is taken, which costs little in calm and saves much then.
    """
    young = (frame["issue"].max() - frame["issue"].min()).days < WHOLE_YEAR
    newest = frame["issue"].max() - pd.Timedelta(days=MEMORY_DAYS)
    frame = frame[frame["issue"] >= newest]
    target = np.log1p(frame["y"].to_numpy()) - frame["effect"].to_numpy()

    weight = evenly(frame, np.abs(_level(frame, Memory()) - target))

    def miss(memory: Memory) -> float:
        return float(np.nanmean(weight * np.abs(_level(frame, memory) - target)))

    plain = {memory: miss(memory) for memory in (Memory(h) for h in HALF_LIVES[1:-1])}
    seasonal = {
        memory: miss(memory)
        for memory in (Memory(h, share) for h in HALF_LIVES[1:-1] for share in SEASON_SHARES)
    }
    best, other = min(plain, key=plain.__getitem__), min(seasonal, key=seasonal.__getitem__)
    if young:
        near = [memory for memory in plain if plain[memory] <= plain[best] * (1 + ALL_BUT)]
        return min(near, key=lambda memory: memory.half_life)
    return other if seasonal[other] < 0.99 * plain[best] else best


def evenly(frame: pd.DataFrame, error: np.ndarray) -> np.ndarray:
    """Weights (rows,) by which every series errs alike, so that erratic ones do not decide all."""
    size = pd.Series(error).groupby(frame["unique_id"].to_numpy()).transform("mean").to_numpy()
    known = np.isfinite(size) & (size > 0)
    usual = np.median(size[known]) if known.any() else 1.0
    return usual / np.where(known, np.maximum(size, 0.1 * usual), usual)


def _level(frame: pd.DataFrame, memory: Memory) -> np.ndarray:
    level = frame[f"level_{memory.half_life}"].to_numpy()
    if memory.season == 0:
        return level
    return level + memory.season * np.nan_to_num(frame[f"growth_{memory.half_life}"].to_numpy())


def structural(frame: pd.DataFrame, memory: Memory) -> np.ndarray:
    """Log forecast of level plus effects; the level leans half on the next shorter memory."""
    shorter = HALF_LIVES[max(HALF_LIVES.index(memory.half_life) - 1, 0)]
    level = (_level(frame, memory) + _level(frame, Memory(shorter, memory.season))) / 2
    return level + frame["effect"].to_numpy()


def base(frame: pd.DataFrame, memory: Memory) -> np.ndarray:
    """What LightGBM corrects: the level of `memory` plus effects, in logs."""
    return _level(frame, memory) + frame["effect"].to_numpy()


def learnable(frame: pd.DataFrame, memory: Memory) -> np.ndarray:
    """Rows to learn from: target known, enough days behind the issue, a base like today's.

    Where the base carries last year's season, rows from before there was a last year would teach
    the errors of another base.
    """
    usable = (
        frame["y"].notna().to_numpy()
        & np.isfinite(frame["level_8"].to_numpy())
        & (frame["mass"].to_numpy() >= np.log1p(LEAST_KNOWN))
    )
    alike = usable & np.isfinite(frame[f"growth_{memory.half_life}"].to_numpy())
    return alike if memory.season > 0 and alike.sum() >= ENOUGH_ROWS else usable


def spread(issues: pd.DataFrame, limit: int) -> np.ndarray:
    """Which (bool) of `issues` (unique_id, issue) to keep: about `limit`, evenly.

    Every k-th day, counted from the newest; where that would leave too few days, each day has the
    turn of some of the series.
    """
    age = (issues["issue"].max() - issues["issue"]).dt.days.to_numpy()
    step = min(-(-len(issues) // limit), max((age.max() + 1) // LEAST_DAYS, 1))
    # A step of whole weeks would always meet the same weekday.
    step += step % 7 == 0
    kept = age % step == 0
    turns = -(-int(kept.sum()) // limit)
    place = pd.factorize(issues["unique_id"], sort=True)[0]
    return kept & ((place + age // step) % turns == 0)


def fit_lightgbm(frame: pd.DataFrame, features: list[str], memory: Memory, spec: SeriesSpec) -> str:
    """LightGBM (text format) of log(1 + y) less `base`, by absolute error, with `spec.boosting`.

    Ke et al. 2017. The median of the ratio is what WAPE and MAE reward, and outliers do not move
    it. One thread and fixed seeds: equal rows give equal bytes.
    """
    import lightgbm

    target = np.log1p(frame["y"].to_numpy()) - base(frame, memory)
    matrix = lightgbm.Dataset(
        frame[features].to_numpy(dtype=float),
        target,
        weight=evenly(frame, np.abs(target)),
        feature_name=features,
        free_raw_data=True,
    )
    settings = lightgbm_settings(asdict(spec.boosting), "l1", spec.seed)
    booster = lightgbm.train(settings, matrix, num_boost_round=spec.boosting.rounds)
    return booster.model_to_string()


def predict_lightgbm(
    text: str, frame: pd.DataFrame, features: list[str], memory: Memory
) -> np.ndarray:
    """Log forecasts (rows,) of a model that `fit_lightgbm` returned."""
    return base(frame, memory) + predictor(text)(frame[features].to_numpy(dtype=float))


def contributions(text: str, frame: pd.DataFrame, features: list[str]) -> np.ndarray:
    """What each feature adds to a model's log forecasts, (rows, features).

    LightGBM's `pred_contrib`: Shapley values of trees (Lundberg et al. 2018).
    """
    import lightgbm

    booster = lightgbm.Booster(model_str=text)
    matrix = frame[features].to_numpy(dtype=float)
    table = np.asarray(booster.predict(matrix, pred_contrib=True, num_threads=1))
    # The last column is what all rows have in common.
    return table[:, :-1]
