"""Runs `flow load check` as a person would, in an environment of its own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from flow_platform.cli.app import app
from flow_platform.ground.errors import FlowError
from flow_platform.settings import get_settings


def checked(path: Path | str, flow: str, *options: str, **settings: Path | str) -> Result:
    """The result of the command; `settings` are FLOW_... variables, and no others are set."""
    others = {name: None for name in os.environ if name.startswith("FLOW_")}
    given = {f"FLOW_{name.upper()}": str(value) for name, value in settings.items()}
    get_settings.cache_clear()
    try:
        arguments = ["load", "check", str(path), "--flow", flow, *options]
        return CliRunner().invoke(app, arguments, env={**others, **given})
    finally:
        get_settings.cache_clear()


def facts(path: Path | str, flow: str, **settings: Path | str) -> dict[str, Any]:
    """What the command finds, as JSON."""
    done = checked(path, flow, "--json", **settings)
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["exit_code"] == done.exit_code
    return found


def ends_in_words(done: Result) -> bool:
    """Whether a command ended as it should: with an exit code, or an error a user can act on."""
    return done.exception is None or isinstance(done.exception, SystemExit | FlowError)
