"""How tests state that a file is refused with a message that names the fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flow_platform.ground.errors import ConfigurationError
from flow_platform.sources.config import read_sources


def assert_refused(
    read: Callable[[Path], Any], path: Path, text: str, error: type[Exception], message: str
) -> None:
    """`read` refuses a file with this text; `message` is a regular expression."""
    path.write_text(text)
    with pytest.raises(error, match=message):
        read(path)


def sources_file(folder: Path, text: str) -> Path:
    """A sources.toml with this text."""
    path = folder / "sources.toml"
    path.write_text(text, encoding="utf-8")
    return path


def assert_sources_refused(folder: Path, text: str, *words: str) -> None:
    """A sources.toml with this text is refused; the error names the file and has all `words`."""
    path = sources_file(folder, text)
    with pytest.raises(ConfigurationError) as caught:
        read_sources(path)
    assert all(word in str(caught.value) for word in (str(path), *words)), str(caught.value)
