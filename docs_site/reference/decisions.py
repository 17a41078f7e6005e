"""The page that lists the decisions: the pages of `docs/adr/`, by number and title."""

from __future__ import annotations

from docs_site.reference.markdown import cell, heading, table
from flow_platform.settings import PROJECT_ROOT

ADR = PROJECT_ROOT / "docs" / "adr"
_INTRODUCTION = """\
A decision that another engineer would question has a page: what was decided, why, what it costs,
and what was measured. A page describes the platform as it was at that time; later changes are in
later pages.
"""


def page() -> str:
    """The page as Markdown."""
    rows = []
    for path in sorted(ADR.glob("*.md")):
        title = path.read_text().split("\n", 1)[0].removeprefix("# ")
        number, _, name = title.partition(". ")
        rows.append((number, f"[{cell(name)}](../adr/{path.name})"))
    return (
        heading("Decisions", "docs/adr/*.md", _INTRODUCTION) + "\n" + table(("", "Decision"), rows)
    )
