"""One measure of one flow at one installation: what the stages of its models hand each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from flow_platform.flows.kinds import Flow
from flow_platform.models.engine import Engine
from flow_platform.models.vintage import Vintage
from flow_platform.parts import FlowParts, parts_of
from flow_platform.platform import Platform
from flow_platform.registry.promotions import ServingPeriod


@dataclass(frozen=True)
class Case:
    """A measure, with all that training, forecasting and comparing its models need.

    >>> case = Case(platform, flow_named("retail"), "quantity")
    >>> case.spec.season
    7
    """

    platform: Platform
    flow: Flow
    measure: str

    @property
    def parts(self) -> FlowParts:
        return parts_of(self.flow)

    @property
    def engine(self) -> Engine[Any, Any, Any]:
        """What trains the flow's models."""
        return self.parts.models.engine

    @cached_property
    def spec(self) -> Any:
        """The flow's fixed choices for the measure, as its engine takes them."""
        return self.parts.models.spec(self.platform, self.measure)

    @property
    def is_counted(self) -> str:
        """SQL: whether a row of the merged table is one that models learn from.

        Without those of days some of whose rows were refused, unless the user has them used.
        """
        return "true" if self.platform.uses_partial_days(self.flow) else "is_whole"

    def vintages(self) -> list[Vintage]:
        """Every vintage of the measure, oldest month first."""
        return self.platform.registry.vintages(self.flow.name, self.measure)

    def serving_history(self) -> list[ServingPeriod]:
        """Which vintage serves from which day on."""
        return self.platform.registry.serving_history(self.flow.name, self.measure)

    def load(self, vintage: Vintage) -> dict[str, bytes]:
        """The artefacts of a vintage. Raises ModelError unless they are what was registered."""
        return self.platform.registry.load(vintage)

    def history(self, first_month: date, last_month: date) -> Any:
        """What vintages of these months may see, as the engine takes it."""
        return self.parts.models.read_for_training(self, first_month, last_month)

    @contextmanager
    def training_lock(self) -> Iterator[None]:
        """One process at a time trains a flow's vintages; others wait, then find them trained."""
        with self.platform.registry.training_lock(self.flow.name):
            yield


def cases_of(platform: Platform, flow: Flow) -> Sequence[Case]:
    """A case for each measure of a flow."""
    return [Case(platform, flow, measure) for measure in flow.measures]
