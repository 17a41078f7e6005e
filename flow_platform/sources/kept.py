"""Small JSON documents in FLOW_HOME/cache: what sources have named, kept between processes.

What stands in them is the business of each flow's module.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def read_kept(cache: Path) -> dict[str, Any]:
    """The document; an empty one where there is none, or it is damaged."""
    try:
        found = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


@contextmanager
def alone_at(cache: Path) -> Iterator[None]:
    """No other process writes this document meanwhile."""
    cache.parent.mkdir(parents=True, exist_ok=True)
    with cache.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write_kept(cache: Path, document: dict[str, Any]) -> None:
    """Replace the document in one step; call it within `alone_at`."""
    fresh = cache.with_suffix(f".new{os.getpid()}")
    fresh.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    fresh.replace(cache)
