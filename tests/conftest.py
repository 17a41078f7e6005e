"""What all tests share: where the real data is, and homes that are theirs alone."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from flow_platform.settings import PROJECT_ROOT, Settings

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data; the test is skipped, and says so, where it is absent."""
    folder = Path(os.environ.get("FLOW_REAL_DATA", PROJECT_ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"No real data in {folder}; set FLOW_REAL_DATA to run this test.")
    return folder


def new_settings(home: Path, **changes: object) -> Settings:
    """Settings of a home of its own, whatever the environment of the developer says."""
    return Settings(home=home, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A short path: a Unix socket's name has at most 107 characters."""
    folder = Path(tempfile.mkdtemp(prefix="flow", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
