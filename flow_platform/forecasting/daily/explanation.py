"""What moved a forecast from a usual same weekday, in the units of the forecast.

Works on a feature frame with its forecasts; nothing here predicts.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

DRIVERS = ("calendar", "weather", "events", "recent_level", "trend")
EXPLANATION_COLUMNS = ("usual", *(f"by_{driver}" for driver in DRIVERS))
# A usual day has the level of half a year.
USUAL_LEVEL = "level_64"
_CALENDAR = (
    "weekday",
    "effect_day_before",
    "effect_day_after",
    "effect_support",
    "named_effect",
    "horizon_feature",
    "days_to_holiday",
    "days_since_holiday",
)


def driver_of(feature: str, weather: tuple[str, ...]) -> str:
    """The driver to which a feature of the frame belongs."""
    if feature in weather or feature == "weather_effect":
        return "weather"
    if feature.startswith(("is_event", "event_")):
        return "events"
    if feature in _CALENDAR or feature.startswith("is_"):
        return "calendar"
    if feature.startswith(("last_year_", "level_over_last_year")):
        return "trend"
    return "recent_level"


def explain(
    frame: pd.DataFrame,
    corrections: Mapping[str, np.ndarray],
    trend: np.ndarray,
    weather: tuple[str, ...],
) -> pd.DataFrame:
    """`EXPLANATION_COLUMNS` of a frame's forecasts: usual + by_... = prediction, row by row.

    `usual` is the forecast of the same weekday at the level of the last half year, with nothing
    special. Effects in logs become units by the logarithmic mean, which leaves no rest (LMDI, Ang,
    Energy Policy 32, 2004). `corrections` are what LightGBM adds in logs, by feature; `trend` is
    last year's season in the level. What no driver names is the recent level.
    """
    usual_level = frame[USUAL_LEVEL].to_numpy()
    usual = usual_level + frame["weekday_effect"].to_numpy()
    events = frame["event_effect"].to_numpy()
    of_weather = frame["weather_effect"].to_numpy()
    parts = {
        "calendar": frame["effect"].to_numpy()
        - frame["weekday_effect"].to_numpy()
        - events
        - of_weather,
        "weather": of_weather,
        "events": events,
        "trend": np.asarray(trend, dtype=float),
    }
    for feature, added in corrections.items():
        driver = driver_of(feature, weather)
        if driver != "recent_level":
            parts[driver] = parts[driver] + added
    predicted = np.log1p(frame["prediction"].to_numpy())
    usual = np.maximum(usual, 0.0)
    parts["recent_level"] = predicted - usual - sum(parts.values())
    apart = predicted - usual
    near = np.abs(apart) < 1e-9
    unit = np.where(
        near, np.exp(predicted), (np.exp(predicted) - np.exp(usual)) / np.where(near, 1.0, apart)
    )
    table = {"usual": np.expm1(usual)} | {f"by_{name}": unit * parts[name] for name in DRIVERS}
    return pd.DataFrame(table, index=frame.index)[list(EXPLANATION_COLUMNS)]
