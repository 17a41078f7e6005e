"""Promotes a vintage that beats the champion on replayed days, and rolls back. Nothing is trained.

Both sides are replayed as they would have forecast, from what was known then; the verdict itself is
in `models/promotion.py`. What is decided counts from a day that is not over yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pandas as pd

from flow_platform.flows import DELIVERIES, Flow, RecordFlow, SeriesFlow
from flow_platform.ground.errors import ConfigurationError, ModelError
from flow_platform.models.promotion import Comparison, Replay, compare, trained_until
from flow_platform.models.sampling import evenly_chosen
from flow_platform.models.vintage import FALLBACK_VERSION
from flow_platform.platform import Platform
from flow_platform.registry.promotions import Decision, Reign, line_of, predecessor, vintage_for
from flow_platform.registry.vintages import Vintage
from flow_platform.stages.core import series_engine_of
from flow_platform.stages.deliveries import compare_orders
from flow_platform.stages.forecasting import days_by_vintage, forecast_with
from flow_platform.stages.history import read_for_hours, read_history, spec_of
from flow_platform.stages.trips import compare_scores

# Issue days a comparison replays at the most: a season's change, at a few seconds a vintage.
REPLAYED_DAYS = 120
# Of hourly flows: counters, and every how many hours an issue. Five and 24 have no common divisor.
COUNTERS, EVERY_HOURS = 60, 5


def promote(
    platform: Platform,
    flow: Flow,
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
    flow: Flow,
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
    platform: Platform, flow: Flow, champion: Vintage, challenger: Vintage, today: date
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
    vintages = platform.registry.vintages(flow.name, champion.measure)
    lines = [
        line_of((v for v in vintages if v.candidate == own.candidate and v.month <= own.month), [])
        for own in (champion, challenger)
    ]
    if isinstance(flow, RecordFlow):
        replay = compare_orders if flow == DELIVERIES else compare_scores
        return replay(platform, flow, champion, challenger, lines, today)
    assert isinstance(flow, SeriesFlow)
    spec = spec_of(platform, flow, champion.measure)
    data, issues = _replayable(platform, flow, champion.measure, today)
    days = _compared_days(issues, data.actuals, lines)
    if not days:
        return Comparison(
            champion.model_version,
            challenger.model_version,
            promoted=False,
            reason="not enough evidence: no day with a count lies after the cut-offs of both",
        )
    wanted = issues[issues["issue"].dt.normalize().isin(days)]
    own, rival = (
        Replay(vintage.model_version, _replay(platform, flow, line, data, wanted, spec))
        for vintage, line in zip((champion, challenger), lines, strict=True)
    )
    return compare(
        own,
        rival,
        data.actuals,
        season=spec.season,
        seed=spec.seed,
        frequency=series_engine_of(flow).frequency,
    )


def _replayable(
    platform: Platform, flow: SeriesFlow, measure: str, today: date
) -> tuple[Any, pd.DataFrame]:
    """What is known of a measure before `today`, and the issues that may be replayed.

    Of an hourly flow some counters, and an issue every so many hours: each hour of the day has its
    turn, and a comparison takes minutes.
    """
    last = today - timedelta(days=1)
    if not flow.is_hourly:
        data = read_history(platform, flow, measure, last)
        return data, data.issues
    chosen = evenly_chosen(platform.centre_ids_of(flow), COUNTERS)
    first = last - timedelta(days=REPLAYED_DAYS)
    hours = read_for_hours(platform, flow, measure, chosen, first, last)
    moments = pd.date_range(first, pd.Timestamp(today), freq=f"{EVERY_HOURS}h", inclusive="left")
    issues = pd.MultiIndex.from_product(
        [chosen, moments.as_unit("us")], names=["unique_id", "issue"]
    ).to_frame(index=False)
    issues["issued_at"] = issues["issue"].dt.tz_localize("UTC")
    return hours, issues


def _compared_days(
    issues: pd.DataFrame, actuals: pd.DataFrame, lines: Sequence[Sequence[Reign]]
) -> list[pd.Timestamp]:
    """The newest days before the last count on which other vintages speak for the two sides."""
    days = issues["issue"].dt.normalize()
    past = days[days < actuals["ds"].max()]
    chosen = []
    for day in sorted(past.unique(), reverse=True):
        own, rival = (vintage_for(line, pd.Timestamp(day).date()) for line in lines)
        if own and rival and own.model_version != rival.model_version:
            chosen.append(day)
    return chosen[:REPLAYED_DAYS]


def _replay(
    platform: Platform,
    flow: SeriesFlow,
    line: Sequence[Reign],
    data: Any,
    wanted: pd.DataFrame,
    spec: Any,
) -> pd.DataFrame:
    parts, day = [], wanted["issue"].dt.normalize()
    for vintage, days in days_by_vintage(line, day):
        assert vintage is not None
        until = max(vintage.cutoff, trained_until(platform.registry.load(vintage)))
        said = forecast_with(platform, flow, vintage, data, wanted[day.isin(days)], spec)
        # The fallback learns nothing.
        learned = said["model_version"] != FALLBACK_VERSION
        parts.append(said.assign(trained_until=pd.Series(until, said.index).where(learned)))
    return pd.concat(parts, ignore_index=True)


def _serving(platform: Platform, flow: Flow, measure: str, day: date) -> Vintage:
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
