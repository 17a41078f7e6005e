"""Pages that are generated from code are current, and list every name that others rely on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from docs_site.reference import PAGES, write_pages
from flow_platform.settings import PROJECT_ROOT
from tests.docs.pages import DOCS

PUBLIC: dict[str, Any] = json.loads(
    (PROJECT_ROOT / "tests" / "contracts" / "public_names.json").read_text()
)


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_current(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name](), "run `make docs` and commit the page"


def _rows(page: str, heading: str) -> str:
    """What the page has under this heading of the second level."""
    _, _, rest = (DOCS / "reference" / page).read_text().partition(f"\n## {heading}")
    assert rest, f"{page} has no part {heading}"
    return rest.partition("\n## ")[0]


@pytest.mark.parametrize("command", PUBLIC["commands"])
def test_each_command_is_listed_with_its_options(command: str) -> None:
    rows = _rows("commands.md", f"`{command}`")
    options = PUBLIC["commands"][command]
    names = [option if option.startswith("--") else option.upper() for option in options]
    assert [name for name in names if f"`{name}`" not in rows] == []


@pytest.mark.parametrize("view", PUBLIC["published"])
def test_each_published_view_is_listed_with_its_columns_in_order(view: str) -> None:
    rows = _rows("published-views.md", f"`published.{view}`")
    columns = [line.split("`")[1] for line in rows.splitlines() if line.startswith("| `")]
    kept = [column.split(" ")[0] for column in PUBLIC["published"][view]]
    assert columns[: len(kept)] == kept


def test_each_setting_is_listed() -> None:
    page = (DOCS / "reference" / "settings.md").read_text()
    assert [name for name in PUBLIC["settings"] if f"| `{name}` |" not in page] == []


@pytest.mark.parametrize("section", PUBLIC["sources"])
def test_each_section_of_sources_toml_is_listed_with_its_keys(section: str) -> None:
    rows = _rows("sources.md", "Keys of every section") + _rows("sources.md", f"[{section}]")
    names = [name for kind in PUBLIC["sources"][section].values() for name in kind]
    assert [name for name in names if f"`{name}`" not in rows] == []


def test_each_schedule_and_operation_is_listed() -> None:
    flows = (DOCS / "reference" / "flows.md").read_text()
    assert [name for name in PUBLIC["schedules"] if f"`{name}`" not in flows] == []
    api = (DOCS / "reference" / "http-api.md").read_text()
    assert [path for path in PUBLIC["api"]["paths"] if f" {path}`" not in api] == []


def test_a_page_that_has_changed_is_written_and_named(tmp_path: Path) -> None:
    for name in PAGES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((DOCS / name).read_text())
    (tmp_path / "reference/settings.md").write_text("old")
    assert write_pages(tmp_path) == ["reference/settings.md"]
    assert "FLOW_HOME" in (tmp_path / "reference/settings.md").read_text()
