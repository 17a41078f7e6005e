"""Whether the service can do its work: probes, run at most once a second however many ask.

The paths under /health are in `routers/service.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from flow_platform.api.logs import log

# Longer than a statement over a socket takes, shorter than an orchestrator waits.
_PROBE_SECONDS = 4.0
_KEPT_SECONDS = 1.0

# Returns when all is well, raises anything when not.
Probe = Callable[[], Awaitable[None]]


class Readiness:
    """Named probes. Code that opens something the service needs adds a probe for it.

    >>> readiness.add("database", database_answers)
    >>> await readiness.results()
    {'database': True}
    """

    def __init__(self) -> None:
        self._probes: dict[str, list[Probe]] = {}
        self._needed: set[str] = set()
        self._found: dict[str, bool] = {}
        self._until = 0.0
        self._lock = asyncio.Lock()

    def add(self, name: str, probe: Probe, *, needed: bool = True) -> None:
        """Run `probe` too; probes of one name are well when all are.

        While a probe that is not `needed` fails, the service is degraded but ready.
        """
        self._probes.setdefault(name, []).append(probe)
        if needed:
            self._needed.add(name)

    def is_needed(self, name: str) -> bool:
        """Whether the service is not ready while this probe fails."""
        return name in self._needed

    async def results(self) -> dict[str, bool]:
        """By name of the probes whether they are well, at most a second old."""
        async with self._lock:
            if time.monotonic() >= self._until:
                names = list(self._probes)
                well = await asyncio.gather(*(self._is_well(name) for name in names))
                found = dict(zip(names, well, strict=True))
                for name in names:
                    if found[name] != self._found.get(name, True):
                        log("probe", probe=name, is_well=found[name])
                self._found, self._until = found, time.monotonic() + _KEPT_SECONDS
            return self._found

    async def _is_well(self, name: str) -> bool:
        try:
            probes = (probe() for probe in self._probes[name])
            await asyncio.wait_for(asyncio.gather(*probes), _PROBE_SECONDS)
        except Exception:
            return False
        return True
