"""What commands share: arguments and options, the platform they act on, JSON on stdout."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flow_platform.settings import get_settings

if TYPE_CHECKING:
    from flow_platform.platform import Platform

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
AnyMeasureOption = Annotated[
    str | None, typer.Option(help="One of the flow's measures; without it, all of them.")
]
FlowArgument = Annotated[str, typer.Argument(help="The flow, such as: parcels")]


def print_json(value: Any) -> None:
    """Indented, accents as they are; what JSON does not know becomes text."""
    print(json.dumps(value, default=str, ensure_ascii=False, indent=2))


def new_platform() -> Platform:
    """The installation that this process's environment describes."""
    from flow_platform.platform import Platform

    return Platform(get_settings())
