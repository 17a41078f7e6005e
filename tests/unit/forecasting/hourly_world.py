"""A small hourly world for tests: three counters with a week's shape, noise and known traps."""

from __future__ import annotations

import numpy as np
import pandas as pd

from flow_platform.forecasting.hourly.data import HourlyBoosting, HourlyData, HourlySpec

FIRST = pd.Timestamp("2024-01-01 00:00")
DAYS = 110
SPEC = HourlySpec(
    boosting=HourlyBoosting(num_leaves=7, learning_rate=0.2, rounds=40),
    backtest_days=28,
    weather=(),
)
ZONE = "Europe/Paris"


def calendar(first: str = "2023-11-01", last: str = "2024-12-31") -> pd.DataFrame:
    days = pd.date_range(first, last)
    holiday = days.strftime("%m-%d").isin(["01-01", "05-01", "05-08", "07-14", "12-25"])
    return pd.DataFrame(
        {
            "place": "paris",
            "day": days,
            "is_public_holiday": holiday,
            "is_school_holiday": days.month == 8,
            "is_bridge_day": False,
            "days_to_holiday": 30,
            "days_since_holiday": 30,
            "is_event": False,
        }
    )


def hourly_world(days: int = DAYS, seed: int = 1) -> HourlyData:
    """Counters a, b and c; c began late, b has a week without readings."""
    random = np.random.default_rng(seed)
    hours = pd.date_range(FIRST, periods=days * 24, freq="h")
    local = (hours - pd.Timedelta(hours=1)).tz_localize("UTC").tz_convert(ZONE)
    shape = 100 + 80 * np.sin((np.asarray(local.hour) - 6) / 24 * 2 * np.pi)
    shape = shape * np.where(np.asarray(local.day_of_week) >= 5, 0.6, 1.0)
    noise = np.zeros(len(hours))
    for at in range(1, len(hours)):
        noise[at] = 0.7 * noise[at - 1] + random.normal(0, 0.05)
    parts = []
    for name, size in (("a", 1.0), ("b", 3.0), ("c", 0.3)):
        y = np.maximum(size * shape * np.exp(noise + random.normal(0, 0.03, len(hours))), 0)
        part = pd.DataFrame({"unique_id": name, "ds": hours, "y": y.round()})
        part["occupancy"] = part["y"] / (size * 10)
        if name == "b":
            part = part[~part["ds"].between("2024-02-10", "2024-02-17")]
        if name == "c":
            part = part[part["ds"] >= FIRST + pd.Timedelta(days=40)]
        parts.append(part)
    actuals = pd.concat(parts, ignore_index=True)
    actuals["barred"] = False
    actuals["available_at"] = actuals["ds"].dt.tz_localize("UTC")
    places = pd.DataFrame({"unique_id": ["a", "b", "c"], "place": "paris", "timezone": ZONE})
    return HourlyData(actuals, places, calendar(), pd.DataFrame())


def issues(first: str, last: str, names: tuple[str, ...] = ("a", "b", "c")) -> pd.DataFrame:
    """Every hour from first to last of each series."""
    moments = pd.date_range(first, last, freq="h").as_unit("us")
    frame = pd.MultiIndex.from_product([names, moments], names=["unique_id", "issue"])
    rows = frame.to_frame(index=False)
    rows["issued_at"] = rows["issue"].dt.tz_localize("UTC")
    return rows
