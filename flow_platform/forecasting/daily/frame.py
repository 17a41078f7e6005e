"""The feature frame: one row per series, issue day and horizon, from facts known by then.

The one place where features are put together, for training, backtest, forecast and replay alike, so
that they cannot differ. What they are is in `features`; what is known at a knot, in `facts`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from flow_platform.forecasting.daily.data import SeriesData, SeriesSpec
from flow_platform.forecasting.daily.facts import KNOT_DAYS, facts_at, past_weather
from flow_platform.forecasting.daily.features import HALF_LIVES, Asked, features
from flow_platform.forecasting.daily.panel import NEVER, build_panel, places
from flow_platform.ground.errors import ModelError
from flow_platform.models.moments import DAY_NS, day_numbers

# Issues whose features are made at a time: more would only take memory.
CHUNK = 4000

KEYS = ("unique_id", "issue", "issued_at", "horizon", "ds", "y", "y_available_at")
LEVELS = tuple(f"level_{h}" for h in HALF_LIVES)
# Columns that carry a forecast's parts in log units; models combine them.
GROWTHS = tuple(f"growth_{h}" for h in HALF_LIVES)
# The shares of "effect" of the weekday and of events, which explanations name apart.
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
    series = places(panel.ids, issues["unique_id"])
    day = day_numbers(issues["issue"]) - panel.first_day
    order = np.lexsort((day, series))
    series, day = series[order], day[order]
    issued = panel.issued_at[series, day]
    log_y = np.log1p(panel.y)
    steps = np.array(sorted(horizons), dtype=np.int64)

    weather = past_weather(panel, spec)
    knots = issued // (KNOT_DAYS * DAY_NS) * (KNOT_DAYS * DAY_NS)
    blocks: dict[str, np.ndarray] = {}
    rows = len(series) * len(steps)
    for knot in np.unique(knots):
        here = np.flatnonzero(knots == knot)
        facts = facts_at(panel, log_y, int(knot), np.unique(series[here]), weather, spec)
        for at in np.array_split(here, -(-len(here) // CHUNK)):
            place = np.searchsorted(facts.rows, series[at])
            columns = features(facts, Asked(place, day[at], issued[at], steps), spec)
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
