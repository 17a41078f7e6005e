"""The regions of a marketplace, which are the centres of its orders, and its clock."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from flow_platform.sources import values
from flow_platform.sources.centres import Centre
from flow_platform.sources.config import SourceConfig, deliveries_option
from flow_platform.sources.countries import ZONES
from flow_platform.sources.delivery_files import market_files
from flow_platform.sources.delivery_layouts import header_of, table_of
from flow_platform.sources.ids import why_not_an_id
from flow_platform.sources.kept import changing, named_in_files, read_kept
from flow_platform.sources.public_holidays import holiday_subdivision
from flow_platform.sources.reader import distinct_values

# Where the cache has the regions that messages have named.
_BY_MESSAGES = "messages"


def delivery_timezone(config: SourceConfig, first_centre: Centre) -> str:
    """The clock of the marketplace: `time_zone`, else that of `country`'s capital, else that of the
    first centre of the file.
    """
    named = deliveries_option(config, "time_zone")
    country = deliveries_option(config, "country")
    if named is None and country is not None:
        named = ZONES.get(country.upper())
    return named or first_centre.timezone


def region_centre(region: str, timezone: str, country: str | None) -> Centre:
    """A region as a centre, with the holidays of the part of the country that has its name."""
    subdivision = None
    if country is not None:
        try:
            subdivision = holiday_subdivision(country, region) and region
        except KeyError:
            subdivision = None
    return Centre(
        centre_id=region,
        name=region,
        latitude=None,
        longitude=None,
        country=country.upper() if country else None,
        subdivision=subdivision,
        school_zone=None,
        timezone=timezone,
        daily_capacity=None,
    )


def known_regions(config: SourceConfig, cache: Path) -> tuple[str, ...]:
    """The regions of the source: `regions`, else those its files or its messages have named.

    What a file names is kept in `cache`: the graph is loaded in every run's process. Of messages,
    those are known that `remember_regions` was given.
    """
    declared = deliveries_option(config, "regions")
    if config.kind == "simulated":
        from flow_platform.sources.deliveries_simulator import REGIONS

        return tuple(one for one in REGIONS if declared is None or one in declared)
    if declared is not None:
        return tuple(declared)
    if config.kind == "kafka":
        return tuple(sorted(read_kept(cache).get(_BY_MESSAGES, [])))
    header = header_of(config, "customers")["region"]
    customers = [path for path in market_files(config) if table_of(path) == "customers"]
    named = named_in_files(
        cache,
        customers,
        header,
        lambda path: _regions_in(distinct_values(path, config, header)),
    )
    return tuple(sorted({region for regions in named for region in regions}))


def remember_regions(cache: Path, regions: Collection[str]) -> bool:
    """Keep regions that messages have named; returns whether one of them is new."""
    if set(regions) <= set(read_kept(cache).get(_BY_MESSAGES, [])):
        return False
    with changing(cache) as document:
        document[_BY_MESSAGES] = sorted({*document.get(_BY_MESSAGES, []), *regions})
    return True


def _regions_in(found: Collection[object]) -> list[str]:
    names = {values.name_text(value) for value in found}
    return sorted(name for name in names if why_not_an_id(name) is None)
