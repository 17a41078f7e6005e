"""The marketplace's days: which are days of work and of deliveries, and how busy each is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import pandas as pd

from flow_platform.flows.deliveries.simulator.parameters import WEEKDAYS
from flow_platform.sources.public_holidays import public_holidays, weekend

ORIGIN, END = date(2004, 1, 1), date(2041, 1, 1)
EPOCH = date(1970, 1, 1)
FIRST_ORDINAL = (ORIGIN - EPOCH).days


@dataclass(frozen=True)
class Days:
    """One value for each day since ORIGIN, in arrays of shape (days,).

    working, delivering   the next day of work and of deliveries, at or after it (days since 1970)
    orders, handling, roads   how busy it is against a usual day: factors
    """

    working: np.ndarray
    delivering: np.ndarray
    orders: np.ndarray
    handling: np.ndarray
    roads: np.ndarray


@lru_cache(maxsize=8)
def days_of(country: str | None) -> Days:
    """The days of a marketplace with the public holidays and the weekend of `country`."""
    days = pd.date_range(ORIGIN, END, freq="D")
    holidays = public_holidays(country, None, ORIGIN.year, END.year)
    is_holiday = np.array([day.date() in holidays for day in days])
    weekday = days.day_of_week.to_numpy()
    works = ~is_holiday & ~np.isin(weekday, list(weekend(country)))
    delivers = ~is_holiday & (weekday != 6)
    # The week that begins with the fourth Friday of November, and the weeks before Christmas.
    friday = np.array([_fourth_friday(day.year) for day in days])
    ordinal = np.arange(len(days)) + FIRST_ORDINAL
    since = ordinal - friday
    rush, gifts = (since >= 0) & (since < 7), (days.month == 12) & (days.day >= 8)
    gifts &= days.day <= 22
    season = 1 + 0.12 * np.sin(2 * np.pi * (days.day_of_year.to_numpy() - 230) / 365.25)
    winter = 1 + 0.03 * np.cos(2 * np.pi * (days.day_of_year.to_numpy() - 20) / 365.25)
    return Days(
        _next_true(works, ordinal),
        _next_true(delivers, ordinal),
        season * WEEKDAYS[weekday] * np.where(rush, 2.3, 1.0) * np.where(gifts, 1.35, 1.0),
        np.where(rush, 1.2, 1.0) * np.where(gifts, 1.1, 1.0),
        winter * np.where(rush | ((since >= 7) & (since < 12)), 1.06, 1.0),
    )


def next_opening(days: np.ndarray, at: np.ndarray, opens: float, closes: float) -> np.ndarray:
    """Moments (days since 1970, local) moved to the next day of `days`, within opening hours.

    `days` is `Days.working` or `Days.delivering`; `opens` and `closes` are fractions of a day.
    """
    day = np.floor(at)
    found = days[day.astype("i8") - FIRST_ORDINAL]
    return np.asarray(found + opens + (at - day) * (closes - opens))


@lru_cache(maxsize=64)
def _fourth_friday(year: int) -> int:
    first = date(year, 11, 1)
    friday = first + timedelta(days=(4 - first.weekday()) % 7 + 21)
    return (friday - EPOCH).days


def _next_true(flags: np.ndarray, ordinal: np.ndarray) -> np.ndarray:
    """For each day the first flagged day at or after it."""
    marked = np.where(flags, ordinal, np.iinfo("i8").max)
    return np.minimum.accumulate(marked[::-1])[::-1]
