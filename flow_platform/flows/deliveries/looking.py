"""Looks at a marketplace's files as a load would read them; stores nothing, names no person.

It does not know who was erased: their rows are left out by the load alone (`loading.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from flow_platform.flows.deliveries.context import DeliveriesContext
from flow_platform.flows.deliveries.events import OrderEvent, Poison
from flow_platform.flows.deliveries.files import market_files
from flow_platform.flows.deliveries.layouts import delivery_layouts, table_of
from flow_platform.flows.deliveries.loading import orders_in_files, received_file
from flow_platform.flows.deliveries.source import DeliveryReading
from flow_platform.ground.errors import SourceError
from flow_platform.ground.rectangle import Rectangle
from flow_platform.platform import Platform
from flow_platform.sources.files import FileUnreadableError
from flow_platform.sources.forms import FileForm
from flow_platform.sources.landing import FileBalance, Landing, rejected_frame
from flow_platform.sources.reader import read_file
from flow_platform.sources.tables import clean_text
from flow_platform.stages.looking import Look

# Of an order as it would be stored: neither its id nor its customer's.
_SHOWN = (
    *("centre_id", "day", "occurred_at", "promised_at", "customer", "postal_area"),
    *("items", "price", "freight", "weight_kg", "distance_km", "category", "carrier"),
)

_AMOUNTS = frozenset({"price", "freight", "value"})


def look_at_deliveries(platform: Platform, rectangle: Rectangle) -> Look:
    """What `load_deliveries` would store and refuse of files, and how it understands them."""
    market = platform.kept(DeliveriesContext)
    source = market.source
    why = "the first centre"
    if source.time_zone is not None:
        why = "time_zone"
    elif source.country is not None:
        why = f"country = {source.country}"

    def facts(form: FileForm) -> dict[str, str]:
        found = {}
        if any(ours.endswith("_at") for ours in form.columns):
            found["clock"] = (
                f"moments without an offset are in {market.timezone} ({why}); days are UTC days of"
                " placing"
            )
        if "weight_g" in form.columns:
            found["units"] = "weights in grams, sizes in cm"
        elif _AMOUNTS & set(form.columns):
            found["units"] = "amounts in the money of the files"
        if "person_id" in form.columns:
            found["persons"] = "customers are pseudonyms"
        return found

    return Look(landings=_landings(platform, rectangle), facts=facts)


def _landings(platform: Platform, rectangle: Rectangle) -> Iterator[Landing]:
    now = datetime.now(UTC)
    try:
        reading = orders_in_files(platform, rectangle, now)
    except SourceError as error:
        yield _unreadable(platform, error)
        return
    placed = _placed(reading, platform, rectangle, now)
    rejects = [one._replace(payload="") for one in reading.rejects()]
    yield Landing(placed, rejected_frame(rejects), reading.balances())


def _placed(
    reading: DeliveryReading, platform: Platform, rectangle: Rectangle, now: datetime
) -> pd.DataFrame:
    """The orders that would be stored; those with an event that cannot be are refused."""
    pseudonyms = platform.kept(DeliveriesContext).pseudonyms
    rows: dict[str, dict[str, Any]] = {}
    refused: dict[str, str] = {}
    for event in reading.events(rectangle.first_day, rectangle.last_day):
        found = received_file(event, pseudonyms, now).found
        order_id = event.body["order_id"]
        if isinstance(found, Poison):
            refused.setdefault(order_id, found.reason)
        elif isinstance(found, OrderEvent) and found.type == "placed":
            values = {name: getattr(found, name) for name in _SHOWN}
            rows[order_id] = {**values, "source_file": event.file, "source_line": event.line}
    for order_id, reason in refused.items():
        reading.refuse(order_id, reason)
        rows.pop(order_id, None)
    frame = pd.DataFrame(list(rows.values()), columns=[*_SHOWN, "source_file", "source_line"])
    return frame.assign(day=pd.to_datetime(frame["day"]))


def _unreadable(platform: Platform, error: SourceError) -> Landing:
    """The files of a marketplace that cannot be read as one: how far each was understood."""
    config = platform.kept(DeliveriesContext).source
    files = [FileBalance(clean_text(str(config.path)), error=str(error))]
    for path in market_files(config):
        name = table_of(path)
        if name in (None, "ignored"):
            continue
        for file, table in read_file(path, config, delivery_layouts(config, str(name))):
            if isinstance(table, FileUnreadableError):
                files.append(FileBalance.unreadable(file, table))
            else:
                rows = len(table) + len(table.broken)
                files.append(FileBalance(file, rows, rows_left=rows, form=table.form))
    return Landing(pd.DataFrame(), rejected_frame([]), tuple(files))
