"""The keys of the assets whose partitions the service asks Dagster for.

They are those of `assets/keys.py`, which imports Dagster; a test holds them equal.
"""

from __future__ import annotations

from flow_platform.flows.kinds import Flow
from flow_platform.ground.asset_paths import asset_path

AssetKey = tuple[str, ...]


def merged_key(flow: Flow) -> AssetKey:
    """The merged table of a flow, partitioned by centre and day."""
    return asset_path(flow.merged)


def model_key(flow: Flow) -> AssetKey:
    """The vintages of a flow, partitioned by candidate and month."""
    return ("ml", f"{flow.name}_model")
