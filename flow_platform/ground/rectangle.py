"""Rectangles of centres and days: what every stage works on, and how sets of them are cut.

A centre may be an area of several (a flow with thousands of counters). Nothing here knows of
Dagster or of tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from flow_platform.ground.errors import ConfigurationError


@dataclass(frozen=True)
class Rectangle:
    """Every one of some centres on every day from first to last, both included.

    >>> week = Rectangle(("1", "2"), date(2025, 1, 1), date(2025, 1, 7))
    >>> len(week), week.days
    (14, 7)
    """

    centres: tuple[str, ...]
    first_day: date
    last_day: date

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last_day - self.first_day).days + 1

    def __len__(self) -> int:
        """How many partitions it has: centres x days."""
        return len(self.centres) * self.days

    @property
    def window(self) -> dict[str, object]:
        """The parameters `centres`, `first` and `last` of a query on it."""
        return {"centres": list(self.centres), "first": self.first_day, "last": self.last_day}

    def by_centres(self, size: int) -> Iterator[Rectangle]:
        """The same rectangle in slices of at most `size` centres."""
        for start in range(0, len(self.centres), size):
            yield Rectangle(self.centres[start : start + size], self.first_day, self.last_day)


def contiguous(chosen: Sequence[str], all_centres: Sequence[str]) -> list[tuple[str, ...]]:
    """`chosen` cut into blocks that are adjacent in `all_centres`, in that order.

    One run covers a block. Raises ConfigurationError for a centre that does not exist.
    """
    place = {centre: index for index, centre in enumerate(all_centres)}
    unknown = [centre for centre in chosen if centre not in place]
    if unknown:
        raise ConfigurationError(
            f"Unknown centres: {', '.join(unknown)}. Known: {', '.join(list(all_centres)[:20])}"
            f"{' ...' if len(all_centres) > 20 else ''}. FLOW_CENTRES names their file."
        )
    order = sorted({place[centre] for centre in chosen})
    cuts = [0, *(i + 1 for i, (a, b) in enumerate(pairwise(order)) if b != a + 1), len(order)]
    return [tuple(all_centres[i] for i in order[a:b]) for a, b in pairwise(cuts)]


# What starting a run costs, in partitions that it could have covered instead.
_RUN_WORTH = 60


def covering(
    cells: Iterable[tuple[str, date]], all_centres: Sequence[str], most: int
) -> list[Rectangle]:
    """Few rectangles, at most `most`, that cover these centres and days: what runs are asked for.

    A rectangle is cut in two where that saves more partitions than starting a run is worth. The
    centres of each are adjacent in `all_centres`; cells of other centres raise KeyError.
    """
    place = {centre: index for index, centre in enumerate(all_centres)}
    points = np.array(
        sorted({(place[centre], day.toordinal()) for centre, day in cells}), dtype=np.int64
    ).reshape(-1, 2)
    worth = _RUN_WORTH
    while len(boxes := _cut(points, worth)) > most:
        worth *= 2
    return [
        Rectangle(
            tuple(all_centres[box[0, 0] : box[1, 0] + 1]),
            date.fromordinal(int(box[0, 1])),
            date.fromordinal(int(box[1, 1])),
        )
        for box in boxes
    ]


def _cut(points: NDArray[np.int64], worth: int) -> list[NDArray[np.int64]]:
    """Boxes (lowest and highest corner) around the points, cut where it pays."""
    if not len(points):
        return []
    whole = np.array([points.min(axis=0), points.max(axis=0)])
    best, parts = _area(whole) - worth, None
    for axis in (0, 1):
        for border in np.unique(points[:, axis])[1:]:
            below = points[:, axis] < border
            sides = [points[below], points[~below]]
            area = sum(_area(np.array([one.min(axis=0), one.max(axis=0)])) for one in sides)
            if area < best:
                best, parts = area, sides
    if parts is None:
        return [whole]
    return [box for part in parts for box in _cut(part, worth)]


def _area(box: NDArray[np.int64]) -> int:
    return int(np.prod(box[1] - box[0] + 1))
