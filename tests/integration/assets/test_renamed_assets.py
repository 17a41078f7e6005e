"""A home in which assets ran under their former keys has these runs under the keys of today."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterEventType
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from flow_platform.ground.roles import DAGSTER_ROLE
from flow_platform.orchestration import dagster_instance, prepare
from flow_platform.platform import Platform
from flow_platform.warehouse.dagster_history import rename_assets_of_earlier_runs
from flow_platform.warehouse.server import DAGSTER_DATABASE
from tests.integration.conftest import prepared

pytestmark = pytest.mark.integration

DAYS = dg.StaticPartitionsDefinition(["2025-01-01", "2025-01-02", "2025-01-03"])
FORMER = (("staging", "parcels"), ("raw", "parcels"), ("merged", "parcels"))
OF_TODAY = (
    ("staging", "parcels_staging"),
    ("raw", "parcels_raw"),
    ("merged", "parcels_merged"),
)
SEGMENTS = (("ml", "customer_segments"), ("ml", "deliveries_segments"))
KEPT = ("ml", "parcels_forecast")


def graph_of(
    staging: tuple[str, str],
    raw: tuple[str, str],
    merged: tuple[str, str],
    segments: tuple[str, str],
) -> dg.Definitions:
    """A small graph of the platform's shape: a view, two stages by day, one asset that is kept."""

    @dg.asset(key=dg.AssetKey(staging), code_version="1")
    def view() -> None: ...

    @dg.asset(key=dg.AssetKey(segments), code_version="1")
    def by_month() -> None: ...

    @dg.asset(
        key=dg.AssetKey(raw),
        partitions_def=DAYS,
        code_version="1",
        check_specs=[dg.AssetCheckSpec("rows_balance", asset=dg.AssetKey(raw))],
    )
    def loaded() -> dg.MaterializeResult:
        return dg.MaterializeResult(
            metadata={"dagster/row_count": 7},
            check_results=[dg.AssetCheckResult(check_name="rows_balance", passed=True)],
        )

    @dg.asset(
        key=dg.AssetKey(merged),
        partitions_def=DAYS,
        code_version="1",
        deps=[dg.AssetKey(raw), dg.AssetKey(staging)],
    )
    def built() -> None: ...

    @dg.asset(
        key=dg.AssetKey(KEPT), partitions_def=DAYS, code_version="1", deps=[dg.AssetKey(merged)]
    )
    def forecast() -> None: ...

    return dg.Definitions(assets=[view, by_month, loaded, built, forecast])


def run(instance: dg.DagsterInstance, definitions: dg.Definitions, *days: str) -> None:
    job = definitions.resolve_implicit_global_asset_job_def()
    graph = definitions.resolve_asset_graph()
    whole = [key for key in graph.materializable_asset_keys if not graph.get(key).is_partitioned]
    assert job.execute_in_process(instance=instance, asset_selection=whole).success
    parts = sorted(graph.materializable_asset_keys - set(whole))
    for day in days:
        done = job.execute_in_process(instance=instance, asset_selection=parts, partition_key=day)
        assert done.success


@pytest.fixture(scope="module")
def platform(scratch: Path) -> Iterator[Platform]:
    yield from prepared(scratch / "renamed")


@pytest.fixture
def instance(platform: Platform) -> Iterator[dg.DagsterInstance]:
    with dagster_instance(platform) as made:
        yield made
        made.wipe()


def rename(platform: Platform) -> tuple[int, list[str]]:
    announced: list[str] = []
    return rename_assets_of_earlier_runs(platform.server, announced.append), announced


