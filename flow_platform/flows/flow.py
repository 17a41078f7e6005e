"""What every flow of the catalogue declares; `series.py` and `record.py` say what a kind adds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flow_platform.ground.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class Flow:
    """One flow of the catalogue.

    `measures` are what models are made for, each with a champion of its own; `merged` is the dbt
    table its history is read from. Its centres come from the centres `file` or from its own
    `source`.
    """

    name: str
    title: str
    description: str
    measures: tuple[str, ...]
    candidates: tuple[str, ...]
    merged: str
    owner: str
    centres_from: Literal["file", "source"]

    @property
    def is_hourly(self) -> bool:
        """Whether its forecasts are issued every hour; its partitions reach to the present day."""
        return False

    @property
    def has_today(self) -> bool:
        """Whether its partitions reach to the present day, which is not over yet."""
        return self.is_hourly

    @property
    def staging(self) -> tuple[str, ...]:
        """The staging views of its own rows."""
        return (self.name,)

    @property
    def is_tuned(self) -> bool:
        """Whether `flow tune` seeks parameters for it."""
        return False

    def check_measure(self, name: str) -> None:
        """Raise ConfigurationError unless the flow has models for a measure of this name."""
        if name not in self.measures:
            raise ConfigurationError(
                f"{self.name} has no measure {name!r}. Use one of: {', '.join(self.measures)}."
            )
