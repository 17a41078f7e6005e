"""Jobs and the schedules that run alone. When they run stands in one table, SCHEDULES.

What the jobs compute is in `assets/`; which partitions a tick asks for is decided here.
"""

from collections.abc import Iterator
from datetime import UTC, timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from flow_platform.assets.forecast import drift_key, forecast_key
from flow_platform.assets.models import champion_key, merged_key, model_key
from flow_platform.flows import PARCELS, SeriesFlow
from flow_platform.partitions import range_tags, rectangle_tags
from flow_platform.platform import Platform
from flow_platform.warehouse.store import Keys

TIMEZONE = "Europe/Paris"
# name: (cron, what for)
SCHEDULES: dict[str, tuple[str, str]] = {
    "predict_colis_daily": ("30 5 * * *", "yesterday's counts, today's forecasts, all centres"),
    "train_colis_monthly": ("0 4 1 * *", "vintages of the month that begins"),
}


def stage_keys(flow: SeriesFlow) -> list[dg.AssetKey]:
    """The assets of a flow that are partitioned by centre and day, in the order of the lineage."""
    return [
        dg.AssetKey(["raw", "weather"]),
        dg.AssetKey(["raw", flow.name]),
        merged_key(flow),
        forecast_key(flow),
        dg.AssetKey(["monitoring", f"{flow.name}_accuracy"]),
        drift_key(flow),
    ]


def history_keys(flow: SeriesFlow) -> list[dg.AssetKey]:
    """The stages that bring history in, without forecasts."""
    return stage_keys(flow)[:3]


def build_jobs(flow: SeriesFlow) -> list[UnresolvedAssetJobDefinition]:
    """The jobs of a flow: everything of a day, its history alone, and training."""
    return [
        dg.define_asset_job(
            f"{flow.name}_daily",
            selection=dg.AssetSelection.assets(*stage_keys(flow)),
            description="Every stage of a rectangle of centres and days.",
        ),
        dg.define_asset_job(
            f"{flow.name}_history",
            selection=dg.AssetSelection.assets(*history_keys(flow)),
            description="Counts, weather and the merged table, without forecasts.",
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
    ]


def foundation_job() -> UnresolvedAssetJobDefinition:
    """Centres, calendar and views: what has no partitions."""
    return dg.define_asset_job(
        "foundation",
        selection=dg.AssetSelection.assets(["staging", "centres"], ["raw", "calendar"])
        | dg.AssetSelection.assets(
            ["staging", "calendar"], ["staging", "parcels"], ["staging", "weather"]
        )
        | dg.AssetSelection.groups("published"),
        description="Centres, calendar, staging views and published views.",
    )


def build_schedules(platform: Platform) -> list[dg.ScheduleDefinition]:
    """The schedules of one installation; they start switched on."""

    @dg.schedule(
        name="predict_colis_daily",
        job_name=f"{PARCELS.name}_daily",
        cron_schedule=SCHEDULES["predict_colis_daily"][0],
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=SCHEDULES["predict_colis_daily"][1],
    )
    def predict_colis_daily(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        # The last complete UTC day, for every centre, in one run.
        moment = context.scheduled_execution_time.astimezone(UTC)
        day = moment.date() - timedelta(days=1)
        yield dg.RunRequest(
            run_key=f"predict_colis_daily {day}",
            tags=rectangle_tags(Keys(platform.centre_ids, day, day)),
        )

    @dg.schedule(
        name="train_colis_monthly",
        job_name=f"{PARCELS.name}_models",
        cron_schedule=SCHEDULES["train_colis_monthly"][0],
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=SCHEDULES["train_colis_monthly"][1],
    )
    def train_colis_monthly(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        month = context.scheduled_execution_time.date().replace(day=1)
        yield dg.RunRequest(
            run_key=f"train_colis_monthly {month}",
            tags=range_tags(
                f"{PARCELS.candidates[0]}|{month}", f"{PARCELS.candidates[-1]}|{month}"
            ),
        )

    return [predict_colis_daily, train_colis_monthly]
