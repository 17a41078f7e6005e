"""What a message of a counter is read as, and that no message whatever raises."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow_platform.flows.traffic.live.payload import Poison, Reading, parse
from flow_platform.sources.json_objects import LONGEST_PAYLOAD

NOW = datetime(2026, 3, 29, 12, 10, tzinfo=UTC)
TOPIC = "traffic/4264/count"
GOOD = {"event_id": "e1", "counted_at": "2026-03-29T14:00:00+02:00", "vehicles": 812}


def read(body: Any, topic: str = TOPIC, **columns: str) -> Reading | Poison:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse(topic, payload, columns, NOW)


def reading(**changes: Any) -> Reading:
    found = read(GOOD | changes)
    assert isinstance(found, Reading), found
    return found


def test_a_message_is_a_reading_of_the_counter_that_its_topic_names() -> None:
    found = reading(occupancy=12.5, state="1")
    assert found == Reading(
        "4264", datetime(2026, 3, 29, 12, tzinfo=UTC), 812.0, 12.5, "open", NOW, "e1"
    )
    assert found.day == found.counted_at.date()


def test_what_is_null_or_absent_was_not_counted() -> None:
    found = reading(vehicles=None)
    assert math.isnan(found.vehicles) and math.isnan(found.occupancy)
    assert found.state == "unknown"


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2026-03-29T12:00:00Z", "2026-03-29 12:00"),
        ("2026-03-29T13:30:00+02:00", "2026-03-29 11:30"),
        ("2026-01-15 08:00:00", "2026-01-15 07:00"),
        ("2025-10-26T02:00:00", "2025-10-26 01:00"),
        (1767225600, "2026-01-01 00:00"),
        (1767225600.5, "2026-01-01 00:00"),
    ],
)
def test_a_time_has_an_offset_or_is_local_or_counts_seconds(written: Any, utc: str) -> None:
    assert f"{reading(counted_at=written).counted_at:%Y-%m-%d %H:%M}" == utc


def test_a_reading_is_available_when_it_was_received_but_never_before_its_hour_is_over() -> None:
    ahead = NOW + timedelta(minutes=30)
    assert reading(counted_at=ahead.isoformat()).available_at == ahead
    assert reading().available_at == NOW
    too_far = read(GOOD | {"counted_at": (NOW + timedelta(minutes=61)).isoformat()})
    assert isinstance(too_far, Poison) and too_far.reason.startswith("future_hour: ")


@pytest.mark.parametrize(
    "body",
    [
        {"id": "e1", "t_1h": "2026-03-29T14:00:00+02:00", "q": 5, "k": 1.5, "etat_barre": "1"},
        {"uuid": "e1", "timestamp": "2026-03-29T12:00:00Z", "volume": "5", "occupancy": "1.5"},
        {"message_id": "e1", "ts": 1774785600, "count": 5.0, "k": 1.5},
    ],
)
def test_well_known_other_names_are_understood(body: dict[str, Any]) -> None:
    found = read(body)
    assert isinstance(found, Reading), found
    assert (found.event_id, found.vehicles, found.occupancy) == ("e1", 5.0, 1.5)
    assert found.counted_at == datetime(2026, 3, 29, 12, tzinfo=UTC)


def test_a_mapped_name_stands_above_every_other() -> None:
    found = read(GOOD | {"n": 7}, vehicles="n")
    assert isinstance(found, Reading) and found.vehicles == 7
    assert read(GOOD | {"state": "open"}, event_id="eid") == Poison(
        "missing_event_id: the message has no event_id", "4264"
    )


def test_a_pattern_says_where_the_counter_stands() -> None:
    payload = json.dumps(GOOD | {"counter": 4264}).encode()
    for topic, pattern in (
        ("city/4264/a/b", "city/+/#"),
        ("all", "all"),
    ):
        found = parse(topic, payload, {}, NOW, pattern=pattern)
        assert isinstance(found, Reading) and found.centre_id == "4264"
    silent = parse("all", json.dumps(GOOD).encode(), {}, NOW, pattern="all")
    assert isinstance(silent, Poison) and silent.reason.startswith("missing_value: neither")


POISON: dict[str, tuple[Any, str]] = {
    "not UTF-8": (b'{"event_id": "\xff"}', "undecodable"),
    "not JSON": (b"vehicles=12", "not_json"),
    "empty": (b"", "not_json"),
    "a number of 5,000 digits": (b'{"a": ' + b"9" * 5000 + b"}", "not_json"),
    "no object": (b"[1, 2]", "not_an_object"),
    "null": (b"null", "not_an_object"),
    "nested": (b"[" * 30000, "too_deep"),
    "nested objects": (b'{"a":' * 10000, "too_deep"),
    "long": (b" " * (LONGEST_PAYLOAD + 1), "too_long"),
    "without event id": ({"counted_at": 0, "vehicles": 1}, "missing_event_id"),
    "blank event id": (GOOD | {"event_id": "  "}, "missing_event_id"),
    "event id of another type": (GOOD | {"event_id": [1]}, "wrong_type"),
    "endless event id": (GOOD | {"event_id": "e" * 201}, "bad_event_id"),
    "NUL in the event id": (GOOD | {"event_id": "a\0b"}, "bad_event_id"),
    "half a character in the event id": (b'{"event_id": "\\ud800"}', "bad_event_id"),
    "without time": ({"event_id": "e", "vehicles": 1}, "missing_value"),
    "unreadable time": (GOOD | {"counted_at": "noon"}, "wrong_type"),
    "a week": (GOOD | {"counted_at": "2026-W13-7T12:00:00Z"}, "wrong_type"),
    "slashed time": (GOOD | {"counted_at": "05/03/2026 12:00"}, "wrong_type"),
    "impossible time": (GOOD | {"counted_at": "2026-02-30T01:00:00Z"}, "impossible_date"),
    "time beyond the calendar": (
        GOOD | {"counted_at": "9999-12-31T23:00:00-10:00"},
        "impossible_date",
    ),
    "endless seconds": (GOOD | {"counted_at": 10**40}, "impossible_date"),
    "a day": (GOOD | {"counted_at": "2026-03-28"}, "wrong_type"),
    "truth as time": (GOOD | {"counted_at": True}, "wrong_type"),
    "future": (GOOD | {"counted_at": "2999-01-01T00:00:00Z"}, "future_hour"),
    "long ago": (GOOD | {"counted_at": "1999-12-31T23:00:00Z"}, "before_2005"),
    "negative": (GOOD | {"vehicles": -1}, "negative_count"),
    "no number": (GOOD | {"vehicles": "many"}, "wrong_type"),
    "truth as number": (GOOD | {"vehicles": True}, "wrong_type"),
    "NaN": (b'{"event_id": "e", "vehicles": NaN}', "not_finite"),
    "infinity": (b'{"event_id": "e", "vehicles": -Infinity}', "not_finite"),
    "overflow": (
        b'{"event_id": "e", "counted_at": 1767225600, "vehicles": 1e999}',
        "not_finite",
    ),
    "too large": (GOOD | {"vehicles": 100_001}, "too_large"),
    "a list": (GOOD | {"vehicles": [1]}, "wrong_type"),
    "occupancy above 100": (GOOD | {"occupancy": 101}, "too_large"),
    "unknown state": (GOOD | {"state": "asleep"}, "unknown_state"),
    "no count at all": ({"event_id": "e", "counted_at": 1767225600}, "missing_value"),
    "another counter": (GOOD | {"counter": 4265}, "other_counter"),
    "bad counter": (GOOD | {"counter": "a|b"}, "bad_counter"),
    "counter of another type": (GOOD | {"counter": {}}, "wrong_type"),
}


@pytest.mark.parametrize("kind", POISON)
def test_poison_has_a_reason_with_code_and_words(kind: str) -> None:
    body, code = POISON[kind]
    found = read(body)
    assert isinstance(found, Poison)
    assert found.reason.startswith(f"{code}: ") and len(found.reason) < 300
    assert found.centre_id == "4264"


@pytest.mark.parametrize(
    ("topic", "code"),
    [
        ("traffic/4264/speed", "wrong_topic"),
        ("traffic/4264", "wrong_topic"),
        ("traffic/a,b/count", "bad_counter"),
        ("traffic/all/count", "bad_counter"),
        ("traffic//count", "bad_counter"),
    ],
)
def test_a_topic_must_fit_and_name_a_counter(topic: str, code: str) -> None:
    found = read(GOOD, topic)
    assert isinstance(found, Poison)
    assert found.reason.startswith(f"{code}: ") and found.centre_id is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
_KEYS = st.sampled_from(
    ["event_id", "id", "counter", "counted_at", "ts", "vehicles", "q", "occupancy", "state"]
)


def _is_storable(found: Reading | Poison) -> None:
    """PostgreSQL takes what comes out, in text and numbers."""
    texts = [found.centre_id or ""]
    if isinstance(found, Poison):
        texts.append(found.reason)
    else:
        texts += [found.event_id, found.state]
        assert not found.vehicles < 0 and not found.occupancy > 100
        assert found.available_at >= found.counted_at
    for text in texts:
        assert "\0" not in text
        text.encode("utf-8")


@given(st.binary(max_size=300), st.text(max_size=40))
def test_no_bytes_raise(payload: bytes, topic: str) -> None:
    _is_storable(parse(topic, payload, {}, NOW))
    _is_storable(parse(TOPIC, payload, {}, NOW))


@given(st.dictionaries(_KEYS, _JSON))
def test_no_object_raises(body: dict[str, Any]) -> None:
    _is_storable(read(json.dumps(body).encode("utf-8", "surrogatepass")))
    _is_storable(read(GOOD | body))
