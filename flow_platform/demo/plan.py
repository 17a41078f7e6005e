"""What the demonstration makes: steps, each a run of a job, in parts that need nothing of each
other. Which days of a flow is the flow's own part `demo`; how steps are run is in `running.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from flow_platform.flows.catalogue import CATALOGUE
from flow_platform.flows.kinds import Flow
from flow_platform.ground.rectangle import Rectangle
from flow_platform.parts import DemoMonths, DemoStep, DemoWindow, parts_of
from flow_platform.platform import Platform


@dataclass(frozen=True)
class Step:
    """One run of a job.

    expected  seconds it takes on two quiet cores
    job       None: no job, but the database with its tables and views
    over      centres and days, or the first and the last month, or nothing that has partitions
    """

    title: str
    expected: int
    job: str | None = None
    over: Rectangle | tuple[date, date] | None = None


@dataclass(frozen=True)
class Part:
    """Steps that must follow one another, of these flows; no other part has to be there before."""

    flows: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def expected(self) -> int:
        """Seconds it takes on two quiet cores."""
        return sum(step.expected for step in self.steps)


# What every part needs.
FOUNDATION = (
    Step("PostgreSQL, its tables and views", 15),
    Step("Centres, calendar, published views", 7, job="foundation"),
)


def windows() -> dict[Flow, DemoWindow]:
    """The flows that the demo shows, and which days of each."""
    found = {flow: parts_of(flow).demo for flow in CATALOGUE}
    return {flow: window for flow, window in found.items() if window is not None}


def parts_of_demo(platform: Platform, last_day: date, done: Sequence[str] = ()) -> list[Part]:
    """The parts to make of the flows that are not `done`, the longest first.

    Flows whose centres have weather share a part: what the first of them loads serves the others.
    """
    shared: dict[str, list[Flow]] = {}
    for flow in windows():
        if flow.name not in done:
            has_weather = flow.has_weather or platform.weather_places_of(flow)
            of = "weather" if has_weather else flow.name
            shared.setdefault(of, []).append(flow)
    parts = [
        Part(
            tuple(flow.name for flow in flows),
            tuple(step for flow in flows for step in _steps(platform, flow, last_day)),
        )
        for flows in shared.values()
    ]
    # The last part to begin should be a short one, or a process waits while another works.
    return sorted(parts, key=lambda part: part.expected, reverse=True)


def _steps(platform: Platform, flow: Flow, last_day: date) -> list[Step]:
    window, last = windows()[flow], newest_day(flow, last_day)
    centres = platform.areas_of(flow)

    def step(one: DemoStep | DemoMonths, job: str, over: Rectangle | tuple[date, date]) -> Step:
        return Step(f"{flow.title}: {one.title}", one.seconds, f"{flow.name}_{job}", over)

    def days(one: DemoStep) -> Rectangle:
        return Rectangle(centres, last - timedelta(days=one.days - 1), last)

    predicted = days(window.predicted)
    steps = [step(window.loaded, "history", days(window.loaded))]
    if window.months is not None:
        months = (predicted.first_day.replace(day=1), last.replace(day=1))
        steps.append(step(window.months, window.months.job, months))
    return [*steps, step(window.predicted, "daily", predicted)]


def newest_day(flow: Flow, last_day: date) -> date:
    """The newest day of a flow on the day after `last_day`: of a flow with hours that day itself.

    `last_day` is the last complete day in UTC when the demo was made.
    """
    noon = datetime.combine(last_day + timedelta(days=1), time(12), UTC)
    return flow.due_at(noon)[1]
