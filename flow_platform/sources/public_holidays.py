"""Public holidays of a country or a part of it, from the package `holidays`.

Also says which country and subdivision codes a centres file may use. School holidays are in
`school_holidays.py`; what a holiday means for a day at a centre is in `calendar.py`.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

# The local law of Alsace and Moselle adds Good Friday and 26 December (order of 16 August 1892).
# A region code means the calendar that most of its inhabitants have: Grand Est (GES) counts
# about 2.9 of 5.5 million in the three departments. Give the department to be exact.
_ALSACE_MOSELLE = "57"
_FRANCE_ALIASES = {
    "57": _ALSACE_MOSELLE,
    "67": _ALSACE_MOSELLE,
    "68": _ALSACE_MOSELLE,
    "6AE": _ALSACE_MOSELLE,
    "GES": _ALSACE_MOSELLE,
    "ALSACE": _ALSACE_MOSELLE,
    "MOSELLE": _ALSACE_MOSELLE,
    "BAS-RHIN": _ALSACE_MOSELLE,
    "HAUT-RHIN": _ALSACE_MOSELLE,
    "ALSACE-MOSELLE": _ALSACE_MOSELLE,
    "ALSACE MOSELLE": _ALSACE_MOSELLE,
}
_FRANCE_REGIONS = ["ARA", "BFC", "BRE", "CVL", "COR", "20R", "HDF", "IDF", "NOR", "NAQ", "OCC"]
_FRANCE_REGIONS += ["PDL", "PAC"]
_FRANCE_DEPARTMENTS = [f"{number:02d}" for number in range(1, 96)] + ["2A", "2B", "69M", "75C"]
_FRANCE_METROPOLE = frozenset(_FRANCE_REGIONS + _FRANCE_DEPARTMENTS) - frozenset(_FRANCE_ALIASES)


@lru_cache(maxsize=1)
def _supported() -> dict[str, list[str]]:
    import holidays

    return holidays.list_supported_countries(include_aliases=True)


def known_country(country: str) -> bool:
    """Whether public holidays are known for this ISO 3166 code (two letters, any case)."""
    return country.upper() in _supported()


@lru_cache(maxsize=4096)
def holiday_subdivision(country: str, subdivision: str | None) -> str | None:
    """The code under which `holidays` knows a subdivision; None for the national calendar.

    Takes ISO 3166-2 codes with or without the country ("BY", "DE-BY") and the package's aliases.
    For France also departments, regions, and "Alsace-Moselle"; see `_FRANCE_ALIASES` for GES.

    Raises KeyError where the country has no such subdivision.
    """
    if subdivision is None:
        return None
    country = country.upper()
    code = subdivision.strip()
    if code.upper().startswith(f"{country}-"):
        code = code[len(country) + 1 :]
    if country == "FR":
        if code.upper() in _FRANCE_ALIASES:
            return _FRANCE_ALIASES[code.upper()]
        if code.upper() in _FRANCE_METROPOLE:
            return None
    for known in _supported().get(country, []):
        if known.casefold() == code.casefold():
            return known
    raise KeyError(subdivision)


@lru_cache(maxsize=512)
def public_holidays(
    country: str | None, subdivision: str | None, first_year: int, last_year: int
) -> dict[date, str]:
    """Public holidays from 1 January of `first_year` to 31 December of `last_year`, with names.

    Names are in the country's own language; two holidays on one day are joined with "; ". An
    unknown or missing country, or one that the package cannot make, has no holidays.

    Whit Monday of 2005 to 2007 counts as a French holiday, as in the official calendar on
    data.gouv.fr: it was then a day of work by default (law 2004-626) without leaving the legal
    list, and `holidays` leaves it out.
    """
    if not country or not known_country(country):
        return {}
    import holidays

    country = country.upper()
    try:
        code = holiday_subdivision(country, subdivision)
    except KeyError:
        code = None
    language = getattr(holidays, country).default_language
    made = holidays.country_holidays(
        country, subdiv=code, years=range(first_year, last_year + 1), language=language
    )
    days = {day: name for day, name in made.items() if first_year <= day.year <= last_year}
    if country == "FR" and code in (None, _ALSACE_MOSELLE):
        for year in range(max(first_year, 2005), min(last_year, 2007) + 1):
            easter_monday = next(
                day for day, name in days.items() if day.year == year and "Pâques" in name
            )
            days[easter_monday + timedelta(days=49)] = "Lundi de Pentecôte"
    return dict(sorted(days.items()))


@lru_cache(maxsize=256)
def weekend(country: str | None) -> frozenset[int]:
    """The weekly days of rest in a country, 0 = Monday. Saturday and Sunday where unknown."""
    if not country or not known_country(country):
        return frozenset({5, 6})
    import holidays

    return frozenset(holidays.country_holidays(country.upper()).weekend)
