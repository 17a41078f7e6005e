"""What a flow declares: the kinds of flow. Light, so that the API may import it.

What a flow does (how its rows are loaded, who trains it ...) is bound in its `parts.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from flow_platform.ground.errors import ConfigurationError
from flow_platform.ground.source_config import SourceConfig


@dataclass(frozen=True, kw_only=True)
class Flow:
    """One flow of the catalogue.

    measures               what models are made for, each with a champion of its own
    candidates             kinds of model that compete, simplest first
    merged                 the dbt table that its history is read from
    centres_from           whether its centres are those of the centres `file` or of its `source`
    source                 its section of sources.toml
    receivers              by kind of source, the service that receives its messages
    raw_tables             its tables in `raw`; without it the one of the flow's name
    more_merged            tables that are merged in addition to its own
    monitoring             tables of `monitoring` that add its days up, in addition to its accuracy
    monitoring_of_history  those of them that are also made of days without predictions
    has_weather            whether its merged table has the weather of its own centres
    has_api                whether it adds operations to the HTTP service: API in its package `api`
    """

    name: str
    title: str
    description: str
    measures: tuple[str, ...]
    candidates: tuple[str, ...]
    merged: str
    owner: str
    centres_from: Literal["file", "source"]
    source: type[SourceConfig]
    receivers: Mapping[str, str] = field(default_factory=dict, hash=False)
    raw_tables: tuple[str, ...] = ()
    more_merged: tuple[str, ...] = ()
    monitoring: tuple[str, ...] = ()
    monitoring_of_history: tuple[str, ...] = ()
    has_weather: bool = False
    has_api: bool = False

    @property
    def has_today(self) -> bool:
        """Whether its partitions reach to the present day, which is not over yet."""
        return False

    @property
    def is_tuned(self) -> bool:
        """Whether `flow tune` searches for parameters of its models."""
        return False

    @property
    def staging(self) -> tuple[str, ...]:
        """The staging views of its own rows."""
        return self.raw_tables or (self.name,)

    def due_at(self, moment: datetime) -> tuple[date, date]:
        """First and last day (UTC) that its daily job covers when it runs at `moment` (aware)."""
        yesterday = moment.astimezone(UTC).date() - timedelta(days=1)
        return yesterday, yesterday

    def check_measure(self, name: str) -> None:
        """Raise ConfigurationError unless the flow has models for a measure of this name."""
        if name not in self.measures:
            raise ConfigurationError(
                f"{self.name} has no measure {name!r}. Use one of: {', '.join(self.measures)}."
            )


@dataclass(frozen=True, kw_only=True)
class SeriesFlow(Flow):
    """A flow whose numbers per centre and time step are forecast.

    horizons          steps ahead of an issue
    season            steps after which the pattern repeats
    has_trading_days  whether the place as a whole is closed on some days: such a day has no number,
                      and a weekday on which it has long been closed gets no forecast
    step              a flow of `hour` steps issues a forecast every hour; its centres are counters,
                      which may share a partition (an area) and have the weather of their place
    """

    horizons: tuple[int, ...]
    season: int
    has_trading_days: bool = False
    step: Literal["day", "hour"] = "day"

    @property
    def is_hourly(self) -> bool:
        """Whether its forecasts are issued every hour."""
        return self.step == "hour"

    @property
    def has_today(self) -> bool:
        return self.is_hourly

    @property
    def is_tuned(self) -> bool:
        return not self.is_hourly

    @property
    def longest_horizon(self) -> int:
        return max(self.horizons)

    def due_at(self, moment: datetime) -> tuple[date, date]:
        if not self.is_hourly:
            return super().due_at(moment)
        # The present day, and after midnight yesterday too, whose last hours were reported since.
        hour = moment.astimezone(UTC)
        return (hour - timedelta(hours=2)).date(), hour.date()


@dataclass(frozen=True, kw_only=True)
class RecordFlow(Flow):
    """A flow whose events are scored one by one, with what is known when each begins.

    scores         the table of scores
    drift_columns  columns of `merged` whose daily means are watched for drift, in addition to the
                   number of records
    follow_days    days after its own for which a record is loaded and scored again
    """

    scores: str
    drift_columns: tuple[str, ...]
    follow_days: int = 0

    @property
    def has_today(self) -> bool:
        return self.follow_days > 0

    def due_at(self, moment: datetime) -> tuple[date, date]:
        _, last = super().due_at(moment)
        return last - timedelta(days=self.follow_days), last
