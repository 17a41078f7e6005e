"""The page of the lineage: the asset graph that Dagster loads, drawn and listed.

Nothing here knows which assets there are. The graph is that of an installation whose sources are
all simulated; it is loaded without a database.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph, AssetNode

from docs_site.reference.markdown import NOTHING, cell, code, first_paragraph, heading, table
from flow_platform.definitions import build_definitions
from flow_platform.flows.catalogue import CATALOGUE
from flow_platform.platform import Platform
from flow_platform.settings import Settings

PUBLISHED = "published"
_ALL_VIEWS = "published/*"
_INTRODUCTION = """\
Every arrow is a dependency of the asset graph that Dagster loads. The Dagster UI shows the same
graph, with the state of each partition. Boxes with a dashed border are in another group; boxes with
round ends are made outside of Dagster: live sources, and tables that commands and the app write.
`published/*` is all [published views](published-views.md); the last table of a flow says which
views read which table.
"""
_FLOWCHART = '%%{init: {"flowchart": {"useMaxWidth": false}}}%%\nflowchart LR'
_STYLE = "    classDef elsewhere stroke-dasharray: 5 4"


def page() -> str:
    """The page as Markdown."""
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), sources=None, centres=None, events=None)
        return page_of(build_definitions(Platform(settings)))


def page_of(definitions: dg.Definitions) -> str:
    """The page of these definitions: a part for each flow, what flows share, and the whole."""
    nodes = _nodes(definitions.resolve_asset_graph())
    titles = {flow.name: flow.title for flow in CATALOGUE}
    others = sorted({_group(node) for node in nodes.values()} - set(titles) - {PUBLISHED})
    groups = {**titles, **{name: _other_title(name) for name in others}}
    parts = [
        heading("Lineage", "the asset graph of flow_platform/definitions.py", _INTRODUCTION),
        *(_part(name, title, nodes) for name, title in groups.items()),
        _whole(groups, nodes),
    ]
    return "\n".join(parts)


def _nodes(graph: AssetGraph) -> dict[str, AssetNode]:
    """The nodes of the graph by their names, such as "raw/parcels"."""
    keys = sorted(graph.get_all_asset_keys(), key=lambda key: list(key.path))
    return {key.to_user_string(): graph.get(key) for key in keys}


def _group(node: AssetNode) -> str:
    return node.group_name or "default"


def _other_title(group: str) -> str:
    return "Tables that no asset makes" if group == "default" else f"Group `{group}`"


def _part(group: str, title: str, nodes: dict[str, AssetNode]) -> str:
    own = {name: node for name, node in nodes.items() if _group(node) == group}
    edges = {
        (parent.to_user_string(), _drawn(name, nodes))
        for name, node in nodes.items()
        for parent in node.parent_keys
        if name in own or (parent.to_user_string() in own and _group(node) == PUBLISHED)
    }
    parts = [f"## {title} {{ #{group} }}\n", _diagram(own, sorted(edges), nodes), _assets(own)]
    readers = _readers(own, nodes)
    return "\n".join([*parts, readers] if readers else parts)


def _drawn(name: str, nodes: dict[str, AssetNode]) -> str:
    """The box of an asset: all published views share one."""
    return _ALL_VIEWS if _group(nodes[name]) == PUBLISHED else name


def _diagram(own: Iterable[str], edges: list[tuple[str, str]], nodes: dict[str, AssetNode]) -> str:
    ends = {end for edge in edges for end in edge}
    elsewhere = sorted(ends - set(own))
    lines = [
        _FLOWCHART,
        *(f"    {_box(name, nodes)}" for name in [*own, *elsewhere]),
        *(f"    {_id(parent)} --> {_id(child)}" for parent, child in edges),
    ]
    if elsewhere:
        lines += [_STYLE, f"    class {','.join(map(_id, elsewhere))} elsewhere"]
    return _fenced(lines)


def _whole(groups: dict[str, str], nodes: dict[str, AssetNode]) -> str:
    lines = [_FLOWCHART]
    for group in groups:
        lines.append(f"    subgraph group_{group} [{group}]")
        lines += [f"        {_box(name, nodes)}" for name in nodes if _group(nodes[name]) == group]
        lines.append("    end")
    lines.append(f"    {_box(_ALL_VIEWS, nodes)}")
    edges = {
        (parent.to_user_string(), _drawn(name, nodes))
        for name, node in nodes.items()
        for parent in node.parent_keys
    }
    lines += [f"    {_id(parent)} --> {_id(child)}" for parent, child in sorted(edges)]
    return f"## Everything {{ #everything }}\n\n{_fenced(lines)}"


def _fenced(lines: list[str]) -> str:
    return "\n".join(["```mermaid", *lines, "```\n"])


def _box(name: str, nodes: dict[str, AssetNode]) -> str:
    is_made = name not in nodes or nodes[name].is_materializable
    return f'{_id(name)}["{name}"]' if is_made else f'{_id(name)}(["{name}"])'


def _id(name: str) -> str:
    return name.replace("/", "_").replace("*", "all")


def _assets(own: dict[str, AssetNode]) -> str:
    rows = [
        (
            code(name),
            ", ".join(sorted(node.kinds)) or NOTHING,
            _partitions(node.partitions_def),
            cell(first_paragraph(node.description)),
        )
        for name, node in own.items()
    ]
    return table(("Asset", "Made with", "Partitions", "What it has"), rows)


def _partitions(definition: dg.PartitionsDefinition | None) -> str:
    if definition is None:
        return NOTHING
    if isinstance(definition, dg.MultiPartitionsDefinition):
        return " x ".join(definition.partition_dimension_names)
    return "month" if isinstance(definition, dg.MonthlyPartitionsDefinition) else "day"


def _readers(own: Iterable[str], nodes: dict[str, AssetNode]) -> str:
    """Which published views read each of these assets; empty where none is read."""
    rows = []
    for name in own:
        views = [key.path[-1] for key in nodes[name].child_keys if key.path[0] == PUBLISHED]
        if views:
            links = [f"[`{view}`](published-views.md#{view})" for view in sorted(views)]
            rows.append((code(name), ", ".join(links)))
    return table(("Table", "Published views that read it"), rows) if rows else ""
