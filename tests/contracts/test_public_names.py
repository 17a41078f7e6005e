"""What people and programs outside rely on is still there, under the same name.

Names may be added. Commands, options, settings, jobs, schedules, columns of published views and
their order, addresses and bodies of the API, sections of sources.toml: none is renamed or removed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tools.public_names import public_names

KEPT: dict[str, Any] = json.loads((Path(__file__).parent / "public_names.json").read_text())


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return public_names()


def _lost(kept: Any, found: Any, path: str = "") -> list[str]:
    """What of `kept` is not in `found`; a column must also keep its place."""
    if isinstance(kept, dict):
        if not isinstance(found, dict):
            return [path]
        return [
            lost
            for name, value in kept.items()
            for lost in (
                _lost(value, found[name], f"{path}/{name}") if name in found else [f"{path}/{name}"]
            )
        ]
    if isinstance(kept, list) and path.startswith("/published/"):
        return [] if found[: len(kept)] == kept else [f"{path}: {kept} became {found}"]
    if isinstance(kept, list):
        return [f"{path}: {one}" for one in kept if one not in found]
    return [] if kept == found else [f"{path}: {kept!r} became {found!r}"]


@pytest.mark.parametrize("kind", sorted(KEPT))
def test_no_public_name_is_lost(found: dict[str, Any], kind: str) -> None:
    assert _lost(KEPT[kind], found[kind], f"/{kind}") == []
