"""What a series flow declares: a number per centre and time step that is forecast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flow_platform.errors import ConfigurationError


@dataclass(frozen=True)
class SeriesFlow:
    """One flow of the catalogue.

    `measures` are the numbers it forecasts; `horizons` the steps ahead of an issue; `season` the
    steps after which the pattern repeats; `merged` the dbt table its history is read from, with one
    column per measure. Its centres come from the centres `file` or from its own `source`.
    `has_trading_days` says that the place as a whole is closed on some days: such a day has no
    number, and a weekday on which it has long been closed gets no forecast. A flow of `hour` steps
    issues a forecast every hour; its centres are counters, which may share a partition (an area)
    and have the calendar and weather of their place.
    """

    name: str
    title: str
    description: str
    measures: tuple[str, ...]
    horizons: tuple[int, ...]
    season: int
    candidates: tuple[str, ...]
    merged: str
    owner: str
    centres_from: Literal["file", "source"]
    has_weather: bool
    has_trading_days: bool
    step: Literal["day", "hour"] = "day"

    @property
    def is_hourly(self) -> bool:
        return self.step == "hour"

    @property
    def longest_horizon(self) -> int:
        return max(self.horizons)

    def check_measure(self, name: str) -> None:
        """Raise ConfigurationError unless the flow forecasts a measure of this name."""
        if name not in self.measures:
            raise ConfigurationError(
                f"{self.name} has no measure {name!r}. Use one of: {', '.join(self.measures)}."
            )
