"""Dates and moments as texts: the forms in which people write them, and each as ISO.

Which of two orders a source or a panel means is decided by their readers; dates that are written as
numbers are in `number_dates.py`.
"""

from __future__ import annotations

import calendar
import re
from datetime import date, datetime, timedelta

CLOCK = r"\d{1,2}(?::\d{2}(?::\d{2}(?:\.\d+)?)?)?"
OFFSET = r"(?:[Zz]|[+-]\d{2}(?::?\d{2})?)"

# A date and what follows it: a time of day, with AM or PM, and an offset from UTC.
MOMENT = re.compile(
    r"(?P<date>.+?)(?:(?:[T ]|, ?) ?(?P<hour>\d{1,2})(?P<rest>:\d{2}(?::\d{2}(?:\.\d+)?)?)"
    rf" ?(?P<half>[AaPp]\.?[Mm]\.?)?(?P<offset> ?{OFFSET})?|(?P<zone>[Zz]|[+-]\d\d:\d\d))?",
    re.ASCII,
)
YEAR_FIRST = re.compile(r"(\d{4})(?:([-/.])(\d{1,2})\2(\d{1,2})|(\d\d)(\d\d))", re.ASCII)
YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})", re.ASCII)
DAY_NAMED = re.compile(r"(\d{1,2})[-/. ]+([A-Za-z]{3,9})[-/., ]+(\d{4})", re.ASCII)
MONTH_NAMED = re.compile(r"([A-Za-z]{3,9})[-/. ]+(\d{1,2}),? +(\d{4})", re.ASCII)
_MONTHS = tuple(name.casefold() for name in calendar.month_name)

# ISO 8601 as it is read here. Its weeks and ordinal days, which Python reads too, are not.
_ISO = re.compile(r"\d{4}(-?)\d\d\1\d\d(?:[T ].+)?", re.ASCII)
# The end of a day may be written as its hour 24.
_HOUR_24 = re.compile(
    r"(\d{4}(-?)\d{2}\2\d{2}[T ])24((?::?00){0,2}(?:[.,]0+)?(?:Z|[+-].+)?)", re.ASCII
)
_WEEK = re.compile(r"(\d{4})-?[Ww](\d{1,2})(?:-?\d)?(?:[T ].*)?", re.ASCII)
_ORDINAL = re.compile(r"(\d{4})-(\d{3})(?:[T ].*)?", re.ASCII)
_MONTH = re.compile(r"\d{4}[-/.]\d{1,2}|\d{1,2}[-/.]\d{4}", re.ASCII)
_QUARTER = re.compile(r"\d{4}[- ]?Q[1-4]|Q[1-4][- ]?\d{4}", re.ASCII | re.IGNORECASE)


def moment_of_iso(text: str) -> date | datetime:
    """The day, or the moment (aware or naive), of an ISO 8601 text; 24:00 is the next day's 00:00.

    Raises ValueError or OverflowError where it is none, also for weeks and ordinal days.

    >>> moment_of_iso("2024-01-31 24:00")
    datetime.datetime(2024, 2, 1, 0, 0)
    """
    if not is_iso(text):
        raise ValueError(f"{text!r} is no day or moment such as 2025-12-31 18:30:00")
    if len(text) <= 10:
        return date.fromisoformat(text)
    if text[8:13].find("24") < 0 or (at_24 := _HOUR_24.fullmatch(text)) is None:
        return datetime.fromisoformat(text)
    return datetime.fromisoformat(f"{at_24[1]}00{at_24[3]}") + timedelta(days=1)


def is_iso(text: str) -> bool:
    """Whether a text has the form of an ISO 8601 day or moment, be it possible or not."""
    return _ISO.fullmatch(text) is not None


def day_of_iso(text: str) -> date:
    """The day of an ISO 8601 text without a time. Raises ValueError where it is none."""
    found = moment_of_iso(text)
    if isinstance(found, datetime):
        raise ValueError(f"{text!r} is no day such as 2025-12-31")
    return found


def why_no_day(text: str) -> str | None:
    """What a text is that names a week, a month or the like, and what to write in its place."""
    if week := _WEEK.fullmatch(text):
        try:
            monday = f", its Monday {date.fromisocalendar(int(week[1]), int(week[2]), 1)}"
        except ValueError:
            monday = ""
        return f"an ISO week, which is no day. Write its first day{monday}"
    if ordinal := _ORDINAL.fullmatch(text):
        try:
            of_year = date(int(ordinal[1]), 1, 1) + timedelta(days=int(ordinal[2]) - 1)
        except (ValueError, OverflowError):
            return None
        return f"the number of a day in its year, which is not read. Write {of_year}"
    if _MONTH.fullmatch(text):
        return "a month, which is no day"
    return "a quarter, which is no day" if _QUARTER.fullmatch(text) else None


def iso_day(year: str, month: int, day: int) -> str:
    """A day as ISO, "" where there is none."""
    try:
        return date(int(year), month, day).isoformat()
    except ValueError:
        return ""


def year_first(text: str) -> str | None:
    """2024/01/31, 2024.1.31 and 20240131 as an ISO day, "" for an impossible one, else None."""
    parts = YEAR_FIRST.fullmatch(text)
    if parts is None:
        return None
    return iso_day(parts[1], int(parts[3] or parts[5]), int(parts[4] or parts[6]))


def month_by_name(text: str) -> str | None:
    """31 Jan 2024, 31-January-2024 and January 31, 2024 as ISO days; None, "" as above."""
    if parts := DAY_NAMED.fullmatch(text):
        day, name, year = parts.groups()
    elif parts := MONTH_NAMED.fullmatch(text):
        name, day, year = parts.groups()
    else:
        return None
    months = [n for n, month in enumerate(_MONTHS) if month.startswith(name.casefold())]
    return iso_day(year, months[0], int(day)) if len(months) == 1 else None


def iso_clock(moment: re.Match[str] | None) -> str:
    """What follows the date of a MOMENT as in ISO: "" for a whole day; hour 99 where none is so."""
    if moment is None or not (moment["hour"] or moment["zone"]):
        return ""
    hour, half = int(moment["hour"] or 0), (moment["half"] or "").casefold()[:1]
    if half and not 1 <= hour <= 12:
        return " 99"
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return (
        f" {hour:02d}{moment['rest'] or ':00'}{(moment['offset'] or moment['zone'] or '').strip()}"
    )
