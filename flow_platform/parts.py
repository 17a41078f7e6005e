"""What a flow supplies to the rest of the platform: one object, with no default for what matters.

A flow's package binds its parts in `flows/<flow>/parts.py` as PARTS. Code that asks "which flow is
this?" asks these parts instead; nothing here knows which flows there are.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from flow_platform.flows.kinds import Flow
from flow_platform.ground.asset_paths import asset_path
from flow_platform.ground.errors import ConfigurationError
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.tables import Table

if TYPE_CHECKING:
    import dagster as dg
    import pandas as pd

    from flow_platform.models.engine import Engine
    from flow_platform.models.promotion import Comparison
    from flow_platform.platform import Platform
    from flow_platform.sources.centres import Centre
    from flow_platform.stages.case import Case
    from flow_platform.stages.contest import Contest
    from flow_platform.stages.loading import Balance
    from flow_platform.stages.looking import Look
    from flow_platform.stages.predictions import PredictionRun
    from flow_platform.stages.training import Progress


Refresh = Literal["missing", "stale"]
# Those of the engine of a flow, see `models/engine.py`.
Data = TypeVar("Data")
Spec = TypeVar("Spec")
Prepared = TypeVar("Prepared")


@dataclass(frozen=True, kw_only=True)
class RawRows:
    """How the rows of a flow are loaded, and what its raw asset shows.

    table          the table of the asset, with its columns
    load           replaces the rows of a rectangle and accounts for every row of the source
    look           what `load` would do with files, and how it understands them; stores nothing
    empty_means    what a partition without rows means
    after          keys of the assets that must be there first
    most_rejected  the share of a file's rows above which rejects are warned of (`rows_kept`)
    stand_ins      keys that a section of files needs and these keys lack, for a look at files:
                   what they name is made in a folder
    """

    table: Table
    load: Callable[[Platform, Rectangle], Balance]
    look: Callable[[Platform, Rectangle], Look]
    description: str
    empty_means: str
    after: tuple[tuple[str, ...], ...] = ()
    most_rejected: float = 0.01
    stand_ins: Callable[[Mapping[str, Any], Path], Mapping[str, Any]] = lambda keys, folder: {}


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where a flow takes place.

    centres   its centres, in the order of their partitions
    calendar  the calendar of its centres (CALENDAR_COLUMNS, and shop_holiday where it has one)
    discover  rows of a centres file: every centre that its source names
    """

    centres: Callable[[Platform], tuple[Centre, ...]]
    calendar: Callable[[Platform], pd.DataFrame]
    discover: Callable[[Platform], list[dict[str, object]]]


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """Where what a flow's models predict is kept, and how a rectangle of it is made.

    asset     last part of the asset's key in `ml`
    table     the table, with its columns
    unit      of a predicted value, such as "minutes"; None where measures have units of their own
    counted   what is predicted once a partition and measure: "issues" or "scores"
    make      predicts a rectangle and replaces its rows
    complete  what the check `complete` holds
    """

    asset: str
    table: Table
    unit: str | None
    counted: Literal["issues", "scores"]
    description: str
    complete: str
    make: Callable[[Platform, Flow, Rectangle, Refresh, Progress], PredictionRun]


@dataclass(frozen=True, kw_only=True)
class DriftFeatures:
    """What of a day is watched for drift.

    select      SQL of the features from the merged table
    seasonal    features that are compared as their ratio to the same weekday's usual value
    plain       features that are compared as they are
    by_day      whether `select` adds up the rows of a centre and day
    whole_days  whether a day is measured only when it is over
    """

    select: str
    seasonal: tuple[str, ...]
    plain: tuple[str, ...] = ()
    by_day: bool = False
    whole_days: bool = False


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When one of a flow's jobs runs by itself: cron in Europe/Paris.

    `job` is the job's name after the flow's: "daily" and "models" or one of the flow's own jobs,
    which then runs for the month that begins.
    """

    name: str
    job: str
    cron: str
    description: str


def daily_run(name: str, cron: str, description: str) -> Schedule:
    """The schedule of a flow's job "daily": its newest rows, and what is predicted from them."""
    return Schedule(name=name, job="daily", cron=cron, description=description)


def monthly_training(name: str, cron: str) -> Schedule:
    """The schedule of a flow's job "models"."""
    description = "vintages of the month that begins"
    return Schedule(name=name, job="models", cron=cron, description=description)


@dataclass(frozen=True, kw_only=True)
class LiveSource:
    """A source that sends rows by itself where the flow's `kind` is one of `kinds`.

    `topic` is its part of the flow's stream, None the whole. Silence for longer than `latest` fails
    a check.
    """

    name: str
    kinds: tuple[str, ...]
    topic: str | None
    latest: timedelta
    description: str

    @property
    def key(self) -> tuple[str, str]:
        """The key of the external asset that stands for it."""
        return asset_path(f"live.{self.name}")


