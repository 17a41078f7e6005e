"""The drift readings of each centre and day: has the world changed since the models learned?"""

import dagster as dg
import pandas as pd

from flow_platform.assets.common import ONE_RUN, PlatformParam, columns_metadata, rows_metadata
from flow_platform.assets.models import merged_key
from flow_platform.flows import Flow
from flow_platform.partitions import partitions_of, rectangle_of
from flow_platform.platform import Platform
from flow_platform.stages.drift import measure_rectangle


def drift_key(flow: Flow) -> dg.AssetKey:
    return dg.AssetKey(["monitoring", f"{flow.name}_drift"])


def build_drift_asset(platform: Platform, flow: Flow) -> dg.AssetsDefinition:
    """The drift asset of one flow."""

    @dg.asset(
        key=drift_key(flow),
        group_name=flow.name,
        kinds={"python", "postgres"},
        owners=[flow.owner],
        partitions_def=partitions_of(platform, flow),
        backfill_policy=ONE_RUN,
        deps=[merged_key(flow)],
        metadata=columns_metadata(
            "monitoring.drift",
            centre_id="text",
            day="date",
            feature="text",
            psi="double precision",
            psi_critical="double precision",
            ks_statistic="double precision",
            ks_pvalue="double precision",
            n_current="integer",
            n_reference="integer",
            status="text",
        ),
        description=f"{flow.title}: PSI and KS of each feature over the last 28 days against the"
        " same season of earlier years.",
        check_specs=[
            dg.AssetCheckSpec(
                "no_drift",
                asset=drift_key(flow),
                description="No feature is beyond the critical value on the newest day.",
            )
        ],
    )
    def drift(context: dg.AssetExecutionContext, platform: PlatformParam) -> dg.MaterializeResult:
        rectangle = platform.rows_of(flow, rectangle_of(context.partition_keys))
        readings = measure_rectangle(platform, flow, rectangle)
        newest = readings[readings["day"] == pd.Timestamp(rectangle.last_day)]
        drifting = newest[newest["status"] == "drift"]
        return dg.MaterializeResult(
            metadata=rows_metadata(
                len(readings),
                drifting=int((readings["status"] == "drift").sum()),
            ),
            check_results=[
                dg.AssetCheckResult(
                    check_name="no_drift",
                    passed=drifting.empty,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={
                        "drifting": dg.MetadataValue.json(
                            [f"{row.centre_id}: {row.feature}" for row in drifting.itertuples()]
                        )
                    },
                )
            ],
        )

    return drift
