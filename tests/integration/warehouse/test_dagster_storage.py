"""Dagster's storage as the webserver holds it, when the database is restarted under it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from flow_platform.dagster_storage import BatchedEventLogStorage, RunStorage, ScheduleStorage
from flow_platform.ground.roles import DAGSTER_ROLE
from flow_platform.platform import Platform
from flow_platform.warehouse import embedded
from flow_platform.warehouse.server import DAGSTER_DATABASE
from tests.conftest import new_settings
from tests.integration.conftest import migrated

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def platform(scratch: Path) -> Iterator[Platform]:
    made = migrated(new_settings(scratch / "storage"))
    yield made
    embedded.stop(made.settings.home_path)


READS: list[tuple[Any, str]] = [
    (RunStorage, "get_runs_count"),
    (ScheduleStorage, "all_instigator_state"),
    (BatchedEventLogStorage, "all_asset_keys"),
]


@pytest.mark.parametrize(("kind", "read"), READS)
def test_a_kept_connection_that_was_cut_is_made_again(
    platform: Platform, kind: Any, read: str
) -> None:
    storage = kind(postgres_url=platform.server.url(DAGSTER_ROLE, DAGSTER_DATABASE))
    storage.optimize_for_webserver(5000, pool_recycle=3600, max_overflow=20)
    before = getattr(storage, read)()
    with psycopg.connect(platform.server.dsn("admin")) as admin:
        cut = admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = %s",
            [DAGSTER_ROLE],
        ).fetchall()
    assert cut
    assert getattr(storage, read)() == before
