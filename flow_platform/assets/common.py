"""What every asset of the platform shares: how it is named, tagged and measured."""

from __future__ import annotations

from typing import Any, Literal

import dagster as dg

from flow_platform.platform import Platform

# The platform is a plain object: Dagster hands it to each asset under this name.
PlatformParam = dg.ResourceParam[Platform]

SHARED_GROUP = "shared"
# One run covers a whole rectangle; assets of one grain must agree on it, or ranges fall apart.
ONE_RUN = dg.BackfillPolicy.single_run()
# A run with this tag at "stale" also retrains vintages whose training data changed.
REFRESH_TAG = "flow/vintages"


def refresh_of(context: dg.AssetExecutionContext) -> Literal["missing", "stale"]:
    """What a run does about vintages: train those that are missing, or those that are stale too."""
    return "stale" if context.run_tags.get(REFRESH_TAG) == "stale" else "missing"


def columns_metadata(table: str, **columns: str) -> dict[str, Any]:
    """Definition metadata of a table that Python writes: its name and columns.

    Kept on the definition, not on each materialization: a run stores those once a partition.
    """
    return {
        "dagster/table_name": table,
        "dagster/column_schema": dg.TableSchema(
            [dg.TableColumn(name, kind) for name, kind in columns.items()]
        ),
    }


def rows_metadata(rows: int, **more: Any) -> dict[str, Any]:
    """Metadata of one materialization: how many rows were written, and whatever else there is."""
    return {"dagster/row_count": rows, **more}
