"""Fits one candidate on the prepared work of a cut-off, backtests and calibrates it.

The steps are in modules of their own: `preparation`, `recipe`, `backtest`, `artefacts`.
"""

from __future__ import annotations

from dataclasses import asdict, replace

from flow_platform.forecasting.daily import lstm, sarima
from flow_platform.forecasting.daily.artefacts import Stored
from flow_platform.forecasting.daily.backtest import Backtest, backtest, choose_weights
from flow_platform.forecasting.daily.data import CODE_VERSION
from flow_platform.forecasting.daily.preparation import Prepared
from flow_platform.forecasting.daily.recipe import BOOSTED, WITH_SARIMA, Recipe
from flow_platform.ground.errors import ModelError
from flow_platform.models.artefacts import compact_artefact, training_record
from flow_platform.models.metrics import backtest_figures
from flow_platform.models.promotion import score
from flow_platform.models.vintage import TrainedModel


def fit(candidate: str, prepared: Prepared) -> TrainedModel:
    """`candidate` fitted on what was known before the cut-off, backtested and calibrated.

    The last `spec.backtest_days` before the cut-off are forecast by models fitted before them;
    those errors give the metrics and the bands; then everything is fitted again on all. Equal data
    give equal bytes. Raises ModelError where the data do not suit the candidate.
    """
    if candidate == "sarima" and not prepared.sarimas[-1]:
        raise ModelError(
            f"SARIMA fits no series at {prepared.cutoff}: each needs {sarima.MIN_DAYS} known days,"
            f" and a panel may have {sarima.MOST_SERIES} series. Leave it to the other candidates."
        )
    recipes = _recipes(candidate, prepared)
    tested = backtest(recipes, prepared)
    return _trained(recipes[-1], tested, prepared)


def _recipes(candidate: str, prepared: Prepared) -> list[Recipe]:
    """The candidate as fitted before each fold of the backtest, and as fitted on all."""
    boosted = candidate in BOOSTED
    recipes = [
        Recipe(
            candidate=candidate,
            features=prepared.features if boosted else [],
            memory=memory,
            booster=prepared.boosters[n] if boosted else "",
            sarimas=prepared.sarimas[n] if candidate in WITH_SARIMA else {},
            network=prepared.networks[n] if candidate == "lstm" else lstm.Network(),
        )
        for n, memory in enumerate(prepared.memories)
    ]
    if candidate == "blend":
        weights = choose_weights(recipes, prepared)
        recipes = [replace(recipe, weights=weights) for recipe in recipes]
    return recipes


def _trained(recipe: Recipe, tested: Backtest, prepared: Prepared) -> TrainedModel:
    scored = tested.scored(prepared.scales)
    metrics = backtest_figures(scored)
    trained_rows = (
        len(prepared.training_rows(prepared.cutoff, recipe.memory))
        if recipe.has_booster
        else prepared.known_days
    )
    known_at, positions = tested.recent_positions(prepared.cutoff)
    stored = Stored(
        recipe=recipe,
        cutoff=prepared.cutoff,
        calibration=tested.calibration,
        known_at=known_at,
        positions=positions,
        gain=tested.gain,
        errors=tested.recent_errors(prepared.cutoff),
    )
    boosting = asdict(prepared.spec.boosting) if recipe.has_booster else {}
    return TrainedModel(
        candidate=recipe.candidate,
        cutoff=prepared.cutoff,
        artefacts={
            "training.json": training_record(
                recipe.candidate,
                prepared.cutoff,
                (prepared.first, prepared.last),
                trained_rows,
                prepared.spec.horizons,
                CODE_VERSION,
            ),
            **stored.as_artefacts(boosting),
            "metrics.json": compact_artefact(metrics),
            "backtest.json": compact_artefact(score(scored).as_json()),
        },
        metrics=metrics,
        backtest=tested.table(),
        train_first=prepared.first,
        train_last=prepared.last,
        trained_rows=trained_rows,
    )
