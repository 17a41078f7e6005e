"""The feature frame: one row per series, issue day and horizon, from facts known by then.

The one place where features are made, for training, backtest, forecast and replay alike, so that
they cannot differ. Models are in `training`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from flow_platform.forecasting.daily.data import SeriesData, SeriesSpec
from flow_platform.forecasting.daily.effects import (
    Effects,
    fit_effects,
    series_shared,
    weather_basis,
)
from flow_platform.forecasting.daily.panel import NEVER, Panel, build_panel, places
from flow_platform.ground.errors import ModelError
from flow_platform.models.moments import DAY_NS, day_numbers

# Days of the past that an issue looks back on.
WINDOW = 392
YEAR = 364
HALF_LIVES = (2, 4, 8, 16, 32, 64)
BASE_HALF_LIFE = 16
# Effects are estimated anew every so many days, at the newest knot before the issue time.
KNOT_DAYS = 7
# Issues whose features are made at a time: more would only take memory.
CHUNK = 4000
# A day's row takes the weather as known this many days later, when observations have come.
SETTLED_DAYS = 2

KEYS = ("unique_id", "issue", "issued_at", "horizon", "ds", "y", "y_available_at")
LEVELS = tuple(f"level_{h}" for h in HALF_LIVES)
# Columns that carry a forecast's parts in log units; models combine them.
GROWTHS = tuple(f"growth_{h}" for h in HALF_LIVES)
# Of "effect", what the weekday and events make; explanations tell them apart.
EXPLAINED = ("weekday_effect", "event_effect")
# What stands in an event's columns where there is none, or none was announced yet.
NO_EVENT = {"is_event": 0.0, "event_day": -1.0, "event_days_left": -1.0}
PARTS = (*LEVELS, *GROWTHS, "effect", *EXPLAINED, "naive", "spread")


def build_frame(
    data: SeriesData, issues: pd.DataFrame, horizons: tuple[int, ...], spec: SeriesSpec
) -> pd.DataFrame:
    """Features for `issues` (unique_id, issue, issued_at UTC), all in logs of 1 + y.

    Returns exactly one row per issue and horizon, ordered by unique_id, issue, horizon: `KEYS`,
    `PARTS` and every feature (float64, NaN where unknown). A feature of an issue comes from rows
    with available_at <= issued_at and the calendar; y and y_available_at are the target's and are
    for training and scoring only. Raises ModelError where issues repeat.
    """
    if issues.duplicated(["unique_id", "issue"]).any():
        raise ModelError("build_frame got repeated issues; give each series and day once.")
    if issues.empty:
        raise ModelError("build_frame got no issues; give at least one series and day.")
    panel = build_panel(data, issues, spec)
    series = places(panel.ids, issues["unique_id"])
    day = day_numbers(issues["issue"]) - panel.first_day
    order = np.lexsort((day, series))
    series, day = series[order], day[order]
    issued = panel.issued_at[series, day]
    log_y = np.log1p(panel.y)
    steps = np.array(sorted(horizons), dtype=np.int64)

    weather = _past_weather(panel, spec)
    knots = issued // (KNOT_DAYS * DAY_NS) * (KNOT_DAYS * DAY_NS)
    blocks: dict[str, np.ndarray] = {}
    rows = len(series) * len(steps)
    for knot in np.unique(knots):
        here = np.flatnonzero(knots == knot)
        facts = _facts_at(panel, log_y, int(knot), np.unique(series[here]), weather, spec)
        for at in np.array_split(here, -(-len(here) // CHUNK)):
            place = np.searchsorted(facts.rows, series[at])
            columns = _features(facts, place, day[at], issued[at], steps, spec)
            where = (at[:, None] * len(steps) + np.arange(len(steps))).ravel()
            for name, block in columns.items():
                if name not in blocks:
                    blocks[name] = np.full(rows, np.nan)
                blocks[name][where] = np.broadcast_to(block, (len(at), len(steps))).ravel()

    target = day[:, None] + steps
    repeat = np.repeat(np.arange(len(series)), len(steps))
    target_known = panel.known_at[series[:, None], target].ravel()
    keys = {
        "unique_id": panel.ids[series][repeat],
        "issue": _days(panel.first_day + day)[repeat],
        "issued_at": _times(issued)[repeat],
        "horizon": np.tile(steps, len(series)),
        "ds": _days(panel.first_day + target.ravel()),
        "y": panel.y[series[:, None], target].ravel(),
        "y_available_at": _times(target_known),
    }
    return pd.DataFrame(keys | blocks)


def feature_names(frame: pd.DataFrame) -> list[str]:
    """The columns of a frame that a model may learn from, in their order."""
    parts = set(KEYS) | {*LEVELS, *GROWTHS, *EXPLAINED, "naive"}
    return [c for c in frame.columns if c not in parts]


def _days(numbers: np.ndarray) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(numbers.astype("datetime64[D]").astype("datetime64[ns]"))


def _times(moments: np.ndarray) -> pd.DatetimeIndex:
    stamps = np.where(moments == NEVER, np.iinfo(np.int64).min, moments).astype("datetime64[ns]")
    return pd.DatetimeIndex(stamps).tz_localize("UTC")


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


@dataclass(frozen=True)
class _Facts:
    """What is known at a knot of some series of a panel; grids of (series, days) follow `rows`."""

    panel: Panel
    rows: np.ndarray  # places in the panel, sorted
    log_y: np.ndarray  # of the whole panel
    effects: Effects
    fresh_weather: np.ndarray  # effect of the weather as known at the day's issue
    settled_weather: np.ndarray  # and some days later
    shared: np.ndarray  # which of `rows` tell what all series have in common

    def calendar(self, series: np.ndarray, day: np.ndarray, issued: np.ndarray) -> np.ndarray:
        """What is usual of the days, in logs, weather apart, as known at `issued`."""
        found = self.effects.calendar[series, day]
        return found + self.announced(series, day, issued)[0]

    def announced(
        self, series: np.ndarray, day: np.ndarray, issued: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Effect and support of events that were announced after the knot, by `issued`."""
        effect, support = np.zeros(()), np.zeros(())
        for event in self.effects.announced:
            heard = event.moment <= issued
            effect = effect + np.where(heard, event.effect[series, day], 0.0)
            support = support + np.where(heard, event.support[series, day], 0.0)
        return effect, support