@dataclass(frozen=True)
class RetentionRule:
    """Rows of `table` are kept for the days of `kind` after `column`: a date or a moment (UTC).

    `where` narrows which rows are meant. `how`: "rows" deletes them; "orders" removes whole orders
    from every table that has rows of them; "words" deletes notes and blanks what was written with a
    resolution, which stays.
    """

    kind: str
    table: str
    column: str
    where: str = "true"
    how: Literal["rows", "orders", "words"] = "rows"


@dataclass(frozen=True, kw_only=True)
class Retention:
    """How long a flow's rows are kept: days by kind (None: without limit), and the rules."""

    days: Mapping[str, int | None]
    rules: tuple[RetentionRule, ...]


@dataclass(frozen=True)
class DemoStep:
    """A step of `flow demo`: the last `days` up to yesterday, and how long it takes.

    `seconds` are those on two quiet cores while another flow is made.
    """

    title: str
    days: int
    seconds: int


@dataclass(frozen=True)
class DemoMonths:
    """A step of `flow demo` that runs one of the flow's own jobs for the predicted months."""

    title: str
    job: str
    seconds: int


@dataclass(frozen=True, kw_only=True)
class DemoWindow:
    """What `flow demo` loads, and of these days the last, which it predicts.

    `months` runs in between, where the flow has such a job.
    """

    loaded: DemoStep
    predicted: DemoStep
    months: DemoMonths | None = None


@dataclass(frozen=True, kw_only=True)
class MoreParts:
    """What only some flows add to the graph.

    assets      made for an installation, such as zones that have no partitions
    jobs        of the flow's own
    sensors     made for an installation
    static      keys of those assets without partitions, which the job `foundation` makes
    made_from   what they are made from: they are made again when it changes
    """

    assets: Callable[[Platform], list[dg.AssetsDefinition]] = lambda platform: []
    jobs: Callable[[], list[Any]] = list
    sensors: Callable[[], list[dg.SensorDefinition]] = list
    static: tuple[tuple[str, ...], ...] = ()
    made_from: Callable[[Platform], object] = lambda platform: None


@dataclass(frozen=True, kw_only=True)
class ModelParts(Generic[Data, Spec, Prepared]):
    """How the models of a flow are trained, predict and are compared.

    Bind it to a name before it goes into `FlowParts`: then mypy checks that what is read, and the
    fixed choices, are those that the engine takes.

    engine             what trains them
    spec               the flow's fixed choices for a measure, as the engine takes them
    read_for_training  what vintages of these months may see, as the engine takes it
    shares_history     whether what is read for one measure serves the others too
    training_views     staging views that training and predictions read besides the merged table
    predictions        how a rectangle is forecast or scored
    compare            replays two serving histories, and judges them
    drift              what is watched for drift
    """

    engine: Engine[Data, Spec, Prepared]
    spec: Callable[[Platform, str], Spec]
    read_for_training: Callable[[Case, date, date], Data]
    shares_history: bool
    training_views: tuple[str, ...]
    predictions: Predictions
    compare: Callable[[Case, Contest], Comparison]
    drift: DriftFeatures


@dataclass(frozen=True, kw_only=True)
class FlowParts:
    """Everything of a flow that code outside of its package calls.

    places      where it takes place
    raw         how its rows are loaded
    models      how its models are trained, predict and are compared
    schedules   when its jobs run by themselves
    live        its live sources
    retention   how long its rows are kept
    demo        what `flow demo` makes of it; None leaves it out
    more        assets, jobs and sensors that no other flow has
    """

    flow: Flow
    places: Places
    raw: RawRows
    models: ModelParts[Any, Any, Any]
    schedules: tuple[Schedule, ...]
    live: tuple[LiveSource, ...]
    retention: Retention
    demo: DemoWindow | None
    more: MoreParts = MoreParts()


@cache
def parts_of(flow: Flow) -> FlowParts:
    """The parts of a flow, from its package.

    Raises ConfigurationError where the package binds none, or binds those of another flow.
    """
    name = f"flow_platform.flows.{flow.name}.parts"
    where = f"flow_platform/flows/{flow.name}/parts.py"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ConfigurationError(
            f"The flow {flow.name} has no parts. Write {where} (docs/guides/add-a-flow.md)."
        ) from error
    except TypeError as error:
        # Python names the argument that is left out.
        raise ConfigurationError(
            f"The flow {flow.name} lacks a part in {where}: {error}"
        ) from error
    parts = getattr(module, "PARTS", None)
    if not isinstance(parts, FlowParts) or parts.flow.name != flow.name:
        raise ConfigurationError(
            f"{where} must bind PARTS, the parts of the flow {flow.name}"
            " (docs/guides/add-a-flow.md)."
        )
    return parts
