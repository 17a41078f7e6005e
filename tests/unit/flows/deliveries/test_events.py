"""What an event of an order is read as, what is poison, and that no message whatever raises."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flow_platform.flows.deliveries.events import (
    TOPICS,
    Event,
    IncidentEvent,
    OrderEvent,
    PaymentEvent,
    Poison,
    TrackingEvent,
    read_message,
)
from flow_platform.sources.json_objects import LONGEST_PAYLOAD
from flow_platform.sources.pseudonyms import Pseudonyms

NOW = datetime(2026, 3, 29, 12, 10, tzinfo=UTC)
PSEUDONYMS = Pseudonyms(b"k" * 32)
PERSON = {
    "id": "canary-id-771",
    "name": "Zoë Canary",
    "email": "zoe@canary.example",
    "phone": "+33 6 00 00 77 11",
    "address": "7 Canary Street",
}
FIRST = {
    "schema": 1,
    "event_id": "e1",
    "order_id": "o1",
    "occurred_at": "2026-03-29T14:00:00+02:00",
}
PLACED = FIRST | {
    "type": "placed",
    "customer": PERSON,
    "region": "SP",
    "postal_code": "01310-200",
    "promised_at": "2026-04-05T00:00:00-03:00",
    "items": [
        {"price": 10.5, "freight": 2, "weight_kg": 0.5, "seller": "s1", "category": "books"},
        {"price": 99, "seller": "s2", "category": "toys", "freight": 1.25, "product": "p"},
        {"price": 20, "seller": "s1", "category": "books", "volume_l": None},
    ],
    "carrier": " fast  ",
    "distance_km": 410,
}
PAID = FIRST | {"type": "paid", "value": 129.5, "method": "card", "installments": 3}
TRACKED = FIRST | {"type": "in_transit", "place": "Hub\n7"}
OPENED = FIRST | {"type": "opened", "incident_id": "i1", "kind": "damaged"}
CORRECTED = FIRST | {"type": "corrected", "postal_code": 20040}


def read(body: Any, topic: str = "orders", **more: Any) -> Event | Poison:
    payload = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    arguments: dict[str, Any] = {
        "available_at": NOW,
        "source": f"kafka:{topic}/0",
        "source_position": 7,
        "now": NOW,
    }
    return read_message(topic, payload, PSEUDONYMS, **(arguments | more))


def test_a_placed_order_is_its_items_added_up_and_its_customer_a_pseudonym() -> None:
    assert read(PLACED) == OrderEvent(
        event_id="e1",
        type="placed",
        order_id="o1",
        occurred_at=datetime(2026, 3, 29, 12, tzinfo=UTC),
        available_at=NOW,
        source="kafka:orders/0",
        source_position=7,
        centre_id="SP",
        day=date(2026, 3, 29),
        customer=PSEUDONYMS.customer("canary-id-771"),
        region="SP",
        postal_area="013",
        promised_at=datetime(2026, 4, 5, 3, tzinfo=UTC),
        seller="s2",
        sellers=2,
        carrier="fast",
        category="toys",
        items=3,
        price=129.5,
        freight=3.25,
        weight_kg=0.5,
        volume_l=None,
        distance_km=410.0,
    )


def test_events_of_the_other_topics_are_read() -> None:
    paid = read(PAID, "payments")
    assert isinstance(paid, PaymentEvent)
    assert (paid.method, paid.installments, paid.value) == ("card", 3, 129.5)
    tracked = read(TRACKED, "tracking")
    assert isinstance(tracked, TrackingEvent) and tracked.place == "Hub 7"
    opened = read(OPENED, "logs")
    assert isinstance(opened, IncidentEvent)
    assert (opened.type, opened.incident_id, opened.kind) == ("opened", "i1", "damaged")
    for type_ in ("approved", "cancelled"):
        found = read(FIRST | {"type": type_, "unknown key": [1]})
        assert isinstance(found, OrderEvent) and found.type == type_ and found.day is None


def test_a_correction_holds_what_it_changes_and_nothing_else() -> None:
    found = read(CORRECTED | {"region": "RJ", "customer": PERSON})
    assert isinstance(found, OrderEvent)
    assert (found.region, found.postal_area) == ("RJ", "200")
    changed = {"region", "postal_area", *(one.name for one in dataclasses.fields(Event))}
    assert all(
        getattr(found, one.name) is None
        for one in dataclasses.fields(found)
        if one.name not in changed
    )


def test_no_event_is_available_before_it_occurred() -> None:
    late = read(PLACED, available_at=NOW - timedelta(days=2))
    assert isinstance(late, OrderEvent) and late.available_at == late.occurred_at


@pytest.mark.parametrize("written", ["2026-03-28T24:00:00Z", "2026-03-28 24:00+00:00"])
def test_24_o_clock_is_midnight_of_the_next_day(written: str) -> None:
    event = read(PLACED | {"occurred_at": written})
    assert isinstance(event, OrderEvent)
    assert event.occurred_at == datetime(2026, 3, 29, tzinfo=UTC)


def test_a_clock_may_run_ahead_by_a_day() -> None:
    ahead = (NOW + timedelta(hours=23)).isoformat()
    assert isinstance(read(PLACED | {"occurred_at": ahead}), OrderEvent)


def without(body: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in keys}


# What is sent to which topic, and the code of the reason.
POISON: dict[str, tuple[str, Any, str]] = {
    "not UTF-8": ("orders", b'{"name": "\xff Zo\xeb"}', "undecodable"),
    "not JSON": ("orders", b"order=12", "not_json"),
    "empty": ("orders", b"", "not_json"),
    "a deleted message": ("orders", None, "not_json"),
    "a number of 5,000 digits": ("orders", b'{"a": ' + b"9" * 5000 + b"}", "not_json"),
    "no object": ("orders", b"[1, 2]", "not_an_object"),
    "nested": ("orders", b'{"a":' * 10000, "too_deep"),
    "long": ("orders", b" " * (LONGEST_PAYLOAD + 1), "too_long"),
    "another schema": ("orders", PLACED | {"schema": 2}, "unknown_schema"),
    "truth as schema": ("orders", PLACED | {"schema": True}, "unknown_schema"),
    "no schema": ("orders", without(PLACED, "schema"), "unknown_schema"),
    "another topic": ("reviews", PLACED, "unknown_topic"),
    "a type of another topic": ("payments", PLACED, "unknown_type"),
    "an unknown type": ("orders", PLACED | {"type": "zoe@canary.example"}, "unknown_type"),
    "a list as type": ("orders", PLACED | {"type": ["placed"]}, "unknown_type"),
    "no type": ("orders", without(PLACED, "type"), "missing_value"),
    "no event id": ("orders", without(PLACED, "event_id"), "missing_event_id"),
    "a blank event id": ("orders", PLACED | {"event_id": "  "}, "missing_event_id"),
    "half a character": ("orders", PLACED | {"event_id": "\ud800"}, "bad_text"),
    "NUL": ("tracking", TRACKED | {"place": "a\0b"}, "bad_text"),
    "an endless id": ("orders", PLACED | {"order_id": "o" * 201}, "bad_text"),
    "no order": ("tracking", without(TRACKED, "order_id"), "missing_value"),
    "no moment": ("orders", without(PLACED, "occurred_at"), "missing_value"),
    "no promise": ("orders", without(PLACED, "promised_at"), "missing_value"),
    "no customer": ("orders", without(PLACED, "customer"), "missing_value"),
    "a customer without id": ("orders", PLACED | {"customer": {"name": "Zoë"}}, "missing_value"),
    "a customer as text": ("orders", PLACED | {"customer": "canary-id-771"}, "wrong_type"),
    "no region": ("orders", without(PLACED, "region"), "missing_value"),
    "no items": ("orders", PLACED | {"items": []}, "missing_value"),
    "an item without price": ("orders", PLACED | {"items": [{"seller": "s"}]}, "missing_value"),
    "items of another type": ("orders", PLACED | {"items": ["book"]}, "wrong_type"),
    "nothing corrected": ("orders", FIRST | {"type": "corrected"}, "missing_value"),
    "no value": ("payments", without(PAID, "value"), "missing_value"),
    "a text as number": ("payments", PAID | {"value": "129.50"}, "wrong_type"),
    "truth as number": ("payments", PAID | {"value": True}, "wrong_type"),
    "a number as moment": ("tracking", TRACKED | {"occurred_at": 1774785600}, "wrong_type"),
    "noon": ("tracking", TRACKED | {"occurred_at": "noon"}, "wrong_type"),
    "a week": ("tracking", TRACKED | {"occurred_at": "2026-W13-7T12:00:00Z"}, "wrong_type"),
    "a day": ("tracking", TRACKED | {"occurred_at": "2026-03-29"}, "wrong_type"),
    "25:00": ("tracking", TRACKED | {"occurred_at": "2026-03-28T25:00:00Z"}, "impossible_date"),
    "no offset": ("tracking", TRACKED | {"occurred_at": "2026-03-29T12:00:00"}, "wrong_type"),
    "30 February": (
        "tracking",
        TRACKED | {"occurred_at": "2026-02-30T12:00:00Z"},
        "impossible_date",
    ),
    "beyond the calendar": (
        "tracking",
        TRACKED | {"occurred_at": "9999-12-31T23:00:00-10:00"},
        "impossible_date",
    ),
    "the future": (
        "tracking",
        TRACKED | {"occurred_at": "2026-03-30T12:10:01+00:00"},
        "impossible_date",
    ),
    "long ago": ("tracking", TRACKED | {"occurred_at": "1999-12-31T23:00:00Z"}, "impossible_date"),
    "a promise for ever": (
        "orders",
        PLACED | {"promised_at": "9000-01-01T00:00:00Z"},
        "impossible_date",
    ),
    "negative": ("payments", PAID | {"value": -1}, "bad_number"),
    "NaN": ("payments", json.dumps(PAID | {"value": float("nan")}).encode(), "bad_number"),
    "infinite": ("payments", b'{"value": -Infinity}', "bad_number"),
    "an overflow": (
        "payments",
        json.dumps(PAID).replace("129.5", "1e999").encode(),
        "bad_number",
    ),
    "a huge number": ("payments", PAID | {"value": 10**400}, "bad_number"),
    "a negative price": ("orders", PLACED | {"items": [{"price": -0.01}]}, "bad_number"),
    "half an installment": ("payments", PAID | {"installments": 2.5}, "bad_number"),
    "a bad region": ("orders", PLACED | {"region": "a|b"}, "bad_region"),
    "no incident": ("logs", without(OPENED, "incident_id"), "missing_value"),
}


@pytest.mark.parametrize("kind", POISON)
def test_poison_has_a_reason_with_code_and_words_and_nothing_personal(kind: str) -> None:
    topic, body, code = POISON[kind]
    found = read(body, topic)
    assert isinstance(found, Poison), found
    assert found.reason.startswith(f"{code}: ") and len(found.reason) < 200
    assert "anary" not in found.reason and "Zo" not in found.reason


def test_poison_names_the_order_and_the_region_that_can_be_read() -> None:
    assert read(PLACED | {"items": []}) == Poison("missing_value: items is empty", "o1", "SP")
    outside = read(PLACED, regions={"RJ"})
    assert outside == Poison("unknown_region: region is none of those that exist", "o1", None)
    assert isinstance(read(PLACED, regions={"SP"}), OrderEvent)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
_KEYS = st.sampled_from(sorted({*PLACED, *PAID, *TRACKED, *OPENED}))
_BODIES = st.sampled_from([PLACED, PAID, TRACKED, OPENED, CORRECTED])
_TOPICS = st.sampled_from([*TOPICS, "reviews"])


def _is_storable(found: Event | Poison) -> None:
    """PostgreSQL takes what comes out, in text and numbers."""
    for one in dataclasses.fields(found):
        value = getattr(found, one.name)
        if isinstance(value, str):
            assert "\0" not in value
            value.encode("utf-8")
        elif isinstance(value, float):
            assert 0 <= value < 1e18
        elif isinstance(value, int) and one.name != "source_position":
            assert 0 <= value <= 32_767
    if isinstance(found, Event):
        assert found.available_at >= found.occurred_at


@given(st.binary(max_size=300), _TOPICS)
def test_no_bytes_raise(payload: bytes, topic: str) -> None:
    _is_storable(read(payload, topic))


# The first text that hypothesis makes on a machine takes it seconds.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(_TOPICS, _BODIES, st.dictionaries(_KEYS, _JSON))
def test_no_object_raises(topic: str, body: dict[str, Any], changes: dict[str, Any]) -> None:
    payload = json.dumps(body | changes).encode("utf-8", "surrogatepass")
    _is_storable(read(payload, topic))
    _is_storable(read(json.dumps(changes).encode("utf-8", "surrogatepass"), topic))


@given(_TOPICS, _BODIES, _KEYS, st.sampled_from(list(PERSON.values())))
def test_what_is_personal_stands_in_no_reason_wherever_it_was_sent(
    topic: str, body: dict[str, Any], key: str, value: str
) -> None:
    for there in (value, [value], {value: value}):
        found = read(body | {key: there}, topic)
        if isinstance(found, Poison):
            assert value not in found.reason
