"""The asset of customers' segments, by month of the cut-off."""

from datetime import date

import dagster as dg
import pandas as pd
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from flow_platform.assets.common import (
    ONE_RUN,
    PlatformParam,
    columns_metadata,
    picture,
    progress_of,
    rows_metadata,
)
from flow_platform.assets.keys import merged_keys
from flow_platform.flows.deliveries.flow import DELIVERIES
from flow_platform.flows.deliveries.segmenting import MonthSegments, segment_customers
from flow_platform.flows.deliveries.segments.choice import DOUBTFUL, LEAST_SEGMENT, STABLE
from flow_platform.flows.deliveries.tables import CUSTOMER_SEGMENTS
from flow_platform.partitions import month_partitions
from flow_platform.platform import Platform

SEGMENTS_KEY = dg.AssetKey(["ml", f"{DELIVERIES.name}_segments"])


def segment_assets(platform: Platform) -> list[dg.AssetsDefinition]:
    """The asset `ml/deliveries_segments`; its partitions are the months of the cut-off."""

    @dg.asset(
        key=SEGMENTS_KEY,
        group_name=DELIVERIES.name,
        kinds={"python", "scikitlearn", "mlflow", "postgres"},
        owners=[DELIVERIES.owner],
        partitions_def=month_partitions(platform.settings.first_day),
        backfill_policy=ONE_RUN,
        deps=[
            dg.AssetDep(key, partition_mapping=dg.AllPartitionMapping())
            for key in merged_keys(DELIVERIES)
        ],
        metadata=columns_metadata(CUSTOMER_SEGMENTS),
        description="Customers' segments by K-Means, from what was known before the first of the"
        " month (UTC): recency, orders, value, and how their deliveries kept the promise. As many"
        " segments as are stable over bootstrap samples and best separated; names follow from"
        " month to month. Also ml.segment_profiles and ml.segment_choices.",
        check_specs=[
            dg.AssetCheckSpec(
                "stable",
                asset=SEGMENTS_KEY,
                description="Every segment is found again in bootstrap samples: mean Jaccard"
                f" similarity of at least {DOUBTFUL} (Hennig 2007).",
            )
        ],
    )
    def customer_segments(
        context: dg.AssetExecutionContext, platform: PlatformParam
    ) -> dg.MaterializeResult:
        months = [date.fromisoformat(key) for key in context.partition_keys]
        done = segment_customers(platform, months, progress=progress_of(context, platform))
        for month, reason in done.left_out.items():
            context.log.warning("%s left out: %s", f"{month:%Y-%m}", reason)
        # Metadata of a materialization is stored once a partition; the picture once a run.
        for one in done.months[-1:]:
            context.add_asset_metadata(
                {"choice_and_profiles": _plot(one)}, partition_key=one.month.isoformat()
            )
        for one in done.months:
            context.log.info("%s: %s", f"{one.month:%Y-%m}", _shown(one))
        doubtful = {
            f"{one.month:%Y-%m}": round(one.stability, 3)
            for one in done.months
            if one.stability < DOUBTFUL
        }
        return dg.MaterializeResult(
            metadata=rows_metadata(
                done.rows,
                segments=dg.MetadataValue.json(
                    {f"{one.month:%Y-%m}": _shown(one) for one in done.months}
                ),
                left_out=dg.MetadataValue.json(
                    {f"{month:%Y-%m}": reason for month, reason in done.left_out.items()}
                ),
                renamed=dg.MetadataValue.json([f"{month:%Y-%m}" for month in done.renamed]),
            ),
            check_results=[
                dg.AssetCheckResult(
                    check_name="stable",
                    passed=not doubtful,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"doubtful": dg.MetadataValue.json(doubtful)},
                )
            ],
        )

    return [customer_segments]


def segment_jobs() -> list[UnresolvedAssetJobDefinition]:
    """The job `deliveries_segments`: the customers' segments of a month."""
    return [
        dg.define_asset_job(
            f"{DELIVERIES.name}_segments",
            selection=dg.AssetSelection.assets(SEGMENTS_KEY),
            description="Which segment each customer is in, by what was known as the month began.",
        )
    ]


def _shown(one: MonthSegments) -> dict[str, object]:
    """The metadata of a month; numbers of fewer than ten customers are left out."""
    return {
        "model_version": one.trained.vintage.model_version,
        "k": one.segments.k,
        "silhouette": round(one.silhouette, 3),
        "stability": round(one.stability, 3),
        "customers": {
            row.name: row.customers for row in _large(one.profiles).itertuples(index=False)
        },
        "unknown_experience": one.unknown_experience,
        "features_not_used": dict(one.dropped),
    }


def _large(profiles: pd.DataFrame) -> pd.DataFrame:
    return profiles[profiles["customers"] >= LEAST_SEGMENT]


def _plot(one: MonthSegments) -> dg.MarkdownMetadataValue:
    """Stability and silhouette against the number of segments, and how large each is."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.0), dpi=80)
    left, right = figure.subplots(1, 2)
    choices = one.choices
    left.plot(choices["k"], choices["stability"], "o-", markersize=4, label="stability")
    left.plot(choices["k"], choices["silhouette"], "s-", markersize=4, label="silhouette")
    left.axhline(STABLE, color="#999999", linewidth=1, label=f"stable from {STABLE}")
    left.axvline(one.segments.k, color="#999999", linewidth=1, linestyle=":")
    left.set_xlabel("segments", fontsize=8)
    left.set_ylim(min(0.0, float(choices["silhouette"].min())), 1.02)
    left.legend(fontsize=7)
    shown = _large(one.profiles)
    right.barh(shown["name"], shown["customers"])
    right.set_xlabel("customers", fontsize=8)
    for axes in (left, right):
        axes.tick_params(labelsize=7)
    figure.suptitle(f"Segments of {one.month:%Y-%m}", fontsize=9)
    figure.tight_layout()
    return picture(figure, "stability and silhouette by number of segments, and their sizes")
