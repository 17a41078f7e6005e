"""The `flow` command: what people type. Each command says what it did and what to do next."""

from __future__ import annotations

import sys

import typer
from rich.markup import escape

from flow_platform.cli import runs, services
from flow_platform.cli.centres import centres_app
from flow_platform.cli.console import console
from flow_platform.cli.demo import demo
from flow_platform.cli.evaluate import evaluate
from flow_platform.cli.explain import explain, what_if
from flow_platform.cli.ingest import ingest_app
from flow_platform.cli.load import load_app
from flow_platform.cli.models import models_app
from flow_platform.cli.new_flow import new_flow
from flow_platform.cli.privacy import privacy_app
from flow_platform.cli.quarantine import quarantine_app
from flow_platform.cli.simulate import simulate_app
from flow_platform.cli.tune import tune
from flow_platform.cli.users import users_app
from flow_platform.ground.errors import FlowError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Flow Platform: as-of forecasts for logistics flows.\n\n"
    "Start with `flow demo`, then `flow up`. Every command takes --help; every setting is an"
    " environment variable FLOW_... (docs/reference/settings.md).",
)
for command in (
    demo,
    services.up,
    services.init,
    services.run,
    services.down,
    services.status,
    services.doctor,
    services.dsn,
    services.docs,
    runs.backfill,
    runs.train,
    runs.segment,
    runs.forecast,
    tune,
    explain,
):
    app.command()(command)
app.command("what-if")(what_if)
app.command("new-flow")(new_flow)
app.command()(evaluate)
app.add_typer(centres_app, name="centres")
app.add_typer(load_app, name="load")
app.add_typer(models_app, name="models")
app.add_typer(ingest_app, name="ingest")
app.add_typer(simulate_app, name="simulate")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(users_app, name="user")
app.add_typer(privacy_app, name="privacy")


def main() -> None:
    """Run the command; an error the user can act on is printed without a trace, exit code 1."""
    try:
        app()
    except FlowError as error:
        console.print(
            f"[red]{type(error).__name__}[/red]: {escape(str(error))}",
            highlight=False,
            soft_wrap=True,
        )
        sys.exit(1)
