"""Scores orders: when approved and at every tracking event, by the vintages that served the moment.

What a vintage says is in `scoring/deliveries/`; here orders are read, vintages are chosen as of
each moment, and scores are written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Literal

import numpy as np
import pandas as pd

from flow_platform.flows import RecordFlow
from flow_platform.ground.periods import cutoff_of, months_between
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import ML_ROLE
from flow_platform.models.metrics import coverage, mae
from flow_platform.models.promotion import Comparison, judge, score, trained_until
from flow_platform.models.vintage import FALLBACK_VERSION
from flow_platform.platform import Platform
from flow_platform.registry.promotions import Reign, vintage_for
from flow_platform.registry.vintages import Vintage
from flow_platform.scoring.deliveries.data import (
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
from flow_platform.scoring.deliveries.fallback import fallback_scores
from flow_platform.scoring.deliveries.features import Asked, asked_of, features
from flow_platform.scoring.deliveries.judging import judged_rows
from flow_platform.scoring.deliveries.model import DeliveryModel
from flow_platform.scoring.deliveries.outcomes import Outcomes
from flow_platform.stages.forecasting import days_by_vintage
from flow_platform.stages.history import spec_of
from flow_platform.stages.score_run import ScoreRun
from flow_platform.stages.training import Progress, ensure_vintages, logger

# The stages at which an order is scored: what speaks of its days, and of its risk.
STAGES = {
    "approved": ("delay", "late_risk"),
    "in_transit": ("delay_in_transit", "late_risk_in_transit"),
}
# Days that a comparison looks at: a season's change.
COMPARED_DAYS = 120


def score_deliveries(
    platform: Platform,
    flow: RecordFlow,
    rectangle: Rectangle,
    *,
    refresh: Literal["missing", "stale"] = "missing",
    progress: Progress = logger.info,
) -> ScoreRun:
    """Score every approved order of `rectangle` at each of its moments, and replace the partitions.

    A moment is scored with what was known then, by vintages trained before its day; those that are
    missing are trained first. Days before any vintage get the fallback.
    """
    until = _known_until(platform, flow, rectangle)
    months = months_between(rectangle.first_day, max(until, rectangle.last_day))

    @cache
    def history() -> DeliveryData:
        return read_for_months(platform, flow, months[0], months[-1])

    specs = {measure: spec_of(platform, flow, measure) for measure in flow.measures}
    trained = {
        measure: ensure_vintages(
            platform,
            flow,
            measure,
            months,
            history,
            specs[measure],
            refresh=refresh,
            progress=progress,
        )
        for measure in flow.measures
    }
    orders = read_orders(platform, flow, rectangle.first_day - timedelta(days=LOOKBACK_DAYS), until)
    data = orders.data
    within = orders.lie_in(rectangle)
    speak = _Speakers(platform, flow, specs)
    parts: list[pd.DataFrame] = []
    figures: dict[str, float] = {}
    shown: dict[str, pd.DataFrame] = {}
    for stage, (delay, risk) in STAGES.items():
        asked = asked_of(data, specs[delay])
        asked = asked.take(within[asked.order])
        frame = features(data, asked, specs[delay])
        said = speak.of(delay, data, asked, frame)
        risks = speak.of(risk, data, asked, frame)
        rows = pd.DataFrame(
            {
                "order_id": data.order_id[asked.order],
                "centre_id": orders.centre_id[asked.order],
                "day": orders.day[asked.order],
                "stage": stage,
                "scored_at": pd.DatetimeIndex(asked.moment).tz_localize("UTC"),
                "predicted_days": said.scores[:, 0],
                "lower_80": said.scores[:, 1],
                "upper_80": said.scores[:, 2],
                "late_probability": risks.scores[:, 0],
                "threshold": risks.thresholds,
                "reasons": risks.reasons,
                "model_version": said.versions,
                "late_version": risks.versions,
            }
        )
        parts.append(rows)
        came = Outcomes.of(data, asked)
        figures |= {f"{stage}_{name}": value for name, value in _figures(rows, came).items()}
        arrived = ~np.isnan(came.days)
        shown[stage] = pd.DataFrame(
            {"actual": came.days[arrived], "predicted": said.scores[arrived, 0]}
        )
    made = pd.concat(parts, ignore_index=True)
    platform.store(ML_ROLE).replace(flow.scores, made, rectangle)
    on_the_way = int((made["stage"] == "in_transit").sum())
    return ScoreRun(
        due=_approved(platform, flow, rectangle) + on_the_way,
        rows=len(made),
        vintages=trained,
        versions=speak.counts,
        figures=figures,
        shown=shown,
    )


@dataclass(frozen=True)
class Orders:
    """Orders as models see them, and the partition in which each lies."""

    data: DeliveryData
    centre_id: np.ndarray
    day: np.ndarray

    def lie_in(self, rectangle: Rectangle) -> np.ndarray:
        """Which of them lie in a rectangle."""
        days = pd.to_datetime(pd.Series(self.day))
        inside = days.between(pd.Timestamp(rectangle.first_day), pd.Timestamp(rectangle.last_day))
        return np.isin(self.centre_id, rectangle.centres) & inside.to_numpy()


def read_orders(platform: Platform, flow: RecordFlow, first_day: date, last_day: date) -> Orders:
    """The approved orders that were placed on these UTC days, of every region, and their way."""
    window = {"first": first_day, "last": last_day}
    store = platform.store(ML_ROLE)
    orders = store.read(
        f"select order_id, centre_id, day, {', '.join((*KEYS, *NUMBERS, *MOMENTS))}"
        f" from {flow.merged} where day between %(first)s and %(last)s"
        " and approved_known_at is not null order by approved_known_at, order_id",
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


def read_for_months(
    platform: Platform, flow: RecordFlow, first_month: date, last_month: date
) -> DeliveryData:
    """What vintages of these months may see: orders to learn from, and what these look back on."""
    spec = spec_of(platform, flow, flow.measures[0])
    first = cutoff_of(first_month).date() - timedelta(days=spec.training_days + LOOKBACK_DAYS)
    last = cutoff_of(last_month).date() - timedelta(days=1)
    return read_orders(platform, flow, first, last).data


@dataclass(frozen=True)
class _Said:
    """What one measure says of asked rows: scores, and by which version."""

    scores: Floats
    versions: np.ndarray
    thresholds: Floats
    reasons: np.ndarray


class _Speakers:
    """The vintages of each measure that serve, loaded once each; counts what each version said."""

    def __init__(
        self, platform: Platform, flow: RecordFlow, specs: dict[str, DeliverySpec]
    ) -> None:
        self._specs = specs
        self._lines = {name: platform.registry.line(flow.name, name) for name in specs}
        self._model: Callable[[Vintage], DeliveryModel] = _loading(platform)
        self.counts: dict[str, dict[str, int]] = {name: {} for name in specs}

    def of(self, measure: str, data: DeliveryData, asked: Asked, frame: Floats) -> _Said:
        spec = self._specs[measure]
        said = _Said(
            np.full((len(asked), 1 if spec.is_late_risk else 3), np.nan),
            np.full(len(asked), "", dtype=object),
            np.full(len(asked), spec.threshold),
            np.full(len(asked), "[]", dtype=object),
        )
        days = _days(asked)
        for vintage, own_days in days_by_vintage(self._lines[measure], days):
            own = np.flatnonzero(days.isin(own_days))
            if vintage is None:
                said.scores[own] = fallback_scores(data, asked.take(own), spec)
                said.versions[own] = version = FALLBACK_VERSION
            else:
                model = self._model(vintage)
                said.scores[own] = model.score(frame[own])
                said.versions[own] = version = vintage.model_version
                said.thresholds[own] = model.threshold
                said.reasons[own] = [json.dumps(one) for one in model.reasons(frame[own])]
            counts = self.counts[measure]
            counts[version] = counts.get(version, 0) + len(own)
        return said


def _loading(platform: Platform) -> Callable[[Vintage], DeliveryModel]:
    """Loads a vintage when it is first asked for."""
    loaded: dict[str, DeliveryModel] = {}

    def load(vintage: Vintage) -> DeliveryModel:
        key = f"{vintage.measure} {vintage.model_version}"
        if key not in loaded:
            loaded[key] = _checked(platform.registry.load(vintage))
        return loaded[key]

    return load


def _checked(artefacts: Mapping[str, bytes]) -> DeliveryModel:
    """The model of a vintage; raises ModelError unless it says what it said when it was trained."""
    model = DeliveryModel.load(artefacts)
    model.check_golden()
    return model


def _days(asked: Asked) -> pd.Series:
    """The UTC day of each moment."""
    return pd.Series(pd.DatetimeIndex(asked.moment).normalize())


def _known_until(platform: Platform, flow: RecordFlow, rectangle: Rectangle) -> date:
    """The day of the newest event of a rectangle's orders; before it all their moments lie."""
    newest = platform.store(ML_ROLE).read(
        f"select coalesce(max(known_at)::date, %(last)s) as day from {flow.merged}"
        " where centre_id = any(%(centres)s) and day between %(first)s and %(last)s",
        rectangle.window,
    )
    return max(newest["day"].iloc[0].date(), rectangle.last_day)


