"""The partitions whose orders a stream has touched, until they are merged again.

The stream writes a mark with its rows (`ops.touched`). Here marks are claimed by a request for
runs, and deleted when these runs have succeeded: whatever is interrupted, a mark is either open or
claimed.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date

from flow_platform.flows import Flow
from flow_platform.warehouse.store import Store


@dataclass(frozen=True)
class Claim:
    """The marks that one request has claimed: the (centre, day) of their orders, each once.

    `unknown` orders were not placed yet, as far as is known; they are marked again when they are.
    """

    request: str
    cells: tuple[tuple[str, date], ...]
    orders: int
    unknown: int


def open_requests(store: Store, flow: Flow) -> list[str]:
    """The requests whose marks are claimed, oldest first."""
    frame = store.read(
        "select request, min(mark) as first from ops.touched"
        " where flow = %(flow)s and request is not null group by request order by first",
        {"flow": flow.name},
    )
    return [str(request) for request in frame["request"]]


def claim(store: Store, flow: Flow) -> Claim | None:
    """Claim every open mark for one new request; returns None if there is none.

    Marks that are committed meanwhile stay open for the next claim.
    """
    request = uuid.uuid4().hex[:12]
    with store.connect() as connection:
        claimed = connection.execute(
            "update ops.touched set request = %s where flow = %s and request is null"
            " returning mark",
            (request, flow.name),
        ).fetchall()
        if not claimed:
            return None
        rows = connection.execute(
            """
            with touched as (
                select distinct order_id from ops.touched, unnest(order_ids) as order_id
                where request = %s
            )
            select placed.centre_id, placed.day, count(*)
            from touched left join raw.orders as placed
                on placed.order_id = touched.order_id and placed.type = 'placed'
            group by 1, 2 order by 1, 2
            """,
            (request,),
        ).fetchall()
    return Claim(
        request,
        tuple((centre, day) for centre, day, _ in rows if centre is not None),
        sum(count for _, _, count in rows),
        sum(count for centre, _, count in rows if centre is None),
    )


def settle(store: Store, request: str) -> None:
    """Delete the marks of a request whose runs have merged them."""
    _end(store, "delete from ops.touched where request = %s", request)


def release(store: Store, request: str) -> None:
    """Open the marks of a request again whose runs have not merged them."""
    _end(store, "update ops.touched set request = null where request = %s", request)


def _end(store: Store, statement: str, request: str) -> None:
    with store.connect() as connection:
        connection.execute(statement.encode(), (request,))
