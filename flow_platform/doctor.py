"""Examines an installation and says in plain words what is not well. Changes nothing."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass

from flow_platform.flows.catalogue import CATALOGUE
from flow_platform.ground.errors import FlowError
from flow_platform.platform import Platform
from flow_platform.privacy.retention import retention_days
from flow_platform.settings import Settings
from flow_platform.warehouse.secrets import check_secret

_FREE_GIB = 2


@dataclass(frozen=True)
class Finding:
    """One check and what it found."""

    check: str
    ok: bool
    detail: str


def examine(settings: Settings) -> list[Finding]:
    """Every check, in the order in which to mend what they find."""
    platform = Platform(settings)
    checks: list[tuple[str, Callable[[], str]]] = [
        ("python", _python),
        ("disk", lambda: _disk(settings)),
        ("secret", lambda: _secret(settings)),
        ("retention", lambda: _retention(settings)),
        ("sources", lambda: _sources(platform)),
        ("centres", lambda: _centres(platform)),
        ("calendar and events", lambda: f"{len(platform.calendar):,} centre-days"),
        (
            "dbt project",
            lambda: f"{len(platform.dbt.manifest(platform.centres_by_flow)['nodes'])} nodes",
        ),
        ("dagster graph", lambda: _graph(platform)),
        ("database", lambda: _database(settings)),
    ]
    return [_finding(name, check) for name, check in checks]


def _finding(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, check())
    except FlowError as error:
        return Finding(name, False, str(error))


def _python() -> str:
    if sys.version_info[:2] not in ((3, 11), (3, 12)):
        raise FlowError(f"Python {sys.version.split()[0]} is not supported. Use 3.11.")
    return sys.version.split()[0]


def _disk(settings: Settings) -> str:
    place = settings.home_path if settings.home_path.exists() else settings.home_path.parent
    free = shutil.disk_usage(place if place.exists() else "/").free / 2**30
    if free < _FREE_GIB:
        raise FlowError(f"Only {free:.1f} GiB free at {place}. Free at least {_FREE_GIB} GiB.")
    return f"{free:.0f} GiB free at {place}"


def _secret(settings: Settings) -> str:
    if settings.secret is None:
        return "FLOW_SECRET is not set: one is kept in FLOW_HOME/secret"
    check_secret(settings.secret.get_secret_value())
    return "FLOW_SECRET is strong enough"


def _retention(settings: Settings) -> str:
    days = retention_days(settings.retention)
    return ", ".join(f"{kind}: {kept or 'no limit'}" for kind, kept in days.items())


def _sources(platform: Platform) -> str:
    named = (*(flow.name for flow in CATALOGUE), "weather")
    return ", ".join(f"{name}: {platform.sources[name].kind}" for name in named)


def _centres(platform: Platform) -> str:
    for flow in CATALOGUE:
        if not platform.centres_of(flow):
            raise FlowError(
                f"The source of {flow.name} names no centre: no file of"
                f" {platform.sources[flow.name].path} could be read. Correct path in sources.toml."
            )
    return ", ".join(f"{flow.name}: {len(platform.centres_of(flow))}" for flow in CATALOGUE)


def _graph(platform: Platform) -> str:
    from flow_platform.definitions import build_definitions

    graph = build_definitions(platform).resolve_asset_graph()
    return f"{len(list(graph.materializable_asset_keys))} assets"


def _database(settings: Settings) -> str:
    from flow_platform.services import status

    state = status(settings)[0]
    if state.state != "up":
        raise FlowError(
            f"PostgreSQL is down ({state.address}). {state.detail} `flow up` starts it."
        )
    return str(state.address)
