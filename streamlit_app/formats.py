"""Numbers, days and moments as French and English readers write them.

Sentences are in `texts.py`. All functions return text and never raise on a missing value.
"""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Language = Literal["fr", "en"]
LANGUAGES: dict[Language, str] = {"fr": "Français", "en": "English"}

MISSING = "–"
_THIN = "\u202f"  # French thousands and signs: narrow, never broken over two lines
_MINUS = "\u2212"

_WEEKDAYS = {
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_WEEKDAYS_SHORT = {
    "fr": ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."),
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
_MONTHS = {
    "fr": (
        *("janvier", "février", "mars", "avril", "mai", "juin"),
        *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
    ),
    "en": (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
}
# What the clock shows twice when it is put back: first in summer time, then in winter time.
_TWICE = {"fr": ("heure d’été", "heure d’hiver"), "en": ("summer time", "winter time")}
_MONTHS_SHORT = {
    "fr": (
        *("janv.", "févr.", "mars", "avr.", "mai", "juin"),
        *("juil.", "août", "sept.", "oct.", "nov.", "déc."),
    ),
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}


def is_missing(value: float | None) -> bool:
    """Whether there is no number: None or NaN."""
    return value is None or math.isnan(value)


def number(value: float | None, language: Language, decimals: int = 0) -> str:
    """48213.4 -> "48,213" or "48 213"; a missing value is a dash, never zero."""
    if value is None or math.isnan(value):
        return MISSING
    text = f"{abs(value):,.{decimals}f}"
    if language == "fr":
        text = text.replace(",", _THIN).replace(".", ",")
    negative = value < 0 and any(digit in text for digit in "123456789")
    return f"{_MINUS}{text}" if negative else text


def rounded(value: float | None, language: Language) -> str:
    """A number for a sentence: to hundreds from 10,000, to tens from 1,000, else whole."""
    if value is None or math.isnan(value):
        return MISSING
    step = 100 if abs(value) >= 10_000 else 10 if abs(value) >= 1_000 else 1
    return number(round(value / step) * step, language)


def percent(
    share: float | None, language: Language, decimals: int = 0, *, signed: bool = False
) -> str:
    """A share of 1 in per cent: 0.0293 -> "2.9%" or "2,9 %"; `signed` shows the plus too."""
    if share is None or math.isnan(share):
        return MISSING
    text = number(share * 100, language, decimals)
    if signed and share > 0 and any(digit in text for digit in "123456789"):
        text = f"+{text}"
    return f"{text}{_THIN}%" if language == "fr" else f"{text}%"


def chance(probability: float | None, language: Language) -> str:
    """A probability in per cent; what is not certain is never said to be: "> 99%", "< 1%"."""
    if probability is not None and 0.0 < probability < 0.005:
        return f"< {percent(0.01, language)}"
    if probability is not None and 0.995 <= probability < 1.0:
        return f"> {percent(0.99, language)}"
    return percent(probability, language)


def lasting(days: float | None, language: Language, *, signed: bool = False) -> str:
    """Days as people say them: 2.875 -> "2 d 21 h" or "2 j 21 h", 0.3 -> "7 h", 0.01 -> "14 min".

    `signed` shows the plus too.
    """
    if days is None or math.isnan(days):
        return MISSING
    minutes = round(abs(days) * 1440)
    if minutes < 60:
        text = f"{minutes} min"
    else:
        whole, hours = divmod(round(minutes / 60), 24)
        day = "j" if language == "fr" else "d"
        parts = [f"{number(whole, language)} {day}"] if whole else []
        parts += [f"{hours} h"] if hours else []
        text = " ".join(parts)
    sign = _MINUS if days < 0 else "+" if signed else ""
    return f"{sign}{text}" if minutes else text


def long_day(day: date, language: Language, *, year: bool = False) -> str:
    """ "Friday 12 December" or "vendredi 12 décembre", with the year if asked."""
    ordinal = "1er" if language == "fr" and day.day == 1 else str(day.day)
    text = f"{_WEEKDAYS[language][day.weekday()]} {ordinal} {_MONTHS[language][day.month - 1]}"
    return f"{text} {day.year}" if year else text


def short_day(day: date, language: Language, *, weekday: bool = True) -> str:
    """ "Fri 12 Dec" or "ven. 12 déc."."""
    text = f"{day.day} {_MONTHS_SHORT[language][day.month - 1]}"
    return f"{_WEEKDAYS_SHORT[language][day.weekday()]} {text}" if weekday else text


def weekday(iso: int, language: Language, *, short: bool = False) -> str:
    """The ISO weekday 1 is "Monday" or "lundi", in short "Mon" or "lun."."""
    return (_WEEKDAYS_SHORT if short else _WEEKDAYS)[language][iso - 1]


def long_month(day: date, language: Language) -> str:
    """ "December 2025" or "décembre 2025"."""
    return f"{_MONTHS[language][day.month - 1]} {day.year}"


def short_month(day: date, language: Language) -> str:
    """ "Dec 2025" or "déc. 2025"."""
    return f"{_MONTHS_SHORT[language][day.month - 1]} {day.year}"


def moment(at: datetime | None, language: Language, timezone: str) -> str:
    """A UTC moment on the reader's clock: "Fri 12 Dec 2025, 01:00"."""
    if at is None:
        return MISSING
    local = at.astimezone(ZoneInfo(timezone))
    return f"{short_day(local.date(), language)} {local.year}, {local:%H:%M}"


def clock(at: datetime, language: Language, timezone: str) -> str:
    """A UTC moment as the local clock shows it: "02:00", with the season where that comes twice."""
    local = at.astimezone(ZoneInfo(timezone))
    return f"{local:%H:%M}{_season(local, language)}"


def hour_span(end: datetime, language: Language, timezone: str) -> str:
    """The hour that ends at a UTC moment, on the clock in force as it begins: "07:00–08:00"."""
    begin = (end - timedelta(hours=1)).astimezone(ZoneInfo(timezone))
    wall = begin.replace(tzinfo=None)
    return f"{wall:%H:%M}–{wall + timedelta(hours=1):%H:%M}{_season(begin, language)}"


def local_day(end: datetime, timezone: str) -> date:
    """The local day in which the hour lies that ends at a UTC moment."""
    return (end - timedelta(hours=1)).astimezone(ZoneInfo(timezone)).date()


def comes_twice(local: datetime) -> bool:
    """Whether the clock shows this local moment twice, as on a day of 25 hours."""
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def _season(local: datetime, language: Language) -> str:
    return f" ({_TWICE[language][local.fold]})" if comes_twice(local) else ""


def capitalised(text: str) -> str:
    """The first letter raised, the rest as it is."""
    return text[:1].upper() + text[1:]
