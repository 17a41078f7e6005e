"""What tests of the flows on a real database share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flow_platform.warehouse import embedded


@pytest.fixture(scope="module")
def home(scratch: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder for the home of a module's tests, whose database is stopped in the end."""
    folder = scratch / "-".join(request.module.__name__.split(".")[-2:])
    yield folder
    embedded.stop(folder)
