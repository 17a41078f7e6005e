"""A new home has what every merge needs, whoever starts its first run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from flow_platform.ground.roles import DAGSTER_ROLE
from flow_platform.platform import Platform
from flow_platform.settings import Settings
from flow_platform.warehouse.server import DAGSTER_DATABASE
from tests.integration.conftest import flow, make_settings, stopped_at_the_end

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def home(scratch: Path) -> Iterator[Settings]:
    yield from stopped_at_the_end(make_settings(scratch / "foundation"))


def runs(settings: Settings) -> list[tuple[str, str]]:
    dsn = Platform(settings).server.dsn(DAGSTER_ROLE, DAGSTER_DATABASE)
    with psycopg.connect(dsn) as connection:
        return connection.execute("select pipeline_name, status from runs").fetchall()


def test_a_home_that_was_only_made_has_its_calendar_and_makes_it_once(home: Settings) -> None:
    for _ in range(2):
        done = flow(home, "init")
        assert done.returncode == 0, done.stderr
    days = (
        Platform(home)
        .store("admin")
        .read("select centre_id, count(*) as n from raw.calendar where flow = 'parcels' group by 1")
    )
    assert sorted(days["centre_id"]) == ["07", "north", "w"]
    assert (days["n"] > 365 * 20).all()
    assert runs(home) == [("foundation", "SUCCESS")]
