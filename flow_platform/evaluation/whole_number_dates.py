"""Which way of writing dates as numbers a panel has.

A file has one reading or is refused. The ways that there are: `ground/number_dates.py`. Dates that
are written as text are read in `panel_times`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from flow_platform.evaluation.frequency import are_steps, can_be_named_by, days_of, is_within_a_day
from flow_platform.ground.errors import ModelError
from flow_platform.ground.number_dates import EXCEL, READINGS, NumberReading

# Share of values that fit a reading from which the others are taken for errors, not for counts.
_MOST = 0.5
# Counts from 1 on pass through Excel's serials.
_NEARLY_ALL = 0.9
_REMEDY = "Write ISO dates such as 2024-01-31, or give --freq 1 if they count steps."


def read_numbers(numbers: np.ndarray, freq: str, where: str) -> pd.DatetimeIndex | None:
    """The dates that all numbers of a file are, UTC without a zone; None where they count steps.

    `freq` is a frequency of the calendar, `where` names the file. Raises ModelError that names the
    likeness where more than one reading fits, where most but not all numbers fit one, and where
    the frequency has no step that is written so.
    """
    found = {reading: reading.read(numbers) for reading in READINGS}
    known = {reading: np.asarray(dates.notna()) for reading, dates in found.items()}
    fitting = [reading for reading in READINGS if known[reading].all()]
    # Numbers of weeks up to 12 are months too; the frequency tells which.
    if len(fitting) > 1:
        fitting = [r for r in fitting if r.period != "W"]
    # 2024033000 can be epoch seconds of 2034; only as hours are such numbers an hour apart.
    if len(fitting) > 1:
        fitting = [r for r in fitting if are_steps(found[r], freq)] or fitting
    if len(fitting) > 1:
        names = " and like ".join(reading.name for reading in fitting)
        raise ModelError(f"{where}: ds are whole numbers that look like {names}. {_REMEDY}")
    if fitting:
        return _with_frequency(fitting[0], found[fitting[0]], numbers, freq, where)
    _refuse_likeness(known, numbers, where)
    return None


def _with_frequency(
    reading: NumberReading, dates: pd.DatetimeIndex, numbers: np.ndarray, freq: str, where: str
) -> pd.DatetimeIndex:
    """The dates of a reading as steps of the frequency.

    Raises ModelError where the frequency has no steps that are written so.
    """
    serials_without_hours = (
        reading.low == EXCEL[0] and is_within_a_day(freq) and bool((numbers % 1 == 0).all())
    )
    if serials_without_hours or (reading.period and not can_be_named_by(freq, reading.period)):
        raise ModelError(
            f"{where}: ds are whole numbers that look like {reading.name}, which name no step of"
            f" --freq {freq}. {_REMEDY}"
        )
    return days_of(dates.to_period(reading.period), freq) if reading.period else dates


def _refuse_likeness(
    known: dict[NumberReading, np.ndarray], numbers: np.ndarray, where: str
) -> None:
    """Raises ModelError where most numbers look like dates, though not all of them."""
    likely = [
        reading
        for reading, fits in known.items()
        if fits.mean() > (_NEARLY_ALL if reading.low == EXCEL[0] else 0)
    ]
    fits_any = np.logical_or.reduce([known[r] for r in likely]) if likely else np.zeros(1, bool)
    if fits_any.mean() < _MOST:
        return
    shares = sorted(likely, key=lambda reading: -known[reading].mean())
    other = numbers[~known[shares[0]]][0]
    raise ModelError(
        f"{where}: ds are whole numbers that look like {shares[0].name}, but {other:.15g} is none"
        f" of them. Correct it. {_REMEDY}"
    )
