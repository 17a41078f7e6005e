"""The drift readings of each centre and day: has the world changed since the models learned?"""

import dagster as dg
import pandas as pd

from flow_platform.assets.common import (
    PlatformParam,
    by_centre_and_day,
    rectangle_rows,
    rows_metadata,
)
from flow_platform.assets.keys import drift_key, merged_key
from flow_platform.flows.kinds import Flow
from flow_platform.ground.tables import Table
from flow_platform.platform import Platform
from flow_platform.stages.drift import measure_rectangle

DRIFT_TABLE = Table.of(
    "monitoring.drift",
    """
        flow          text              The flow.
        centre_id
        day           date              Last day of the 28 days that are compared.
        feature       text              What is compared.
        psi           double precision  Population stability index.
        psi_critical  double precision  Its critical value for these sample sizes.
        ks_statistic  double precision  Kolmogorov-Smirnov statistic.
        ks_pvalue     double precision  Its p-value.
        n_current     integer           Days that are compared.
        n_reference   integer           Days of the same season in earlier years.
        status        text              stable, drift, or too few days.
    """,
)


def build_drift_asset(platform: Platform, flow: Flow) -> dg.AssetsDefinition:
    """The drift asset of one flow."""

    @dg.asset(
        key=drift_key(flow),
        **by_centre_and_day(platform, flow, DRIFT_TABLE),
        deps=[merged_key(flow)],
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
        rectangle = rectangle_rows(context, platform, flow)
        readings = measure_rectangle(platform, flow, rectangle)
        newest = readings[readings["day"] == pd.Timestamp(rectangle.last_day)]
        drifting = newest[newest["status"] == "drift"]
        labels = platform.labels_of(flow)
        context.log.info(
            "%s: %d rows stored, %d features beyond their critical value on %s",
            DRIFT_TABLE.name,
            len(readings),
            len(drifting),
            rectangle.last_day,
        )
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
                            [
                                f"{labels[str(row.centre_id)]}: {row.feature}"
                                for row in drifting.itertuples()
                            ]
                        )
                    },
                )
            ],
        )

    return drift
