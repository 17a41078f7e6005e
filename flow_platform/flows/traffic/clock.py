"""In which local time a source of road counters writes moments that have no offset.

Reading the moments is in `judging.py`. The calendar of a counter follows its place alone
(`context.py`): a source may write UTC of roads that are elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from flow_platform.flows.traffic.counters import Counter
from flow_platform.flows.traffic.layouts import PARIS_TIMEZONE
from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.sources.centres import Centre, centre_named, nearest_centre


@dataclass(frozen=True)
class Clock:
    """The time zones of a source: one `stated` for all, else Paris for layouts of Paris, else that
    of the counter's place, `near`, or `otherwise` where its place is not known.

    >>> Clock(stated="America/Chicago").zones(("301",), of_paris=True)
    ['America/Chicago']
    """

    stated: str | None = None
    near: Mapping[str, str | None] = field(default_factory=dict)
    otherwise: str | None = None

    def zones(self, centre_ids: Collection[str], *, of_paris: bool) -> list[str | None]:
        """The time zone of each counter, None where it is not known; `of_paris` is whether a
        layout of the city of Paris has the moments."""
        if self.stated is not None:
            return [self.stated] * len(centre_ids)
        if of_paris:
            return [PARIS_TIMEZONE] * len(centre_ids)
        return [self.near.get(one, self.otherwise) for one in centre_ids]

    @property
    def key(self) -> tuple[object, ...]:
        """What differs where moments are read in another way."""
        return (self.stated, self.otherwise, frozenset(self.near.items()))


def clock_of(
    config: TrafficSource, counters: Sequence[Counter], centres: Sequence[Centre]
) -> Clock:
    """The clock of a source: `time_zone`, else that of `place`, else what each counter's own is.

    A counter with coordinates has the clock of the nearest centre, none where that is farther than
    60 km. One without has the clock that all others share; if none has coordinates, the one that
    all centres share.

    Raises ConfigurationError where `place` names no centre.
    """
    if config.time_zone is not None:
        return Clock(config.time_zone)
    if config.place is not None:
        where = "sources.toml, section [traffic]"
        return Clock(centre_named(config.place, centres, where).timezone)
    near: dict[str, str | None] = {}
    for one in counters:
        if one.latitude is not None and one.longitude is not None:
            centre = nearest_centre(one.latitude, one.longitude, centres)
            near[one.centre_id] = centre.timezone if centre else None
    shared = set(near.values()) or {one.timezone for one in centres}
    return Clock(None, near, next(iter(shared)) if len(shared) == 1 else None)


def clock_text(config: TrafficSource, clock: Clock, of_paris: bool) -> str:
    """Which time zone moments of a file without an offset have, and why."""
    if config.time_zone is not None:
        return f"moments without an offset are in {clock.stated} (time_zone)"
    if config.place is not None:
        return f"moments without an offset are in {clock.stated} (place = {config.place})"
    if of_paris:
        return f"moments without an offset are in {PARIS_TIMEZONE} (the layout of Paris)"
    known = sorted({zone for zone in clock.near.values() if zone})
    if known:
        return f"moments without an offset are in {', '.join(known)} (the centre nearest to each)"
    if clock.otherwise is not None:
        return f"moments without an offset are in {clock.otherwise} (as all centres)"
    return "of moments without an offset it is not known: set time_zone or place"
