"""Forecasts of every candidate at rolling origins, next to the actuals, as tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Backtest:
    """Forecasts of every candidate at the same rolling origins, all before one cutoff.

    names      candidates, simplest first
    forecasts  (candidates, origins, series, horizon), NaN where a series had not begun
    actuals    (origins, series, horizon), NaN where unknown
    scale      (series,) of the MASE, NaN where a series has none

    Example: Backtest(("naive",), forecasts[None], actuals, scale).mase["naive"]
    """

    names: tuple[str, ...]
    forecasts: np.ndarray
    actuals: np.ndarray
    scale: np.ndarray

    @property
    def scaled_errors(self) -> np.ndarray:
        """|error| over the MASE scale, in the shape of `forecasts`."""
        return np.abs(self.forecasts - self.actuals) / self.scale[:, None]

    @property
    def mase(self) -> dict[str, float]:
        """Mean over the series of the mean scaled error, NaN where there is none."""
        overall = mean_of_known(mean_of_known(self.scaled_errors, (1, 3)), 1)
        return {name: float(value) for name, value in zip(self.names, overall, strict=True)}

    def of(self, name: str) -> np.ndarray:
        """The forecasts of one candidate, (origins, series, horizon)."""
        return self.forecasts[self.names.index(name)]

    def only(self, names: list[str]) -> Backtest:
        """The backtest of some of the candidates."""
        places = [self.names.index(name) for name in names]
        return Backtest(tuple(names), self.forecasts[places], self.actuals, self.scale)

    def at(self, origins: list[int]) -> Backtest:
        """The backtest at some of the origins."""
        return Backtest(self.names, self.forecasts[:, origins], self.actuals[origins], self.scale)

    def with_candidate(self, name: str, forecasts: np.ndarray) -> Backtest:
        """The backtest with one candidate more, whose forecasts are (origins, series, horizon)."""
        joined = np.concatenate([self.forecasts, forecasts[None]])
        return Backtest((*self.names, name), joined, self.actuals, self.scale)


def mean_of_known(values: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    """The mean of the finite values along `axis`, NaN where there is none."""
    count = np.isfinite(values).sum(axis=axis)
    total = np.nansum(np.where(np.isfinite(values), values, 0.0), axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
