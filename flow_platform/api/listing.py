"""What operations that list rows share: pages by key, fields that are refused, flows by name.

A page goes on after the last row of the one before (keyset), so that rows which come or go
meanwhile neither repeat nor hide others, and the last page costs what the first does.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import isfinite
from typing import Annotated, Any, TypeVar

from fastapi import Query, Request
from pydantic import BeforeValidator

from flow_platform.api.problems import Problem
from flow_platform.flows import CATALOGUE, Flow

MOST_ROWS = 1000

AnyFlow = TypeVar("AnyFlow", bound=Flow)

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def _day_text(value: Any) -> Any:
    # Pydantic would take a number as the seconds since 1970.
    if (isinstance(value, str) and not _DAY.fullmatch(value)) or isinstance(value, int | float):
        raise ValueError("write a day as 2026-11-21")
    return value


# A day that a request names.
AskedDay = Annotated[date, BeforeValidator(_day_text)]

FLOW_NAMES = [flow.name for flow in CATALOGUE]
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows a page, at the most.")]
Cursor = Annotated[
    str | None,
    Query(
        max_length=600,
        description="Where the page before ended; `next` of that page has it.",
    ),
]

NEXT_DESCRIPTION = "Address of the next page; null on the last."


def invalid(field: str, reason: str) -> Problem:
    """The 422 of one field: `field` as it is named in the request, such as query.from."""
    return Problem(
        422,
        detail="A field is missing or cannot be used; `errors` names each.",
        type="invalid",
        more={"errors": [{"field": field, "reason": reason}]},
    )


def flow_at(name: str, flows: Sequence[AnyFlow], hint: str = "") -> AnyFlow:
    """The flow of a path, or 404 naming those there are."""
    for flow in flows:
        if flow.name == name:
            return flow
    raise Problem(404, detail=f"There is no such flow. There are: {_names(flows)}.{hint}")


def flow_in(name: str, field: str) -> Flow:
    """The flow of a query or a body, or 422 naming those there are."""
    for flow in CATALOGUE:
        if flow.name == name:
            return flow
    raise invalid(field, f"There is no such flow. Use one of: {_names(CATALOGUE)}.")


def measure_of(flow: Flow, name: str, field: str = "query.measure") -> str:
    """The measure of a flow, or 422 naming those it has."""
    if name not in flow.measures:
        known = ", ".join(flow.measures)
        raise invalid(field, f"{flow.name} has no such measure. Use one of: {known}.")
    return name


def check_order(first: date | None, last: date | None) -> None:
    """Refuse a range that ends before it begins."""
    if first is not None and last is not None and first > last:
        raise invalid("query.from", "is after `to`. Swap them.")


@dataclass(frozen=True)
class Key:
    """A column by which pages are ordered, its PostgreSQL type, and how its text is read back."""

    column: str
    kind: str
    read: Callable[[Any], Any]


def text_key(column: str) -> Key:
    return Key(column, "text", _text)


def integer_key(column: str) -> Key:
    return Key(column, "bigint", _integer)


def number_key(column: str) -> Key:
    return Key(column, "double precision", _number)


def day_key(column: str) -> Key:
    return Key(column, "date", date.fromisoformat)


def moment_key(column: str) -> Key:
    return Key(column, "timestamptz", datetime.fromisoformat)


class Pages:
    """Pages of rows ordered by `keys`, which together name a row once."""

    def __init__(self, *keys: Key) -> None:
        self._keys = keys

    @property
    def order(self) -> str:
        """For `order by`."""
        return ", ".join(key.column for key in self._keys)

    def after(self, cursor: str | None) -> tuple[str, dict[str, Any]]:
        """A condition for the rows after a cursor, and its parameters. 422 for one not of ours."""
        if cursor is None:
            return "true", {}
        try:
            padded = cursor + "=" * (-len(cursor) % 4)
            values = json.loads(base64.urlsafe_b64decode(padded))
            if not isinstance(values, list) or len(values) != len(self._keys):
                raise ValueError
            read = [key.read(value) for key, value in zip(self._keys, values, strict=True)]
        except (ValueError, TypeError, OverflowError) as error:
            raise invalid("query.cursor", "is of no page. Use what `next` gave.") from error
        columns = ", ".join(key.column for key in self._keys)
        places = ", ".join(f"%(after_{n})s::{key.kind}" for n, key in enumerate(self._keys))
        return f"({columns}) > ({places})", {f"after_{n}": value for n, value in enumerate(read)}

    def page(
        self, request: Request, rows: Sequence[dict[str, Any]], limit: int
    ) -> tuple[list[dict[str, Any]], str | None]:
        """A page and the address of the next, of the `limit` + 1 rows that were read."""
        shown = list(rows[:limit])
        if len(rows) <= limit:
            return shown, None
        values = [_plain(shown[-1][_name(key.column)]) for key in self._keys]
        text = json.dumps(values, separators=(",", ":"), ensure_ascii=True).encode()
        cursor = base64.urlsafe_b64encode(text).decode().rstrip("=")
        address = request.url.include_query_params(cursor=cursor)
        # Relative: behind a gateway the service does not know its own name.
        return shown, f"{address.path}?{address.query}"


def _name(column: str) -> str:
    return column.rsplit(".", 1)[-1]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError
    return value


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**63:
        raise ValueError
    return value


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
        raise ValueError
    return float(value)


def _names(flows: Sequence[Flow]) -> str:
    return ", ".join(flow.name for flow in flows)
