"""The default centres, and the real data where it is present."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flow_platform.sources.centres import DEFAULT_CENTRES, Centre, read_centres


@pytest.fixture(scope="session")
def french_centres() -> tuple[Centre, ...]:
    return read_centres(DEFAULT_CENTRES)


@pytest.fixture(scope="session")
def real_data() -> Path:
    root = Path(__file__).resolve().parents[3]
    folder = Path(os.environ.get("FLOW_REAL_DATA", root.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data folder {folder} is absent (set FLOW_REAL_DATA)")
    return folder
