"""The page of published views: what dbt's YAML says of each view and column."""

from __future__ import annotations

from typing import Any

import yaml

from docs_site.reference.markdown import cell, code, first_paragraph, heading, table
from flow_platform.settings import PROJECT_ROOT

MODELS = PROJECT_ROOT / "dbt_project" / "models" / "published"
_PREFIX = "published__"
_INTRODUCTION = """\
Everything that leaves the platform is in these views of the schema `published`. The app, the API
and your own clients read them and nothing else. Columns may be added; none is renamed or removed.
`flow dsn` prints a read-only connection string; `flow docs` builds the description of every table
of the warehouse.

Moments are in UTC. A day is the partition day in UTC unless its column says otherwise.
"""


def page() -> str:
    """The page as Markdown."""
    views = _views()
    parts = [
        heading("Published views", "dbt_project/models/published/*.yml", _INTRODUCTION),
        table(
            ("View", "What it has"),
            [
                (f"[`published.{name}`](#{name})", cell(view.get("description")))
                for name, view in views.items()
            ],
        ),
    ]
    return "\n".join([*parts, *(_view(name, view) for name, view in views.items())])


def _views() -> dict[str, dict[str, Any]]:
    """What the YAML says of each view, by its name, in alphabetical order."""
    found = {
        model["name"].removeprefix(_PREFIX): model
        for path in sorted(MODELS.glob("*.yml"))
        for model in yaml.safe_load(path.read_text()).get("models") or ()
    }
    return dict(sorted(found.items()))


def _view(name: str, view: dict[str, Any]) -> str:
    rows = [
        (code(one["name"]), cell(one.get("data_type")), cell(one.get("description")))
        for one in view.get("columns") or ()
    ]
    description = first_paragraph(view.get("description"))
    columns = table(("Column", "Type", "Meaning"), rows)
    return f"## `published.{name}` {{ #{name} }}\n\n{description}\n\n{columns}"
