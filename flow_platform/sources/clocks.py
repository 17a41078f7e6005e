"""Moments of sources as local days and as UTC, whatever clock they are written in.

How a moment is written is in `dates.py`; days of centres are in `ground/local_time.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from flow_platform.ground.local_time import local_midnight_after
from flow_platform.sources import values
from flow_platform.sources.dates import DateForm
from flow_platform.sources.judging import Reasons
from flow_platform.sources.tables import Column

NO_MOMENT = np.datetime64("NaT", "us")


@lru_cache(maxsize=4096)
def zone(timezone: str) -> ZoneInfo:
    """The rules of a time zone, read once."""
    return ZoneInfo(timezone)


def today_in(timezone: str, now: datetime) -> date:
    """The local day at `now` (aware)."""
    return now.astimezone(zone(timezone)).date()


def naive(at: datetime) -> np.datetime64:
    """An aware moment as naive UTC, in microseconds."""
    return np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "us")


def local_day(at: Any, timezone: str) -> date | None:
    """The local day of a day or moment; a moment without an offset is local already."""
    if not isinstance(at, datetime):
        return at if isinstance(at, date) else None
    if at.tzinfo is None:
        return at.date()
    try:
        return at.astimezone(zone(timezone)).date()
    except (OverflowError, ValueError):
        return at.date()


def naive_utc(at: Any, timezone: str) -> datetime | None:
    """A day or moment as naive UTC; without an offset it is local time."""
    if not isinstance(at, date):
        return None
    if not isinstance(at, datetime):
        at = datetime(at.year, at.month, at.day)
    try:
        if at.tzinfo is None:
            # fold=1: an hour that occurs twice counts as its second turn, never as too early.
            at = at.replace(tzinfo=zone(timezone), fold=1)
        return at.astimezone(UTC).replace(tzinfo=None)
    except (OverflowError, ValueError):
        return None


def local_in_utc(
    local: Any,
    timezone: str,
    *,
    first_turn: bool,
    skipped: Literal["NaT", "shift_forward"] = "NaT",
) -> np.ndarray:
    """Local moments (datetime64[us]) as naive UTC.

    A moment in the hour that occurs twice in autumn is in its first turn (summer time) or in its
    second; one in the hour that is skipped in spring is NaT, or the first moment after it.
    """
    index = pd.DatetimeIndex(local)
    turns = np.full(len(index), first_turn)
    utc = index.tz_localize(timezone, ambiguous=turns, nonexistent=skipped).tz_convert("UTC")
    return np.asarray(utc.tz_localize(None).as_unit("us").to_numpy())


def midnights_after(days: Sequence[date | None], timezones: Sequence[str]) -> np.ndarray:
    """The local midnight after each day in its time zone, naive UTC; NaT without a day."""
    over = np.full(len(days), NO_MOMENT)
    for timezone in dict.fromkeys(timezones):
        places = [
            place
            for place, (day, one) in enumerate(zip(days, timezones, strict=True))
            if one == timezone and day is not None
        ]
        index = pd.DatetimeIndex(np.array([days[place] for place in places], dtype="M8[us]"))
        over[places] = local_midnight_after(index, timezone).tz_localize(None)
    return over


def day_fault(found: date | None, name: str, today: date) -> str | None:
    """Why a day cannot be one of the facts, or None: before 2005, or still in the future."""
    if found is None:
        return f"wrong_type: {name} cannot be read"
    if found < values.EARLIEST_DAY:
        return f"before_2005: {name} is {found}, before {values.EARLIEST_DAY}"
    if found > today:
        return f"future_day: {name} is {found}, the centre's day is still {today}"
    return None


def hold_back(
    stated: Column,
    form: DateForm,
    available_at: np.ndarray,
    timezones: np.ndarray,
    reasons: Reasons,
) -> None:
    """Put off `available_at` (naive UTC) to the stated moments that are later, in place.

    Only good rows are looked at; one whose moment cannot be read is rejected.
    """
    found = stated.parsed(lambda value: form.stated(value, "available_at"))
    for place in np.flatnonzero(reasons.good).tolist():
        at, fault = found[stated.codes[place]]
        if fault is not None and fault.startswith("missing_value"):
            continue
        known = naive_utc(at, timezones[place])
        if known is None:
            reasons.at(place, fault or "impossible_date: available_at cannot be read")
        else:
            available_at[place] = max(available_at[place], np.datetime64(known, "us"))
