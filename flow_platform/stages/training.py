"""Trains the vintages of a month and decides who is its champion.

A vintage is trained again exactly when what it may see has changed: its fingerprint says so. How a
model is trained is in `forecasting/`, how a vintage is kept in `registry/`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from flow_platform.flows import Flow
from flow_platform.ground.errors import ModelError
from flow_platform.ground.periods import cutoff_of
from flow_platform.models.champions import choose_champion, succeed
from flow_platform.models.promotion import backtest_scores
from flow_platform.models.trainer import Trainer
from flow_platform.platform import Platform
from flow_platform.registry.promotions import Decision, line_of, vintage_for
from flow_platform.registry.vintages import Vintage
from flow_platform.stages.core import AnyTrainer, engine_of

logger = logging.getLogger(__name__)

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Trained:
    """What happened to one candidate and month: trained now, or found as it should be."""

    vintage: Vintage
    is_new: bool


def train_vintage(
    platform: Platform,
    flow: Flow,
    measure: str,
    candidate: str,
    month: date,
    data: Any,
    spec: Any,
    trainer: AnyTrainer,
) -> Trained:
    """The vintage of one candidate and month, trained unless the very same is registered.

    `trainer` is one of the flow's engine; give the same one for all candidates and months of a run,
    one month after another: candidates of a month share most of the work. LightGBM's parameters are
    those of the month's tuning. Raises ModelError when too little was known before the cut-off.
    """
    cutoff, engine = cutoff_of(month), trainer.engine
    tuned = spec
    if candidate in engine.tuned:
        # Other candidates do not use these parameters, and are not trained again for them.
        boosting = platform.tunings.boosting(flow.name, measure, month)
        tuned = engine.with_boosting(spec, boosting)
    seen = engine.fingerprint(data, cutoff, tuned)
    registry = platform.registry
    for vintage in registry.vintages(flow.name, measure):
        if (vintage.candidate, vintage.month, vintage.fingerprint) == (candidate, month, seen):
            return Trained(vintage, is_new=False)
    trained = trainer.train(candidate, data, cutoff, tuned, fingerprint=seen)
    return Trained(registry.register(flow.name, measure, month, trained, seen), is_new=True)


def name_champions(
    platform: Platform, flow: Flow, measure: str, months: Collection[date]
) -> list[Vintage]:
    """Decide who is champion of each of `months` with vintages, and of later ones that have one.

    Each month follows from those before, so the champions depend on the vintages and on what
    people decided, and not on the order in which months were trained. Returns the champions.
    """
    registry = platform.registry
    by_month: dict[date, dict[str, Vintage]] = {}
    for vintage in registry.vintages(flow.name, measure):
        by_month.setdefault(vintage.month, {})[vintage.candidate] = vintage
    moves = registry.moves(flow.name, measure)
    named = registry.champions(flow.name, measure)
    champions = [vintage for vintage in named if vintage.month < min(months)]
    later = {vintage.month for vintage in named if vintage.month >= min(months)}
    decisions: list[Decision] = []
    for month in sorted(by_month.keys() & (later | set(months))):
        current = vintage_for(line_of(champions, moves), month - timedelta(days=1))
        decisions.append(_decide(platform, flow, by_month[month], month, current))
        champions.append(decisions[-1].serving)
    registry.record_months(flow.name, measure, decisions)
    return [decision.serving for decision in decisions]


def _decide(
    platform: Platform,
    flow: Flow,
    rivals: Mapping[str, Vintage],
    month: date,
    current: Vintage | None,
) -> Decision:
    order = engine_of(flow).candidates
    metrics = {name: vintage.metrics for name, vintage in rivals.items()}
    outcome = succeed(
        current.candidate if current else None,
        metrics,
        lambda name: backtest_scores(platform.registry.load(rivals[name])),
        platform.settings.seed,
        order,
    )
    held = rivals.get(current.candidate) if current else None
    best = rivals[choose_champion(metrics, order)]
    return Decision(
        kind="monthly" if current else "first",
        effective_day=month,
        champion=held,
        challenger=None if best == held else best,
        serving=rivals[outcome.champion],
        reason=outcome.reason,
        decided_by="training",
        comparison=outcome.comparison,
    )


def ensure_vintages(
    platform: Platform,
    flow: Flow,
    measure: str,
    months: Sequence[date],
    read: Callable[[], Any],
    spec: Any,
    *,
    refresh: Literal["missing", "stale"] = "missing",
    progress: Progress = logger.info,
) -> list[Trained]:
    """The vintages that forecasts of these months need, and a champion for each month.

    `missing` leaves a month alone that has a champion; `stale` also retrains vintages whose
    training data changed since. A month with too little history is left to an older vintage or to
    the fallback, and a candidate that fails is left out: a forecast always comes. `read` is asked
    for what may be seen, if anything has to be trained.
    """
    with platform.registry.training_lock(flow.name):
        done: list[Trained] = []
        engine = engine_of(flow)
        trainer = Trainer(engine)
        led = {vintage.month for vintage in platform.registry.champions(flow.name, measure)}
        due = [month for month in months if refresh == "stale" or month not in led]
        for candidate in flow.candidates if due else ():
            # Once: what is not installed is so for every month.
            if reason := engine.missing_requirement(candidate):
                progress(f"{flow.name} {candidate}: left out, {reason}")
        data = read() if due else None
        for month in due:
            if not engine.has_enough_history(data, cutoff_of(month), spec):
                progress(f"{flow.name} {month:%Y-%m}: too little history, the fallback forecasts")
                continue
            for candidate in engine.trainable(flow.candidates):
                try:
                    trained = train_vintage(
                        platform, flow, measure, candidate, month, data, spec, trainer
                    )
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
            name_champions(platform, flow, measure, {trained.vintage.month for trained in done})
        return done
