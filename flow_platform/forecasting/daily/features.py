"""The features of issues, each from facts known when it was issued.

Which issues, and which facts of their knot, is decided in `frame`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flow_platform.forecasting.daily.data import SeriesSpec
from flow_platform.forecasting.daily.effects import Effects
from flow_platform.forecasting.daily.facts import SETTLED_DAYS, Facts

# Days of the past that an issue looks back on.
WINDOW = 392
YEAR = 364
HALF_LIVES = (2, 4, 8, 16, 32, 64)
BASE_HALF_LIFE = 16
# The values of an event's columns where there is none, or none was announced yet.
NO_EVENT = {"is_event": 0.0, "event_day": -1.0, "event_days_left": -1.0}


@dataclass(frozen=True)
class Asked:
    """Issues of one knot and the days they forecast.

    series   (issues,) places in `Facts.rows`
    day      (issues,) days of the panel, and `issued` their moments (int64 ns)
    steps    (horizons,) days ahead
    """

    series: np.ndarray
    day: np.ndarray
    issued: np.ndarray
    steps: np.ndarray

    @property
    def own(self) -> np.ndarray:
        return self.series[:, None]

    @property
    def moment(self) -> np.ndarray:
        return self.issued[:, None]

    @property
    def target(self) -> np.ndarray:
        """(issues, horizons) days of the panel."""
        return self.day[:, None] + self.steps


@dataclass(frozen=True)
class _Past:
    """What issues look back on, newest day first; all (issues, WINDOW) but `spread` (issues,).

    raw        log values, 0 where not `known`
    adjusted   the same less what is usual of the day: calendar and weather
    clipped    the same without outliers
    spread     how far adjusted values of eight weeks stray from their middle
    """

    known: np.ndarray
    raw: np.ndarray
    adjusted: np.ndarray
    clipped: np.ndarray
    spread: np.ndarray


def _past(facts: Facts, asked: Asked) -> _Past:
    back = np.arange(WINDOW)
    past = asked.day[:, None] - back
    inside = past >= 0
    past = np.maximum(past, 0)
    place = facts.rows[asked.own]
    known = inside & (facts.panel.known_at[place, past] <= asked.moment)
    raw = np.where(known, facts.log_y[place, past], 0.0)
    weather = np.where(
        back < SETTLED_DAYS,
        facts.fresh_weather[asked.own, past],
        facts.settled_weather[asked.own, past],
    )
    usual = facts.calendar(asked.own, past, asked.moment) + weather
    adjusted = np.where(known, raw - usual, 0.0)

    centre = _masked_median(adjusted[:, :28], known[:, :28])
    wide = _masked_median(adjusted[:, :112], known[:, :112])
    centre = np.where(np.isfinite(centre), centre, wide)
    centre = np.where(np.isfinite(centre), centre, _masked_median(adjusted, known))
    apart = np.abs(adjusted[:, :56] - centre[:, None])
    spread = np.maximum(1.4826 * _masked_median(apart, known[:, :56]), 0.02)
    limit = (4.0 * np.where(np.isfinite(spread), spread, 1.0))[:, None]
    clipped = np.clip(adjusted, centre[:, None] - limit, centre[:, None] + limit)
    return _Past(known, raw, adjusted, np.where(known, clipped, 0.0), spread)


def features(facts: Facts, asked: Asked, spec: SeriesSpec) -> dict[str, np.ndarray]:
    """Feature blocks of shape (issues, horizons) or (issues, 1) for issues of one knot.

    Their order is that of the frame's columns, in which models learn them.
    """
    past = _past(facts, asked)
    weights = 0.5 ** (np.arange(WINDOW)[:, None] / np.array(HALF_LIVES, dtype=float))
    mass = past.known.astype(float) @ weights
    levels = np.where(mass > 0, (past.clipped @ weights) / np.where(mass > 0, mass, 1.0), np.nan)
    level = {h: levels[:, [i]] for i, h in enumerate(HALF_LIVES)}
    base = level[BASE_HALF_LIFE]
    columns = {f"level_{h}": level[h] for h in HALF_LIVES}
    columns |= _ahead(facts, asked, past.spread, spec)
    for short, long in ((2, 16), (4, 16), (8, 16), (32, 16), (64, 32)):
        columns[f"level_{short}_over_{long}"] = level[short] - level[long]
    columns |= _recent(past, base)
    columns |= _seasonal(past, base, asked.steps, spec.season)
    columns |= _year_ago(facts, asked.series, asked.day, asked.target, base)
    columns |= _growth(facts.effects, weights, asked.series, asked.day, asked.target)
    return columns


def _ahead(
    facts: Facts, asked: Asked, spread: np.ndarray, spec: SeriesSpec
) -> dict[str, np.ndarray]:
    """What is known at the issue of the days that it forecasts: effects, calendar, weather."""
    panel, effects, own = facts.panel, facts.effects, asked.own
    target, moment, place = asked.target, asked.moment, facts.rows[asked.own]
    weather = panel.weather.as_of(
        np.broadcast_to(place, target.shape), target, np.broadcast_to(moment, target.shape)
    )
    weather_effect = effects.of_weather(weather, spec)
    announced, announced_support = facts.announced(own, target, moment)
    columns = {
        "effect": facts.calendar(own, target, moment) + weather_effect,
        "weekday_effect": effects.weekday[own, target],
        "event_effect": effects.events[own, target] + announced,
        "spread": spread[:, None],
        "horizon_feature": asked.steps[None, :].astype(float),
        "weather_effect": weather_effect,
        "named_effect": effects.named[own, target] + announced,
        "effect_support": effects.support[own, target] + announced_support,
    }
    is_announced = panel.calendar.event_known_at[place, target] <= moment
    for name, grid in panel.calendar.columns.items():
        columns[name] = grid[place, target]
        if name in NO_EVENT:
            columns[name] = np.where(is_announced, columns[name], NO_EVENT[name])
    columns["effect_day_before"] = facts.calendar(own, target - 1, moment)
    columns["effect_day_after"] = facts.calendar(own, target + 1, moment)
    return columns | {name: weather[..., number] for number, name in enumerate(spec.weather)}


def _recent(past: _Past, base: np.ndarray) -> dict[str, np.ndarray]:
    """The newest days against the level `base`: values, means, scatter and how much is known."""
    known, adjusted = past.known, past.adjusted
    columns: dict[str, np.ndarray] = {}
    for lag in range(4):
        columns[f"recent_{lag}"] = np.where(known[:, [lag]], adjusted[:, [lag]], np.nan) - base
    for length in (7, 14, 28, 56):
        columns[f"mean_{length}"] = (
            _masked_mean(adjusted[:, :length], known[:, :length])[:, None] - base
        )
    for length in (14, 56):
        mean = _masked_mean(adjusted[:, :length], known[:, :length])
        square = _masked_mean((adjusted[:, :length] - mean[:, None]) ** 2, known[:, :length])
        columns[f"deviation_{length}"] = np.sqrt(square)[:, None]
    columns["known_7"] = known[:, :7].sum(axis=1)[:, None].astype(float)
    columns["known_28"] = known[:, :28].sum(axis=1)[:, None].astype(float)
    columns["days_silent"] = np.where(known.any(axis=1), known.argmax(axis=1), WINDOW)[:, None]
    columns["mass"] = np.log1p(known.sum(axis=1))[:, None]
    return columns


def _seasonal(
    past: _Past, base: np.ndarray, steps: np.ndarray, season: int
) -> dict[str, np.ndarray]:
    """The same weekday of earlier weeks against the level `base`, and the seasonal naive."""
    same, same_raw, same_known = _same_weekday(past, steps, season)
    columns = {
        f"same_weekday_{number + 1}": np.where(same_known[..., number], same[..., number], np.nan)
        - base
        for number in range(4)
    }
    columns["same_weekday_mean"] = _masked_mean(same, same_known) - base
    newest = same_known.argmax(axis=-1)
    seasonal = np.take_along_axis(same_raw, newest[..., None], -1)[..., 0]
    fallback = _masked_mean(past.raw[:, :28], past.known[:, :28])
    fallback = np.where(np.isfinite(fallback), fallback, _masked_mean(past.raw, past.known))
    columns["naive"] = np.where(same_known.any(axis=-1), seasonal, fallback[:, None])
    return columns


def _same_weekday(
    past: _Past, steps: np.ndarray, season: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values one to eight seasons before the target, as far as the window holds them.

    Shapes (issues, horizons, 8): adjusted, raw, known.
    """
    first = (steps + season - 1) // season * season - steps
    offsets = first[:, None] + season * np.arange(8)
    return past.adjusted[:, offsets], past.raw[:, offsets], past.known[:, offsets]


