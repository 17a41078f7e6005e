"""Centres, clock and real data that the tests of sources share."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

import pytest

from flow_platform.sources.centres import DEFAULT_CENTRES, Centre, read_centres

NOW = datetime(2026, 6, 1, 4, 0, tzinfo=timezone.utc)


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


def plain_centre(centre_id: str, timezone: str = "Europe/Paris") -> Centre:
    """A centre of which only id and time zone are known."""
    return Centre(centre_id, centre_id, None, None, None, None, None, timezone, None)
