"""The series of a panel as one matrix, a row for each series. Files are read in `panel_file`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from flow_platform.ground.errors import ModelError

# The longer cycle that series of a frequency often have though it is not given: the week of hours,
# the year of weeks.
LONGER_CYCLE = {"h": 168, "W": 52}
# A cycle is used where some series has so many steps more than one cycle.
STEPS_BEYOND = 8
# Names of frequencies that pandas dropped, and their names today.
OLD_NAMES = {"H": "h", "T": "min", "S": "s", "M": "ME", "Q": "QE", "Y": "YE", "A": "YE"}


@dataclass(frozen=True)
class SeriesMatrix:
    """Series on regular steps, right-aligned: the last column is the last step of each series.

    ids     names of the series, shape (series,), in order
    values  (series, steps) float, NaN before a series begins and where a step has no row
    last    ds of the last step of each series: timestamps, or whole numbers that count steps
    freq    pandas frequency of the steps; ignored where ds are whole numbers
    seasons steps of each season, shortest first; (1,) where there is none

    Example: matrix_of(read_panel_file(path), "h", (24, 168)).values[:, -24:] is the last day.
    """

    ids: np.ndarray
    values: np.ndarray
    last: np.ndarray
    freq: str
    seasons: tuple[int, ...]

    @cached_property
    def lengths(self) -> np.ndarray:
        """Steps from the first known value of each series to its end, shape (series,)."""
        known = np.isfinite(self.values)
        return np.where(known.any(axis=1), self.values.shape[1] - known.argmax(axis=1), 0)

    @property
    def cycles(self) -> tuple[int, ...]:
        """The seasons that models use: those given, and the longer cycle of the frequency.

        Panels are often given one season or none, though many series repeat after the next longer
        one. Scores and the naive candidates use the given seasons only.
        """
        given = {s for s in self.seasons if s > 1}
        longer = LONGER_CYCLE.get(self.freq.split("-")[0])
        found = sorted(given | {longer} if longer else given)
        return tuple(s for s in found if (self.lengths >= s + STEPS_BEYOND).any())

    @cached_property
    def filled(self) -> np.ndarray:
        """`values` without inner gaps, for methods that need every step; NaN before the start.

        A missing step takes the value one season before, else the last one before it.
        """
        table = self.values.copy()
        season = self.seasons[0]
        started = np.arange(table.shape[1]) >= (table.shape[1] - self.lengths)[:, None]
        for row, step in zip(*np.nonzero(np.isnan(table) & started), strict=True):
            before = table[row, step - season] if step >= season else np.nan
            table[row, step] = before if np.isfinite(before) else table[row, step - 1]
        return table

    @property
    def non_negative(self) -> np.ndarray:
        """Whether a series has no value below zero, bool, shape (series,)."""
        return ~(np.nan_to_num(self.values) < 0).any(axis=1)

    @property
    def varies(self) -> np.ndarray:
        """Whether a series has two different known values, bool, shape (series,)."""
        known = np.isfinite(self.values)
        highest = np.where(known, self.values, -np.inf).max(axis=1)
        return highest > np.where(known, self.values, np.inf).min(axis=1)

    def before(self, steps: int) -> SeriesMatrix:
        """All series without their last `steps` steps; one that begins later is all NaN."""
        if steps == 0:
            return self
        return SeriesMatrix(
            self.ids,
            self.values[:, :-steps],
            _shifted(self.last, -steps, self.freq),
            self.freq,
            self.seasons,
        )

    def following(self, origin: int, horizon: int) -> np.ndarray:
        """Values of the `horizon` steps after the origin that is `origin` steps before the end.

        The shape is (series, horizon); NaN after the panel's end.
        """
        result = np.full((len(self.ids), horizon), np.nan)
        known = min(horizon, origin)
        start = self.values.shape[1] - origin
        result[:, :known] = self.values[:, start : start + known]
        return result

    def only(self, rows: np.ndarray) -> SeriesMatrix:
        """Some of the series, by their row numbers or a bool for each."""
        return SeriesMatrix(
            self.ids[rows], self.values[rows], self.last[rows], self.freq, self.seasons
        )

    def ahead(self, steps: int) -> np.ndarray:
        """ds of the `steps` steps that follow each series, shape (series, steps)."""
        if self.last.dtype.kind in "iu":
            return self.last[:, None] + np.arange(1, steps + 1)
        table = np.empty((len(self.ids), steps), dtype="datetime64[ns]")
        for end in np.unique(self.last):
            times = pd.date_range(end, periods=steps + 1, freq=self.freq)[1:]
            table[self.last == end] = times.to_numpy()
        return table

    def chunks(self, size: int) -> Iterator[slice]:
        """Slices of at most `size` rows that together are all series, in order."""
        for start in range(0, len(self.ids), size):
            yield slice(start, min(start + size, len(self.ids)))


def _shifted(last: np.ndarray, steps: int, freq: str) -> np.ndarray:
    """`last` moved by whole steps."""
    if last.dtype.kind in "iu":
        return last + steps
    offset = pd.tseries.frequencies.to_offset(freq)
    moved = {end: (pd.Timestamp(end) + steps * offset).to_datetime64() for end in np.unique(last)}
    return np.array([moved[end] for end in last], dtype="datetime64[ns]")


def matrix_of(rows: pd.DataFrame, freq: str, seasons: tuple[int, ...]) -> SeriesMatrix:
    """The matrix of rows unique_id, ds, y whose ds are steps of `freq`.

    Raises ModelError for no rows, repeated rows, a season below 1, an unknown frequency, and for
    rows between two steps.

    Example: matrix_of(rows, "W-SUN", (52,))
    """
    if rows.empty:
        raise ModelError("The panel has no row with a y; give at least one.")
    if min(seasons) < 1:
        raise ModelError(f"A season of {min(seasons)} steps is not possible; give 1 or more.")
    repeated = rows.duplicated(["unique_id", "ds"])
    if repeated.any():
        first = rows.loc[repeated, ["unique_id", "ds"]].iloc[0].tolist()
        raise ModelError(
            f"{int(repeated.sum())} repeated row(s), first {first}. Add up or drop them."
        )
    rows = rows.sort_values(["unique_id", "ds"], kind="stable")
    ids, starts = np.unique(rows["unique_id"].to_numpy(dtype=str), return_index=True)
    freq = _current_name(freq, rows["ds"])
    number = _step_numbers(rows["ds"], freq)
    bounds = np.append(starts, len(rows))
    ends = number[bounds[1:] - 1]
    spans = ends - number[bounds[:-1]] + 1
    values = np.full((len(ids), int(spans.max())), np.nan)
    series = np.repeat(np.arange(len(ids)), np.diff(bounds))
    values[series, values.shape[1] - 1 - (ends[series] - number)] = rows["y"].to_numpy(dtype=float)
    last = rows["ds"].to_numpy()[bounds[1:] - 1]
    if last.dtype.kind == "M":
        last = last.astype("datetime64[ns]")
    return SeriesMatrix(ids, values, last, freq, tuple(sorted(set(seasons))))


def _current_name(freq: str, ds: pd.Series) -> str:
    """The name that pandas has for `freq` today; plain weeks end on the weekday of the rows."""
    if freq.upper() == "W" and ds.dtype.kind == "M" and ds.dt.day_of_week.nunique() == 1:
        return f"W-{ds.iloc[0]:%a}".upper()
    return OLD_NAMES.get(freq, "W" if freq == "w" else "D" if freq == "d" else freq)


def _step_numbers(ds: pd.Series, freq: str) -> np.ndarray:
    """Each ds as a whole number of steps."""
    if ds.dtype.kind in "iu":
        return ds.to_numpy()
    try:
        grid = pd.date_range(ds.min(), ds.max(), freq=freq)
    except ValueError as unknown:
        raise ModelError(
            f"{freq!r} is not a frequency pandas knows (h, D, W-SUN, ...)."
        ) from unknown
    position = grid.get_indexer(pd.DatetimeIndex(ds))
    if (position < 0).any():
        wrong = ds.to_numpy()[position < 0][0]
        raise ModelError(
            f"{wrong} is between two steps of {freq!r} counted from {ds.min()}. Give the "
            "frequency of the rows, or aggregate them to it."
        )
    return position
