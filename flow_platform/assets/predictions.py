"""The predictions of each centre and day: forecasts of series, or scores of records."""

from collections.abc import Iterator

import dagster as dg

from flow_platform.assets.common import (
    PlatformParam,
    by_centre_and_day,
    picture,
    progress_of,
    rectangle_rows,
    refresh_of,
    rows_metadata,
    show,
)
from flow_platform.assets.keys import (
    champion_key,
    merged_key,
    predictions_key,
    training_view_keys,
)
from flow_platform.assets.models import log_vintages
from flow_platform.flows.kinds import Flow
from flow_platform.partitions import vintage_known_by_day
from flow_platform.parts import parts_of
from flow_platform.platform import Platform
from flow_platform.stages.predictions import PredictionRun, predict


def build_predictions_asset(platform: Platform, flow: Flow) -> dg.AssetsDefinition:
    """The asset of a flow's forecasts or scores, by every one of its models."""
    key, made = predictions_key(flow), parts_of(flow).models.predictions

    @dg.asset(
        key=key,
        **by_centre_and_day(platform, flow, made.table),
        deps=[
            merged_key(flow),
            *training_view_keys(flow),
            dg.AssetDep(champion_key(flow), partition_mapping=vintage_known_by_day()),
        ],
        description=made.description,
        check_specs=[
            dg.AssetCheckSpec("complete", asset=key, blocking=True, description=made.complete),
            dg.AssetCheckSpec(
                "by_a_champion", asset=key, description="No prediction is the fallback's."
            ),
        ],
    )
    def predictions(
        context: dg.AssetExecutionContext, platform: PlatformParam
    ) -> Iterator[dg.MaterializeResult | dg.AssetMaterialization]:
        rectangle = rectangle_rows(context, platform, flow)
        progress = progress_of(context, platform)
        run = predict(platform, flow, rectangle, refresh=refresh_of(context), progress=progress)
        for measure, vintages in run.vintages.items():
            log_vintages(context, flow, measure, vintages)
        context.log.info("%s: %d rows stored", made.table.name, run.rows)
        for measure, counts in run.versions.items():
            for version, count in counts.items():
                context.log.info("%s: %d %s by %s", measure, count, made.counted, version)
        show(context, _plot(run))
        yield _result(run, made.counted)

    return predictions


def _plot(run: PredictionRun) -> dict[str, dg.MarkdownMetadataValue]:
    """Metadata: predicted against actual, over the whole run."""
    figure = run.plot()
    shown = (
        picture(figure, "predicted against actual")
        if figure is not None
        else dg.MetadataValue.md("There is too little to draw.")
    )
    return {"predicted_against_actual": shown}


def _result(run: PredictionRun, counted: str) -> dg.MaterializeResult:
    return dg.MaterializeResult(
        metadata=rows_metadata(
            run.rows,
            **{f"{counted}_by_version": dg.MetadataValue.json(run.versions)},
            **{name: dg.MetadataValue.float(value) for name, value in run.known_figures.items()},
        ),
        check_results=[
            dg.AssetCheckResult(
                check_name="complete",
                passed=run.missing == 0,
                severity=dg.AssetCheckSeverity.ERROR,
                metadata={"missing": run.missing, **run.counts},
            ),
            dg.AssetCheckResult(
                check_name="by_a_champion",
                passed=run.by_fallback == 0,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={f"{counted}_by_fallback": run.by_fallback},
            ),
        ],
    )
