"""Trains the vintages of a month and names its champion.

A vintage is trained again exactly when what it may see has changed: its fingerprint says so. How a
model is trained is in `forecasting/`, how a vintage is kept in `registry/`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from flow_platform.errors import ModelError
from flow_platform.flows import SeriesFlow
from flow_platform.forecasting.data import SeriesData, SeriesSpec, fingerprint
from flow_platform.forecasting.training import choose_champion, has_enough_history, train
from flow_platform.partitions import cutoff_of
from flow_platform.platform import Platform
from flow_platform.registry.vintages import Vintage

logger = logging.getLogger(__name__)

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Trained:
    """What happened to one candidate and month: trained now, or found as it should be."""

    vintage: Vintage
    is_new: bool


def train_vintage(
    platform: Platform,
    flow: SeriesFlow,
    measure: str,
    candidate: str,
    month: date,
    data: SeriesData,
    spec: SeriesSpec,
) -> Trained:
    """The vintage of one candidate and month, trained unless the very same is registered.

    Raises ModelError when too little was known before the cut-off.
    """
    cutoff = cutoff_of(month)
    seen = fingerprint(data, cutoff, spec)
    registry = platform.registry
    for vintage in registry.vintages(flow.name, measure):
        if (vintage.candidate, vintage.month, vintage.fingerprint) == (candidate, month, seen):
            return Trained(vintage, is_new=False)
    trained = train(candidate, data, cutoff, spec)
    return Trained(registry.register(flow.name, measure, month, trained, seen), is_new=True)


def name_champion(platform: Platform, flow: SeriesFlow, measure: str, month: date) -> Vintage:
    """Choose the month's champion by the backtest figures of its vintages, and record it.

    Raises ModelError when no candidate of the month is trained.
    """
    rivals = {
        vintage.candidate: vintage
        for vintage in platform.registry.vintages(flow.name, measure)
        if vintage.month == month
    }
    if not rivals:
        raise ModelError(
            f"{flow.name} {measure} has no vintage of {month:%Y-%m}. Train the candidates first:"
            f" flow train {flow.name} --from {month:%Y-%m} --to {month:%Y-%m}."
        )
    winner = rivals[choose_champion({name: v.metrics for name, v in rivals.items()})]
    if not winner.is_champion:
        platform.registry.set_champion(flow.name, measure, month, winner.candidate)
    return winner


def ensure_vintages(
    platform: Platform,
    flow: SeriesFlow,
    measure: str,
    months: Sequence[date],
    data: SeriesData,
    spec: SeriesSpec,
    *,
    refresh: Literal["missing", "stale"] = "missing",
    progress: Progress = logger.info,
) -> list[Trained]:
    """The vintages that forecasts of these months need, and a champion for each month.

    `missing` leaves a month alone that has a champion; `stale` also retrains vintages whose
    training data changed since. A month with too little history is left to an older vintage or to
    the fallback, and a candidate that fails is left out: a forecast always comes.
    """
    with platform.registry.training_lock(flow.name):
        done: list[Trained] = []
        led = {vintage.month for vintage in platform.registry.champions(flow.name, measure)}
        for month in months:
            if refresh == "missing" and month in led:
                continue
            if not has_enough_history(data, cutoff_of(month), spec):
                progress(f"{flow.name} {month:%Y-%m}: too little history, the fallback forecasts")
                continue
            for candidate in flow.candidates:
                try:
                    trained = train_vintage(platform, flow, measure, candidate, month, data, spec)
                except ModelError as error:
                    progress(f"{flow.name} {month:%Y-%m} {candidate}: left out, {error}")
                    continue
                done.append(trained)
                progress(
                    f"{trained.vintage.model_version}:"
                    f" {'trained' if trained.is_new else 'unchanged'},"
                    f" MASE {trained.vintage.metrics.get('mase', float('nan')):.3f}"
                )
            if any(trained.vintage.month == month for trained in done):
                name_champion(platform, flow, measure, month)
        return done
