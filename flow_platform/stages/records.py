"""Scores records that have one outcome, such as trips and their minutes: a block of days at a time.

What a vintage predicts is in the flow's engine; here records are read, the vintage is chosen as of
the record's own day, scores are written, and two serving histories are compared. A flow binds its
columns and its engine in a `RecordScoring`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, partial
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flow_platform.flows.kinds import Flow, RecordFlow
from flow_platform.forecasting.records.data import RecordData, joined, records_of
from flow_platform.forecasting.records.data import RecordSpec as PlainSpec
from flow_platform.forecasting.records.engine import ENGINE
from flow_platform.forecasting.records.model import RecordModel as PlainModel
from flow_platform.forecasting.records.model import fallback_scores
from flow_platform.ground.periods import cutoff_of, months_between
from flow_platform.ground.record_columns import RecordColumns
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import ML_ROLE
from flow_platform.models.engine import Engine
from flow_platform.models.metrics import coverage, mae, r2, rmse
from flow_platform.models.promotion import Comparison, score, trained_until
from flow_platform.models.records import Floats
from flow_platform.models.vintage import FALLBACK_VERSION, Vintage
from flow_platform.parts import DriftFeatures, ModelParts, Predictions, Refresh
from flow_platform.platform import Platform
from flow_platform.registry.promotions import ServingPeriod, vintage_for
from flow_platform.stages.case import Case, cases_of
from flow_platform.stages.contest import Contest
from flow_platform.stages.forecasting import days_by_vintage
from flow_platform.stages.plots import scores_plot
from flow_platform.stages.predictions import PredictionRun
from flow_platform.stages.training import Progress, Trained, ensure_vintages

# Records that are in memory at once while days are scored, and that a vintage may learn from.
_RECORDS_A_BLOCK = 250_000
MOST_RECORDS = 2_500_000
# Days that a comparison looks at: a season's change.
COMPARED_DAYS = 120


class Records(Protocol):
    """Records in memory, in the order in which they began."""

    @property
    def day(self) -> NDArray[np.int64]:
        """UTC day on which each began, in days since 1970."""

    def take(self, chosen: NDArray[np.bool_]) -> Self:
        """The chosen records, in their order."""

    def __len__(self) -> int: ...


class RecordSpec(Protocol):
    """The fixed choices of a model, as far as stages need them."""

    @property
    def seed(self) -> int: ...

    @property
    def training_days(self) -> int:
        """How many days before a cut-off a vintage learns from."""


class RecordModel(Protocol):
    """A vintage in memory. `frame` has the columns of the flow's `RecordScoring`."""

    def score(self, frame: pd.DataFrame) -> Floats:
        """Shape (n, 3): the prediction, and the lower and upper side of the 80 % band."""

    def usual(self, frame: pd.DataFrame) -> Floats:
        """Shape (n,): the plain value that errors are compared with."""


Data = TypeVar("Data", bound=Records)
Spec = TypeVar("Spec", bound=RecordSpec)


