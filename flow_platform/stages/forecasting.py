"""Issues the forecasts of a rectangle of series: for each day by the vintage that serves it.

What is the same for all series: vintages are trained or found, blocks of issues are forecast, and
their rows replaced. How a kind of series reads what it knows is in `daily.py` and `hourly.py`; the
forecasts themselves are made in `forecasting/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, Protocol

import numpy as np
import pandas as pd

from flow_platform.flows.kinds import Flow, SeriesFlow
from flow_platform.ground.periods import months_between
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import ML_ROLE
from flow_platform.models.engine import Data, Prepared, SeriesEngine, Spec
from flow_platform.models.vintage import FALLBACK_VERSION
from flow_platform.parts import Refresh
from flow_platform.platform import Platform
from flow_platform.registry.promotions import ServingPeriod, vintage_for
from flow_platform.registry.vintages import Vintage
from flow_platform.stages.case import Case, cases_of
from flow_platform.stages.plots import forecast_plot
from flow_platform.stages.predictions import PredictionRun
from flow_platform.stages.training import Progress, Trained, ensure_vintages

FORECASTS = "ml.forecasts"


@dataclass(frozen=True)
class Block(Generic[Data]):
    """Issues that are forecast and written at once, and what is known of their series.

    issues  unique_id, issue (naive), issued_at (UTC)
    since   the first issue (naive) that is replaced; None: all of the rectangle's
    closed  by issue day, the weekdays (0 = Monday) that get no forecast
    """

    rectangle: Rectangle
    data: Data
    issues: pd.DataFrame
    since: pd.Timestamp | None = None
    closed: Mapping[pd.Timestamp, set[int]] = field(default_factory=dict)


class Series(Protocol[Data, Spec, Prepared]):
    """How the stages of one kind of series read what is known, and which engine forecasts it."""

    @property
    def engine(self) -> SeriesEngine[Data, Spec, Prepared]:
        """What trains and forecasts the series."""

    def history(self, case: Case, rectangle: Rectangle) -> Callable[[], Data]:
        """Reads what the vintages that forecast a rectangle may see."""

    def blocks(
        self, case: Case, rectangle: Rectangle, refresh: Refresh, history: Callable[[], Data]
    ) -> Iterator[Block[Data]]:
        """The issues of a rectangle, in blocks that memory holds."""

    def times(self, rows: pd.DataFrame, zones: Mapping[str, str]) -> pd.DataFrame:
        """`rows` (centre_id, day, date as engines give them) with day, date and target_at."""


@dataclass
class Issued:
    """What was forecast of one rectangle and measure, as it is in `ml.forecasts`.

    `issues` counts the partitions that have rows, `incomplete` the issues that lack some horizons;
    `closed_targets` the targets without a row because the place is closed on their weekday. `shown`
    has the rows one step ahead of the first centre.
    """

    vintages: list[Trained]
    rows: int = 0
    issues: int = 0
    incomplete: int = 0
    closed_targets: int = 0
    issues_by_version: dict[str, int] = field(default_factory=dict)
    shown: list[pd.DataFrame] = field(default_factory=list)


def predict_series(
    series: Series[Data, Spec, Prepared],
    platform: Platform,
    flow: Flow,
    rectangle: Rectangle,
    refresh: Refresh,
    progress: Progress,
) -> PredictionRun:
    """Forecast every measure of a rectangle with what was known then, and replace its rows."""
    assert isinstance(flow, SeriesFlow)
    cases = cases_of(platform, flow)
    issued = {
        case.measure: issue_forecasts(series, case, rectangle, refresh=refresh, progress=progress)
        for case in cases
    }
    every = issued.values()
    due = len(rectangle) * len(cases)
    return PredictionRun(
        rows=sum(one.rows for one in every),
        missing=sum(one.incomplete for one in every),
        counts={
            "issues": sum(one.issues for one in every),
            "incomplete": sum(one.incomplete for one in every),
            "partitions_without_history": due - sum(one.issues for one in every),
            "closed_targets_left_out": sum(one.closed_targets for one in every),
        },
        vintages={measure: one.vintages for measure, one in issued.items()},
        versions={measure: one.issues_by_version for measure, one in issued.items()},
        figures={},
        plot=partial(_plot, cases[0], rectangle, issued[cases[0].measure].shown),
    )


def issue_forecasts(
    series: Series[Data, Spec, Prepared],
    case: Case,
    rectangle: Rectangle,
    *,
    refresh: Refresh = "missing",
    progress: Progress = lambda message: None,
) -> Issued:
    """Forecast every centre and day of one measure, and replace the rows of the rectangle.

    Vintages that the days need are trained first. Days before any vintage, and series that a
    vintage cannot forecast, get the fallback; a centre that never reported gets no row.
    """
    history = series.history(case, rectangle)
    months = months_between(rectangle.first_day, rectangle.last_day)
    trained = ensure_vintages(case, months, history, refresh=refresh, progress=progress)
    periods, done = case.serving_history(), Issued(vintages=trained)
    for block in series.blocks(case, rectangle, refresh, history):
        days, engine = block.issues["issue"].dt.normalize(), series.engine
        parts = [
            forecast_with(engine, case, vintage, block.data, _on(block.issues, days.isin(own)))
            for vintage, own in days_by_vintage(periods, days)
        ]
        made = _without_closed(pd.concat(parts, ignore_index=True), block.closed)
        frame = _as_rows(series, case, made)
        case.platform.store(ML_ROLE).replace(
            FORECASTS,
            frame,
            block.rectangle,
            equal={"flow": case.flow.name, "measure": case.measure},
            since=None
            if block.since is None
            else ("issued_at", block.since.tz_localize("UTC").to_pydatetime()),
        )
        _count(done, frame, block, case.spec.horizons)
        if len(rectangle) > len(block.rectangle):
            first, last = block.rectangle.first_day, block.rectangle.last_day
            progress(f"{case.flow.name} {case.measure}: {first} to {last} forecast")
    return done


def _on(issues: pd.DataFrame, chosen: pd.Series) -> pd.DataFrame:
    return issues[chosen.to_numpy()].reset_index(drop=True)


def _count(done: Issued, frame: pd.DataFrame, block: Block[Data], horizons: Sequence[int]) -> None:
    """Add up what a block wrote."""
    left_out = {
        day: sum((day.weekday() + step) % 7 in weekdays for step in horizons)
        for day, weekdays in block.closed.items()
    }
    steps = frame.groupby(["centre_id", "day", "issued_at"], sort=False).size()
    due = [len(horizons) - left_out.get(day, 0) for day in steps.index.get_level_values("day")]
    done.rows += len(frame)
    done.issues += len(frame[["centre_id", "day"]].drop_duplicates())
    done.incomplete += int((steps.to_numpy() != np.array(due, dtype=int)).sum())
    done.closed_targets += sum(left_out.values())
    for name, days in frame.groupby("model_version")["day"].nunique().items():
        version = str(name)
        done.issues_by_version[version] = done.issues_by_version.get(version, 0) + int(days)
    first = block.rectangle.centres[0]
    done.shown.append(frame[(frame["centre_id"] == first) & (frame["horizon"] == 1)])


def _without_closed(made: pd.DataFrame, closed: Mapping[pd.Timestamp, set[int]]) -> pd.DataFrame:
    if not any(closed.values()):
        return made
    weekdays = pd.DatetimeIndex(made["ds"]).day_of_week
    kept = [
        weekday not in closed.get(pd.Timestamp(day), ())
        for day, weekday in zip(made["issue"], weekdays, strict=True)
    ]
    return made[kept]


def days_by_vintage(
    periods: Sequence[ServingPeriod], days: pd.Series
) -> list[tuple[Vintage | None, list[pd.Timestamp]]]:
    """The days that each vintage of the history serves; None serves those before any."""
    groups: dict[str, tuple[Vintage | None, list[pd.Timestamp]]] = {}
    for day in sorted(days.unique()):
        vintage = vintage_for(periods, pd.Timestamp(day).date())
        name = vintage.model_version if vintage else FALLBACK_VERSION
        groups.setdefault(name, (vintage, []))[1].append(day)
    return list(groups.values())


def forecast_with(
    engine: SeriesEngine[Data, Spec, Prepared],
    case: Case,
    vintage: Vintage | None,
    data: Data,
    issues: pd.DataFrame,
) -> pd.DataFrame:
    """The forecasts of `issues` by `vintage`, None being the fallback, with their model_version.

    Where the vintage cannot forecast a series, the fallback does.
    """
    if vintage is None:
        return _fallback(engine, case, data, issues)
    made = engine.forecast(case.load(vintage), data, issues, case.spec)
    made = made.assign(model_version=vintage.model_version)
    if engine.covers_every_series:
        return made
    complete = made.dropna(subset=["prediction"])
    done = complete.groupby(["unique_id", "issue"]).size().reset_index(name="steps")
    left = issues.merge(done, on=["unique_id", "issue"], how="left")
    left = left[left["steps"].fillna(0) < len(case.spec.horizons)].drop(columns="steps")
    if left.empty:
        return complete
    short = complete.merge(
        left[["unique_id", "issue"]], on=["unique_id", "issue"], how="left", indicator=True
    )
    rest = _fallback(engine, case, data, left)
    return pd.concat(
        [short[short["_merge"] == "left_only"].drop(columns="_merge"), rest], ignore_index=True
    )


def _fallback(
    engine: SeriesEngine[Data, Spec, Prepared], case: Case, data: Data, issues: pd.DataFrame
) -> pd.DataFrame:
    made = engine.fallback_forecast(data, issues, case.spec)
    return made.assign(model_version=FALLBACK_VERSION)


def _as_rows(series: Series[Data, Spec, Prepared], case: Case, made: pd.DataFrame) -> pd.DataFrame:
    """Forecasts as an engine gives them as rows of `ml.forecasts`."""
    zones = {one.centre_id: one.timezone for one in case.platform.centres_of(case.flow)}
    rows = made.rename(columns={"unique_id": "centre_id", "issue": "day", "ds": "date"})
    rows["target_at"] = pd.Series(pd.NaT, index=rows.index, dtype="datetime64[us, UTC]")
    rows = series.times(rows, zones)
    rows["flow"], rows["measure"] = case.flow.name, case.measure
    return rows[
        [
            "flow",
            "measure",
            "centre_id",
            "day",
            "date",
            "target_at",
            "horizon",
            "issued_at",
            "prediction",
            "lower_80",
            "upper_80",
            "lower_95",
            "upper_95",
            "model_version",
            *series.engine.extra_columns,
        ]
    ]


def _plot(case: Case, rectangle: Rectangle, shown: Sequence[pd.DataFrame]) -> Any:
    """Forecasts one step ahead against the actuals, of the first centre: the last of the run."""
    flow = case.flow
    assert isinstance(flow, SeriesFlow)
    rows = pd.concat(shown, ignore_index=True) if shown else pd.DataFrame()
    if rows.empty:
        return None
    hourly = flow.is_hourly
    at, length = ("target_at", 168) if hourly else ("date", 90)
    rows = rows.sort_values(at).tail(length).rename(columns={at: "at"})
    centre, column = rectangle.centres[0], "target_at" if hourly else "day"
    actuals = case.platform.store(ML_ROLE).read(
        f"select {column} as at, {case.measure} as value from {flow.merged}"
        f" where centre_id = %(centre)s and {column} between %(first)s and %(last)s"
        f" order by {column}",
        {"centre": centre, "first": rows["at"].iloc[0], "last": rows["at"].iloc[-1]},
    )
    named = next(one for one in case.platform.centres_of(flow) if one.centre_id == centre)
    title = f"{flow.title}: {case.measure}, {named.label}"
    return forecast_plot(rows, actuals, title, f"forecast, 1 {flow.step} ahead")
