"""`flow privacy`: export a person's data, erase them, remove data whose retention is over.

Nothing is computed here: see `privacy/`. Names of persons are never printed nor logged, and can be
given on standard input, since the shell's history and the list of processes show arguments.
"""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flow_platform.cli.options import JsonOption, print_json
from flow_platform.ground.errors import ConfigurationError
from flow_platform.settings import get_settings

if TYPE_CHECKING:
    from flow_platform.platform import Platform
    from flow_platform.privacy.erasing import Removed
    from flow_platform.privacy.holdings import Person

privacy_app = typer.Typer(
    no_args_is_help=True,
    help="Persons' data of deliveries. A value of - is read from standard input, a line each, in"
    " the order customer, e-mail, name, order.",
)
CustomerOption = Annotated[
    str, typer.Option(help="The customer's id as its source has it; - asks.")
]
EmailsOption = Annotated[
    list[str] | None, typer.Option("--email", help="An e-mail address of theirs; may be repeated.")
]
NamesOption = Annotated[
    list[str] | None, typer.Option("--name", help="A name of theirs; may be repeated.")
]
OrdersOption = Annotated[
    list[str] | None,
    typer.Option("--order", help="An order of theirs that no table knows as such; repeatable."),
]


@privacy_app.command()
def export(
    customer: CustomerOption,
    email: EmailsOption = None,
    name: NamesOption = None,
    order: OrdersOption = None,
    output: Annotated[
        Path | None, typer.Option(help="File to write; without it in FLOW_HOME/privacy/exports.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write all data of a person as JSON, readable by you alone. Audited, without content.

    The e-mail address and name find rejected rows and notes that do not contain the customer's id.
    """
    from flow_platform.privacy.exporting import export as write

    person = _person(customer, email, name, order)
    platform = _prepared()
    done = write(platform, person, _actor(), output)
    if as_json:
        print_json({"path": done.path, "rows": done.rows})
        return
    typer.echo(f"{_counts(done.rows)}\n{done.path}")
    if output is not None:
        typer.echo("Erasing does not find this file: delete it when you no longer need it.")


@privacy_app.command()
def erase(
    customer: CustomerOption,
    email: EmailsOption = None,
    name: NamesOption = None,
    order: OrdersOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove all data of a person, for good. Safe to repeat, and after any crash.

    Keyed tokens are remembered, so that data of the person that arrive again, or are restored from
    a backup, are not kept. Exit code 1 if words of the person are left in a place that you have to
    look at.
    """
    from flow_platform.ground import crash_points
    from flow_platform.privacy.erasing import erase as remove
    from flow_platform.privacy.erasing import preview

    person = _person(customer, email, name, order)
    platform = _prepared()
    crash_points.arm(platform.settings.crash_at)
    if not yes:
        if not sys.stdin.isatty():
            raise ConfigurationError("Nobody can be asked here: add --yes. Nothing was erased.")
        typer.echo(_counts(preview(platform, person).rows), err=True)
        typer.confirm("Erase all of it, for good?", abort=True, err=True)
    done = remove(platform, person, _actor(), lambda step: typer.echo(f"  {step} ...", err=True))
    traces = done.traces
    if as_json:
        print_json(
            {
                "rows": done.removed.rows,
                "partitions": done.removed.partitions,
                "backfill": _backfill(done.removed),
                "exports": done.exports,
                "unreadable": done.removed.unreadable,
                **vars(traces),
            }
        )
    else:
        typer.echo(_counts(done.removed.rows) + (f", {done.exports} exports" * bool(done.exports)))
        _show_traces(traces)
        if done.removed.unreadable:
            typer.echo(
                f"{done.removed.unreadable:,} sealed rows of the quarantine are of another secret"
                " and cannot be searched: `flow privacy purge` removes them by age."
            )
        if (line := _backfill(done.removed)) is not None:
            typer.echo(
                f"Sums of {len(done.removed.partitions)} centre-days are computed again with the"
                f" next orders that are merged. To do it at once: {line}"
            )
        typer.echo("Keep FLOW_HOME/privacy apart from backups of the database (docs/runbook.md).")
    if traces.left:
        raise typer.Exit(1)


@privacy_app.command()
def purge(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count; remove nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove data whose retention period is over (docs/privacy.md, FLOW_RETENTION).

    The schedule purge_daily does the same.
    """
    from flow_platform.privacy.retention import purge as remove

    done = remove(_prepared(), _actor(), dry_run=dry_run)
    if as_json:
        print_json({"rows": done.rows, "swept": done.swept, "dry_run": dry_run})
        return
    typer.echo(f"{'Would go' if dry_run else 'Removed'}: {_counts(done.rows)}")
    if done.swept:
        typer.echo(f"{done.swept:,} rows of erased persons had been stored again: removed.")


def _person(
    customer: str, emails: list[str] | None, names: list[str] | None, orders: list[str] | None
) -> Person:
    """The person; values of - are read from standard input, which no history shows."""
    from flow_platform.privacy.holdings import Person

    return Person(
        _given(customer, "Customer id"),
        tuple(_given(one, "E-mail address") for one in emails or ()),
        tuple(_given(one, "Name") for one in names or ()),
        tuple(_given(one, "Order") for one in orders or ()),
    )


def _given(value: str, title: str) -> str:
    if value != "-":
        return value
    if sys.stdin.isatty():
        return getpass.getpass(f"{title}: ")
    line = sys.stdin.readline()
    if not line:
        raise ConfigurationError(f"{title}: standard input has no more line. Nothing was done.")
    return line.rstrip("\r\n")


def _prepared() -> Platform:
    from flow_platform.orchestration import prepare
    from flow_platform.platform import Platform

    platform = Platform(get_settings())
    prepare(platform)
    return platform


def _backfill(removed: Removed) -> str | None:
    days = [day for _, day in removed.partitions]
    return f"flow backfill deliveries --from {min(days)} --to {max(days)}" if days else None


def _show_traces(traces: Any) -> None:
    for path, count in traces.overwritten.items():
        typer.echo(f"Overwritten in {path}: {count}")
    for path in traces.removed:
        typer.echo(f"Removed: {path}")
    for place, count in traces.left.items():
        typer.echo(f"LEFT, look at it: {place}: {count}")
    if traces.not_sought:
        typer.echo(
            f"{traces.not_sought} of the words are too short, or digits alone, to be sought in"
            " files: they occur there with other meanings."
        )


def _counts(rows: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in rows.items()) or "Nothing"


def _actor() -> str:
    return f"command line {getpass.getuser()}"