@dataclass(frozen=True)
class _PastWeather:
    """Weather basis (series, days, hinges) as known at each day's issue, and some days later."""

    fresh: np.ndarray
    settled: np.ndarray
    settled_at: np.ndarray  # (series, days) int64 ns, 0 for never

    def known_at(self, knot: int) -> np.ndarray:
        """A knot's own rows use weather known by then: the last days as fresh, not as settled."""
        usable = ((self.settled_at > 0) & (self.settled_at <= knot))[..., None]
        return np.where(usable, self.settled, self.fresh)


def _past_weather(panel: Panel, spec: SeriesSpec) -> _PastWeather:
    grid_series, grid_day = (np.asarray(g) for g in np.indices(panel.y.shape))
    fresh = panel.weather.as_of(grid_series, grid_day, panel.issued_at * (panel.issued_at != NEVER))
    later = np.zeros_like(panel.issued_at)
    later[:, :-SETTLED_DAYS] = panel.issued_at[:, SETTLED_DAYS:]
    later[later == NEVER] = 0
    settled = panel.weather.as_of(grid_series, grid_day, later)
    return _PastWeather(weather_basis(fresh, spec), weather_basis(settled, spec), later)


def _facts_at(
    panel: Panel,
    log_y: np.ndarray,
    knot: int,
    wanted: np.ndarray,
    weather: _PastWeather,
    spec: SeriesSpec,
) -> _Facts:
    """What is known at a knot of the series `wanted` and of those that tell what all share."""
    shared = series_shared(panel, knot)
    rows = np.union1d(shared, wanted)
    basis = weather.known_at(knot)
    # Threads would add in another order, and lose time on systems this small.
    with threadpool_limits(1, "blas"):
        effects = fit_effects(panel, log_y, knot, knot + KNOT_DAYS * DAY_NS, rows, basis, spec)
    return _Facts(
        panel,
        rows,
        log_y,
        effects,
        weather.fresh[rows] @ effects.weather,
        weather.settled[rows] @ effects.weather,
        np.searchsorted(rows, shared),
    )


