"""The guide "Add a flow" in a copy of the project: a series flow `returns`, a record flow `claims`.

Both are what `flow new-flow` writes. Graph, backfill, page and API list them, no other production
file changes than those that name flows, and a part that is missing is named when definitions load.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flow_platform.settings import PROJECT_ROOT
from flow_platform.warehouse import embedded
from tests.integration.conftest import CENTRES

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200), pytest.mark.slow]

_NOT_COPIED = shutil.ignore_patterns("__pycache__", "target", "logs", ".user.yml", "dbt_packages")

_GRAPH = """
import json
from flow_platform.definitions import build_definitions
from flow_platform.platform import Platform
from flow_platform.settings import Settings
found = build_definitions(Platform(Settings()))
print(json.dumps({
    "assets": ["/".join(key.path) for key in found.resolve_asset_graph().get_all_asset_keys()],
    "jobs": sorted(job.name for job in found.resolve_all_job_defs()),
    "schedules": sorted(one.name for one in found.schedules),
}))
"""
_ROWS = """
import json, sys
from flow_platform.platform import Platform
from flow_platform.settings import Settings
store = Platform(Settings()).store("flow_transform")
print(json.dumps({name: json.loads(store.read(query).to_json(orient="values", date_format="iso"))
                  for name, query in json.loads(sys.argv[1]).items()}))
"""
_PAGES = """
import json, sys
from streamlit.testing.v1 import AppTest
found = {}
for name in sys.argv[1:]:
    app = AppTest.from_file("streamlit_app/app.py", default_timeout=120)
    app.query_params["lang"] = "en"
    app.run()
    app.switch_page(f"pages_/{name}.py").run()
    found[name] = {
        "faults": [one.value for one in (*app.exception, *app.error)],
        "titles": [one.value for one in app.title],
        "tables": len(app.table),
    }
print(json.dumps(found))
"""
_API = """
import json, os, sys
from pathlib import Path
from fastapi.testclient import TestClient
from flow_platform.api.app import create_app
from flow_platform.api.config import ApiConfig
from flow_platform.platform import Platform
from flow_platform.settings import Settings
from tests.api.clients import make_account

server = Platform(Settings()).server
config = ApiConfig(
    dsn=server.dsn("flow_api"),
    token_key=os.urandom(32),
    home=Path(os.environ["FLOW_HOME"]),
    dagster_url="http://127.0.0.1:9",
)
with TestClient(create_app(config), base_url="http://127.0.0.1") as client:
    headers = make_account(client, server, "analyst")["headers"]
    print(json.dumps({path: client.get(path, headers=headers).json() for path in sys.argv[1:]}))
