"""A home of an earlier version is brought up to date with its rows, and can go back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command

from flow_platform.ground.roles import ADMIN, INGEST_ROLE
from flow_platform.platform import Platform
from flow_platform.warehouse import embedded
from flow_platform.warehouse.migrate import alembic_config, migrate
from flow_platform.warehouse.server import create_roles_and_databases
from tests.conftest import new_settings

pytestmark = pytest.mark.integration

PACKETS = [("flow-platform", 1, "a" * 64), ("flow-platform", 2, "b" * 64)]


@pytest.fixture
def platform(scratch: Path) -> Iterator[Platform]:
    made = Platform(new_settings(scratch / "migrated"))
    create_roles_and_databases(made.server)
    yield made
    embedded.stop(made.settings.home_path)


def rows(platform: Platform, query: str, role: str = INGEST_ROLE) -> list[tuple[Any, ...]]:
    with platform.store(role).connect() as connection:
        return connection.execute(query).fetchall()


def names_of(platform: Platform, table: str) -> set[str]:
    """The names of a table's constraints and indexes."""
    found = rows(
        platform,
        f"select conname from pg_constraint where conrelid = '{table}'::regclass"
        f" union select relname from pg_index join pg_class on pg_class.oid = indexrelid"
        f" where indrelid = '{table}'::regclass",
        ADMIN,
    )
    return {name for (name,) in found}


def rights_on(platform: Platform, table: str) -> list[tuple[Any, ...]]:
    schema, _, name = table.partition(".")
    return rows(
        platform,
        "select grantee, privilege_type from information_schema.role_table_grants"
        f" where table_schema = '{schema}' and table_name = '{name}' order by 1, 2",
        ADMIN,
    )


def test_settled_packets_keep_rows_and_rights_under_their_new_name_and_back(
    platform: Platform,
) -> None:
    config = alembic_config(platform.server)
    command.upgrade(config, "0010")
    with platform.store(INGEST_ROLE).connect() as connection:
        connection.cursor().executemany("insert into ops.deliveries values (%s, %s, %s)", PACKETS)
    rights = rights_on(platform, "ops.deliveries")
    assert (INGEST_ROLE, "DELETE") in rights

    migrate(platform.server)
    assert rows(platform, "select * from ops.mqtt_packets order by 1, 2") == PACKETS
    assert rights_on(platform, "ops.mqtt_packets") == rights
    assert "mqtt_packets_pkey" in names_of(platform, "ops.mqtt_packets")
    assert all(name.startswith("mqtt_packets_") for name in names_of(platform, "ops.mqtt_packets"))
    assert rows(platform, "select to_regclass('ops.deliveries')", ADMIN) == [(None,)]

    command.downgrade(config, "0010")
    assert rows(platform, "select * from ops.deliveries order by 1, 2") == PACKETS
    assert rights_on(platform, "ops.deliveries") == rights
    assert "deliveries_pkey" in names_of(platform, "ops.deliveries")

    migrate(platform.server)
    assert rows(platform, "select * from ops.mqtt_packets order by 1, 2") == PACKETS
