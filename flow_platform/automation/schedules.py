"""Jobs and the schedules that run alone. When they run stands in one table, SCHEDULES.

What the jobs compute is in `assets/`; which partitions a tick asks for is decided here.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, timedelta
from typing import Literal

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from flow_platform.assets.drift import drift_key
from flow_platform.assets.forecast import forecast_key
from flow_platform.assets.models import champion_key, merged_keys, model_key
from flow_platform.assets.scores import scores_key
from flow_platform.assets.segments import SEGMENTS_KEY
from flow_platform.automation.privacy import PURGE_JOB
from flow_platform.flows import (
    CATALOGUE,
    DELIVERIES,
    PARCELS,
    RETAIL,
    TRAFFIC,
    TRIPS,
    Flow,
    RecordFlow,
    SeriesFlow,
)
from flow_platform.ground.rectangle import Rectangle
from flow_platform.partitions import range_tags, rectangle_tags
from flow_platform.platform import Platform

TIMEZONE = "Europe/Paris"
# name: (flow, what it runs, cron, what for)
SCHEDULES: dict[str, tuple[Flow, Literal["daily", "models", "segments"], str, str]] = {
    "predict_traffic_hourly": (
        TRAFFIC,
        "daily",
        # Counters report some minutes after the hour.
        "10 * * * *",
        "today's readings so far, the forecasts of this hour, all counters",
    ),
    "predict_colis_daily": (
        PARCELS,
        "daily",
        "30 5 * * *",
        "yesterday's counts, today's forecasts, all centres",
    ),
    "predict_retail_daily": (
        RETAIL,
        "daily",
        "0 6 * * *",
        "yesterday's invoice lines, today's forecasts, all countries",
    ),
    "score_trips_daily": (
        TRIPS,
        "daily",
        "30 6 * * *",
        "yesterday's trips, what both models said of them, all boroughs",
    ),
    "score_deliveries_daily": (
        DELIVERIES,
        "daily",
        "0 7 * * *",
        "orders placed in the last seven weeks, what was said of them since, all regions",
    ),
    "train_colis_monthly": (
        PARCELS,
        "models",
        "0 4 1 * *",
        "vintages of the month that begins",
    ),
    "train_retail_monthly": (
        RETAIL,
        "models",
        "30 4 1 * *",
        "vintages of the month that begins",
    ),
    "train_traffic_monthly": (
        TRAFFIC,
        "models",
        "0 5 1 * *",
        "vintages of the month that begins",
    ),
    "train_trips_monthly": (
        TRIPS,
        "models",
        "30 5 1 * *",
        "vintages of the month that begins",
    ),
    "train_deliveries_monthly": (
        DELIVERIES,
        "models",
        "0 6 1 * *",
        "vintages of the month that begins",
    ),
    "segment_customers_monthly": (
        DELIVERIES,
        "segments",
        "30 6 1 * *",
        "the customers' segments, by what was known as the month began",
    ),
}
# Of no flow, and no asset: its job is in `privacy.py`.
PURGE = ("purge_daily", "45 3 * * *", "what has been kept long enough, all flows (docs/privacy.md)")


def stage_keys(flow: Flow) -> list[dg.AssetKey]:
    """The assets of a flow that are partitioned by centre and day, in the order of the lineage."""
    measured = (*flow.measured, "accuracy") if isinstance(flow, RecordFlow) else ("accuracy",)
    return [
        *history_keys(flow),
        said_key(flow),
        *_measured_keys(flow, measured),
        drift_key(flow),
    ]


def _measured_keys(flow: Flow, names: Iterable[str]) -> list[dg.AssetKey]:
    return [dg.AssetKey(["monitoring", f"{flow.name}_{name}"]) for name in names]


def said_key(flow: Flow) -> dg.AssetKey:
    """Where what the models say is kept: forecasts, or the scores of records."""
    if isinstance(flow, RecordFlow):
        return scores_key(flow)
    assert isinstance(flow, SeriesFlow)
    return forecast_key(flow)


def history_keys(flow: Flow) -> list[dg.AssetKey]:
    """The stages that bring history in, without forecasts."""
    is_weathered = isinstance(flow, SeriesFlow) and flow.has_weather
    weather = [dg.AssetKey(["raw", "weather"])] if is_weathered else []
    return [*weather, dg.AssetKey(["raw", flow.name]), *merged_keys(flow)]


def build_jobs(flow: Flow) -> list[UnresolvedAssetJobDefinition]:
    """The jobs of a flow: everything of a day, its history alone, and training."""
    unsaid = flow.measured_unsaid if isinstance(flow, RecordFlow) else ()
    return [
        dg.define_asset_job(
            f"{flow.name}_daily",
            selection=dg.AssetSelection.assets(*stage_keys(flow)),
            description="Every stage of a rectangle of centres and days.",
        ),
        dg.define_asset_job(
            f"{flow.name}_history",
            selection=dg.AssetSelection.assets(*history_keys(flow), *_measured_keys(flow, unsaid)),
            description="Rows of the source and the merged table, without forecasts.",
        ),
        dg.define_asset_job(
            f"{flow.name}_models",
            selection=dg.AssetSelection.assets(model_key(flow)),
            description="Vintages of every candidate for a range of months.",
        ),
        dg.define_asset_job(
            f"{flow.name}_champions",
            selection=dg.AssetSelection.assets(champion_key(flow)),
            description="The champion of each month of a range.",
        ),
        *pipeline_jobs(flow),
    ]


def pipeline_jobs(flow: Flow) -> list[UnresolvedAssetJobDefinition]:
    """The parts of a flow's daily job that programs start one by one, through the API."""
    history = history_keys(flow)
    return [
        dg.define_asset_job(
            f"{flow.name}_ingest",
            selection=dg.AssetSelection.assets(*(k for k in history if k not in merged_keys(flow))),
            description="Rows of the source, and the weather, of a rectangle of centres and days.",
        ),
        dg.define_asset_job(
            f"{flow.name}_etl",
            selection=dg.AssetSelection.assets(*merged_keys(flow)),
            description="The merged table, of the rows that are there.",
        ),
        dg.define_asset_job(
            f"{flow.name}_predict",
            selection=dg.AssetSelection.assets(*(k for k in stage_keys(flow) if k not in history)),
            description="Predictions, accuracy and drift, of the merged rows that are there.",
        ),
    ]


