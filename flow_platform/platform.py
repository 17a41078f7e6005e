"""One installation as the code sees it: its settings, centres, sources, database and models.

Everything is made when first asked for, so that loading the Dagster graph starts no server. Tests
build one on a home of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import pandas as pd

from flow_platform.registry.vintages import ML_ROLE, Registry
from flow_platform.settings import Settings
from flow_platform.sources.calendar import build_calendar
from flow_platform.sources.centres import DEFAULT_CENTRES, Centre, read_centres
from flow_platform.sources.config import Sources, read_sources
from flow_platform.sources.events import read_events
from flow_platform.sources.simulator import World
from flow_platform.warehouse.dbt import DbtProject
from flow_platform.warehouse.roles import Server, locate_server
from flow_platform.warehouse.store import Store


class Platform:
    """See the module."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        # Told of long steps as they end; a command that shows progress replaces it.
        self.announce: Callable[[str], None] = lambda message: None

    @cached_property
    def centres(self) -> tuple[Centre, ...]:
        """The centres in use, in the order of their file."""
        return read_centres(self.settings.centres or DEFAULT_CENTRES)

    @cached_property
    def centre_ids(self) -> tuple[str, ...]:
        return tuple(centre.centre_id for centre in self.centres)

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
        """The calendar of every centre; the simulated world's own campaigns are in it as well."""
        simulated = self.sources.parcels.kind == "simulated"
        return build_calendar(self.centres, self.world.events() if simulated else self.events)

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
    def dbt(self) -> DbtProject:
        return DbtProject.of(self.settings)
