"""Fingerprints of equal facts stay equal from version to version.

A vintage is trained again when its fingerprint changes. Where other vintages are wanted, raise the
CODE_VERSION of the engine and put the new fingerprint here; where they are not, a change of one of
these would train every registered vintage again for nothing.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from flow_platform.forecasting.daily.data import SeriesData, SeriesSpec
from flow_platform.forecasting.daily.engine import ENGINE as DAILY
from flow_platform.forecasting.hourly.data import FACT_COLUMNS, HourlyData, HourlySpec
from flow_platform.forecasting.hourly.engine import ENGINE as HOURLY
from flow_platform.scoring.deliveries.data import (
    KEYS,
    MOMENTS,
    NUMBERS,
    DeliverySpec,
    deliveries_of,
)
from flow_platform.scoring.deliveries.engine import ENGINE as DELIVERIES
from flow_platform.scoring.trips.data import TripSpec, trips_of
from flow_platform.scoring.trips.engine import ENGINE as TRIPS

DAYS = pd.date_range("2024-01-01", periods=3)
KNOWN = (DAYS + pd.Timedelta(days=1)).tz_localize("UTC")
CUTOFF = pd.Timestamp("2024-01-05", tz="UTC")


def test_daily_series_keep_their_fingerprint() -> None:
    keys = {"unique_id": "C1", "ds": DAYS}
    data = SeriesData(
        actuals=pd.DataFrame(keys | {"y": [3.0, 0.0, 5.0], "available_at": KNOWN}),
        calendar=pd.DataFrame(keys | {"holiday": ["New Year's Day", None, None]}),
        weather=pd.DataFrame(
            keys
            | {"vintage": "forecast", "available_at": KNOWN, "temperature_mean": [1.5, 2.0, 4.0]}
        ),
        issues=pd.DataFrame({"unique_id": "C1", "issue": DAYS, "issued_at": KNOWN}),
    )
    assert DAILY.fingerprint(data, CUTOFF, SeriesSpec()) == (
        "d3a6d1c162439816f4830afeb6d559cde7fb3207b0e512a426dfd5949fd752e8"
    )


def test_hourly_series_keep_their_fingerprint() -> None:
    hours = pd.date_range("2024-01-01", periods=3, freq="h")
    data = HourlyData(
        actuals=pd.DataFrame(
            {
                "unique_id": "a",
                "ds": hours,
                "y": [3.0, 0.0, 5.0],
                "occupancy": [1.5, np.nan, 2.0],
                "barred": False,
                "available_at": hours.tz_localize("UTC"),
            }
        ),
        places=pd.DataFrame({"unique_id": ["a"], "place": "paris", "timezone": "Europe/Paris"}),
        calendar=pd.DataFrame({"place": "paris", "day": DAYS} | dict.fromkeys(FACT_COLUMNS, 0)),
        weather=pd.DataFrame(
            {"place": "paris", "day": DAYS, "available_at": KNOWN, "temperature_mean": [1.5, 2, 4]}
        ),
    )
    assert HOURLY.fingerprint(data, CUTOFF, HourlySpec()) == (
        "82bab48613f577fad0b1ef77049860b11b39ffd17b1e1765682430f8a25d0558"
    )


def test_trips_keep_their_fingerprint() -> None:
    numbers = ("distance_km", "temperature_mean", "precipitation_mm", "snowfall_cm", "wind_max_kmh")
    frame = pd.DataFrame(
        {
            "trip_id": ["t1", "t2", "t3"],
            "pickup_at": KNOWN - pd.Timedelta(hours=3),
            "available_at": KNOWN - pd.Timedelta(hours=2),
            "pickup_zone": [1, 2, 1],
            "dropoff_zone": [2, 2, 1],
            "local_minute": [1260, 1261, 1262],
            "weekday": [0, 1, 2],
            "minutes": [12.5, 7.0, 60.0],
            "is_public_holiday": [True, False, False],
            "is_school_holiday": False,
        }
        | dict.fromkeys(numbers, 1.5)
    )
    zones = pd.DataFrame({"zone_id": [1, 2], "latitude": [48.8, 48.9], "longitude": [2.3, 2.4]})
    spec = TripSpec("default", seed=5)
    assert TRIPS.fingerprint(trips_of(frame, zones), CUTOFF, spec) == (
        "e58f04e5f73ebe13305e535e313bcd20ca48402f6db73ea98c804aa038b40766"
    )


def test_deliveries_keep_their_fingerprint() -> None:
    orders = pd.DataFrame(
        {"order_id": ["o1", "o2", "o3"]}
        | {name: [f"{name} 1", f"{name} 2", f"{name} 1"] for name in KEYS}
        | {name: [1.5, 2.0, np.nan] for name in NUMBERS}
        | {name: KNOWN for name in MOMENTS}
    )
    tracking = pd.DataFrame(
        {
            "order_id": ["o1"],
            "type": "in_transit",
            "occurred_at": KNOWN[0],
            "available_at": KNOWN[1],
        }
    )
    spec = DeliverySpec("delay_in_transit", seed=5)
    data = deliveries_of(orders, tracking, [DAYS[0].date()])
    assert DELIVERIES.fingerprint(data, CUTOFF, spec) == (
        "2f95a07ab8f59bda94e6ef0ed6b8034921c16df9ffb78df272d586620ce7e520"
    )
