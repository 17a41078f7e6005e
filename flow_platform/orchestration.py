"""Prepares an installation and runs Dagster jobs in this process: what the `flow` command stands on.

Services that stay up are in `services.py`; what a stage computes is in `stages/`.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flow_platform.errors import FlowError
from flow_platform.platform import Platform
from flow_platform.settings import PROJECT_ROOT
from flow_platform.warehouse.migrate import migrate
from flow_platform.warehouse.roles import DAGSTER_DATABASE, create_roles_and_databases
from flow_platform.warehouse.store import Keys

if TYPE_CHECKING:
    import dagster as dg

# An event a partition is written in batches: 0.12 s a partition became 0.002 s (docs/benchmarks.md).
EVENT_BATCH_SIZE = 500


def prepare(platform: Platform) -> None:
    """Bring the database to the present version: roles, databases, tables, empty dbt models.

    Quick when there is nothing to do, and safe to repeat after any interruption.
    """
    create_roles_and_databases(platform.server)
    migrate(platform.server)
    platform.dbt.manifest(platform.centres)
    stamp = platform.dbt.home / "built"
    state = (platform.dbt.home / "parsed").read_text() + platform.server.admin_dsn
    if not (stamp.exists() and stamp.read_text() == state):
        # With an empty window: makes every table and view, touches no row.
        without_tests = ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
        platform.dbt.run(platform.server, ["build", *without_tests], {})
        stamp.write_text(state)


def set_environment(platform: Platform) -> dict[str, str]:
    """Point this process and its children at the installation; returns what was set."""
    home = platform.settings.home_path
    dagster_home = home / "dagster"
    dagster_home.mkdir(parents=True, exist_ok=True)
    _copy_if_changed(PROJECT_ROOT / "dagster.yaml", dagster_home / "dagster.yaml")
    url = platform.server.url("flow_dagster", DAGSTER_DATABASE)
    values = {
        "FLOW_HOME": str(home),
        "DAGSTER_HOME": str(dagster_home),
        # The event log may lose its last moments in a crash; a run that was cut is run again.
        "FLOW_DAGSTER_URL": url
        + ("&" if "?" in url else "?")
        + "options=-c%20synchronous_commit%3Doff",
        "DAGSTER_EVENT_BATCH_SIZE": os.environ.get(
            "DAGSTER_EVENT_BATCH_SIZE", str(EVENT_BATCH_SIZE)
        ),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
        # Two threads are slower than one on small panels.
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        "FLOW_DASHBOARD_DSN": platform.server.dsn("flow_dashboard"),
    }
    os.environ.update(values)
    return values


@contextmanager
def dagster_instance(platform: Platform) -> Iterator[dg.DagsterInstance]:
    """The installation's Dagster instance, its databases and tables made if need be."""
    prepare(platform)
    set_environment(platform)
    import dagster as dg

    with dg.DagsterInstance.get() as instance:
        yield instance


def run_job(
    platform: Platform,
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    job_name: str,
    tags: dict[str, str] | None = None,
) -> str:
    """Run a job in this process to its end; returns the run id.

    Raises FlowError naming the failed step and why, and where to look.
    """
    logging.getLogger("dagster").setLevel(logging.WARNING)
    job = definitions.resolve_job_def(job_name)
    result = job.execute_in_process(instance=instance, tags=tags or {}, raise_on_error=False)
    if not result.success:
        failures = [
            f"{event.step_key}: {_root_cause(event)}"
            for event in result.all_events
            if event.is_step_failure
        ]
        raise FlowError(
            f"The run {result.run_id} of {job_name} failed: {'; '.join(failures) or 'see its log'}."
            " Its log is in the Dagster UI (flow up)."
        )
    return str(result.run_id)


def _root_cause(event: dg.DagsterEvent) -> str:
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return " ".join(error.message.split()) if error is not None else "unknown"


def blocks(platform: Platform, centres: Sequence[str] | None, keys: Keys) -> list[Keys]:
    """The rectangles that runs must cover: one, unless the chosen centres stand apart."""
    from flow_platform.partitions import contiguous

    return [
        Keys(block, keys.first_day, keys.last_day)
        for block in contiguous(centres or platform.centre_ids, platform.centre_ids)
    ]


def _copy_if_changed(source: Path, target: Path) -> None:
    if not target.exists() or target.read_bytes() != source.read_bytes():
        shutil.copyfile(source, target)
