"""What the flow `traffic` knows of its road counters at one installation."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from flow_platform.flows.traffic.counters import Counter, areas_of, known_counters, place_of
from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.platform import FlowContext
from flow_platform.sources.centres import Centre

# Where counters are that are near no centre; a centre of the file cannot have such an id.
PARIS = Centre("[paris]", "Paris", 48.8566, 2.3522, "FR", None, "C", "Europe/Paris", None)


class TrafficContext(FlowContext[TrafficSource]):
    """The road counters: their source, and where each is.

    >>> platform.kept(TrafficContext).source.kind
    'simulated'
    """

    section = TrafficSource

    @property
    def cache(self) -> Path:
        """Where the counters are remembered that files, the portal and messages have named."""
        return self.cache_file("traffic_counters.json")

    @cached_property
    def counters(self) -> tuple[Counter, ...]:
        """The road counters of the source, as far as they are known."""
        return known_counters(self.source, self.cache)

    @cached_property
    def centres(self) -> tuple[Centre, ...]:
        """The counters as centres: each with the calendar, clock and weather of its place."""
        every = self.platform.centres
        by_id = {centre.centre_id: centre for centre in every}
        areas = areas_of(self.counters, self.source)
        made = []
        for counter in self.counters:
            near = place_of(counter, every, self.source)
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

    def calendar(self) -> pd.DataFrame:
        """The calendar of the counters' places, from shortly before the first partition."""
        places = {one.place for one in self.centres}
        every = (*self.platform.centres, PARIS)
        return self.platform.recent_calendar([one for one in every if one.centre_id in places])
