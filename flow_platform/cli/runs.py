"""Commands that run Dagster jobs: backfill, train, segment, forecast.

Which partitions a command asks for is decided here; what they compute is in the graph.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flow_platform.cli.console import (
    announce,
    judge_loads,
    progress_bars,
    report,
    show_forecasts,
    track,
)
from flow_platform.cli.options import FlowArgument, JsonOption, new_platform, print_json
from flow_platform.ground.errors import ConfigurationError
from flow_platform.ground.roles import DASHBOARD_ROLE
from flow_platform.settings import get_settings

if TYPE_CHECKING:
    from flow_platform.flows.kinds import Flow
    from flow_platform.ground.rectangle import Rectangle
    from flow_platform.platform import Platform

FirstMonthOption = Annotated[str, typer.Option("--from", help="First month, such as 2025-01.")]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Exit with 3 if any row of a file was refused.")
]
LastMonthOption = Annotated[
    str | None, typer.Option("--to", help="Last month; without it the first.")
]


def backfill(
    flow: FlowArgument,
    first: Annotated[str, typer.Option("--from", help="First day, such as 2025-01-01.")],
    last: Annotated[str, typer.Option("--to", help="Last day, such as 2025-12-31.")],
    centres: Annotated[
        str | None, typer.Option(help="Centre ids, separated by commas; without it, all.")
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Load and merge alone: what models learn from.")
    ] = False,
    strict: StrictOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run every stage of centres x days: load, merge, train what is needed, forecast, measure.

    One Dagster run covers the rectangle. Centres that are not adjacent are covered by several: all
    are loaded before any is forecast. Days before there is enough history are forecast by the
    fallback. Safe to repeat, and to run again after a crash: the rows are the same.
    """
    from flow_platform.assets.common import REFRESH_TAG
    from flow_platform.partitions import rectangle_tags

    days = _days(flow, first, last)
    with _session(flow) as (platform, chosen, runner):
        rectangle = _rectangle(platform, chosen, days)
        parts = _blocks(platform, chosen, centres, rectangle)
        _bring_weather(platform, chosen, rectangle, runner)
        if history:
            runs = runner(f"{chosen.name}_history", [rectangle_tags(part) for part in parts], {})
        else:
            runs = _every_stage(chosen, parts, runner, {REFRESH_TAG: "stale"})
    partitions = sum(len(part) for part in parts)
    stages = "history" if history else "every stage"
    report(
        as_json, runs, f"{partitions} partitions of {stages} are in place.", platform.loads, strict
    )