def _features(
    facts: _Facts,
    series: np.ndarray,
    day: np.ndarray,
    issued: np.ndarray,
    steps: np.ndarray,
    spec: SeriesSpec,
) -> dict[str, np.ndarray]:
    """Feature blocks of shape (issues, horizons) or (issues, 1) for issues of one knot.

    `series` are places in `facts.rows`.
    """
    panel, effects = facts.panel, facts.effects
    back = np.arange(WINDOW)
    past = day[:, None] - back
    inside = past >= 0
    past = np.maximum(past, 0)
    own, heard = series[:, None], issued[:, None]
    place = facts.rows[own]
    known = inside & (panel.known_at[place, past] <= heard)
    raw = np.where(known, facts.log_y[place, past], 0.0)
    weather_past = np.where(
        back < SETTLED_DAYS, facts.fresh_weather[own, past], facts.settled_weather[own, past]
    )
    usual = facts.calendar(own, past, heard) + weather_past
    adjusted = np.where(known, raw - usual, 0.0)

    centre = _masked_median(adjusted[:, :28], known[:, :28])
    wide = _masked_median(adjusted[:, :112], known[:, :112])
    centre = np.where(np.isfinite(centre), centre, wide)
    centre = np.where(np.isfinite(centre), centre, _masked_median(adjusted, known))
    apart = np.abs(adjusted[:, :56] - centre[:, None])
    spread = np.maximum(1.4826 * _masked_median(apart, known[:, :56]), 0.02)
    spread_wide = np.where(np.isfinite(spread), spread, 1.0)
    limit = (4.0 * spread_wide)[:, None]
    clipped = np.clip(adjusted, centre[:, None] - limit, centre[:, None] + limit)
    clipped = np.where(known, clipped, 0.0)

    weights = 0.5 ** (back[:, None] / np.array(HALF_LIVES, dtype=float))
    mass = known.astype(float) @ weights
    levels = np.where(mass > 0, (clipped @ weights) / np.where(mass > 0, mass, 1.0), np.nan)
    level = {h: levels[:, [i]] for i, h in enumerate(HALF_LIVES)}
    base = level[BASE_HALF_LIFE]

    target = day[:, None] + steps
    weather = panel.weather.as_of(
        np.broadcast_to(place, target.shape), target, np.broadcast_to(heard, target.shape)
    )
    weather_effect = effects.of_weather(weather, spec)
    announced, announced_support = facts.announced(own, target, heard)

    columns: dict[str, np.ndarray] = {f"level_{h}": level[h] for h in HALF_LIVES}
    columns["effect"] = facts.calendar(own, target, heard) + weather_effect
    columns["weekday_effect"] = effects.weekday[own, target]
    columns["event_effect"] = effects.events[own, target] + announced
    columns["spread"] = spread[:, None]
    columns["horizon_feature"] = steps[None, :].astype(float)
    columns["weather_effect"] = weather_effect
    columns["named_effect"] = effects.named[own, target] + announced
    columns["effect_support"] = effects.support[own, target] + announced_support
    told = panel.calendar.event_known_at[place, target] <= heard
    for name, grid in panel.calendar.columns.items():
        columns[name] = grid[place, target]
        if name in NO_EVENT:
            columns[name] = np.where(told, columns[name], NO_EVENT[name])
    columns["effect_day_before"] = facts.calendar(own, target - 1, heard)
    columns["effect_day_after"] = facts.calendar(own, target + 1, heard)
    for number, name in enumerate(spec.weather):
        columns[name] = weather[..., number]

    for short, long in ((2, 16), (4, 16), (8, 16), (32, 16), (64, 32)):
        columns[f"level_{short}_over_{long}"] = level[short] - level[long]
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

    same, same_raw, same_known = _same_weekday(adjusted, raw, known, steps, spec.season)
    for number in range(4):
        columns[f"same_weekday_{number + 1}"] = (
            np.where(same_known[..., number], same[..., number], np.nan) - base
        )
    columns["same_weekday_mean"] = _masked_mean(same, same_known) - base
    newest = same_known.argmax(axis=-1)
    seasonal = np.take_along_axis(same_raw, newest[..., None], -1)[..., 0]
    fallback = _masked_mean(raw[:, :28], known[:, :28])
    fallback = np.where(np.isfinite(fallback), fallback, _masked_mean(raw, known))
    columns["naive"] = np.where(same_known.any(axis=-1), seasonal, fallback[:, None])

    columns |= _year_ago(facts, series, day, target, base)
    columns |= _growth(effects, weights, series, day, target)
    return columns


def _same_weekday(
    adjusted: np.ndarray, raw: np.ndarray, known: np.ndarray, steps: np.ndarray, season: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values one to eight seasons before the target, as far as the window holds them.

    Shapes (issues, horizons, 8): adjusted, raw, known.
    """
    first = (steps + season - 1) // season * season - steps
    offsets = first[:, None] + season * np.arange(8)
    return adjusted[:, offsets], raw[:, offsets], known[:, offsets]


def _growth(
    effects: Effects, weights: np.ndarray, series: np.ndarray, day: np.ndarray, target: np.ndarray
) -> dict[str, np.ndarray]:
    """What a level of each memory missed by the target a year ago; NaN where no year is known.

    Levels look back, so they lag behind a season that rises or falls; last year's season, known
    from both sides, tells by how much. Whole weeks back, to the same weekday.
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
    facts: _Facts, series: np.ndarray, day: np.ndarray, target: np.ndarray, base: np.ndarray
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
