"""The README is short, its links and names are right, and what it draws is what there is."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from flow_platform.definitions import build_definitions
from flow_platform.flows.catalogue import CATALOGUE
from flow_platform.platform import Platform
from tests.conftest import new_settings
from tests.docs.pages import DOCS, OUTSIDE, README, anchors, fenced, links, name_of

# In which box of the drawing the assets are, by the first part of their keys; those of `ml` by the
# last word of their names.
BOXES = {
    "raw": "raw rows",
    "staging": "merged tables",
    "merged": "merged tables",
    "model": "models, champions",
    "champion": "models, champions",
    "forecast": "forecasts, scores",
    "scores": "forecasts, scores",
    "segments": "forecasts, scores",
    "monitoring": "accuracy, drift",
    "published": "published views",
}
# No asset makes what is read from sources, nor the table of rejected rows.
OUTSIDE_OF_THE_GRAPH = {("sources", "raw rows"), ("raw rows", "quarantine")}
# Left out so that the drawing stays readable: views also read tables of earlier stages, and the
# calendar is made for the centres, which dbt loads.
NOT_DRAWN = {
    ("raw rows", "published views"),
    ("merged tables", "published views"),
    ("models, champions", "published views"),
    ("merged tables", "raw rows"),
}


def _diagram() -> str:
    (diagram,) = fenced(README, "mermaid")
    return diagram


def _box(asset: str) -> str:
    schema, name = asset.split("/")
    return BOXES[name.rsplit("_", 1)[-1] if schema == "ml" else schema]


def test_the_readme_has_at_most_150_lines() -> None:
    assert len(README.read_text().splitlines()) <= 150


@pytest.mark.parametrize("document", OUTSIDE, ids=name_of)
def test_every_link_outside_of_the_site_leads_somewhere(document: Path) -> None:
    for target, anchor in links(document):
        assert target.exists(), target
        assert not anchor or anchor in anchors(target), f"{target}#{anchor}"


def test_the_readme_has_a_line_for_each_flow() -> None:
    named = re.findall(r"^\| `(\w+)` \|", README.read_text(), re.M)
    assert named == [flow.name for flow in CATALOGUE]


def test_the_lineage_is_drawn_by_hand_in_the_readme_only() -> None:
    pages = {path for path in DOCS.rglob("*.md") if fenced(path, "mermaid")}
    assert pages == {DOCS / "reference" / "lineage.md"}
    assert '--8<-- "README.md:lineage"' in (DOCS / "index.md").read_text()


def _drawn_arrows() -> set[tuple[str, str]]:
    """Each arrow of the drawing, as the texts of its two boxes."""
    diagram = _diagram()
    labels = dict(re.findall(r"(\w+)\[([^\]]+)\]", diagram))
    arrows = set()
    for line in re.sub(r"\[[^\]]+\]", "", diagram).splitlines()[1:]:
        chain = [end.strip().split(" & ") for end in re.split(r"-->|-\. rejected \.->", line)]
        for parents, children in pairwise(chain):
            arrows |= {(labels[parent], labels[child]) for parent in parents for child in children}
    return arrows


def test_the_readme_draws_at_most_eight_boxes_and_every_arrow_between_them(tmp_path: Path) -> None:
    graph = build_definitions(Platform(new_settings(tmp_path))).resolve_asset_graph()
    made = graph.materializable_asset_keys
    arrows = {
        (_box(parent.to_user_string()), _box(child.to_user_string()))
        for child in made
        for parent in graph.get(child).parent_keys & made
    }
    between = {(parent, child) for parent, child in arrows if parent != child}
    assert between >= NOT_DRAWN
    assert _drawn_arrows() == between - NOT_DRAWN | OUTSIDE_OF_THE_GRAPH
    assert len({box for arrow in _drawn_arrows() for box in arrow}) <= 8
