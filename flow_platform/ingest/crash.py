"""Named points at which a command under test kills itself, as a power cut would.

FLOW_CRASH_AT=<point>:<n> arms one point: SIGKILL at its n-th passing. Never armed otherwise.
"""

from __future__ import annotations

import os
import signal

from flow_platform.ground.errors import ConfigurationError

INGEST_POINTS = ("mid_transaction", "before_commit", "after_commit_before_ack")
ERASURE_POINTS = ("before_ledger", "after_commit")
POINTS = (*INGEST_POINTS, *ERASURE_POINTS)

_armed: dict[str, int] = {}


def arm(text: str | None) -> None:
    """Arm the point that FLOW_CRASH_AT names. Raises ConfigurationError where it names none."""
    _armed.clear()
    if text is None:
        return
    point, _, count = text.partition(":")
    if point not in POINTS or not (count or "1").isdecimal():
        raise ConfigurationError(
            f"FLOW_CRASH_AT {text!r} names no point. Use <point>:<n> with one of"
            f" {', '.join(POINTS)}, or unset it."
        )
    _armed[point] = int(count or 1)


def pass_point(point: str) -> None:
    """Die here if this is the passing that was armed."""
    if point in _armed:
        _armed[point] -= 1
        if _armed[point] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
