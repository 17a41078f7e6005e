"""What a series flow declares: a number per centre and time step that is forecast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flow_platform.flows.flow import Flow


@dataclass(frozen=True, kw_only=True)
class SeriesFlow(Flow):
    """A flow whose numbers are forecast.

    `measures` are the numbers it forecasts, columns of `merged`; `horizons` the steps ahead of an
    issue; `season` the steps after which the pattern repeats.
    `has_trading_days` says that the place as a whole is closed on some days: such a day has no
    number, and a weekday on which it has long been closed gets no forecast. A flow of `hour` steps
    issues a forecast every hour; its centres are counters, which may share a partition (an area)
    and have the calendar and weather of their place.
    """

    horizons: tuple[int, ...]
    season: int
    has_weather: bool
    has_trading_days: bool
    step: Literal["day", "hour"] = "day"

    @property
    def is_hourly(self) -> bool:
        return self.step == "hour"

    @property
    def is_tuned(self) -> bool:
        return not self.is_hourly

    @property
    def longest_horizon(self) -> int:
        return max(self.horizons)
