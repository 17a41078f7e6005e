"""The series of a panel as one matrix, a row for each series. Files are read in `panel_file`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from pandas.tseries.offsets import Day, Tick

from flow_platform.evaluation.frequency import current_name, equal_steps, offset_of, whole_step
from flow_platform.ground.errors import ModelError

# The longer cycle that series of a frequency often have though it is not given: the week of hours,
# the year of weeks.
LONGER_CYCLE = {"h": 168, "W": 52}
# A cycle is used where some series has so many steps more than one cycle.
STEPS_BEYOND = 8
# A panel is refused where its matrix would have more cells; each takes 8 bytes, more while models
# are fitted. The largest public panel (M5: 30 490 series of 1 941 days) has 59 million.
MOST_CELLS = 100_000_000
# Above so many steps, series with a row at fewer than this share of them are refused: their ds are
# of a finer unit than the frequency, and all but these steps would be filled.
MANY_STEPS, LEAST_KNOWN = 100_000, 0.01


@dataclass(frozen=True)
class SeriesMatrix:
    """Series on regular steps, right-aligned: the last column is the last step of each series.

    ids     names of the series, shape (series,), in order
    values  (series, steps) float, NaN before a series begins and where a step has no row
    last    ds of the last step of each series: timestamps, or whole numbers that count steps
    freq    pandas frequency of the steps; whole-number ds go up by 1, or by `freq` if it is whole
    seasons steps of each season, shortest first; (1,) where there is none

    Example: matrix_of(read_panel_file(path, "h"), "h", (24, 168)).values[:, -24:] is the last day.
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
            return self.last[:, None] + _whole(self.freq) * np.arange(1, steps + 1)
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
        return last + _whole(freq) * steps
    offset = offset_of(freq)
    moved = {end: (pd.Timestamp(end) + steps * offset).to_datetime64() for end in np.unique(last)}
    return np.array([moved[end] for end in last], dtype="datetime64[ns]")


def _whole(freq: str) -> int:
    """What whole-number ds go up by at each step."""
    return whole_step(freq) or 1


def matrix_of(rows: pd.DataFrame, freq: str, seasons: tuple[int, ...]) -> SeriesMatrix:
    """The matrix of rows unique_id, ds, y whose ds are steps of `freq`; rows without y are gaps.

    Raises ModelError for no rows, repeated rows, a season below 1, an unknown frequency, for rows
    between two steps, and for a matrix of more than MOST_CELLS, before memory is taken for it.

    Example: matrix_of(rows, "W-SUN", (52,))
    """
    known = rows["y"].notna()
    if not known.any():
        raise ModelError("The panel has no row with a y; give at least one.")
    if min(seasons) < 1:
        raise ModelError(f"A season of {min(seasons)} steps is not possible; give 1 or more.")
    rows = rows if known.all() else rows[known]
    series, names = pd.factorize(rows["unique_id"].astype(str), sort=True)
    ids = np.asarray(names, dtype=str)
    freq = _current_name(freq, rows["ds"])
    number = _step_numbers(rows["ds"], freq)
    order = np.lexsort((number, series))
    series, number = series[order], number[order]
    _refuse_repeated(rows, series, number, order)
    bounds = np.append(np.flatnonzero(np.diff(series, prepend=-1)), len(series))
    ends = number[bounds[1:] - 1]
    spans = ends - number[bounds[:-1]] + 1
    _refuse_too_large(spans, len(rows), freq)
    values = np.full((len(ids), int(spans.max())), np.nan)
    place = values.shape[1] - 1 - (ends[series] - number)
    values[series, place] = rows["y"].to_numpy(dtype=float)[order]
    last = rows["ds"].to_numpy()[order[bounds[1:] - 1]]
    if last.dtype.kind == "M":
        last = last.astype("datetime64[ns]")
    return SeriesMatrix(ids, values, last, freq, tuple(sorted(set(seasons))))


def _refuse_repeated(
    rows: pd.DataFrame, series: np.ndarray, number: np.ndarray, order: np.ndarray
) -> None:
    """Raises ModelError where a series has two rows of one step; both are in order."""
    repeated = (np.diff(series) == 0) & (np.diff(number) == 0)
    if repeated.any():
        row = rows.iloc[order[1:][repeated].min()]
        raise ModelError(
            f"{int(repeated.sum())} repeated row(s), first {[row['unique_id'], row['ds']]}."
            " Add up or drop them."
        )


def _refuse_too_large(spans: np.ndarray, rows: int, freq: str) -> None:
    """Raises ModelError where the steps of the series, `spans`, need too large a matrix."""
    cells, steps = len(spans) * int(spans.max()), int(spans.sum())
    remedy = "Correct ds that are far from the others, or give the frequency that the rows have."
    if cells > MOST_CELLS:
        raise ModelError(
            f"{len(spans)} series of up to {int(spans.max())} steps of --freq {freq} need {cells}"
            f" cells, more than {MOST_CELLS}. {remedy}"
        )
    if steps > MANY_STEPS and rows < LEAST_KNOWN * steps:
        raise ModelError(
            f"Only {rows} of {steps} steps of --freq {freq} have a row, less than"
            f" {LEAST_KNOWN:.0%}. {remedy}"
        )


def _current_name(freq: str, ds: pd.Series) -> str:
    """The name that pandas has for `freq` today; plain weeks end on the weekday of the rows."""
    name = current_name(freq)
    if name.lstrip("0123456789") == "W" and ds.dtype.kind == "M":
        return f"{name}-{ds.iloc[0]:%a}".upper() if ds.dt.day_of_week.nunique() == 1 else name
    return name


def _step_numbers(ds: pd.Series, freq: str) -> np.ndarray:
    """Each ds as a whole number of steps from the first."""
    if ds.dtype.kind in "iu":
        # Python's whole numbers: the span of 64 bits does not fit into them.
        if int(ds.max()) - int(ds.min()) >= 2**62:
            raise ModelError(f"ds {ds.max()} is too far from {ds.min()}. Correct one of them.")
        position, between = np.divmod(ds.to_numpy() - ds.min(), _whole(freq))
    elif whole_step(freq) is not None:
        raise ModelError(
            f"ds are times such as {ds.iloc[0]}, but --freq {freq} counts whole numbers. Give the"
            " frequency of the rows by its name in pandas: h, D, W-SUN."
        )
    else:
        position, between = _calendar_steps(pd.DatetimeIndex(ds), freq)
    if between.any():
        wrong = ds.to_numpy()[between != 0][0]
        raise ModelError(
            f"{wrong} is between two steps of {freq!r} counted from {ds.min()}. Give the "
            "frequency of the rows, or aggregate them to it."
        )
    return position


def _calendar_steps(times: pd.DatetimeIndex, freq: str) -> tuple[np.ndarray, np.ndarray]:
    """The number of the step of each time, and whether it is between two steps.

    Steps of equal length are counted without a table of all of them, which could be of any size.
    """
    offset = offset_of(freq)
    if isinstance(offset, Tick | Day):
        return equal_steps(times, offset)
    position = pd.date_range(times.min(), times.max(), freq=offset).get_indexer(times)
    return position, position < 0
