"""A search ends with its time, goes on where it ended, stays before the backtest, doubts luck."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState

from flow_platform.forecasting.daily import tuning
from flow_platform.forecasting.daily.data import SeriesData, SeriesSpec, fingerprint
from flow_platform.forecasting.daily.engine import ENGINE
from flow_platform.forecasting.daily.preparation import BeforeBacktest, before_backtest
from flow_platform.forecasting.daily.tuning import Fold, Standing, Tuned, fold_rows, tune
from flow_platform.ground.errors import ModelError
from flow_platform.models.boosters import Boosting
from flow_platform.models.trainer import Trainer
from flow_platform.models.vintage import TrainedModel

optuna.logging.set_verbosity(optuna.logging.WARNING)
Errors = Callable[[Boosting, Fold], np.ndarray]


@pytest.fixture(scope="module")
def known(panel_data: SeriesData, spec: SeriesSpec, cutoff: pd.Timestamp) -> BeforeBacktest:
    return before_backtest(panel_data, cutoff, spec)


@pytest.fixture(scope="module")
def folds(known: BeforeBacktest) -> list[Fold]:
    return fold_rows(known)


@pytest.fixture
def errs(monkeypatch: pytest.MonkeyPatch) -> Callable[[Errors], None]:
    """Lets a search meet given errors instead of fitted ones."""

    def say(errors: Errors) -> None:
        monkeypatch.setattr(tuning, "_errors", lambda boosting, fold, *_: errors(boosting, fold))

    return say


class Watch:
    """A clock that moves by `step` seconds when a trial is reported, and at no other time."""

    def __init__(self, step: float = 1.0) -> None:
        self.now, self.step = 100.0, step
        self.standings: list[Standing] = []

    def __call__(self) -> float:
        return self.now

    def report(self, standing: Standing) -> None:
        self.standings.append(standing)
        self.now += self.step


def search(
    folds: list[Fold],
    spec: SeriesSpec,
    *,
    trials: int,
    study: optuna.Study | None = None,
    in_use: Boosting | None = None,
) -> Tuned:
    """A search with time for `trials` trials after those it begins with."""
    watch = Watch()
    return tune(
        study or optuna.create_study(),
        folds,
        spec,
        trials + 0.5,
        in_use or Boosting(),
        watch.report,
        watch,
    )


def growing(boosting: Boosting, fold: Fold) -> np.ndarray:
    """Errors that are least for many leaves: 13 leaves err 1, each leaf more a hundredth less."""
    return np.full(len(fold.future), 1.13 - boosting.num_leaves / 100)


def test_every_fold_learns_from_what_was_known_before_it(folds: list[Fold]) -> None:
    assert len(folds) == 3
    for fold in folds:
        assert (fold.past["y_available_at"] < fold.start).all()
        assert (fold.past["issued_at"] < fold.start).all()
        assert (fold.future["issued_at"] >= fold.start).all()
    assert folds[0].start < folds[1].start < folds[2].start


def test_no_fold_reaches_the_backtest(
    known: BeforeBacktest, models: dict[str, TrainedModel]
) -> None:
    first_origin = models["lightgbm"].backtest["issue"].min()
    for fold in fold_rows(known):
        assert (fold.future["issue"] < first_origin).all()
        assert (fold.future["y_available_at"] < known.moment).all()


def test_facts_from_the_backtest_on_change_no_row_of_a_search(
    panel_data: SeriesData, spec: SeriesSpec, cutoff: pd.Timestamp, known: BeforeBacktest
) -> None:
    late = panel_data.actuals["available_at"] >= known.moment
    actuals = panel_data.actuals.assign(y=panel_data.actuals["y"].mask(late, 1.0))
    other = replace(panel_data, actuals=actuals)
    assert fingerprint(other, cutoff, spec) != fingerprint(panel_data, cutoff, spec)
    assert fingerprint(other, known.moment, spec) == fingerprint(panel_data, known.moment, spec)
    again = before_backtest(other, cutoff, spec)
    assert again.memory == known.memory
    pd.testing.assert_frame_equal(again.rows, known.rows, check_exact=True)


def test_a_search_ends_with_its_seconds(
    folds: list[Fold], spec: SeriesSpec, errs: Callable[[Errors], None]
) -> None:
    errs(growing)
    watch = Watch(step=10.0)
    tuned = tune(optuna.create_study(), folds, spec, 25.0, Boosting(), watch.report, watch)
    assert [standing.trials for standing in watch.standings] == [1, 2, 3]
    assert [standing.seconds_left for standing in watch.standings] == [25.0, 15.0, 5.0]
    assert (tuned.trials, tuned.seconds) == (3, 30.0)


def test_trials_are_fitted_and_scored(folds: list[Fold], spec: SeriesSpec) -> None:
    study = optuna.create_study()
    tuned = search(folds, spec, trials=1, study=study)
    assert tuned.trials == 2
    for loss in (tuned.loss, tuned.default_loss, *(trial.values[0] for trial in study.trials)):
        assert 0 < loss < 0.5


def test_a_search_goes_on_where_the_last_one_ended_and_repeats_no_trial(
    folds: list[Fold], spec: SeriesSpec, errs: Callable[[Errors], None]
) -> None:
    errs(growing)
    study = optuna.create_study()
    first = search(folds, spec, trials=3, study=study)
    second = search(folds, spec, trials=3, study=study)
    assert (first.trials, second.trials) == (4, 7)
    assert second.loss <= first.loss
    points = {json.dumps(trial.params, sort_keys=True) for trial in study.trials}
    assert len(points) == 7


def test_a_trial_that_was_killed_is_failed_and_counts_for_nothing(
    folds: list[Fold], spec: SeriesSpec, errs: Callable[[Errors], None]
) -> None:
    errs(growing)
    study = optuna.create_study()
    killed = study.ask(tuning._space())
    tuned = search(folds, spec, trials=1, study=study)
    assert study.trials[killed.number].state is TrialState.FAIL
    assert tuned.trials == 2


def test_the_same_seed_and_study_find_the_same(
    folds: list[Fold], spec: SeriesSpec, errs: Callable[[Errors], None]
) -> None:
    errs(growing)
    one, two = (search(folds, spec, trials=12) for _ in range(2))
    assert one == two
    assert one.boosting.num_leaves > Boosting().num_leaves


@pytest.mark.parametrize(("gain", "adopted"), [(0.0, False), (0.009, False), (0.011, True)])
def test_the_defaults_stay_unless_beaten_by_one_per_cent(
    folds: list[Fold],
    spec: SeriesSpec,
    errs: Callable[[Errors], None],
    gain: float,
    adopted: bool,
) -> None:
    errs(lambda boosting, fold: np.full(len(fold.future), 1 - gain * (boosting != Boosting())))
    assert search(folds, spec, trials=2).adopted is adopted


def test_the_days_that_decide_are_seen_by_no_trial(
    folds: list[Fold], spec: SeriesSpec, errs: Callable[[Errors], None]
) -> None:
    tried = []

    def misleading(boosting: Boosting, fold: Fold) -> np.ndarray:
        tried.append(fold.start)
        gain = -0.1 if fold.start == folds[-1].start else 0.1
        return np.full(len(fold.future), 1 - gain * (boosting != Boosting()))

    errs(misleading)
    tuned = search(folds, spec, trials=3)
    assert tried == [folds[0].start, folds[1].start] * 4 + [folds[2].start] * 2
    assert tuned.loss > 1.09
    assert (tuned.default_loss, tuned.adopted) == (1.0, False)


def test_parameters_in_use_stay_where_better_trials_do_not_keep_their_promise(
    folds: list[Fold], spec: SeriesSpec, errs: Callable[[Errors], None]
) -> None:
    in_use = Boosting(num_leaves=11)

    def errors(boosting: Boosting, fold: Fold) -> np.ndarray:
        if boosting in (Boosting(), in_use):
            return np.full(len(fold.future), 1.0 if boosting == Boosting() else 0.9)
        return np.full(len(fold.future), 1.1 if fold.start == folds[-1].start else 0.8)

    errs(errors)
    tuned = search(folds, spec, trials=3, in_use=in_use)
    assert (tuned.boosting, tuned.adopted) == (in_use, True)


def test_a_gain_that_rests_on_one_lucky_day_is_not_adopted(
    folds: list[Fold], spec: SeriesSpec, errs: Callable[[Errors], None]
) -> None:
    def lucky(boosting: Boosting, fold: Fold) -> np.ndarray:
        lucky_day = (fold.future["ds"] == fold.future["ds"].median()).to_numpy()
        error = np.where(lucky_day, 20.0, 1.0)
        return np.where(lucky_day, 1.0, 1.01) if boosting != Boosting() else error

    errs(lucky)
    tuned = search(folds, spec, trials=2)
    assert tuned.loss < 0.95 * tuned.default_loss
    assert not tuned.adopted


def test_parameters_in_use_are_tried_however_short_the_search(
    folds: list[Fold], spec: SeriesSpec, errs: Callable[[Errors], None]
) -> None:
    errs(growing)
    in_use = Boosting(num_leaves=24)
    tuned = search(folds, spec, trials=0, in_use=in_use)
    assert tuned.trials == 2
    assert (tuned.boosting, tuned.adopted) == (in_use, True)


@pytest.mark.parametrize("rows", [0, 200])
def test_too_few_rows_are_an_error(known: BeforeBacktest, rows: int) -> None:
    with pytest.raises(ModelError, match="too few to tune on"):
        fold_rows(replace(known, rows=known.rows.head(rows)))


def test_a_vintage_keeps_the_parameters_it_was_given(
    panel_data: SeriesData,
    spec: SeriesSpec,
    cutoff: pd.Timestamp,
    models: dict[str, TrainedModel],
) -> None:
    tuned = replace(spec, boosting=Boosting(num_leaves=7, rounds=30))
    assert fingerprint(panel_data, cutoff, tuned) != fingerprint(panel_data, cutoff, spec)
    model = Trainer(ENGINE).train("lightgbm", panel_data, cutoff, tuned)
    kept = json.loads(model.artefacts["parameters.json"])["lightgbm"]
    assert Boosting(**kept) == tuned.boosting
    assert model.artefacts["model.txt"].count(b"Tree=") == 30
    plain = Trainer(ENGINE).train("effects", panel_data, cutoff, tuned)
    assert plain.artefacts == models["effects"].artefacts
