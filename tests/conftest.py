"""What all tests share: the order of files, where the real data is, homes that are theirs alone."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from flow_platform.settings import PROJECT_ROOT, Settings
from flow_platform.warehouse import embedded

os.environ.setdefault("OMP_NUM_THREADS", "1")

# A file that takes longer is marked `slow`: its tests begin before all others.
_LONG_SECONDS = 60


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with a test marked `slow` come first; all else stays in its order.

    A worker takes a whole file. What keeps two workers busy to the end is that no long file is left
    for it, and that the many short ones together take longer than any long one: the order of the
    long ones among themselves does not matter, so a mark in the file itself is enough.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the files that took longest, and whose mark `slow` is missing."""
    seconds: defaultdict[str, float] = defaultdict(float)
    marked = set()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                file = report.nodeid.partition("::")[0]
                seconds[file] += report.duration
                marked |= {file} if "slow" in report.keywords else set()
    longest = sorted(seconds.items(), key=lambda pair: pair[1], reverse=True)[:10]
    for file, took in longest:
        is_missing = took > _LONG_SECONDS and file not in marked
        terminalreporter.write_line(f"{took:6.0f} s {file}{', not marked slow' * is_missing}")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data; the test is skipped, and says so, where it is absent."""
    folder = Path(os.environ.get("FLOW_REAL_DATA", PROJECT_ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"No real data in {folder}; set FLOW_REAL_DATA to run this test.")
    return folder


@cache
def _parsed_dbt() -> Path:
    """The folder of dbt of a home whose project is parsed: made once for all workers and sessions.

    Parsing takes seven seconds, and is the same for every home.
    """
    from flow_platform.platform import Platform

    platform = Platform(Settings(home=PROJECT_ROOT / ".pytest_cache" / "flow-home"))
    platform.dbt.manifest(platform.centres_by_flow)
    return platform.dbt.home


def new_settings(home: Path, **changes: object) -> Settings:
    """Settings of a home of its own, independent of the developer's environment."""
    settings = Settings(home=home, **changes)  # type: ignore[arg-type]
    own, parsed = settings.home_path / "dbt", _parsed_dbt()
    if not own.exists():
        shutil.copytree(parsed / "target", own / "target")
        shutil.copyfile(parsed / "parsed", own / "parsed")
    return settings


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A short path: a Unix socket's name has at most 107 characters."""
    folder = Path(tempfile.mkdtemp(prefix="flow", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    for home in folder.iterdir():
        embedded.stop(home)
    shutil.rmtree(folder, ignore_errors=True)