@dataclass(frozen=True, kw_only=True)
class RecordScoring(Generic[Data, Spec]):
    """How a flow's records are read, and how what its models predict is stored.

    columns    of the merged table that are read: those named here, and what models take
    key        the column that identifies a record
    began_at   the column of the moment (UTC) at which a record begins and is scored
    outcome    the column of what is predicted; null while it is not known
    predicted  the column of the prediction in the table of scores
    unit       of outcome and prediction, such as "minutes"
    engine     what trains the models
    spec       the flow's fixed choices for a measure, as the engine takes them
    data_of    a frame of `columns` as the engine takes it
    joined     several blocks of it, each later than those before, as one
    load       a vintage from its artefacts; raises ModelError where they are not whole
    fallback   of (known, asked, spec): scores without any vintage, shaped as a model's
    """

    columns: tuple[str, ...]
    key: str
    began_at: str
    outcome: str
    predicted: str
    unit: str
    engine: Engine[Data, Spec, Any]
    spec: Callable[[Platform, str], Spec]
    data_of: Callable[[Platform, pd.DataFrame], Data]
    joined: Callable[[Sequence[Data]], Data]
    load: Callable[[Mapping[str, bytes]], RecordModel]
    fallback: Callable[[Data, Data, Spec], Floats]

    @property
    def score_columns(self) -> tuple[str, str, str]:
        """The columns of a score, in the order of what a model returns."""
        return (self.predicted, "lower_80", "upper_80")

    def predict(
        self,
        platform: Platform,
        flow: Flow,
        rectangle: Rectangle,
        refresh: Refresh,
        progress: Progress,
    ) -> PredictionRun:
        """Score every record by a vintage trained before its day, and replace the rows.

        All models read the same records, so a block is read once for all of them. Vintages that the
        days need are trained first. Days before any vintage get the fallback.
        """
        assert isinstance(flow, RecordFlow)
        cases = cases_of(platform, flow)
        trained = self._ensure_vintages(cases, rectangle, refresh, progress)
        scorers = self._scorers(cases, rectangle)
        store = platform.store(ML_ROLE)
        outcomes: dict[str, list[pd.DataFrame]] = {case.measure: [] for case in cases}
        records = 0
        for block in _blocks(platform, flow, rectangle):
            frame = self._read(platform, flow, block)
            records += len(frame)
            for measure, scorer in scorers.items():
                rows = frame[[self.key, "centre_id", "day", self.began_at]]
                if len(frame):
                    scores = scorer.score(frame)
                    rows = rows.join(scores)
                    outcomes[measure].append(scores.assign(actual=frame[self.outcome]))
                store.replace(flow.scores, rows, block, equal={"model": measure})
                if len(rectangle) > len(block):
                    progress(f"{flow.name} {measure}: scored until {block.last_day}")
        return self._run(flow, records, trained, outcomes)

    def read_for_months(self, case: Case, first_month: date, last_month: date) -> Data:
        """What vintages of these months may see: a year of records, or as many as memory allows.

        The newest `MOST_RECORDS` before the last month are enough, and those before the first one.
        """
        last = cutoff_of(last_month).date()
        per_day = case.platform.store(ML_ROLE).read(
            f"select day, count(*) as records from {case.flow.merged}"
            f" where day >= %(first)s and day < %(last)s and {case.is_counted}"
            " group by day order by day desc",
            {
                "first": cutoff_of(first_month).date() - timedelta(days=case.spec.training_days),
                "last": last,
            },
        )
        kept = per_day[per_day["records"].cumsum() <= MOST_RECORDS]
        first = kept["day"].min().date() if len(kept) else last
        return self.read(case, first, last - timedelta(days=1))

    def read(self, case: Case, first_day: date, last_day: date) -> Data:
        """The counted records that began on these UTC days, of every centre, read in parts."""
        platform, flow = case.platform, case.flow
        whole = Rectangle(platform.centre_ids_of(flow), first_day, last_day)
        # No day at all is no record.
        blocks = list(_blocks(platform, flow, whole)) or [whole]
        return self.joined(
            [
                self.data_of(platform, self._read(platform, flow, block, case.is_counted))
                for block in blocks
            ]
        )

    def compare(self, case: Case, contest: Contest) -> Comparison:
        """The verdict on two serving histories over the same records, each after both cut-offs.

        At most `COMPARED_DAYS` are compared, newest first. Errors are scaled by that of the usual
        value, and added up by day; the rest is `judge`.
        """
        platform, flow, today = case.platform, case.flow, contest.today
        first = today - timedelta(days=case.spec.training_days)
        days = platform.store(ML_ROLE).read(
            f"select distinct day from {flow.merged} where day between %(first)s and %(last)s"
            f" and {case.is_counted}",
            {"first": first, "last": today - timedelta(days=1)},
        )["day"]
        chosen = sorted(contest.newest_days(days, COMPARED_DAYS))
        if not chosen:
            return contest.without_evidence(f"day with {flow.name}")
        rows: list[list[pd.DataFrame]] = [[], []]
        loaded: dict[str, _Loaded] = {}
        whole = Rectangle(platform.centre_ids_of(flow), chosen[0].date(), chosen[-1].date())
        for block in _blocks(platform, flow, whole):
            frame = self._read(platform, flow, block, case.is_counted)
            frame = frame[frame["day"].isin(chosen) & frame[self.outcome].notna()]
            for side, periods in zip(rows, contest.histories, strict=True):
                for vintage, own_days in days_by_vintage(periods, frame["day"]):
                    assert vintage is not None
                    own = frame[frame["day"].isin(own_days)]
                    if vintage.model_version not in loaded:
                        artefacts = case.load(vintage)
                        loaded[vintage.model_version] = _Loaded(
                            self.load(artefacts), trained_until(artefacts)
                        )
                    one = loaded[vintage.model_version]
                    if one.until > own[self.began_at].min():
                        return contest.trained_on_test(vintage, one.until, flow.name)
                    side.append(self._replayed(one.model, own))
        own_rows, rival_rows = (pd.concat(side, ignore_index=True) for side in rows)
        scale = float((own_rows["y"] - own_rows["usual"]).abs().mean())
        return contest.judged(
            score(own_rows.assign(scale=scale)),
            score(rival_rows.assign(scale=scale)),
            case.spec.seed,
        )

    def _read(
        self, platform: Platform, flow: Flow, rectangle: Rectangle, wanted: str = "true"
    ) -> pd.DataFrame:
        """The records of a rectangle, those that the condition `wanted` holds for."""
        return platform.store(ML_ROLE).read(
            f"select {', '.join(self.columns)} from {flow.merged}"
            " where centre_id = any(%(centres)s) and day between %(first)s and %(last)s"
            f" and {wanted} order by {self.began_at}, {self.key}",
            rectangle.window,
        )

    def _ensure_vintages(
        self, cases: Sequence[Case], rectangle: Rectangle, refresh: Refresh, progress: Progress
    ) -> dict[str, list[Trained]]:
        """The vintages that these days need, of each model; what they learn from is read once."""
        months = months_between(rectangle.first_day, rectangle.last_day)
        read = cache(lambda: self.read_for_months(cases[0], months[0], months[-1]))
        return {
            case.measure: ensure_vintages(case, months, read, refresh=refresh, progress=progress)
            for case in cases
        }

    def _scorers(
        self, cases: Sequence[Case], rectangle: Rectangle
    ) -> dict[str, RecordScorer[Data, Spec]]:
        """The scorer of each model. The fallback's past is read where it is needed."""
        histories = {case.measure: case.serving_history() for case in cases}
        unserved = [
            day
            for day in (rectangle.first_day + timedelta(days=n) for n in range(rectangle.days))
            if any(vintage_for(periods, day) is None for periods in histories.values())
        ]
        reach = timedelta(days=max(case.spec.training_days for case in cases))
        past = cache(lambda: self.read(cases[0], unserved[0] - reach, unserved[-1]))
        return {
            case.measure: RecordScorer(self, case, histories[case.measure], past) for case in cases
        }

    def _run(
        self,
        flow: Flow,
        records: int,
        trained: dict[str, list[Trained]],
        outcomes: dict[str, list[pd.DataFrame]],
    ) -> PredictionRun:
        """What the run reports; `outcomes` have `score_columns`, model_version and the actual."""
        columns = ["actual", *self.score_columns]
        empty = pd.DataFrame(columns=columns, dtype="float64").assign(model_version="")
        every = {
            measure: pd.concat(parts, ignore_index=True) if parts else empty
            for measure, parts in outcomes.items()
        }
        rows, due = sum(map(len, every.values())), records * len(every)
        known = {measure: one[one["actual"].notna()] for measure, one in every.items()}
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
                for measure, one in known.items()
                for name, value in self._figures(one).items()
            },
            plot=partial(
                scores_plot,
                {
                    measure: one[["actual", self.predicted]].set_axis(
                        ["actual", "predicted"], axis="columns"
                    )
                    for measure, one in known.items()
                },
                flow.title,
                self.unit,
            ),
        )

    def _figures(self, outcomes: pd.DataFrame) -> dict[str, float]:
        """How right scores were where the outcome is known; NaN where none is."""
        y, predicted = outcomes["actual"], outcomes[self.predicted]
        return {
            "rmse": rmse(y, predicted),
            "mae": mae(y, predicted),
            "r2": r2(y, predicted),
            "coverage_80": coverage(y, outcomes["lower_80"], outcomes["upper_80"]),
        }

    def _replayed(self, model: RecordModel, frame: pd.DataFrame) -> pd.DataFrame:
        scores = model.score(frame)
        return pd.DataFrame(
            {
                "issue": frame["day"].to_numpy(),
                "ds": frame["day"].to_numpy(),
                "y": frame[self.outcome].to_numpy(),
                "prediction": scores[:, 0],
                "lower_80": scores[:, 1],
                "upper_80": scores[:, 2],
                "usual": model.usual(frame),
            }
        )


