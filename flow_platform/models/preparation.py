"""Keeps what the candidates of one cut-off share: they train one after another.

What is prepared is each core's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Newest(Generic[T]):
    """The value of the key that was asked for last."""

    def __init__(self) -> None:
        self._kept: dict[str, T] = {}

    def of(self, key: str, make: Callable[[], T]) -> T:
        """The value of `key`, made unless it is the newest."""
        if key not in self._kept:
            # Before the next is made: two of them may not fit into memory.
            self.clear()
            self._kept[key] = make()
        return self._kept[key]

    def clear(self) -> None:
        self._kept.clear()
