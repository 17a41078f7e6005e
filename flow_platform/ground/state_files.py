"""Small files in which the platform keeps its state: written whole, or left as they were.

A crash, a kill or a full disk at any moment leaves the earlier content or the new one, no part.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flow_platform.ground.errors import FlowError

# Only the owner reads what is in FLOW_HOME.
_MODE = 0o600


def replace_file(path: Path, content: str | bytes) -> None:
    """Make `content` that of the file, in one step; its folder is made where it is missing.

    Once this returns, the content is on the disk. Raises FlowError where it cannot be written: the
    file is then as it was.
    """
    with _written_apart(path, content) as fresh:
        os.replace(fresh, path)


def create_file(path: Path, content: str | bytes) -> bool:
    """Make the file with `content` if there is none, in one step; return whether it was made.

    Of several processes at once one makes it, and all find it whole. Raises FlowError where it
    cannot be written: there is then no file.
    """
    if path.exists():
        return False
    with _written_apart(path, content) as fresh:
        try:
            os.link(fresh, path)
        except FileExistsError:
            return False
    return True


@contextmanager
def _written_apart(path: Path, content: str | bytes) -> Iterator[Path]:
    """A file in the same folder that has the content, until the end of the block."""
    data = content.encode() if isinstance(content, str) else content
    writer = f"{os.getpid()}-{threading.get_ident()}"
    fresh = path.with_name(f".{path.name}.{writer}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE)
        try:
            while data:
                data = data[os.write(descriptor, data) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        yield fresh
        _keep_names(path.parent)
    except OSError as error:
        raise FlowError(
            f"{path} cannot be written: {error.strerror or error}. Free disk space, or correct the"
            " permissions of its folder; what it held before is unchanged."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)


def _keep_names(folder: Path) -> None:
    """Have the names of a folder's files on the disk: else a new one may be gone with the power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
