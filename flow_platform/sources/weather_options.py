"""The section [weather] of sources.toml: weather is shared by flows, and is no flow itself."""

from __future__ import annotations

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
