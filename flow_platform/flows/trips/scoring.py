"""Scores trips: for each day by the vintage that serves it, a block of days at a time.

What a vintage predicts is in the flow's models; here trips are read, the vintage is chosen as of
the trip's own day, and scores are written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, partial

import pandas as pd

from flow_platform.flows.kinds import Flow, RecordFlow
from flow_platform.flows.trips.context import TripsContext
from flow_platform.ground.periods import cutoff_of, months_between
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import ML_ROLE
from flow_platform.models.metrics import coverage, mae, r2, rmse
from flow_platform.models.promotion import Comparison, judge, score, trained_until
from flow_platform.models.vintage import FALLBACK_VERSION
from flow_platform.parts import Refresh
from flow_platform.platform import Platform
from flow_platform.registry.promotions import ServingPeriod, vintage_for
from flow_platform.registry.vintages import Vintage
from flow_platform.scoring.trips.data import (
    WEATHER,
    Floats,
    TripData,
    TripSpec,
    inputs_of,
    joined,
    trips_of,
)
from flow_platform.scoring.trips.fallback import fallback_scores
from flow_platform.scoring.trips.model import TripModel
from flow_platform.stages.case import Case, cases_of
from flow_platform.stages.forecasting import days_by_vintage
from flow_platform.stages.plots import scores_plot
from flow_platform.stages.predictions import PredictionRun
from flow_platform.stages.promotion import days_of_both, refusal
from flow_platform.stages.training import Progress, Trained, ensure_vintages

# Trips that are in memory at once while days are scored, and that a vintage may learn from.
_TRIPS_A_BLOCK = 250_000
MOST_TRIPS = 2_500_000
# Days that a comparison looks at: a season's change.
COMPARED_DAYS = 120
_PREDICTED = ("predicted_minutes", "lower_80", "upper_80")
_COLUMNS = (
    "trip_id",
    "centre_id",
    "day",
    "pickup_at",
    "available_at",
    "pickup_zone",
    "dropoff_zone",
    "local_minute",
    "weekday",
    "minutes",
    "distance_km",
    "is_public_holiday",
    "is_school_holiday",
    *WEATHER,
)


def trip_spec(platform: Platform, measure: str) -> TripSpec:
    """The flow's fixed choices for one of its models."""
    return TripSpec(measure=measure, seed=platform.settings.seed)


def score_trips(
    platform: Platform, flow: Flow, rectangle: Rectangle, refresh: Refresh, progress: Progress
) -> PredictionRun:
    """Score every trip by a vintage trained before its day, and replace the rows.

    All models read the same trips, so a block is read once for all of them. Vintages that the days
    need are trained first. Days before any vintage get the fallback.
    """
    assert isinstance(flow, RecordFlow)
    cases = cases_of(platform, flow)
    trained = _ensure_vintages(cases, rectangle, refresh, progress)
    scorers = _scorers(cases, rectangle)
    store = platform.store(ML_ROLE)
    outcomes: dict[str, list[pd.DataFrame]] = {case.measure: [] for case in cases}
    trips = 0
    for block in _blocks(platform, flow, rectangle):
        frame = _read(platform, flow, block)
        trips += len(frame)
        for measure, scorer in scorers.items():
            rows = frame[["trip_id", "centre_id", "day", "pickup_at"]]
            if len(frame):
                scores = scorer.score(frame)
                rows = rows.join(scores)
                outcomes[measure].append(scores.assign(minutes=frame["minutes"]))
            store.replace(flow.scores, rows, block, equal={"model": measure})
            if len(rectangle) > len(block):
                progress(f"{flow.name} {measure}: scored until {block.last_day}")
    return _run(flow, trips, trained, outcomes)


def _run(
    flow: Flow,
    trips: int,
    trained: dict[str, list[Trained]],
    outcomes: dict[str, list[pd.DataFrame]],
) -> PredictionRun:
    """What the run reports; `outcomes` have `_PREDICTED`, model_version and the minutes."""
    empty = pd.DataFrame(columns=["minutes", *_PREDICTED], dtype="float64").assign(model_version="")
    every = {
        measure: pd.concat(parts, ignore_index=True) if parts else empty
        for measure, parts in outcomes.items()
    }
    rows, due = sum(map(len, every.values())), trips * len(every)
    return PredictionRun(
        rows=rows,
        missing=due - rows,
        counts={"due": due},
        vintages=trained,
        versions={
            measure: {str(k): int(n) for k, n in one["model_version"].value_counts().items()}
            for measure, one in every.items()
        },
        figures={
            f"{measure}_{name}": value
            for measure, one in every.items()
            for name, value in _figures(one).items()
        },
        plot=partial(
            scores_plot,
            {
                measure: one[["minutes", "predicted_minutes"]].set_axis(
                    ["actual", "predicted"], axis="columns"
                )
                for measure, one in every.items()
            },
            flow.title,
            "minutes",
        ),
    )


