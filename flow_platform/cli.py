"""The `flow` command: what people type. Each command says what it did and what to do next.

Nothing is computed here: commands call `orchestration.py`, `services.py` and `demo.py`.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from flow_platform.cli_evaluate import evaluate
from flow_platform.cli_explain import explain, what_if
from flow_platform.cli_ingest import ingest_app
from flow_platform.cli_models import models_app
from flow_platform.cli_options import FlowArgument, JsonOption, print_json
from flow_platform.cli_privacy import privacy_app
from flow_platform.cli_quarantine import quarantine_app
from flow_platform.cli_simulate import simulate_app
from flow_platform.cli_tune import tune
from flow_platform.cli_users import users_app
from flow_platform.ground.errors import ConfigurationError, FlowError
from flow_platform.ground.roles import DASHBOARD_ROLE
from flow_platform.settings import get_settings

if TYPE_CHECKING:
    from flow_platform.flows import Flow
    from flow_platform.ground.rectangle import Rectangle
    from flow_platform.platform import Platform

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Flow Platform: as-of forecasts for logistics flows.\n\n"
    "Start with `flow demo`, then `flow up`. Every command takes --help; every setting is an"
    " environment variable FLOW_... (README, Settings).",
)
centres_app = typer.Typer(no_args_is_help=True, help="The centres the platform forecasts.")
app.add_typer(centres_app, name="centres")
app.add_typer(models_app, name="models")
app.add_typer(ingest_app, name="ingest")
app.add_typer(simulate_app, name="simulate")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(users_app, name="user")
app.add_typer(privacy_app, name="privacy")
console = Console(stderr=True)

FirstMonthOption = Annotated[str, typer.Option("--from", help="First month, such as 2025-01.")]
LastMonthOption = Annotated[
    str | None, typer.Option("--to", help="Last month; without it the first.")
]


def main() -> None:
    """Run the command; an error the user can act on is printed without a trace, exit code 1."""
    try:
        app()
    except FlowError as error:
        console.print(
            f"[red]{type(error).__name__}[/red]: {error}", highlight=False, soft_wrap=True
        )
        sys.exit(1)


@app.command()
def demo(as_json: JsonOption = False) -> None:
    """Fill this home with two simulated years, forecasts, trips and orders. Safe to repeat."""
    from flow_platform.demo import run_demo

    platform = _platform()
    with _progress() as progress:
        result = run_demo(platform, lambda title: _track(progress, title), _announcer(platform))
    if as_json:
        print_json(result.as_json())
        return
    _show_demo(result)


@app.command()
def up(as_json: JsonOption = False) -> None:
    """Start the database, the Dagster UI and daemon, the app and the API; wait until all answer."""
    from flow_platform.orchestration import dagster_instance, end_abandoned_runs, set_environment
    from flow_platform.services import as_json as states_as_json
    from flow_platform.services import start_all

    platform = _platform()
    with console.status("Preparing the database ..."), dagster_instance(platform) as instance:
        end_abandoned_runs(instance)
    with console.status("Starting the services ..."):
        states = start_all(platform, set_environment(platform))
    if as_json:
        print_json(states_as_json(states))
    else:
        _show_states(states)


@app.command()
def init() -> None:
    """Bring the database to the present version; every other command does so when it needs it."""
    from flow_platform.orchestration import prepare

    platform = _platform()
    prepare(platform)
    console.print("The database is ready.")


@app.command()
def run(service: Annotated[str, typer.Argument(help="Such as dagster-daemon.")]) -> None:
    """Run one service in the foreground, as a container does: it ends with the container."""
    from flow_platform.orchestration import prepare, set_environment
    from flow_platform.services import become

    platform = _platform()
    prepare(platform)
    become(platform.settings, service, set_environment(platform))


@app.command()
def down() -> None:
    """Stop every service of this home, and its embedded database."""
    from flow_platform.services import stop_all

    stopped = stop_all(get_settings())
    console.print(f"Stopped: {', '.join(stopped)}" if stopped else "Nothing was running.")


@app.command()
def status(as_json: JsonOption = False) -> None:
    """Show how the database and each service are. Exit code 1 when one is not up."""
    from flow_platform.services import as_json as states_as_json
    from flow_platform.services import status as service_status

    states = service_status(get_settings())
    if as_json:
        print_json(states_as_json(states))
    else:
        _show_states(states)
    if any(state.state != "up" for state in states):
        raise typer.Exit(1)


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Check the installation: settings, files, database, graph. Exit code 1 when a check fails."""
    from flow_platform.doctor import examine

    findings = examine(get_settings())
    if as_json:
        print_json([vars(finding) for finding in findings])
    else:
        table = Table("check", "result", "detail")
        for finding in findings:
            mark = "[green]ok[/green]" if finding.ok else "[red]not ok[/red]"
            table.add_row(finding.check, mark, finding.detail)
        console.print(table)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@app.command()
