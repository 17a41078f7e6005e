"""Seeks LightGBM's parameters on time-ordered folds, within a given time.

Knows neither databases nor flows: it takes an Optuna study and returns the parameters it found.
Training takes parameters and never seeks them (docs/adr/0008-tuning-apart-from-training.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from flow_platform.forecasting.daily import candidates
from flow_platform.forecasting.daily.backtest import scaled_errors
from flow_platform.forecasting.daily.data import SeriesSpec
from flow_platform.forecasting.daily.preparation import BeforeBacktest
from flow_platform.ground.errors import ModelError
from flow_platform.models.boosters import Boosting
from flow_platform.models.promotion import block_bootstrap, interval

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

# Raised whenever earlier trials are not comparable with new ones: other folds, space or loss.
SEARCH_VERSION = "1"
# Each fold is learned from all rows before it: shares of the issues where it starts and ends.
# Trials are judged on the first two; the best of many looks better there than it is, so the last
# one, which no trial sees, decides whether it is adopted.
FOLDS = ((0.4, 0.6), (0.6, 0.8), (0.8, 1.0))
LEAST_PAST, LEAST_FUTURE = 500, 100
# More rows make a trial slower and hardly show better which parameters are good.
MAX_ROWS = 9_000
# A gain below this is not worth training every vintage again.
LEAST_GAIN = 0.01

Clock = Callable[[], float]
Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Fold:
    """Rows of the feature frame issued from `start` (UTC) on, and those known before it."""

    start: pd.Timestamp
    past: pd.DataFrame
    future: pd.DataFrame
    features: list[str]
    memory: candidates.Memory


@dataclass(frozen=True)
class Standing:
    """How far a search has come; losses are mean errors as `scaled_errors` has them."""

    trials: int
    loss: float
    default_loss: float
    seconds_left: float

    def __str__(self) -> str:
        return (
            f"{self.trials} trials, best {_against(self.loss, self.default_loss)},"
            f" {self.seconds_left:.0f} s left"
        )


@dataclass(frozen=True)
class Tuned:
    """What a search found, over all of its study's trials.

    `boosting` did best on the folds that trials see; `loss` and `default_loss` are on the one they
    do not. It is `adopted` when it beats the defaults there by `LEAST_GAIN` and beyond noise; where
    it does not and the parameters in use do, those stay. `seconds` is what this search took, not
    those it resumed.
    """

    boosting: Boosting
    loss: float
    default_loss: float
    adopted: bool
    trials: int
    seconds: float

    def __str__(self) -> str:
        verdict = "adopted" if self.adopted else "not better enough, the defaults stay"
        return f"{self.trials} trials, best {_against(self.loss, self.default_loss)}: {verdict}"


def fold_rows(known: BeforeBacktest) -> list[Fold]:
    """The folds of a search, in the order of time; none reaches the backtest.

    Raises ModelError where there are too few rows for two.
    """
    rows = _thinned(known.rows)
    issues = np.sort(rows["issued_at"].unique())
    folds = []
    for low, high in FOLDS if len(issues) else ():
        start = issues[int(len(issues) * low)]
        end = issues[min(int(len(issues) * high), len(issues) - 1)]
        past = rows[(rows["issued_at"] < start) & (rows["y_available_at"] < start)]
        future = rows[(rows["issued_at"] >= start) & (rows["issued_at"] <= end)]
        if len(past) >= LEAST_PAST and len(future) >= LEAST_FUTURE:
            folds.append(Fold(start, past, future, known.features, known.memory))
    if len(folds) < 2:
        raise ModelError(
            f"{len(rows)} rows are known before {known.moment}, where the backtest begins: too few"
            " to tune on. Choose a later month, or keep the default parameters."
        )
    return folds


def tune(
    study: optuna.Study,
    folds: Sequence[Fold],
    spec: SeriesSpec,
    seconds: float,
    in_use: Boosting,
    progress: Callable[[Standing], None],
    clock: Clock = time.monotonic,
) -> Tuned:
    """Search for `seconds` by seeded TPE (Bergstra et al. 2011), after the trials of `study`.

    `folds` (as `fold_rows` gives them) are in the order of time; the last one is kept for the end.
    The defaults and the parameters `in_use` are tried first, whatever the time; a trial that has
    begun is ended. No other process may write to `study` meanwhile: a trial that still runs in it
    was killed, and is failed.
    """
    import optuna

    begun = clock()

    def loss(parameters: Parameters) -> float:
        boosting = replace(Boosting(), **parameters)
        return float(np.mean([_errors(boosting, fold, spec).mean() for fold in folds[:-1]]))

    for killed in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(killed.number, state=optuna.trial.TrialState.FAIL)
    default_loss = _loss_of(study, Boosting(), loss)
    _loss_of(study, in_use, loss)
    # The same seed twice would propose the same points again.
    study.sampler = optuna.samplers.TPESampler(seed=spec.seed + len(study.trials))

    def standing() -> Standing:
        left = max(begun + seconds - clock(), 0.0)
        return Standing(len(_complete(study)), study.best_value, default_loss, left)

    progress(standing())
    while clock() < begun + seconds:
        trial = study.ask(_space())
        study.tell(trial, loss(trial.params))
        progress(standing())
    best = replace(Boosting(), **study.best_params)
    boosting, own, default, adopted = _judge((best, in_use), folds[-1], spec)
    trials = len(_complete(study))
    return Tuned(boosting, own, default, adopted, trials=trials, seconds=clock() - begun)


def _thinned(rows: pd.DataFrame) -> pd.DataFrame:
    """About `MAX_ROWS` of `rows`, evenly over the issue days that are there."""
    # By place and not by date: every k-th of days that are k' apart would be k k' apart.
    place = pd.to_datetime(rows["issue"].rank(method="dense"), unit="D")
    return rows[candidates.spread(rows.assign(issue=place), MAX_ROWS)] if len(rows) else rows


def _against(loss: float, default_loss: float) -> str:
    return f"{loss:.5f} against the defaults' {default_loss:.5f} ({loss / default_loss - 1:+.1%})"


def _space() -> dict[str, BaseDistribution]:
    from optuna.distributions import FloatDistribution, IntDistribution

    return {
        "num_leaves": IntDistribution(5, 24),
        "min_data_in_leaf": IntDistribution(10, 100, log=True),
        "learning_rate": FloatDistribution(0.015, 0.08, log=True),
        "feature_fraction": FloatDistribution(0.3, 0.8),
        "lambda_l2": FloatDistribution(0.5, 50.0, log=True),
    }


def _loss_of(study: optuna.Study, boosting: Boosting, loss: Callable[[Parameters], float]) -> float:
    """The loss of `boosting` in `study`; it is tried and added if it is not there."""
    from optuna.trial import create_trial

    space = _space()
    parameters = {name: getattr(boosting, name) for name in space}
    for trial in _complete(study):
        if trial.params == parameters:
            return float(trial.values[0])
    value = loss(parameters)
    study.add_trial(create_trial(params=parameters, distributions=space, value=value))
    return value


def _complete(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def _errors(boosting: Boosting, fold: Fold, spec: SeriesSpec) -> np.ndarray:
    own = replace(spec, boosting=boosting)
    text = candidates.fit_lightgbm(fold.past, fold.features, fold.memory, own)
    forecast = candidates.predict_lightgbm(text, fold.future, fold.features, fold.memory)
    return scaled_errors(fold.future, forecast)


def _judge(
    rivals: Sequence[Boosting], fold: Fold, spec: SeriesSpec
) -> tuple[Boosting, float, float, bool]:
    """The first of `rivals` that beats the defaults on `fold`, else the first; its loss, theirs.

    So more trials never lose a gain of earlier ones.
    """
    default = _errors(Boosting(), fold, spec)
    verdicts = []
    for boosting in rivals:
        own = default if boosting == Boosting() else _errors(boosting, fold, spec)
        gains = own.mean() <= default.mean() * (1 - LEAST_GAIN)
        adopted = bool(gains) and _is_less(own, default, fold, spec.seed)
        verdicts.append((boosting, float(own.mean()), float(default.mean()), adopted))
    return next((verdict for verdict in verdicts if verdict[-1]), verdicts[0])


def _is_less(own: np.ndarray, other: np.ndarray, fold: Fold, seed: int) -> bool:
    """Whether the 95 % interval of the paired difference in errors is below 0.

    By target day in blocks of a week, as champions are compared: a day's surprise is in every
    forecast of it.
    """
    rows = pd.DataFrame({"rows": 1.0, "difference": own - other})
    sums = rows.groupby(fold.future["ds"].to_numpy()).sum().to_numpy()
    return interval(block_bootstrap(sums, seed)[:, 0]).high < 0
