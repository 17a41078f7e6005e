"""What unit tests share: the default centres."""

from __future__ import annotations

import pytest

from flow_platform.sources.centres import DEFAULT_CENTRES, Centre, read_centres


@pytest.fixture(scope="session")
def french_centres() -> tuple[Centre, ...]:
    return read_centres(DEFAULT_CENTRES)
