"""dbt's seeds, models and tests as assets and checks, in groups of one grain each.

Which SQL is behind an asset is told by its key: merged/parcels is
`dbt_project/models/merged/merged__parcels.sql`. How dbt runs is in `warehouse/dbt.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets

from flow_platform.assets.common import ONE_RUN, SHARED_GROUP, SHARED_OWNER, PlatformParam
from flow_platform.flows import CATALOGUE, Flow, SeriesFlow
from flow_platform.ground.rectangle import Rectangle
from flow_platform.partitions import day_before, days_before, partitions_of, rectangle_of, same_day
from flow_platform.platform import Platform

DBT_POOL = "dbt"


class Translator(DagsterDbtTranslator):
    """Names dbt's nodes as their tables are named: [schema, table]."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            given = dbt_resource_props.get("meta", {}).get("dagster", {}).get("asset_key")
            return dg.AssetKey(
                given or [dbt_resource_props["schema"], dbt_resource_props["identifier"]]
            )
        return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["alias"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        if dbt_resource_props["schema"] == "published":
            return "published"
        flow = _flow_of(dbt_resource_props)
        return flow.name if flow else SHARED_GROUP

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:
        return [SHARED_OWNER]

    def get_partition_mapping(
        self,
        dbt_resource_props: Mapping[str, Any],
        dbt_parent_resource_props: Mapping[str, Any],
    ) -> dg.PartitionMapping | None:
        flow, parent = _flow_of(dbt_resource_props), dbt_parent_resource_props.get("identifier")
        if flow is None:
            return None
        if parent == "forecasts" and isinstance(flow, SeriesFlow):
            # What is said of an hour is said within the day before it ends.
            return days_before(1, 0) if flow.is_hourly else days_before(flow.longest_horizon, 1)
        if parent == "weather" and flow.centres_from == "source":
            # Their weather is that of a place, which is a centre of the centres file. A trip knows
            # what was known when its day began, an hour of traffic what was known by then.
            return same_day() if isinstance(flow, SeriesFlow) else day_before()
        if parent == "customer_segments":
            # Made by month, of which a rectangle may need any: that of placing, or an earlier one.
            return dg.AllPartitionMapping()
        return None


def _flow_of(dbt_resource_props: Mapping[str, Any]) -> Flow | None:
    """The flow whose name a dbt node bears or whose `meta` names it, None for what flows share."""
    meta = dbt_resource_props.get("config", {}).get("meta", {})
    name = str(meta.get("flow", dbt_resource_props["name"]))
    return next((flow for flow in CATALOGUE if flow.name in name), None)


def _windowed(manifest: Mapping[str, Any], flow: Flow) -> list[str]:
    """The models of a flow built by partition: its merged table, and what is measured on it."""
    return sorted(
        str(node["name"])
        for node in manifest["nodes"].values()
        if node["config"]["materialized"] == "incremental" and _flow_of(node) == flow
    )


def window_variables(rectangle: Rectangle) -> dict[str, Any]:
    """The dbt variables that confine a build to a rectangle."""
    return {
        "centres": list(rectangle.centres),
        "from_day": rectangle.first_day.isoformat(),
        "to_day": rectangle.last_day.isoformat(),
    }


def build_arguments(model_names: Sequence[str]) -> list[str]:
    """The dbt command that builds these nodes and runs their data tests.

    Unit tests belong to `make test`: they say nothing about the data of a run.
    """
    return ["build", "--select", *sorted(model_names), "--exclude-resource-type", "unit_test"]


def build_dbt_assets(platform: Platform) -> list[dg.AssetsDefinition]:
    """The centres, the staging views, the published views, and what each flow has partitioned."""
    manifest = platform.dbt.manifest(platform.centres_by_flow)
    translator = Translator(
        settings=DagsterDbtTranslatorSettings(
            enable_asset_checks=True, enable_duplicate_source_asset_keys=True
        )
    )
    names = {
        translator.get_asset_key(node): str(node["name"])
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed")
    }

    def run(
        context: dg.AssetExecutionContext, platform: Platform, rectangle: Rectangle | None
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        chosen = [names[key] for key in context.selected_asset_keys if key in names]
        outcome = platform.dbt.run(
            platform.server,
            build_arguments(chosen),
            window_variables(rectangle) if rectangle else {},
        )
        yield from events_of(context, outcome, manifest, translator)

    common: dict[str, Any] = {
        "manifest": manifest,
        "dagster_dbt_translator": translator,
        "pool": DBT_POOL,
    }

    @dbt_assets(select="resource_type:seed", name="dbt_centres", **common)
    def centres(context: dg.AssetExecutionContext, platform: PlatformParam):  # type: ignore[no-untyped-def]
        yield from run(context, platform, None)

    @dbt_assets(select="tag:staging", name="dbt_staging", **common)
    def staging(context: dg.AssetExecutionContext, platform: PlatformParam):  # type: ignore[no-untyped-def]
        yield from run(context, platform, None)

    def partitioned(flow: Flow, model: str) -> dg.AssetsDefinition:
        @dbt_assets(
            select=model,
            name=f"dbt_{model}",
            partitions_def=partitions_of(platform, flow),
            backfill_policy=ONE_RUN,
            **common,
        )
        def built(context: dg.AssetExecutionContext, platform: PlatformParam):  # type: ignore[no-untyped-def]
            rectangle = platform.rows_of(flow, rectangle_of(context.partition_keys))
            yield from run(context, platform, rectangle)

        return built

    @dbt_assets(select="tag:published", name="dbt_published", **common)
    def published(context: dg.AssetExecutionContext, platform: PlatformParam):  # type: ignore[no-untyped-def]
        yield from run(context, platform, None)

    stages = [partitioned(flow, model) for flow in CATALOGUE for model in _windowed(manifest, flow)]
    return [centres, staging, *stages, published]


def events_of(
    context: dg.AssetExecutionContext,
    outcome: Any,
    manifest: Mapping[str, Any],
    translator: DagsterDbtTranslator,
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """dbt's run results as Dagster events: a materialization a model, a check result a test."""
    expected_checks = {check.name: check for check in context.selected_asset_check_keys}
    for result in outcome.results:
        node = manifest["nodes"].get(result.node.unique_id)
        if node is None:
            continue
        seconds = round(float(result.execution_time), 3)
        if node["resource_type"] in ("model", "seed"):
            rows = (result.adapter_response or {}).get("rows_affected")
            metadata: dict[str, Any] = {"seconds": seconds}
            if isinstance(rows, int) and rows >= 0:
                metadata["dagster/row_count"] = rows
            yield dg.MaterializeResult(asset_key=translator.get_asset_key(node), metadata=metadata)
        elif node["name"] in expected_checks:
            key = expected_checks[node["name"]]
            yield dg.AssetCheckResult(
                asset_key=key.asset_key,
                check_name=key.name,
                passed=str(result.status) == "pass",
                severity=dg.AssetCheckSeverity.WARN
                if str(result.status) == "warn"
                else dg.AssetCheckSeverity.ERROR,
                metadata={"failing_rows": result.failures or 0, "seconds": seconds},
            )
