"""What the flow `deliveries` knows of its marketplace at one installation."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from flow_platform.flows.deliveries.options import DeliveriesSource
from flow_platform.flows.deliveries.regions import delivery_timezone, known_regions, region_centre
from flow_platform.flows.deliveries.simulator import Marketplace
from flow_platform.platform import FlowContext
from flow_platform.sources.calendar import CALENDAR_COLUMNS
from flow_platform.sources.centres import Centre
from flow_platform.sources.pseudonyms import Pseudonyms
from flow_platform.warehouse.secrets import derived_key


class DeliveriesContext(FlowContext[DeliveriesSource]):
    """The marketplace: its source, regions, clock, and the pseudonyms of its customers.

    >>> platform.kept(DeliveriesContext).source.cost_late
    10.0
    """

    section = DeliveriesSource

    @cached_property
    def simulated(self) -> Marketplace:
        """The simulated marketplace, on the clock and with the holidays of its country."""
        first = self.platform.centres[0]
        place = replace(first, timezone=self.timezone, country=self.source.country or first.country)
        return Marketplace(place, self.platform.settings.seed)

    @cached_property
    def timezone(self) -> str:
        """The clock of the marketplace, in which files write moments without an offset."""
        return delivery_timezone(self.source, self.platform.centres[0])

    @property
    def cache(self) -> Path:
        """Where the regions are remembered that files and messages have named."""
        return self.cache_file("delivery_regions.json")

    @cached_property
    def regions(self) -> tuple[str, ...]:
        """The regions that orders go to, as far as they are known."""
        return known_regions(self.source, self.cache)

    @cached_property
    def centres(self) -> tuple[Centre, ...]:
        """The regions as centres."""
        country = self.source.country
        if self.source.kind == "simulated":
            country = self.simulated.place.country
        return tuple(region_centre(region, self.timezone, country) for region in self.regions)

    @cached_property
    def pseudonyms(self) -> Pseudonyms:
        """What replaces the names of customers, and seals what identifies them."""
        return Pseudonyms(derived_key(self.platform.settings, "deliveries customers"))

    def calendar(self) -> pd.DataFrame:
        """The calendar of the regions that have a country, from shortly before the first partition.

        A region of no country has no holidays, and weekdays need no calendar.
        """
        regions = [one for one in self.centres if one.country is not None]
        if not regions:
            return pd.DataFrame(columns=list(CALENDAR_COLUMNS))
        return self.platform.recent_calendar(regions)
