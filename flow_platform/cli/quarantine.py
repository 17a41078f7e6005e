"""`flow quarantine`: list rejected rows with their reasons, read them again, drop them.

Nothing is decided here: see `warehouse/quarantine.py` and `flows/deliveries/live/retry.py`. Rows
of files are repaired by loading their days again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flow_platform.cli.ingest import DELIVERIES, prepared
from flow_platform.cli.options import JsonOption, print_json
from flow_platform.ground.errors import ConfigurationError
from flow_platform.ground.roles import INGEST_ROLE

if TYPE_CHECKING:
    from flow_platform.warehouse.quarantine import QuarantinedRow, Selection

quarantine_app = typer.Typer(
    no_args_is_help=True, help="Rows that were rejected: list, read again, drop."
)

FlowOption = Annotated[str | None, typer.Option(help="Only of this flow.")]
ReasonOption = Annotated[
    str | None, typer.Option(help="Only with this code of reason, such as unknown_region.")
]
IdOption = Annotated[
    list[str] | None, typer.Option("--id", help="Only this row, by the id that list shows.")
]


@quarantine_app.command("list")
def list_rows(
    flow: FlowOption = None,
    reason: ReasonOption = None,
    state: Annotated[str, typer.Option(help="open, repaired, dropped or all.")] = "open",
    ids: IdOption = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows, newest first.")] = 50,
    show: Annotated[
        bool,
        typer.Option("--show", help="Show the payload, unsealed: it may concern persons."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the rows in quarantine, the newest first, each with its source and its reason."""
    from flow_platform.flows.deliveries.context import DeliveriesContext
    from flow_platform.flows.deliveries.live.rejects import unsealed
    from flow_platform.warehouse.quarantine import STATES, selected_rows

    if state not in (*STATES, "all"):
        raise ConfigurationError(f"State {state!r} is unknown. Use {', '.join(STATES)} or all.")
    platform = prepared()
    selection = _selection(flow, reason, ids, None if state == "all" else state)
    rows = selected_rows(platform.store(INGEST_ROLE), selection, limit)
    pseudonyms = platform.kept(DeliveriesContext).pseudonyms
    if as_json:
        print_json([_facts(row, unsealed(row, pseudonyms) if show else None) for row in rows])
        return
    if not rows:
        typer.echo("No such row is in quarantine.")
        return
    _show(rows)
    if show:
        for row in rows:
            typer.echo(f"{row.id}  {unsealed(row, pseudonyms)}")


@quarantine_app.command()
def retry(
    flow: Annotated[str, typer.Option(help="The flow of the rows.")] = DELIVERIES,
    reason: ReasonOption = None,
    ids: IdOption = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Change a key of the message first: key=value, the value JSON or a text."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Read messages in quarantine again; those that can be stored now become "repaired"."""
    from flow_platform.flows.deliveries.context import DeliveriesContext
    from flow_platform.flows.deliveries.live.messages import order_messages
    from flow_platform.flows.deliveries.live.retry import retry as read_again

    if flow != DELIVERIES:
        raise ConfigurationError(
            f"Rows of {flow} are repaired at their source: correct the file, then load its days"
            f" again with `flow backfill {flow} --from DAY --to DAY`. Rows that can be read then"
            " are marked as repaired."
        )
    platform = prepared()
    kept = platform.kept(DeliveriesContext)
    outcome = read_again(
        platform.store(INGEST_ROLE),
        order_messages(kept.source, kept.pseudonyms),
        _selection(flow, reason, ids, "open"),
        _changes(changes or []),
    )
    counts = dict(outcome.counts)
    if as_json:
        print_json({"repaired": outcome.repaired, "counts": counts})
        return
    rest = ", ".join(f"{code} {count:,}" for code, count in counts.items())
    typer.echo(f"{outcome.repaired:,} repaired. Read again: {rest or 'nothing'}.")
    if counts.get("not_readable_again"):
        typer.echo(
            "Some were not kept whole (too long, no UTF-8) or are rows of files: have them sent"
            " again, or load their days again with `flow backfill`."
        )


@quarantine_app.command()
def drop(
    flow: FlowOption = None,
    reason: ReasonOption = None,
    ids: IdOption = None,
    as_json: JsonOption = False,
) -> None:
    """Drop open rows: they are kept, and no longer count as open."""
    from flow_platform.warehouse.quarantine import drop_rows

    if not (ids or (flow and reason)):
        raise ConfigurationError("Choose the rows: --id, or --flow and --reason.")
    selection = _selection(flow, reason, ids, "open")
    dropped = drop_rows(prepared().store(INGEST_ROLE), selection)
    if as_json:
        print_json({"dropped": dropped})
    else:
        typer.echo(f"{dropped:,} dropped.")


def _selection(
    flow: str | None, reason: str | None, ids: list[str] | None, state: str | None
) -> Selection:
    from flow_platform.warehouse.quarantine import Selection

    return Selection(flow, reason, state, tuple(ids or ()))


def _changes(given: list[str]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigurationError(f"--set {key!r} is not written as key=value.")
        try:
            changes[key] = json.loads(value)
        except ValueError:
            changes[key] = value
    return changes


def _facts(row: QuarantinedRow, payload: Any) -> dict[str, Any]:
    facts = {name: value for name, value in vars(row).items() if name != "payload"}
    known = {name: value for name, value in row.payload.items() if name != "sealed"}
    facts["facts"] = known if "sealed" in row.payload else {}
    return facts if payload is None else facts | {"payload": payload}


def _show(rows: list[QuarantinedRow]) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    # A terminal has eighty characters: a reason may take several lines, and a value that all rows
    # share has no column.
    more = [
        name
        for name, values in (
            ("flow", {row.flow for row in rows}),
            ("state", {row.state for row in rows}),
        )
        if len(values) > 1
    ]
    table = Table(box=SIMPLE, pad_edge=False, padding=0)
    for name in ("id", "since", *more, "where", "reason"):
        table.add_column(name, no_wrap=name in ("id", "since"), overflow="fold")
    for row in rows:
        where = f"{row.source_file}:{row.source_line}"
        table.add_row(
            row.id,
            f"{row.quarantined_at:%Y-%m-%d %H:%M}",
            *(getattr(row, name) for name in more),
            f"{where} ({row.centre_id})" if row.centre_id else where,
            row.reason,
        )
    Console().print(table)
