"""The generated pages of the site: each module makes one page out of the code.

`python -m docs_site.reference` writes them; tests compare what is committed with what is made now.
Pages that people write are in `docs/`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from docs_site.reference import (
    commands,
    decisions,
    flows,
    http_api,
    lineage,
    packages,
    settings,
    sources,
    views,
)
from flow_platform.settings import PROJECT_ROOT

DOCS = PROJECT_ROOT / "docs"

# By path in `docs/`: what makes the text of the page, in the order in which they are written.
PAGES: Mapping[str, Callable[[], str]] = {
    "reference/settings.md": settings.page,
    "reference/sources.md": sources.page,
    "reference/commands.md": commands.page,
    "reference/published-views.md": views.page,
    "reference/http-api.md": http_api.page,
    "reference/flows.md": flows.page,
    "reference/decisions.md": decisions.page,
    "reference/lineage.md": lineage.page,
    packages.PATH: packages.page,
}


def write_pages(docs: Path = DOCS) -> list[str]:
    """Write every generated page; returns the paths of those that have changed."""
    changed = []
    for name, page in PAGES.items():
        path, text = docs / name, page()
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            changed.append(name)
    return changed
