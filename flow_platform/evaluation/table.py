"""A panel of regular series, read and checked. Candidates are in `candidates` and `boosting`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from flow_platform.ground.errors import ModelError

# The longer cycle that steps of a frequency often have though nobody stated it: the week of hours,
# the year of weeks.
LONGER_CYCLE = {"h": 168, "W": 52}
# A cycle is looked at where a series has so many steps beyond it.
STEPS_BEYOND = 8
# Names of frequencies that pandas dropped, and what they are called now.
OLD_NAMES = {"H": "h", "T": "min", "S": "s", "M": "ME", "Q": "QE", "Y": "YE", "A": "YE"}


@dataclass(frozen=True)
class Panel:
    """Series on one regular grid each, right-aligned: column -1 is each series' last step.

    values  (series, steps) float, NaN before a series begins and where a step has no row
    last    last ds of each series: timestamps, or whole numbers counted in steps of one
    freq    pandas frequency of the steps; ignored where ds are whole numbers
    seasons steps of each season, shortest first; (1,) where there is none
    """

    ids: np.ndarray
    values: np.ndarray
    last: np.ndarray
    freq: str
    seasons: tuple[int, ...]

    @cached_property
    def lengths(self) -> np.ndarray:
        """Steps from each series' first known value to its end, shape (series,)."""
        known = np.isfinite(self.values)
        return np.where(known.any(axis=1), self.values.shape[1] - known.argmax(axis=1), 0)

    @property
    def cycles(self) -> tuple[int, ...]:
        """The seasons that models look at: the stated ones, and the longer one of the frequency.

        Panels are often stated to have one season or none, though many series return after the
        next longer one. The definitions of scores and of the naive candidates know the stated only.
        """
        stated = {s for s in self.seasons if s > 1}
        longer = LONGER_CYCLE.get(self.freq.split("-")[0])
        found = sorted(stated | {longer} if longer else stated)
        return tuple(s for s in found if (self.lengths >= s + STEPS_BEYOND).any())

    @cached_property
    def filled(self) -> np.ndarray:
        """`values` with inner gaps closed, for methods that need every step; NaN before the start.

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
        """Which series never were below zero, shape (series,)."""
        return ~(np.nan_to_num(self.values) < 0).any(axis=1)

    def before(self, steps: int) -> Panel:
        """The panel without its last `steps` steps; series that had not begun stay, empty."""
        if steps == 0:
            return self
        return Panel(
            self.ids,
            self.values[:, :-steps],
            shifted(self.last, -steps, self.freq),
            self.freq,
            self.seasons,
        )

    def ahead(self, steps: int) -> np.ndarray:
        """ds of the next `steps` steps of each series, shape (series, steps)."""
        if self.last.dtype.kind in "iu":
            return self.last[:, None] + np.arange(1, steps + 1)
        table = np.empty((len(self.ids), steps), dtype="datetime64[ns]")
        for end in np.unique(self.last):
            days = pd.date_range(end, periods=steps + 1, freq=self.freq)[1:]
            table[self.last == end] = days.to_numpy()
        return table

    def chunks(self, size: int) -> Iterator[slice]:
        for start in range(0, len(self.ids), size):
            yield slice(start, min(start + size, len(self.ids)))


def shifted(last: np.ndarray, steps: int, freq: str) -> np.ndarray:
    """`last` moved by whole steps."""
    if last.dtype.kind in "iu":
        return last + steps
    offset = pd.tseries.frequencies.to_offset(freq)
    moved = {end: (pd.Timestamp(end) + steps * offset).to_datetime64() for end in np.unique(last)}
    return np.array([moved[end] for end in last], dtype="datetime64[ns]")


def read_table(path: Path) -> pd.DataFrame:
    """A panel file (CSV or Parquet) as unique_id str, ds, y float. ModelError says what is wrong.

    ds may be timestamps or whole numbers. Rows without y are dropped: absent is missing.
    """
    if not path.exists():
        raise ModelError(f"{path} does not exist; give a CSV or Parquet file of unique_id, ds, y.")
    try:
        parquet = path.suffix.lower() in (".parquet", ".pq")
        frame = pd.read_parquet(path) if parquet else pd.read_csv(path)
    except (ValueError, OSError, pd.errors.ParserError) as broken:
        raise ModelError(f"{path} cannot be read ({broken}); give CSV or Parquet.") from broken
    missing = [c for c in ("unique_id", "ds", "y") if c not in frame]
    if missing:
        raise ModelError(
            f"{path} lacks the column(s) {', '.join(missing)}; it has {', '.join(frame.columns)}."
        )
    frame = frame.dropna(subset=["unique_id"])
    values = pd.to_numeric(frame["y"], errors="coerce")
    strange = values.isna() & frame["y"].notna()
    if strange.any():
        raise ModelError(
            f"{path}: y holds {frame.loc[strange, 'y'].iloc[0]!r}, which is no number. Correct it."
        )
    result = pd.DataFrame(
        {"unique_id": frame["unique_id"].astype(str), "ds": _moments(frame["ds"], path)}
    )
    result["y"] = values.astype(float)
    return result[np.isfinite(result["y"])].reset_index(drop=True)


def _moments(ds: pd.Series, path: Path) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(ds):
        moments = ds
    elif pd.api.types.is_integer_dtype(ds):
        return ds.astype("int64")
    else:
        numbers = pd.to_numeric(ds, errors="coerce")
        if numbers.notna().all() and (numbers % 1 == 0).all():
            return numbers.astype("int64")
        moments = pd.to_datetime(ds, errors="coerce")
        if moments.isna().any():
            wrong = ds[moments.isna()].iloc[0]
            raise ModelError(f"{path}: ds {wrong!r} is neither a time nor a whole number.")
    if isinstance(moments.dtype, pd.DatetimeTZDtype):
        moments = moments.dt.tz_convert("UTC").dt.tz_localize(None)
    return moments.astype("datetime64[ns]")


def build(frame: pd.DataFrame, freq: str, seasons: tuple[int, ...]) -> Panel:
    """The panel of rows unique_id, ds, y on the grid of `freq`.

    Raises ModelError for repeated rows, and for rows that lie between two steps of the grid.
    """
    if frame.empty:
        raise ModelError("The panel has no row with a y; give at least one.")
    if min(seasons) < 1:
        raise ModelError(f"A season of {min(seasons)} steps is none; give 1 or more.")
    twice = frame.duplicated(["unique_id", "ds"])
    if twice.any():
        row = frame.loc[twice, ["unique_id", "ds"]].iloc[0].tolist()
        raise ModelError(f"{int(twice.sum())} repeated row(s), first {row}. Add up or drop them.")
    frame = frame.sort_values(["unique_id", "ds"], kind="stable")
    ids, starts = np.unique(frame["unique_id"].to_numpy(dtype=str), return_index=True)
    freq = _current_name(freq, frame["ds"])
    number = _steps(frame["ds"], freq)
    bounds = np.append(starts, len(frame))
    ends = number[bounds[1:] - 1]
    spans = ends - number[bounds[:-1]] + 1
    values = np.full((len(ids), int(spans.max())), np.nan)
    series = np.repeat(np.arange(len(ids)), np.diff(bounds))
    values[series, values.shape[1] - 1 - (ends[series] - number)] = frame["y"].to_numpy(dtype=float)
    last = frame["ds"].to_numpy()[bounds[1:] - 1]
    if last.dtype.kind == "M":
        last = last.astype("datetime64[ns]")
    return Panel(ids, values, last, freq, tuple(sorted(set(seasons))))


def _current_name(freq: str, ds: pd.Series) -> str:
    """The name pandas has for `freq` today; plain weeks lie on the weekday that the rows have."""
    if freq.upper() == "W" and ds.dtype.kind == "M" and ds.dt.day_of_week.nunique() == 1:
        return f"W-{ds.iloc[0]:%a}".upper()
    return OLD_NAMES.get(freq, "W" if freq == "w" else "D" if freq == "d" else freq)


def _steps(ds: pd.Series, freq: str) -> np.ndarray:
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
            f"{wrong} lies between two steps of {freq!r} counted from {ds.min()}. Give the "
            "frequency of the rows, or aggregate them to it."
        )
    return position
