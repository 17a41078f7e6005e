"""Whether the service can do its work: probes, asked at most once a second however many ask.

The paths under /health are in `routers/service.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from flow_platform.api.logs import log

# Longer than a statement over a socket takes, shorter than an orchestrator's patience.
_PROBE_SECONDS = 4.0
_KEPT_SECONDS = 1.0

# Returns when all is well; raises whatever it likes when not.
Probe = Callable[[], Awaitable[None]]


class Readiness:
    """A list of named probes. Whoever opens a service that the API needs adds a probe for it."""

    def __init__(self) -> None:
        self._probes: dict[str, Probe] = {}
        self._needed: set[str] = set()
        self._found: dict[str, bool] = {}
        self._until = 0.0
        self._lock = asyncio.Lock()

    def add(self, name: str, probe: Probe, *, needed: bool = True) -> None:
        """Ask `probe` too. What is not `needed` is told of when it is down, and no more."""
        self._probes[name] = probe
        if needed:
            self._needed.add(name)

    def is_needed(self, name: str) -> bool:
        return name in self._needed

    async def results(self) -> dict[str, bool]:
        """Each probe's name and whether it is well, no older than a second."""
        async with self._lock:
            if time.monotonic() >= self._until:
                names = list(self._probes)
                well = await asyncio.gather(*(self._ask(name) for name in names))
                found = dict(zip(names, well, strict=True))
                for name in names:
                    if found[name] != self._found.get(name, True):
                        log("probe", probe=name, is_well=found[name])
                self._found, self._until = found, time.monotonic() + _KEPT_SECONDS
            return self._found

    async def _ask(self, name: str) -> bool:
        try:
            await asyncio.wait_for(self._probes[name](), _PROBE_SECONDS)
        except Exception:
            return False
        return True
