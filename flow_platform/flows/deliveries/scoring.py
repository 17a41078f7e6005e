"""Scores orders when approved and at every tracking event, by the vintages that serve the moment.

What a vintage predicts is in the flow's models; here orders are read, vintages are chosen as of
each moment, and scores are written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, partial

import numpy as np
import pandas as pd

from flow_platform.flows.deliveries.context import DeliveriesContext
from flow_platform.flows.deliveries.models.data import (
    KEYS,
    LOOKBACK_DAYS,
    MOMENTS,
    NUMBERS,
    TRACKED,
    DeliveryData,
    DeliverySpec,
    Floats,
    deliveries_of,
)
from flow_platform.flows.deliveries.models.fallback import fallback_scores
from flow_platform.flows.deliveries.models.features import Asked, asked_of, features
from flow_platform.flows.deliveries.models.judging import judged_rows
from flow_platform.flows.deliveries.models.model import DeliveryModel
from flow_platform.flows.deliveries.models.outcomes import Outcomes
from flow_platform.flows.kinds import Flow, RecordFlow
from flow_platform.ground.periods import cutoff_of, months_between
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import ML_ROLE
from flow_platform.models.metrics import coverage, mae
from flow_platform.models.promotion import Comparison, score, trained_until
from flow_platform.models.vintage import FALLBACK_VERSION, Vintage
from flow_platform.parts import Refresh
from flow_platform.platform import Platform
from flow_platform.stages.case import Case, cases_of
from flow_platform.stages.contest import Contest
from flow_platform.stages.forecasting import days_by_vintage
from flow_platform.stages.plots import scores_plot
from flow_platform.stages.predictions import PredictionRun
from flow_platform.stages.training import Progress, Trained, ensure_vintages

# The moments at which an order is scored, and the models of its days and of its risk.
MOMENTS_SCORED = {
    "approved": ("delay", "late_risk"),
    "in_transit": ("delay_in_transit", "late_risk_in_transit"),
}
# Days that a comparison looks at: a season's change.
COMPARED_DAYS = 120


def delivery_spec(platform: Platform, measure: str) -> DeliverySpec:
    """The flow's fixed choices for one of its models."""
    market = platform.kept(DeliveriesContext)
    return DeliverySpec(
        measure=measure,
        seed=platform.settings.seed,
        timezone=market.timezone,
        cost_late=market.source.cost_late,
        cost_call=market.source.cost_call,
    )


def score_deliveries(
    platform: Platform, flow: Flow, rectangle: Rectangle, refresh: Refresh, progress: Progress
) -> PredictionRun:
    """Score every approved order at each of its moments, and replace the rows.

    A moment is scored with what was known then, by vintages trained before its day; those that are
    missing are trained first. Days before any vintage get the fallback.
    """
    assert isinstance(flow, RecordFlow)
    cases = {case.measure: case for case in cases_of(platform, flow)}
    until = _known_until(platform, flow, rectangle)
    trained = _ensure_vintages(list(cases.values()), rectangle, until, refresh, progress)
    first = rectangle.first_day - timedelta(days=LOOKBACK_DAYS)
    orders = read_orders(platform, flow, first, until)
    within = orders.are_in(rectangle)
    scorer = OrderScorer(cases)
    parts: list[pd.DataFrame] = []
    figures: dict[str, float] = {}
    shown: dict[str, pd.DataFrame] = {}
    for moment, (delay, risk) in MOMENTS_SCORED.items():
        asked = asked_of(orders.data, cases[delay].spec)
        asked = asked.take(within[asked.order])
        frame = features(orders.data, asked, cases[delay].spec)
        delays = scorer.score(delay, orders.data, asked, frame)
        risks = scorer.score(risk, orders.data, asked, frame)
        parts.append(_rows(moment, orders, asked, delays, risks))
        actual = Outcomes.of(orders.data, asked)
        measured = _figures(parts[-1], actual)
        figures |= {f"{moment}_{name}": value for name, value in measured.items()}
        arrived = ~np.isnan(actual.days)
        shown[moment] = pd.DataFrame(
            {"actual": actual.days[arrived], "predicted": delays.values[arrived, 0]}
        )
    made = pd.concat(parts, ignore_index=True)
    platform.store(ML_ROLE).replace(flow.scores, made, rectangle)
    on_the_way = int((made["stage"] == "in_transit").sum())
    due = _approved(platform, flow, rectangle) + on_the_way
    return PredictionRun(
        rows=len(made),
        missing=due - len(made),
        counts={"due": due},
        vintages=trained,
        versions=scorer.counts,
        figures=figures,
        plot=partial(scores_plot, shown, flow.title, "days"),
    )


def _ensure_vintages(
    cases: Sequence[Case],
    rectangle: Rectangle,
    until: date,
    refresh: Refresh,
    progress: Progress,
) -> dict[str, list[Trained]]:
    """The vintages that these days need, of each model; what they learn from is read once."""
    months = months_between(rectangle.first_day, max(until, rectangle.last_day))
    read = cache(lambda: read_for_months(cases[0], months[0], months[-1]))
    return {
        case.measure: ensure_vintages(case, months, read, refresh=refresh, progress=progress)
        for case in cases
    }


