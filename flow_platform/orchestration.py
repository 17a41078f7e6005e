"""Prepares an installation and runs Dagster jobs in this process, for the `flow` command.

Services that stay up are in `services.py`; what a stage computes is in `stages/`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from flow_platform.flows.catalogue import CATALOGUE
from flow_platform.ground.errors import FlowError
from flow_platform.ground.roles import API_ROLE, DAGSTER_ROLE, DASHBOARD_ROLE, DESK_ROLE
from flow_platform.ground.state_files import replace_file
from flow_platform.parts import parts_of
from flow_platform.platform import Platform
from flow_platform.privacy.erasing import reapply_erasures
from flow_platform.settings import PROJECT_ROOT
from flow_platform.warehouse.dagster_history import rename_assets_of_earlier_runs
from flow_platform.warehouse.migrate import migrate
from flow_platform.warehouse.secrets import derived_key
from flow_platform.warehouse.server import DAGSTER_DATABASE, create_roles_and_databases

if TYPE_CHECKING:
    import dagster as dg

PROCESS_TAG = "flow/process"
# Events are written in batches: 0.12 s a partition became 0.002 s (docs/benchmarks.md).
EVENT_BATCH_SIZE = 500


def prepare(platform: Platform) -> None:
    """Bring the database to the present version: roles, databases, tables, empty dbt models.

    Persons who were erased after the backup that was put back are erased again.

    Quick when there is nothing to do, and safe to repeat after any interruption.
    """
    create_roles_and_databases(platform.server)
    migrate(platform.server)
    rename_assets_of_earlier_runs(platform.server, platform.announce)
    reapply_erasures(platform)  # before anything reads what a backup may have brought back
    platform.dbt.manifest(platform.centres_by_flow)
    stamp = platform.dbt.home / "built"
    state = f"{platform.dbt.state} {platform.server.identity}"
    if not (stamp.exists() and stamp.read_text() == state):
        # With an empty window: makes every table and view, touches no row.
        without_tests = ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
        platform.dbt.run(platform.server, ["build", *without_tests], {})
        replace_file(stamp, state)


def set_environment(platform: Platform) -> dict[str, str]:
    """Point this process and its children at the installation; returns what was set."""
    home = platform.settings.home_path
    dagster_home = home / "dagster"
    dagster_home.mkdir(parents=True, exist_ok=True)
    _copy_if_changed(PROJECT_ROOT / "dagster.yaml", dagster_home / "dagster.yaml")
    url = platform.server.url(DAGSTER_ROLE, DAGSTER_DATABASE)
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
        "FLOW_DASHBOARD_DSN": platform.server.dsn(DASHBOARD_ROLE),
        "FLOW_DESK_DSN": platform.server.dsn(DESK_ROLE),
        "FLOW_API_DSN": platform.server.dsn(API_ROLE),
        "FLOW_API_TOKEN_KEY": derived_key(platform.settings, "api tokens").hex(),
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
    tags: Mapping[str, str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> str:
    """Run a job in this process to its end; returns the run id.

    `progress` is called with the number of asset partitions that are done and their total. Raises
    FlowError naming each failed step, why, and where to look.
    """
    from dagster import DagsterEventType
    from dagster._core.definitions.job_base import InMemoryJob
    from dagster._core.execution.api import execute_run_iterator

    end_abandoned_runs(instance)
    job = definitions.resolve_job_def(job_name)
    run = instance.create_run_for_job(
        job,
        tags={**(tags or {}), PROCESS_TAG: _process_name(psutil.Process())},
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    planned = instance.event_log_storage.get_logs_for_run(
        run.run_id, of_type={DagsterEventType.ASSET_MATERIALIZATION_PLANNED}
    )
    total, done, failures = len(planned), 0, []
    for event in execute_run_iterator(InMemoryJob(job), run, instance):
        if event.is_step_materialization:
            done += 1
            if progress and (done % 50 == 0 or done == total):
                progress(min(done, total), total)  # vintages are made in addition to the plan
        elif event.is_step_failure:
            failures.append(f"{event.step_key}: {_root_cause(event)}")
    finished = instance.get_run_by_id(run.run_id)
    if finished is None or not finished.is_success:
        raise FlowError(
            f"The run {run.run_id} of {job_name} failed: {'; '.join(failures) or 'see its log'}."
            " Its log is in the Dagster UI (`flow up`). Running the same again is safe."
        )
    return str(run.run_id)


def ensure_foundation(
    platform: Platform,
    instance: dg.DagsterInstance,
    build: Callable[[Platform], dg.Definitions],
) -> None:
    """Materialise what has no partitions, unless it is there as these settings want it.

    Without the calendar a merged table has no rows. `build` is `build_definitions`.
    """
    import hashlib

    import pandas as pd

    stamp = platform.settings.home_path / "dagster" / "foundation"
    state = hashlib.sha256(
        pd.util.hash_pandas_object(platform.calendar, index=False).to_numpy().tobytes()
        + repr([parts_of(flow).more.made_from(platform) for flow in CATALOGUE]).encode()
        + f"{platform.dbt.state} {platform.server.identity}".encode()
    ).hexdigest()
    if not (stamp.exists() and stamp.read_text() == state):
        run_job(platform, instance, platform.kept(build), "foundation")
        replace_file(stamp, state)


def end_abandoned_runs(instance: dg.DagsterInstance) -> int:
    """Close the runs of `flow` commands that were killed, free what they held; return how many.

    A killed process cannot say so itself: its run would stay "started", and its pool slot taken.
    """
    from dagster import DagsterRunStatus, RunsFilter

    ended = 0
    for run in instance.get_runs(
        RunsFilter(statuses=[DagsterRunStatus.STARTED, DagsterRunStatus.NOT_STARTED])
    ):
        owner = run.tags.get(PROCESS_TAG)
        if owner is None or owner in _living_processes(owner):
            continue
        instance.report_run_failed(run, "The process that ran it is gone.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        ended += 1
    return ended


def _process_name(process: psutil.Process) -> str:
    return f"{process.pid} {process.create_time():.0f}"


def _living_processes(owner: str) -> set[str]:
    with contextlib.suppress(psutil.Error, ValueError):
        return {_process_name(psutil.Process(int(owner.split()[0])))}
    return set()


def _root_cause(event: dg.DagsterEvent) -> str:
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return " ".join(error.message.split()) if error is not None else "unknown"


def _copy_if_changed(source: Path, target: Path) -> None:
    if not target.exists() or target.read_bytes() != source.read_bytes():
        replace_file(target, source.read_bytes())
