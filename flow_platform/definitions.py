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
        from flow_platform.assets.live import build_live_assets, build_live_sensors
        from flow_platform.assets.models import build_model_assets
        from flow_platform.assets.predictions import build_predictions_asset
        from flow_platform.assets.raw import build_raw_assets
        from flow_platform.automation.jobs import build_jobs, shared_jobs
        from flow_platform.automation.privacy import build_purge_job
        from flow_platform.automation.promotion import build_promotion_jobs
        from flow_platform.automation.schedules import build_schedules
        from flow_platform.automation.tuning import build_tuning_job
        from flow_platform.flows.catalogue import CATALOGUE, SERIES_FLOWS
        from flow_platform.parts import parts_of

        assets = [*build_raw_assets(platform), *build_dbt_assets(platform)]
        jobs: list[dg.JobDefinition | UnresolvedAssetJobDefinition] = [
            *shared_jobs(),
            build_purge_job(),
        ]
        sensors = build_live_sensors(platform)
        for flow in CATALOGUE:
            more = parts_of(flow).more
            assets += build_model_assets(platform, flow)
            assets += [build_predictions_asset(platform, flow), build_drift_asset(platform, flow)]
            assets += more.assets(platform)
            jobs += [*build_jobs(flow), *build_promotion_jobs(flow)]
            sensors += more.sensors()
        jobs += [build_tuning_job(flow) for flow in SERIES_FLOWS if flow.is_tuned]
        live = build_live_assets(platform)
        checks = [one for one in live if isinstance(one, dg.AssetChecksDefinition)]
        return dg.Definitions(
            assets=[*assets, *(one for one in live if isinstance(one, dg.AssetSpec))],
            asset_checks=checks,
            sensors=sensors,
            jobs=jobs,
            schedules=build_schedules(platform),
            resources={"platform": platform},
            executor=dg.in_process_executor,
        )


@dg.definitions
def defs() -> dg.Definitions:
    return build_definitions(Platform(get_settings()))
