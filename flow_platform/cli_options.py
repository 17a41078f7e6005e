"""Arguments and options that several commands share, and how a result is printed as JSON."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
FlowArgument = Annotated[str, typer.Argument(help="The flow, such as: parcels")]


def print_json(value: Any) -> None:
    """Indented, accents as they are; what JSON does not know becomes text."""
    print(json.dumps(value, default=str, ensure_ascii=False, indent=2))
