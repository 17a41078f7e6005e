"""The section [parcels] of sources.toml."""

from __future__ import annotations

from flow_platform.ground.source_config import CountsSource


class ParcelsSource(CountsSource):
    """Where parcel counts come from: files with a row per centre and day, or the simulator."""

    section = "parcels"
    kinds = ("simulated", "files")
    required_columns = ("centre_id", "day", "parcels")
    optional_columns = ("available_at",)
    example = """\
[parcels]
kind = "files"
path = "counts/*.csv"
columns = { centre_id = "site", day = "date", parcels = "volume" }
"""
