"""Names that the service has without importing Dagster are those of Dagster's side."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from flow_platform.api import asset_keys
from flow_platform.api.dagster_client import LOCATION, RANGE_END_TAG, RANGE_START_TAG
from flow_platform.api.routers.pipelines import CHAMPIONS, CHAMPIONS_TAG
from flow_platform.flows.catalogue import CATALOGUE
from flow_platform.flows.kinds import Flow
from flow_platform.settings import PROJECT_ROOT


def test_the_tags_of_a_range_and_of_champions_are_those_the_assets_read() -> None:
    from flow_platform.assets import models
    from flow_platform.partitions import range_tags

    assert range_tags("a", "b") == {RANGE_START_TAG: "a", RANGE_END_TAG: "b"}
    assert (models.CHAMPIONS_TAG, CHAMPIONS) == (CHAMPIONS_TAG, "name")


def test_every_way_of_starting_dagster_gives_the_code_location_the_same_name() -> None:
    workspace = yaml.safe_load((PROJECT_ROOT / "workspace.yaml").read_text())
    (of_services,) = workspace["load_from"]
    of_dg = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["tool"]["dg"]["project"]
    assert of_services["python_module"]["location_name"] == LOCATION
    assert of_dg["code_location_name"] == LOCATION


@pytest.mark.parametrize("flow", CATALOGUE, ids=lambda flow: flow.name)
def test_the_keys_of_assets_are_those_of_the_graph(flow: Flow) -> None:
    from flow_platform.assets import keys

    assert asset_keys.merged_key(flow) == tuple(keys.merged_key(flow).path)
    assert asset_keys.model_key(flow) == tuple(keys.model_key(flow).path)


def test_the_service_starts_without_dagster_dbt_or_mlflow(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        " from flow_platform.api.app import create_app;"
        " from flow_platform.api.config import ApiConfig;"
        " create_app(ApiConfig('dbname=flow', bytes(range(32)), Path(sys.argv[1]))).openapi();"
        " print([m for m in ('dagster', 'dbt', 'mlflow', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
