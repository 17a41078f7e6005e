"""Dagster's storage in the installation's PostgreSQL, as dagster.yaml names it.

`flow` commands and services set FLOW_DAGSTER_URL. Where it is not set, as with `dg` and `dagster`
typed by hand, the installation of FLOW_HOME is prepared and used.

The event log has one more batch write than Dagster's own. A run over a rectangle announces each of
its partitions with an event of its own, and Dagster 1.13 stores these one by one, each through a
new connection: 12 ms a partition, the largest cost of a backfill (docs/adr/0003). Here they are
written in one statement and the connection is kept.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from dagster import DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.run_storage import PostgresRunStorage
from dagster_postgres.schedule_storage import PostgresScheduleStorage
from dagster_postgres.utils import create_pg_engine
from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError

from flow_platform.orchestration import prepare, set_environment
from flow_platform.platform import Platform
from flow_platform.settings import get_settings


def dagster_url() -> str:
    """The URL of Dagster's database: FLOW_DAGSTER_URL, else that of FLOW_HOME, made ready."""
    if "FLOW_DAGSTER_URL" not in os.environ:
        platform = Platform(get_settings())
        prepare(platform)
        set_environment(platform)
    return os.environ["FLOW_DAGSTER_URL"]


class _OfTheInstallation:
    """A storage that needs no configuration: its database is the installation's."""

    _engine: Engine

    @classmethod
    def config_type(cls) -> Any:
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Any:
        return cls(postgres_url=dagster_url(), inst_data=inst_data)  # type: ignore[call-arg]

    def optimize_for_webserver(
        self, statement_timeout: int, pool_recycle: int, max_overflow: int
    ) -> None:
        """The webserver keeps its connections: each is tried before it is used.

        Without it the first pages and launches after a restart of the database fail.
        """
        super().optimize_for_webserver(  # type: ignore[misc]
            statement_timeout, pool_recycle, max_overflow
        )
        event.listen(self._engine, "checkout", _check_connection)


def _check_connection(connection: Any, record: Any, proxy: Any) -> None:
    """Tell the pool to connect again where the server has cut the connection."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except connection.Error as error:
        raise DisconnectionError from error


class RunStorage(_OfTheInstallation, PostgresRunStorage):
    """Named in dagster.yaml as `run_storage`."""


class ScheduleStorage(_OfTheInstallation, PostgresScheduleStorage):
    """Named in dagster.yaml as `schedule_storage`."""


class BatchedEventLogStorage(_OfTheInstallation, PostgresEventLogStorage):
    """Named in dagster.yaml as `event_log_storage`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._engine = create_pg_engine(
            self.postgres_url,
            self._token_provider,
            isolation_level="AUTOCOMMIT",
            pool_size=1,
            max_overflow=20,
            pool_pre_ping=True,
        )

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        planned = DagsterEventType.ASSET_MATERIALIZATION_PLANNED
        if not events or any(one.get_dagster_event().event_type != planned for one in events):
            super().store_event_batch(events)
            return
        insert = SqlEventLogStorageTable.insert().returning(
            SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
        )
        with self._connect() as connection:
            ids = connection.execute(insert, [self._event_to_row(one) for one in events]).scalars()
            newest = {
                one.get_dagster_event().asset_key: (one, int(event_id))
                for one, event_id in zip(events, ids, strict=True)
            }
        with self.index_transaction() as connection:
            for one, event_id in newest.values():
                self._store_asset_event(connection, one, event_id)