def _rows(moment: str, orders: Orders, asked: Asked, delays: Scores, risks: Scores) -> pd.DataFrame:
    """Rows of `ml.deliveries_scores` for the orders that are scored at one kind of moment."""
    return pd.DataFrame(
        {
            "order_id": orders.data.order_id[asked.order],
            "centre_id": orders.centre_id[asked.order],
            "day": orders.day[asked.order],
            "stage": moment,
            "scored_at": pd.DatetimeIndex(asked.moment).tz_localize("UTC"),
            "predicted_days": delays.values[:, 0],
            "lower_80": delays.values[:, 1],
            "upper_80": delays.values[:, 2],
            "late_probability": risks.values[:, 0],
            "threshold": risks.thresholds,
            "reasons": risks.reasons,
            "model_version": delays.versions,
            "late_version": risks.versions,
        }
    )


@dataclass(frozen=True)
class Orders:
    """Orders as models see them, and the partition of each."""

    data: DeliveryData
    centre_id: np.ndarray
    day: np.ndarray

    def are_in(self, rectangle: Rectangle) -> np.ndarray:
        """Which of them (bool) a rectangle has."""
        days = pd.to_datetime(pd.Series(self.day))
        inside = days.between(pd.Timestamp(rectangle.first_day), pd.Timestamp(rectangle.last_day))
        return np.isin(self.centre_id, rectangle.centres) & inside.to_numpy()


def read_orders(
    platform: Platform, flow: Flow, first_day: date, last_day: date, wanted: str = "true"
) -> Orders:
    """The approved orders that were placed on these UTC days, of every region, and their way.

    Those that the condition `wanted` holds for.
    """
    window = {"first": first_day, "last": last_day}
    store = platform.store(ML_ROLE)
    orders = store.read(
        f"select order_id, centre_id, day, {', '.join((*KEYS, *NUMBERS, *MOMENTS))}"
        f" from {flow.merged} where day between %(first)s and %(last)s"
        f" and approved_known_at is not null and {wanted} order by approved_known_at, order_id",
        window,
    )
    tracking = store.read(
        "select order_id, type, occurred_at, available_at from staging.tracking"
        " where day between %(first)s and %(last)s and type = any(%(types)s)",
        window | {"types": list(TRACKED)},
    )
    holidays = store.read(
        "select day from staging.calendar where flow = %(flow)s group by day"
        " having bool_and(is_public_holiday) order by day",
        {"flow": flow.name},
    )
    data = deliveries_of(orders, tracking, list(holidays["day"]))
    placed = orders.set_index("order_id").loc[list(data.order_id)]
    return Orders(data, placed["centre_id"].to_numpy(), placed["day"].to_numpy())


def read_for_months(case: Case, first_month: date, last_month: date) -> DeliveryData:
    """What vintages of these months may see: orders to learn from, and what these look back on."""
    days = case.spec.training_days + LOOKBACK_DAYS
    first = cutoff_of(first_month).date() - timedelta(days=days)
    last = cutoff_of(last_month).date() - timedelta(days=1)
    return read_orders(case.platform, case.flow, first, last, case.is_counted).data


@dataclass(frozen=True)
class Scores:
    """What one model predicts for some orders, and by which version."""

    values: Floats
    versions: np.ndarray
    thresholds: Floats
    reasons: np.ndarray


class OrderScorer:
    """Scores orders by the vintages that serve, each loaded once; counts scores by version."""

    def __init__(self, cases: Mapping[str, Case]) -> None:
        self._cases = cases
        self._histories = {measure: case.serving_history() for measure, case in cases.items()}
        self._models: dict[tuple[str, str], DeliveryModel] = {}
        self.counts: dict[str, dict[str, int]] = {measure: {} for measure in cases}

    def score(self, measure: str, data: DeliveryData, asked: Asked, frame: Floats) -> Scores:
        """What the model of a measure predicts at the moments of `asked`, from their features."""
        spec: DeliverySpec = self._cases[measure].spec
        scores = Scores(
            np.full((len(asked), 1 if spec.is_late_risk else 3), np.nan),
            np.full(len(asked), "", dtype=object),
            np.full(len(asked), spec.threshold),
            np.full(len(asked), "[]", dtype=object),
        )
        days = _days(asked)
        for vintage, own_days in days_by_vintage(self._histories[measure], days):
            own = np.flatnonzero(days.isin(own_days))
            if vintage is None:
                scores.values[own] = fallback_scores(data, asked.take(own), spec)
                scores.versions[own] = version = FALLBACK_VERSION
            else:
                model = self._model(measure, vintage)
                scores.values[own] = model.score(frame[own])
                scores.versions[own] = version = vintage.model_version
                scores.thresholds[own] = model.threshold
                scores.reasons[own] = [json.dumps(one) for one in model.reasons(frame[own])]
            counts = self.counts[measure]
            counts[version] = counts.get(version, 0) + len(own)
        return scores

    def _model(self, measure: str, vintage: Vintage) -> DeliveryModel:
        key = (measure, vintage.model_version)
        if key not in self._models:
            self._models[key] = _checked(self._cases[measure].load(vintage))
        return self._models[key]


