"""The centres that requests name, and what models predicted there on one day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from fastapi import Query

from flow_platform.api.database import Database
from flow_platform.api.listing import AskedPage, Item, Listing, invalid
from flow_platform.flows.kinds import Flow

# Most centres that a refusal lists.
_EXAMPLES = 10

CentreOrAll = Annotated[
    str | None,
    Query(max_length=200, description="Without it, every centre; * is all centres together."),
]


async def check_centre(database: Database, flow: Flow, centre: str | None) -> None:
    """Raise Problem 422, which lists some centres, for a centre that the flow does not have."""
    if centre is None:
        return
    rows = await database.rows(
        "select centre_id from published.centres where flow = %(flow)s"
        " order by centre_id = %(centre)s desc, centre_id limit %(examples)s",
        {"flow": flow.name, "centre": centre, "examples": _EXAMPLES + 1},
    )
    known = [row["centre_id"] for row in rows]
    if centre not in known:
        some = f"{', '.join(known[:_EXAMPLES])}{' ...' if len(known) > _EXAMPLES else ''}"
        raise invalid(
            "query.centre", f"{flow.name} has no such centre. There are: {some or 'none yet'}."
        )


async def check_centre_or_all(database: Database, flow: Flow, centre: str | None) -> None:
    """As `check_centre`, for figures that `*` has of all centres together."""
    if centre != "*":
        await check_centre(database, flow, centre)


async def day_page(
    listing: Listing[Item],
    asked: AskedPage,
    flow: Flow,
    day: date,
    centre: str | None,
    equal: Mapping[str, Any],
) -> tuple[list[Item], str | None]:
    """A page of a record flow's rows of one partition day (UTC), in one centre or in all.

    `equal` and what is returned are those of `Listing.page`. Raises Problem 422 for a centre that
    the flow does not have.
    """
    await check_centre(asked.database, flow, centre)
    # The centres are named, so that an index on (centre, day) serves for all of them too.
    every = "centre_id in (select centre_id from published.centres where flow = %(flow)s)"
    return await listing.page(
        asked,
        {"centre_id": centre, "day": day, **equal},
        [every] if centre is None else [],
        {"flow": flow.name},
    )
