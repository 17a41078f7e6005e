"""Seconds and memory that a block of code takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Cost:
    """Seconds, and the most memory (MiB, this process and its children) at any time."""

    seconds: float = 0.0
    peak_memory_mib: float = 0.0


@contextmanager
def measured() -> Iterator[Cost]:
    """The cost of the block, complete when it ends; memory is looked at twenty times a second."""
    import psutil

    process = psutil.Process()
    cost = Cost()
    ended = threading.Event()

    def watch() -> None:
        while True:
            total = 0
            for one in (process, *process.children(recursive=True)):
                try:
                    total += one.memory_info().rss
                except psutil.Error:
                    continue
            cost.peak_memory_mib = max(cost.peak_memory_mib, round(total / 2**20, 1))
            if ended.wait(0.05):
                return

    watcher = threading.Thread(target=watch, daemon=True)
    started = time.monotonic()
    watcher.start()
    try:
        yield cost
    finally:
        cost.seconds = round(time.monotonic() - started, 3)
        ended.set()
        watcher.join()
