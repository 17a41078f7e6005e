"""dbt's seeds, models and tests as assets and checks, in groups of one grain each.

The key of an asset gives its SQL: merged/parcels_merged is built by `merged/merged__parcels.sql` of
`dbt_project/models`. How dbt runs is in `warehouse/dbt.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtProject,
    dbt_assets,
)

from flow_platform.assets.common import (
    ONE_RUN,
    SHARED_GROUP,
    SHARED_OWNER,
    PlatformParam,
    centres_metadata,
    rectangle_rows,
)
from flow_platform.assets.keys import (
    champion_key,
    drift_key,
    live_keys,
    predictions_key,
    raw_key,
    table_key,
)
from flow_platform.assets.raw import WEATHER
from flow_platform.flows.catalogue import CATALOGUE, SERIES_FLOWS, flow_named
from flow_platform.flows.kinds import Flow, SeriesFlow
from flow_platform.ground.errors import ConfigurationError
from flow_platform.ground.rectangle import Rectangle
from flow_platform.partitions import day_before, days_before, partitions_of, same_day
from flow_platform.platform import Platform

DBT_POOL = "dbt"
FORECASTS = table_key("ml.forecasts")


class Translator(DagsterDbtTranslator):
    """Names dbt's nodes after their tables (`ground/asset_paths.py`), and knows the flow of each.

    The flow of a model is in its YAML: `config: {meta: {flow: parcels}}`.
    """

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        if not any(dep.asset_key in _assets_of_flows() for dep in spec.deps):
            return spec
        flow = flow_of(self.get_resource_props(manifest, unique_id))
        read = [asset for dep in spec.deps for asset in _assets_read(dep, flow)]
        # Two tables may be of one asset; it is named once.
        return spec.replace_attributes(deps=list({dep.asset_key: dep for dep in read}.values()))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            given = dbt_resource_props.get("meta", {}).get("dagster", {}).get("asset_key")
            if given:
                return dg.AssetKey(given)
            name = dbt_resource_props["identifier"]
        else:
            name = dbt_resource_props["alias"]
        return table_key(f"{dbt_resource_props['schema']}.{name}")

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        if dbt_resource_props["schema"] == "published":
            return "published"
        flow = flow_of(dbt_resource_props)
        return flow.name if flow else SHARED_GROUP

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:
        return [SHARED_OWNER]

    def get_partition_mapping(
        self,
        dbt_resource_props: Mapping[str, Any],
        dbt_parent_resource_props: Mapping[str, Any],
    ) -> dg.PartitionMapping | None:
        flow = flow_of(dbt_resource_props)
        if flow is None or not _is_partitioned(dbt_resource_props):
            return None
        parent = self.get_asset_key(dbt_parent_resource_props)
        if parent == FORECASTS:
            return _days_of_issue(dbt_resource_props, flow)
        if parent == WEATHER and flow.centres_from == "source":
            return _weather_of_places(dbt_resource_props)
        if dbt_parent_resource_props.get("meta", {}).get("partitioned_by") == "month":
            # A rectangle of days may need any month: its own or an earlier one.
            return dg.AllPartitionMapping()
        return None


@cache
def _assets_of_flows() -> Mapping[dg.AssetKey, Mapping[str, list[dg.AssetKey]]]:
    """Tables that several flows write to, with the assets of each flow.

    To dbt such a table is one source, in the lineage each flow's rows are assets of their own.
    """
    return {
        FORECASTS: {flow.name: [predictions_key(flow)] for flow in SERIES_FLOWS},
        table_key("ml.vintages"): {flow.name: [champion_key(flow)] for flow in CATALOGUE},
        table_key("monitoring.drift"): {flow.name: [drift_key(flow)] for flow in CATALOGUE},
        table_key("ops.offsets"): {flow.name: live_keys(flow) for flow in CATALOGUE},
        # A load writes them with its rows.
        table_key("ops.days_not_whole"): {flow.name: [raw_key(flow)] for flow in CATALOGUE},
    }


def _assets_read(dep: dg.AssetDep, flow: Flow | None) -> list[dg.AssetDep]:
    """The assets behind one dependency: a model of `flow` reads its rows, a shared model all."""
    of_flows = _assets_of_flows().get(dep.asset_key)
    if of_flows is None:
        return [dep]
    return [
        dg.AssetDep(key, partition_mapping=dep.partition_mapping)
        for name, keys in of_flows.items()
        if flow is None or name == flow.name
        for key in keys
    ]


def flow_of(node: Mapping[str, Any]) -> Flow | None:
    """The flow that a dbt node's `meta` names, None where it names none: flows share it."""
    name = node["config"].get("meta", {}).get("flow")
    return flow_named(name) if name else None