def plain_scoring(
    flow: str, columns: RecordColumns, *, predicted: str, unit: str
) -> RecordScoring[RecordData, PlainSpec]:
    """The scoring of a flow by the engine of records, which learns from `columns`.

    `predicted` is the column of the prediction in the table of scores, `unit` of the outcome.
    """
    return RecordScoring(
        columns=columns.all,
        key=columns.key,
        began_at=columns.began_at,
        outcome=columns.outcome,
        predicted=predicted,
        unit=unit,
        engine=ENGINE,
        spec=lambda platform, measure: PlainSpec(measure, platform.settings.seed, columns),
        data_of=lambda platform, frame: records_of(frame, columns),
        joined=joined,
        load=lambda artefacts: PlainModel.load(artefacts, flow, columns),
        fallback=lambda known, asked, spec: fallback_scores(known, asked),
    )


def record_models(
    scoring: RecordScoring[Data, Spec], *, predictions: Predictions, drift: DriftFeatures
) -> ModelParts[Data, Spec, Any]:
    """How the models of a flow of records are trained, score and are compared."""
    return ModelParts(
        engine=scoring.engine,
        spec=scoring.spec,
        read_for_training=scoring.read_for_months,
        # All models are of the same records.
        shares_history=True,
        # A merged record has the calendar and the weather that were known when it began.
        training_views=(),
        predictions=predictions,
        compare=scoring.compare,
        drift=drift,
    )


