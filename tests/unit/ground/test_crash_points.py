"""The hook for tests of crashes does nothing unless it is armed."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from flow_platform.ground import crash_points
from flow_platform.ground.errors import ConfigurationError


def test_a_crash_point_must_be_known_and_an_unarmed_one_does_nothing() -> None:
    with pytest.raises(ConfigurationError, match="after_commit_before_ack"):
        crash_points.arm("somewhere:1")
    crash_points.arm(None)
    for point in crash_points.POINTS:
        crash_points.pass_point(point)


def test_an_armed_point_kills_the_process_at_the_passing_that_was_armed() -> None:
    program = (
        "from flow_platform.ground import crash_points as p; p.arm('before_commit:2');"
        " p.pass_point('before_commit'); p.pass_point('mid_transaction');"
        " print('alive', flush=True); p.pass_point('before_commit'); print('never')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL
    assert done.stdout == "alive\n"
