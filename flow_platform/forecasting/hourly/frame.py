"""The features of every forecast: one function for training, backtest, forecast and replay.

What is known at an issue is decided in `panel`; which rows are made, in `training`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flow_platform.forecasting.hourly.data import HourlySpec
from flow_platform.forecasting.hourly.panel import EVENT, HALF_LIVES, USUAL, Panel, mean_of_known

# Hours before the issue, and hours around the target's place on earlier days, that are looked at.
_RECENT = (0, 1, 2, 3, 4, 5)
_EARLIER = (23, 24, 25, 47, 48, 49, 167, 168, 169)
_MEANS = (3, 24, 168)
# The least level: a counter that recently counted next to nothing gets no smaller scale.
_LEAST_LEVEL = 1.0


@dataclass(frozen=True)
class Frame:
    """One row per series, issue and horizon.

    series, issue, target   (rows,) row of the panel and its hours
    level      mean reading of the last four weeks: the unit of everything else
    size       mean |reading - profile| of the same weeks
    usual      the profile of the target, `now` the residual at the issue (NaN: not known)
    occupancy_usual, _now, _day, _day_before   profile of the target's occupancy, and residuals: at
               the issue, the mean of the day before it, a day before the target
    y          the reading, NaN where there is none or none yet; not cut by time
    features   (rows, names) in units of the level
    """

    series: np.ndarray
    issue: np.ndarray
    target: np.ndarray
    horizon: np.ndarray
    level: np.ndarray
    size: np.ndarray
    usual: np.ndarray
    now: np.ndarray
    week_before: np.ndarray
    occupancy_usual: np.ndarray
    occupancy_now: np.ndarray
    occupancy_day: np.ndarray
    occupancy_day_before: np.ndarray
    y: np.ndarray
    y_known: np.ndarray
    names: list[str]
    features: np.ndarray

    def __len__(self) -> int:
        return len(self.series)

    def where(self, chosen: np.ndarray) -> Frame:
        """The chosen rows (bool or indices)."""
        return Frame(
            **{
                name: value[chosen] if isinstance(value, np.ndarray) else value
                for name, value in vars(self).items()
            }
        )


class _Rows:
    """The rows of a frame: series, issue and horizon, each (rows,).

    Rows of one issue share its past: each series and issue is looked up once (`heads`).
    """

    def __init__(
        self, panel: Panel, series: np.ndarray, issue: np.ndarray, horizon: np.ndarray
    ) -> None:
        self.panel, self.series, self.issue, self.horizon = panel, series, issue, horizon
        self.target = issue + horizon
        pairs = np.column_stack([series, issue])
        self._heads, which = np.unique(pairs, axis=0, return_inverse=True)
        self._which = which.reshape(-1)

    def spread(self, of_heads: np.ndarray) -> np.ndarray:
        """A value of each issue, (rows,)."""
        return of_heads[self._which]

    def levels(self) -> tuple[np.ndarray, np.ndarray]:
        """Level, NaN where nothing was counted, and size of the residuals, both (rows,)."""
        found = self.panel.levels(self._heads[:, 0], self._heads[:, 1])
        level, size = (self.spread(part) for part in found)
        return np.where(level > 0, np.maximum(level, _LEAST_LEVEL), np.nan), size

    def recent(self, values: np.ndarray, back: int) -> np.ndarray:
        """`values` (series, hours) so many hours before each issue, as known then: (heads,)."""
        series, issue = self._heads[:, 0], self._heads[:, 1]
        return self.panel.seen(series, issue - back, issue, values)

    def before_target(self, values: np.ndarray, back: int) -> np.ndarray:
        """`values` so many hours before each target, as known at the issue: (rows,)."""
        return self.panel.seen(self.series, self.target - back, self.issue, values)


def build_frame(
    panel: Panel, series: np.ndarray, issue: np.ndarray, horizon: np.ndarray, spec: HourlySpec
) -> Frame:
    """The rows (series, issue, horizon), each (rows,); what is unknown is NaN.

    Issues are columns of the panel: the hour that ends at the issue is column `issue`.
    """
    rows = _Rows(panel, series, issue, horizon)
    target = rows.target
    level, size = rows.levels()
    profile, count = panel.profile(series, target, issue, panel.y)
    occupancy_usual = panel.profile(series, target, issue, panel.occupancy)[0][:, USUAL]
    week_before = rows.before_target(panel.y, 168)

    columns: dict[str, np.ndarray] = {"horizon": horizon.astype(float)}
    for number, half_life in enumerate(HALF_LIVES):
        columns[f"profile_{half_life:g}"] = profile[:, number] / level
    columns["occurrences"] = count
    columns |= _recent_hours(rows, level)
    for back in _EARLIER:
        columns[f"residual_before_{back}"] = rows.before_target(panel.residual, back) / level
    columns["day_before"] = rows.before_target(panel.y, 24) / level
    columns["week_before"] = week_before / level
    for back in (0, 1):
        columns[f"occupancy_{back}"] = rows.spread(rows.recent(panel.occupancy, back))
    columns["occupancy_usual"] = occupancy_usual
    columns["occupancy_day_before"] = rows.before_target(panel.occupancy, 24)
    columns["unrest"] = size / level
    columns |= _clock_and_calendar(rows)
    weather = panel.weather_at(series, target, issue)
    columns |= {name: weather[:, number] for number, name in enumerate(spec.weather)}

    occupancy = [rows.recent(panel.occupancy_residual, back) for back in range(24)]
    inside = target < panel.hours
    at = np.where(inside, target, 0)
    known = target * 3600 + panel.delay[series, at].astype(np.int64)
    return Frame(
        series=series,
        issue=issue,
        target=target,
        horizon=horizon,
        level=level,
        size=size,
        usual=profile[:, USUAL],
        now=rows.spread(rows.recent(panel.residual, 0)),
        week_before=week_before,
        occupancy_usual=occupancy_usual,
        occupancy_now=rows.spread(occupancy[0]),
        occupancy_day=rows.spread(mean_of_known(np.column_stack(occupancy))),
        occupancy_day_before=rows.before_target(panel.occupancy_residual, 24),
        y=np.where(inside, panel.y[series, at], np.nan),
        y_known=np.where(inside, known, 0),
        names=list(columns),
        features=np.column_stack([v.astype(np.float32) for v in columns.values()]),
    )


def _recent_hours(rows: _Rows, level: np.ndarray) -> dict[str, np.ndarray]:
    """The hours before the issue: residuals, their means, readings, their age, closure."""
    panel = rows.panel
    residuals = [rows.recent(panel.residual, back) for back in range(max(_MEANS))]
    columns = {f"residual_{back}": rows.spread(residuals[back]) / level for back in _RECENT}
    for span in _MEANS:
        mean = mean_of_known(np.column_stack(residuals[:span]))
        columns[f"residual_mean_{span}"] = rows.spread(mean) / level
    readings = [rows.recent(panel.y, back) for back in range(24)]
    for back in (0, 1):
        columns[f"reading_{back}"] = rows.spread(readings[back]) / level
    age = np.full(len(readings[0]), 24.0)
    for back in reversed(range(24)):
        age[np.isfinite(readings[back])] = back
    columns["age"] = rows.spread(age)
    columns["closed"] = rows.spread(rows.recent(panel.closed.astype(np.float32), 0))
    return columns


def _clock_and_calendar(rows: _Rows) -> dict[str, np.ndarray]:
    """Local time and calendar of the target, events as far as they were announced."""
    panel, series, target = rows.panel, rows.series, rows.target
    columns = {
        name: panel.of_clock(name, series, target).astype(float)
        for name in ("hour", "weekday", "slot")
    }
    date = panel.of_clock("day", series, target).astype("datetime64[D]")
    columns["day_of_month"] = (date - date.astype("datetime64[M]")).astype(float) + 1
    columns["day_of_year"] = (date - date.astype("datetime64[Y]")).astype(float) + 1
    facts = panel.of_clock("facts", series, target).copy()
    moment = (rows.issue + panel.first) * 3600
    facts[panel.of_clock("event_known", series, target) > moment, EVENT] = 0
    names = ("holiday", "school_holiday", "bridge_day", "to_holiday", "since_holiday", "event")
    columns |= {name: facts[:, number] for number, name in enumerate(names)}
    columns["school_holiday_now"] = panel.of_clock("facts", series, rows.issue)[:, 1]
    return columns
