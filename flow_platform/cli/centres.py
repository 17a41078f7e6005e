"""`flow centres`: the centres of a flow, and those that its source names."""

from __future__ import annotations

import csv
import sys

import typer
from rich.table import Table

from flow_platform.cli.console import console
from flow_platform.cli.options import FlowArgument, JsonOption, new_platform, print_json

centres_app = typer.Typer(no_args_is_help=True, help="The centres the platform forecasts.")


@centres_app.command("list")
def list_centres(flow: FlowArgument = "parcels", as_json: JsonOption = False) -> None:
    """Show the centres of a flow."""
    from flow_platform.flows.catalogue import flow_named

    centres = new_platform().centres_of(flow_named(flow))
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
    from flow_platform.flows.catalogue import flow_named
    from flow_platform.parts import parts_of
    from flow_platform.sources.centres import COLUMNS

    platform, chosen = new_platform(), flow_named(flow)
    rows = parts_of(chosen).places.discover(platform)
    # A centre's area and place are known from the source, not from a centres file.
    writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
