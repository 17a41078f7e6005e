"""The web shop itself: its country, its clock, and the countries it sells to, which are centres."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from flow_platform.flows.retail.layouts import retail_layouts
from flow_platform.flows.retail.options import RetailSource
from flow_platform.flows.retail.simulator import COUNTRIES
from flow_platform.ground.errors import ConfigurationError
from flow_platform.sources import values
from flow_platform.sources.centres import Centre
from flow_platform.sources.countries import ZONES, country_centre
from flow_platform.sources.files import source_files
from flow_platform.sources.ids import why_not_an_id
from flow_platform.sources.kept import named_in_files
from flow_platform.sources.reader import distinct_values
from flow_platform.sources.tables import clean_text

DEFAULT_SHOP_COUNTRY = "GB"


def shop_country(config: RetailSource) -> str:
    """The ISO code of the shop's own country, whose holidays and clock are the shop's.

    Raises ConfigurationError where it is not known.
    """
    country = str(config.shop_country).upper()
    if country not in ZONES:
        raise ConfigurationError(
            f"sources.toml, section [retail]: shop_country {country!r} is not known."
            f" Use one of {', '.join(sorted(ZONES))}."
        )
    return country


def shop_timezone(config: RetailSource) -> str:
    """The time zone in which the shop writes its invoices, and in which its days begin and end."""
    return ZONES[shop_country(config)]


def country_fault(country: str) -> str | None:
    """Why a country cannot be a centre ("code: words"), or None where it can."""
    if not country:
        return "missing_value: country is empty"
    fault = why_not_an_id(country)
    return None if fault is None else f"bad_country: {clean_text(fault)[:200]}"


def retail_centres(config: RetailSource, cache: Path) -> tuple[Centre, ...]:
    """The countries of the source as centres, by name; none where no file can be read.

    What a file names is kept in `cache`: the graph is loaded in every run's process, and reading
    files there would cost more than the run.
    """
    timezone = shop_timezone(config)
    if config.kind == "simulated":
        names = set(COUNTRIES)
    else:
        columns = tuple(dict.fromkeys(one["country"] for one in retail_layouts(config).headers))
        named = named_in_files(
            cache,
            source_files(config),
            "|".join(columns),
            lambda path: sorted(_countries_in(distinct_values(path, config, *columns))),
        )
        names = {name for found in named for name in found}
    return tuple(country_centre(name, timezone) for name in sorted(names))


def _countries_in(found: set[Any]) -> set[str]:
    return {name for name in map(_country_name, found) if country_fault(name) is None}


@lru_cache(maxsize=1024)
def _country_name(value: Any) -> str:
    return values.name_text(value)