def segments_job() -> UnresolvedAssetJobDefinition:
    """The customers' segments of a month."""
    return dg.define_asset_job(
        f"{DELIVERIES.name}_segments",
        selection=dg.AssetSelection.assets(SEGMENTS_KEY),
        description="Which segment each customer is in, by what was known as the month began.",
    )


def weather_job() -> UnresolvedAssetJobDefinition:
    """The weather alone, for flows that have that of another flow's centres."""
    return dg.define_asset_job(
        "weather",
        selection=dg.AssetSelection.assets(["raw", "weather"]),
        description="Weather vintages of a rectangle of centres and days.",
    )


def foundation_job() -> UnresolvedAssetJobDefinition:
    """Centres, zones, calendar and views: what has no partitions."""
    return dg.define_asset_job(
        "foundation",
        selection=dg.AssetSelection.assets(
            ["staging", "centres"], ["raw", "calendar"], ["raw", "trip_zones"]
        )
        | dg.AssetSelection.assets(
            ["staging", "calendar"],
            ["staging", "weather"],
            *(["staging", name] for flow in CATALOGUE for name in flow.staging),
        )
        | dg.AssetSelection.groups("published"),
        description="Centres, zones, calendar, staging views and published views.",
    )


def build_schedules(platform: Platform) -> list[dg.ScheduleDefinition]:
    """The schedules of one installation; they start switched on."""
    return [*(_schedule(platform, name) for name in SCHEDULES), _purge_schedule()]


def _purge_schedule() -> dg.ScheduleDefinition:
    name, cron, description = PURGE

    @dg.schedule(
        name=name,
        job_name=PURGE_JOB,
        cron_schedule=cron,
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(run_key=f"{name} {context.scheduled_execution_time:%Y-%m-%d}")

    return tick


def _schedule(platform: Platform, name: str) -> dg.ScheduleDefinition:
    flow, job, cron, description = SCHEDULES[name]

    @dg.schedule(
        name=name,
        job_name=f"{flow.name}_{job}",
        cron_schedule=cron,
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )
    def tick(
        context: dg.ScheduleEvaluationContext,
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        moment = context.scheduled_execution_time
        month = moment.date().replace(day=1)
        if job == "segments":
            yield dg.RunRequest(run_key=f"{name} {month}", partition_key=str(month))
            return
        if job == "models":
            tags = range_tags(f"{flow.candidates[0]}|{month}", f"{flow.candidates[-1]}|{month}")
            yield dg.RunRequest(run_key=f"{name} {month}", tags=tags)
            return
        centres = platform.areas_of(flow)
        if not centres:
            yield dg.SkipReason(f"The source of {flow.name} names no centre; see `flow doctor`.")
            return
        if flow.is_hourly:
            # The present day, in place; after midnight yesterday too, whose last hours came since.
            hour = moment.astimezone(UTC).replace(minute=0)
            first = (hour - timedelta(hours=2)).date()
            rectangle = Rectangle(centres, first, hour.date())
            yield dg.RunRequest(
                run_key=f"{name} {hour:%Y-%m-%dT%H}", tags=rectangle_tags(rectangle)
            )
            return
        # The last complete UTC day, for every centre, in one run; with those whose records live on.
        day = moment.astimezone(UTC).date() - timedelta(days=1)
        life = flow.life_days if isinstance(flow, RecordFlow) else 0
        first = max(day - timedelta(days=life), platform.settings.first_day)
        rectangle = Rectangle(centres, min(first, day), day)
        yield dg.RunRequest(run_key=f"{name} {day}", tags=rectangle_tags(rectangle))

    return tick
