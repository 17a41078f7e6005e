"""Raw assets: the calendar, the weather vintages and the counts of each flow, as they landed."""

from collections.abc import Iterator

import dagster as dg

from flow_platform.assets.common import (
    ONE_RUN,
    SHARED_GROUP,
    PlatformParam,
    columns_metadata,
    rows_metadata,
)
from flow_platform.flows import PARCELS
from flow_platform.partitions import centre_day_partitions, keys_of
from flow_platform.platform import Platform
from flow_platform.stages.landing import land_calendar, land_parcels, land_weather

CALENDAR = dg.AssetKey(["raw", "calendar"])
WEATHER = dg.AssetKey(["raw", "weather"])
PARCEL_COUNTS = dg.AssetKey(["raw", "parcels"])


def build_raw_assets(platform: Platform) -> list[dg.AssetsDefinition]:
    """The raw assets of one installation: its centres are the partitions."""
    by_centre_and_day = centre_day_partitions(platform.centre_ids, platform.settings.first_day)

    @dg.asset(
        key=CALENDAR,
        group_name=SHARED_GROUP,
        kinds={"python", "postgres"},
        owners=[PARCELS.owner],
        deps=[dg.AssetKey(["staging", "centres"])],
        metadata=columns_metadata(
            "raw.calendar",
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
        rows, warnings = land_weather(platform, keys_of(context.partition_keys))
        for warning in warnings:
            context.log.warning(warning)
        return dg.MaterializeResult(metadata=rows_metadata(rows, warnings=len(warnings)))

    @dg.asset(
        key=PARCEL_COUNTS,
        group_name=PARCELS.name,
        kinds={"python", "postgres"},
        owners=[PARCELS.owner],
        partitions_def=by_centre_and_day,
        backfill_policy=ONE_RUN,
        metadata=columns_metadata(
            "raw.parcels",
            centre_id="text",
            day="date",
            parcels="double precision",
            available_at="timestamptz",
            source_file="text",
            source_line="bigint",
        ),
        description="Parcel counts as the source gave them, one row per accepted source row."
        " Rows that cannot be used are in ops.quarantine, whole.",
        check_specs=[
            dg.AssetCheckSpec(
                "rows_balance",
                asset=PARCEL_COUNTS,
                description="Rows read = rows stored + rows quarantined.",
            ),
            dg.AssetCheckSpec(
                "files_readable", asset=PARCEL_COUNTS, description="Every file could be read."
            ),
            dg.AssetCheckSpec(
                "days_reported",
                asset=PARCEL_COUNTS,
                description="Partitions without any count: missing, not zero.",
            ),
        ],
    )
    def parcels(
        context: dg.AssetExecutionContext, platform: PlatformParam
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        keys = keys_of(context.partition_keys)
        balance = land_parcels(platform, keys)
        yield dg.MaterializeResult(
            metadata=rows_metadata(
                balance.rows_stored,
                rows_read=balance.rows_read,
                rows_quarantined=balance.rows_quarantined,
                rows_left=balance.rows_left,
                empty_partitions=balance.empty_partitions,
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
                    metadata={"empty": balance.empty_partitions, "partitions": len(keys)},
                ),
            ],
        )

    return [calendar, weather, parcels]
