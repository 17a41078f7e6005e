"""Commands about the installation: its services, its database, its state."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from flow_platform.cli.console import console
from flow_platform.cli.options import JsonOption, new_platform, print_json
from flow_platform.ground.roles import DASHBOARD_ROLE
from flow_platform.settings import get_settings


def up(as_json: JsonOption = False) -> None:
    """Start the database, the Dagster UI and daemon, the app and the API; wait until all answer."""
    from flow_platform.definitions import build_definitions
    from flow_platform.orchestration import (
        dagster_instance,
        end_abandoned_runs,
        ensure_foundation,
        set_environment,
    )
    from flow_platform.services import as_json as states_as_json
    from flow_platform.services import start_all

    platform = new_platform()
    with console.status("Preparing the database ..."), dagster_instance(platform) as instance:
        end_abandoned_runs(instance)
        ensure_foundation(platform, instance, build_definitions)
    with console.status("Starting the services ..."):
        states = start_all(platform, set_environment(platform))
    if as_json:
        print_json(states_as_json(states))
    else:
        show_states(states)


def init() -> None:
    """Bring the database to the present version, with the calendar and what else has no day."""
    from flow_platform.definitions import build_definitions
    from flow_platform.orchestration import dagster_instance, ensure_foundation

    platform = new_platform()
    with console.status("Preparing the database ..."), dagster_instance(platform) as instance:
        ensure_foundation(platform, instance, build_definitions)
    console.print("The database is ready.")


def run(service: Annotated[str, typer.Argument(help="Such as dagster-daemon.")]) -> None:
    """Run one service in the foreground, as a container does: it ends with the container."""
    from flow_platform.orchestration import prepare, set_environment
    from flow_platform.services import become

    platform = new_platform()
    prepare(platform)
    become(platform.settings, service, set_environment(platform))


def down() -> None:
    """Stop every service of this home, and its embedded database."""
    from flow_platform.services import stop_all

    stopped = stop_all(get_settings())
    console.print(f"Stopped: {', '.join(stopped)}" if stopped else "Nothing was running.")


def status(as_json: JsonOption = False) -> None:
    """Show how the database and each service are. Exit code 1 when one is not up."""
    from flow_platform.services import as_json as states_as_json
    from flow_platform.services import status as service_status

    states = service_status(get_settings())
    if as_json:
        print_json(states_as_json(states))
    else:
        show_states(states)
    if any(state.state != "up" for state in states):
        raise typer.Exit(1)


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


def dsn(
    role: Annotated[
        str, typer.Option(help="Database role, such as flow_dashboard, or admin.")
    ] = DASHBOARD_ROLE,
    database: Annotated[str, typer.Option(help="flow, dagster, mlflow or optuna.")] = "flow",
    url: Annotated[bool, typer.Option("--url", help="As a postgresql:// URL.")] = False,
) -> None:
    """Print the connection string of a database role, for psql and any client."""
    from flow_platform.orchestration import prepare

    platform = new_platform()
    prepare(platform)
    server = platform.server
    print(server.url(role, database) if url else server.dsn(role, database))


def docs() -> None:
    """Build dbt's documentation of every table and column; print the page to open."""
    from flow_platform.orchestration import prepare

    platform = new_platform()
    prepare(platform)
    print(platform.dbt.document(platform.server))


def show_states(states: list[Any]) -> None:
    """A table of the services, one a row."""
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
