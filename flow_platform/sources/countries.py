"""Countries as retail data name them: ISO code for public holidays, time zone of a shop there.

Only names that are sure; a name that is no country ("Unspecified") has neither.
"""

from __future__ import annotations

from flow_platform.sources.centres import Centre
from flow_platform.sources.public_holidays import known_country

# Time zone of the capital where a country has several.
ZONES: dict[str, str] = {
    "AE": "Asia/Dubai",
    "AT": "Europe/Vienna",
    "AU": "Australia/Sydney",
    "BE": "Europe/Brussels",
    "BH": "Asia/Bahrain",
    "BM": "Atlantic/Bermuda",
    "BR": "America/Sao_Paulo",
    "CA": "America/Toronto",
    "CH": "Europe/Zurich",
    "CY": "Asia/Nicosia",
    "CZ": "Europe/Prague",
    "DE": "Europe/Berlin",
    "DK": "Europe/Copenhagen",
    "ES": "Europe/Madrid",
    "FI": "Europe/Helsinki",
    "FR": "Europe/Paris",
    "GB": "Europe/London",
    "GR": "Europe/Athens",
    "HK": "Asia/Hong_Kong",
    "IE": "Europe/Dublin",
    "IL": "Asia/Jerusalem",
    "IS": "Atlantic/Reykjavik",
    "IT": "Europe/Rome",
    "JP": "Asia/Tokyo",
    "KR": "Asia/Seoul",
    "LB": "Asia/Beirut",
    "LT": "Europe/Vilnius",
    "MT": "Europe/Malta",
    "NG": "Africa/Lagos",
    "NL": "Europe/Amsterdam",
    "NO": "Europe/Oslo",
    "PL": "Europe/Warsaw",
    "PT": "Europe/Lisbon",
    "SA": "Asia/Riyadh",
    "SE": "Europe/Stockholm",
    "SG": "Asia/Singapore",
    "TH": "Asia/Bangkok",
    "US": "America/New_York",
    "ZA": "Africa/Johannesburg",
}
# The part of a country whose holidays are taken for the whole country: most of its inhabitants live
# there, and have holidays that other parts do not have.
SUBDIVISIONS: dict[str, str] = {"GB": "ENG"}
_NAMES: dict[str, str] = {
    "australia": "AU",
    "austria": "AT",
    "bahrain": "BH",
    "belgium": "BE",
    "bermuda": "BM",
    "brazil": "BR",
    "canada": "CA",
    "cyprus": "CY",
    "czech republic": "CZ",
    "denmark": "DK",
    "eire": "IE",
    "finland": "FI",
    "france": "FR",
    "germany": "DE",
    "greece": "GR",
    "hong kong": "HK",
    "iceland": "IS",
    "ireland": "IE",
    "israel": "IL",
    "italy": "IT",
    "japan": "JP",
    "korea": "KR",
    "lebanon": "LB",
    "lithuania": "LT",
    "malta": "MT",
    "netherlands": "NL",
    "nigeria": "NG",
    "norway": "NO",
    "poland": "PL",
    "portugal": "PT",
    "rsa": "ZA",
    "saudi arabia": "SA",
    "singapore": "SG",
    "south africa": "ZA",
    "spain": "ES",
    "sweden": "SE",
    "switzerland": "CH",
    "thailand": "TH",
    "uae": "AE",
    "united arab emirates": "AE",
    "united kingdom": "GB",
    "united states": "US",
    "usa": "US",
}


def iso_code(name: str) -> str | None:
    """The ISO 3166 code of a country as retail data name it, if its public holidays are known."""
    code = _NAMES.get(name.casefold())
    return code if code is not None and known_country(code) else None


def country_centre(name: str, timezone: str) -> Centre:
    """A country as a centre whose days are those of `timezone`, the shop's clock."""
    country = iso_code(name)
    return Centre(
        centre_id=name,
        name=name,
        latitude=None,
        longitude=None,
        country=country,
        subdivision=SUBDIVISIONS.get(country or ""),
        school_zone=None,
        timezone=timezone,
        daily_capacity=None,
    )
