"""A home with a real PostgreSQL, three centres and a short history, made once for all tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from benchmarks.live_stream import Database
from flow_platform.assets.dbt import build_arguments, window_variables
from flow_platform.flows.parcels.stage import load_parcels
from flow_platform.ground.rectangle import Rectangle
from flow_platform.orchestration import prepare
from flow_platform.platform import Platform
from flow_platform.settings import PROJECT_ROOT, Settings
from flow_platform.stages.calendar import load_calendar
from flow_platform.stages.weather import load_weather
from flow_platform.warehouse import embedded
from flow_platform.warehouse.migrate import migrate
from flow_platform.warehouse.server import create_roles_and_databases
from tests.conftest import new_settings
from tests.local_server import free_port

FIRST, LAST = date(2025, 1, 1), date(2025, 3, 10)
HEADER = "centre_id,name,latitude,longitude,country,subdivision,school_zone,timezone"
CENTRES = f"""{HEADER},daily_capacity
07,Lille,50.6,3.1,FR,,B,Europe/Paris,40000
north,Strasbourg,48.6,7.8,FR,57,B,Europe/Paris,20000
w,Montreal,45.5,-73.6,CA,QC,,America/Toronto,30000
"""
FLOW = ("-m", "flow_platform.cli")


def tables_of(flow: str) -> dict[str, tuple[str, ...]]:
    """The tables that a backfill of a series flow writes, and their columns of when and where."""
    return {
        f"raw.{flow}": (),
        "raw.weather": (),
        "raw.calendar": (),
        f"merged.{flow}": (),
        "ml.vintages": ("trained_at", "artefact_path"),
        "ml.promotions": ("decision_id", "decided_at"),
        "ml.forecasts": (),
        f"monitoring.{flow}_accuracy": (),
        "monitoring.drift": (),
        "ops.loads": ("loaded_at",),
        "ops.quarantine": ("quarantined_at",),
    }


TABLES: Mapping[str, tuple[str, ...]] = tables_of("parcels")


def prepared(home: Path, **changes: Any) -> Iterator[Platform]:
    """A new home whose database has every table and view, stopped in the end."""
    made = Platform(new_settings(home, **changes))
    prepare(made)
    yield made
    embedded.stop(made.settings.home_path)


def migrated(settings: Settings) -> Platform:
    """The installation, its database with every table that migrations make, and no view."""
    made = Platform(settings)
    create_roles_and_databases(made.server)
    migrate(made.server)
    return made


def stopped_at_the_end(settings: Settings) -> Iterator[Settings]:
    """The settings of a home, whose database is stopped in the end."""
    yield settings
    embedded.stop(settings.home_path)


def make_settings(home: Path) -> Settings:
    home.mkdir(parents=True, exist_ok=True)
    centres = home / "my-centres.csv"
    centres.write_text(CENTRES)
    return new_settings(home, centres=centres)


def flow(
    settings: Settings,
    *arguments: str,
    typed: str = "",
    program: Sequence[str] = FLOW,
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    """Run the `flow` command in a process of its own on the home of `settings`.

    `typed` is its input; `program` is the command as Python is to start it.
    """
    return subprocess.run(
        [sys.executable, *program, *arguments],
        cwd=PROJECT_ROOT,
        env=environment(settings, **variables),
        input=typed,
        capture_output=True,
        text=True,
    )


@contextmanager
def killed_flow(
    settings: Settings, *arguments: str, program: Sequence[str] = FLOW
) -> Iterator[subprocess.Popen[bytes]]:
    """The `flow` command in a process of its own, killed with its children as the context ends."""
    process = subprocess.Popen(
        [sys.executable, *program, *arguments],
        cwd=PROJECT_ROOT,
        env=environment(settings),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def environment(settings: Settings, **more: str) -> dict[str, str]:
    """The variables of a process on the home of `settings`: none of flow's own of this process."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLOW_")}
    kept.pop("DAGSTER_HOME", None)
    chosen = {
        "FLOW_HOME": settings.home,
        "FLOW_CENTRES": settings.centres,
        "FLOW_SOURCES": settings.sources,
        "FLOW_FIRST_DAY": settings.first_day,
    }
    given = {name: str(value) for name, value in chosen.items() if value is not None}
    return {**kept, **given, **more}


