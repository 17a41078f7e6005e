"""The section [trips] of sources.toml."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from flow_platform.ground.source_config import SourceConfig, Text, expected, is_url, refused

SERVICES = ("green", "yellow")
_URL = "https://d37ci6vzurychx.cloudfront.net/trip-data"


def _services(value: Any) -> Any:
    is_list = isinstance(value, list) and len(value) > 0
    if not is_list or not all(one in SERVICES for one in value):
        known = ", ".join(f'"{service}"' for service in SERVICES)
        raise expected(f"a list of {known}")
    if len(set(value)) < len(value):
        raise expected("each service once")
    return value


def _url(value: str) -> str:
    if not is_url(value, ("http", "https")):
        raise expected(f"the address of the folder of monthly files, such as {_URL}")
    return value


class TripsSource(SourceConfig):
    """Where taxi trips come from: files of any span, the official site, or the simulator."""

    section = "trips"
    kinds = ("simulated", "files", "http")
    optional_columns = (
        "pickup_at",
        "dropoff_at",
        "pickup_zone",
        "dropoff_zone",
        "distance_miles",
        "distance_km",
        "fare",
        "total",
        "passengers",
    )
    path_keys = (*SourceConfig.path_keys, "zones", "geometry")
    example = """\
[trips]
kind = "files"
path = "taxi/green_tripdata_*.parquet"
zones = "taxi_zone_lookup.csv"
"""

    zones: Text | None = Field(
        None,
        description="CSV of the zones, such as taxi_zone_lookup.csv. Kinds files and http need it.",
    )
    geometry: Text | None = Field(
        None,
        description="CSV with the position of each zone: latitude and longitude, or the_geom in"
        " WKT.",
    )
    place: Text | None = Field(
        None,
        description="The centre whose local time, calendar and weather trips have. Without it those"
        " of the centre near the zones, or of New York.",
    )
    services: Annotated[list[str], BeforeValidator(_services)] = Field(
        ["green"], description="Kind http: the taxi services to download, green or yellow."
    )
    url: Annotated[Text, AfterValidator(_url)] = Field(
        _URL, description="Kind http: address of the folder of monthly files."
    )

    @model_validator(mode="after")
    def _has_zones(self) -> TripsSource:
        if self.kind in ("files", "http") and self.zones is None:
            raise refused(
                f'kind "{self.kind}" needs zones, the CSV file of the zones that trips begin and'
                ' end in, such as "taxi_zone_lookup.csv".'
            )
        return self
