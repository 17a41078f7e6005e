"""The feature frame: one row per series, issue day and horizon, from facts known by then.

The one place where features are made, for training, backtest, forecast and replay alike, so that
they cannot differ. Models are in `training`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from flow_platform.errors import ModelError
from flow_platform.forecasting.data import SeriesData, SeriesSpec, day_numbers
from flow_platform.forecasting.effects import Effects, fit_effects, weather_basis
from flow_platform.forecasting.panel import DAY_NS, NEVER, Panel, build_panel

# Days of the past that an issue looks back on.
WINDOW = 392
YEAR = 364
HALF_LIVES = (2, 4, 8, 16, 32, 64)
BASE_HALF_LIFE = 16
# Effects are estimated anew every so many days, at the newest knot before the issue time.
KNOT_DAYS = 7
# A day's row takes the weather as known this many days later, when observations have come.
SETTLED_DAYS = 2

KEYS = ("unique_id", "issue", "issued_at", "horizon", "ds", "y", "y_available_at")
LEVELS = tuple(f"level_{h}" for h in HALF_LIVES)
# Columns that carry a forecast's parts in log units; models combine them.
GROWTHS = tuple(f"growth_{h}" for h in HALF_LIVES)
# Of "effect", what the weekday and events make; explanations tell them apart.
EXPLAINED = ("weekday_effect", "event_effect")
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
    names = issues["unique_id"].to_numpy(dtype=object).astype(str)
    series = np.searchsorted(panel.ids, names)
    day = day_numbers(issues["issue"]) - panel.first_day
    order = np.lexsort((day, series))
    series, day = series[order], day[order]
    issued = panel.issued_at[series, day]
    log_y = np.log1p(panel.y)
    steps = np.array(sorted(horizons), dtype=np.int64)

    grid_series, grid_day = (np.asarray(g) for g in np.indices(panel.y.shape))
    fresh = panel.weather.as_of(grid_series, grid_day, panel.issued_at * (panel.issued_at != NEVER))
    later = np.zeros_like(panel.issued_at)
    later[:, :-SETTLED_DAYS] = panel.issued_at[:, SETTLED_DAYS:]
    later[later == NEVER] = 0
    settled = panel.weather.as_of(grid_series, grid_day, later)
    fresh_basis, settled_basis = weather_basis(fresh, spec), weather_basis(settled, spec)

    knots = issued // (KNOT_DAYS * DAY_NS) * (KNOT_DAYS * DAY_NS)
    blocks: dict[str, np.ndarray] = {}
    rows = len(series) * len(steps)
    for knot in np.unique(knots):
        # A knot's own rows use weather known by then: the last days as fresh, not as settled.
        usable = ((later > 0) & (later <= knot))[..., None]
        # Threads would add in another order, and lose time on systems this small.
        with threadpool_limits(1, "blas"):
            effects = fit_effects(
                panel, log_y, int(knot), np.where(usable, settled_basis, fresh_basis), spec
            )
        at = np.flatnonzero(knots == knot)
        columns = _features(
            panel, log_y, effects, series[at], day[at], issued[at], steps, spec,
            fresh_basis @ effects.weather, settled_basis @ effects.weather,
        )  # fmt: skip
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


def _features(
    panel: Panel,
    log_y: np.ndarray,
    effects: Effects,
    series: np.ndarray,
    day: np.ndarray,
    issued: np.ndarray,
    steps: np.ndarray,
    spec: SeriesSpec,
    fresh_weather: np.ndarray,
    settled_weather: np.ndarray,
) -> dict[str, np.ndarray]:
    """Feature blocks of shape (issues, horizons) or (issues, 1) for issues of one knot."""
    back = np.arange(WINDOW)
    past = day[:, None] - back
    inside = past >= 0
    past = np.maximum(past, 0)
    own = series[:, None]
    known = inside & (panel.known_at[own, past] <= issued[:, None])
    raw = np.where(known, log_y[own, past], 0.0)
    weather_past = np.where(
        back < SETTLED_DAYS, fresh_weather[own, past], settled_weather[own, past]
    )
    usual = effects.calendar[own, past] + weather_past
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
        np.broadcast_to(own, target.shape), target, np.broadcast_to(issued[:, None], target.shape)
    )
    calendar_effect = effects.calendar[own, target]
    weather_effect = effects.of_weather(weather, spec)

    columns: dict[str, np.ndarray] = {f"level_{h}": level[h] for h in HALF_LIVES}
    columns["effect"] = calendar_effect + weather_effect
    columns["weekday_effect"] = effects.weekday[own, target]
    columns["event_effect"] = effects.events[own, target]
    columns["spread"] = spread[:, None]
    columns["horizon_feature"] = steps[None, :].astype(float)
    columns["weather_effect"] = weather_effect
    columns["named_effect"] = effects.named[own, target]
    columns["effect_support"] = effects.support[own, target]
    for name, grid in panel.calendar.columns.items():
        columns[name] = grid[own, target]
    columns["effect_day_before"] = effects.calendar[own, target - 1]
    columns["effect_day_after"] = effects.calendar[own, target + 1]
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

    columns |= _year_ago(effects, series, day, target, base)
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
    effects: Effects, series: np.ndarray, day: np.ndarray, target: np.ndarray, base: np.ndarray
) -> dict[str, np.ndarray]:
    """What the same time last year did against its then level, own and over all centres."""
    own = series[:, None]
    width = effects.smooth.shape[1]

    def at(grid: np.ndarray, when: np.ndarray) -> np.ndarray:
        inside = (when >= 0) & (when < width)
        return np.where(inside, grid[own, np.clip(when, 0, width - 1)], np.nan)

    count = np.isfinite(effects.residual).sum(axis=0)
    pooled = np.where(count > 0, np.nansum(effects.residual, axis=0) / np.maximum(count, 1), np.nan)
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
