"""The forecast of each centre and day, issued at the close of the day."""

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
from flow_platform.assets.models import (
    champion_key,
    log_vintages,
    merged_key,
    view_keys,
)
from flow_platform.flows import SeriesFlow
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import ML_ROLE
from flow_platform.models.vintage import FALLBACK_VERSION
from flow_platform.partitions import partitions_of, rectangle_of, vintage_known_by_day
from flow_platform.platform import Platform
from flow_platform.stages.forecasting import Issued, issue_forecasts


def forecast_key(flow: SeriesFlow) -> dg.AssetKey:
    return dg.AssetKey(["ml", f"{flow.name}_forecast"])


def build_forecast_asset(platform: Platform, flow: SeriesFlow) -> dg.AssetsDefinition:
    """The forecast asset of one flow."""
    partitions = partitions_of(platform, flow)
    reach = f"next {flow.longest_horizon} {flow.step}s"

    @dg.asset(
        key=forecast_key(flow),
        group_name=flow.name,
        kinds={"python", "postgres"},
        owners=[flow.owner],
        partitions_def=partitions,
        backfill_policy=ONE_RUN,
        deps=[
            merged_key(flow),
            *view_keys(flow),
            dg.AssetDep(champion_key(flow), partition_mapping=vintage_known_by_day()),
        ],
        metadata=columns_metadata(
            "ml.forecasts",
            measure="text",
            centre_id="text",
            day="date",
            date="date",
            target_at="timestamptz",
            horizon="smallint",
            issued_at="timestamptz",
            prediction="double precision",
            lower_80="double precision",
            upper_80="double precision",
            lower_95="double precision",
            upper_95="double precision",
            model_version="text",
            level="text",
        ),
        description=f"{flow.title}: what was said"
        f" {'every hour of the day' if flow.is_hourly else 'at the close of the day'} for the"
        f" {reach}, with 80 and 95 % intervals. Uses only what was known then.",
        check_specs=[
            dg.AssetCheckSpec(
                "complete",
                asset=forecast_key(flow),
                blocking=True,
                description="Every centre, day and measure with history has every horizon,"
                " but for weekdays on which the shop is closed.",
            ),
            dg.AssetCheckSpec(
                "by_a_champion",
                asset=forecast_key(flow),
                description="No day had to be forecast by the fallback.",
            ),
        ],
    )
    def forecast(
        context: dg.AssetExecutionContext, platform: PlatformParam
    ) -> Iterator[dg.MaterializeResult | dg.AssetMaterialization]:
        rectangle = platform.rows_of(flow, rectangle_of(context.partition_keys))

        progress = told(context, platform)
        by_measure: dict[str, Issued] = {}
        for measure in flow.measures:
            by_measure[measure] = issue_forecasts(
                platform, flow, measure, rectangle, refresh=refresh_of(context), progress=progress
            )
            log_vintages(context, flow, measure, by_measure[measure].vintages)
        # Metadata of a materialization is stored once a partition; the picture once a run.
        context.log_event(
            dg.AssetObservation(
                forecast_key(flow),
                partition=context.partition_keys[-1],
                metadata={
                    "forecast_against_actual": _plot(
                        platform, flow, rectangle, by_measure[flow.measures[0]].shown
                    )
                },
            )
        )
        said = by_measure.values()
        incomplete, issues = sum(one.incomplete for one in said), sum(one.issues for one in said)
        versions = {measure: issued.issues_by_version for measure, issued in by_measure.items()}
        fallback = sum(counts.get(FALLBACK_VERSION, 0) for counts in versions.values())
        yield dg.MaterializeResult(
            metadata=rows_metadata(
                sum(one.rows for one in said),
                issues_by_version=dg.MetadataValue.json(versions),
            ),
            check_results=[
                dg.AssetCheckResult(
                    check_name="complete",
                    passed=incomplete == 0,
                    severity=dg.AssetCheckSeverity.ERROR,
                    metadata={
                        "issues": issues,
                        "incomplete": incomplete,
                        "partitions_without_history": len(rectangle) * len(flow.measures) - issues,
                        "closed_targets_left_out": sum(one.closed_targets for one in said),
                    },
                ),
                dg.AssetCheckResult(
                    check_name="by_a_champion",
                    passed=fallback == 0,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"days_by_fallback": fallback},
                ),
            ],
        )

    return forecast


def _plot(
    platform: Platform, flow: SeriesFlow, rectangle: Rectangle, rows: pd.DataFrame
) -> dg.MarkdownMetadataValue:
    """Forecast one step ahead against actual, of the first centre, as a picture in Markdown."""
    from matplotlib.figure import Figure

    centre, measure = rectangle.centres[0], flow.measures[0]
    if rows.empty:
        return dg.MetadataValue.md("No forecast was made.")
    at = "target_at" if flow.is_hourly else "day"
    named = "target_at" if flow.is_hourly else "date"
    shown = rows.sort_values(named).tail(168 if flow.is_hourly else 90)
    actual = platform.store(ML_ROLE).read(
        f"select {at} as at, {measure} as value from {flow.merged} where centre_id = %(centre)s"
        f" and {at} between %(first)s and %(last)s order by {at}",
        {"centre": centre, "first": shown[named].iloc[0], "last": shown[named].iloc[-1]},
    )
    figure = Figure(figsize=(8, 2.6), dpi=80)
    axes = figure.subplots()
    axes.fill_between(shown[named], shown["lower_80"], shown["upper_80"], color="#cfe0f3")
    label = f"forecast, 1 {flow.step} ahead"
    axes.plot(shown[named], shown["prediction"], color="#1f5fa8", label=label)
    axes.plot(actual["at"], actual["value"], "k.", markersize=4, label="actual")
    axes.set_title(f"{flow.title}, centre {centre}", fontsize=9)
    axes.tick_params(labelsize=7)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7, loc="lower left")
    return picture(figure, "forecast against actual")
