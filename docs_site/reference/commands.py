"""The page of commands: every command of `flow`, from the tree that Typer makes of it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import typer

from docs_site.reference.markdown import NOTHING, cell, code, heading, table, type_in_words
from flow_platform.cli.app import app

_INTRODUCTION = """\
`flow` is in `.venv/bin`. Every command takes `--help`. An error that you can act on is printed
without a trace, and the exit code is 1. `--json` prints the result as JSON on standard output.
"""


def page() -> str:
    """The page as Markdown."""
    root = typer.main.get_command(app)
    commands = list(_commands(root, ("flow",)))
    parts = [
        heading("Commands", "flow_platform/cli/", _INTRODUCTION),
        table(
            ("Command", "What it does"),
            [
                (f"[`{' '.join(path)}`](#{_anchor(path)})", cell(_first_sentence(one)))
                for path, one in commands
            ],
        ),
    ]
    return "\n".join([*parts, *(_command(path, one) for path, one in commands)])


def _commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, in the order of `flow --help`."""
    for name in command.list_commands(None):
        one = command.commands[name]
        if hasattr(one, "commands"):
            yield from _commands(one, (*path, name))
        else:
            yield (*path, name), one


def _anchor(path: tuple[str, ...]) -> str:
    return "-".join(path)


def _first_sentence(command: Any) -> str:
    return inspect.cleandoc(command.help or "").split("\n\n")[0]


def _command(path: tuple[str, ...], command: Any) -> str:
    parameters = [one for one in command.params if "--help" not in one.opts]
    usage = " ".join([*path, *(_written(one) for one in parameters if one.required)])
    has_options = any(not one.required for one in parameters)
    parts = [
        f"## `{' '.join(path)}` {{ #{_anchor(path)} }}\n",
        f"{inspect.cleandoc(command.help or '')}\n",
        f"```\n{usage}{' [OPTIONS]' if has_options else ''}\n```\n",
    ]
    if parameters:
        rows = [(_name(one), _type(one), _default(one), cell(one.help)) for one in parameters]
        parts.append(table(("Argument or option", "Type", "Default", "Meaning"), rows))
    return "\n".join(parts)


def _is_argument(parameter: Any) -> bool:
    return not parameter.opts[0].startswith("-")


def _written(parameter: Any) -> str:
    """A required parameter as it is typed."""
    value = parameter.name.upper()
    return value if _is_argument(parameter) else f"{parameter.opts[0]} {value}"


def _name(parameter: Any) -> str:
    if _is_argument(parameter):
        return code(parameter.name.upper())
    return ", ".join(map(code, [*parameter.opts, *parameter.secondary_opts]))


def _type(parameter: Any) -> str:
    if getattr(parameter, "is_flag", False):
        return "flag"
    text = type_in_words(parameter.type_descriptor.annotation)
    if getattr(parameter, "multiple", False):
        text = f"{text.removeprefix('list of ')}, repeatable"
    return text


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if parameter.secondary_opts:
        return code((parameter.opts if parameter.default else parameter.secondary_opts)[0])
    if getattr(parameter, "is_flag", False) or parameter.default is None:
        return NOTHING
    return code(parameter.default)