def train(
    flow: FlowArgument,
    first: FirstMonthOption,
    last: LastMonthOption = None,
    load_from: Annotated[
        str | None,
        typer.Option(help="First load and merge the rows from this day up to the last cut-off."),
    ] = None,
    strict: StrictOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train every candidate with its cut-off at the start of these months, and name champions.

    With --load-from this is one command from raw rows to trained models: nothing is forecast.
    """
    from flow_platform.partitions import range_tags, rectangle_tags
    from flow_platform.parts import parts_of

    start, end = _months(first, last)
    days = _days(flow, load_from, str(end - timedelta(days=1))) if load_from is not None else None
    with _session(flow) as (platform, chosen, runner):
        runs = []
        if days is not None:
            rectangle = _rectangle(platform, chosen, days)
            _bring_weather(platform, chosen, rectangle, runner)
            runs += runner(f"{chosen.name}_history", [rectangle_tags(rectangle)], {})
        models = range_tags(f"{chosen.candidates[0]}|{start}", f"{chosen.candidates[-1]}|{end}")
        champions = range_tags(f"{chosen.measures[0]}|{start}", f"{chosen.measures[-1]}|{end}")
        runs += runner(f"{chosen.name}_models", [models], {})
        runs += runner(f"{chosen.name}_champions", [champions], {})
    missing = parts_of(chosen).models.engine.missing_requirement
    left_out = [
        f"Without {name}: {reason}." for name in chosen.candidates if (reason := missing(name))
    ]
    done = f"Vintages of {start:%Y-%m} to {end:%Y-%m} are registered."
    report(as_json, runs, " ".join([done, *left_out]), platform.loads, strict)


def segment(
    first: FirstMonthOption,
    last: LastMonthOption = None,
    as_json: JsonOption = False,
) -> None:
    """Segment the customers of deliveries, as they were known at the start of each month.

    Orders must have been loaded. Performance by segment counts days that are merged afterwards.
    """
    from flow_platform.flows.deliveries.flow import DELIVERIES
    from flow_platform.partitions import range_tags

    start, end = _months(first, last)
    months = range_tags(str(start), str(end))
    with _session(DELIVERIES.name) as (_, chosen, runner):
        runs = runner(f"{chosen.name}_segments", [months], {})
    report(as_json, runs, "The segments are in published.customer_segments.")


def forecast(
    flow: FlowArgument,
    day: Annotated[
        str | None, typer.Option(help="Issue day; without it the last complete UTC day.")
    ] = None,
    centres: Annotated[str | None, typer.Option(help="Centre ids, separated by commas.")] = None,
    strict: StrictOption = False,
    as_json: JsonOption = False,
) -> None:
    """Issue the forecasts of one day, as its schedule does, and print those one step ahead.

    An hourly flow has forecasts of every hour of the day that has begun; without --day, of today.
    """
    from flow_platform.flows.catalogue import series_flow_named
    from flow_platform.stages.refusals import Loads

    series = series_flow_named(flow)
    days_ago = 0 if series.is_hourly else 1
    issued_on = day or str(datetime.now(UTC).date() - timedelta(days=days_ago))
    days = _days(flow, issued_on, issued_on)
    with _session(flow) as (platform, chosen, runner):
        rectangle = _rectangle(platform, chosen, days)
        parts = _blocks(platform, chosen, centres, rectangle)
        _bring_weather(platform, chosen, rectangle, runner)
        runs = _every_stage(chosen, parts, runner, {})
        rows = platform.store(DASHBOARD_ROLE).read(
            "select distinct on (centre_id, measure) target_at, date, centre_id, measure,"
            " prediction, lower_80, upper_80, model_version"
            " from published.predictions where flow = %(flow)s and issued_on = %(day)s"
            " and horizon = 1 order by centre_id, measure, issued_at desc",
            {"flow": chosen.name, "day": issued_on},
        )
    if as_json:
        print_json({"runs": runs, "forecasts": json.loads(rows.to_json(orient="records"))})
    else:
        show_forecasts(rows, f"Forecasts issued on {issued_on}", by_day=not series.is_hourly)
    judge_loads(Loads(platform.loads), strict)


def _days(name: str, first: str, last: str) -> tuple[date, date]:
    """The days that a command names, which its flow must have; asked before anything is started."""
    from flow_platform.flows.catalogue import flow_named
    from flow_platform.ground.periods import day_named

    flow, first_day, last_day = flow_named(name), day_named(first), day_named(last)
    start, today = get_settings().first_day, datetime.now(UTC).date()
    if first_day > last_day:
        raise ConfigurationError(f"--from {first} is after --to {last}. Swap them.")
    if first_day < start:
        raise ConfigurationError(
            f"{first} is before the first partition day {start}. Set FLOW_FIRST_DAY={first}."
        )
    if flow.has_today and last_day > today:
        raise ConfigurationError(f"{last} has not begun in UTC; the newest day is {today}.")
    if not flow.has_today and last_day >= today:
        raise ConfigurationError(
            f"{last} is not over yet in UTC; the last complete day is {today - timedelta(days=1)}."
        )
    return first_day, last_day


def _months(first: str, last: str | None) -> tuple[date, date]:
    """The months that a command names; asked before anything is started."""
    from flow_platform.ground.periods import month_named

    start, end = month_named(first), month_named(last or first)
    if start > end:
        raise ConfigurationError(f"--from {first} is after --to {last}. Swap them.")
    # What is known when a month begins is not known before.
    if end > datetime.now(UTC).date():
        raise ConfigurationError(
            f"{end:%Y-%m} has not begun in UTC: what is known when it begins is not known yet."
            " Give an earlier month."
        )
    return start, end


def _rectangle(platform: Platform, flow: Flow, days: tuple[date, date]) -> Rectangle:
    from flow_platform.ground.rectangle import Rectangle

    rectangle = Rectangle(platform.areas_of(flow), *days)
    if not rectangle.centres:
        raise ConfigurationError(
            f"The source of {flow.name} names no centre: no file of"
            f" {platform.sources[flow.name].path} could be read. Correct path in sources.toml."
        )
    return rectangle


def _blocks(
    platform: Platform, flow: Flow, centres: str | None, rectangle: Rectangle
) -> list[Rectangle]:
    """The rectangles that runs must cover: one, unless the chosen centres are not adjacent."""
    from flow_platform.ground.rectangle import Rectangle, contiguous

    every = platform.areas_of(flow)
    chosen = [part.strip() for part in centres.split(",")] if centres else every
    # A counter's rows are stored under its area.
    areas = {one.centre_id: one.partition for one in platform.centres_of(flow)}
    named = [part if part in every else areas.get(part, part) for part in chosen]
    return [
        Rectangle(block, rectangle.first_day, rectangle.last_day)
        for block in contiguous(named, every)
    ]


def _every_stage(
    flow: Flow, parts: list[Rectangle], runner: Any, tags: dict[str, str]
) -> list[str]:
    """Run every stage of these rectangles; returns the run ids.

    Several are all loaded and merged before the first is forecast: a model learns from all centres,
    so that one trained in between would depend on which of them had been loaded by then.
    """
    from flow_platform.partitions import rectangle_tags

    rectangles = [rectangle_tags(part) for part in parts]
    if len(parts) == 1:
        return runner(f"{flow.name}_daily", rectangles, tags)
    loaded = runner(f"{flow.name}_history", rectangles, {})
    return [*loaded, *runner(f"{flow.name}_predict", rectangles, tags)]


def _bring_weather(platform: Platform, flow: Flow, rectangle: Rectangle, runner: Any) -> None:
    from flow_platform.partitions import rectangle_tags
    from flow_platform.stages.weather import weather_needed

    runner(
        "weather", [rectangle_tags(one) for one in weather_needed(platform, flow, rectangle)], {}
    )


@contextmanager
def _session(flow: str) -> Iterator[tuple[Platform, Flow, Any]]:
    """The platform, the flow, and what runs a job once for each set of tags, with progress."""
    from flow_platform.flows.catalogue import flow_named
    from flow_platform.orchestration import dagster_instance, ensure_foundation, run_job

    chosen, platform = flow_named(flow), new_platform()
    with progress_bars() as progress, dagster_instance(platform) as instance:
        from flow_platform.definitions import build_definitions

        platform.announce = announce
        ensure_foundation(platform, instance, build_definitions)
        definitions = platform.kept(build_definitions)

        def runner(job: str, tag_sets: list[dict[str, str]], more: dict[str, str]) -> list[str]:
            return [
                run_job(
                    platform,
                    instance,
                    definitions,
                    job,
                    {**tags, **more},
                    track(progress, job),
                )
                for tags in tag_sets
            ]

        yield platform, chosen, runner