def ports_of_services() -> dict[str, str]:
    """Variables that give each service of a home a port of its own."""
    names = ("FLOW_DAGSTER_PORT", "FLOW_STREAMLIT_PORT", "FLOW_API_PORT")
    return {name: str(free_port()) for name in names}


@contextmanager
def services_up(settings: Settings, **variables: str) -> Iterator[None]:
    """Everything that `flow up` starts in a home, until the context ends."""
    try:
        done = flow(settings, "up", "--json", **variables)
        assert done.returncode == 0, done.stderr
        assert {state["state"] for state in json.loads(done.stdout)} == {"up"}
        yield
    finally:
        flow(settings, "down", **variables)
        embedded.stop(settings.home_path)


def land_history(platform: Platform, first: date, last: date) -> None:
    """Parcels, weather and the merged table from first to last, without Dagster."""
    prepare(platform)
    rectangle = Rectangle(platform.centre_ids, first, last)
    load_calendar(platform)
    load_parcels(platform, rectangle)
    load_weather(platform, rectangle)
    platform.dbt.run(
        platform.server, build_arguments(["merged__parcels"]), window_variables(rectangle)
    )


def checksums(platform: Platform, tables: Mapping[str, tuple[str, ...]] = TABLES) -> dict[str, str]:
    """One sum over all rows of each table, whatever their order."""
    sums = {}
    for table, without in tables.items():
        left_out = "".join(f" - '{column}'" for column in without)
        sums[table] = str(
            platform.store("admin")
            .read(
                f"select count(*) || ' ' || coalesce(md5(string_agg(h, ',' order by h)), '') as s"
                f" from (select md5((to_jsonb(t){left_out})::text) as h from {table} t) as rows"
            )["s"]
            .iloc[0]
        )
    return sums


def check_exactly_once(script: str, *arguments: str) -> None:
    """Run a benchmark that kills what it can, and fail with its output if a row is not right."""
    done = subprocess.run(
        [sys.executable, f"benchmarks/{script}", *arguments],
        cwd=PROJECT_ROOT,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "exactly once" in done.stdout


@pytest.fixture(scope="module")
def one_database(scratch: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A home of its own for the tests of a module, with nothing but its database."""
    made = Database(scratch / request.module.__name__.rpartition("test_")[2])
    yield made
    made.remove()


@pytest.fixture
def database(one_database: Database, request: pytest.FixtureRequest) -> Database:
    """The home of the module, with the module's TABLES emptied."""
    with one_database.platform.store("admin").connect() as connection:
        connection.execute(f"truncate {request.module.TABLES}")
    return one_database


@pytest.fixture(scope="session")
def settings(scratch: Path) -> Iterator[Settings]:
    yield from stopped_at_the_end(make_settings(scratch / "one"))


@pytest.fixture(scope="session")
def filled(settings: Settings) -> Platform:
    """The home after one undisturbed backfill of every stage, through the command line."""
    done = flow(settings, "backfill", "parcels", "--from", str(FIRST), "--to", str(LAST))
    assert done.returncode == 0, done.stderr
    return Platform(settings)


def wait_for_rows(settings: Settings, query: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until a count in the home is above zero, or the process has ended."""
    while process.poll() is None:
        dsn = embedded.running_dsn(settings.home_path)
        if dsn:
            with suppress(psycopg.Error), psycopg.connect(dsn, dbname="flow") as connection:
                row = connection.execute(query).fetchone()
                if row and row[0] > 0:
                    return
        time.sleep(0.05)
