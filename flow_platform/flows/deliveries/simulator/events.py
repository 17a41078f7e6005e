"""The events of simulated orders: the JSON that a topic has for each thing that happens."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.flows.deliveries.simulator.parameters import MILESTONES

_FIRST_NAMES = "Ada Ben Cleo Dario Elif Femi Greta Hugo Ines Jonas Kira Liam Mara Noor Otto Pia"
_LAST_NAMES = "Abel Brandt Costa Dubois Evans Ferreira Garcia Haas Ito Jansen Kaya Lopes Moreau"
_NAMES = tuple(_FIRST_NAMES.split()), tuple(_LAST_NAMES.split())

# Topic and type of each milestone's event.
_TYPES = {
    "placed": ("orders", "placed"),
    "paid": ("payments", "paid"),
    "recarried": ("orders", "corrected"),
    "approved": ("orders", "approved"),
    "handed_over": ("tracking", "handed_over"),
    "left": ("tracking", "in_transit"),
    "passed": ("tracking", "in_transit"),
    "repromised": ("orders", "corrected"),
    "readdressed": ("orders", "corrected"),
    "opened": ("logs", "opened"),
    "out_for_delivery": ("tracking", "out_for_delivery"),
    "delivered": ("tracking", "delivered"),
    "resolved": ("logs", "resolved"),
    "returned": ("tracking", "returned"),
    "cancelled": ("orders", "cancelled"),
}
# Columns of an order that its event of this milestone is made of.
_COLUMNS: dict[str, tuple[str, ...]] = {
    "placed": (
        "centre_id",
        "customer_id",
        "seller",
        "first_carrier",
        "category",
        "items",
        "price",
        "freight",
        "weight_kg",
        "volume_l",
        "distance_km",
        "postal_code",
    ),
    "paid": ("price", "freight", "method", "installments"),
    "recarried": ("carrier",),
    "readdressed": ("postal_code", "distance_km"),
    "opened": ("incident_kind",),
    "resolved": ("incident_kind",),
    "left": ("seller",),
    "passed": ("centre_id",),
    "out_for_delivery": ("centre_id",),
}
# The same of moments.
_MOMENTS = {"placed": ("first_promised",), "recarried": ("promised",)}
# Column of an item and of its order, and the decimals of both.
_SUMMED = (
    ("price", "price", 2),
    ("freight", "freight", 2),
    ("weight_kg", "weight_kg", 3),
    ("volume_l", "volume_l", 2),
)


@dataclass(frozen=True, slots=True)
class SimulatedEvent:
    """One event as its topic has it: its JSON object, and when it became known (UTC)."""

    topic: str
    order_id: str
    body: dict[str, Any]
    available_at: datetime


def events_of(orders: pd.DataFrame, with_persons: bool) -> list[SimulatedEvent]:
    """The events of orders as `Marketplace.events` has them."""
    made: list[SimulatedEvent] = []
    for name in MILESTONES:
        occurred = orders[f"{name}_at"]
        happened = orders[occurred.notna()]
        if happened.empty:
            continue
        at = _naive(happened[f"{name}_at"])
        known = at + happened[f"_lag_{name}"].to_numpy().astype("m8[s]")
        topic, bodies = _bodies(name, happened, with_persons)
        for body, when, since in zip(bodies, _written(at), known.tolist(), strict=True):
            body["occurred_at"] = when
            available_at = since.replace(tzinfo=UTC)
            made.append(SimulatedEvent(topic, body["order_id"], body, available_at))
    made.sort(key=lambda event: event.available_at)
    return made


def _naive(moments: pd.Series) -> np.ndarray:
    return pd.DatetimeIndex(moments).tz_localize(None).to_numpy().astype("M8[us]")


def _written(moments: np.ndarray) -> list[str]:
    """Naive moments of UTC as ISO 8601 with their offset."""
    return [f"{text}+00:00" for text in np.datetime_as_string(moments.astype("M8[s]")).tolist()]


def _bodies(
    name: str, orders: pd.DataFrame, with_persons: bool
) -> tuple[str, list[dict[str, Any]]]:
    """The topic of a milestone, and its events' JSON objects, without occurred_at."""
    columns = {one: orders[one].tolist() for one in _COLUMNS.get(name, ())}
    columns |= {
        f"{one}_at": _written(_naive(orders[f"{one}_at"])) for one in _MOMENTS.get(name, ())
    }
    topic, type_ = _TYPES[name]
    bodies: list[dict[str, Any]] = [
        {"schema": 1, "event_id": f"{order_id}:{name}", "order_id": order_id, "type": type_}
        for order_id in orders["order_id"].tolist()
    ]
    rows: Iterator[tuple[Any, ...]] = zip(bodies, *columns.values(), strict=True)
    if name == "placed":
        for body, *values in rows:
            _add_placed(body, dict(zip(columns, values, strict=True)), with_persons)
    elif name == "paid":
        for body, price, freight, method, installments in rows:
            body["value"] = round(price + freight, 2)
            body["method"], body["installments"] = method, installments
    elif name in ("opened", "resolved"):
        for body, kind in rows:
            body["incident_id"], body["kind"] = f"{body['order_id']}:incident", kind
    elif name == "recarried":
        for body, carrier, promised_at in rows:
            body["carrier"], body["promised_at"] = carrier, promised_at
    elif name == "repromised":
        later = pd.to_timedelta(orders["repromise_days"], unit="D")
        for body, promised_at in zip(
            bodies, _written(_naive(orders["promised_at"] + later)), strict=True
        ):
            body["promised_at"] = promised_at
    elif name == "readdressed":
        # Another street of the same region: another area, a few kilometres more.
        for body, postal_code, km in rows:
            body["postal_code"] = f"{postal_code[:2]}9{postal_code[3:]}"
            body["distance_km"] = round(km * 1.08, 1)
    elif name == "left":
        for body, seller in rows:
            body["place"] = f"{seller} depot"
    elif name in ("passed", "out_for_delivery"):
        for body, region in rows:
            body["place"] = f"{region} depot"
    return topic, bodies


