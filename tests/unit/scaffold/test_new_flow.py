"""`flow new-flow` writes a flow that passes the lint, or it writes nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flow_platform.ground.errors import ConfigurationError
from flow_platform.scaffold.new_flow import CATALOGUE, DBT_PROJECT, MIGRATIONS, Kind, new_flow
from flow_platform.settings import PROJECT_ROOT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The code of the project, which the command adds to and the lint looks at."""
    for name in ("flow_platform", "streamlit_app", "tests/unit/sources"):
        shutil.copytree(
            PROJECT_ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    for path in (DBT_PROJECT, Path("pyproject.toml"), Path("tests/unit/__init__.py")):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT_ROOT / path, tmp_path / path)
    return tmp_path


def _files(project: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", ["series", "record"])
# The names that move the lines of files the most: the longest, and the first and last in the order.
@pytest.mark.parametrize("name", ["abcdefghij_lmnopqrst", "zz"])
def test_what_is_written_passes_the_lint(project: Path, kind: Kind, name: str) -> None:
    before = _files(project)
    written = new_flow(project, name, kind)
    assert {path.relative_to(project) for path in _files(project).keys() - before} == set(
        written.made
    )
    changed = {path for path, content in before.items() if path.read_bytes() != content}
    assert changed == {project / CATALOGUE, project / DBT_PROJECT}
    assert {project / path for path in written.changed} == changed
    code = [str(path) for path in (*written.made, *written.changed) if path.suffix == ".py"]
    for command in (["check"], ["format", "--check"]):
        ruff = [str(Path(sys.executable).with_name("ruff")), *command, "--no-cache", *code]
        done = subprocess.run(ruff, cwd=project, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    left = [
        path
        for path in written.made
        for one in ("{flow}", "{FLOW}", "{measure}", "{title}")
        if one in (project / path).read_text()
    ]
    assert not left


def test_the_next_migration_follows_the_newest(project: Path) -> None:
    newest = max(path.name[:4] for path in (project / MIGRATIONS).glob("[0-9]*.py"))
    new_flow(project, "returns", "series")
    new_flow(project, "claims", "record")
    for offset, name in ((1, "returns"), (2, "claims")):
        number = f"{int(newest) + offset:04}"
        text = (project / MIGRATIONS / f"{number}_{name}.py").read_text()
        assert f'revision = "{number}"' in text
        assert f'down_revision = "{int(number) - 1:04}"' in text


@pytest.mark.parametrize(
    ("name", "measure", "reason"),
    [
        ("Returns", None, "cannot be a name"),
        ("r", None, "cannot be a name"),
        ("a" * 21, None, "cannot be a name"),
        ("order", None, "cannot be called order"),
        ("returns", "centre_id", "cannot be called centre_id"),
        ("class", None, "cannot be called class"),
        ("parcels", None, "is there already|names the flow parcels already"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_before_anything_is_written(
    project: Path, name: str, measure: str | None, reason: str
) -> None:
    before = _files(project)
    with pytest.raises(ConfigurationError, match=reason):
        new_flow(project, name, "series", measure=measure)
    assert _files(project) == before


def test_a_file_that_is_there_is_not_overwritten(project: Path) -> None:
    page = project / "streamlit_app/pages_/returns.py"
    page.parent.mkdir(exist_ok=True)
    page.write_text("mine")
    before = _files(project)
    with pytest.raises(ConfigurationError, match=r"pages_/returns\.py is there already"):
        new_flow(project, "returns", "series")
    assert _files(project) == before
