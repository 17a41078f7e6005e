"""`flow demo`: the seconds of each step, and with --profile what the processor works on in each.

Each runs in a home of its own. The first is the command as a newcomer types it, two flows at a
time. The profile makes one flow at a time in this process, and asks every 10 ms of processor time
what is being done; it adds the time of PostgreSQL. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from flow_platform.demo.plan import FOUNDATION, Step, parts_of_demo
from flow_platform.demo.running import Ended, run_steps
from flow_platform.platform import Platform
from flow_platform.settings import PROJECT_ROOT, Settings
from flow_platform.warehouse import embedded

# The innermost function that is one of these says what is being done.
WORK = {
    ("importlib._bootstrap>", "_find_and_load"): "imports",
    ("warehouse/dbt.py", "_invoke"): "dbt",
    ("models/trainer.py", "train"): "training",
    ("registry/vintages.py", "register"): "registering models",
    ("deliveries/segments/training.py", "train"): "training",
    ("event_methods.py", "handle_new_event"): "Dagster's events",
    ("event_methods.py", "report_dagster_event"): "Dagster's events",
    ("runs/run_domain.py", "create_run"): "Dagster's events",
    ("assets/raw.py", "loaded"): "simulating, loading",
    ("assets/raw.py", "weather"): "simulating, loading",
    ("assets/predictions.py", "predictions"): "predicting",
}


Seconds = defaultdict[str, float]


class Profile:
    """Seconds of the processor by what they went into, since `begin`."""

    def __init__(self) -> None:
        self.work: Seconds = defaultdict(float)
        self.candidates: Seconds = defaultdict(float)
        self._last = time.process_time()

    def begin(self) -> None:
        self.work.clear()
        self._last = time.process_time()

    def sample(self, number: int, frame: FrameType | None) -> None:
        """Signal handler: add what was worked since the last one to what is being done now."""
        now = time.process_time()
        passed, self._last = now - self._last, now
        while frame is not None:
            code = frame.f_code
            for (file, function), work in WORK.items():
                if code.co_name == function and code.co_filename.endswith(file):
                    self.work[work] += passed
                    if candidate := frame.f_locals.get("candidate"):
                        self.candidates[str(candidate)] += passed
                    return
            frame = frame.f_back
        self.work["other"] += passed


def postgres_seconds(home: Path) -> float:
    """What the server of a home has used of the processor, back ends that ended included."""
    path = embedded.data_directory(home) / "postmaster.pid"
    if not path.exists():
        return 0.0
    server = psutil.Process(int(path.read_text().split()[0]))
    times = server.cpu_times()
    total = times.user + times.system + times.children_user + times.children_system
    for child in server.children():
        used = child.cpu_times()
        total += used.user + used.system
    return float(total)


@contextmanager
def new_home() -> Iterator[Path]:
    scratch = Path(tempfile.mkdtemp(prefix="flow", dir="/tmp"))
    scratch.chmod(0o755)  # PostgreSQL runs as another user where this one is root
    try:
        yield scratch / "home"
    finally:
        embedded.stop(scratch / "home")
        shutil.rmtree(scratch, ignore_errors=True)


def measured_command() -> dict[str, Any]:
    """The command in a new home: its result, and the seconds from its start to its end."""
    with new_home() as home:
        start = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "flow_platform.cli", "demo", "--json"],
            cwd=PROJECT_ROOT,
            env={**os.environ, "FLOW_HOME": str(home)},
            stdout=subprocess.PIPE,
            check=True,
        )
        seconds = time.monotonic() - start
        postgres = postgres_seconds(home)
    return {**json.loads(done.stdout), "command_seconds": seconds, "postgres_seconds": postgres}


def profiled_steps() -> tuple[dict[str, Seconds], Seconds]:
    """Seconds of the processor by step and work, and by candidate."""
    steps: dict[str, Seconds] = {}
    profile = Profile()
    signal.signal(signal.SIGPROF, profile.sample)
    signal.setitimer(signal.ITIMER_PROF, 0.01, 0.01)
    with new_home() as home:
        platform = Platform(Settings(home=home))
        before = 0.0

        def report(event: Step | Ended | str) -> None:
            nonlocal before
            if isinstance(event, Step):
                profile.begin()
                before = postgres_seconds(home)
            elif isinstance(event, Ended):
                steps[event.step.title] = work = profile.work.copy()
                work["PostgreSQL"] = postgres_seconds(home) - before

        yesterday = datetime.now(UTC).date() - timedelta(days=1)
        run_steps(platform, FOUNDATION, report)
        for part in parts_of_demo(platform, yesterday):
            run_steps(platform, part.steps, report)
        signal.setitimer(signal.ITIMER_PROF, 0)
    return steps, profile.candidates


def markdown(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def print_command(result: dict[str, Any]) -> None:
    rows = [
        [one["step"], f"{one['seconds']:.1f}", f"{one['cpu_seconds']:.1f}"]
        for one in result["steps"]
    ]
    worked = sum(one["cpu_seconds"] for one in result["steps"])
    rows.append(["all, as the command takes", f"{result['command_seconds']:.0f}", f"{worked:.0f}"])
    print(markdown(["step", "seconds", "processor"], rows))
    print(f"\nPostgreSQL: {result['postgres_seconds']:.0f} s of processor.")


def print_profile(steps: dict[str, Seconds], candidates: Seconds) -> None:
    total: Seconds = defaultdict(float)
    for work in steps.values():
        for kind, seconds in work.items():
            total[kind] += seconds
    kinds = sorted(total, key=lambda kind: total[kind], reverse=True)
    rows = [
        [title, *(f"{work[kind]:.1f}" if work[kind] >= 0.05 else "" for kind in kinds)]
        for title, work in [*steps.items(), ("all", total)]
    ]
    print(markdown(["step", *kinds], rows))
    costly = sorted(candidates.items(), key=lambda item: item[1], reverse=True)
    shares = ", ".join(f"`{name}` {seconds:.0f} s" for name, seconds in costly)
    print(f"\nTraining by candidate: {shares}.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--profile", action="store_true", help="One flow at a time, with a profile."
    )
    if parser.parse_args().profile:
        print_profile(*profiled_steps())
    else:
        print_command(measured_command())


if __name__ == "__main__":
    main()
