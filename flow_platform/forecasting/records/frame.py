"""A model's frame: the usual outcome of a centre as it was known, numbers, and codes of categories.

A past record gets what was known when its own day began (`Expanding`), a record to come what was
known at the vintage's cut-off (`Known`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np

from flow_platform.forecasting.records.data import RecordData
from flow_platform.models.records import Floats

# A centre's mean is drawn towards that of all, as if so many more records had that mean.
PRIOR = 20.0
# No usual outcome is below this: errors and bands are multiples of it.
LEAST_USUAL = 1e-6
# Where nothing at all is known.
FIRST_USUAL = 1.0
# Rarer values of a category are unknown ones; LightGBM's codes are small integers.
_MOST_VALUES = 200


class Usual(Protocol):
    """What gives the usual outcome of records."""

    def of(self, records: RecordData) -> Floats:
        """Shape (n,): the usual outcome of each record's centre, above zero."""


def _drawn(total: Floats, count: Floats, all_total: Floats, all_count: Floats) -> Floats:
    overall = np.where(all_count > 0, all_total / np.maximum(all_count, 1), FIRST_USUAL)
    return np.maximum((total + PRIOR * overall) / (count + PRIOR), LEAST_USUAL)


@dataclass(frozen=True)
class Known:
    """Sums of outcomes by centre, of all that was known at one moment."""

    sums: Mapping[str, tuple[float, int]]

    @classmethod
    def of_records(cls, known: RecordData) -> Self:
        """The sums over `known`."""
        sums: dict[str, tuple[float, int]] = {}
        for centre in sorted(set(known.centre)):
            own = known.outcome[known.centre == centre]
            sums[str(centre)] = (float(own.sum()), len(own))
        return cls(sums)

    def of(self, records: RecordData) -> Floats:
        of_all = [np.array(sum(part)) for part in zip(*self.sums.values(), strict=True)]
        all_total, all_count = of_all or [np.array(0.0), np.array(0)]
        own = np.array([self.sums.get(str(one), (0.0, 0)) for one in records.centre]).reshape(-1, 2)
        return _drawn(own[:, 0], own[:, 1], all_total, all_count)


class Expanding:
    """Sums of outcomes by centre, as of each record's own day."""

    def __init__(self, known: RecordData) -> None:
        self._all = _Sums(known)
        self._own = {
            centre: _Sums(known.take(known.centre == centre)) for centre in set(known.centre)
        }

    def of(self, records: RecordData) -> Floats:
        days = records.day
        total, count = np.zeros(len(records)), np.zeros(len(records))
        for centre, sums in self._own.items():
            here = records.centre == centre
            total[here], count[here] = sums.before(days[here])
        return _drawn(total, count, *self._all.before(days))


class _Sums:
    """Sums of outcomes in the order in which they became known."""

    def __init__(self, known: RecordData) -> None:
        order = np.argsort(known.known_day, kind="stable")
        self._days = known.known_day[order]
        self._totals = np.concatenate([[0.0], np.cumsum(known.outcome[order])])

    def before(self, days: np.ndarray) -> tuple[Floats, Floats]:
        """Sum and number of the outcomes that were known when each day began."""
        counts = np.searchsorted(self._days, days, side="left")
        return self._totals[counts], counts.astype(np.float64)


@dataclass(frozen=True)
class Codes:
    """The values of each category, in the order of their codes."""

    values: tuple[tuple[str, ...], ...]

    @classmethod
    def of_records(cls, known: RecordData) -> Self:
        """The most frequent values of each category among `known`."""
        return cls(
            tuple(
                tuple(sorted(name for name, _ in _counted(column).most_common(_MOST_VALUES)))
                for column in known.categories.T
            )
        )

    def of(self, records: RecordData) -> Floats:
        """Shape (n, categories): codes; NaN for a value that is missing or has none."""
        made = np.full(records.categories.shape, np.nan)
        for place, values in enumerate(self.values):
            code = {value: number for number, value in enumerate(values)}
            made[:, place] = [code.get(one, np.nan) for one in records.categories[:, place]]
        return made


def _counted(column: np.ndarray) -> Counter[Any]:
    # In alphabetical order, so that of equally frequent values the same ones are kept.
    return Counter(sorted(one for one in column if isinstance(one, str)))


def frame_of(records: RecordData, usual: Usual, codes: Codes) -> Floats:
    """Shape (n, 1 + numbers + categories): the usual outcome, numbers, codes."""
    return np.column_stack([usual.of(records), records.numbers, codes.of(records)])
