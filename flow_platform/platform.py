"""One installation as the code sees it: its settings, centres, sources, database and models.

Everything is made when first asked for, so that loading the Dagster graph starts no server. Tests
build one on a home of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cached_property

import pandas as pd

from flow_platform.flows import CATALOGUE, PARCELS, RETAIL, SeriesFlow
from flow_platform.registry.tunings import Tunings
from flow_platform.registry.vintages import ML_ROLE, Registry
from flow_platform.settings import Settings
from flow_platform.sources.calendar import LAST_DAY, build_calendar
from flow_platform.sources.centres import DEFAULT_CENTRES, Centre, read_centres
from flow_platform.sources.config import Sources, read_sources
from flow_platform.sources.countries import SUBDIVISIONS
from flow_platform.sources.events import read_events
from flow_platform.sources.public_holidays import public_holidays
from flow_platform.sources.retail import retail_centres, shop_country
from flow_platform.sources.simulator import World
from flow_platform.warehouse.dbt import DbtProject
from flow_platform.warehouse.roles import Server, derived_key, locate_server
from flow_platform.warehouse.store import Store


class Platform:
    """See the module."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        # Told of long steps as they end; a command that shows progress replaces it.
        self.announce: Callable[[str], None] = lambda message: None

    @cached_property
    def centres(self) -> tuple[Centre, ...]:
        """The centres of the centres file, in its order: those of parcels and of the weather."""
        return read_centres(self.settings.centres or DEFAULT_CENTRES)

    @cached_property
    def centre_ids(self) -> tuple[str, ...]:
        return tuple(centre.centre_id for centre in self.centres)

    def centres_of(self, flow: SeriesFlow) -> tuple[Centre, ...]:
        """The centres by which a flow is partitioned, in the order of their partitions."""
        return self.centres if flow.centres_from == "file" else self._retail_centres

    def centre_ids_of(self, flow: SeriesFlow) -> tuple[str, ...]:
        return tuple(centre.centre_id for centre in self.centres_of(flow))

    @cached_property
    def centres_by_flow(self) -> dict[str, tuple[Centre, ...]]:
        """The centres of every flow, by the flow's name."""
        return {flow.name: self.centres_of(flow) for flow in CATALOGUE}

    @cached_property
    def _retail_centres(self) -> tuple[Centre, ...]:
        cache = self.settings.home_path / "cache" / "retail_countries.json"
        return retail_centres(self.sources["retail"], cache)

    @cached_property
    def customer_key(self) -> bytes:
        """The key of customers' pseudonyms."""
        return derived_key(self.settings, "retail customers")

    @cached_property
    def sources(self) -> Sources:
        return read_sources(self.settings.sources)

    @cached_property
    def world(self) -> World:
        """The simulated world of these centres; the user's own events move its parcels too."""
        return World(self.centres, seed=self.settings.seed, events=self.events)

    @cached_property
    def events(self) -> pd.DataFrame:
        """The user's own events."""
        return read_events(self.settings.events, self.centres)

    @cached_property
    def calendar(self) -> pd.DataFrame:
        """The calendar of every flow's centres, as raw.calendar holds it.

        The simulated world's own campaigns are in that of parcels; that of retail begins with the
        partitions, for it may have many countries, and names the holidays of the shop.
        """
        simulated = self.sources.parcels.kind == "simulated"
        parcels = build_calendar(self.centres, self.world.events() if simulated else self.events)
        first = min(self.settings.first_day - timedelta(days=60), LAST_DAY)
        retail = build_calendar(self.centres_of(RETAIL), self.events, first)
        country = shop_country(self.sources["retail"])
        shop = public_holidays(country, SUBDIVISIONS.get(country), first.year, LAST_DAY.year)
        parcels = parcels.assign(flow=PARCELS.name, shop_holiday=None)
        if retail.empty:
            return parcels
        holidays = retail["day"].map({pd.Timestamp(day): name for day, name in shop.items()})
        holidays = holidays.astype(object).where(holidays.notna(), None)
        return pd.concat(
            [parcels, retail.assign(flow=RETAIL.name, shop_holiday=holidays)], ignore_index=True
        )

    @cached_property
    def server(self) -> Server:
        """PostgreSQL; the embedded server is started if it does not run."""
        return locate_server(self.settings)

    def store(self, role: str) -> Store:
        """The warehouse as `role` sees it."""
        return Store(self.server, role)

    @cached_property
    def registry(self) -> Registry:
        return Registry(self.store(ML_ROLE), self.settings.home_path)

    @cached_property
    def tunings(self) -> Tunings:
        return Tunings(self.store(ML_ROLE))

    @cached_property
    def dbt(self) -> DbtProject:
        return DbtProject.of(self.settings)
