"""Raw assets: the calendar, the weather vintages and the counts of each flow, as they landed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import dagster as dg

from flow_platform.assets.common import (
    ONE_RUN,
    SHARED_GROUP,
    PlatformParam,
    columns_metadata,
    rows_metadata,
)
from flow_platform.assets.live import live_keys
from flow_platform.flows import CATALOGUE, DELIVERIES, PARCELS, RETAIL, TRAFFIC, TRIPS, Flow
from flow_platform.ground.rectangle import Rectangle
from flow_platform.partitions import centre_day_partitions, partitions_of, rectangle_of
from flow_platform.platform import Platform
from flow_platform.stages.deliveries_landing import land_deliveries
from flow_platform.stages.landing import (
    Balance,
    land_calendar,
    land_parcels,
    land_retail,
    land_traffic,
    land_trip_zones,
    land_trips,
    land_weather,
)

CALENDAR = dg.AssetKey(["raw", "calendar"])
WEATHER = dg.AssetKey(["raw", "weather"])
TRIP_ZONES = dg.AssetKey(["raw", "trip_zones"])
# Some six rows in a hundred of the official files are no trips; at three times as many the file is
# not what its name says.
_MOST_REJECTED = 0.2


@dataclass(frozen=True)
class Landed:
    """How the rows of one flow land, and how its raw table is told."""

    land: Callable[[Platform, Rectangle], Balance]
    columns: dict[str, str]
    description: str
    days_reported: str
    deps: tuple[dg.AssetKey, ...] = ()
    # Where it is not the one of the flow's name.
    table: str | None = None
    # Whether its rows are rejected for what they say, and must not be too many.
    checks_rejects: bool = False


LANDED: dict[str, Landed] = {
    PARCELS.name: Landed(
        land=land_parcels,
        columns={
            "centre_id": "text",
            "day": "date",
            "parcels": "double precision",
            "available_at": "timestamptz",
            "source_file": "text",
            "source_line": "bigint",
        },
        description="Parcel counts as the source gave them, one row per accepted source row.",
        days_reported="Partitions without any count: missing, not zero.",
    ),
    RETAIL.name: Landed(
        land=land_retail,
        columns={
            "centre_id": "text",
            "day": "date",
            "invoice": "text",
            "stock_code": "text",
            "description": "text",
            "quantity": "double precision",
            "price": "double precision",
            "sold_at": "timestamptz",
            "customer": "text",
            "has_customer": "boolean",
            "occurrence": "integer",
            "line_class": "text",
            "available_at": "timestamptz",
            "source_file": "text",
            "source_line": "bigint",
        },
        description="Invoice lines as the source gave them, each with exactly one class; customers"
        " are pseudonyms.",
        days_reported="Partitions of days on which the shop sold nothing anywhere: closed or"
        " missing, not zero.",
    ),
    TRAFFIC.name: Landed(
        land=land_traffic,
        columns={
            "centre_id": "text",
            "day": "date",
            "counted_at": "timestamptz",
            "vehicles": "double precision",
            "occupancy": "double precision",
            "state": "text",
            "available_at": "timestamptz",
            "event_id": "text",
            "source_file": "text",
            "source_line": "bigint",
        },
        description="Readings of road counters as the source gave them, several of one hour"
        " included; an hour without a volume is null.",
        days_reported="Counter-days without any reading: missing, not zero.",
        deps=live_keys(TRAFFIC),
    ),
    TRIPS.name: Landed(
        land=land_trips,
        columns={
            "trip_id": "text",
            "centre_id": "text",
            "day": "date",
            "service": "text",
            "pickup_at": "timestamptz",
            "dropoff_at": "timestamptz",
            "pickup_zone": "integer",
            "dropoff_zone": "integer",
            "distance_km": "double precision",
            "passengers": "smallint",
            "total_amount": "double precision",
            "available_at": "timestamptz",
            "source_file": "text",
            "source_line": "bigint",
        },
        description="Trips that passed the checks, by the borough and the UTC day of the pickup.",
        days_reported="Partitions of days on which no trip began anywhere: missing, not zero.",
        deps=(TRIP_ZONES,),
        checks_rejects=True,
    ),
    DELIVERIES.name: Landed(
        land=land_deliveries,
        table="raw.orders",
        columns={
            "event_id": "text",
            "type": "text",
            "order_id": "text",
            "occurred_at": "timestamptz",
            "available_at": "timestamptz",
            "centre_id": "text",
            "day": "date",
            "customer": "text",
            "region": "text",
            "postal_area": "text",
            "promised_at": "timestamptz",
            "seller": "text",
            "sellers": "smallint",
            "carrier": "text",
            "category": "text",
            "items": "smallint",
            "price": "double precision",
            "freight": "double precision",
            "weight_kg": "double precision",
            "volume_l": "double precision",
            "distance_km": "double precision",
            "source": "text",
            "source_position": "bigint",
        },
        description="Events of orders, by the region and the UTC day of placing: raw.orders, with"
        " raw.payments, raw.tracking and raw.incident_logs beside it. Customers are pseudonyms.",
        days_reported="Regions and days on which no order was placed.",
        deps=live_keys(DELIVERIES),
        checks_rejects=True,
    ),
}


def raw_key(flow: Flow) -> dg.AssetKey:
    return dg.AssetKey(["raw", flow.name])


def build_raw_assets(platform: Platform) -> list[dg.AssetsDefinition]:
    """The raw assets of one installation: the centres of each flow are its partitions."""
    by_centre_and_day = centre_day_partitions(platform.centre_ids, platform.settings.first_day)

    @dg.asset(
        key=CALENDAR,
        group_name=SHARED_GROUP,
        kinds={"python", "postgres"},
        owners=[PARCELS.owner],
        deps=[dg.AssetKey(["staging", "centres"])],
        metadata=columns_metadata(
            "raw.calendar",
            flow="text",
            centre_id="text",
            day="date",
            weekday="smallint",
            holiday="text",
            is_public_holiday="boolean",
            is_bridge_day="boolean",
            is_school_holiday="boolean",
            school_holiday="text",
            days_to_holiday="smallint",
            days_since_holiday="smallint",
            is_month_start="boolean",
            is_month_end="boolean",
            event="text",
            is_event="boolean",
            event_announced="date",
            shop_holiday="text",
        ),
        description="Public and school holidays, bridge days and known events of every centre,"
        " 2005 to 2030.",
    )
    def calendar(platform: PlatformParam) -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata=rows_metadata(land_calendar(platform)))

    @dg.asset(
        key=WEATHER,
        group_name=SHARED_GROUP,
        kinds={"python", "postgres"},
        owners=[PARCELS.owner],
        partitions_def=by_centre_and_day,
        backfill_policy=ONE_RUN,
        metadata=columns_metadata(
            "raw.weather",
            centre_id="text",
            day="date",
            vintage="text",
            target_day="date",
            lead_days="smallint",
            available_at="timestamptz",
            temperature_mean="double precision",
            temperature_min="double precision",
            temperature_max="double precision",
            precipitation_mm="double precision",
            snowfall_cm="double precision",
            wind_max_kmh="double precision",
        ),
        description="What became known of the weather on a day: the forecasts for the next 14 days"
        " and the observation, each with available_at.",
    )
    def weather(context: dg.AssetExecutionContext, platform: PlatformParam) -> dg.MaterializeResult:
        rows, warnings = land_weather(platform, rectangle_of(context.partition_keys))
        for warning in warnings:
            context.log.warning(warning)
        return dg.MaterializeResult(metadata=rows_metadata(rows, warnings=len(warnings)))

    @dg.asset(
        key=TRIP_ZONES,
        group_name=TRIPS.name,
        kinds={"python", "postgres"},
        owners=[TRIPS.owner],
        metadata=columns_metadata(
            "raw.trip_zones",
            zone_id="integer",
            zone="text",
            borough="text",
            latitude="double precision",
            longitude="double precision",
        ),
        description="Zones of the city that trips begin and end in, with their borough and, where"
        " known, the middle of each.",
    )
    def trip_zones(platform: PlatformParam) -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata=rows_metadata(land_trip_zones(platform)))

    return [calendar, weather, trip_zones, *(_rows_of(platform, flow) for flow in CATALOGUE)]


def _rows_of(platform: Platform, flow: Flow) -> dg.AssetsDefinition:
    """The asset of a flow's own rows, with every row of its files accounted for."""
    key = raw_key(flow)
    landed = LANDED[flow.name]

    @dg.asset(
        key=key,
        group_name=flow.name,
        kinds={"python", "postgres"},
        owners=[flow.owner],
        partitions_def=partitions_of(platform, flow),
        backfill_policy=ONE_RUN,
        deps=list(landed.deps),
        metadata=columns_metadata(landed.table or f"raw.{flow.name}", **landed.columns),
        description=f"{landed.description} Rows that cannot be used are in ops.quarantine, whole.",
        check_specs=[
            dg.AssetCheckSpec(
                "rows_balance",
                asset=key,
                description="Rows read = rows stored + rows quarantined.",
            ),
            dg.AssetCheckSpec("files_readable", asset=key, description="Every file could be read."),
            dg.AssetCheckSpec("days_reported", asset=key, description=landed.days_reported),
            *(
                [
                    dg.AssetCheckSpec(
                        "rows_kept",
                        asset=key,
                        description=f"At most {_MOST_REJECTED:.0%} of the rows of the files were"
                        " rejected; counted by reason.",
                    )
                ]
                if landed.checks_rejects
                else []
            ),
        ],
    )
    def rows(
        context: dg.AssetExecutionContext, platform: PlatformParam
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        rectangle = platform.rows_of(flow, rectangle_of(context.partition_keys))
        balance = landed.land(platform, rectangle)
        for warning in balance.warnings:
            context.log.warning(warning)
        yield dg.MaterializeResult(
            metadata=rows_metadata(
                balance.rows_stored,
                rows_read=balance.rows_read,
                rows_quarantined=balance.rows_quarantined,
                rows_left=balance.rows_left,
                rows_repeated=balance.rows_repeated,
                empty_partitions=balance.empty_partitions,
                **{f"lines_{name}": count for name, count in balance.classes.items()},
                **{f"rejected_{name}": count for name, count in balance.rejected.items()},
            ),
            check_results=[
                dg.AssetCheckResult(
                    check_name="rows_balance",
                    passed=balance.rows_read == balance.rows_stored + balance.rows_quarantined,
                    severity=dg.AssetCheckSeverity.ERROR,
                    metadata={"quarantined": balance.rows_quarantined},
                ),
                dg.AssetCheckResult(
                    check_name="files_readable",
                    passed=not balance.broken_files,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"broken": dg.MetadataValue.json(list(balance.broken_files))},
                ),
                dg.AssetCheckResult(
                    check_name="days_reported",
                    passed=balance.empty_partitions == 0,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"empty": balance.empty_partitions, "partitions": len(rectangle)},
                ),
                *([_rows_kept(balance)] if landed.checks_rejects else []),
            ],
        )

    return rows


def _rows_kept(balance: Balance) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="rows_kept",
        passed=balance.rows_quarantined <= _MOST_REJECTED * balance.rows_in_files,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "rows_in_files": balance.rows_in_files,
            "rejected": balance.rows_quarantined,
            **balance.rejected,
        },
    )
