"""What operations that list rows share: pages by key, and checks of flows, measures and ranges.

A page continues after the last row of the previous one (keyset), so that rows which are added or
removed meanwhile neither repeat nor hide others, and the last page costs what the first does.
What is listed is declared next to each operation.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import isfinite
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query, Request
from pydantic import BaseModel, BeforeValidator, TypeAdapter

from flow_platform.api.database import Database
from flow_platform.api.problems import Problem
from flow_platform.flows.catalogue import CATALOGUE
from flow_platform.flows.kinds import Flow

MOST_ROWS = 1000

AnyFlow = TypeVar("AnyFlow", bound=Flow)
Item = TypeVar("Item", bound=BaseModel)

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def _day_text(value: Any) -> Any:
    # As the seconds since 1970.
    if (isinstance(value, str) and not _DAY.fullmatch(value)) or isinstance(value, int | float):
        raise ValueError("write a day as 2026-11-21")
    return value


# A day in a request: pydantic alone would also take numbers.
AskedDay = Annotated[date, BeforeValidator(_day_text)]

FLOW_NAMES = [flow.name for flow in CATALOGUE]
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="Most rows in a page.")]
Cursor = Annotated[
    str | None,
    Query(
        max_length=600,
        description="Where the previous page ended: the cursor in `next` of that page.",
    ),
]

NEXT_DESCRIPTION = "Address of the next page; null on the last."


class AskedPage:
    """The page of a listing that a request asks for."""

    def __init__(self, request: Request, limit: Limit = 100, cursor: Cursor = None) -> None:
        self.url, self.limit, self.cursor = request.url, limit, cursor
        self.database: Database = request.app.state.database


class AskedFullPage(AskedPage):
    """As `AskedPage`, of as many rows as a page may have unless the request asks for fewer."""

    def __init__(self, request: Request, limit: Limit = MOST_ROWS, cursor: Cursor = None) -> None:
        super().__init__(request, limit, cursor)


Page = Annotated[AskedPage, Depends()]
FullPage = Annotated[AskedFullPage, Depends()]


def invalid(field: str, reason: str) -> Problem:
    """The 422 for one field, named by its place in the request.

    >>> raise invalid("query.from", "is after `to`. Swap them.")
    """
    return Problem(
        422,
        detail="A field is missing or cannot be used; `errors` names each.",
        type="invalid",
        more={"errors": [{"field": field, "reason": reason}]},
    )


def names_of(flows: Sequence[Flow]) -> str:
    """The names of flows as a list in a sentence, such as "parcels, retail"."""
    return ", ".join(flow.name for flow in flows)


def flow_at(name: str, flows: Sequence[AnyFlow], hint: str = "") -> AnyFlow:
    """The flow of this name in a path. Raises Problem 404, which lists `flows` and adds `hint`."""
    for flow in flows:
        if flow.name == name:
            return flow
    raise Problem(404, detail=f"There is no such flow. There are: {names_of(flows)}.{hint}")


def flow_in(name: str, field: str) -> Flow:
    """The flow of this name in a query or a body. Raises Problem 422, which lists all flows."""
    for flow in CATALOGUE:
        if flow.name == name:
            return flow
    raise invalid(field, f"There is no such flow. Use one of: {names_of(CATALOGUE)}.")


def measure_of(flow: Flow, name: str, field: str = "query.measure") -> str:
    """`name`, if the flow has such a measure. Raises Problem 422, which lists those it has."""
    if name not in flow.measures:
        known = ", ".join(flow.measures)
        raise invalid(field, f"{flow.name} has no such measure. Use one of: {known}.")
    return name


def check_order(first: date | None, last: date | None) -> None:
    """Raise Problem 422 for a range that ends before it begins."""
    if first is not None and last is not None and first > last:
        raise invalid("query.from", "is after `to`. Swap them.")


@dataclass(frozen=True)
class Key:
    """A column that pages are ordered by: its name, its PostgreSQL type, and how a value of a
    cursor is read (ValueError where it is not of this type)."""

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


class Listing(Generic[Item]):
    """A published relation that an operation lists page by page, as items of `item`.

    `keys` order the pages and together identify a row. Fields of `item` are columns of the
    relation, unless `computed` has SQL for them, such as "1 - risk as safety"; keys that are no
    fields may be computed too.

    >>> ALERTS = Listing(Alert, "published.alerts", text_key("kind"), text_key("centre_id"))
    >>> items, following = await ALERTS.page(page, {"flow": "parcels"})
    """

    def __init__(
        self, item: type[Item], relation: str, *keys: Key, computed: Sequence[str] = ()
    ) -> None:
        names = [*item.model_fields, *(key.column for key in keys)]
        aliases = [column.rsplit(" as ", 1)[-1] for column in computed]
        stored = [name for name in dict.fromkeys(names) if name not in aliases]
        self._select = f"select {', '.join((*stored, *computed))} from {relation}"
        self._items = TypeAdapter(list[item])  # type: ignore[valid-type]
        self._keys = keys

    async def page(
        self,
        asked: AskedPage,
        equal: Mapping[str, Any],
        where: Sequence[str] = (),
        params: Mapping[str, Any] | None = None,
    ) -> tuple[list[Item], str | None]:
        """The items of a page, and the address of the next one (None on the last).

        `equal` keeps the rows whose columns have these values; a value of None keeps all. `where`
        are further conditions; their parameters are in `params`. Raises Problem 422 for a cursor
        that no page has given, DatabaseDown.
        """
        after, values = self._after(asked.cursor)
        wanted = {column: value for column, value in equal.items() if value is not None}
        conditions = [*(f"{column} = %({column})s" for column in wanted), *where]
        rows = await asked.database.rows(
            f"select * from ({self._select} where {' and '.join(conditions) or 'true'}) as listed"
            f" where {after} order by {', '.join(key.column for key in self._keys)}"
            " limit %(page_rows)s",
            # One more than is shown: then there is a next page.
            {**wanted, **(params or {}), **values, "page_rows": asked.limit + 1},
        )
        shown, following = rows[: asked.limit], None
        if len(rows) > asked.limit:
            address = asked.url.include_query_params(cursor=self._cursor(shown[-1]))
            # Relative: behind a gateway the service does not know its own name.
            following = f"{address.path}?{address.query}"
        return self._items.validate_python(shown), following

    def _after(self, cursor: str | None) -> tuple[str, dict[str, Any]]:
        """A condition for the rows after a cursor, and its parameters."""
        if cursor is None:
            return "true", {}
        try:
            padded = cursor + "=" * (-len(cursor) % 4)
            values = json.loads(base64.urlsafe_b64decode(padded))
            if not isinstance(values, list) or len(values) != len(self._keys):
                raise ValueError
            read = [key.read(value) for key, value in zip(self._keys, values, strict=True)]
        except (ValueError, TypeError, OverflowError) as error:
            raise invalid(
                "query.cursor", "belongs to no page. Use the cursor in `next`."
            ) from error
        columns = ", ".join(key.column for key in self._keys)
        places = ", ".join(f"%(after_{n})s::{key.kind}" for n, key in enumerate(self._keys))
        return f"({columns}) > ({places})", {f"after_{n}": value for n, value in enumerate(read)}

    def _cursor(self, last: Mapping[str, Any]) -> str:
        """What names the page after the row `last`."""
        values = [_plain(last[key.column]) for key in self._keys]
        text = json.dumps(values, separators=(",", ":"), ensure_ascii=True).encode()
        return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError
    value.encode()  # PostgreSQL holds no lone surrogate; the error is a ValueError
    return value


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**63:
        raise ValueError
    return value


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
        raise ValueError
    return float(value)
