"""The documents that people read, and what tests take out of them: links, anchors, code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from flow_platform.settings import PROJECT_ROOT

DOCS = PROJECT_ROOT / "docs"
README = PROJECT_ROOT / "README.md"
# Files outside of the site: MkDocs checks the links of every other page.
OUTSIDE = (README, PROJECT_ROOT / "CONTRIBUTING.md", PROJECT_ROOT / "CHANGELOG.md")
# Decisions describe the platform at the time they were made; the changelog every earlier version.
CURRENT = (
    *OUTSIDE[:2],
    *(path for path in sorted(DOCS.rglob("*.md")) if path.parent.name != "adr"),
)

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.M | re.S)
_HEADING = re.compile(r"^#+ (.+?)(?: \{ #([\w-]+) \})?$", re.M)


def name_of(path: Path) -> str:
    """The path within the project, for the name of a test."""
    return str(path.relative_to(PROJECT_ROOT))


def fenced(path: Path, language: str) -> list[str]:
    """The blocks of code in this language; "" for those without one."""
    return [text for found, text in _FENCE.findall(path.read_text()) if found == language]


def inline_code(path: Path) -> list[str]:
    """Every piece of code within a sentence or a table."""
    return re.findall(r"`([^`\n]+)`", _FENCE.sub("", path.read_text()))


def links(path: Path) -> Iterator[tuple[Path, str]]:
    """Each link to a file: the file, and the anchor in it or an empty text."""
    for link in re.findall(r"\]\(([^)\s]+)", path.read_text()):
        if "://" not in link:
            target, _, anchor = link.partition("#")
            yield (path.parent / target if target else path), anchor


def anchors(path: Path) -> set[str]:
    """What a link may name: the ids that headings are given, or GitHub's form of their text."""
    return {
        given or re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        for text, given in _HEADING.findall(path.read_text())
    }
