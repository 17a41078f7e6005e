"""Small JSON documents in FLOW_HOME/cache: what sources have named, kept between processes.

What is in them is the business of each flow's module.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from flow_platform.ground.state_files import replace_file

_Named = TypeVar("_Named")

_FILES = "files"


def named_in_files(
    cache: Path, paths: Sequence[Path], reading: str, names_in: Callable[[Path], _Named]
) -> list[_Named]:
    """What each of the files names: `names_in` of its path, which JSON can hold.

    A file is asked once: its answer is kept in `cache` under its path, size and time, and under
    `reading`, a text that is another one where files are read in another way. A file that names
    nothing is asked again.
    """
    kept = read_kept(cache).get(_FILES, {})
    known = {}
    for path in paths:
        state = path.stat()
        stamp = f"{path}|{state.st_size}|{state.st_mtime_ns}|{reading}"
        known[stamp] = kept.get(stamp) or names_in(path)
    if known != kept:
        with changing(cache) as document:
            document[_FILES] = known
    return list(known.values())


def read_kept(cache: Path) -> dict[str, Any]:
    """The document; an empty one where there is none, or it is damaged."""
    try:
        found = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


@contextmanager
def changing(cache: Path) -> Iterator[dict[str, Any]]:
    """The document, which is written in one step at the end of the block if it has changed then.

    No other process changes it meanwhile.
    """
    cache.parent.mkdir(parents=True, exist_ok=True)
    with cache.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = read_kept(cache)
        document = dict(before)
        yield document
        if document != before:
            replace_file(cache, json.dumps(document, ensure_ascii=False))