def _add_placed(body: dict[str, Any], order: Mapping[str, Any], with_persons: bool) -> None:
    customer_id, region = order["customer_id"], order["centre_id"]
    body["customer"] = _person(customer_id, region) if with_persons else {"id": customer_id}
    body["region"], body["postal_code"] = region, order["postal_code"]
    body["promised_at"] = order["first_promised_at"]
    body["items"] = _items(order)
    body["carrier"], body["distance_km"] = order["first_carrier"], order["distance_km"]


def _items(order: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The items of an order, whose sums are the order's: the first is the dearest."""
    count = order["items"]
    items = []
    for number in range(count):
        item = {"product": f"{order['category']}-{number + 1}", "seller": order["seller"]}
        item["category"] = order["category"]
        for ours, theirs, digits in _SUMMED:
            share = round(order[theirs] / count, digits)
            rest = round(order[theirs] - share * (count - 1), digits)
            # What rounding leaves is added to the dearest, or taken off the last.
            item[ours] = rest if number == (0 if rest >= share else count - 1) else share
        items.append(item)
    return items


@lru_cache(maxsize=100_000)
def _person_facts(customer_id: str) -> tuple[str, str, int]:
    digest = hashlib.blake2b(customer_id.encode(), digest_size=8).digest()
    number = int.from_bytes(digest, "big")
    first, last = (names[(number >> 8 * place) % len(names)] for place, names in enumerate(_NAMES))
    return first, last, number >> 16 & 0xFFFFFF


def _person(customer_id: str, region: str) -> dict[str, Any]:
    """An invented person, always the same for a customer."""
    first, last, number = _person_facts(customer_id)
    return {
        "id": customer_id,
        "name": f"{first} {last}",
        "email": f"{first.lower()}.{last.lower()}.{number:x}@example.org",
        "phone": f"+00 {number:09d}",
        "address": f"{number % 180 + 1} Linden Street, {region}",
    }
