"""A small city whose trips follow a stated rule, so that tests know what a model should find."""

from __future__ import annotations

import numpy as np
import pandas as pd

from flow_platform.flows.trips.models.data import TripData, trips_of

# Zones 1 to 12 on a grid of about 1.1 km.
ZONES = pd.DataFrame(
    [(n, 48.80 + 0.01 * (n // 4), 2.30 + 0.015 * (n % 4)) for n in range(1, 13)],
    columns=["zone_id", "latitude", "longitude"],
)
FIRST = pd.Timestamp("2026-01-01", tz="UTC")
SIGMA = 0.25


def city_frame(days: int = 40, trips_a_day: int = 120, seed: int = 3) -> pd.DataFrame:
    """Trips with the columns of merged.trips that models read; UTC is the city's clock."""
    random = np.random.default_rng(seed)
    n = days * trips_a_day
    pickup, dropoff = random.integers(1, 13, n), random.integers(1, 13, n)
    place = ZONES.set_index("zone_id")[["latitude", "longitude"]]
    way = place.loc[pickup].to_numpy() - place.loc[dropoff].to_numpy()
    straight = np.hypot(way[:, 0] * 111, way[:, 1] * 73)
    distance = (0.6 + 1.3 * straight) * np.exp(random.normal(0, 0.15, n))
    minute = random.integers(0, 1440, n)
    day = np.repeat(np.arange(days), trips_a_day)
    pickup_at = FIRST + pd.to_timedelta(day * 1440 + minute, unit="m")
    hour = minute // 60
    speed = 24 - 10 * np.exp(-((hour - 8.5) ** 2) / 6) - 8 * np.exp(-((hour - 18) ** 2) / 8)
    minutes = (3 + 60 * distance / speed) * np.exp(random.normal(0, SIGMA, n))
    return pd.DataFrame(
        {
            "trip_id": [f"t{number:06d}" for number in range(n)],
            "pickup_at": pickup_at,
            "available_at": pickup_at + pd.to_timedelta(minutes, unit="m"),
            "pickup_zone": pickup,
            "dropoff_zone": dropoff,
            "local_minute": minute,
            "weekday": pickup_at.day_of_week,
            "minutes": minutes,
            "distance_km": distance,
            "is_public_holiday": False,
            "is_school_holiday": False,
            "temperature_mean": 8.0,
            "precipitation_mm": np.where(random.random(n) < 0.3, 4.0, 0.0),
            "snowfall_cm": 0.0,
            "wind_max_kmh": np.nan,
        }
    )


def city(days: int = 40, trips_a_day: int = 120, seed: int = 3) -> TripData:
    return trips_of(city_frame(days, trips_a_day, seed), ZONES)
