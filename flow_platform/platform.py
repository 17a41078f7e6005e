"""One installation as the code sees it: its settings, centres, sources, database and models.

Everything is made when first asked for, so that loading the Dagster graph starts no server. Tests
build one on a home of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path

import pandas as pd

from flow_platform.flows import CATALOGUE, PARCELS, RETAIL, TRAFFIC, TRIPS, Flow
from flow_platform.flows.deliveries import DELIVERIES
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import ML_ROLE
from flow_platform.registry.tunings import Tunings
from flow_platform.registry.vintages import Registry
from flow_platform.settings import Settings
from flow_platform.sources.calendar import LAST_DAY, build_calendar
from flow_platform.sources.centres import (
    DEFAULT_CENTRES,
    Centre,
    centre_named,
    nearest_centre,
    read_centres,
)
from flow_platform.sources.config import (
    Sources,
    deliveries_option,
    read_sources,
    trips_option,
)
from flow_platform.sources.counters import Counter, areas_of, known_counters, place_of
from flow_platform.sources.countries import SUBDIVISIONS
from flow_platform.sources.deliveries_simulator import Marketplace
from flow_platform.sources.delivery_regions import delivery_timezone, known_regions, region_centre
from flow_platform.sources.events import read_events
from flow_platform.sources.pseudonyms import Pseudonyms
from flow_platform.sources.public_holidays import public_holidays
from flow_platform.sources.retail_shop import retail_centres, shop_country
from flow_platform.sources.simulator import World
from flow_platform.sources.trips_simulator import City
from flow_platform.sources.zones import Zone, boroughs_of, read_zones
from flow_platform.warehouse.dbt import DbtProject
from flow_platform.warehouse.secrets import derived_key
from flow_platform.warehouse.server import Server, locate_server
from flow_platform.warehouse.store import Store

# Where counters stand, and trips happen, that are near no centre; a centre of the file cannot have
# such an id.
PARIS = Centre("[paris]", "Paris", 48.8566, 2.3522, "FR", None, "C", "Europe/Paris", None)
NEW_YORK = Centre(
    "[new york]", "New York", 40.7128, -74.006, "US", "NY", None, "America/New_York", None
)


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

    def centres_of(self, flow: Flow) -> tuple[Centre, ...]:
        """The centres of a flow, in the order of their partitions."""
        if flow.centres_from == "file":
            return self.centres
        by_source: dict[str, Callable[[], tuple[Centre, ...]]] = {
            RETAIL.name: lambda: self._retail_centres,
            TRAFFIC.name: lambda: self._counter_centres,
            TRIPS.name: lambda: self._borough_centres,
            DELIVERIES.name: lambda: self._region_centres,
        }
        return by_source[flow.name]()

    def centre_ids_of(self, flow: Flow) -> tuple[str, ...]:
        return tuple(centre.centre_id for centre in self.centres_of(flow))

    def areas_of(self, flow: Flow) -> tuple[str, ...]:
        """The first dimension of a flow's partition keys: its centres, or the areas they lie in."""
        return tuple(dict.fromkeys(one.partition for one in self.centres_of(flow)))

    def rows_of(self, flow: Flow, partitions: Rectangle) -> Rectangle:
        """The centres and days that bear the rows of a rectangle of areas and days."""
        areas = set(partitions.centres)
        inside = (one.centre_id for one in self.centres_of(flow) if one.partition in areas)
        return Rectangle(tuple(inside), partitions.first_day, partitions.last_day)

    @cached_property
    def centres_by_flow(self) -> dict[str, tuple[Centre, ...]]:
        """The centres of every flow, by the flow's name."""
        return {flow.name: self.centres_of(flow) for flow in CATALOGUE}

    @cached_property
    def _retail_centres(self) -> tuple[Centre, ...]:
        cache = self.settings.home_path / "cache" / "retail_countries.json"
        return retail_centres(self.sources["retail"], cache)

    @cached_property
    def counters(self) -> tuple[Counter, ...]:
        """The road counters of the source, as far as they are known."""
        return known_counters(self.sources[TRAFFIC.name], self.counters_cache)

    @property
    def counters_cache(self) -> Path:
        """Where the counters are remembered that files, the portal and messages have named."""
        return self.settings.home_path / "cache" / "traffic_counters.json"

    @cached_property
    def _counter_centres(self) -> tuple[Centre, ...]:
        config = self.sources[TRAFFIC.name]
        by_id = {centre.centre_id: centre for centre in self.centres}
        areas = areas_of(self.counters, config)
        made = []
        for counter in self.counters:
            near = place_of(counter, self.centres, config)
            # Paris where no centre is near: its holidays are there, its weather is not.
            place = by_id[near] if near else PARIS
            made.append(
                replace(
                    place,
                    centre_id=counter.centre_id,
                    name=counter.name,
                    latitude=counter.latitude,
                    longitude=counter.longitude,
                    daily_capacity=None,
                    area=areas[counter.centre_id],
                    place=place.centre_id,
                )
            )
        # Side by side in an area, so that a rectangle of areas is one of counters.
        order = {area: place for place, area in enumerate(dict.fromkeys(areas.values()))}
        return tuple(sorted(made, key=lambda one: order[areas[one.centre_id]]))

    def weather_places_of(self, flow: Flow) -> tuple[str, ...]:
        """The centres of the file whose weather the centres of this flow have."""
        places = {one.place for one in self.centres_of(flow)}
        return tuple(one for one in self.centre_ids if one in places)

    @cached_property
    def trip_zones(self) -> tuple[Zone, ...]:
        """The zones that trips begin and end in; some may have no borough."""
        config = self.sources[TRIPS.name]
        return self.trips_city.zones if config.kind == "simulated" else read_zones(config)

    @cached_property
    def trips_city(self) -> City:
        """The simulated city, around the first centre of the file."""
        return City(self.centres[0], self.world)

    @cached_property
    def trips_place(self) -> Centre:
        """The place whose calendar, clock and weather all trips have.

        The centre that `place` names, else the one near the middle of the zones, else New York.
        Simulated trips happen at the first centre. Raises ConfigurationError for a wrong `place`.
        """
        config = self.sources[TRIPS.name]
        if config.kind == "simulated":
            return self.centres[0]
        if (named := trips_option(config, "place")) is not None:
            return centre_named(named, self.centres, "sources.toml, section [trips]")
        points = [
            (zone.latitude, zone.longitude)
            for zone in self.trip_zones
            if zone.latitude is not None and zone.longitude is not None
        ]
        if not points:
            return NEW_YORK
        latitude, longitude = (sum(axis) / len(points) for axis in zip(*points, strict=True))
        return nearest_centre(latitude, longitude, self.centres) or NEW_YORK

    @property
    def trips_folder(self) -> Path:
        """Where the official site's files of trips are kept, as they came."""
        return self.settings.home_path / "bronze" / "trips"

    @cached_property
    def _borough_centres(self) -> tuple[Centre, ...]:
        place = self.trips_place
        return tuple(
            replace(
                place,
                centre_id=borough,
                name=borough,
                latitude=None,
                longitude=None,
                daily_capacity=None,
                place=place.centre_id,
            )
            for borough in boroughs_of(self.trip_zones)
        )

    @cached_property
    def marketplace(self) -> Marketplace:
        """The simulated marketplace, on the clock and with the holidays of its country."""
        config = self.sources[DELIVERIES.name]
        country = deliveries_option(config, "country") or self.centres[0].country
        place = replace(self.centres[0], timezone=self.deliveries_timezone, country=country)
        return Marketplace(place, self.settings.seed)

    @cached_property
    def deliveries_timezone(self) -> str:
        """The clock of the marketplace, in which files write moments without an offset."""
        return delivery_timezone(self.sources[DELIVERIES.name], self.centres[0])

    @cached_property
    def delivery_regions(self) -> tuple[str, ...]:
        """The regions that orders go to, as far as they are known."""
        return known_regions(self.sources[DELIVERIES.name], self.delivery_regions_cache)

    @property
    def delivery_regions_cache(self) -> Path:
        """Where the regions are remembered that files and messages have named."""
        return self.settings.home_path / "cache" / "delivery_regions.json"

    @cached_property
    def _region_centres(self) -> tuple[Centre, ...]:
        config = self.sources[DELIVERIES.name]
        country = deliveries_option(config, "country")
        if config.kind == "simulated":
            country = self.marketplace.place.country
        return tuple(
            region_centre(region, self.deliveries_timezone, country)
            for region in self.delivery_regions
        )

    @cached_property
    def deliveries_pseudonyms(self) -> Pseudonyms:
        """What stands for customers of deliveries, and seals what names them."""
        return Pseudonyms(derived_key(self.settings, "deliveries customers"))

    @cached_property
    def customer_key(self) -> bytes:
        """The key of customers' pseudonyms."""
        return derived_key(self.settings, "retail customers")

    @property
    def privacy_folder(self) -> Path:
        """Who was erased, and exports: to be kept apart from backups of the database."""
        return self.settings.home_path / "privacy"

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
        traffic = build_calendar(self._traffic_places, self.events, first)
        trips = build_calendar([self.trips_place], self.events, first)
        parts = [
            parcels,
            traffic.assign(flow=TRAFFIC.name, shop_holiday=None),
            trips.assign(flow=TRIPS.name, shop_holiday=None),
        ]
        # A region of no country has no holidays, and weekdays need no calendar.
        regions = [one for one in self._region_centres if one.country is not None]
        if regions:
            deliveries = build_calendar(regions, self.events, first)
            parts.append(deliveries.assign(flow=DELIVERIES.name, shop_holiday=None))
        if retail.empty:
            return pd.concat(parts, ignore_index=True)
        holidays = retail["day"].map({pd.Timestamp(day): name for day, name in shop.items()})
        holidays = holidays.astype(object).where(holidays.notna(), None)
        return pd.concat(
            [*parts, retail.assign(flow=RETAIL.name, shop_holiday=holidays)], ignore_index=True
        )

    @property
    def _traffic_places(self) -> tuple[Centre, ...]:
        """The places whose calendar road counters have: centres of the file, or Paris."""
        places = {one.place for one in self._counter_centres}
        return tuple(one for one in (*self.centres, PARIS) if one.centre_id in places)

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
