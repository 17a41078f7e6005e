"""Brings the warehouse's tables up to date with Alembic. The steps are in `migrations/versions`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flow_platform.ground.roles import ADMIN
from flow_platform.warehouse.server import Server

if TYPE_CHECKING:
    from alembic.config import Config

_SCRIPTS = Path(__file__).parent / "migrations"


def migrate(server: Server) -> None:
    """Run every migration that the warehouse has not seen, under one lock."""
    import psycopg
    from alembic import command

    config = alembic_config(server)
    with psycopg.connect(server.dsn(ADMIN), autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(hashtext('flow_platform.migrate'))")
        command.upgrade(config, "head")


def alembic_config(server: Server) -> Config:
    """The settings with which Alembic finds the migrations and connects as the administrator."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["url"] = server.url(ADMIN).replace("postgresql://", "postgresql+psycopg://")
    return config
