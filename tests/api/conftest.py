"""What tests of the service share: a stand-in for Dagster's webserver."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.dagster_stand_in import DagsterStandIn
from tests.api.listening import listening


@pytest.fixture(scope="session")
def dagster() -> Iterator[DagsterStandIn]:
    """Listens at its `address`."""
    stand_in = DagsterStandIn()
    with listening(stand_in) as address:
        stand_in.address = address
        yield stand_in
