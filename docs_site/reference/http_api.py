"""The page of the HTTP API: every operation, from the service's own description (OpenAPI)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs_site.reference.markdown import (
    cell,
    code,
    first_paragraph,
    heading,
    table,
)
from flow_platform.api.access import Role
from flow_platform.api.app import create_app
from flow_platform.api.config import ApiConfig

_INTRODUCTION = """\
The service describes itself at `/docs`, with schemas and examples, and at `/openapi.json`; this
page is the short form. [Use the HTTP API](../guides/http-api.md) shows how to sign in and send the
first requests.

Errors are `application/problem+json` (RFC 9457), with a `request_id` that is in the service's log.
Lists are pages: send the `cursor` of an answer to get the next one.
"""


def page() -> str:
    """The page as Markdown."""
    operations: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for method, path, operation in _operations():
        operations.setdefault(operation["tags"][0], []).append((method, path, operation))
    roles = " < ".join(f"**{role}**" for role in Role)
    parts = [
        heading("HTTP API", "the OpenAPI description of flow_platform/api/", _INTRODUCTION),
        f"Roles, each with the rights of those before it: {roles}. *public* needs no account.\n",
        *(_group(tag, listed) for tag, listed in operations.items()),
    ]
    return "\n".join(parts)


def _operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    # Nothing is opened before the service starts: the description needs no database.
    config = ApiConfig(dsn="", token_key=bytes(range(32)), home=Path("/nonexistent"))
    for path, methods in create_app(config).openapi()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _group(tag: str, operations: list[tuple[str, str, dict[str, Any]]]) -> str:
    rows = [
        (
            code(f"{method} {path}"),
            f"*{operation['x-role']}*" if operation["x-role"] == "public" else operation["x-role"],
            f"**{cell(operation['summary'])}.** {cell(first_paragraph(operation['description']))}",
            ", ".join(code(one["name"]) for one in operation.get("parameters", ())) or "",
        )
        for method, path, operation in operations
    ]
    shown = table(("Operation", "Role", "What it does", "Parameters"), rows)
    return f"## {tag.capitalize()} {{ #{tag} }}\n\n{shown}"