def check_flows(manifest: Mapping[str, Any], listed: Sequence[str]) -> None:
    """Raise ConfigurationError unless every model says whose it is, and dbt lists every flow.

    A model between the raw and the published rows names its flow in its `meta`, or says that flows
    share it: its group and partitions depend on it. A published view may name a flow. The error
    names the model and its file. `listed` are the flows of dbt_project.yml, which are those that
    shared views ask for rows.
    """
    known = [flow.name for flow in CATALOGUE]
    if sorted(listed) != sorted(known):
        raise ConfigurationError(
            f"dbt_project/dbt_project.yml lists the flows {', '.join(listed)}, the catalogue has"
            f" {', '.join(known)}. List the same under vars: flows."
        )
    for node in manifest["nodes"].values():
        if node["resource_type"] not in ("model", "seed"):
            continue
        meta = node["config"].get("meta", {})
        may_be_shared = not _is_partitioned(node) and "flow" not in meta
        is_shared = meta.get("shared") is True or node["schema"] == "published"
        if meta.get("flow") not in known and not (is_shared and may_be_shared):
            raise ConfigurationError(
                f"The meta of {_named(node)} names no flow of the catalogue:"
                f" {meta or 'it is empty'}. Give it config: {{meta: {{flow: NAME}}}} in its YAML,"
                f" NAME one of {', '.join(known)}. A view that flows share has {{shared: true}}."
            )


def _named(node: Mapping[str, Any]) -> str:
    return f"{node['name']} (dbt_project/{node['original_file_path']})"


def _is_partitioned(node: Mapping[str, Any]) -> bool:
    return bool(node["config"]["materialized"] == "incremental")


def _days_of_issue(node: Mapping[str, Any], flow: Flow) -> dg.PartitionMapping:
    """The days on which the forecasts of a target day are issued."""
    if not isinstance(flow, SeriesFlow):
        raise ConfigurationError(
            f"{_named(node)} reads ml.forecasts, but {flow.name} is scored record by record: it has"
            " no forecasts."
        )
    return days_before(1, 0) if flow.is_hourly else days_before(flow.longest_horizon, 1)


def _weather_of_places(node: Mapping[str, Any]) -> dg.PartitionMapping:
    """The days of weather behind a day of a flow whose centres have the weather of their place.

    Weather is partitioned by the centres of the centres file. By when it must have been known is up
    to the SQL of the model, so its `meta` says it: `weather_known`.
    """
    choices = {"same_day": same_day, "day_before": day_before}
    chosen = node["config"].get("meta", {}).get("weather_known")
    if chosen not in choices:
        raise ConfigurationError(
            f"{_named(node)} uses the weather of other places than its centres. Say in its YAML by"
            " when the weather must have been known: config: {meta: {weather_known:"
            f" {' or '.join(choices)}}}}}; found {chosen!r}."
        )
    return choices[chosen]()


def _windowed(manifest: Mapping[str, Any], flow: Flow) -> list[str]:
    """The models of a flow built by partition: its merged table, and what is measured on it."""
    return sorted(
        str(node["name"])
        for node in manifest["nodes"].values()
        if _is_partitioned(node) and flow_of(node) == flow
    )


def window_variables(rectangle: Rectangle) -> dict[str, Any]:
    """The dbt variables that confine a build to a rectangle."""
    return {
        "centres": list(rectangle.centres),
        "from_day": rectangle.first_day.isoformat(),
        "to_day": rectangle.last_day.isoformat(),
    }


def partial_days_variables(platform: Platform) -> dict[str, Any]:
    """The dbt variable of the flows whose accuracy uses days that are not whole."""
    used = [flow.name for flow in CATALOGUE if platform.uses_partial_days(flow)]
    return {"partial_days_used": used}


def build_arguments(model_names: Sequence[str]) -> list[str]:
    """The dbt command that builds these nodes and runs their data tests.

    Unit tests belong to `make test`: they say nothing about the data of a run.
    """
    return ["build", "--select", *sorted(model_names), "--exclude-resource-type", "unit_test"]


def build_dbt_assets(platform: Platform) -> list[dg.AssetsDefinition]:
    """The centres, the staging views, the published views, and what each flow has partitioned."""
    manifest = platform.dbt.manifest(platform.centres_by_flow)
    check_flows(manifest, platform.dbt.flows)
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
            partial_days_variables(platform) | (window_variables(rectangle) if rectangle else {}),
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
            yield from run(context, platform, rectangle_rows(context, platform, flow))

        centres = centres_metadata(platform.centres_of(flow))
        return built.map_asset_specs(lambda spec: spec.merge_attributes(metadata=centres))

    @dbt_assets(select="tag:published", name="dbt_published", **common)
    def published(context: dg.AssetExecutionContext, platform: PlatformParam):  # type: ignore[no-untyped-def]
        yield from run(context, platform, None)

    stages = [partitioned(flow, model) for flow in CATALOGUE for model in _windowed(manifest, flow)]
    return [centres, staging, *stages, published]


def _made(node: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    """A model or seed as dbt made it, for the run's log."""
    rows = metadata.get("dagster/row_count")
    done = "view made" if rows is None else f"{rows} rows stored"
    return f"{node['schema']}.{node['alias']}: {done} in {metadata['seconds']:.2f} s"


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
            context.log.info("%s", _made(node, metadata))
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
