"""The log of a run has lines of the platform's own for every step: days, centres by name, rows."""

from __future__ import annotations

import re

import dagster as dg
import pytest

from flow_platform.orchestration import dagster_instance
from flow_platform.platform import Platform
from tests.integration.conftest import FIRST, LAST

pytestmark = pytest.mark.integration


def lines_of(instance: dg.DagsterInstance, run_id: str) -> dict[str, list[str]]:
    """By step, what the platform logged; a step without a line has an empty list."""
    lines: dict[str, list[str]] = {}
    for entry in instance.all_logs(run_id):
        if entry.step_key is None:
            continue
        own = lines.setdefault(entry.step_key, [])
        if not entry.is_dagster_event:
            own.append(entry.user_message)
    return lines


def test_every_step_of_every_run_logs_what_it_stored(filled: Platform) -> None:
    with dagster_instance(filled) as instance:
        jobs = {run.job_name: lines_of(instance, run.run_id) for run in instance.get_runs()}
    assert {"foundation", "parcels_daily"} <= set(jobs)
    for job, steps in jobs.items():
        for step, lines in steps.items():
            assert lines, f"{step} of {job} logs nothing"
    made = [line for lines in jobs["foundation"].values() for line in lines]
    assert any(re.fullmatch(r"published\.predictions: view made in [\d.]+ s", one) for one in made)


def test_every_step_of_a_day_names_the_days_and_the_centres(filled: Platform) -> None:
    with dagster_instance(filled) as instance:
        (run,) = instance.get_runs(dg.RunsFilter(job_name="parcels_daily"), limit=1)
        steps = lines_of(instance, run.run_id)
    assert len(steps) == 6
    span = f"from {FIRST} to {LAST}, centres: 07 (Lille), north (Strasbourg), w (Montreal)"
    for step, lines in steps.items():
        assert any(line.endswith(span) for line in lines), (step, lines)
        assert any(re.search(r": \d+ rows (read|stored)", line) for line in lines), (step, lines)
