"""The asset of the city's zones, which has no partitions."""

import dagster as dg

from flow_platform.assets.common import (
    PlatformParam,
    rows_metadata,
    unpartitioned,
)
from flow_platform.flows.trips.flow import TRIPS
from flow_platform.flows.trips.loading import load_zones
from flow_platform.ground.asset_paths import asset_path
from flow_platform.ground.tables import Table
from flow_platform.platform import Platform

ZONES_TABLE = Table.of(
    "raw.trip_zones",
    """
        zone_id    integer           Number of the zone.
        zone       text              Name of the zone.
        borough    text              Borough that the zone is in.
        latitude   double precision  Middle of the zone, degrees.
        longitude  double precision  Middle of the zone, degrees.
    """,
)
ZONES = asset_path(ZONES_TABLE.name)


def zone_assets(platform: Platform) -> list[dg.AssetsDefinition]:
    """The asset `raw/trip_zones_raw`."""

    @dg.asset(
        key=dg.AssetKey(ZONES),
        **unpartitioned(TRIPS.name, TRIPS.owner, ZONES_TABLE),
        description="Zones of the city that trips begin and end in, with their borough and, where"
        " known, the middle of each.",
    )
    def trip_zones(
        context: dg.AssetExecutionContext, platform: PlatformParam
    ) -> dg.MaterializeResult:
        rows = load_zones(platform)
        context.log.info("%s: %d rows stored", ZONES_TABLE.name, rows)
        return dg.MaterializeResult(metadata=rows_metadata(rows))

    return [trip_zones]
