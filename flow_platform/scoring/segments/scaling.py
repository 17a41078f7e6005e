"""Puts customers' features on one scale: robust, bounded, aspects of equal weight.

Features that hardly separate customers are left out here, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from flow_platform.scoring.segments.customers import ASPECTS, COLUMNS, Floats

# A quarter range of a normal distribution, in standard deviations.
_IQR_OF_NORMAL = 1.349
# Scaled values end here: one order of a fortune, or one parcel lost for a year, makes no segment.
_FURTHEST = 3.0
# Where fewer customers than this share differ from the commonest value, the feature does not
# separate the others, and scaled it would put those few alone: with one-time buyers, the number of
# orders.
LEAST_APART = 0.02
# Of fewer customers than this share a feature is not known well enough to be filled in.
_LEAST_KNOWN = 0.1


@dataclass(frozen=True)
class Scaling:
    """How each used feature becomes a coordinate; tuples of one length, in the order of `columns`.

    A coordinate is (value - centre) / scale, kept within 3 of the centre, times the weight; unknown
    values become `neutral`, the mean of the known ones on that scale. `overall` is the mean
    coordinate of all customers, without weight: what segments are compared with. `dropped` has
    the reason of each feature that is not used.
    """

    columns: tuple[str, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    weight: tuple[float, ...]
    neutral: tuple[float, ...]
    overall: tuple[float, ...]
    dropped: Mapping[str, str]

    def apply(self, matrix: Floats) -> Floats:
        """Shape (n, len(columns)) of shape (n, len(COLUMNS))."""
        own = matrix[:, [COLUMNS.index(name) for name in self.columns]]
        return self._bounded(own) * np.array(self.weight)

    def traits(self, coordinates: Floats) -> list[dict[str, float]]:
        """How far points are from all customers' mean, by feature, in robust deviations."""
        away = coordinates / np.array(self.weight) - np.array(self.overall)
        return [dict(zip(self.columns, (float(one) for one in row), strict=True)) for row in away]

    def original(self, coordinates: Floats) -> Floats:
        """Points in the features' own units, which another month's scaling can place."""
        return coordinates / np.array(self.weight) * np.array(self.scale) + np.array(self.centre)

    def placed(self, points: Floats) -> Floats:
        """Coordinates of points in the features' own units, columns as `columns`."""
        return (points - np.array(self.centre)) / np.array(self.scale) * np.array(self.weight)

    def as_json(self) -> dict[str, Any]:
        return {
            "columns": list(self.columns),
            "centre": list(self.centre),
            "scale": list(self.scale),
            "weight": list(self.weight),
            "neutral": list(self.neutral),
            "overall": list(self.overall),
            "dropped": dict(self.dropped),
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Scaling:
        numbers = {
            name: tuple(float(one) for one in kept[name])
            for name in ("centre", "scale", "weight", "neutral", "overall")
        }
        if {len(one) for one in numbers.values()} != {len(kept["columns"])}:
            raise ValueError("the scaling's columns and numbers differ in length")
        return cls(tuple(kept["columns"]), dropped=dict(kept["dropped"]), **numbers)

    def _bounded(self, own: Floats) -> Floats:
        scaled = (own - np.array(self.centre)) / np.array(self.scale)
        bounded = np.clip(scaled, -_FURTHEST, _FURTHEST)
        return np.where(np.isnan(bounded), np.array(self.neutral), bounded)


def scaling_of(matrix: Floats) -> Scaling:
    """The scaling of these customers, shape (n, len(COLUMNS)); none of the columns may be left."""
    dropped: dict[str, str] = {}
    fitted: dict[str, tuple[float, float]] = {}
    for place, name in enumerate(COLUMNS):
        known = matrix[~np.isnan(matrix[:, place]), place]
        if reason := _why_dropped(known, len(matrix)):
            dropped[name] = reason
        else:
            fitted[name] = _centre_and_scale(known)
    sharing = [ASPECTS[name] for name in fitted]
    made = Scaling(
        columns=tuple(fitted),
        centre=tuple(centre for centre, _ in fitted.values()),
        scale=tuple(scale for _, scale in fitted.values()),
        weight=tuple(rounded(1 / math.sqrt(sharing.count(ASPECTS[name]))) for name in fitted),
        neutral=tuple(math.nan for _ in fitted),
        overall=tuple(0.0 for _ in fitted),
        dropped=dropped,
    )
    own = matrix[:, [COLUMNS.index(name) for name in made.columns]]
    mean = tuple(rounded(one) for one in np.nanmean(made._bounded(own), axis=0)) if fitted else ()
    return Scaling(made.columns, made.centre, made.scale, made.weight, mean, mean, made.dropped)


def rounded(value: float) -> float:
    """To twelve digits: sums in another order must not make another artefact."""
    return float(f"{value:.12g}")


def _why_dropped(known: Floats, customers: int) -> str | None:
    if len(known) < _LEAST_KNOWN * customers:
        return f"known of {len(known)} of {customers} customers only"
    values, counts = np.unique(known, return_counts=True)
    if len(values) == 1:
        return "the same for all customers"
    apart = len(known) - int(counts.max())
    if apart < LEAST_APART * len(known):
        return f"the same for all but {apart} of {len(known)} customers"
    return None


def _centre_and_scale(known: Floats) -> tuple[float, float]:
    low, centre, high = (float(one) for one in np.quantile(known, [0.25, 0.5, 0.75]))
    spread = (high - low) / _IQR_OF_NORMAL
    # Where more than half share one value, as being late never, quartiles see no spread.
    return rounded(centre), rounded(spread if spread > 0 else float(known.std()))
