"""Which pages there are: each catalog of texts with a position is a page.

A page is the file `pages_/<name>.py`, or `pages_/<name>/page.py` where it has modules of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from streamlit_app import texts

FOLDER = Path(__file__).parent


class Page(NamedTuple):
    """One page: the name of its catalog, its file relative to the app, and its address."""

    name: str
    file: str
    address: str


def pages() -> list[Page]:
    """The pages in the order of the navigation bar. Raises CatalogError where one has no file."""
    placed = [source for source in texts.sources().values() if source.position is not None]
    placed.sort(key=lambda source: (source.position, source.name))
    return [
        Page(source.name, _file(source.name), source.name.replace("_", "-")) for source in placed
    ]


def _file(name: str) -> str:
    for file in (f"pages_/{name}.py", f"pages_/{name}/page.py"):
        if (FOLDER / file).is_file():
            return file
    raise texts.CatalogError(
        f"texts/{name}.toml has a position, so it is a page: add streamlit_app/pages_/{name}.py."
    )
