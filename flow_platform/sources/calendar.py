"""The calendar: what is known beforehand of each day at each centre.

Holidays themselves are in `public_holidays.py` and `school_holidays.py`, events in `events.py`.
All days are local days of the centre.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import pandas as pd

from flow_platform.ground.columns import CALENDAR_FACTS
from flow_platform.ground.local_time import days_index
from flow_platform.sources.centres import Centre
from flow_platform.sources.events import concerns
from flow_platform.sources.public_holidays import public_holidays, weekend
from flow_platform.sources.school_holidays import school_holidays

FIRST_DAY = date(2005, 1, 1)
LAST_DAY = date(2030, 12, 31)
# Farther than this no volume is shaped by a holiday, and an open-ended number would let a model
# recognise the year.
FARTHEST_HOLIDAY = 30

CALENDAR_COLUMNS = ("centre_id", "day", *CALENDAR_FACTS)


def _names(found: dict[date, str], days: Sequence[date]) -> np.ndarray:
    return np.array([found.get(day) for day in days], dtype=object)


def _days_since(marked: np.ndarray) -> np.ndarray:
    """Days since the last marked day, 0 on it, capped."""
    positions = np.arange(len(marked))
    last = np.maximum.accumulate(np.where(marked, positions, -(10**6)))
    return np.minimum(positions - last, FARTHEST_HOLIDAY)


@lru_cache(maxsize=64)
def _place_calendar(
    country: str | None, subdivision: str | None, zone: str | None, first: date, last: date
) -> pd.DataFrame:
    """The days of all centres that share country, subdivision and school zone."""
    margin = timedelta(days=FARTHEST_HOLIDAY + 1)
    index = days_index(first - margin, last + margin)
    days = [stamp.date() for stamp in index]
    found = public_holidays(country, subdivision, days[0].year, days[-1].year)
    holiday = _names(found, days)
    is_holiday = np.array([name is not None for name in holiday], dtype=bool)
    weekday = index.day_of_week.to_numpy()
    is_free = is_holiday | np.isin(weekday, list(weekend(country)))
    before, after = np.roll(is_free, 1), np.roll(is_free, -1)
    next_to_holiday = np.roll(is_holiday, 1) | np.roll(is_holiday, -1)
    school = _names(school_holidays(zone, days[-1].year), days)
    frame = pd.DataFrame(
        {
            "day": index,
            "weekday": weekday.astype("int32"),
            "holiday": holiday,
            "is_public_holiday": is_holiday,
            "is_bridge_day": ~is_free & before & after & next_to_holiday,
            "is_school_holiday": [name is not None for name in school],
            "school_holiday": school,
            "days_to_holiday": _days_since(is_holiday[::-1])[::-1].astype("int32"),
            "days_since_holiday": _days_since(is_holiday).astype("int32"),
            "is_month_start": index.is_month_start,
            "is_month_end": index.is_month_end,
        }
    )
    inside = (frame["day"] >= pd.Timestamp(first)) & (frame["day"] <= pd.Timestamp(last))
    return frame.loc[inside].reset_index(drop=True)


def _events_by_day(
    centre: Centre, events: pd.DataFrame, first: date, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Name of each day's event or None, and the day it was announced (NaT: always known)."""
    names = np.full(length, None, dtype=object)
    announced = np.full(length, np.datetime64("NaT"), dtype="datetime64[us]")
    origin = pd.Timestamp(first)
    begins = (pd.to_datetime(events["first_day"]) - origin).dt.days
    ends = (pd.to_datetime(events["last_day"]) - origin).dt.days
    known_since = pd.to_datetime(events["announced"]).to_numpy().astype("datetime64[us]")
    rows = zip(events["scope"], events["name"], begins, ends, known_since, strict=True)
    for scope, name, begin, end, day in rows:
        if not concerns(str(scope), centre):
            continue
        span = slice(max(begin, 0), max(min(end + 1, length), 0))
        announced[span] = np.fmax(announced[span], day)
        for position in range(max(begin, 0), min(end + 1, length)):
            known = names[position]
            names[position] = name if known is None else f"{known}; {name}"
    return names, announced


def build_calendar(
    centres: Sequence[Centre],
    events: pd.DataFrame,
    first: date = FIRST_DAY,
    last: date = LAST_DAY,
) -> pd.DataFrame:
    """One row per centre and local day from `first` to `last`, with CALENDAR_COLUMNS.

    `day` is datetime64[us]; names are text or None, several events of a day joined with "; ".
    A bridge day is a working day with a free day on either side, one of them a public holiday
    (the weekend is the country's own). Distances to the nearest holiday are 0 on a holiday and
    capped at 30 days; without holidays they are 30. `events` has the columns of `read_events`;
    event_announced is the day on which the day's event became known, NaT if it always was.
    Centres without a known country have rows without holidays; school holidays after the official
    calendar's end are estimates (see `school_holidays.py`).
    """
    parts = []
    for centre in centres:
        shared = _place_calendar(
            centre.country, centre.subdivision, centre.school_zone, first, last
        )
        part = shared.copy()
        part.insert(0, "centre_id", centre.centre_id)
        names, announced = _events_by_day(centre, events, first, len(part))
        part["event"] = names
        part["is_event"] = part["event"].notna()
        part["event_announced"] = announced
        parts.append(part)
    if not parts:
        return pd.DataFrame(columns=list(CALENDAR_COLUMNS))
    calendar = pd.concat(parts, ignore_index=True)
    for column in ("centre_id", "holiday", "school_holiday", "event"):
        values = calendar[column].astype(object)
        calendar[column] = values.where(values.notna(), None)
    return calendar[list(CALENDAR_COLUMNS)]
