"""The work that all candidates of one cut-off share: rows, folds, panel and fits.

What a candidate makes of it is in `recipe`, how it is judged in `backtest`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from flow_platform.forecasting.daily import candidates, lstm, sarima
from flow_platform.forecasting.daily.data import SeriesData, SeriesSpec
from flow_platform.forecasting.daily.frame import build_frame, feature_names
from flow_platform.forecasting.daily.panel import Panel, build_panel
from flow_platform.ground.errors import ModelError, TooLittleHistory
from flow_platform.models.metrics import seasonal_scale
from flow_platform.models.moments import day_numbers, utc


def _history_gap(visible: SeriesData, spec: SeriesSpec) -> str | None:
    """What is missing to train on `visible`; None if nothing."""
    known = visible.actuals[visible.actuals["y"].notna()]
    longest = int(known.groupby("unique_id").size().max()) if len(known) else 0
    if longest < spec.min_history_days:
        return f"the longest series has {longest} known days, {spec.min_history_days} are needed"
    span = (known["ds"].max() - known["ds"].min()).days + 1
    if span < spec.min_history_days:
        return f"known days span {span} days, {spec.min_history_days} are needed"
    if visible.issues.empty:
        return "no issue is before the cut-off"
    return None


class Prepared:
    """What all candidates share at one cut-off: the frame, folds, and fits made when first needed.

    cutoff, spec   as given; the cut-off in UTC
    first, last    first and last known day; `known_days` is how many there are over all series
    folds          (start, end) of the backtest's folds, UTC days: issues from start to before end
    frame          feature rows of the issues to learn from and to test on, see `frame.build_frame`
    features       the columns of `frame` that models learn from
    scales         series -> its MASE scale

    Lists of fits have one fit for each fold, made of what was known when it began, and then the
    final one.
    """

    def __init__(self, data: SeriesData, cutoff: pd.Timestamp, spec: SeriesSpec) -> None:
        """Raises TooLittleHistory unless some series has `spec.min_history_days` known days before
        `cutoff` (UTC), and ModelError where no issue can be learned from.
        """
        self.spec = spec
        self.cutoff = utc(cutoff)
        self._data = data.before(self.cutoff, spec)
        if gap := _history_gap(self._data, spec):
            raise TooLittleHistory.at(self.cutoff, gap)
        known = self._data.actuals[self._data.actuals["y"].notna()]
        self.first, self.last = known["ds"].min(), known["ds"].max()
        self.known_days = len(known)
        self.scales = _scales(known, spec.season)
        issues = _issues_of_known(self._data, known)
        if issues.empty:
            raise ModelError(
                f"Cannot train at {self.cutoff}: no issue of SeriesData.issues falls on or after a "
                "series' first known day. Give one issue per series and day over the history."
            )
        self.folds = self._make_folds()
        self._issues, learned, tested = self._choose_issues(issues)
        self.frame = build_frame(self._data, self._issues, spec.horizons, spec)
        steps = len(spec.horizons)
        self._learned, self._tested = np.repeat(learned, steps), np.repeat(tested, steps)
        self.features = feature_names(self.frame)

    def _make_folds(self) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
        spec, cutoff = self.spec, self.cutoff
        span = (self.last - self.first).days + 1
        length = max(min(spec.backtest_days, (span - 28) // 2), max(spec.horizons))
        parts = spec.backtest_folds if length >= 28 * spec.backtest_folds else 1
        edges = [cutoff - pd.Timedelta(days=length * (parts - n) / parts) for n in range(parts)]
        return [
            (start.floor("D"), end.floor("D"))
            for start, end in zip(edges, [*edges[1:], cutoff + pd.Timedelta(days=1)], strict=True)
        ]

    def _choose_issues(self, issues: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
        """Issues in the frame's order, and which (bool) to learn from and which to test on.

        An even part: more rows hardly improve a model. More series get more rows, though not in
        proportion.
        """
        steps = len(self.spec.horizons)
        rows = int(np.clip(self.known_days // 15, *candidates.TRAINING_ROWS))
        issues = issues.sort_values(["unique_id", "issue"])
        recent = (issues["issued_at"] >= self.folds[0][0]).to_numpy()
        learned = candidates.spread(issues, rows // steps)
        tested = np.zeros(len(issues), dtype=bool)
        tested[recent] = candidates.spread(issues[recent], candidates.BACKTEST_ROWS // steps)
        kept = learned | tested
        return issues[kept], learned[kept], tested[kept]

    @property
    def is_young(self) -> bool:
        """Whether less than a year and a month of history is known."""
        return (self.last - self.first).days < candidates.WHOLE_YEAR

    def past(self, moment: pd.Timestamp) -> pd.DataFrame:
        """Rows to learn from whose issue and target were both known before `moment`."""
        frame = self.frame
        known = (frame["issued_at"] < moment) & (frame["y_available_at"] < moment)
        return frame[known & self._learned]

    def origins(self, fold: tuple[pd.Timestamp, pd.Timestamp]) -> pd.DataFrame:
        """Rows to test on of the issues of a fold."""
        frame = self.frame
        inside = (frame["issued_at"] >= fold[0]) & (frame["issued_at"] < fold[1])
        return frame[inside & self._tested & frame["y"].notna() & np.isfinite(frame["naive"])]

    @cached_property
    def panel(self) -> Panel:
        return build_panel(self._data, self._issues, self.spec)

    @cached_property
    def memories(self) -> list[candidates.Memory]:
        return [candidates.choose_memory(self.past(m)) for m in self._moments()]

    @cached_property
    def boosters(self) -> list[str]:
        """LightGBM texts."""
        return [
            candidates.fit_lightgbm(
                self.training_rows(moment, memory), self.features, memory, self.spec
            )
            for moment, memory in zip(self._moments(), self.memories, strict=True)
        ]

    @cached_property
    def sarimas(self) -> list[dict[str, sarima.SeriesSarima]]:
        """Parameters by series; those of the cut-off are sought from those of the first fold."""
        early = sarima.fit_panel(self.panel, self.folds[0][0].value, self.spec)
        late = sarima.fit_panel(self.panel, self.cutoff.value, self.spec, early)
        return [*[early] * len(self.folds), late]

    @cached_property
    def networks(self) -> list[lstm.Network]:
        return [lstm.fit_frame(self.panel, self.past(m), self.spec) for m in self._moments()]

    def training_rows(self, moment: pd.Timestamp, memory: candidates.Memory) -> pd.DataFrame:
        """The rows that LightGBM learns from at `moment`. Raises ModelError if there are none."""
        past = self.past(moment)
        rows = past[candidates.learnable(past, memory)]
        if rows.empty:
            raise ModelError(
                f"Cannot train at {self.cutoff}: no row before {moment} has both a known target "
                f"and {candidates.LEAST_KNOWN} known days behind its issue. Give more history."
            )
        return rows

    def _moments(self) -> list[pd.Timestamp]:
        return [*[fold[0] for fold in self.folds], self.cutoff]


def _issues_of_known(data: SeriesData, known: pd.DataFrame) -> pd.DataFrame:
    """Issues from each series' first known day on: earlier ones teach nothing and cost time."""
    starts = data.issues["unique_id"].map(known.groupby("unique_id")["ds"].min())
    return data.issues[(data.issues["issue"] >= starts).to_numpy()]


