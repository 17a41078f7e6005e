"""The scores of each record: what the vintage that served its day says of it."""

from collections.abc import Iterator

import dagster as dg
import numpy as np
import pandas as pd

from flow_platform.assets.common import (
    ONE_RUN,
    PlatformParam,
    columns_metadata,
    picture,
    refresh_of,
    rows_metadata,
    told,
)
from flow_platform.assets.models import champion_key, log_vintages, merged_key
from flow_platform.flows import RecordFlow
from flow_platform.partitions import keys_of, partitions_of, vintage_known_by_day
from flow_platform.platform import Platform
from flow_platform.stages.forecasting import FALLBACK_VERSION
from flow_platform.stages.trips import Scored, score_trips


def scores_key(flow: RecordFlow) -> dg.AssetKey:
    return dg.AssetKey(["ml", f"{flow.name}_scores"])


def build_scores_asset(platform: Platform, flow: RecordFlow) -> dg.AssetsDefinition:
    """The scores of one record flow, by every one of its models."""

    @dg.asset(
        key=scores_key(flow),
        group_name=flow.name,
        kinds={"python", "postgres"},
        owners=[flow.owner],
        partitions_def=partitions_of(platform, flow),
        backfill_policy=ONE_RUN,
        deps=[
            merged_key(flow),
            dg.AssetDep(champion_key(flow), partition_mapping=vintage_known_by_day()),
        ],
        metadata=columns_metadata(
            flow.scores,
            trip_id="text",
            centre_id="text",
            day="date",
            pickup_at="timestamptz",
            model="text",
            predicted_minutes="double precision",
            lower_80="double precision",
            upper_80="double precision",
            model_version="text",
        ),
        description=f"{flow.title}: what each model says of every record, with an 80 % interval, by"
        " a vintage that was trained before the record's day.",
        check_specs=[
            dg.AssetCheckSpec(
                "complete",
                asset=scores_key(flow),
                blocking=True,
                description="Every record has a score of every model.",
            ),
            dg.AssetCheckSpec(
                "by_a_champion",
                asset=scores_key(flow),
                description="No record had to be scored by the fallback.",
            ),
        ],
    )
    def scores(
        context: dg.AssetExecutionContext, platform: PlatformParam
    ) -> Iterator[dg.MaterializeResult | dg.AssetMaterialization]:
        keys = platform.rows_of(flow, keys_of(context.partition_keys))

        progress = told(context, platform)
        by_measure: dict[str, Scored] = {}
        for measure in flow.measures:
            by_measure[measure] = score_trips(
                platform, flow, measure, keys, refresh=refresh_of(context), progress=progress
            )
            log_vintages(context, flow, measure, by_measure[measure].vintages)
        # Metadata of a materialization is stored once a partition; the picture once a run.
        context.log_event(
            dg.AssetObservation(
                scores_key(flow),
                partition=context.partition_keys[-1],
                metadata={"predicted_against_actual": _plot(flow, by_measure)},
            )
        )
        said = by_measure.values()
        missing = sum(one.trips - one.rows for one in said)
        versions = {measure: one.trips_by_version for measure, one in by_measure.items()}
        fallback = sum(counts.get(FALLBACK_VERSION, 0) for counts in versions.values())
        yield dg.MaterializeResult(
            metadata=rows_metadata(
                sum(one.rows for one in said),
                scores_by_version=dg.MetadataValue.json(versions),
                **{
                    f"{measure}_{name}": dg.MetadataValue.float(getattr(one, name))
                    for measure, one in by_measure.items()
                    for name in ("rmse", "mae", "r2", "coverage_80")
                    if np.isfinite(getattr(one, name))
                },
            ),
            check_results=[
                dg.AssetCheckResult(
                    check_name="complete",
                    passed=missing == 0,
                    severity=dg.AssetCheckSeverity.ERROR,
                    metadata={"records": sum(one.trips for one in said), "missing": missing},
                ),
                dg.AssetCheckResult(
                    check_name="by_a_champion",
                    passed=fallback == 0,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"scores_by_fallback": fallback},
                ),
            ],
        )

    return scores


def _plot(flow: RecordFlow, by_measure: dict[str, Scored]) -> dg.MarkdownMetadataValue:
    """Mean actual over mean predicted minutes, by tenths of the prediction, as a picture."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4, 3.4), dpi=80)
    axes = figure.subplots()
    furthest = 0.0
    for measure, scored in by_measure.items():
        if len(scored.shown) < 100:
            continue
        tenth = pd.qcut(scored.shown["predicted_minutes"], 10, labels=False, duplicates="drop")
        means = scored.shown.groupby(tenth).mean()
        axes.plot(means["predicted_minutes"], means["minutes"], "o-", markersize=4, label=measure)
        furthest = max(furthest, float(means.to_numpy().max()))
    if not furthest:
        return dg.MetadataValue.md("Too few records for a picture.")
    axes.plot([0, furthest], [0, furthest], color="#999999", linewidth=1, label="as predicted")
    axes.set_xlabel("predicted minutes, tenths of all records", fontsize=8)
    axes.set_ylabel("mean of what came", fontsize=8)
    axes.set_title(flow.title, fontsize=9)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=7)
    return picture(figure, "predicted against actual")
