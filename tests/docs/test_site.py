"""The site builds strictly, and its pages ask no other machine for anything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from flow_platform.settings import PROJECT_ROOT

# What a browser fetches by itself when it shows a page, by element.
FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    # A proxy that nobody serves: a build that needed the internet would fail.
    away = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY"), "http://127.0.0.1:9")
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, env={**os.environ, **away}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder


class _Fetches(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        # Names the page's own address for search engines; nothing is fetched from there.
        if tag in FETCHED and given.get("rel") != "canonical":
            self.addresses.append(given.get(FETCHED[tag]) or "")


def _pages(site: Path) -> dict[str, str]:
    return {str(path.relative_to(site)): path.read_text() for path in site.rglob("*.html")}


def _fetched_by(page: str) -> list[str]:
    parser = _Fetches()
    parser.feed(page)
    return [address for address in parser.addresses if address]


def _is_elsewhere(address: str) -> bool:
    return re.match(r"(?:[a-z]+:)?//", address) is not None


def test_no_page_fetches_from_another_machine(site: Path) -> None:
    pages = _pages(site)
    assert len(pages) > 50
    for name, page in pages.items():
        assert [one for one in _fetched_by(page) if _is_elsewhere(one)] == [], name


def test_no_stylesheet_fetches_from_another_machine(site: Path) -> None:
    sheets = list(site.rglob("*.css"))
    assert sheets
    for sheet in sheets:
        found = re.findall(r"(?:url\(|@import\s+)[\"']?([^\"')\s]+)", sheet.read_text())
        assert [one for one in found if _is_elsewhere(one)] == [], sheet.name


def test_every_page_with_a_diagram_has_mermaid_of_its_own_before_the_script_of_the_theme(
    site: Path,
) -> None:
    """Otherwise the theme fetches Mermaid from a CDN."""
    with_diagrams = [page for page in _pages(site).values() if 'class="mermaid"' in page]
    assert with_diagrams
    for page in with_diagrams:
        scripts = [one for one in _fetched_by(page) if one.endswith(".js")]
        (mermaid,) = (number for number, one in enumerate(scripts) if "mermaid" in one)
        (theme,) = (number for number, one in enumerate(scripts) if "/bundle." in one)
        assert mermaid < theme
    assert (site / "javascripts" / "mermaid.js").stat().st_size > 1_000_000


def test_every_decision_is_in_the_navigation(site: Path) -> None:
    home = (site / "index.html").read_text()
    for decision in (PROJECT_ROOT / "docs" / "adr").glob("*.md"):
        assert f"adr/{decision.stem}.html" in home