def _figures(outcomes: pd.DataFrame) -> dict[str, float]:
    """How right scores were, of all trips; NaN where there are none."""
    y, minutes = outcomes["minutes"], outcomes["predicted_minutes"]
    return {
        "rmse": rmse(y, minutes),
        "mae": mae(y, minutes),
        "r2": r2(y, minutes),
        "coverage_80": coverage(y, outcomes["lower_80"], outcomes["upper_80"]),
    }


def _ensure_vintages(
    cases: Sequence[Case], rectangle: Rectangle, refresh: Refresh, progress: Progress
) -> dict[str, list[Trained]]:
    """The vintages that these days need, of each model; what they learn from is read once."""
    months = months_between(rectangle.first_day, rectangle.last_day)
    read = cache(lambda: read_for_months(cases[0], months[0], months[-1]))
    return {
        case.measure: ensure_vintages(case, months, read, refresh=refresh, progress=progress)
        for case in cases
    }


def _scorers(cases: Sequence[Case], rectangle: Rectangle) -> dict[str, TripScorer]:
    """The scorer of each model. The fallback's past is read where it is needed."""
    histories = {case.measure: case.serving_history() for case in cases}
    unserved = [
        day
        for day in (rectangle.first_day + timedelta(days=n) for n in range(rectangle.days))
        if any(vintage_for(periods, day) is None for periods in histories.values())
    ]
    reach = timedelta(days=max(case.spec.training_days for case in cases))
    past = cache(lambda: read_trips(cases[0], unserved[0] - reach, unserved[-1]))
    return {case.measure: TripScorer(case, histories[case.measure], past) for case in cases}


class TripScorer:
    """Scores a rectangle's trips by one model, block after block, forward in time."""

    def __init__(
        self, case: Case, periods: Sequence[ServingPeriod], past: Callable[[], TripData]
    ) -> None:
        self._case, self._periods, self._past = case, periods, past
        # Of the vintages of a block only the last may serve in the next: one is kept in memory.
        self._loaded: tuple[str, TripModel] | None = None

    def score(self, frame: pd.DataFrame) -> pd.DataFrame:
        """`_PREDICTED` and model_version of each trip, by the index of `frame`."""
        parts = []
        for vintage, days in days_by_vintage(self._periods, frame["day"]):
            own = frame[frame["day"].isin(days)]
            scores = (
                self._fallback(own)
                if vintage is None
                else self._model(vintage).score(inputs_of(own))
            )
            parts.append(
                pd.DataFrame(scores, columns=list(_PREDICTED), index=own.index).assign(
                    model_version=vintage.model_version if vintage else FALLBACK_VERSION
                )
            )
        return pd.concat(parts)

    def _model(self, vintage: Vintage) -> TripModel:
        if self._loaded is None or self._loaded[0] != vintage.model_version:
            self._loaded = (vintage.model_version, TripModel.load(self._case.load(vintage)))
        return self._loaded[1]

    def _fallback(self, asked: pd.DataFrame) -> Floats:
        """The usual minutes of the zone pair, as of each day: what serves before any vintage."""
        known, last = self._past(), asked["day"].max().to_datetime64().astype("datetime64[D]")
        until, spec = int(last.astype("int64")), self._case.spec
        chosen = (known.day >= until - spec.training_days) & (known.day <= until)
        trips = trips_of(asked, self._case.platform.kept(TripsContext).zone_frame)
        return fallback_scores(known.take(chosen), trips, spec)


def read_for_months(case: Case, first_month: date, last_month: date) -> TripData:
    """What vintages of these months may see: a year of trips, or as many as memory allows.

    The newest `MOST_TRIPS` before the last month are enough, and those before the first one.
    """
    last = cutoff_of(last_month).date()
    per_day = case.platform.store(ML_ROLE).read(
        f"select day, count(*) as trips from {case.flow.merged}"
        " where day >= %(first)s and day < %(last)s group by day order by day desc",
        {
            "first": cutoff_of(first_month).date() - timedelta(days=case.spec.training_days),
            "last": last,
        },
    )
    kept = per_day[per_day["trips"].cumsum() <= MOST_TRIPS]
    first = kept["day"].min().date() if len(kept) else last
    return read_trips(case, first, last - timedelta(days=1))


def read_trips(case: Case, first_day: date, last_day: date) -> TripData:
    """The trips that began on these UTC days, of every borough, a part of the days at a time."""
    platform, flow = case.platform, case.flow
    zones = platform.kept(TripsContext).zone_frame
    whole = Rectangle(platform.centre_ids_of(flow), first_day, last_day)
    # No day at all is no trip.
    blocks = list(_blocks(platform, flow, whole)) or [whole]
    return joined([trips_of(_read(platform, flow, block), zones) for block in blocks])