"""


class Project:
    """A copy of the project, with a home of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.home.mkdir()
        (self.home / "centres.csv").write_text(CENTRES)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("FLOW_")},
            "PYTHONPATH": str(root),
            "FLOW_HOME": str(self.home),
            "FLOW_CENTRES": str(self.home / "centres.csv"),
            "FLOW_FIRST_DAY": "2025-01-01",
        }

    def python(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env=self.environment | more,
            capture_output=True,
            text=True,
        )

    def flow(self, *arguments: str) -> str:
        done = self.python("-m", "flow_platform.cli", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def answer(self, program: str, *arguments: str, **more: str) -> Any:
        """What a program prints as JSON on its last line."""
        done = self.python("-c", program, *arguments, **more)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def copied(scratch: Path) -> Iterator[Project]:
    root = scratch / "copy"
    for name in ("flow_platform", "dbt_project", "streamlit_app", "tests"):
        shutil.copytree(PROJECT_ROOT / name, root / name, ignore=_NOT_COPIED)
    for name in ("pyproject.toml", "workspace.yaml", "dagster.yaml"):
        shutil.copy(PROJECT_ROOT / name, root / name)
    project = Project(root)
    yield project
    embedded.stop(project.home)


def _production(project: Project) -> dict[Path, bytes]:
    folders = ("flow_platform", "dbt_project", "streamlit_app")
    return {
        path.relative_to(project.root): path.read_bytes()
        for folder in folders
        for path in (project.root / folder).rglob("*")
        if path.is_file() and path.suffix not in (".pyc",) and "target" not in path.parts
    }


@pytest.fixture(scope="module")
def project(copied: Project) -> Project:
    """The copy with both flows, loaded, trained and predicted."""
    before = _production(copied)
    made = [
        json.loads(copied.flow("new-flow", "returns", "--kind", "series", "--json")),
        json.loads(copied.flow("new-flow", "claims", "--kind", "record", "--json")),
    ]
    changed = {
        path
        for path, content in _production(copied).items()
        if path in before and before[path] != content
    }
    assert len(changed) <= 3, changed
    assert {str(path) for path in changed} == {path for one in made for path in one["changed"]}
    copied.flow("backfill", "returns", "--from", "2025-03-01", "--to", "2025-04-20")
    copied.flow("backfill", "claims", "--from", "2025-03-01", "--to", "2025-04-20")
    return copied


def test_the_graph_has_the_assets_jobs_and_schedules_of_both(project: Project) -> None:
    found = project.answer(_GRAPH)
    for flow, predictions in (("returns", "forecast"), ("claims", "scores")):
        own = {asset for asset in found["assets"] if flow in asset}
        for layer in ("raw/", "staging/", "merged/", "ml/", "monitoring/"):
            assert [asset for asset in own if asset.startswith(layer)], (flow, layer)
        assert f"ml/{flow}_{predictions}" in own
        assert f"train_{flow}_monthly" in found["schedules"]
        assert [job for job in found["jobs"] if flow in job]


def test_a_backfill_loads_trains_predicts_and_measures(project: Project) -> None:
    found = project.answer(
        _ROWS,
        json.dumps(
            {
                "raw": "select count(*) from raw.returns union all select count(*) from raw.claims",
                "forecasts": "select count(*) as rows, count(distinct centre_id) as centres"
                " from published.predictions where flow = 'returns'",
                "scores": "select count(*) as rows, count(distinct centre_id) as centres,"
                " count(distinct model_version) as versions from published.claims_predictions",
                "models": "select count(*) from published.models where flow = 'claims'"
                " and candidate = 'lightgbm'",
                "accuracy": "select flow, n > 0 as known, coverage_80 between 0.5 and 1 as held"
                " from published.accuracy where flow in ('returns', 'claims')"
                " and centre_id = '*' and horizon in (0, 1) order by flow",
                "fresh": "select flow, dataset from published.freshness"
                " where flow in ('returns', 'claims') and rows > 0 order by 1, 2",
                "drift": "select distinct flow from published.drift order by 1",
                "whole": "select bool_and(is_whole) from merged.returns"
                " union all select bool_and(is_whole) from merged.claims",
            }
        ),
    )
    assert all(count > 0 for (count,) in found["raw"]) and len(found["raw"]) == 2
    assert found["forecasts"][0][0] > 500 and found["forecasts"][0][1] == 3
    count, centres, versions = found["scores"][0]
    # The fallback until the first vintage, of April.
    assert count > 500 and centres == 3 and versions == 2
    assert found["models"] == [[1]]
    assert [row[0] for row in found["accuracy"]] == ["claims", "returns"]
    assert all(known for _, known, _ in found["accuracy"])
    assert found["accuracy"][0][2]
    assert [tuple(row) for row in found["fresh"]] == [
        (flow, dataset) for flow in ("claims", "returns") for dataset in ("actuals", "predictions")
    ]
    assert [flow for (flow,) in found["drift"]] == ["claims", "returns"]
    # The simulator refuses no row.
    assert found["whole"] == [[True], [True]]


def test_the_app_shows_a_page_of_each(project: Project) -> None:
    dsn = project.flow("dsn").strip()
    found = project.answer(_PAGES, "returns", "claims", FLOW_DASHBOARD_DSN=dsn)
    for name, page in found.items():
        assert page["faults"] == [], page
        assert page["titles"] == [name.capitalize()] and page["tables"] >= 2, page


def test_the_api_answers_for_both(project: Project) -> None:
    paths = (
        "/forecasts/returns?from=2025-04-10&limit=5",
        "/models?flow=claims",
        "/analytics/accuracy?flow=returns",
    )
    found = project.answer(_API, *paths)
    for path, answer in found.items():
        assert answer.get("items"), (path, answer)


@contextmanager
def changed(path: Path, old: str, new: str) -> Iterator[None]:
    """A file with `new` in the place of `old`; whole again afterwards."""
    whole = path.read_text()
    assert old in whole
    path.write_text(whole.replace(old, new))
    try:
        yield
    finally:
        path.write_text(whole)


def test_a_missing_part_is_named_when_definitions_load(project: Project) -> None:
    parts = project.root / "flow_platform/flows/claims/parts.py"
    with changed(parts, "        calendar=calendar,\n", ""):
        done = project.python("-c", _GRAPH)
        assert done.returncode != 0
        assert "The flow claims lacks a part in flow_platform/flows/claims/parts.py" in done.stderr
        assert "'calendar'" in done.stderr
        parts.unlink()
        done = project.python("-c", _GRAPH)
        assert "The flow claims has no parts. Write flow_platform/flows/claims/parts.py" in (
            done.stderr
        )


def test_a_missing_part_of_sql_is_named(project: Project) -> None:
    macros = project.root / "dbt_project/macros/flows/claims.sql"
    with changed(macros, "macro claims_coverage()", "macro claims_coverages()"):
        done = project.python("-c", _GRAPH)
        assert done.returncode != 0
        assert "claims" in done.stderr and "claims_coverage" in done.stderr
