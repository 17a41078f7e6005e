"""How rows are judged in every flow: a row has the first reason found to reject it, or none.

Which reasons there are is decided in each flow's module; the texts are "code: words".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.sources.ids import is_total
from flow_platform.sources.tables import Column, clean_text, objects

# So many faulty rows of a file may be slips: they are in quarantine, and no command warns of them.
A_FEW = 3
# A value and None, or what a column holds in its place and the fault.
Parsed = tuple[Any, str | None]


class Reasons:
    """Why each row of a table is rejected; a row keeps the first reason that it is given.

    >>> reasons = Reasons(3)
    >>> reasons.where(np.array([True, False, False]), "empty: day is empty")
    >>> reasons.where(np.array([True, True, False]), "future_day: day is 2031-01-01")
    >>> reasons.texts(reasons.bad).tolist()
    ['empty: day is empty', 'future_day: day is 2031-01-01']
    """

    def __init__(self, size: int) -> None:
        self._codes = np.full(size, -1, dtype="int32")
        self._texts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._codes)

    @property
    def good(self) -> np.ndarray:
        """Whether a row has no reason, by row."""
        return self._codes < 0

    @property
    def bad(self) -> np.ndarray:
        """The places of the rows that have a reason."""
        return np.flatnonzero(self._codes >= 0)

    def where(self, holds: np.ndarray, reason: str) -> None:
        """Give this reason to the rows where it `holds` (bool by row)."""
        self._codes[holds & (self._codes < 0)] = self._code(reason)

    def at(self, place: int, fault: str) -> None:
        """Give the row at this place a fault."""
        if self._codes[place] < 0:
            self._codes[place] = self._code(fault)

    def of_values(self, faults: Sequence[str | None] | np.ndarray, codes: np.ndarray) -> None:
        """Give each row the fault of its value: `codes` are the places of the rows' values."""
        if not any(fault is not None for fault in faults):
            return
        of_value = np.array([-1 if one is None else self._code(one) for one in faults], "int32")
        self._codes = np.where(self._codes < 0, of_value[codes], self._codes)

    def texts(self, places: np.ndarray) -> np.ndarray:
        """The reasons of some rows (dtype object), None for a good one."""
        return objects([*self._texts, None])[self._codes[places]]

    def _code(self, reason: str) -> int:
        return self._texts.setdefault(reason, len(self._texts))


def judged(
    column: Column, parse: Callable[[Any], Parsed], reasons: Reasons
) -> tuple[np.ndarray, np.ndarray]:
    """The distinct values of a column, parsed (dtype object), and each row's position among them;
    faults are added to `reasons`."""
    parsed = [parse(value) for value in column.values]
    reasons.of_values([fault for _, fault in parsed], column.codes)
    return objects([found for found, _ in parsed]), column.codes


def judged_numbers(
    column: Column,
    parse: Callable[[Any], Parsed],
    reasons: Reasons,
    *,
    sound: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """A column's numbers by row (float64), as `parse` makes them of a value; the faults go to
    `reasons`. `sound` gives, for floats, which of them `parse` accepts as they are.
    """
    numbers = column.numbers
    if numbers is None or sound is None:
        found, codes = judged(column, parse, reasons)
        return found.astype(float)[codes]
    for place in np.flatnonzero(~sound(numbers)).tolist():
        _, fault = parse(float(numbers[place]))
        if fault is not None:
            reasons.at(place, fault)
    return np.asarray(numbers + 0.0)


def first_equal(*columns: np.ndarray) -> np.ndarray:
    """For each row the place of the first row that equals it in all columns: its own place where it
    is the first. Empty values (None, NaN, NaT) equal one another."""
    if not len(columns[0]):
        return np.empty(0, dtype="int64")
    frame = pd.DataFrame(dict(enumerate(columns)))
    group = frame.groupby(list(frame.columns), sort=False, dropna=False).ngroup().to_numpy()
    _, firsts = np.unique(group, return_index=True)
    return np.asarray(firsts[group])


def same_but_for_zeros(centre_id: str, known: Collection[str]) -> list[str]:
    """The known ids that differ from an id by leading zeros alone, or by nothing."""
    bare = centre_id.lstrip("0")
    return sorted(one for one in known if one.lstrip("0") == bare) if bare else []


def commonest_reason(counts: pd.DataFrame, by: Sequence[str]) -> pd.Series:
    """The commonest reason of each group; of `counts` with the columns `by`, reason and rows.

    Of reasons that are as common the first in the alphabet, so that a load repeats itself.
    """
    sums = counts.groupby([*by, "reason"])["rows"].sum().reset_index()
    ordered = sums.sort_values(["rows", "reason"], ascending=[False, True])
    return ordered.drop_duplicates(list(by)).set_index(list(by))["reason"]


def unknown_id(centre_id: str, known: Collection[str]) -> str:
    """The reason of a row whose centre does not exist ("code: words").

    A totals row is named as such, and so are centres that differ by leading zeros alone.
    """
    if is_total(centre_id):
        return f"totals_row: centre_id is {clean_text(centre_id)[:60]!r}, so it adds up other rows"
    alike = same_but_for_zeros(centre_id, known)
    text = f"unknown_centre: no centre has the id {clean_text(centre_id)[:60]!r}"
    if not alike:
        return text
    return f"{text}; {' and '.join(map(repr, alike))} differs from it by leading zeros only"
