"""Promotes a vintage that beats the champion on replayed days, and rolls back. Nothing is trained.

Both sides are replayed as they would have forecast, from what was known then; the verdict itself is
in `forecasting/promotion.py`. What is decided counts from a day that is not over yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pandas as pd

from flow_platform.errors import ConfigurationError, ModelError
from flow_platform.flows import SeriesFlow
from flow_platform.forecasting.data import SeriesData, SeriesSpec
from flow_platform.forecasting.promotion import Comparison, Replay, compare, trained_until
from flow_platform.platform import Platform
from flow_platform.registry.promotions import Decision, Reign, line_of, predecessor, vintage_for
from flow_platform.registry.vintages import Vintage
from flow_platform.stages.forecasting import FALLBACK_VERSION, days_by_vintage, forecast_with
from flow_platform.stages.history import read_history, spec_of

# Issue days a comparison replays at the most: a season's change, at a few seconds a vintage.
REPLAYED_DAYS = 120


def promote(
    platform: Platform,
    flow: SeriesFlow,
    challenger: Vintage,
    effective_day: date,
    today: date,
    decided_by: str,
) -> Decision:
    """Let `challenger` serve from `effective_day` on if it wins the comparison; record either way.

    Counts of the days before `today` (UTC) are compared. Raises ConfigurationError for a day that
    is over, ModelError where there is no champion or the challenger is it.
    """
    _check_day(effective_day, today)
    measure = challenger.measure
    with platform.registry.training_lock(flow.name):
        champion = _serving(platform, flow, measure, effective_day)
        if champion.model_version == challenger.model_version:
            raise ModelError(
                f"{challenger.model_version} already serves {flow.name} {measure} on"
                f" {effective_day}. Choose another: flow models list {flow.name}."
            )
        compared = compare_vintages(platform, flow, champion, challenger, today)
        decision = Decision(
            kind="promote" if compared.promoted else "refused",
            effective_day=effective_day,
            champion=champion,
            challenger=challenger,
            serving=challenger if compared.promoted else champion,
            reason=compared.reason,
            decided_by=decided_by,
            comparison=compared,
        )
        platform.registry.record(decision)
    return decision


def roll_back(
    platform: Platform,
    flow: SeriesFlow,
    measure: str,
    effective_day: date,
    today: date,
    decided_by: str,
) -> Decision:
    """Let the champion before the present one serve again from `effective_day` on, and record it.

    Once more goes one further back. Raises ConfigurationError for a day that is over, ModelError
    where there is no champion before.
    """
    _check_day(effective_day, today)
    with platform.registry.training_lock(flow.name):
        champion = _serving(platform, flow, measure, effective_day)
        before = predecessor(platform.registry.line(flow.name, measure), effective_day)
        if before is None:
            raise ModelError(
                f"{flow.name} {measure} has had no champion before {champion.model_version}. Train"
                f" an earlier month first (flow train {flow.name} --from ...), or promote another"
                " vintage."
            )
        decision = Decision(
            kind="rollback",
            effective_day=effective_day,
            champion=champion,
            challenger=before,
            serving=before,
            reason=f"{champion.model_version} was taken back",
            decided_by=decided_by,
        )
        platform.registry.record(decision)
    return decision


def compare_vintages(
    platform: Platform, flow: SeriesFlow, champion: Vintage, challenger: Vintage, today: date
) -> Comparison:
    """Both sides on the same issue days before `today`, each day after both cut-offs.

    A vintage is no more than a month old when the next one comes, too young to be judged. So each
    side is its kind: on a day, the kind's newest vintage up to the given one that was cut off
    before that day.
    """
    claimed, learned = challenger.cutoff, trained_until(platform.registry.load(challenger))
    if learned > claimed:
        return Comparison(
            champion.model_version,
            challenger.model_version,
            promoted=False,
            reason=f"trained on test rows: its registered cut-off is {claimed:%Y-%m-%d %H:%M} UTC,"
            f" but its artefacts learned until {learned:%Y-%m-%d %H:%M}",
        )
    spec = spec_of(platform, flow)
    data = read_history(platform, flow, champion.measure, today - timedelta(days=1))
    vintages = platform.registry.vintages(flow.name, champion.measure)
    lines = [
        line_of((v for v in vintages if v.candidate == own.candidate and v.month <= own.month), [])
        for own in (champion, challenger)
    ]
    days = _compared_days(data, lines)
    if not days:
        return Comparison(
            champion.model_version,
            challenger.model_version,
            promoted=False,
            reason="not enough evidence: no day with a count lies after the cut-offs of both",
        )
    wanted = data.issues[data.issues["issue"].isin(days)]
    own, rival = (
        Replay(vintage.model_version, _replay(platform, line, data, wanted, spec))
        for vintage, line in zip((champion, challenger), lines, strict=True)
    )
    return compare(own, rival, data.actuals, season=spec.season, seed=spec.seed)


def _compared_days(data: SeriesData, lines: Sequence[Sequence[Reign]]) -> list[pd.Timestamp]:
    """The newest days before the last count on which other vintages speak for the two sides."""
    past = data.issues.loc[data.issues["issue"] < data.actuals["ds"].max(), "issue"]
    chosen = []
    for day in sorted(past.unique(), reverse=True):
        own, rival = (vintage_for(line, pd.Timestamp(day).date()) for line in lines)
        if own and rival and own.model_version != rival.model_version:
            chosen.append(day)
    return chosen[:REPLAYED_DAYS]


def _replay(
    platform: Platform,
    line: Sequence[Reign],
    data: SeriesData,
    wanted: pd.DataFrame,
    spec: SeriesSpec,
) -> pd.DataFrame:
    parts = []
    for vintage, days in days_by_vintage(line, wanted["issue"]):
        assert vintage is not None
        until = max(vintage.cutoff, trained_until(platform.registry.load(vintage)))
        said = forecast_with(platform, vintage, data, wanted[wanted["issue"].isin(days)], spec)
        # The fallback learns nothing.
        learned = said["model_version"] != FALLBACK_VERSION
        parts.append(said.assign(trained_until=pd.Series(until, said.index).where(learned)))
    return pd.concat(parts, ignore_index=True)


def _serving(platform: Platform, flow: SeriesFlow, measure: str, day: date) -> Vintage:
    champion = vintage_for(platform.registry.line(flow.name, measure), day)
    if champion is None:
        raise ModelError(
            f"{flow.name} {measure} has no champion on {day}. Train one first:"
            f" flow train {flow.name} --from {day:%Y-%m}."
        )
    return champion


def _check_day(effective_day: date, today: date) -> None:
    if effective_day < today:
        raise ConfigurationError(
            f"{effective_day} is over: what was said on it stays. Give {today} or a later day."
        )
