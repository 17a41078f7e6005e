"""`flow load check`: shows how files would be read, and stores nothing.

What a load would do is found in `stages/looking.py`; the texts are made in `load_texts.py`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from flow_platform.cli.options import JsonOption, print_json
from flow_platform.settings import get_settings

load_app = typer.Typer(no_args_is_help=True, help="Files before they are loaded.")


@load_app.callback()
def _subject() -> None:
    """Files before they are loaded."""


@load_app.command()
def check(
    path: Annotated[str, typer.Argument(help="A file, a folder, or a pattern in quotes.")],
    flow: Annotated[str, typer.Option(help="The flow whose rows these are, such as: parcels")],
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 3 if any row would be refused.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Read files as a load would, and show what it would store and refuse. Stores nothing.

    It needs no database and no home. Keys are those of the flow's section in FLOW_SOURCES, where
    there is one; PATH takes the place of its path. Exits with 3 where a load would store nothing of
    what is there.
    """
    from flow_platform.cli.load_report import reports_of
    from flow_platform.cli.load_texts import facts_of, lines_of
    from flow_platform.flows.catalogue import flow_named

    with reports_of(get_settings(), flow_named(flow), path) as (report, guess):
        if as_json:
            print_json(facts_of(report, guess, strict))
        else:
            for line in lines_of(report, guess):
                typer.echo(line)
        code = report.exit_code(strict)
    if code:
        raise typer.Exit(code)
