"""`flow new-flow`: the package of a new flow, from templates."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

from flow_platform.cli.options import JsonOption, print_json


def new_flow(
    name: Annotated[str, typer.Argument(help="Name of the flow: small letters, digits and _.")],
    kind: Annotated[
        Literal["series", "record"],
        typer.Option(
            help="series: a number per centre and day is forecast. record: the outcome of each"
            " record is predicted when it begins."
        ),
    ],
    measure: Annotated[
        str | None,
        typer.Option(
            help="Column that is predicted. Default: the flow's name, `value` for a record."
        ),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Name that people read.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a new flow: its package, SQL, migration, page and tests; see the guide "Add a flow"."""
    from flow_platform.scaffold import new_flow as scaffold
    from flow_platform.settings import PROJECT_ROOT

    written = scaffold.new_flow(PROJECT_ROOT, name, kind, measure=measure, title=title)
    if as_json:
        print_json(
            {"made": list(map(str, written.made)), "changed": list(map(str, written.changed))}
        )
        return
    for path in written.made:
        print(f"made     {path}")
    for path in written.changed:
        print(f"changed  {path}")
    print(
        f"\nNext: flow backfill {name} --from DAY (a simulator supplies rows until sources.toml"
        " names files), then flow up.\nThe guide is docs/guides/add-a-flow.md.",
        file=sys.stderr,
    )
