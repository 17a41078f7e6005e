"""What every asset of the platform shares: how it is named, tagged and measured."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from flow_platform.flows.kinds import Flow
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.tables import Table
from flow_platform.partitions import partitions_of, rectangle_of
from flow_platform.parts import Refresh
from flow_platform.platform import Platform
from flow_platform.sources.centres import Centre

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The platform is a plain object: Dagster hands it to each asset under this name.
PlatformParam = dg.ResourceParam[Platform]

SHARED_GROUP = "shared"
# Who answers for what flows share.
SHARED_OWNER = "team:forecasting"
# One run covers a whole rectangle; assets of one grain must agree on it, or ranges fall apart.
ONE_RUN = dg.BackfillPolicy.single_run()
# Of a flow with more centres, the graph and the logs name the first.
_MOST_NAMED = 100
_MOST_LOGGED = 8
# A run with this tag at "stale" also retrains vintages whose training data changed.
REFRESH_TAG = "flow/vintages"


def by_centre_and_day(platform: Platform, flow: Flow, table: Table) -> dict[str, Any]:
    """Options of an asset of a flow by its centres and days, stored in `table`."""
    return {
        "group_name": flow.name,
        "kinds": {"python", "postgres"},
        "owners": [flow.owner],
        "partitions_def": partitions_of(platform, flow),
        "backfill_policy": ONE_RUN,
        "metadata": {**columns_metadata(table), **centres_metadata(platform.centres_of(flow))},
    }


def unpartitioned(group: str, owner: str, table: Table) -> dict[str, Any]:
    """Options of an asset that is made whole, and stored in `table`."""
    return {
        "group_name": group,
        "kinds": {"python", "postgres"},
        "owners": [owner],
        "metadata": columns_metadata(table),
    }


def refresh_of(context: dg.AssetExecutionContext) -> Refresh:
    """What a run does about vintages: train those that are missing, or those that are stale too."""
    return "stale" if context.run.tags.get(REFRESH_TAG) == "stale" else "missing"


def progress_of(context: dg.AssetExecutionContext, platform: Platform) -> Callable[[str], None]:
    """Reports the steps of a run: to its log, and to the command that waits for it."""

    def report(message: str) -> None:
        context.log.info(message)
        platform.announce(message)

    return report


def rectangle_rows(context: dg.AssetExecutionContext, platform: Platform, flow: Flow) -> Rectangle:
    """The centres and days of the run's partitions; logged, with the names of the centres."""
    rectangle = platform.rows_of(flow, rectangle_of(context.partition_keys))
    log_rectangle(context, flow.name, rectangle, platform.centres_of(flow))
    return rectangle


def log_rectangle(
    context: dg.AssetExecutionContext, name: str, rectangle: Rectangle, centres: Sequence[Centre]
) -> None:
    """Log the days of a rectangle, and its centres by their names among all `centres`."""
    labels = {one.centre_id: one.label for one in centres}
    named = ", ".join(labels[one] for one in rectangle.centres[:_MOST_LOGGED])
    more = len(rectangle.centres) - _MOST_LOGGED
    context.log.info(
        "%s from %s to %s, centres: %s%s",
        name,
        rectangle.first_day,
        rectangle.last_day,
        named,
        f" and {more} more" if more > 0 else "",
    )


def centres_metadata(centres: Sequence[Centre]) -> dict[str, Any]:
    """Definition metadata: the centres of a graph with their names, as partition keys have ids."""
    return {
        "centres": dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {"partition": one.partition, "centre": one.centre_id, "name": one.name}
                )
                for one in centres[:_MOST_NAMED]
            ],
            dg.TableSchema([dg.TableColumn(name) for name in ("partition", "centre", "name")]),
        ),
        "centres_in_all": len(centres),
    }


def picture(figure: Figure, about: str) -> dg.MarkdownMetadataValue:
    """A matplotlib figure as metadata: a PNG inside Markdown; `about` says what it shows."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    content = base64.b64encode(buffer.getvalue()).decode()
    return dg.MetadataValue.md(f"![{about}](data:image/png;base64,{content})")


def show(context: dg.AssetExecutionContext, metadata: Mapping[str, Any]) -> None:
    """Add metadata to the newest partition of the run, and to the asset's page.

    Not to every partition: metadata is stored once for each, and pictures would fill the event log.
    """
    for partition in {context.partition_keys[-1], _last_stored(context)}:
        context.add_asset_metadata(metadata, partition_key=partition)


def _last_stored(context: dg.AssetExecutionContext) -> str:
    """The partition that Dagster will store last, which is the one that the asset's page shows.

    It stores them in the order of a set: any order, but that of every set that is made alike.
    """
    definition = context.assets_def.partitions_def
    assert definition is not None
    return list(definition.subset_with_partition_keys(context.partition_keys).get_partition_keys())[
        -1
    ]


def columns_metadata(table: Table) -> dict[str, Any]:
    """Definition metadata of a table that Python writes: its name and described columns.

    Kept on the definition, not on each materialization: a run stores those once a partition.
    """
    return {
        "dagster/table_name": table.name,
        "dagster/column_schema": dg.TableSchema(
            [dg.TableColumn(one.name, one.type, one.description) for one in table.columns]
        ),
    }


def rows_metadata(rows: int, **more: Any) -> dict[str, Any]:
    """Metadata of one materialization: how many rows were written, and whatever else there is."""
    return {"dagster/row_count": rows, **more}
