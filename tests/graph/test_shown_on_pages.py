"""A picture of a run is on the asset's page and on the run's newest partition, and only there."""

from datetime import date

import dagster as dg
import pytest

from flow_platform.assets.common import ONE_RUN, show
from flow_platform.ground.rectangle import Rectangle
from flow_platform.partitions import centre_day_partitions, rectangle_tags

CENTRES = ("north", "south", "west")
FIRST = date(2025, 1, 1)


@dg.asset(partitions_def=centre_day_partitions(CENTRES, FIRST), backfill_policy=ONE_RUN)
def forecast(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    show(context, {"plot": dg.MetadataValue.md("a picture")})
    return dg.MaterializeResult(metadata={"rows": 3})


@pytest.mark.parametrize(
    ("first", "last"), [(date(2025, 1, 1), date(2025, 3, 10)), (date(2025, 1, 7), date(2025, 1, 7))]
)
def test_a_picture_is_on_the_asset_s_page_and_on_the_newest_partition(
    first: date, last: date
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        tags = rectangle_tags(Rectangle(CENTRES, first, last))
        assert dg.materialize([forecast], instance=instance, tags=tags).success
        records = instance.fetch_materializations(forecast.key, limit=1000).records
        shown = {
            record.partition_key
            for record in records
            if "plot" in _metadata(record.event_log_entry)
        }
        newest = f"west|{last}"
        on_page = instance.get_latest_materialization_event(forecast.key)
        assert len(records) == len(Rectangle(CENTRES, first, last))
        assert on_page is not None and "plot" in _metadata(on_page)
        assert newest in shown and len(shown) <= 2


def _metadata(event: dg.EventLogEntry) -> dict[str, object]:
    assert event.asset_materialization is not None
    return dict(event.asset_materialization.metadata)
