"""State files are whole at every moment, wherever a write is cut."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flow_platform.demo.running import _State
from flow_platform.ground.errors import ConfigurationError, FlowError
from flow_platform.ground.state_files import create_file, replace_file
from flow_platform.settings import Settings
from flow_platform.sources.kept import changing, read_kept
from flow_platform.warehouse.secrets import secret_of

CALLS = ("open", "write", "fsync", "close", "replace", "link")


class Killed(BaseException):
    """The process is killed here: nothing after it runs but what Python itself unwinds."""


@contextmanager
def cut_at(
    number: int, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[int]]:
    """Make the numbered system call fail, a write after half of its bytes; counts the calls."""
    seen = [0]

    def failing(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            seen[0] += 1
            if seen[0] == number:
                if name == "write":
                    real(given[0], given[1][: len(given[1]) // 2])
                if name == "close":
                    real(*given)
                raise error
            return real(*given, **named)

        return call

    with monkeypatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, failing(name, getattr(os, name)))
        yield seen


def full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


WRITERS: dict[str, tuple[Callable[[Path], Any], Callable[[Path], Any]]] = {
    "a file": (lambda home: replace_file(home / "x", "new content"), lambda home: home / "x"),
    "the demo": (
        lambda home: _State(home / "demo.json").keep("parcels"),
        lambda home: home / "demo.json",
    ),
}


@pytest.mark.parametrize("error", [full, Killed])
@pytest.mark.parametrize("what", WRITERS)
def test_a_write_that_is_cut_anywhere_leaves_the_old_or_the_new_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, error: Callable[[], BaseException]
) -> None:
    write, path_of = WRITERS[what]
    with cut_at(0, error(), monkeypatch) as calls:
        write(tmp_path)
    path = path_of(tmp_path)
    new = path.read_bytes()
    assert calls[0] >= 6
    for number in range(1, calls[0] + 1):
        path.write_bytes(b'{"last_day": "2025-01-01", "done": ["parcels"]}')
        old = path.read_bytes()
        if what == "the demo":
            new = b'{"last_day": "2025-01-01", "done": ["parcels", "parcels"]}'
        with cut_at(number, error(), monkeypatch), pytest.raises((FlowError, Killed)):
            write(tmp_path)
        assert path.read_bytes() in (old, new)
        assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_cache_that_is_cut_is_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache" / "names.json"
    with changing(cache) as document:
        document["a"] = 1
    for number in range(1, 8):
        with (
            cut_at(number, full(), monkeypatch),
            contextlib.suppress(FlowError),
            changing(cache) as document,
        ):
            document["a"] = 2
        assert read_kept(cache) in ({"a": 1}, {"a": 2})


# -- the secret ----------------------------------------------------------------------------------


def settings_of(home: Path) -> Settings:
    return Settings(home=home, secret=None)


def test_a_disk_that_is_full_leaves_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(tmp_path)
    for number in range(1, 5):
        with cut_at(number, full(), monkeypatch), pytest.raises(FlowError):
            secret_of(settings)
        assert list(tmp_path.iterdir()) == []
    secret = secret_of(settings)
    assert len(secret) == 64 and secret_of(settings) == secret
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_commands_at_once_share_one_secret(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: secret_of(settings), range(64)))
    assert len(found) == 1 and len(found.pop()) == 64


@pytest.mark.parametrize("kept", [b"", b"\n", b"short", b"a" * 64, b"\xff\xfe" * 40])
def test_a_kept_secret_that_could_be_guessed_is_refused(tmp_path: Path, kept: bytes) -> None:
    (tmp_path / "secret").write_bytes(kept)
    with pytest.raises(ConfigurationError, match="secret"):
        secret_of(settings_of(tmp_path))


# -- files that others broke ---------------------------------------------------------------------


@pytest.mark.parametrize("kept", [b"", b"{", b"[]", b'{"last_day": "soon"}', b"\xff"])
def test_a_broken_record_of_the_demo_begins_it_again(tmp_path: Path, kept: bytes) -> None:
    (tmp_path / "demo.json").write_bytes(kept)
    assert _State(tmp_path / "demo.json").done == []


def test_a_file_is_made_once(tmp_path: Path) -> None:
    assert create_file(tmp_path / "new" / "x", "first")
    assert not create_file(tmp_path / "new" / "x", "second")
    assert (tmp_path / "new" / "x").read_text() == "first"