def dsn(
    role: Annotated[
        str, typer.Option(help="Database role, such as flow_dashboard, or admin.")
    ] = DASHBOARD_ROLE,
    database: Annotated[str, typer.Option(help="flow, dagster, mlflow or optuna.")] = "flow",
    url: Annotated[bool, typer.Option("--url", help="As a postgresql:// URL.")] = False,
) -> None:
    """Print the connection string of a database role, for psql and any client."""
    from flow_platform.orchestration import prepare

    platform = _platform()
    prepare(platform)
    server = platform.server
    print(server.url(role, database) if url else server.dsn(role, database))


@app.command()
def docs() -> None:
    """Build dbt's documentation of every table and column; print the page to open."""
    from flow_platform.orchestration import prepare

    platform = _platform()
    prepare(platform)
    print(platform.dbt.document(platform.server))


@app.command()
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
    as_json: JsonOption = False,
) -> None:
    """Run every stage of centres x days: load, merge, train what is needed, forecast, measure.

    One Dagster run covers the rectangle. Centres that are not side by side are covered by several:
    all are loaded before any is forecast. Days before there is enough history are forecast by the
    fallback. Safe to repeat, and to run again after a crash: the rows come out the same.
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
    _report(as_json, runs, f"{partitions} partitions of {stages} are in place.")


@app.command()
def train(
    flow: FlowArgument,
    first: FirstMonthOption,
    last: LastMonthOption = None,
    load_from: Annotated[
        str | None,
        typer.Option(help="First load and merge the rows from this day up to the last cut-off."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train every candidate with its cut-off at the start of these months, and name champions.

    With --load-from this is one command from raw rows to trained models: nothing is forecast.
    """
    from flow_platform.partitions import range_tags, rectangle_tags
    from flow_platform.stages.core import engine_of

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
    missing = engine_of(chosen).missing_requirement
    left_out = [
        f"Without {name}: {reason}." for name in chosen.candidates if (reason := missing(name))
    ]
    done = f"Vintages of {start:%Y-%m} to {end:%Y-%m} are registered."
    _report(as_json, runs, " ".join([done, *left_out]))


@app.command()
def segment(
    first: FirstMonthOption,
    last: LastMonthOption = None,
    as_json: JsonOption = False,
) -> None:
    """Segment the customers of deliveries, by what was known at the start of each of these months.

    Orders must have been loaded. Performance by segment counts days that are merged afterwards.
    """
    from flow_platform.flows import DELIVERIES
    from flow_platform.partitions import range_tags

    start, end = _months(first, last)
    months = range_tags(str(start), str(end))
    with _session(DELIVERIES.name) as (_, chosen, runner):
        runs = runner(f"{chosen.name}_segments", [months], {})
    _report(as_json, runs, "The segments are in published.customer_segments.")


