"""How the assets of the graph are named after their tables.

No Dagster here: the API has the same names without importing it.
"""

# Layers in which tables share names; the Dagster UI draws only the last part of a key.
NAMED_BY_LAYER = ("raw", "staging", "merged", "live", "ops")


def asset_path(table: str) -> tuple[str, str]:
    """The key of the asset that makes `table` (schema.name); its last part is unique in the graph.

    >>> asset_path("merged.parcels")
    ('merged', 'parcels_merged')
    >>> asset_path("published.merged_parcels")
    ('published', 'merged_parcels')
    """
    layer, name = table.split(".")
    return (layer, f"{name}_{layer}" if layer in NAMED_BY_LAYER else name)
