"""The page of flows: what the catalogue and the flows' parts declare, and when their jobs run."""

from __future__ import annotations

from docs_site.reference.markdown import NOTHING, cell, code, heading, table
from flow_platform.automation.schedules import PURGE, TIMEZONE
from flow_platform.flows.catalogue import CATALOGUE
from flow_platform.flows.kinds import Flow, SeriesFlow
from flow_platform.parts import DemoWindow, Schedule, parts_of

_INTRODUCTION = f"""\
A *series flow* forecasts a number for each centre and time step. A *record flow* scores single
events. [Words](words.md) defines the terms.

Schedules are switched on by `flow up`. Their times are in the time zone {TIMEZONE}.
"""


def page() -> str:
    """The page as Markdown."""
    top = heading("Flows and schedules", "flow_platform/flows/*/", _INTRODUCTION)
    shared = f"## Of all flows {{ #all-flows }}\n\n{_schedules((PURGE,), '')}"
    return "\n".join([top, *map(_flow, CATALOGUE), shared])


def _flow(flow: Flow) -> str:
    parts = parts_of(flow)
    facts = [
        ("Kind", _kind(flow)),
        ("Measures", ", ".join(map(code, flow.measures))),
        ("Candidates, simplest first", ", ".join(map(code, flow.candidates))),
        ("Centres are taken from", _centres(flow)),
        ("Merged table", code(flow.merged)),
        ("Weather", "of its own centres" if flow.has_weather else NOTHING),
        ("Live sources", ", ".join(code("/".join(one.key)) for one in parts.live) or NOTHING),
        ("Kept for", _kept(dict(parts.retention.days))),
        ("In the demo", _demo(parts.demo)),
    ]
    return "\n".join(
        [
            f"## {flow.title} {{ #{flow.name} }}\n",
            f"{flow.description}\n",
            table(("", ""), [(name, text) for name, text in facts]),
            _schedules(parts.schedules, f"{flow.name}_"),
        ]
    )


def _kind(flow: Flow) -> str:
    if not isinstance(flow, SeriesFlow):
        return "record flow"
    return (
        f"series flow: a step is one {flow.step}, forecast {flow.horizons[0]} to"
        f" {flow.longest_horizon} steps ahead"
    )


def _centres(flow: Flow) -> str:
    return "the centres file" if flow.centres_from == "file" else "its source"


def _kept(days: dict[str, int | None]) -> str:
    kinds = [
        f"{code(kind)} {'without limit' if limit is None else f'{limit:,} days'}"
        for kind, limit in days.items()
    ]
    return ", ".join(kinds) or "no personal data"


def _demo(window: DemoWindow | None) -> str:
    if window is None:
        return NOTHING
    return f"{window.loaded.days} days loaded, the last {window.predicted.days} predicted"


def _schedules(schedules: tuple[Schedule, ...], prefix: str) -> str:
    rows = [
        (code(one.name), code(one.cron), code(prefix + one.job), cell(one.description))
        for one in schedules
    ]
    return table(("Schedule", "When", "Job", "What it covers"), rows)