def _blocks(platform: Platform, flow: Flow, rectangle: Rectangle) -> Iterator[Rectangle]:
    """The rectangle in blocks of whole days that hold a bounded number of trips."""
    if rectangle.last_day < rectangle.first_day:
        return
    counts = platform.store(ML_ROLE).read(
        f"select day, count(*) as trips from {flow.merged}"
        " where centre_id = any(%(centres)s) and day between %(first)s and %(last)s group by day",
        rectangle.window,
    )
    trips = dict(zip(counts["day"].dt.date, counts["trips"], strict=True))
    first, held = rectangle.first_day, 0
    for offset in range(rectangle.days):
        day = rectangle.first_day + timedelta(days=offset)
        if held and held + trips.get(day, 0) > _TRIPS_A_BLOCK:
            yield Rectangle(rectangle.centres, first, day - timedelta(days=1))
            first, held = day, 0
        held += trips.get(day, 0)
    yield Rectangle(rectangle.centres, first, rectangle.last_day)


def _read(platform: Platform, flow: Flow, rectangle: Rectangle) -> pd.DataFrame:
    return platform.store(ML_ROLE).read(
        f"select {', '.join(_COLUMNS)} from {flow.merged}"
        " where centre_id = any(%(centres)s) and day between %(first)s and %(last)s"
        " order by pickup_at, trip_id",
        rectangle.window,
    )


@dataclass(frozen=True)
class _Loaded:
    """A vintage in memory, and until when (UTC) it learned."""

    model: TripModel
    until: pd.Timestamp


def compare_trips(
    case: Case,
    champion: Vintage,
    challenger: Vintage,
    histories: Sequence[Sequence[ServingPeriod]],
    today: date,
) -> Comparison:
    """The verdict on two serving histories over the same trips, each after both cut-offs.

    Days before `today` (UTC) are compared, at most `COMPARED_DAYS` of them, newest first; on a day
    each history scores by its newest vintage. Errors are scaled by that of the zone pair's usual
    minutes, and added up by day; the rest is `judge`.
    """
    platform, flow = case.platform, case.flow
    first = today - timedelta(days=case.spec.training_days)
    days = platform.store(ML_ROLE).read(
        f"select distinct day from {flow.merged} where day between %(first)s and %(last)s",
        {"first": first, "last": today - timedelta(days=1)},
    )["day"]
    chosen = sorted(days_of_both(days, histories)[:COMPARED_DAYS])
    if not chosen:
        return refusal(
            champion,
            challenger,
            "not enough evidence: no day with trips is after the cut-offs of both",
        )
    rows: list[list[pd.DataFrame]] = [[], []]
    loaded: dict[str, _Loaded] = {}
    whole = Rectangle(platform.centre_ids_of(flow), chosen[0].date(), chosen[-1].date())
    for block in _blocks(platform, flow, whole):
        frame = _read(platform, flow, block)
        frame = frame[frame["day"].isin(chosen)]
        for side, periods in zip(rows, histories, strict=True):
            for vintage, own_days in days_by_vintage(periods, frame["day"]):
                assert vintage is not None
                own = frame[frame["day"].isin(own_days)]
                if vintage.model_version not in loaded:
                    artefacts = case.load(vintage)
                    loaded[vintage.model_version] = _Loaded(
                        TripModel.load(artefacts), trained_until(artefacts)
                    )
                one = loaded[vintage.model_version]
                if one.until > own["pickup_at"].min():
                    return refusal(
                        champion,
                        challenger,
                        f"trained on test rows: {vintage.model_version} learned until"
                        f" {one.until:%Y-%m-%d %H:%M} UTC, after trips it is compared on",
                    )
                side.append(_replayed(one.model, own))
    own_rows, rival_rows = (pd.concat(side, ignore_index=True) for side in rows)
    scale = float((own_rows["y"] - own_rows["usual"]).abs().mean())
    return judge(
        champion.model_version,
        challenger.model_version,
        score(own_rows.assign(scale=scale)),
        score(rival_rows.assign(scale=scale)),
        seed=case.spec.seed,
    )


def _replayed(model: TripModel, trips: pd.DataFrame) -> pd.DataFrame:
    scores = model.score(inputs_of(trips))
    return pd.DataFrame(
        {
            "issue": trips["day"].to_numpy(),
            "ds": trips["day"].to_numpy(),
            "y": trips["minutes"].to_numpy(),
            "prediction": scores[:, 0],
            "lower_80": scores[:, 1],
            "upper_80": scores[:, 2],
            "usual": model.usual_minutes(inputs_of(trips)),
        }
    )
