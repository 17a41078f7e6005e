"""What the code imports is declared, and does not only arrive because another package needs it."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest

from flow_platform.settings import PROJECT_ROOT

# Distributions that are parts of a declared one, and those of the extra `deep`.
_PARTS = {"dbt_common", "pydantic_core", "torch", "neuralforecast", "pytorch_lightning"}


def _name(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=!~\[; ]", requirement)[0]).lower()


def _imported(folder: str) -> dict[str, str]:
    """Packages that are imported anywhere in a folder, and one file that does."""
    found: dict[str, str] = {}
    for file in (PROJECT_ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            modules: list[str] = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules = [node.module]
            for module in modules:
                found.setdefault(module.partition(".")[0], str(file.relative_to(PROJECT_ROOT)))
    return found


@pytest.mark.parametrize("folder", ["flow_platform", "streamlit_app"])
def test_every_package_that_is_imported_is_a_declared_dependency(folder: str) -> None:
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]
    declared = {_name(requirement) for requirement in project["dependencies"]}
    distributions = packages_distributions()
    own = {"flow_platform", "streamlit_app", *_PARTS, *sys.stdlib_module_names}
    lacking = {
        package: file
        for package, file in _imported(folder).items()
        if package not in own and not declared & set(map(_name, distributions.get(package, [])))
    }
    assert lacking == {}
