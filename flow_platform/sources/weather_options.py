"""The section [weather] of sources.toml: weather is shared by flows, and is no flow itself."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from flow_platform.ground.columns import WEATHER_COLUMNS
from flow_platform.ground.source_config import SourceConfig


class WeatherSource(SourceConfig):
    """Where the weather of the centres comes from: Open-Meteo, files, or the simulator."""

    section = "weather"
    kinds = ("simulated", "files", "open_meteo", "http")
    optional_columns = (
        "time",
        "day",
        "centre_id",
        "issued_at",
        "temperature",
        "precipitation",
        "snowfall",
        "wind",
        *WEATHER_COLUMNS,
    )
    example = """\
[weather]
kind = "open_meteo"
"""

    temperature_unit: Literal["celsius", "fahrenheit"] = Field(
        "celsius", description="Kind files: the unit of temperatures."
    )
    precipitation_unit: Literal["mm", "inch"] = Field(
        "mm",
        description="Kind files: the unit of precipitation; with inch snowfall is in inches too,"
        " else in cm.",
    )
    wind_unit: Literal["kmh", "ms", "mph", "kn"] = Field(
        "kmh", description="Kind files: the unit of wind: km/h, m/s, miles an hour or knots."
    )
