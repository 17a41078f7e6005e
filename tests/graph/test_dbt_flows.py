"""What a flow is to dbt: files of its own and one line in the list of flows, and in the lineage
assets of its own; every column is described.
"""

from __future__ import annotations

import copy
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

import flow_platform.warehouse.dbt as warehouse_dbt
from flow_platform.assets.dbt import Translator, check_flows
from flow_platform.definitions import build_definitions
from flow_platform.flows.catalogue import CATALOGUE, SERIES_FLOWS
from flow_platform.ground.errors import ConfigurationError
from flow_platform.platform import Platform
from flow_platform.warehouse.dbt import DbtProject
from tests.conftest import new_settings

NAMES = [flow.name for flow in CATALOGUE]
LOCK = "pg_advisory_xact_lock(7301, hashtext('{{ this.schema }}.{{ this.name }}'))"


@pytest.fixture(scope="module")
def platform(scratch: Path) -> Platform:
    return Platform(new_settings(scratch / "dbt_flows"))


@pytest.fixture(scope="module")
def manifest(platform: Platform) -> dict[str, Any]:
    return platform.dbt.manifest(platform.centres_by_flow)


@pytest.fixture(scope="module")
def graph(platform: Platform) -> dg.BaseAssetGraph[Any]:
    return build_definitions(platform).resolve_asset_graph()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the dbt project that a test may change."""
    changed = tmp_path / "dbt_project"
    shutil.copytree(
        warehouse_dbt.DBT_PROJECT, changed, ignore=shutil.ignore_patterns("target", "logs")
    )
    monkeypatch.setattr(warehouse_dbt, "DBT_PROJECT", changed)
    yield changed


def models(manifest: Mapping[str, Any], *schemas: str) -> list[dict[str, Any]]:
    return [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] in schemas
    ]


def list_flow(project: Path, name: str) -> None:
    settings = project / "dbt_project.yml"
    text = settings.read_text()
    settings.write_text(text.replace("    - deliveries\n", f"    - deliveries\n    - {name}\n"))
    assert settings.read_text() != text


def add_daily_flow(project: Path, name: str) -> None:
    """The files of a daily series flow, written as those of parcels are."""
    for like in project.rglob("*parcels*"):
        text = like.read_text().replace("parcels", name)
        # Names of unit tests are unique in a project.
        text = text.replace("name: a_merged_day", f"name: a_merged_day_of_{name}")
        like.with_name(like.name.replace("parcels", name)).write_text(text)


def parents_of(manifest: Mapping[str, Any], model: str) -> set[str]:
    node = manifest["nodes"][f"model.flow_platform.{model}"]
    return {parent.split(".", 2)[2] for parent in node["depends_on"]["nodes"]}


def test_a_new_flow_is_in_every_shared_view_with_new_files_and_one_line(
    project: Path, platform: Platform, tmp_path: Path
) -> None:
    add_daily_flow(project, "returns")
    list_flow(project, "returns")
    manifest = DbtProject(tmp_path / "home").manifest(platform.centres_by_flow)
    errors, merged = "monitoring__returns_accuracy", "merged__returns"
    assert merged in parents_of(manifest, "published__actuals")
    assert merged in parents_of(manifest, "published__freshness")
    for view in ("accuracy", "accuracy_daily", "coverage"):
        assert errors in parents_of(manifest, f"published__{view}")


def test_a_listed_flow_without_a_macro_is_refused_by_its_name_and_that_of_the_file(
    project: Path, platform: Platform, tmp_path: Path
) -> None:
    add_daily_flow(project, "returns")
    macros = project / "macros" / "flows" / "returns.sql"
    macros.write_text(macros.read_text().replace("returns_coverage()", "another()"))
    list_flow(project, "returns")
    with pytest.raises(ConfigurationError) as refusal:
        DbtProject(tmp_path / "home").manifest(platform.centres_by_flow)
    for named in ("flow returns", "returns_coverage()", "dbt_project/macros/flows/returns.sql"):
        assert named in str(refusal.value)


def test_dbt_and_the_catalogue_list_the_same_flows(
    platform: Platform, manifest: dict[str, Any]
) -> None:
    assert list(platform.dbt.flows) == NAMES
    with pytest.raises(ConfigurationError, match=r"dbt_project.yml.*returns"):
        check_flows(manifest, [*NAMES, "returns"])
    with pytest.raises(ConfigurationError, match=r"dbt_project.yml"):
        check_flows(manifest, NAMES[:-1])


@pytest.mark.parametrize(
    ("model", "meta"),
    [
        ("merged__parcels", {}),
        ("monitoring__traffic_accuracy", {"flow": "trafic"}),
        ("merged__trips", {"shared": True}),
        ("staging__weather", {}),
        ("staging__weather", {"shared": True, "flow": "weather"}),
        ("published__drift", {"flow": "drift"}),
    ],
)
def test_a_model_that_names_no_flow_is_refused_with_its_file(
    manifest: dict[str, Any], model: str, meta: dict[str, Any]
) -> None:
    changed = copy.deepcopy(manifest)
    changed["nodes"][f"model.flow_platform.{model}"]["config"]["meta"] = meta
    check_flows(manifest, NAMES)
    with pytest.raises(ConfigurationError) as refusal:
        check_flows(changed, NAMES)
    assert f"{model} (dbt_project/models/{model.split('__')[0]}/{model}.sql)" in str(refusal.value)


def test_the_flow_of_a_model_is_the_one_of_its_meta_whatever_its_name(
    manifest: dict[str, Any],
) -> None:
    node = copy.deepcopy(manifest["nodes"]["model.flow_platform.merged__parcels"])
    node["config"]["meta"] = {"flow": "retail"}
    assert Translator().get_group_name(node) == "retail"
    node["config"]["meta"] = {"shared": True}
    assert Translator().get_group_name(node) == "shared"


def test_weather_of_other_places_needs_a_moment_by_which_it_was_known(
    manifest: dict[str, Any],
) -> None:
    node = copy.deepcopy(manifest["nodes"]["model.flow_platform.merged__trips"])
    weather = manifest["sources"]["source.flow_platform.raw.weather"]
    assert Translator().get_partition_mapping(node, weather) is not None
    del node["config"]["meta"]["weather_known"]
    with pytest.raises(ConfigurationError, match=r"merged__trips.*day_before"):
        Translator().get_partition_mapping(node, weather)


@pytest.mark.parametrize(
    ("source", "asset", "writers"),
    [
        ("ml.forecasts", "ml/{}_forecast", [flow.name for flow in SERIES_FLOWS]),
        ("ml.vintages", "ml/{}_champion", NAMES),
        ("monitoring.drift", "monitoring/{}_drift", NAMES),
    ],
)
def test_a_shared_view_of_a_table_depends_on_every_flow_that_writes_to_it(
    manifest: dict[str, Any],
    graph: dg.BaseAssetGraph[Any],
    source: str,
    asset: str,
    writers: list[str],
) -> None:
    written = {asset.format(name) for name in writers}
    readers = [
        node
        for node in models(manifest, "published")
        if f"source.flow_platform.{source}" in node["depends_on"]["nodes"]
    ]
    assert readers
    for node in readers:
        key = dg.AssetKey(["published", node["alias"]])
        parents = {parent.to_user_string() for parent in graph.get(key).parent_keys}
        assert written <= parents, node["name"]
        assert source.replace(".", "/") not in parents


def test_a_view_that_flows_share_names_none_of_them(manifest: dict[str, Any]) -> None:
    shared = [
        node for node in models(manifest, "published") if "flow" not in node["config"]["meta"]
    ]
    assert {node["alias"] for node in shared} >= {"actuals", "accuracy", "freshness", "model_use"}
    for node in shared:
        for name in NAMES:
            assert not re.search(rf"\b{name}\b", node["raw_code"]), f"{node['name']} names {name}"


def test_every_column_of_a_dbt_table_is_described_and_dagster_shows_it(
    manifest: dict[str, Any], graph: dg.BaseAssetGraph[Any]
) -> None:
    nodes = [*models(manifest, "staging", "merged", "monitoring", "published")]
    nodes.append(manifest["nodes"]["seed.flow_platform.centres"])
    for node in nodes:
        schema = graph.get(Translator().get_asset_key(node)).metadata["dagster/column_schema"]
        shown = {column.name: (column.type, column.description) for column in schema.columns}
        assert list(shown) == list(node["columns"])
        for name, (kind, description) in shown.items():
            assert kind != "?", f"{node['name']}.{name} has no type"
            assert description, f"{node['name']}.{name} is not described"
    for source in manifest["sources"].values():
        assert source["description"], source["name"]
        for name, column in source["columns"].items():
            assert column["description"], f"{source['name']}.{name} is not described"


def test_every_table_that_dbt_writes_is_locked_first(manifest: dict[str, Any]) -> None:
    written = models(manifest, "merged", "monitoring")
    assert written
    for node in written:
        hooks = [hook["sql"] for hook in node["config"]["pre-hook"]]
        assert any(LOCK in hook for hook in hooks), node["name"]
