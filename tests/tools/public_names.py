"""Lists the names that people and programs outside the platform rely on, as one JSON document.

`tests/contracts/public_names.json` was written by this script; a test compares what is there now
with it. Names may be added; none may be renamed or removed, and columns keep their order.

    python tests/tools/public_names.py > tests/contracts/public_names.json
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent


def commands() -> dict[str, list[str]]:
    """By `flow` command: its arguments and options."""
    import typer

    from flow_platform.cli.app import app

    found: dict[str, list[str]] = {}

    def walk(command: Any, path: str) -> None:
        for name, child in getattr(command, "commands", {}).items():
            walk(child, f"{path} {name}")
        if not hasattr(command, "commands"):
            found[path] = sorted(
                option for one in command.params for option in (*one.opts, *one.secondary_opts)
            )

    walk(typer.main.get_command(app), "flow")
    return dict(sorted(found.items()))


def settings() -> list[str]:
    """The environment variables that the platform reads."""
    from flow_platform.settings import Settings

    return sorted(f"FLOW_{name.upper()}" for name in Settings.model_fields)


def graph() -> dict[str, list[str]]:
    """Jobs, schedules and sensors of an installation whose sources are simulated."""
    from flow_platform.definitions import build_definitions
    from flow_platform.platform import Platform
    from flow_platform.settings import Settings

    with tempfile.TemporaryDirectory() as folder:
        definitions = build_definitions(Platform(Settings(home=Path(folder))))
        repository = definitions.get_repository_def()
        return {
            "jobs": sorted(
                job.name for job in repository.get_all_jobs() if not job.name.startswith("__")
            ),
            "schedules": sorted(one.name for one in repository.schedule_defs),
            "sensors": sorted(one.name for one in repository.sensor_defs),
        }


def published() -> dict[str, list[str]]:
    """By published view: its columns with their types, in order, as the contracts declare them."""
    from flow_platform.platform import Platform
    from flow_platform.settings import Settings

    with tempfile.TemporaryDirectory() as folder:
        platform = Platform(Settings(home=Path(folder)))
        nodes = platform.dbt.manifest(platform.centres_by_flow)["nodes"].values()
        return {
            node["alias"]: [f"{name} {one['data_type']}" for name, one in node["columns"].items()]
            for node in sorted(nodes, key=lambda node: str(node["name"]))
            if node["resource_type"] == "model" and node["schema"] == "published"
        }


def api() -> dict[str, Any]:
    """The OpenAPI description: paths, methods, parameters, bodies and answers, without prose."""
    from flow_platform.api.app import create_app
    from flow_platform.api.config import ApiConfig

    with tempfile.TemporaryDirectory() as folder:
        config = ApiConfig(
            dsn="postgresql://nobody@127.0.0.1/none",
            token_key=bytes(range(32)),
            home=Path(folder),
        )
        app = create_app(config)
        plain = _without_prose(app.openapi())
        return {"paths": plain["paths"], "components": plain["components"]}


def _without_prose(node: Any) -> Any:
    if isinstance(node, dict):
        prose = ("description", "summary", "title", "example", "examples", "operationId", "tags")
        return {
            key: _without_prose(value)
            for key, value in node.items()
            if not (key in prose and not isinstance(value, dict | list))
            and key not in ("example", "examples", "tags")
        }
    return [_without_prose(one) for one in node] if isinstance(node, list) else node


def make_targets() -> list[str]:
    """The targets of the Makefile that have a help text or are run by people."""
    return sorted(set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)))


def pages() -> list[str]:
    """The addresses of the app's pages."""
    from streamlit_app import navigation

    return sorted(page.address for page in navigation.pages())


def sources() -> dict[str, dict[str, list[str]]]:
    """By section of sources.toml: its kinds, keys, and the columns that it may map."""
    from flow_platform.sources.config import sections

    return {
        name: {
            "kinds": sorted(section.kinds),
            "keys": sorted(section.model_fields),
            "columns": sorted(section.required_columns + section.optional_columns),
        }
        for name, section in sections().items()
    }


def public_names() -> dict[str, Any]:
    return {
        "commands": commands(),
        "settings": settings(),
        **graph(),
        "published": published(),
        "api": api(),
        "make": make_targets(),
        "pages": pages(),
        "sources": sources(),
    }


if __name__ == "__main__":
    print(json.dumps(public_names(), indent=1, sort_keys=False))
