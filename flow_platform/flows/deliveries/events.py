"""Events of orders: what the topics orders, payments, tracking and logs say, checked and bare.

Messages, lines of files and the simulator all become these. Persons do not: a customer is a
pseudonym here, and names and addresses are left out. Storing them is in `live/`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from flow_platform.ground.written_dates import is_iso, moment_of_iso
from flow_platform.sources import values
from flow_platform.sources.ids import why_not_an_id
from flow_platform.sources.json_objects import UnusableError, object_in
from flow_platform.sources.pseudonyms import Pseudonyms

SCHEMA = 1
TOPICS = ("orders", "payments", "tracking", "logs")
# A clock may run ahead by so much; what occurs later has not happened yet.
_CLOCK_TOLERANCE = timedelta(days=1)
_LONGEST_PROMISE = timedelta(days=3653)
_EARLIEST = datetime.combine(values.EARLIEST_DAY, datetime.min.time(), UTC)
# Anything finer than an area of many streets would show who lives there.
_POSTAL_AREA = 3
_LONGEST_TEXT = 200
_MOST_ITEMS = 32_767  # of PostgreSQL's smallint
_LARGEST_NUMBER = 1e12
_LARGEST_ID = 10**18


@dataclass(frozen=True, slots=True)
class Event:
    """One event. Moments are aware, in UTC; `available_at` is never before `occurred_at`.

    `type` is one of its topic's types. `source` and `source_position` locate its message or row.
    """

    event_id: str
    type: str
    order_id: str
    occurred_at: datetime
    available_at: datetime
    source: str
    source_position: int


@dataclass(frozen=True, slots=True)
class OrderEvent(Event):
    """An event of the topic orders, as raw.orders holds it; None where it has no value.

    Prices are in the currency of the source, weights in kg, volumes in litres, distances in km.
    """

    centre_id: str | None = None
    day: date | None = None
    customer: str | None = None
    region: str | None = None
    postal_area: str | None = None
    promised_at: datetime | None = None
    seller: str | None = None
    sellers: int | None = None
    carrier: str | None = None
    category: str | None = None
    items: int | None = None
    price: float | None = None
    freight: float | None = None
    weight_kg: float | None = None
    volume_l: float | None = None
    distance_km: float | None = None


@dataclass(frozen=True, slots=True)
class PaymentEvent(Event):
    """An event of the topic payments; its type is always "paid", which raw.payments leaves out."""

    method: str | None = None
    installments: int | None = None
    value: float = 0.0


@dataclass(frozen=True, slots=True)
class TrackingEvent(Event):
    """An event of the topic tracking: where the parcel is."""

    place: str | None = None


@dataclass(frozen=True, slots=True)
class IncidentEvent(Event):
    """An event of the topic logs: an incident of an order was opened or resolved."""

    incident_id: str = ""
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Poison:
    """Why something cannot be stored ("code: words"), and the order and region it names."""

    reason: str
    order_id: str | None = None
    centre_id: str | None = None


def read_message(
    topic: str,
    payload: bytes | None,
    pseudonyms: Pseudonyms,
    *,
    available_at: datetime,
    source: str,
    source_position: int,
    regions: Collection[str] | None = None,
    now: datetime | None = None,
) -> Event | Poison:
    """`read_event` of the bytes of a message; None, a deleted message of Kafka, is poison too."""
    try:
        body = object_in(payload or b"")
    except UnusableError as error:
        return Poison(str(error).replace("not_finite:", "bad_number:", 1))
    return read_event(
        topic,
        body,
        pseudonyms,
        available_at=available_at,
        source=source,
        source_position=source_position,
        regions=regions,
        now=now,
    )


def read_event(
    topic: str,
    body: Mapping[str, Any],
    pseudonyms: Pseudonyms,
    *,
    available_at: datetime,
    source: str,
    source_position: int,
    regions: Collection[str] | None = None,
    now: datetime | None = None,
) -> Event | Poison:
    """The event that a JSON object of this topic is, or why it is none. Never raises.

    `regions` are the centres that exist; None takes any that can be an id. `available_at` and
    `now` are aware; what occurs more than a day after `now` (None: the present) has not occurred.
    A reason names keys, never their values: these may identify a person.
    """
    try:
        if type(body.get("schema")) is not int or body["schema"] != SCHEMA:
            raise UnusableError(f"unknown_schema: schema is not {SCHEMA}")
        read, types = _READERS.get(topic, (None, ()))
        if read is None:
            raise UnusableError("unknown_topic: no event has a topic of this name")
        type_ = body.get("type")
        if type_ is None:
            raise UnusableError("missing_value: type is not there")
        if not isinstance(type_, str) or type_ not in types:
            raise UnusableError(f"unknown_type: type is none of {', '.join(types)}")
        event_id = _id(body, "event_id", "missing_event_id")
        order_id = _id(body, "order_id", "missing_value")
        occurred_at = _moment(body, "occurred_at")
        if occurred_at is None:
            raise UnusableError("missing_value: occurred_at is not there")
        if occurred_at > (now or datetime.now(UTC)) + _CLOCK_TOLERANCE:
            raise UnusableError("impossible_date: occurred_at is more than a day in the future")
        known_at = max(available_at.astimezone(UTC), occurred_at)
        first = (event_id, type_, order_id, occurred_at, known_at, source, source_position)
        return read(first, body, pseudonyms, regions)
    except UnusableError as error:
        return Poison(str(error), *_named(body, regions))


_First = tuple[str, str, str, datetime, datetime, str, int]


def _order_event(
    first: _First,
    body: Mapping[str, Any],
    pseudonyms: Pseudonyms,
    regions: Collection[str] | None,
) -> OrderEvent:
    type_, occurred_at = first[1], first[3]
    if type_ in ("approved", "cancelled"):
        return OrderEvent(*first)
    region = _region(body, regions)
    promised_at = _moment(body, "promised_at")
    if promised_at is not None and promised_at - occurred_at > _LONGEST_PROMISE:
        raise UnusableError("impossible_date: promised_at is more than ten years after the order")
    goods = _goods(body)
    postal_area = _text(body, "postal_code")
    rest: tuple[Any, ...] = (
        region,
        postal_area and postal_area[:_POSTAL_AREA],
        promised_at,
        goods.seller,
        goods.sellers,
        _text(body, "carrier"),
        goods.category,
        goods.items,
        goods.price,
        goods.freight,
        goods.weight_kg,
        goods.volume_l,
        _number(body, "distance_km"),
    )
    if type_ == "corrected":
        if all(value is None for value in rest):
            raise UnusableError("missing_value: nothing that can be corrected is there")
        return OrderEvent(*first, None, None, None, *rest)
    for value, name in ((region, "region"), (promised_at, "promised_at"), (goods.items, "items")):
        if value is None:
            raise UnusableError(f"missing_value: {name} is not there")
    customer = pseudonyms.customer(_customer_id(body))
    return OrderEvent(*first, region, occurred_at.date(), customer, *rest)


def _payment_event(
    first: _First, body: Mapping[str, Any], _pseudonyms: Any, _regions: Any
) -> PaymentEvent:
    value = _number(body, "value")
    if value is None:
        raise UnusableError("missing_value: value is not there")
    return PaymentEvent(*first, _text(body, "method"), _count(body, "installments"), value)


def _tracking_event(
    first: _First, body: Mapping[str, Any], _pseudonyms: Any, _regions: Any
) -> TrackingEvent:
    return TrackingEvent(*first, _text(body, "place"))


def _incident_event(
    first: _First, body: Mapping[str, Any], _pseudonyms: Any, _regions: Any
) -> IncidentEvent:
    return IncidentEvent(*first, _id(body, "incident_id", "missing_value"), _text(body, "kind"))


_READERS: dict[str, tuple[Callable[..., Event], tuple[str, ...]]] = {
    "orders": (_order_event, ("placed", "approved", "corrected", "cancelled")),
    "payments": (_payment_event, ("paid",)),
    "tracking": (
        _tracking_event,
        ("handed_over", "in_transit", "out_for_delivery", "delivered", "returned"),
    ),
    "logs": (_incident_event, ("opened", "resolved")),
}


@dataclass(frozen=True, slots=True)
class _Goods:
    """The items of an order, added up; None is what no item says."""

    items: int | None = None
    seller: str | None = None
    sellers: int | None = None
    category: str | None = None
    price: float | None = None
    freight: float | None = None
    weight_kg: float | None = None
    volume_l: float | None = None


_NO_GOODS = _Goods()


def _goods(body: Mapping[str, Any]) -> _Goods:
    items = body.get("items")
    if items is None:
        return _NO_GOODS
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        raise UnusableError("wrong_type: items is not a list of objects")
    if not items:
        raise UnusableError("missing_value: items is empty")
    if len(items) > _MOST_ITEMS:
        raise UnusableError(f"bad_number: items are more than {_MOST_ITEMS}")
    prices = [_number(item, "price") for item in items]
    known = [price for price in prices if price is not None]
    if len(known) < len(prices):
        raise UnusableError("missing_value: price of an item is not there")
    sellers = [_text(item, "seller") for item in items]
    categories = [_text(item, "category") for item in items]
    dearest = known.index(max(known))
    return _Goods(
        len(items),
        sellers[dearest],
        len({seller for seller in sellers if seller is not None}) or None,
        categories[dearest],
        _sum(known),
        *(_sum([_number(item, name) for item in items]) for name in _SUMMED),
    )


_SUMMED = ("freight", "weight_kg", "volume_l")


def _sum(numbers: Sequence[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    # Exact, so that the same items in another order are the same event.
    return math.fsum(known) if known else None


def _customer_id(body: Mapping[str, Any]) -> str:
    customer = body.get("customer")
    if customer is None:
        raise UnusableError("missing_value: customer is not there")
    if not isinstance(customer, Mapping):
        raise UnusableError("wrong_type: customer is not an object")
    return _id(customer, "id", "missing_value", "id of the customer")


def _region(body: Mapping[str, Any], regions: Collection[str] | None) -> str | None:
    region = _text(body, "region")
    if region is None:
        return None
    if regions is not None and region not in regions:
        raise UnusableError("unknown_region: region is none of those that exist")
    if regions is None and why_not_an_id(region) is not None:
        raise UnusableError("bad_region: region cannot be the id of a centre")
    return region


def _id(body: Mapping[str, Any], key: str, code: str, name: str | None = None) -> str:
    found = _text(body, key, name)
    if found is None:
        raise UnusableError(f"{code}: {name or key} is not there")
    return found


def _text(body: Mapping[str, Any], key: str, name: str | None = None) -> str | None:
    """A text that PostgreSQL can hold, None where there is none."""
    value = body.get(key)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST_ID:
        return str(value)
    if not isinstance(value, str):
        raise UnusableError(f"wrong_type: {name or key} is no text")
    text = value.strip()
    if not text.isprintable():
        text = " ".join(text.split())  # line ends and wide blanks are no fault
        if not text.isprintable():
            raise UnusableError(f"bad_text: {name or key} holds a character that cannot be printed")
    if len(text) > _LONGEST_TEXT:
        raise UnusableError(f"bad_text: {name or key} has more than {_LONGEST_TEXT} characters")
    return text or None


def _number(body: Mapping[str, Any], key: str) -> float | None:
    value = body.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnusableError(f"wrong_type: {key} is no number")
    if not 0 <= value <= _LARGEST_NUMBER:  # neither is NaN
        raise UnusableError(f"bad_number: {key} is negative, not finite or above 10^12")
    return float(value) + 0.0


def _count(body: Mapping[str, Any], key: str) -> int | None:
    number = _number(body, key)
    if number is None:
        return None
    if not number.is_integer() or number > _MOST_ITEMS:
        raise UnusableError(f"bad_number: {key} is no whole number up to {_MOST_ITEMS}")
    return int(number)


def _moment(body: Mapping[str, Any], key: str) -> datetime | None:
    """A moment in UTC, None where there is none."""
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise UnusableError(f"wrong_type: {key} is no text")
    written = value.strip()
    try:
        found = moment_of_iso(written)
    except (ValueError, OverflowError) as error:
        if is_iso(written):
            raise UnusableError(f"impossible_date: {key} is in no calendar") from error
        raise UnusableError(f"wrong_type: {key} is no ISO 8601 moment") from error
    if not isinstance(found, datetime) or found.tzinfo is None:
        raise UnusableError(f"wrong_type: {key} has no offset from UTC")
    try:
        utc = found.astimezone(UTC)
    except (OverflowError, ValueError) as error:
        raise UnusableError(f"impossible_date: {key} is outside the calendar") from error
    if utc < _EARLIEST:
        raise UnusableError(f"impossible_date: {key} is before {_EARLIEST.year}")
    return utc


def _named(
    body: Mapping[str, Any], regions: Collection[str] | None
) -> tuple[str | None, str | None]:
    """The order and the region that poison names, where these can be read."""
    order_id = region = None
    with suppress(UnusableError):
        order_id = _text(body, "order_id")
    with suppress(UnusableError):
        region = _region(body, regions)
    return order_id, region
