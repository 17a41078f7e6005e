"""Widens or narrows a vintage's bands by how its own recent forecasts fared.

A band that was right in spring may be wide in August. What counts is how often the last two weeks'
forecasts, out of sample, left their band, as far as their readings were known: those one hour ahead
for the next hour, those half a day ahead for the hours after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from flow_platform.forecasting.hourly.data import ADAPTATION_DAYS

# Forecasts of every so many hours are looked at.
EVERY = 4
# The horizons that are looked at, and from which horizon on the second of them is used.
STEPS, LATER = (1, 12), 2
# A series' own factor counts as much as none at so many forecasts. Other series are not used:
# which ones a run forecasts with it must change nothing.
PRIOR = 12.0
LIMITS = (0.5, 2.0)


@dataclass(frozen=True)
class Positions:
    """Where readings fell in their 80 % band: 0 at the forecast, 1 at the edge; all (rows,).

    `hour` and `known` in hours since 1970: the hour forecast, and when its reading was known;
    `later` is whether the forecast was one of the second of `STEPS`.
    """

    unique_id: np.ndarray
    hour: np.ndarray
    known: np.ndarray
    position: np.ndarray
    later: np.ndarray

    def as_json(self) -> dict[str, list[object]]:
        return {
            "unique_id": [str(name) for name in self.unique_id],
            "hour": [int(hour) for hour in self.hour],
            "known": [float(f"{hour:.10g}") for hour in self.known],
            "position": [float(f"{p:.5g}") for p in self.position],
            "later": [bool(later) for later in self.later],
        }

    @classmethod
    def from_json(cls, stored: dict[str, list[object]]) -> Positions:
        return cls(
            np.array(stored["unique_id"], dtype=object),
            np.array(stored["hour"], dtype=np.int64),
            np.array(stored["known"], dtype=float),
            np.array(stored["position"], dtype=float),
            np.array(stored["later"], dtype=bool),
        )

    def and_then(self, other: Positions) -> Positions:
        return Positions(
            *(
                np.concatenate([getattr(self, name), getattr(other, name)])
                for name in ("unique_id", "hour", "known", "position", "later")
            )
        )


def positions(y: np.ndarray, prediction: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Where each reading fell, (rows,); `edges` (rows, 2) of the 80 % band."""
    above = (y - prediction) / np.maximum(edges[:, 1] - prediction, 1e-9)
    below = (prediction - y) / np.maximum(prediction - edges[:, 0], 1e-9)
    return np.clip(np.where(y >= prediction, above, below), 0.0, 100.0)


def factors(
    unique_id: np.ndarray, day: np.ndarray, horizon: np.ndarray, seen: Positions
) -> np.ndarray:
    """The factors by which bands of each row's series are widened on its UTC day, (rows,).

    Only facts known when the day began count, so every issue of a day has one factor for the next
    hour and one for later ones. Days count from 1970.
    """
    result = np.ones(len(unique_id))
    later = horizon >= LATER
    for number, is_later in product(np.unique(day), (False, True)):
        start = int(number) * 24
        recent = (
            (seen.hour > start - ADAPTATION_DAYS * 24)
            & (seen.hour <= start)
            & (seen.known <= start)
            & (seen.later == is_later)
        )
        if not recent.any():
            continue
        names, values = seen.unique_id[recent].astype(str), seen.position[recent]
        order = np.argsort(names, kind="stable")
        labels, starts = np.unique(names[order], return_index=True)
        own = {
            str(label): _shrunk(part)
            for label, part in zip(labels, np.split(values[order], starts[1:]), strict=True)
        }
        rows = np.flatnonzero((day == number) & (later == is_later))
        result[rows] = [own.get(str(name), 1.0) for name in unique_id[rows]]
    return np.clip(result, *LIMITS)


def _shrunk(values: np.ndarray) -> float:
    weight = len(values) / (len(values) + PRIOR)
    return float(max(float(np.quantile(values, 0.8)), 0.05) ** weight)