def _growth(
    effects: Effects, weights: np.ndarray, series: np.ndarray, day: np.ndarray, target: np.ndarray
) -> dict[str, np.ndarray]:
    """What a level of each memory missed by the target a year ago; NaN where no year is known.

    Levels look back, so they lag behind a season that rises or falls; last year's season, known
    from both sides, shows by how much. Whole weeks back, to the same weekday.
    """
    own = series[:, None]
    width = effects.smooth.shape[1]

    def at(when: np.ndarray) -> np.ndarray:
        inside = (when >= 0) & (when < width)
        return np.where(inside, effects.smooth[own, np.clip(when, 0, width - 1)], np.nan)

    then = at(target - YEAR)
    past = at(day[:, None] - YEAR - np.arange(WINDOW))
    known = np.isfinite(past)
    mass = known.astype(float) @ weights
    lagging = (np.where(known, past, 0.0) @ weights) / np.where(mass > 0, mass, 1.0)
    # With less than its own memory behind it, last year's level is no match for this year's.
    enough = mass > 0.5 * weights.sum(axis=0)
    return {
        f"growth_{h}": np.where(enough[:, [i]], then - lagging[:, [i]], np.nan)
        for i, h in enumerate(HALF_LIVES)
    }


def _year_ago(
    facts: Facts, series: np.ndarray, day: np.ndarray, target: np.ndarray, base: np.ndarray
) -> dict[str, np.ndarray]:
    """What the same time last year did against its then level, own and over all centres."""
    effects, own = facts.effects, series[:, None]
    width = effects.smooth.shape[1]

    def at(grid: np.ndarray, when: np.ndarray) -> np.ndarray:
        inside = (when >= 0) & (when < width)
        return np.where(inside, grid[own, np.clip(when, 0, width - 1)], np.nan)

    common = effects.residual[facts.shared]
    count = np.isfinite(common).sum(axis=0)
    pooled = np.where(count > 0, np.nansum(common, axis=0) / np.maximum(count, 1), np.nan)
    pooled = np.broadcast_to(pooled, effects.residual.shape)
    then, now = at(effects.smooth, target - 364), at(effects.smooth, day[:, None] - 364)
    growth = then - now
    moves = effects.smooth - np.roll(effects.smooth, 7, axis=1)
    moves[:, :7] = np.nan
    around = [at(effects.residual, target - lag) for lag in (363, 364, 365)]
    stacked = np.stack(around, axis=-1)
    return {
        "last_year_growth": growth,
        "last_year_same_weekday": at(effects.residual, target - 364),
        "last_year_same_date": at(effects.residual, target - 365),
        "last_year_same_date_pooled": at(pooled, target - 365),
        "last_year_around": _masked_mean(np.nan_to_num(stacked), np.isfinite(stacked)),
        "last_year_week_move": at(moves, target - 364 + 7),
        "level_over_last_year": base - now,
    }


def _masked_mean(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean over the last axis of `values` where `mask`; NaN where nothing is left."""
    count = mask.sum(axis=-1)
    total = np.where(mask, values, 0.0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _masked_median(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Median over the last axis of `values` where `mask`; NaN where nothing is left."""
    ordered = np.sort(np.where(mask, values, np.inf), axis=-1)
    count = mask.sum(axis=-1)
    low, high = np.maximum((count - 1) // 2, 0), count // 2
    high = np.minimum(high, values.shape[-1] - 1)
    first = np.take_along_axis(ordered, low[..., None], -1)[..., 0]
    second = np.take_along_axis(ordered, high[..., None], -1)[..., 0]
    first = np.where(count > 0, first, 0.0)
    second = np.where(count > 0, second, 0.0)
    return np.where(count > 0, (first + second) / 2, np.nan)
