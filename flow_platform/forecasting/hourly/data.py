"""What hourly forecasts are made from: readings, calendar and weather, each with its moment.

Features live in `frame`, models in `training`; nothing here reads a database.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace

import pandas as pd

from flow_platform.ground.errors import ModelError
from flow_platform.models.fingerprints import hashed_rows
from flow_platform.models.frames import check_columns, check_unique
from flow_platform.models.moments import seconds, utc

# Raised whenever the same facts would give another model, so that vintages are trained again.
CODE_VERSION = "4"

HOUR = 3_600
# Earlier occurrences of an hour of the week that its profile is made from.
OCCURRENCES = 16
# Older occurrences are not looked at: so many weeks, and some for holidays between them.
PROFILE_DAYS = 7 * (OCCURRENCES + 2)
# The days whose mean is a series' level.
LEVEL_DAYS = 28
# Days whose forecasts show how wide bands should be.
ADAPTATION_DAYS = 14
# All that an issue looks back on: bands that were made so many days ago from the level of weeks
# before, its profiles, and whether roads were barred most of the time before those. With less, the
# forecast of an issue would depend on the issues that are forecast with it.
LOOKBACK_DAYS = ADAPTATION_DAYS + LEVEL_DAYS + PROFILE_DAYS + LEVEL_DAYS + 3
WEATHER_COLUMNS = ("temperature_mean", "precipitation_mm", "wind_max_kmh")
FACT_COLUMNS = (
    "is_public_holiday",
    "is_school_holiday",
    "is_bridge_day",
    "days_to_holiday",
    "days_since_holiday",
    "is_event",
)


@dataclass(frozen=True)
class HourlyBoosting:
    """LightGBM's parameters, by its own names; `rounds` are trees."""

    num_leaves: int = 47
    min_data_in_leaf: int = 60
    learning_rate: float = 0.07
    feature_fraction: float = 0.5
    rounds: int = 250


@dataclass(frozen=True)
class HourlySpec:
    """What a flow fixes about its forecasts.

    `horizons` are hours ahead of the issue, `season` the hours of a week, `seed` feeds every random
    choice. The last `backtest_days` before the cut-off are forecast by models fitted before them.
    Training looks back on `training_days` at the most and learns from `most_series` series, evenly
    chosen; a series needs `min_history_days` days with readings.
    """

    horizons: tuple[int, ...] = tuple(range(1, 25))
    season: int = 168
    seed: int = 20240229
    boosting: HourlyBoosting = HourlyBoosting()
    backtest_days: int = 63
    min_history_days: int = 35
    training_days: int = 730
    most_series: int = 120
    weather: tuple[str, ...] = WEATHER_COLUMNS

    def __post_init__(self) -> None:
        if not self.horizons or min(self.horizons) < 1 or max(self.horizons) > 24:
            raise ModelError(
                f"HourlySpec.horizons is {self.horizons}; give whole hours from 1 to 24."
            )


@dataclass(frozen=True)
class HourlyData:
    """A panel and its regressors, each fact with the moment it became known.

    actuals    one row per series and hour with a reading: unique_id str, ds (end of the hour, UTC,
               naive), y >= 0, occupancy (percent or NaN), barred (bool: whether the counter
               reported its road closed), available_at UTC. A missing hour has none
    places     unique_id, place, timezone (IANA): the place of each series, of which it has
               the local time, calendar and weather
    calendar   one row per place and local day: place, day and `FACT_COLUMNS`. Known beforehand,
               but for an event with event_known_at (UTC; missing: always known). May be empty
    weather    one row per place, local day and vintage: place, day, available_at UTC and numeric
               columns. May be empty or miss days
    """

    actuals: pd.DataFrame
    places: pd.DataFrame
    calendar: pd.DataFrame
    weather: pd.DataFrame

    def __post_init__(self) -> None:
        wanted = {
            "actuals": ("unique_id", "ds", "y", "occupancy", "barred", "available_at"),
            "places": ("unique_id", "place", "timezone"),
        }
        if len(self.calendar.columns):
            wanted["calendar"] = ("place", "day", *FACT_COLUMNS)
        if len(self.weather.columns):
            wanted["weather"] = ("place", "day", "available_at")
        check_columns(self, wanted)
        remedy = "Choose one reading an hour before forecasting."
        check_unique(self, "actuals", ["unique_id", "ds"], remedy)

    def of(self, unique_ids: Collection[str]) -> HourlyData:
        """The same panel with these series alone."""
        return replace(
            self,
            actuals=self.actuals[self.actuals["unique_id"].isin(unique_ids)],
            places=self.places[self.places["unique_id"].isin(unique_ids)],
        )

    def before(self, cutoff: pd.Timestamp) -> HourlyData:
        """The same panel as it was before `cutoff` (UTC): facts known strictly earlier."""
        moment = utc(cutoff)
        weather = self.weather
        if len(weather):
            weather = weather[weather["available_at"] < moment]
        return replace(
            self, actuals=self.actuals[self.actuals["available_at"] < moment], weather=weather
        )


def fingerprint(data: HourlyData, cutoff: pd.Timestamp, spec: HourlySpec) -> str:
    """sha256 over all that training at `cutoff` can see, the spec and the code version.

    Independent of the order of rows and columns; equal fingerprints mean equal trained bytes.
    """
    moment = utc(cutoff)
    visible = data.before(moment)
    first = moment.tz_localize(None) - pd.Timedelta(days=spec.training_days)
    last = moment.tz_localize(None) + pd.Timedelta(days=2)
    digest = hashlib.sha256()
    digest.update(
        json.dumps([CODE_VERSION, moment.isoformat(), asdict(spec)], sort_keys=True).encode()
    )
    parts = {
        "actuals": visible.actuals[visible.actuals["ds"] > first],
        "places": visible.places,
    }
    for name in ("calendar", "weather"):
        frame: pd.DataFrame = getattr(visible, name)
        parts[name] = frame[frame["day"].between(first, last)] if len(frame) else frame
    for name, frame in parts.items():
        digest.update(f"|{name}:{len(frame)}".encode())
        digest.update(",".join(sorted(frame.columns)).encode())
        if len(frame):
            digest.update(hashed_rows(frame, with_zone=seconds, naive=seconds))
    return digest.hexdigest()
