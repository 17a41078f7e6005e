"""The keys of the assets that every flow has."""

import dagster as dg

from flow_platform.flows.kinds import Flow
from flow_platform.ground.asset_paths import asset_path
from flow_platform.parts import parts_of


def table_key(table: str) -> dg.AssetKey:
    """The asset that makes a table or view, such as "merged.parcels"."""
    return dg.AssetKey(asset_path(table))


def raw_key(flow: Flow) -> dg.AssetKey:
    return table_key(f"raw.{flow.name}")


def live_keys(flow: Flow) -> list[dg.AssetKey]:
    """The external assets of a flow's live sources."""
    return [dg.AssetKey(source.key) for source in parts_of(flow).live]


def merged_key(flow: Flow) -> dg.AssetKey:
    return table_key(flow.merged)


def merged_keys(flow: Flow) -> list[dg.AssetKey]:
    """The merged table of a flow, and those merged in addition to it."""
    return [merged_key(flow), *map(table_key, flow.more_merged)]


def training_view_keys(flow: Flow) -> list[dg.AssetKey]:
    """The staging views that training and predictions read besides the merged table."""
    return [table_key(f"staging.{name}") for name in parts_of(flow).models.training_views]


def model_key(flow: Flow) -> dg.AssetKey:
    return dg.AssetKey(["ml", f"{flow.name}_model"])


def champion_key(flow: Flow) -> dg.AssetKey:
    return dg.AssetKey(["ml", f"{flow.name}_champion"])


def predictions_key(flow: Flow) -> dg.AssetKey:
    return dg.AssetKey(["ml", parts_of(flow).models.predictions.asset])


def monitoring_key(flow: Flow, name: str) -> dg.AssetKey:
    return dg.AssetKey(["monitoring", f"{flow.name}_{name}"])


def drift_key(flow: Flow) -> dg.AssetKey:
    return monitoring_key(flow, "drift")
