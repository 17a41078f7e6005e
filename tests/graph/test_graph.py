"""The asset graph reads as the README draws it: keys, edges, groups, checks, partitions."""

from __future__ import annotations

import ast
from datetime import datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from flow_platform.assets.dbt import build_arguments, window_variables
from flow_platform.automation.schedules import SCHEDULES
from flow_platform.definitions import build_definitions
from flow_platform.errors import ConfigurationError
from flow_platform.partitions import contiguous, keys_of, rectangle_tags
from flow_platform.platform import Platform
from flow_platform.settings import PROJECT_ROOT
from flow_platform.warehouse.store import Keys
from tests.conftest import new_settings


@pytest.fixture(scope="module")
def platform(scratch: Path) -> Platform:
    return Platform(new_settings(scratch / "graph"))


@pytest.fixture(scope="module")
def definitions(platform: Platform) -> dg.Definitions:
    return build_definitions(platform)


LINEAGE = {
    "raw/calendar": {"staging/centres"},
    "raw/weather": set(),
    "raw/parcels": set(),
    "staging/parcels": {"raw/parcels"},
    "staging/weather": {"raw/weather"},
    "staging/calendar": {"raw/calendar", "staging/centres"},
    "merged/parcels": {
        "raw/parcels",
        "raw/weather",
        "staging/parcels",
        "staging/weather",
        "staging/calendar",
        "staging/centres",
    },
    "ml/parcels_model": {"merged/parcels", "staging/calendar", "staging/weather"},
    "ml/parcels_champion": {"ml/parcels_model"},
    "ml/parcels_forecast": {
        "merged/parcels",
        "staging/calendar",
        "staging/weather",
        "ml/parcels_champion",
    },
    "monitoring/parcels_accuracy": {"merged/parcels", "ml/parcels_forecast"},
    "monitoring/parcels_drift": {"merged/parcels"},
}


def test_the_lineage_is_the_one_the_readme_draws(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    found = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.materializable_asset_keys
    }
    assert {name: found[name] for name in LINEAGE} == LINEAGE
    published = {name for name in found if name.startswith("published/")}
    assert {
        "published/predictions",
        "published/latest_predictions",
        "published/actuals",
    } <= published
    assert set(found) == set(LINEAGE) | published | {"staging/centres"}


def test_every_asset_has_a_group_a_description_an_owner_and_kinds(
    definitions: dg.Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.group_name in ("shared", "parcels", "published"), key
        assert node.description, key
        assert node.owners, key
        assert node.kinds, key


def test_partitioned_dbt_models_are_incremental_and_use_their_window(platform: Platform) -> None:
    nodes = platform.dbt.manifest(platform.centres)["nodes"].values()
    partitioned = [
        node
        for node in nodes
        if node["resource_type"] == "model" and node["schema"] in ("merged", "monitoring")
    ]
    assert partitioned
    for node in partitioned:
        assert node["config"]["materialized"] == "incremental", node["name"]
        assert "in_window(" in node["raw_code"], node["name"]
        assert node["config"]["contract"]["enforced"], node["name"]


def test_no_published_view_reads_another_view(platform: Platform) -> None:
    nodes = platform.dbt.manifest(platform.centres)["nodes"]
    for node in nodes.values():
        if node["resource_type"] != "model" or node["schema"] != "published":
            continue
        for parent in node["depends_on"]["nodes"]:
            kind = nodes.get(parent, {}).get("config", {}).get("materialized")
            assert kind != "view", f"{node['name']} would be dropped when {parent} is replaced"


def test_assets_of_one_grain_share_partitions_and_one_run_a_rectangle(
    definitions: dg.Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()
    daily = [
        node
        for node in map(graph.get, graph.materializable_asset_keys)
        if isinstance(node.partitions_def, dg.MultiPartitionsDefinition)
        and set(node.partitions_def.partition_dimension_names) == {"centre", "day"}
    ]
    assert len(daily) == 6
    assert all(node.partitions_def == daily[0].partitions_def for node in daily)
    assert all(node.backfill_policy == dg.BackfillPolicy.single_run() for node in daily)


def test_the_daily_schedule_asks_for_all_centres_of_yesterday_in_one_run(
    definitions: dg.Definitions,
) -> None:
    schedule = definitions.resolve_schedule_def("predict_colis_daily")
    assert schedule.cron_schedule == SCHEDULES["predict_colis_daily"][0]
    assert schedule.execution_timezone == "Europe/Paris"
    tick = dg.build_schedule_context(
        scheduled_execution_time=datetime.fromisoformat("2025-03-30T05:30:00+02:00")
    )
    requests = schedule.evaluate_tick(tick).run_requests
    assert requests is not None
    assert len(requests) == 1
    tags = requests[0].tags
    assert tags[ASSET_PARTITION_RANGE_START_TAG] == "1|2025-03-29"
    assert tags[ASSET_PARTITION_RANGE_END_TAG] == "5|2025-03-29"


def test_a_rectangle_of_keys_comes_back_from_its_partition_keys() -> None:
    from datetime import date

    keys = Keys(("1", "2"), date(2025, 1, 1), date(2025, 1, 3))
    listed = [f"{c}|2025-01-0{d}" for c in keys.centres for d in (1, 2, 3)]
    assert keys_of(listed) == keys
    assert rectangle_tags(keys)[ASSET_PARTITION_RANGE_END_TAG] == "2|2025-01-03"
    with pytest.raises(ConfigurationError, match="no rectangle"):
        keys_of(listed[:-1])


def test_centres_that_stand_apart_are_cut_into_blocks() -> None:
    assert contiguous(["d", "a", "b"], ["a", "b", "c", "d"]) == [("a", "b"), ("d",)]
    with pytest.raises(ConfigurationError, match="Unknown centres: z"):
        contiguous(["z"], ["a"])


def test_dbt_arguments_confine_a_build_to_its_window() -> None:
    from datetime import date

    assert build_arguments(["b", "a"]) == [
        "build",
        "--select",
        "a",
        "b",
        "--exclude-resource-type",
        "unit_test",
    ]
    assert window_variables(Keys(("x",), date(2025, 1, 1), date(2025, 1, 2))) == {
        "centres": ["x"],
        "from_day": "2025-01-01",
        "to_day": "2025-01-02",
    }


PURE = ("forecasting", "monitoring", "sources")
FORBIDDEN = ("dagster", "psycopg", "sqlalchemy", "mlflow")
ABOVE = ("assets", "automation", "stages", "registry", "warehouse", "api", "cli", "platform")


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("package", PURE)
def test_pure_packages_import_neither_dagster_nor_sql_nor_what_stands_above(package: str) -> None:
    for path in (PROJECT_ROOT / "flow_platform" / package).rglob("*.py"):
        for name in _imports(path):
            assert name.split(".")[0] not in FORBIDDEN, f"{path} imports {name}"
            assert not any(name.startswith(f"flow_platform.{part}") for part in ABOVE), (
                f"{path} imports {name}"
            )


def test_the_app_stands_alone() -> None:
    for path in (PROJECT_ROOT / "streamlit_app").rglob("*.py"):
        assert not {"dagster", "flow_platform"} & {n.split(".")[0] for n in _imports(path)}, path
