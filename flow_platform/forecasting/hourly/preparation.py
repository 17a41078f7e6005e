"""The work that all hourly candidates of one cut-off share: panel, rows and fits.

How a candidate turns rows into readings is in `candidates`, how it is judged in `training`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import pandas as pd

from flow_platform.forecasting.hourly.candidates import fit_boosters, fit_persistence
from flow_platform.forecasting.hourly.data import HOUR, HourlyData, HourlySpec
from flow_platform.forecasting.hourly.frame import Frame, build_frame
from flow_platform.forecasting.hourly.panel import build_panel
from flow_platform.ground.errors import ModelError, TooLittleHistory
from flow_platform.models.metrics import seasonal_scale
from flow_platform.models.moments import utc
from flow_platform.models.sampling import evenly_chosen

# Rows to learn from, one hour ahead and later, and rows of the backtest.
TRAINING_ROWS = {"next": 40_000, "later": 80_000}
BACKTEST_ROWS = 45_000
# A day with so many readings counts as known.
_KNOWN_HOURS = 6


def _history_gap(visible: HourlyData, spec: HourlySpec) -> str | None:
    """What is missing to train on `visible`; None if nothing."""
    known = visible.actuals[visible.actuals["y"].notna()]
    if known.empty:
        return f"no reading is known, {spec.min_history_days} days of them are needed"
    days = known.groupby(["unique_id", known["ds"].dt.normalize()], sort=False).size()
    longest = int((days >= _KNOWN_HOURS).groupby("unique_id").sum().max())
    if longest < spec.min_history_days:
        return f"the longest series has {longest} days, {spec.min_history_days} are needed"
    return None


class Prepared:
    """What all candidates share at one cut-off: the panel, and rows and fits when first needed.

    cutoff, spec   as given; the cut-off in UTC
    first, last    first and last known hour
    panel          the hours up to the cut-off
    fold, end      columns of the panel: where the backtest begins, and the first that is not known

    Lists of fits have two elements: fitted before `fold`, and on all.
    """

    def __init__(self, data: HourlyData, cutoff: pd.Timestamp, spec: HourlySpec) -> None:
        """Raises TooLittleHistory unless some series has `spec.min_history_days` days with readings
        before `cutoff` (UTC).
        """
        self.spec, self.cutoff = spec, utc(cutoff)
        visible = data.before(self.cutoff)
        if gap := _history_gap(visible, spec):
            raise TooLittleHistory.at(self.cutoff, gap)
        end = self.cutoff.tz_localize(None)
        first = max(visible.actuals["ds"].min(), end - pd.Timedelta(days=spec.training_days))
        # More series hardly improve a model.
        ids = sorted(visible.actuals["unique_id"].astype(str).unique())
        visible = visible.of(evenly_chosen(ids, spec.most_series))
        known = visible.actuals[visible.actuals["y"].notna() & (visible.actuals["ds"] >= first)]
        self.first, self.last = known["ds"].min(), known["ds"].max()
        self.panel = build_panel(visible, first, end, spec)
        # The hour that ends at the cut-off is known at the cut-off, not before it.
        self.end = self.panel.hours - 1
        length = min(spec.backtest_days * 24, (self.end - spec.min_history_days * 24) // 2)
        self.fold = self.end - max(length, 24 * 7)

    @property
    def ids(self) -> np.ndarray:
        return self.panel.ids.to_numpy()

    @cached_property
    def learned(self) -> Frame:
        """Rows to learn from: readings before the cut-off, of issues that have a level."""
        last = max(self.spec.horizons)
        low = min(24 * 28, self.fold // 2)
        frame = self._rows(
            low, self.end, {(1, 1): TRAINING_ROWS["next"], (2, last): TRAINING_ROWS["later"]}
        )
        return frame.where(np.isfinite(frame.level))

    @cached_property
    def tested(self) -> Frame:
        """Rows of the backtest: readings after the fold began, of issues after it too."""
        last = max(self.spec.horizons)
        frame = self._rows(
            self.fold + last,
            self.end,
            {(1, 1): BACKTEST_ROWS // 3, (2, last): 2 * BACKTEST_ROWS // 3},
        )
        return frame.where((frame.issue >= self.fold) & np.isfinite(frame.level))

    def _rows(self, low: int, high: int, limits: Mapping[tuple[int, int], int]) -> Frame:
        """About so many rows of each range of horizons, targets from `low` to before `high`."""
        random = np.random.default_rng(self.spec.seed)
        known = np.isfinite(self.panel.y)
        parts = []
        for (first, last), limit in limits.items():
            steps = [h for h in self.spec.horizons if first <= h <= last]
            for row in range(len(self.ids) if steps else 0):
                hours = np.flatnonzero(known[row, low:high]) + low
                if len(hours):
                    target, step = _drawn(hours, steps, limit // len(self.ids), random)
                    parts.append((np.full(len(step), row), target - step, step))
        if not parts:
            raise ModelError(
                f"Cannot train at {self.cutoff}: no reading between the hours that are learned"
                " from. Check that readings still arrive."
            )
        series, issue, horizon = (np.concatenate(column) for column in zip(*parts, strict=True))
        return build_frame(self.panel, series, issue, horizon, self.spec)

    def before(self, hour: int) -> Frame:
        """Of the rows to learn from those whose reading was known before that column's hour."""
        return self.learned.where(self.learned.y_known < hour * HOUR)

    @cached_property
    def persistence(self) -> list[dict[str, float]]:
        return [fit_persistence(self.before(hour), self.ids) for hour in (self.fold, self.end)]

    @cached_property
    def boosters(self) -> list[dict[str, str]]:
        return [fit_boosters(self.before(hour), self.spec) for hour in (self.fold, self.end)]

    @cached_property
    def scales(self) -> np.ndarray:
        """(series,) the seasonal naive's error before the backtest: the unit of MASE."""
        until = max(self.fold, 24 * 21)
        return np.array([seasonal_scale(row[:until], self.spec.season) for row in self.panel.y])


def _drawn(
    hours: np.ndarray, steps: Sequence[int], most: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """At most `most` of all pairs of target hour and horizon, drawn evenly: both (rows,)."""
    pairs = len(hours) * len(steps)
    chosen = (
        np.arange(pairs) if pairs <= most else np.sort(random.choice(pairs, most, replace=False))
    )
    return hours[chosen // len(steps)], np.array(steps)[chosen % len(steps)]