@dataclass(frozen=True)
class _Loaded:
    """A vintage in memory, and until when (UTC) it learned."""

    model: RecordModel
    until: pd.Timestamp


class RecordScorer(Generic[Data, Spec]):
    """Scores a rectangle's records by one model, block after block, forward in time."""

    def __init__(
        self,
        scoring: RecordScoring[Data, Spec],
        case: Case,
        periods: Sequence[ServingPeriod],
        past: Callable[[], Data],
    ) -> None:
        self._scoring, self._case, self._periods, self._past = scoring, case, periods, past
        # Of the vintages of a block only the last may serve in the next: one is kept in memory.
        self._loaded: tuple[str, RecordModel] | None = None

    def score(self, frame: pd.DataFrame) -> pd.DataFrame:
        """`score_columns` and model_version of each record, by the index of `frame`."""
        parts = []
        for vintage, days in days_by_vintage(self._periods, frame["day"]):
            own = frame[frame["day"].isin(days)]
            scores = self._fallback(own) if vintage is None else self._model(vintage).score(own)
            parts.append(
                pd.DataFrame(
                    scores, columns=list(self._scoring.score_columns), index=own.index
                ).assign(model_version=vintage.model_version if vintage else FALLBACK_VERSION)
            )
        return pd.concat(parts)

    def _model(self, vintage: Vintage) -> RecordModel:
        if self._loaded is None or self._loaded[0] != vintage.model_version:
            model = self._scoring.load(self._case.load(vintage))
            self._loaded = (vintage.model_version, model)
        return self._loaded[1]

    def _fallback(self, asked: pd.DataFrame) -> Floats:
        """What scores before any vintage, from what was known on each record's day."""
        known, last = self._past(), asked["day"].max().to_datetime64().astype("datetime64[D]")
        until, spec = int(last.astype("int64")), self._case.spec
        chosen = (known.day >= until - spec.training_days) & (known.day <= until)
        records = self._scoring.data_of(self._case.platform, asked)
        return self._scoring.fallback(known.take(chosen), records, spec)


def _blocks(platform: Platform, flow: Flow, rectangle: Rectangle) -> Iterator[Rectangle]:
    """The rectangle in blocks of whole days that hold a bounded number of records."""
    if rectangle.last_day < rectangle.first_day:
        return
    counts = platform.store(ML_ROLE).read(
        f"select day, count(*) as records from {flow.merged}"
        " where centre_id = any(%(centres)s) and day between %(first)s and %(last)s group by day",
        rectangle.window,
    )
    records = dict(zip(counts["day"].dt.date, counts["records"], strict=True))
    first, held = rectangle.first_day, 0
    for offset in range(rectangle.days):
        day = rectangle.first_day + timedelta(days=offset)
        if held and held + records.get(day, 0) > _RECORDS_A_BLOCK:
            yield Rectangle(rectangle.centres, first, day - timedelta(days=1))
            first, held = day, 0
        held += records.get(day, 0)
    yield Rectangle(rectangle.centres, first, rectangle.last_day)