@app.command()
def forecast(
    flow: FlowArgument,
    day: Annotated[
        str | None, typer.Option(help="Issue day; without it the last complete UTC day.")
    ] = None,
    centres: Annotated[str | None, typer.Option(help="Centre ids, separated by commas.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Issue the forecasts of one day, as its schedule does, and print those one step ahead.

    Of a flow with hours: of every hour of the day that has begun, today's without --day.
    """
    from flow_platform.flows import series_flow_named

    days_ago = 0 if series_flow_named(flow).is_hourly else 1
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
        return
    _show_forecasts(rows, f"Forecasts issued on {issued_on}", by_day=not chosen.is_hourly)


app.command()(tune)
app.command()(explain)
app.command("what-if")(what_if)
app.command()(evaluate)


@centres_app.command("list")
def list_centres(flow: FlowArgument = "parcels", as_json: JsonOption = False) -> None:
    """Show the centres of a flow."""
    from flow_platform.flows import flow_named

    centres = _platform().centres_of(flow_named(flow))
    if as_json:
        print_json([vars(centre) for centre in centres])
        return
    table = Table("centre_id", "name", "country", "zone", "timezone", "capacity a day")
    for centre in centres:
        capacity = "" if centre.daily_capacity is None else f"{centre.daily_capacity:,.0f}"
        table.add_row(
            centre.centre_id,
            centre.name,
            centre.country or "",
            centre.school_zone or "",
            centre.timezone,
            capacity,
        )
    console.print(table)


@centres_app.command("discover")
def discover(flow: FlowArgument = "parcels") -> None:
    """Print, as a centres file, every centre that the source of a flow names.

    For parcels complete its columns (country, timezone, ...) and name it in FLOW_CENTRES. Countries
    of retail, counters and boroughs need no file: they are taken from the source as printed.
    """
    from flow_platform.flows import flow_named
    from flow_platform.sources.centres import COLUMNS
    from flow_platform.sources.parcels import discover_centres

    platform, chosen = _platform(), flow_named(flow)
    if chosen.centres_from == "source":
        rows = [vars(centre) for centre in platform.centres_of(chosen)]
    else:
        found = discover_centres(platform.sources.parcels)
        rows = [{"centre_id": one, "name": one, "timezone": "UTC"} for one in found]
    # A centre's area and place are told by the source, not by a centres file.
    writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)


def _platform() -> Platform:
    from flow_platform.platform import Platform

    return Platform(get_settings())


def _days(name: str, first: str, last: str) -> tuple[date, date]:
    """The days that a command names, which its flow must have; asked before anything is started."""
    from flow_platform.flows import flow_named
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
    """The rectangles that runs must cover: one, unless the chosen centres stand apart."""
    from flow_platform.ground.rectangle import Rectangle, contiguous

    every = platform.areas_of(flow)
    chosen = [part.strip() for part in centres.split(",")] if centres else every
    # A counter stands for the area that bears its rows.
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
    from flow_platform.stages.weather import lacking_weather

    runner(
        "weather", [rectangle_tags(one) for one in lacking_weather(platform, flow, rectangle)], {}
    )


@contextmanager
def _session(flow: str) -> Iterator[tuple[Platform, Flow, Any]]:
    """The platform, the flow, and what runs a job once for each set of tags, with progress."""
    from flow_platform.flows import flow_named
    from flow_platform.orchestration import dagster_instance, ensure_foundation, run_job

    chosen, platform = flow_named(flow), _platform()
    with _progress() as progress, dagster_instance(platform) as instance:
        from flow_platform.definitions import build_definitions

        platform.announce = _announcer(platform)
        definitions = build_definitions(platform)
        ensure_foundation(platform, instance, definitions)

        def runner(job: str, tag_sets: list[dict[str, str]], more: dict[str, str]) -> list[str]:
            return [
                run_job(
                    platform,
                    instance,
                    definitions,
                    job,
                    {**tags, **more},
                    _track(progress, job),
                )
                for tags in tag_sets
            ]

        yield platform, chosen, runner


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


def _track(progress: Progress, title: str) -> Any:
    task = progress.add_task(title, total=None)
    return lambda done, total: progress.update(task, completed=done, total=total)


def _announcer(platform: Platform) -> Any:
    return lambda message: console.print(f"  {message}", highlight=False, style="dim")


def _report(as_json: bool, runs: list[str], sentence: str) -> None:
    if as_json:
        print_json({"runs": runs})
    else:
        console.print(f"{sentence} Runs: {', '.join(runs)}")


def _show_states(states: list[Any]) -> None:
    table = Table("service", "state", "address", "pid", "detail")
    colour = {"up": "green", "starting": "yellow", "down": "red"}
    for state in states:
        table.add_row(
            state.service,
            f"[{colour[state.state]}]{state.state}[/]",
            state.address or "",
            str(state.pid or ""),
            state.detail,
        )
    console.print(table)


def _show_forecasts(rows: Any, title: str, by_day: bool = True) -> None:
    table = Table(
        "date" if by_day else "hour that ends at",
        "centre_id",
        "measure",
        "prediction",
        "80 % interval",
        "model",
        title=title,
    )
    for row in rows.itertuples():
        table.add_row(
            f"{row.date:%Y-%m-%d}" if by_day else f"{row.target_at:%Y-%m-%d %H:%M} UTC",
            row.centre_id,
            row.measure,
            f"{row.prediction:,.0f}",
            f"{row.lower_80:,.0f} to {row.upper_80:,.0f}",
            row.model_version,
        )
    Console().print(table)


def _show_demo(result: Any) -> None:
    _show_forecasts(result.forecasts, f"Tomorrow, as said on the evening of {result.last_day}")
    table = Table("days ahead", "WAPE", "RMSE", "R2", "80 % interval covers", title="Error figures")
    for row in result.errors.itertuples():
        table.add_row(
            str(row.horizon),
            f"{row.wape:.1%}",
            f"{row.rmse:,.0f}",
            f"{row.r2:.3f}",
            f"{row.coverage_80:.0%}",
        )
    output = Console()
    output.print(table)
    output.print(
        f"One day ahead: WAPE {result.wape_ratio:.2f} x and RMSE {result.rmse_ratio:.2f} x the best"
        f" possible (the simulated world's own noise) over {result.floor_rows} centre-days;"
        f" R2 {result.r2:.3f}."
    )
    output.print(
        "Trips of the last two weeks: "
        + "; ".join(
            f"{row.model} RMSE {row.rmse:.1f} minutes, R2 {row.r2:.2f}, 80 % interval covers"
            f" {row.coverage_80:.0%}"
            for row in result.trips.itertuples()
        )
        + "."
    )
    orders = result.deliveries
    output.print(
        f"Orders of four weeks ago, as said when approved: mean error {orders['mae']:.1f} days,"
        f" 80 % interval covers {orders['coverage_80']:.0%}; late were"
        f" {orders['late_if_risky']:.0%} of the tenth most at risk,"
        f" {orders['late_otherwise']:.0%} of the others."
    )
    output.print(
        f"\n{'Nothing had to be done' if result.was_done else 'Done'} in {result.seconds:.0f} s."
        " What to open next:\n"
        "  make up        Dagster UI on http://127.0.0.1:3000, the app on http://127.0.0.1:8501,\n"
        "                 the API on http://127.0.0.1:8000\n"
        "  flow dsn       a read-only connection string; try:"
        " select * from published.latest_predictions\n"
        "  README.md      how to bring your own centres and counts"
    )


if __name__ == "__main__":
    main()
