"""Messages of road counters: one MQTT message as a reading, or as poison with its reason.

What a reading may be is in `readings.py`; messages are received in `streams/` and stored by
`reading_rows.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from flow_platform.flows.traffic import readings
from flow_platform.sources import clocks, values
from flow_platform.sources.dates import DateForm
from flow_platform.sources.ids import why_not_an_id
from flow_platform.sources.json_objects import UnusableError, object_in
from flow_platform.sources.tables import clean_text

TOPIC = "traffic/+/count"
_LONGEST_EVENT_ID = 200

# What makers of counters call our keys. Ours is first; `columns` takes precedence over all of them.
_NAMES: dict[str, tuple[str, ...]] = {
    "event_id": ("event_id", "id", "uuid", "message_id"),
    "counter": ("counter",),
    "counted_at": ("counted_at", "t_1h", "timestamp", "time", "ts", "datetime"),
    "vehicles": ("vehicles", "q", "count", "volume", "flow"),
    "occupancy": ("occupancy", "k"),
    "state": ("state", "etat_barre"),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading as raw.traffic holds it: moments in UTC, NaN for what was not counted."""

    centre_id: str
    counted_at: datetime
    vehicles: float
    occupancy: float
    state: str
    available_at: datetime
    event_id: str

    @property
    def day(self) -> date:
        """The partition day."""
        return self.counted_at.date()


@dataclass(frozen=True, slots=True)
class Poison:
    """Why a message cannot be stored ("code: words"), and its counter where that can be read."""

    reason: str
    centre_id: str | None = None


def parse(
    topic: str,
    payload: bytes,
    columns: Mapping[str, str],
    now: datetime,
    timezone: str = "Europe/Paris",
    *,
    pattern: str = TOPIC,
) -> Reading | Poison:
    """The reading that a message received at `now` (aware) brings, or why it brings none.

    Never raises. The counter is the level of `topic` at the `+` of `pattern`; where the pattern
    has none, the payload must name it. `columns` maps our names (the keys of a payload) to the
    source's. counted_at is the end of the hour counted, kept as it is where it is no full hour: ISO
    8601, or seconds since 1970. Without an offset it is local time in `timezone`, and an hour that
    occurs twice counts as its second turn.
    """
    counter: str | None = None
    try:
        counter = _counter_of(topic, pattern)
        body = object_in(payload)
        counter = _agreed_counter(counter, _value(body, "counter", columns))
        event_id = _event_id(_value(body, "event_id", columns))
        counted_at = _counted_at(_value(body, "counted_at", columns), now, timezone)
        counts = [_value(body, key, columns) for key in ("vehicles", "occupancy", "state")]
        if all(value is _ABSENT for value in counts):
            # A silent counter says null; without any of the keys this is another kind of message.
            raise UnusableError("missing_value: none of vehicles, occupancy and state is there")
        vehicles, occupancy, state = (None if value is _ABSENT else value for value in counts)
        return Reading(
            counter,
            counted_at,
            _sound(readings.vehicles_of(vehicles)),
            _sound(readings.occupancy_of(occupancy)),
            _sound(readings.state_of(state)),
            max(counted_at, now.astimezone(UTC)),
            event_id,
        )
    except UnusableError as error:
        return Poison(clean_text(str(error)), counter)


_ABSENT: Any = object()


def _value(body: dict[str, Any], key: str, columns: Mapping[str, str]) -> Any:
    """The message's value of `key`; _ABSENT where it has none."""
    theirs = columns.get(key)
    if theirs is not None:
        return body.get(theirs, _ABSENT)
    for name in _NAMES[key]:
        if name in body:
            return body[name]
    return _ABSENT


def _sound(read: tuple[Any, str | None]) -> Any:
    value, fault = read
    if fault is not None:
        raise UnusableError(fault)
    return value


def _counter_of(topic: str, pattern: str) -> str | None:
    """The counter that a topic names, None where the pattern leaves it to the payload."""
    wanted, levels = pattern.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted = wanted[:-1]
        levels = levels[: len(wanted)]
    if len(wanted) != len(levels) or any(
        want not in ("+", level) for want, level in zip(wanted, levels, strict=True)
    ):
        raise UnusableError(f"wrong_topic: the topic does not fit {pattern}")
    return _counter(levels[wanted.index("+")]) if "+" in wanted else None


def _counter(text: str) -> str:
    if (why := why_not_an_id(text)) is not None:
        raise UnusableError(f"bad_counter: {why}")
    return text


def _agreed_counter(of_topic: str | None, named: Any) -> str:
    """The counter by topic and payload; one of the two may be silent."""
    if named is None or named is _ABSENT:
        if of_topic is None:
            raise UnusableError("missing_value: neither topic nor payload names the counter")
        return of_topic
    if isinstance(named, bool) or not isinstance(named, str | int | float):
        raise UnusableError("wrong_type: counter is neither a text nor a number")
    counter = _counter(values.text(named))
    if of_topic is not None and counter != of_topic:
        raise UnusableError(f"other_counter: the payload names {counter!r}, unlike the topic")
    return counter


def _event_id(value: Any) -> str:
    if value is None or value is _ABSENT:
        raise UnusableError("missing_event_id: the message has no event_id")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise UnusableError("wrong_type: event_id is neither a text nor a whole number")
    event_id = str(value).strip()
    if not event_id:
        raise UnusableError("missing_event_id: event_id is blank")
    if len(event_id) > _LONGEST_EVENT_ID:
        raise UnusableError(f"bad_event_id: event_id has more than {_LONGEST_EVENT_ID} characters")
    if not event_id.isprintable():
        raise UnusableError("bad_event_id: event_id holds a character that cannot be printed")
    return event_id


def _counted_at(value: Any, now: datetime, timezone: str) -> datetime:
    """The moment in UTC. A day alone is none: an hour is counted."""
    if value is _ABSENT:
        raise UnusableError("missing_value: counted_at is not there")
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            found: Any = datetime.fromtimestamp(value, UTC)
        except (OverflowError, ValueError, OSError) as error:
            raise UnusableError(
                "impossible_date: counted_at is no number of seconds since 1970"
            ) from error
    else:
        found = _sound(DateForm().moment(value, "counted_at"))
        if not isinstance(found, datetime):
            raise UnusableError("wrong_type: counted_at is a day without its hour")
    utc = clocks.naive_utc(found, timezone)
    if utc is None:
        raise UnusableError("impossible_date: counted_at is outside the calendar")
    counted_at = utc.replace(tzinfo=UTC)
    if (fault := readings.moment_fault(counted_at, now)) is not None:
        raise UnusableError(fault)
    return counted_at