def _approved(platform: Platform, flow: RecordFlow, rectangle: Rectangle) -> int:
    """How many orders of a rectangle are due a score for having been approved."""
    counted = platform.store(ML_ROLE).read(
        f"select count(*) as orders from {flow.merged}"
        " where centre_id = any(%(centres)s) and day between %(first)s and %(last)s"
        " and approved_known_at < coalesce("
        "least(delivered_known_at, cancelled_known_at), 'infinity')",
        rectangle.window,
    )
    return int(counted["orders"].iloc[0])


def _figures(rows: pd.DataFrame, came: Outcomes) -> dict[str, float]:
    """How right the scores of one stage were, of the orders that have arrived."""
    arrived = ~np.isnan(came.days)
    own, days = rows[arrived], pd.Series(came.days[arrived])
    if own.empty:
        return {}
    late = came.delivered_late[arrived].astype(float)
    said = {name: own[name].reset_index(drop=True) for name in ("lower_80", "upper_80")}
    return {
        "mae_days": mae(days, own["predicted_days"].reset_index(drop=True)),
        "coverage_80": coverage(days, said["lower_80"], said["upper_80"]),
        "brier": float(((own["late_probability"].to_numpy() - late) ** 2).mean()),
        "late_share": float(late.mean()),
    }


def compare_orders(
    platform: Platform,
    flow: RecordFlow,
    champion: Vintage,
    challenger: Vintage,
    lines: Sequence[Sequence[Reign]],
    today: date,
) -> Comparison:
    """The verdict on two lines of vintages over the same moments, each after both cut-offs.

    Moments before `today` (UTC) of orders whose outcome is known are compared, on at most
    `COMPARED_DAYS`, newest first; on a day each line speaks by its newest vintage. Errors are those
    of `judged_rows`, added up by day; the rest is `judge`.
    """
    spec: DeliverySpec = spec_of(platform, flow, champion.measure)

    def refused(reason: str) -> Comparison:
        return Comparison(
            champion.model_version, challenger.model_version, promoted=False, reason=reason
        )

    first = today - timedelta(days=spec.training_days // 2)
    history = first - timedelta(days=LOOKBACK_DAYS)
    data = read_orders(platform, flow, history, today).data.before(pd.Timestamp(today, tz="UTC"))
    asked = asked_of(data, spec)
    asked = asked.take(asked.moment >= np.datetime64(first, "us"))
    outcomes = Outcomes.of(data, asked)
    at = np.datetime64(today, "us")
    if spec.is_late_risk:
        known, late = outcomes.lateness(at)
    else:
        known, late = outcomes.delays(at, outcomes.settle_days(at)), None
    days = _days(asked)
    chosen = []
    for day in sorted(days[known].unique(), reverse=True):
        own, rival = (vintage_for(line, pd.Timestamp(day).date()) for line in lines)
        if own and rival and own.model_version != rival.model_version:
            chosen.append(day)
    spoken = np.flatnonzero(known & days.isin(chosen[:COMPARED_DAYS]).to_numpy())
    if not len(spoken):
        return refused("not enough evidence: no order lies after the cut-offs of both")
    compared = asked.take(spoken)
    frame = features(data, compared, spec)
    moments = _days(compared)
    came = Outcomes.of(data, compared)
    sides = []
    for line in lines:
        served = np.zeros((len(compared), 1 if spec.is_late_risk else 3))
        for vintage, own_days in days_by_vintage(line, moments):
            assert vintage is not None
            rows = np.flatnonzero(moments.isin(own_days))
            artefacts = platform.registry.load(vintage)
            until = trained_until(artefacts)
            if until > pd.Timestamp(compared.moment[rows].min(), tz="UTC"):
                return refused(
                    f"trained on test rows: {vintage.model_version} learned until"
                    f" {until:%Y-%m-%d %H:%M} UTC, after orders it is compared on"
                )
            served[rows] = _checked(artefacts).score(frame[rows])
        sides.append(
            judged_rows(
                spec,
                frame,
                compared,
                came,
                served,
                np.arange(len(compared)),
                None if late is None else late[spoken].astype(np.float64),
            )
        )
    return judge(
        champion.model_version,
        challenger.model_version,
        score(sides[0]),
        score(sides[1]),
        seed=spec.seed,
    )
