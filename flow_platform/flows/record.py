"""What a record flow declares: single events, each of which gets a score of its own."""

from __future__ import annotations

from dataclasses import dataclass

from flow_platform.flows.flow import Flow


@dataclass(frozen=True, kw_only=True)
class RecordFlow(Flow):
    """A flow whose events are scored one by one, with what is known when each begins.

    `measures` are its models: what they predict, or what they are told. `scores` is the table that
    their scores are kept in, told apart by its column `model`; `watched` are the columns of
    `merged` whose means of a day are watched for drift, beside the number of records;
    `measured` the tables of `monitoring` that add its days up, beside its accuracy; those of
    `measured_unsaid` tell of days, too, of which no score was said. A record may
    live on after its day: for `life_days` more it is loaded and scored again, and then its day is
    as good as over. `events` are the tables of `raw` where they are not one of the flow's name,
    `beside` the tables that are merged beside its own.
    """

    scores: str
    watched: tuple[str, ...]
    measured: tuple[str, ...]
    measured_unsaid: tuple[str, ...] = ()
    life_days: int = 0
    events: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    @property
    def has_today(self) -> bool:
        return self.life_days > 0

    @property
    def staging(self) -> tuple[str, ...]:
        return self.events or (self.name,)
