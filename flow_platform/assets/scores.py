"""The scores of each record: what the vintage that served its day says of it."""

from collections.abc import Iterator

import dagster as dg
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
from flow_platform.assets.models import champion_key, log_vintages, merged_key, view_keys
from flow_platform.flows import DELIVERIES, TRIPS, RecordFlow
from flow_platform.partitions import partitions_of, rectangle_of, vintage_known_by_day
from flow_platform.platform import Platform
from flow_platform.stages.score_run import ScoreRun
from flow_platform.stages.scores import score_records

_SAID = {
    "lower_80": "double precision",
    "upper_80": "double precision",
    "model_version": "text",
}
# The columns of each flow's scores, and the unit of what is predicted.
_COLUMNS: dict[str, dict[str, str]] = {
    TRIPS.name: {
        "trip_id": "text",
        "centre_id": "text",
        "day": "date",
        "pickup_at": "timestamptz",
        "model": "text",
        "predicted_minutes": "double precision",
        **_SAID,
    },
    DELIVERIES.name: {
        "order_id": "text",
        "centre_id": "text",
        "day": "date",
        "stage": "text",
        "scored_at": "timestamptz",
        "predicted_days": "double precision",
        **_SAID,
        "late_probability": "double precision",
        "threshold": "double precision",
        "reasons": "jsonb",
        "late_version": "text",
    },
}
_UNITS = {TRIPS.name: "minutes", DELIVERIES.name: "days"}


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
            *view_keys(flow),
            dg.AssetDep(champion_key(flow), partition_mapping=vintage_known_by_day()),
        ],
        metadata=columns_metadata(flow.scores, **_COLUMNS[flow.name]),
        description=f"{flow.title}: what each model says of every record, with an 80 % interval, by"
        " a vintage that was trained before the moment it speaks of.",
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
        rectangle = platform.rows_of(flow, rectangle_of(context.partition_keys))

        run = score_records(
            platform, flow, rectangle, refresh=refresh_of(context), progress=told(context, platform)
        )
        for measure, vintages in run.vintages.items():
            log_vintages(context, flow, measure, vintages)
        # Metadata of a materialization is stored once a partition; the picture once a run.
        context.log_event(
            dg.AssetObservation(
                scores_key(flow),
                partition=context.partition_keys[-1],
                metadata={"predicted_against_actual": _plot(flow, run)},
            )
        )
        yield dg.MaterializeResult(
            metadata=rows_metadata(
                run.rows,
                scores_by_version=dg.MetadataValue.json(run.versions),
                **{
                    name: dg.MetadataValue.float(value) for name, value in run.known_figures.items()
                },
            ),
            check_results=[
                dg.AssetCheckResult(
                    check_name="complete",
                    passed=run.rows == run.due,
                    severity=dg.AssetCheckSeverity.ERROR,
                    metadata={"due": run.due, "missing": run.due - run.rows},
                ),
                dg.AssetCheckResult(
                    check_name="by_a_champion",
                    passed=run.by_fallback == 0,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"scores_by_fallback": run.by_fallback},
                ),
            ],
        )

    return scores


def _plot(flow: RecordFlow, run: ScoreRun) -> dg.MarkdownMetadataValue:
    """Mean actual over mean predicted, by tenths of the prediction, as a picture."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4, 3.4), dpi=80)
    axes = figure.subplots()
    furthest = 0.0
    for measure, shown in run.shown.items():
        if len(shown) < 100:
            continue
        tenth = pd.qcut(shown["predicted"], 10, labels=False, duplicates="drop")
        means = shown.groupby(tenth).mean()
        axes.plot(means["predicted"], means["actual"], "o-", markersize=4, label=measure)
        furthest = max(furthest, float(means.to_numpy().max()))
    if not furthest:
        return dg.MetadataValue.md("Too few records for a picture.")
    axes.plot([0, furthest], [0, furthest], color="#999999", linewidth=1, label="as predicted")
    axes.set_xlabel(f"predicted {_UNITS[flow.name]}, tenths of all records", fontsize=8)
    axes.set_ylabel("mean of what came", fontsize=8)
    axes.set_title(flow.title, fontsize=9)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=7)
    return picture(figure, "predicted against actual")