def _scales(known: pd.DataFrame, season: int) -> dict[str, float]:
    """The MASE scale of each series from its known days."""
    code, names = pd.factorize(known["unique_id"].astype(str))
    day = day_numbers(known["ds"])
    table = np.full((len(names), int(day.max() - day.min()) + 1), np.nan)
    table[code, day - day.min()] = known["y"].to_numpy(dtype=float)
    return {str(name): seasonal_scale(row, season) for name, row in zip(names, table, strict=True)}


@dataclass(frozen=True)
class BeforeBacktest:
    """What is known before `moment` (UTC), the first origin of a cut-off's backtest.

    rows   of the feature frame, their targets known; `memory` is that of the level they correct
    """

    moment: pd.Timestamp
    rows: pd.DataFrame
    features: list[str]
    memory: candidates.Memory


def before_backtest(data: SeriesData, cutoff: pd.Timestamp, spec: SeriesSpec) -> BeforeBacktest:
    """What choices may rest on that leave the backtest at `cutoff` (UTC) out of sample.

    Raises TooLittleHistory and ModelError as `Prepared` does.
    """
    prepared = Prepared(data, cutoff, spec)
    moment = prepared.folds[0][0]
    memory, past = prepared.memories[0], prepared.past(moment)
    rows = past[candidates.learnable(past, memory)]
    return BeforeBacktest(moment, rows, prepared.features, memory)