def test_partitions_checks_and_metadata_of_former_keys_are_those_of_the_keys_of_today(
    platform: Platform, instance: dg.DagsterInstance
) -> None:
    before = graph_of(*FORMER, SEGMENTS[0])
    run(instance, before, "2025-01-01", "2025-01-02")
    made = instance.get_latest_materialization_event(dg.AssetKey(FORMER[1]))
    assert made is not None

    assert rename(platform) == (4, ["Renaming 4 assets in the runs of this home, once."])

    of_today = {*OF_TODAY, SEGMENTS[1], KEPT}
    assert {tuple(key.path) for key in instance.all_asset_keys()} == of_today
    raw = dg.AssetKey(OF_TODAY[1])
    for path in (*OF_TODAY[1:], KEPT):
        found = instance.get_materialized_partitions(dg.AssetKey(path))
        assert found == {"2025-01-01", "2025-01-02"}, path
    kept = instance.get_latest_materialization_event(raw)
    assert kept is not None and kept.asset_materialization is not None
    assert kept.asset_materialization.asset_key == raw
    assert kept.asset_materialization.metadata["dagster/row_count"].value == 7
    assert (kept.run_id, kept.timestamp) == (made.run_id, made.timestamp)
    check = dg.AssetCheckKey(raw, "rows_balance")
    (result,) = instance.event_log_storage.get_latest_asset_check_execution_by_key([check]).values()
    assert result.evaluation is not None and result.evaluation.passed
    assert result.evaluation.asset_key == raw
    logged = instance.all_logs(made.run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)
    keys = [event.get_dagster_event().asset_key for event in logged]
    assert keys == [raw, dg.AssetKey(OF_TODAY[2]), dg.AssetKey(KEPT)]


def test_nothing_that_is_there_counts_as_out_of_date_after_the_renaming(
    platform: Platform, instance: dg.DagsterInstance
) -> None:
    run(instance, graph_of(*FORMER, SEGMENTS[0]), *DAYS.get_partition_keys())
    rename(platform)
    graph = graph_of(*OF_TODAY, SEGMENTS[1]).resolve_asset_graph()
    status = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    for key in graph.materializable_asset_keys:
        is_partitioned = graph.get(key).is_partitioned
        days: list[str | None] = [*DAYS.get_partition_keys()] if is_partitioned else [None]
        for day in days:
            causes = status.get_stale_causes(key, day)
            assert status.get_status(key, day) == StaleStatus.FRESH, (key, day, causes)


def test_a_home_is_renamed_once_and_again_only_after_an_earlier_version_ran(
    platform: Platform, instance: dg.DagsterInstance
) -> None:
    run(instance, graph_of(*FORMER, SEGMENTS[0]), "2025-01-01")
    assert rename(platform)[0] == 4
    stored = everything(platform)
    assert rename(platform) == (0, [])
    assert everything(platform) == stored

    run(instance, graph_of(*FORMER, SEGMENTS[0]), "2025-01-03")
    later = instance.get_latest_materialization_event(dg.AssetKey(FORMER[1]))
    assert later is not None
    prepare(platform)
    raw = dg.AssetKey(OF_TODAY[1])
    assert instance.get_materialized_partitions(raw) == {"2025-01-01", "2025-01-03"}
    newest = instance.get_latest_materialization_event(raw)
    assert newest is not None and newest.timestamp == later.timestamp
    assert {tuple(key.path) for key in instance.all_asset_keys()} == {
        *OF_TODAY,
        SEGMENTS[1],
        KEPT,
    }


def test_a_home_without_runs_has_nothing_to_rename(
    platform: Platform, instance: dg.DagsterInstance
) -> None:
    assert instance.all_asset_keys() == []
    assert rename(platform) == (0, [])


def everything(platform: Platform) -> list[tuple[object, ...]]:
    """What Dagster stored of events and keys, with the version of each row."""
    import psycopg

    with psycopg.connect(platform.server.dsn(DAGSTER_ROLE, DAGSTER_DATABASE)) as connection:
        return [
            row
            for table in ("event_logs", "asset_keys", "asset_check_executions")
            for row in connection.execute(f"select xmin::text, t::text from {table} t order by id")
        ]
