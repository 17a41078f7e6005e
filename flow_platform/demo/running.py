"""Makes the demonstration in two processes at a time, and reports each step before it begins.

The window of days is fixed at the first run and kept in FLOW_HOME, so that a later `flow demo`
finds its work done and changes no row. What the steps are is in `plan.py`.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

import psutil

from flow_platform.demo.figures import DemoResult, measure
from flow_platform.demo.plan import FOUNDATION, Part, Step, parts_of_demo
from flow_platform.ground.errors import FlowError
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.state_files import replace_file
from flow_platform.orchestration import dagster_instance, prepare, run_job
from flow_platform.platform import Platform
from flow_platform.settings import Settings

# Resident at the height of a step, with what PostgreSQL needs for it.
_BYTES_A_PROCESS = 1_500_000_000


@dataclass(frozen=True)
class Started:
    """A step is about to begin: its number, of how many, and the seconds since the demo began."""

    step: Step
    number: int
    of: int
    elapsed: float


@dataclass(frozen=True)
class Ended:
    """A step is over: the seconds that it took, and those of the processor in its process."""

    step: Step
    seconds: float
    cpu_seconds: float


# Called with what happens; a text is what a step itself reports, such as a model that was trained.
Show = Callable[[Started | Ended | str], None]


def run_demo(platform: Platform, show: Show) -> DemoResult:
    """Make what is missing of every flow's window, then measure how right the predictions were.

    Raises FlowError where a step fails. What was done until then is kept: the next call goes on
    with the flows that are left.
    """
    begin = time.monotonic()
    state = _State(platform.settings.home_path / "demo.json")
    left = parts_of_demo(platform, state.last_day, state.done)
    ended: list[Ended] = []

    def listen(event: Started | Ended | str) -> None:
        if isinstance(event, Ended):
            ended.append(event)
        show(event)

    if left:
        show(_announced(left))
        state.keep()
        _make(platform.settings, left, state, listen, begin)
    result = measure(platform, state.last_day)
    return replace(
        result,
        was_done=not left,
        seconds=time.monotonic() - begin,
        steps=[
            {"step": one.step.title, "seconds": one.seconds, "cpu_seconds": one.cpu_seconds}
            for one in ended
        ],
    )


class _State:
    """The last day of the demo of a home, and the flows that are there: the file `demo.json`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        kept = _read(path)
        yesterday = datetime.now(UTC).date() - timedelta(days=1)
        self.last_day = date.fromisoformat(kept["last_day"]) if kept else yesterday
        self.done: list[str] = kept.get("done", [])

    def keep(self, *flows: str) -> None:
        """Add flows to those that are done, and write the file."""
        self.done += flows
        replace_file(self._path, json.dumps({"last_day": str(self.last_day), "done": self.done}))


def _read(path: Path) -> dict[str, Any]:
    """The file, or nothing: then the demo begins again, which changes none of its rows."""
    try:
        kept = json.loads(path.read_text())
        date.fromisoformat(kept["last_day"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return kept if isinstance(kept, dict) else {}


def processes() -> int:
    """How many parts are made at a time: two, unless there is one core or too little memory."""
    cores = len(os.sched_getaffinity(0))
    return 2 if cores > 1 and psutil.virtual_memory().available > 2 * _BYTES_A_PROCESS else 1


def _announced(parts: Sequence[Part]) -> str:
    steps = len(FOUNDATION) + sum(len(part.steps) for part in parts)
    before = sum(step.expected for step in FOUNDATION)
    lengths, at_once = [part.expected for part in parts], processes()
    expected = before + max(max(lengths), sum(lengths) // at_once)
    flows, cores = ("two flows", "two quiet cores") if at_once > 1 else ("one flow", "a quiet core")
    return f"{steps} steps, {flows} at a time; about {expected} s on {cores}"


def _make(
    settings: Settings, parts: Sequence[Part], state: _State, show: Show, begin: float
) -> None:
    """Run the steps of the foundation, then the parts."""
    # Not a fork: this process has threads, and its copies would share their locks.
    context = multiprocessing.get_context("spawn")
    reports: SimpleQueue[Any] = context.SimpleQueue()
    of = len(FOUNDATION) + sum(len(part.steps) for part in parts)
    with (
        _shown(reports, show, of, begin),
        ProcessPoolExecutor(processes(), context, _open, (settings, reports)) as pool,
    ):
        try:
            ready = pool.submit(_run, FOUNDATION)
            pool.submit(_load_code)
            ready.result()
            made = {pool.submit(_run, part.steps): part for part in parts}
            for future in as_completed(made):
                future.result()
                state.keep(*made[future].flows)
        except BrokenProcessPool as error:
            raise FlowError(
                "A process of the demo was ended from outside, perhaps for want of memory. Run"
                " `flow demo` again: it goes on with the flows that are left."
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def _shown(reports: SimpleQueue[Any], show: Show, of: int, begin: float) -> Iterator[None]:
    """Show what the processes report, in the order of arrival, until all is shown."""

    def listen() -> None:
        number = 0
        while (report := reports.get()) is not None:
            if isinstance(report, Step):
                number += 1
                report = Started(report, number, of, time.monotonic() - begin)
            show(report)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield
    finally:
        reports.put(None)
        listener.join()


# In the processes that make the parts.


@dataclass
class _Worker:
    """What a process keeps from one part to the next."""

    platform: Platform
    report: Callable[[Any], None]


_worker: _Worker


def _open(settings: Settings, reports: SimpleQueue[Any]) -> None:
    global _worker
    _worker = _Worker(Platform(settings), reports.put)
    _worker.platform.announce = reports.put


def _load_code() -> None:
    """Import what runs need, while another process prepares the database."""
    import flow_platform.assets.dbt
    import flow_platform.definitions  # noqa: F401


def _run(steps: Sequence[Step]) -> None:
    run_steps(_worker.platform, steps, _worker.report)


def run_steps(platform: Platform, steps: Sequence[Step], report: Callable[[Any], None]) -> None:
    """Run steps one after another in this process: reports each before it begins, then `Ended`.

    Raises FlowError where a run fails.
    """
    from flow_platform.definitions import build_definitions

    with ExitStack() as stack:
        instance = None
        for step in steps:
            with _timed(step, report):
                if step.job is None:
                    prepare(platform)
                    continue
                if instance is None:
                    instance = stack.enter_context(dagster_instance(platform))
                definitions = platform.kept(build_definitions)
                run_job(platform, instance, definitions, step.job, _tags(step))


@contextmanager
def _timed(step: Step, report: Callable[[Any], None]) -> Iterator[None]:
    report(step)
    start, cpu = time.monotonic(), time.process_time()
    yield
    report(Ended(step, time.monotonic() - start, time.process_time() - cpu))


def _tags(step: Step) -> dict[str, str]:
    from flow_platform.partitions import range_tags, rectangle_tags

    if step.over is None:
        return {}
    if isinstance(step.over, Rectangle):
        return rectangle_tags(step.over)
    first, last = step.over
    return range_tags(str(first), str(last))
