"""What is known at a knot: effects of calendar and weather on every day, shared by its issues.

Effects are estimated in `effects`; what an issue makes of them is in `features`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from flow_platform.forecasting.daily.data import SeriesSpec
from flow_platform.forecasting.daily.effects import (
    Effects,
    fit_effects,
    series_shared,
    weather_basis,
)
from flow_platform.forecasting.daily.panel import NEVER, Panel
from flow_platform.models.moments import DAY_NS

# Effects are estimated again every so many days, at the newest knot before the issue time.
KNOT_DAYS = 7
# A day's row takes the weather as known this many days later, when observations are in.
SETTLED_DAYS = 2


@dataclass(frozen=True)
class Facts:
    """What is known at a knot of some series of a panel; grids of (series, days) follow `rows`."""

    panel: Panel
    rows: np.ndarray  # places in the panel, sorted
    log_y: np.ndarray  # of the whole panel
    effects: Effects
    fresh_weather: np.ndarray  # effect of the weather as known at the day's issue
    settled_weather: np.ndarray  # and some days later
    shared: np.ndarray  # which of `rows` shared effects are estimated from

    def calendar(self, series: np.ndarray, day: np.ndarray, issued: np.ndarray) -> np.ndarray:
        """What is usual of the days, in logs, weather apart, as known at `issued`."""
        found = self.effects.calendar[series, day]
        return found + self.announced(series, day, issued)[0]

    def announced(
        self, series: np.ndarray, day: np.ndarray, issued: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Effect and support of events that were announced after the knot, by `issued`."""
        effect, support = np.zeros(()), np.zeros(())
        for event in self.effects.announced:
            heard = event.moment <= issued
            effect = effect + np.where(heard, event.effect[series, day], 0.0)
            support = support + np.where(heard, event.support[series, day], 0.0)
        return effect, support


@dataclass(frozen=True)
class PastWeather:
    """Weather basis (series, days, hinges) as known at each day's issue, and some days later."""

    fresh: np.ndarray
    settled: np.ndarray
    settled_at: np.ndarray  # (series, days) int64 ns, 0 for never

    def known_at(self, knot: int) -> np.ndarray:
        """A knot's own rows use weather known by then: the last days as fresh, not as settled."""
        usable = ((self.settled_at > 0) & (self.settled_at <= knot))[..., None]
        return np.where(usable, self.settled, self.fresh)


def past_weather(panel: Panel, spec: SeriesSpec) -> PastWeather:
    grid_series, grid_day = (np.asarray(g) for g in np.indices(panel.y.shape))
    fresh = panel.weather.as_of(grid_series, grid_day, panel.issued_at * (panel.issued_at != NEVER))
    later = np.zeros_like(panel.issued_at)
    later[:, :-SETTLED_DAYS] = panel.issued_at[:, SETTLED_DAYS:]
    later[later == NEVER] = 0
    settled = panel.weather.as_of(grid_series, grid_day, later)
    return PastWeather(weather_basis(fresh, spec), weather_basis(settled, spec), later)


def facts_at(
    panel: Panel,
    log_y: np.ndarray,
    knot: int,
    wanted: np.ndarray,
    weather: PastWeather,
    spec: SeriesSpec,
) -> Facts:
    """What is known at a knot of the series `wanted`, and of those that shared effects need."""
    shared = series_shared(panel, knot)
    rows = np.union1d(shared, wanted)
    basis = weather.known_at(knot)
    # Threads would add in another order, and lose time on systems this small.
    with threadpool_limits(1, "blas"):
        effects = fit_effects(panel, log_y, knot, knot + KNOT_DAYS * DAY_NS, rows, basis, spec)
    return Facts(
        panel,
        rows,
        log_y,
        effects,
        weather.fresh[rows] @ effects.weather,
        weather.settled[rows] @ effects.weather,
        np.searchsorted(rows, shared),
    )
