"""What a --freq is: steps of the calendar, by pandas' name, or a whole number that ds count by."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
import pandas as pd
from pandas.tseries.offsets import BaseOffset, BusinessHour, Day, Tick

from flow_platform.ground.errors import ModelError

# Names of frequencies that pandas dropped, and their names today.
OLD_NAMES = {
    "H": "h",
    "T": "min",
    "S": "s",
    "M": "ME",
    "BM": "BME",
    "Q": "QE",
    "BQ": "BQE",
    "Y": "YE",
    "A": "YE",
    "AS": "YS",
    "w": "W",
    "d": "D",
}
_NAME = re.compile(r"(\d*)([A-Za-z]+)(-[A-Za-z0-9-]+)?")
# Periods that a step may be, and those that it may name: a quarter can be written as its month.
_PERIOD = re.compile(r"\d*C?B?(M|Q|Y)[SE](-[A-Z]+)?")
_NAMED_BY = {"M": "M", "Q": "MQ", "Y": "MQY"}


def whole_step(freq: str) -> int | None:
    """The step of whole-number ds where `freq` is a whole number such as "1", else None.

    Raises ModelError for a step of 0.
    """
    if not freq.strip().isdecimal():
        return None
    if int(freq) == 0:
        raise ModelError("--freq 0 is no step; give 1, or a frequency pandas knows (h, D, W-SUN).")
    return int(freq)


def current_name(freq: str) -> str:
    """The name that pandas has for `freq` today: "15T" is "15min"."""
    parts = _NAME.fullmatch(freq.strip())
    if parts is None:
        return freq
    count, name, anchor = parts.groups(default="")
    return count + OLD_NAMES.get(name, name) + anchor


@lru_cache
def offset_of(freq: str) -> BaseOffset:
    """The step of a calendar frequency.

    Raises ModelError for one that pandas does not know, or that does not go forward.
    """
    try:
        offset = pd.tseries.frequencies.to_offset(current_name(freq))
    except ValueError as unknown:
        raise ModelError(
            f"{freq!r} is not a frequency pandas knows (h, D, W-SUN, ...)."
        ) from unknown
    if offset is None or offset.n < 1:
        raise ModelError(f"--freq {freq} does not go forward; give one step or more.")
    return offset


def is_within_a_day(freq: str) -> bool:
    """Whether the steps are hours or finer."""
    offset = offset_of(freq)
    return isinstance(offset, Tick | BusinessHour) and not isinstance(offset, Day)


def can_be_named_by(freq: str, period: str) -> bool:
    """Whether a month (M), quarter (Q) or year (Y) names one step of the calendar frequency."""
    unit = _PERIOD.fullmatch(offset_of(freq).freqstr)
    return unit is not None and period in _NAMED_BY[unit[1]]


def days_of(periods: pd.PeriodIndex, freq: str) -> pd.DatetimeIndex:
    """The day of each period that is a step of `freq`: the last of a month for ME.

    The first day of the period where the frequency has no step within it.
    """
    offset = offset_of(freq)
    starts = periods.start_time
    steps = pd.DatetimeIndex([offset.rollforward(start) for start in starts])
    return pd.DatetimeIndex(steps.where(steps <= periods.end_time, starts))


def are_steps(times: pd.DatetimeIndex, freq: str) -> bool:
    """Whether the times can all be steps of the calendar frequency."""
    offset = offset_of(freq)
    if isinstance(offset, Tick | Day):
        return not equal_steps(times, offset)[1].any()
    if current_name(freq).lstrip("0123456789") == "W":
        return times.day_of_week.nunique() == 1
    return all(map(offset.is_on_offset, times))


def equal_steps(times: pd.DatetimeIndex, offset: Tick | Day) -> tuple[np.ndarray, np.ndarray]:
    """The number of the step of each time from the first on, and the nanoseconds after it.

    The times are without a zone, so that a day is always as long.
    """
    step = pd.Timedelta(days=offset.n) if isinstance(offset, Day) else pd.Timedelta(offset)
    # Without a sign: spans of more than 292 years do not fit into signed nanoseconds.
    since = times.as_unit("ns").asi8.view("uint64")
    since = since - times.min().as_unit("ns").to_numpy().view("int64").astype("uint64")
    number, after = np.divmod(since, np.uint64(step.as_unit("ns").value))
    return np.minimum(number, np.uint64(2**62)).astype("int64"), after
