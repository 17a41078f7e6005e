"""What a forecast is made from: the facts of a panel with the moment each became known.

Holds the panel's frames, a flow's fixed choices and the fingerprint of what a cut-off can see.
Features live in `frame`, models in `training`; nothing here reads a database.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field

import pandas as pd

from flow_platform.ground.columns import WEATHER_COLUMNS
from flow_platform.ground.errors import ModelError
from flow_platform.models.boosters import Boosting
from flow_platform.models.fingerprints import hashed_rows
from flow_platform.models.frames import check_columns, check_unique
from flow_platform.models.moments import day_numbers, nanoseconds, utc

# Raised whenever the same facts would give another model, so that vintages are trained again.
CODE_VERSION = "6"

# How far past a target day its calendar is read: a coming holiday bends the days before it.
CALENDAR_LOOKAHEAD = 10


@dataclass(frozen=True)
class SeriesSpec:
    """What a flow fixes about its forecasts.

    `horizons` are steps ahead of the issue day, `season` the steps of one season, `seed` feeds
    every random choice. `backtest_days` before the cut-off serve as rolling origins in
    `backtest_folds` retrained folds. `boosting` is given, never sought while training, so that
    equal data give equal models on any machine. `min_history_days` known days make a series
    trainable.
    """

    horizons: tuple[int, ...] = tuple(range(1, 15))
    season: int = 7
    frequency: str = "D"
    non_negative: bool = True
    seed: int = 20240229
    boosting: Boosting = field(default_factory=Boosting)
    backtest_days: int = 84
    backtest_folds: int = 2
    min_history_days: int = 56
    weather: tuple[str, ...] = WEATHER_COLUMNS

    def __post_init__(self) -> None:
        if self.frequency != "D":
            raise ModelError(
                f"SeriesSpec.frequency is {self.frequency!r}; only daily flows ('D') are forecast "
                "so far. Aggregate the series to days."
            )
        if not self.horizons or min(self.horizons) < 1:
            raise ModelError(
                f"SeriesSpec.horizons is {self.horizons}; give whole steps of 1 or more."
            )


@dataclass(frozen=True)
class SeriesData:
    """A panel and its regressors, each fact with the moment it became known.

    actuals    one row per series and known day: unique_id str, ds (naive local midnight), y >= 0,
               available_at UTC. A missing day has no row.
    calendar   one row per series and day: unique_id, ds and any of the columns of `raw.calendar`
               (holiday, event, is_bridge_day, is_school_holiday, ...). Known beforehand, but for
               an event with event_known_at (UTC; missing: always known). It should reach
               `CALENDAR_LOOKAHEAD` days past the last target. May be empty.
    weather    by target day, as forecast at several moments and as observed: unique_id, ds,
               vintage ('forecast' or 'observed'), available_at UTC and numeric columns. May be
               empty or miss days.
    issues     one row per series and day over the whole span: unique_id, issue (naive day),
               issued_at UTC.
    """

    actuals: pd.DataFrame
    calendar: pd.DataFrame
    weather: pd.DataFrame
    issues: pd.DataFrame

    def __post_init__(self) -> None:
        wanted = {
            "actuals": ("unique_id", "ds", "y", "available_at"),
            "issues": ("unique_id", "issue", "issued_at"),
        }
        if len(self.calendar.columns):
            wanted["calendar"] = ("unique_id", "ds")
        if len(self.weather.columns):
            wanted["weather"] = ("unique_id", "ds", "vintage", "available_at")
        check_columns(self, wanted)
        remedy = "Add up or drop repeated rows before forecasting."
        check_unique(self, "actuals", ["unique_id", "ds"], remedy)
        check_unique(self, "issues", ["unique_id", "issue"], remedy)

    def before(self, cutoff: pd.Timestamp, spec: SeriesSpec) -> SeriesData:
        """The same panel as it was before `cutoff` (UTC): facts and issues strictly earlier.

        The calendar is cut to the days that issues before the cut-off may look at.
        """
        moment = utc(cutoff)
        reach = moment.tz_localize(None).normalize() + pd.Timedelta(
            days=max(spec.horizons) + CALENDAR_LOOKAHEAD - 1
        )
        calendar, weather = self.calendar, self.weather
        if len(calendar):
            calendar = _announced_before(calendar[calendar["ds"] <= reach], moment)
        if len(weather):
            weather = weather[weather["available_at"] < moment]
        return SeriesData(
            actuals=self.actuals[self.actuals["available_at"] < moment],
            calendar=calendar,
            weather=weather,
            issues=self.issues[self.issues["issued_at"] < moment],
        )


def _announced_before(calendar: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    """The calendar without events that were announced at `moment` or later."""
    if "event_known_at" not in calendar:
        return calendar
    later = calendar["event_known_at"] >= moment
    if not later.any():
        return calendar
    return calendar.assign(
        event=calendar["event"].astype(object).where(~later, None),
        event_known_at=calendar["event_known_at"].where(~later, pd.NaT),
    )


def fingerprint(data: SeriesData, cutoff: pd.Timestamp, spec: SeriesSpec) -> str:
    """sha256 over all that training at `cutoff` can see, the spec and the code version.

    Independent of row order and column order; equal fingerprints mean equal trained bytes.
    """
    visible = data.before(cutoff, spec)
    digest = hashlib.sha256()
    digest.update(
        json.dumps([CODE_VERSION, utc(cutoff).isoformat(), asdict(spec)], sort_keys=True).encode()
    )
    parts = {
        "actuals": visible.actuals,
        "calendar": visible.calendar,
        # An old name of the weather: with another one registered vintages would be trained again.
        "vintages": visible.weather,
        "issues": visible.issues,
    }
    for name, frame in parts.items():
        digest.update(f"|{name}:{len(frame)}".encode())
        if frame.empty:
            continue
        digest.update(",".join(sorted(frame.columns)).encode())
        digest.update(hashed_rows(frame, with_zone=nanoseconds, naive=day_numbers))
    return digest.hexdigest()
