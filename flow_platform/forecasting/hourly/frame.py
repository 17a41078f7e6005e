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
# A counter that counted next to nothing of late has no scale of its own below this.
_LEAST_LEVEL = 1.0


@dataclass(frozen=True)
class Frame:
    """One row per series, issue and horizon.

    series, issue, target   (rows,) row of the panel and its hours
    level      mean reading of the last four weeks: the unit in which all else is told
    size       mean |reading - profile| of the same weeks
    usual      the profile of the target, `now` the residual at the issue (NaN: not known)
    occupancy_usual, _now, _lately, _day_before   profile of the target's occupancy, and residuals:
               at the issue, the mean of the day before it, a day before the target
    y          what came, NaN where nothing did or has yet; not cut by time
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
    occupancy_lately: np.ndarray
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


def build_frame(
    panel: Panel, series: np.ndarray, issue: np.ndarray, horizon: np.ndarray, spec: HourlySpec
) -> Frame:
    """The rows (series, issue, horizon), each (rows,); what is unknown is NaN.

    Issues are columns of the panel: the hour that ends at the issue is column `issue`.
    """
    target = issue + horizon
    heads, which = np.unique(np.column_stack([series, issue]), axis=0, return_inverse=True)
    which = which.reshape(-1)
    level, size = (part[which] for part in panel.levels(heads[:, 0], heads[:, 1]))
    level = np.where(level > 0, np.maximum(level, _LEAST_LEVEL), np.nan)
    profile, count = panel.profile(series, target, issue, panel.y)
    usual = profile[:, USUAL]
    occupancy_usual = panel.profile(series, target, issue, panel.occupancy)[0][:, USUAL]

    columns: dict[str, np.ndarray] = {"horizon": horizon.astype(float)}

    def of_heads(values: np.ndarray) -> np.ndarray:
        return values[which]

    def recent(values: np.ndarray, back: int) -> np.ndarray:
        return panel.seen(heads[:, 0], heads[:, 1] - back, heads[:, 1], values)

    for number, half_life in enumerate(HALF_LIVES):
        columns[f"profile_{half_life:g}"] = profile[:, number] / level
    columns["occurrences"] = count
    residuals = {back: recent(panel.residual, back) for back in range(max(_MEANS))}
    for back in _RECENT:
        columns[f"residual_{back}"] = of_heads(residuals[back]) / level
    for span in _MEANS:
        seen = np.column_stack([residuals[back] for back in range(span)])
        columns[f"residual_mean_{span}"] = of_heads(mean_of_known(seen)) / level
    readings = [recent(panel.y, back) for back in range(24)]
    for back in (0, 1):
        columns[f"reading_{back}"] = of_heads(readings[back]) / level
    age = np.full(len(heads), 24.0)
    for back in reversed(range(24)):
        age[np.isfinite(readings[back])] = back
    columns["age"] = of_heads(age)
    columns["closed"] = of_heads(recent(panel.closed.astype(np.float32), 0))
    for back in _EARLIER:
        value = panel.seen(series, target - back, issue, panel.residual)
        columns[f"residual_before_{back}"] = value / level
    day_before = panel.seen(series, target - 24, issue, panel.y)
    week_before = panel.seen(series, target - 168, issue, panel.y)
    columns["day_before"], columns["week_before"] = day_before / level, week_before / level
    for back in (0, 1):
        columns[f"occupancy_{back}"] = of_heads(recent(panel.occupancy, back))
    columns["occupancy_usual"] = occupancy_usual
    columns["occupancy_day_before"] = panel.seen(series, target - 24, issue, panel.occupancy)
    columns["unrest"] = size / level

    for name in ("hour", "weekday", "slot"):
        columns[name] = panel.of_clock(name, series, target).astype(float)
    day = panel.of_clock("day", series, target)
    date = day.astype("datetime64[D]")
    columns["day_of_month"] = (date - date.astype("datetime64[M]")).astype(float) + 1
    columns["day_of_year"] = (date - date.astype("datetime64[Y]")).astype(float) + 1
    facts = panel.of_clock("facts", series, target).copy()
    moment = (issue + panel.first) * 3600
    facts[panel.of_clock("event_known", series, target) > moment, EVENT] = 0
    names = ("holiday", "school_holiday", "bridge_day", "to_holiday", "since_holiday", "event")
    for number, name in enumerate(names):
        columns[name] = facts[:, number]
    columns["school_holiday_now"] = panel.of_clock("facts", series, issue)[:, 1]
    weather = panel.weather_at(series, target, issue)
    for number, name in enumerate(spec.weather):
        columns[name] = weather[:, number]

    lately = [recent(panel.occupancy_residual, back) for back in range(24)]
    inside = target < panel.hours
    at = np.where(inside, target, 0)
    y = np.where(inside, panel.y[series, at], np.nan)
    return Frame(
        series=series,
        issue=issue,
        target=target,
        horizon=horizon,
        level=level,
        size=size,
        usual=usual,
        now=of_heads(residuals[0]),
        week_before=week_before,
        occupancy_usual=occupancy_usual,
        occupancy_now=of_heads(lately[0]),
        occupancy_lately=of_heads(mean_of_known(np.column_stack(lately))),
        occupancy_day_before=panel.seen(series, target - 24, issue, panel.occupancy_residual),
        y=y,
        y_known=np.where(inside, target * 3600 + panel.delay[series, at].astype(np.int64), 0),
        names=list(columns),
        features=np.column_stack([v.astype(np.float32) for v in columns.values()]),
    )
