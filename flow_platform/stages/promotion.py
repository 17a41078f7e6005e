"""Promotes a vintage that beats the champion on replayed days, and rolls back. Nothing is trained.

Both sides are replayed as they would have forecast, from what was known then; the verdict itself is
in `models/promotion.py`. A decision counts from a day that is not over yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Generic, Protocol

import pandas as pd

from flow_platform.flows.kinds import Flow
from flow_platform.ground.errors import ConfigurationError, ModelError
from flow_platform.models.engine import Data, Prepared, SeriesEngine, Spec
from flow_platform.models.promotion import Comparison, Replay, compare, trained_until
from flow_platform.models.vintage import FALLBACK_VERSION, Vintage
from flow_platform.platform import Platform
from flow_platform.registry.promotions import (
    Decision,
    ServingPeriod,
    predecessor,
    serving_history,
    vintage_for,
)
from flow_platform.stages.case import Case
from flow_platform.stages.contest import Contest
from flow_platform.stages.forecasting import Series, days_by_vintage, forecast_with

# Issue days that a comparison replays at the most: a season's change, at a few seconds a vintage.
REPLAYED_DAYS = 120


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
    case = Case(platform, flow, challenger.measure)
    with case.training_lock():
        champion = _serving(case, effective_day)
        if champion.model_version == challenger.model_version:
            raise ModelError(
                f"{challenger.model_version} already serves {flow.name} {case.measure} on"
                f" {effective_day}. Choose another: flow models list {flow.name}."
            )
        compared = compare_vintages(case, champion, challenger, today)
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
    case = Case(platform, flow, measure)
    with case.training_lock():
        champion = _serving(case, effective_day)
        before = predecessor(case.serving_history(), effective_day)
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


def compare_vintages(case: Case, champion: Vintage, challenger: Vintage, today: date) -> Comparison:
    """Both sides on the same issue days before `today`, each day after both cut-offs.

    A vintage is no more than a month old when the next one is trained, too young to be judged. So
    each side is its kind: on a day, the kind's newest vintage up to the given one that was cut off
    before that day.
    """
    vintages = case.vintages()

    def history(own: Vintage) -> Sequence[ServingPeriod]:
        kind = (v for v in vintages if v.candidate == own.candidate and v.month <= own.month)
        return serving_history(kind, [])

    contest = Contest(champion, challenger, (history(champion), history(challenger)), today)
    claimed, learned = challenger.cutoff, trained_until(case.load(challenger))
    if learned > claimed:
        return contest.refused(
            f"trained on test rows: its registered cut-off is {claimed:%Y-%m-%d %H:%M} UTC,"
            f" but its artefacts learned until {learned:%Y-%m-%d %H:%M}"
        )
    return case.parts.models.compare(case, contest)


@dataclass(frozen=True)
class Replayable(Generic[Data]):
    """What is known of a measure before a day, and the issues that may be replayed on it."""

    data: Data
    actuals: pd.DataFrame
    issues: pd.DataFrame


class ReplayedSeries(Series[Data, Spec, Prepared], Protocol[Data, Spec, Prepared]):
    """A kind of series whose past can be replayed."""

    def replayable(self, case: Case, today: date) -> Replayable[Data]:
        """What was known before `today` (UTC), and issues to replay."""


def compare_series(
    series: ReplayedSeries[Data, Spec, Prepared], case: Case, contest: Contest
) -> Comparison:
    """The verdict on two serving histories over the same issues."""
    known = series.replayable(case, contest.today)
    issue_days = known.issues["issue"].dt.normalize()
    past = issue_days[issue_days < known.actuals["ds"].max()]
    days = contest.newest_days(past, REPLAYED_DAYS)
    if not days:
        return contest.without_evidence("day with a count")
    wanted = known.issues[issue_days.isin(days)]
    own, rival = (
        Replay(vintage.model_version, _replay(series.engine, case, periods, known.data, wanted))
        for vintage, periods in zip(
            (contest.champion, contest.challenger), contest.histories, strict=True
        )
    )
    return compare(
        own,
        rival,
        known.actuals,
        season=case.spec.season,
        seed=case.spec.seed,
        frequency=series.engine.frequency,
    )


def _replay(
    engine: SeriesEngine[Data, Spec, Prepared],
    case: Case,
    periods: Sequence[ServingPeriod],
    data: Data,
    wanted: pd.DataFrame,
) -> pd.DataFrame:
    """The forecasts of `wanted` by the vintages of a history, and until when each had learned."""
    parts, day = [], wanted["issue"].dt.normalize()
    for vintage, days in days_by_vintage(periods, day):
        assert vintage is not None
        until = max(vintage.cutoff, trained_until(case.load(vintage)))
        made = forecast_with(engine, case, vintage, data, wanted[day.isin(days)])
        # The fallback learns nothing.
        learned = made["model_version"] != FALLBACK_VERSION
        parts.append(made.assign(trained_until=pd.Series(until, made.index).where(learned)))
    return pd.concat(parts, ignore_index=True)


def _serving(case: Case, day: date) -> Vintage:
    champion = vintage_for(case.serving_history(), day)
    if champion is None:
        raise ModelError(
            f"{case.flow.name} {case.measure} has no champion on {day}. Train one first:"
            f" flow train {case.flow.name} --from {day:%Y-%m}."
        )
    return champion


def _check_day(effective_day: date, today: date) -> None:
    if effective_day < today:
        raise ConfigurationError(
            f"{effective_day} is over: its forecasts stay as they are. Give {today} or a later day."
        )
