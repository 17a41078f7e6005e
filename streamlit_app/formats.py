"""Numbers, days and moments as French and English readers write them.

Sentences are in `texts/`. All functions return text and never raise on a missing value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from streamlit_app.texts import Language

LANGUAGE_NAMES: dict[Language, str] = {"fr": "Français", "en": "English"}

MISSING = "–"
_THIN = "\u202f"  # French thousands and signs: narrow, never broken over two lines
_MINUS = "\u2212"

_WEEKDAYS: dict[Language, tuple[str, ...]] = {
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_WEEKDAYS_SHORT: dict[Language, tuple[str, ...]] = {
    "fr": ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."),
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
_MONTHS: dict[Language, tuple[str, ...]] = {
    "fr": (
        *("janvier", "février", "mars", "avril", "mai", "juin"),
        *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
    ),
    "en": (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
}
_MONTHS_SHORT: dict[Language, tuple[str, ...]] = {
    "fr": (
        *("janv.", "févr.", "mars", "avr.", "mai", "juin"),
        *("juil.", "août", "sept.", "oct.", "nov.", "déc."),
    ),
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}
# The two hours that a clock shows when it is put back: first in summer time, then in winter time.
_TWICE: dict[Language, tuple[str, str]] = {
    "fr": ("heure d’été", "heure d’hiver"),
    "en": ("summer time", "winter time"),
}


@dataclass(frozen=True)
class Formats:
    """How the readers of one language write numbers, days and moments."""

    language: Language

    @property
    def is_french(self) -> bool:
        """Whether the reader's language is French."""
        return self.language == "fr"

    @property
    def colon(self) -> str:
        """What separates a name from its number."""
        return f"{_THIN}: " if self.is_french else ": "

    def number(self, value: float | None, decimals: int = 0) -> str:
        """48213.4 -> "48,213" or "48 213"; a missing value is a dash, never zero."""
        if value is None or math.isnan(value):
            return MISSING
        text = f"{abs(value):,.{decimals}f}"
        if self.is_french:
            text = text.replace(",", _THIN).replace(".", ",")
        return f"{_MINUS}{text}" if value < 0 and _is_not_zero(text) else text

    def rounded(self, value: float | None) -> str:
        """A number for a sentence: to hundreds from 10,000, to tens from 1,000, else whole."""
        if value is None or math.isnan(value):
            return MISSING
        step = 100 if abs(value) >= 10_000 else 10 if abs(value) >= 1_000 else 1
        return self.number(round(value / step) * step)

    def percent(self, share: float | None, decimals: int = 0, *, signed: bool = False) -> str:
        """A share of 1 in per cent: 0.0293 -> "2.9%" or "2,9 %"; `signed` shows the plus too."""
        if share is None or math.isnan(share):
            return MISSING
        text = self.number(share * 100, decimals)
        if signed and share > 0 and _is_not_zero(text):
            text = f"+{text}"
        return f"{text}{_THIN}%" if self.is_french else f"{text}%"

    def chance(self, probability: float | None) -> str:
        """A probability in per cent; only certainty is shown as such: "> 99%", "< 1%"."""
        if probability is not None and 0.0 < probability < 0.005:
            return f"< {self.percent(0.01)}"
        if probability is not None and 0.995 <= probability < 1.0:
            return f"> {self.percent(0.99)}"
        return self.percent(probability)

    def duration(self, days: float | None, *, signed: bool = False) -> str:
        """Days and hours: 2.875 -> "2 d 21 h" or "2 j 21 h", 0.3 -> "7 h", 0.01 -> "14 min".

        `signed` shows the plus too.
        """
        if days is None or math.isnan(days):
            return MISSING
        minutes = round(abs(days) * 1440)
        if minutes < 60:
            text = f"{minutes} min"
        else:
            whole, hours = divmod(round(minutes / 60), 24)
            day = "j" if self.is_french else "d"
            parts = [f"{self.number(whole)} {day}"] if whole else []
            parts += [f"{hours} h"] if hours else []
            text = " ".join(parts)
        sign = _MINUS if days < 0 else "+" if signed else ""
        return f"{sign}{text}" if minutes else text

    def long_day(self, day: date, *, year: bool = False) -> str:
        """ "Friday 12 December" or "vendredi 12 décembre", with the year if asked."""
        ordinal = "1er" if self.is_french and day.day == 1 else str(day.day)
        month = _MONTHS[self.language][day.month - 1]
        text = f"{_WEEKDAYS[self.language][day.weekday()]} {ordinal} {month}"
        return f"{text} {day.year}" if year else text

    def short_day(self, day: date, *, weekday: bool = True, year: bool = False) -> str:
        """ "Fri 12 Dec" or "ven. 12 déc.", with the year if asked."""
        text = f"{day.day} {_MONTHS_SHORT[self.language][day.month - 1]}"
        text = f"{_WEEKDAYS_SHORT[self.language][day.weekday()]} {text}" if weekday else text
        return f"{text} {day.year}" if year else text

    def weekday(self, iso: int, *, short: bool = False) -> str:
        """The ISO weekday 1 is "Monday" or "lundi", in short "Mon" or "lun."."""
        return (_WEEKDAYS_SHORT if short else _WEEKDAYS)[self.language][iso - 1]

    def long_month(self, day: date) -> str:
        """ "December 2025" or "décembre 2025"."""
        return f"{_MONTHS[self.language][day.month - 1]} {day.year}"

    def short_month(self, day: date) -> str:
        """ "Dec 2025" or "déc. 2025"."""
        return f"{_MONTHS_SHORT[self.language][day.month - 1]} {day.year}"

    def moment(self, at: datetime | None, timezone: str) -> str:
        """A UTC moment on the local clock: "Fri 12 Dec 2025, 01:00"."""
        if at is None or at != at:  # NaT differs from itself
            return MISSING
        local = at.astimezone(ZoneInfo(timezone))
        return f"{self.short_day(local.date(), year=True)}, {local:%H:%M}"

    def clock(self, at: datetime, timezone: str) -> str:
        """A UTC moment on the local clock: "02:00", with the season where that occurs twice."""
        local = at.astimezone(ZoneInfo(timezone))
        return f"{local:%H:%M}{self._season(local)}"

    def hour_span(self, end: datetime, timezone: str) -> str:
        """The hour that ends at a UTC moment, on the clock in force at its start: "07:00–08:00"."""
        begin = (end - timedelta(hours=1)).astimezone(ZoneInfo(timezone))
        wall = begin.replace(tzinfo=None)
        return f"{wall:%H:%M}–{wall + timedelta(hours=1):%H:%M}{self._season(begin)}"

    def hour(self, hour: int) -> str:
        """An hour of the day by its beginning: "08:00" or "8 h"."""
        return f"{hour}{_THIN}h" if self.is_french else f"{hour:02d}:00"

    def _season(self, local: datetime) -> str:
        return f" ({_TWICE[self.language][local.fold]})" if comes_twice(local) else ""


def is_missing(value: float | None) -> bool:
    """Whether there is no number: None or NaN."""
    return value is None or math.isnan(value)


def local_day(end: datetime, timezone: str) -> date:
    """The local day that contains the hour which ends at a UTC moment."""
    return (end - timedelta(hours=1)).astimezone(ZoneInfo(timezone)).date()


def comes_twice(local: datetime) -> bool:
    """Whether the clock shows this local moment twice, as on a day of 25 hours."""
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def capitalised(text: str) -> str:
    """The first letter raised, the rest as it is."""
    return text[:1].upper() + text[1:]


def _is_not_zero(text: str) -> bool:
    return any(digit in text for digit in "123456789")
