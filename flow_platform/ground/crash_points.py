"""A hook for tests of crashes: named points at which a command kills itself, as a power cut would.

Inert in production: nothing happens unless FLOW_CRASH_AT=<point>:<n> arms a point, which then sends
SIGKILL to this process when it is passed for the n-th time.
"""

from __future__ import annotations

import os
import signal

from flow_platform.ground.errors import ConfigurationError

INGEST_POINTS = ("mid_transaction", "before_commit", "after_commit_before_ack")
BEGIN_AGAIN_POINTS = ("before_begin_again", "after_begin_again")
ERASURE_POINTS = ("before_ledger", "after_commit")
POINTS = (*INGEST_POINTS, *BEGIN_AGAIN_POINTS, *ERASURE_POINTS)

_armed: dict[str, int] = {}


def arm(setting: str | None) -> None:
    """Arm the point that FLOW_CRASH_AT names; None disarms every point.

    Raises ConfigurationError if it names no point.
    """
    _armed.clear()
    if setting is None:
        return
    point, _, count = setting.partition(":")
    if point not in POINTS or not (count or "1").isdecimal():
        raise ConfigurationError(
            f"FLOW_CRASH_AT {setting!r} names no point. Use <point>:<n> with one of"
            f" {', '.join(POINTS)}, or unset it."
        )
    _armed[point] = int(count or 1)


def pass_point(point: str) -> None:
    """Kill this process if `point` is armed and this is the armed passing."""
    if point in _armed:
        _armed[point] -= 1
        if _armed[point] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
