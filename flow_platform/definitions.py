"""What Dagster loads. `build_definitions` assembles the graph of an installation; tests call it."""

from __future__ import annotations

import warnings

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from flow_platform.platform import Platform
from flow_platform.settings import get_settings


def build_definitions(platform: Platform) -> dg.Definitions:
    """The whole graph of `platform`: its centres are the partitions, its settings the behaviour.

    Reads the centres and the dbt project; starts no server.
    """
    with warnings.catch_warnings():
        # Pinned versions: that backfill policies are marked beta is known.
        warnings.simplefilter("ignore", dg.BetaWarning)
        from flow_platform.assets.dbt import build_dbt_assets
        from flow_platform.assets.drift import build_drift_asset
        from flow_platform.assets.forecast import build_forecast_asset
        from flow_platform.assets.live import build_live_assets, build_live_sensors
        from flow_platform.assets.models import build_model_assets
        from flow_platform.assets.raw import build_raw_assets
        from flow_platform.assets.scores import build_scores_asset
        from flow_platform.assets.segments import build_segments_asset
        from flow_platform.automation.privacy import build_purge_job
        from flow_platform.automation.promotion import build_promotion_jobs
        from flow_platform.automation.schedules import (
            build_jobs,
            build_schedules,
            foundation_job,
            segments_job,
            weather_job,
        )
        from flow_platform.automation.streams import build_stream_sensors
        from flow_platform.automation.tuning import build_tuning_job
        from flow_platform.flows import CATALOGUE, RECORD_FLOWS, SERIES_FLOWS

        assets: list[dg.AssetsDefinition] = [
            *build_raw_assets(platform),
            *build_dbt_assets(platform),
        ]
        jobs: list[dg.JobDefinition | UnresolvedAssetJobDefinition] = [
            foundation_job(),
            weather_job(),
            segments_job(),
            build_purge_job(),
        ]
        for flow in CATALOGUE:
            assets += build_model_assets(platform, flow)
            assets.append(build_drift_asset(platform, flow))
            jobs += build_jobs(flow)
            jobs += build_promotion_jobs(flow)
        assets += [build_forecast_asset(platform, flow) for flow in SERIES_FLOWS]
        assets += [build_scores_asset(platform, flow) for flow in RECORD_FLOWS]
        assets.append(build_segments_asset(platform))
        jobs += [build_tuning_job(flow) for flow in SERIES_FLOWS if flow.is_tuned]
        live = build_live_assets(platform)
        checks = [one for one in live if isinstance(one, dg.AssetChecksDefinition)]
        return dg.Definitions(
            assets=[*assets, *(one for one in live if isinstance(one, dg.AssetSpec))],
            asset_checks=checks,
            sensors=[*build_live_sensors(platform), *build_stream_sensors()],
            jobs=jobs,
            schedules=build_schedules(platform),
            resources={"platform": platform},
            executor=dg.in_process_executor,
        )


@dg.definitions
def defs() -> dg.Definitions:
    return build_definitions(Platform(get_settings()))
