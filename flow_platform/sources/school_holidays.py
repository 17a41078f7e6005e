"""School holidays of the French zones A, B and C.

Official days come from the package `vacances-scolaires-france` (the Ministry's calendar as
published on data.gouv.fr); it covers 1990 to 31 August 2028 in the version locked here. Days
after the last official one are ESTIMATES made by the rules below, not published dates. Corsica
and the overseas departments keep calendars of their own, which are not here.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from importlib import resources

from flow_platform.sources.public_holidays import public_holidays

ZONES = ("A", "B", "C")

# The order in which the zones leave in February turns with a period of three years:
# 2026 A B C, 2027 C A B, 2028 B C A in the official calendar.
_WINTER_ORDER = (("B", "C", "A"), ("A", "B", "C"), ("C", "A", "B"))


@lru_cache(maxsize=1)
def _official() -> dict[str, dict[date, str]]:
    # Read as UTF-8 here: the package opens its own file in the locale's encoding.
    place = resources.files("vacances_scolaires_france").joinpath("data/data.csv")
    zones: dict[str, dict[date, str]] = {zone: {} for zone in ZONES}
    for row in csv.DictReader(place.read_text(encoding="utf-8").splitlines()):
        for zone in ZONES:
            if row[f"vacances_zone_{zone.lower()}"] == "True":
                zones[zone][date.fromisoformat(row["date"])] = row["nom_vacances"]
    return zones


def official_until() -> date:
    """The last day of the official calendar; school holidays after it are estimates."""
    return max(day for days in _official().values() for day in days)


def _saturday_from(day: date) -> date:
    return day + timedelta(days=(5 - day.weekday()) % 7)


def _span(first: date, days: int, name: str) -> Iterator[tuple[date, str]]:
    for offset in range(days):
        yield first + timedelta(days=offset), name


def estimated_school_year(zone: str, year: int) -> dict[date, str]:
    """Estimated school holidays of the school year that begins in September of `year`.

    All breaks start on a Saturday and, but for summer, end on the Sunday 15 days later: autumn
    in 17-23 October, Christmas in 17-23 December, winter in 4-10 February for the first zone and
    one week later for each following zone, spring 8 weeks after winter, summer from the Saturday
    in 3-9 July to 31 August; Friday and Saturday after Ascension Day. On the five school years from
    September 2023 the rules meet the official days except: spring one week later in 2028, summer
    from Tuesday 4 July 2028, Easter Monday or 1 May added to a spring break, up to three days of
    September, and Ascension, which the official file does not list in all years.
    """
    order = _WINTER_ORDER[(year + 1) % 3]
    winter = _saturday_from(date(year + 1, 2, 4)) + timedelta(weeks=order.index(zone))
    summer = _saturday_from(date(year + 1, 7, 3))
    ascension = next(
        day
        for day, name in public_holidays("FR", None, year + 1, year + 1).items()
        if "Ascension" in name
    )
    days: dict[date, str] = {}
    days.update(_span(_saturday_from(date(year, 10, 17)), 16, "Vacances de la Toussaint"))
    days.update(_span(_saturday_from(date(year, 12, 17)), 16, "Vacances de Noël"))
    days.update(_span(winter, 16, "Vacances d'hiver"))
    days.update(_span(winter + timedelta(weeks=8), 16, "Vacances de printemps"))
    days.update(_span(ascension + timedelta(days=1), 2, "Pont de l'Ascension"))
    summer_days = (date(year + 1, 8, 31) - summer).days + 1
    days.update(_span(summer, summer_days, "Vacances d'été"))
    return days


@lru_cache(maxsize=16)
def school_holidays(zone: str | None, last_year: int) -> dict[date, str]:
    """School holidays of a zone from 1990 to the end of `last_year`, with their French names.

    Both the first day without class (a Saturday, or the day after the last class) and the last
    day before class resumes are included. Days after `official_until()` are estimates. A missing
    or unknown zone has none.
    """
    if zone not in ZONES:
        return {}
    days = dict(_official()[zone])
    known = official_until()
    for year in range(known.year - 1, last_year + 1):
        for day, name in estimated_school_year(zone, year).items():
            if day > known:
                days[day] = name
    return {day: name for day, name in days.items() if day.year <= last_year}
