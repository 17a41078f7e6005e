"""One installation as the code sees it: its settings, centres, sources, database and models.

Everything is made when first asked for, so that loading the Dagster graph starts no server. Tests
build one on a home of their own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast

import pandas as pd

from flow_platform.flows.catalogue import CATALOGUE
from flow_platform.flows.kinds import Flow
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import ML_ROLE
from flow_platform.ground.source_config import SourceConfig
from flow_platform.parts import Places, parts_of
from flow_platform.registry.tunings import Tunings
from flow_platform.registry.vintages import Registry
from flow_platform.settings import Settings
from flow_platform.sources.calendar import LAST_DAY, build_calendar
from flow_platform.sources.centres import DEFAULT_CENTRES, Centre, read_centres
from flow_platform.sources.config import Sources, read_sources
from flow_platform.sources.events import read_events
from flow_platform.sources.simulated_world import World
from flow_platform.warehouse.dbt import DbtProject
from flow_platform.warehouse.server import Server, locate_server
from flow_platform.warehouse.store import Store

if TYPE_CHECKING:
    from flow_platform.stages.loading import Balance

Made = TypeVar("Made")
Section = TypeVar("Section", bound=SourceConfig)


class Platform:
    """One installation: its settings, and all that is made from them when it is first asked for.

    What only one flow knows of the installation is in that flow's context, kept by `kept`.

    >>> platform = Platform(get_settings())
    >>> platform.centre_ids
    ('1', '2', '3', '4', '5')
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        # Gets a line for each long step as it ends; a command that shows progress replaces it.
        self.announce: Callable[[str], None] = lambda message: None
        # The flows that this process loaded, each with the balance of its rows.
        self.loads: list[tuple[str, Balance]] = []
        self._kept: dict[object, object] = {}
        self._centres: dict[str, tuple[Centre, ...]] = {}

    def kept(self, make: Callable[[Platform], Made]) -> Made:
        """What `make` makes of this installation; made once."""
        if make not in self._kept:
            self._kept[make] = make(self)
        return cast(Made, self._kept[make])

    @cached_property
    def centres(self) -> tuple[Centre, ...]:
        """The centres of the centres file, in its order: those of parcels and of the weather."""
        return read_centres(self.settings.centres or DEFAULT_CENTRES)

    @cached_property
    def centre_ids(self) -> tuple[str, ...]:
        return tuple(centre.centre_id for centre in self.centres)

    def centres_of(self, flow: Flow) -> tuple[Centre, ...]:
        """The centres of a flow, in the order of their partitions."""
        if flow.name not in self._centres:
            self._centres[flow.name] = parts_of(flow).places.centres(self)
        return self._centres[flow.name]

    def centre_ids_of(self, flow: Flow) -> tuple[str, ...]:
        return tuple(centre.centre_id for centre in self.centres_of(flow))

    def labels_of(self, flow: Flow) -> dict[str, str]:
        """By centre_id, the id with the name: {"1": "1 (Lille)"}."""
        return {one.centre_id: one.label for one in self.centres_of(flow)}

    def areas_of(self, flow: Flow) -> tuple[str, ...]:
        """The first dimension of a flow's partition keys: its centres, or the areas of these."""
        return tuple(dict.fromkeys(one.partition for one in self.centres_of(flow)))

    def rows_of(self, flow: Flow, partitions: Rectangle) -> Rectangle:
        """The centres and days whose rows belong to a rectangle of areas and days."""
        areas = set(partitions.centres)
        inside = (one.centre_id for one in self.centres_of(flow) if one.partition in areas)
        return Rectangle(tuple(inside), partitions.first_day, partitions.last_day)

    @property
    def centres_by_flow(self) -> dict[str, tuple[Centre, ...]]:
        """The centres of every flow, by the flow's name."""
        return {flow.name: self.centres_of(flow) for flow in CATALOGUE}

    def weather_places_of(self, flow: Flow) -> tuple[str, ...]:
        """The centres of the file whose weather the centres of this flow have."""
        places = {one.place for one in self.centres_of(flow)}
        return tuple(one for one in self.centre_ids if one in places)

    @property
    def privacy_folder(self) -> Path:
        """Who was erased, and exports: to be kept apart from backups of the database."""
        return self.settings.home_path / "privacy"

    @cached_property
    def sources(self) -> Sources:
        return read_sources(self.settings.sources)

    def uses_partial_days(self, flow: Flow) -> bool:
        """Whether models and accuracy use days of a flow some of whose rows were refused."""
        return self.sources[flow.name].partial_days == "use"

    @cached_property
    def world(self) -> World:
        """The simulated world of these centres; the user's own events move its parcels too."""
        return World(self.centres, seed=self.settings.seed, events=self.events)

    @cached_property
    def events(self) -> pd.DataFrame:
        """The user's own events."""
        return read_events(self.settings.events, self.centres)

    @property
    def calendar_from(self) -> date:
        """The first day of `recent_calendar`."""
        return min(self.settings.first_day - timedelta(days=60), LAST_DAY)

    def recent_calendar(self, centres: Sequence[Centre]) -> pd.DataFrame:
        """The calendar of centres from shortly before the first partition (`build_calendar`).

        For flows with centres of their own, of which there may be many.
        """
        return build_calendar(centres, self.events, self.calendar_from)

    @cached_property
    def calendar(self) -> pd.DataFrame:
        """The calendar of every flow's centres, as raw.calendar holds it."""
        parts = []
        for flow in CATALOGUE:
            own = parts_of(flow).places.calendar(self)
            if "shop_holiday" not in own:
                own = own.assign(shop_holiday=None)
            if not own.empty:
                parts.append(own.assign(flow=flow.name))
        return pd.concat(parts, ignore_index=True)

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


class FlowContext(ABC, Generic[Section]):
    """What one flow knows of an installation: its source, and what the flow's own class adds.

    The class names its section of sources.toml; `Platform.kept` makes one for each installation.

        class RetailContext(FlowContext[RetailSource]):
            section = RetailSource
    """

    section: ClassVar[type[SourceConfig]]

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.source = cast(Section, platform.sources.of(self.section))

    @property
    @abstractmethod
    def centres(self) -> tuple[Centre, ...]:
        """The flow's centres, in the order of their partitions."""

    @abstractmethod
    def calendar(self) -> pd.DataFrame:
        """The calendar of its centres."""

    def cache_file(self, name: str) -> Path:
        """Where a small document that the flow remembers is kept."""
        return self.platform.settings.home_path / "cache" / name


def places_of(context: type[FlowContext[Any]]) -> Places:
    """Where a flow takes place whose context knows its centres and their calendar."""
    return Places(
        centres=lambda platform: platform.kept(context).centres,
        calendar=lambda platform: platform.kept(context).calendar(),
        discover=lambda platform: [vars(one) for one in platform.kept(context).centres],
    )
