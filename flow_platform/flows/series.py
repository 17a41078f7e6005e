"""What a series flow declares: a number per centre and time step that is forecast."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SeriesFlow:
    """One flow of the catalogue.

    `measures` are the numbers it forecasts; `horizons` the steps ahead of an issue; `season` the
    steps after which the pattern repeats; `merged` the dbt table its history is read from, with one
    column per measure.
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

    @property
    def longest_horizon(self) -> int:
        return max(self.horizons)
