"""Hooks of MkDocs: Mermaid's script comes from a package, decisions are listed by themselves.

What a page looks like is in `theme/`; settings of the site are in `mkdocs.yml`.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

MERMAID = "javascripts/mermaid.js"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put each decision into the navigation, after the page that lists them."""
    decisions = sorted(path.name for path in (Path(config.docs_dir) / "adr").glob("*.md"))
    config.nav = _with_decisions(config.nav, [f"adr/{name}" for name in decisions])
    return config


def _with_decisions(nav: Any, decisions: list[str]) -> Any:
    if isinstance(nav, list):
        return [_with_decisions(entry, decisions) for entry in nav]
    if isinstance(nav, dict):
        return {
            title: [*entry, *decisions]
            if title == "Decisions"
            else _with_decisions(entry, decisions)
            for title, entry in nav.items()
        }
    return nav


def on_files(files_: Files, config: MkDocsConfig) -> Files:
    """Add Mermaid's script, of the package mermaidx, to the files of the site."""
    with as_file(files("mermaidx") / "assets" / "mermaid.js") as script:
        files_.append(File.generated(config, MERMAID, abs_src_path=str(script)))
    return files_


def on_page_context(
    context: dict[str, Any], page: Page, config: MkDocsConfig, nav: object
) -> dict[str, Any]:
    """Let the template know whether the page has a diagram: the script is 3.5 MB."""
    context["has_diagram"] = 'class="mermaid"' in (page.content or "")
    return context