def _checked(artefacts: Mapping[str, bytes]) -> DeliveryModel:
    """The model of a vintage; raises ModelError unless it predicts what it did when trained."""
    model = DeliveryModel.load(artefacts)
    model.check_golden()
    return model


def _days(asked: Asked) -> pd.Series:
    """The UTC day of each moment."""
    return pd.Series(pd.DatetimeIndex(asked.moment).normalize())


def _known_until(platform: Platform, flow: Flow, rectangle: Rectangle) -> date:
    """The day of the newest event of a rectangle's orders: no moment of theirs is later."""
    newest = platform.store(ML_ROLE).read(
        f"select coalesce(max(known_at)::date, %(last)s) as day from {flow.merged}"
        " where centre_id = any(%(centres)s) and day between %(first)s and %(last)s",
        rectangle.window,
    )
    return max(newest["day"].iloc[0].date(), rectangle.last_day)


def _approved(platform: Platform, flow: Flow, rectangle: Rectangle) -> int:
    """How many orders of a rectangle are due a score for having been approved."""
    counted = platform.store(ML_ROLE).read(
        f"select count(*) as orders from {flow.merged}"
        " where centre_id = any(%(centres)s) and day between %(first)s and %(last)s"
        " and approved_known_at < coalesce("
        "least(delivered_known_at, cancelled_known_at), 'infinity')",
        rectangle.window,
    )
    return int(counted["orders"].iloc[0])


def _figures(rows: pd.DataFrame, actual: Outcomes) -> dict[str, float]:
    """How right the scores of one kind of moment were, of the orders that have arrived."""
    arrived = ~np.isnan(actual.days)
    own, days = rows[arrived], pd.Series(actual.days[arrived])
    if own.empty:
        return {}
    late = actual.delivered_late[arrived].astype(float)
    bounds = {name: own[name].reset_index(drop=True) for name in ("lower_80", "upper_80")}
    return {
        "mae_days": mae(days, own["predicted_days"].reset_index(drop=True)),
        "coverage_80": coverage(days, bounds["lower_80"], bounds["upper_80"]),
        "brier": float(((own["late_probability"].to_numpy() - late) ** 2).mean()),
        "late_share": float(late.mean()),
    }


def compare_orders(case: Case, contest: Contest) -> Comparison:
    """The verdict on two serving histories over the same moments, each after both cut-offs.

    Moments of orders whose outcome is known are compared, on at most `COMPARED_DAYS`, newest first.
    Errors are those of `judged_rows`, added up by day; the rest is `judge`.
    """
    platform, flow, spec, today = case.platform, case.flow, case.spec, contest.today
    first = today - timedelta(days=spec.training_days // 2)
    history = first - timedelta(days=LOOKBACK_DAYS)
    orders = read_orders(platform, flow, history, today, case.is_counted)
    data = orders.data.before(pd.Timestamp(today, tz="UTC"))
    asked = asked_of(data, spec)
    asked = asked.take(asked.moment >= np.datetime64(first, "us"))
    outcomes = Outcomes.of(data, asked)
    at = np.datetime64(today, "us")
    if spec.is_late_risk:
        known, late = outcomes.lateness(at)
    else:
        known, late = outcomes.delays(at, outcomes.settle_days(at)), None
    days = _days(asked)
    chosen = contest.newest_days(days[known], COMPARED_DAYS)
    places = np.flatnonzero(known & days.isin(chosen).to_numpy())
    if not len(places):
        return contest.without_evidence("order")
    compared = asked.take(places)
    frame = features(data, compared, spec)
    moments = _days(compared)
    actual = Outcomes.of(data, compared)
    sides = []
    for periods in contest.histories:
        served = np.zeros((len(compared), 1 if spec.is_late_risk else 3))
        for vintage, own_days in days_by_vintage(periods, moments):
            assert vintage is not None
            rows = np.flatnonzero(moments.isin(own_days))
            artefacts = case.load(vintage)
            until = trained_until(artefacts)
            if until > pd.Timestamp(compared.moment[rows].min(), tz="UTC"):
                return contest.trained_on_test(vintage, until, "orders")
            served[rows] = _checked(artefacts).score(frame[rows])
        sides.append(
            judged_rows(
                spec,
                frame,
                compared,
                actual,
                served,
                np.arange(len(compared)),
                None if late is None else late[places].astype(np.float64),
            )
        )
    return contest.judged(score(sides[0]), score(sides[1]), spec.seed)
