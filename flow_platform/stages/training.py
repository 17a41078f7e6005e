"""Trains the vintages of a month and decides which of them is its champion.

A vintage is trained again exactly when what it may see has changed: its fingerprint says so. How a
model is trained is in the engines, how a vintage is kept in `registry/`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flow_platform.ground.errors import ModelError, TooLittleHistory
from flow_platform.ground.periods import cutoff_of
from flow_platform.models.champions import choose_champion, succeed
from flow_platform.models.promotion import backtest_scores
from flow_platform.models.trainer import Trainer
from flow_platform.models.vintage import Vintage
from flow_platform.parts import Refresh
from flow_platform.registry.promotions import Decision, serving_history, vintage_for
from flow_platform.stages.case import Case

logger = logging.getLogger(__name__)

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Trained:
    """What happened to one candidate and month: trained now, or found as it should be."""

    vintage: Vintage
    is_new: bool


def train_vintage(
    case: Case, trainer: Trainer[Any, Any, Any], candidate: str, month: date, data: Any
) -> Trained:
    """The vintage of one candidate and month, trained unless the very same is registered.

    `trainer` is one of the case's engine. Give the same one for all candidates of a run, month by
    month: candidates of a month share most of their work. LightGBM's parameters are those of the
    month's tuning. Raises ModelError when too little was known before the cut-off.
    """
    cutoff, spec, engine = cutoff_of(month), case.spec, trainer.engine
    if candidate in engine.tuned:
        # Other candidates do not use these parameters, and are not trained again for them.
        tunings = case.platform.tunings
        boosting = tunings.boosting(case.flow.name, case.measure, month)
        spec = engine.with_boosting(spec, boosting)
    seen = engine.fingerprint(data, cutoff, spec)
    for vintage in case.vintages():
        if (vintage.candidate, vintage.month, vintage.fingerprint) == (candidate, month, seen):
            return Trained(vintage, is_new=False)
    trained = trainer.train(candidate, data, cutoff, spec, fingerprint=seen)
    registered = case.platform.registry.register(case.flow.name, case.measure, month, trained, seen)
    return Trained(registered, is_new=True)


def decide_champions(case: Case, months: Collection[date]) -> list[Vintage]:
    """Decide which vintage is champion of each of `months`, and of later months that have one.

    Each month follows from those before, so the champions depend on the vintages and on what
    people decided, and not on the order in which months were trained. Returns the champions.
    """
    registry = case.platform.registry
    by_month: dict[date, dict[str, Vintage]] = {}
    for vintage in case.vintages():
        by_month.setdefault(vintage.month, {})[vintage.candidate] = vintage
    manual = registry.manual_decisions(case.flow.name, case.measure)
    named = registry.champions(case.flow.name, case.measure)
    champions = [vintage for vintage in named if vintage.month < min(months)]
    later = {vintage.month for vintage in named if vintage.month >= min(months)}
    decisions: list[Decision] = []
    for month in sorted(by_month.keys() & (later | set(months))):
        serving = vintage_for(serving_history(champions, manual), month - timedelta(days=1))
        decisions.append(_decide(case, by_month[month], month, serving))
        champions.append(decisions[-1].serving)
    registry.record_months(case.flow.name, case.measure, decisions)
    return [decision.serving for decision in decisions]


def _decide(
    case: Case, rivals: Mapping[str, Vintage], month: date, serving: Vintage | None
) -> Decision:
    """The decision on a month; `serving` is the vintage that serves the day before."""
    order = case.engine.candidates
    metrics = {name: vintage.metrics for name, vintage in rivals.items()}
    outcome = succeed(
        serving.candidate if serving else None,
        metrics,
        lambda name: backtest_scores(case.load(rivals[name])),
        case.platform.settings.seed,
        order,
    )
    held = rivals.get(serving.candidate) if serving else None
    best = rivals[choose_champion(metrics, order)]
    return Decision(
        kind="monthly" if serving else "first",
        effective_day=month,
        champion=held,
        challenger=None if best == held else best,
        serving=rivals[outcome.champion],
        reason=outcome.reason,
        decided_by="training",
        comparison=outcome.comparison,
    )


def ensure_vintages(
    case: Case,
    months: Sequence[date],
    read: Callable[[], Any],
    *,
    refresh: Refresh = "missing",
    progress: Progress = logger.info,
) -> list[Trained]:
    """The vintages that forecasts of these months need, and a champion for each month.

    `missing` leaves a month alone that has a champion; `stale` also retrains vintages whose
    training data changed since. A month with too little history is left to an older vintage or to
    the fallback, and a candidate that fails is left out: a forecast is always made. `read` gives
    what may be seen, if anything has to be trained.
    """
    flow, engine = case.flow, case.engine
    trainer = Trainer(engine)
    with case.training_lock():
        done: list[Trained] = []
        champions = case.platform.registry.champions(flow.name, case.measure)
        led = {vintage.month for vintage in champions}
        due = [month for month in months if refresh == "stale" or month not in led]
        for candidate in flow.candidates if due else ():
            # Once: what is not installed is so for every month.
            if reason := engine.missing_requirement(candidate):
                progress(f"{flow.name} {candidate}: left out, {reason}")
        data = read() if due else None
        for month in due:
            for candidate in engine.trainable(flow.candidates):
                try:
                    trained = train_vintage(case, trainer, candidate, month, data)
                except TooLittleHistory as error:
                    progress(f"{flow.name} {month:%Y-%m}: the fallback forecasts. {error}")
                    break
                except ModelError as error:
                    progress(f"{flow.name} {month:%Y-%m} {candidate}: left out, {error}")
                    continue
                done.append(trained)
                progress(
                    f"{trained.vintage.model_version}:"
                    f" {'trained' if trained.is_new else 'unchanged'},"
                    f" MASE {trained.vintage.metrics.get('mase', float('nan')):.3f}"
                )
        if done:
            decide_champions(case, {trained.vintage.month for trained in done})
        return done
