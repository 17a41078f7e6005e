"""The section [traffic] of sources.toml."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from flow_platform.ground.source_config import (
    Text,
    TimeZone,
    WideSource,
    expected,
    is_url,
    refused,
)

# The minutes that a reading may be of: whole parts of an hour.
STEPS = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60)
AREAS = ("counter", "grid", "district")
# No counter's readings come a year late; a longer delay is a slip of the pen.
_LONGEST_DELAY_HOURS = 24 * 366
# MQTT 3.1.1, 3.1.3.1: the client id is an UTF-8 string of at most this many bytes.
_LONGEST_CLIENT_ID = 65535


def _delay(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= _LONGEST_DELAY_HOURS:
        raise expected(
            f"a number of hours from 0 to {_LONGEST_DELAY_HOURS}, after which a reading is"
            " published"
        )
    return float(value)


def _area(value: str) -> str:
    if value not in AREAS:
        raise expected(f"one of {', '.join(AREAS)}; leave it out to have it chosen")
    return value


def _step(value: Any) -> Any:
    if isinstance(value, bool) or value not in STEPS:
        raise expected(f"one of {', '.join(map(str, STEPS))}: the minutes of a reading")
    return value


def _dataset(value: str) -> str:
    if not is_url(value, ("http", "https")):
        raise expected(
            "the address of a data set, such as https://host/api/explore/v2.1/catalog/datasets/x"
        )
    return value


def _broker(value: str) -> str:
    if not is_url(value, ("mqtt", "mqtts")):
        raise expected("mqtt://host:port or mqtts://host:port")
    return value


def _topic(value: str) -> str:
    """MQTT 3.1.1, 4.7: `+` matches one whole level, `#` all that follow."""
    levels = value.split("/")
    whole = all(level in ("+", "#") or not set("+#") & set(level) for level in levels)
    if not whole or "#" in levels[:-1] or "\0" in value:
        raise expected(
            "an MQTT filter, such as traffic/+/count: + is one whole level, # only the last"
        )
    return value


def _client_id(value: str) -> str:
    if "\0" in value or len(value.encode()) > _LONGEST_CLIENT_ID:
        raise expected("an MQTT client id: at most 65,535 bytes, without NUL")
    return value


class TrafficSource(WideSource):
    """Where readings of road counters come from: files, the portal of Paris, or messages."""

    section = "traffic"
    time_column = "counted_at"
    kinds = ("simulated", "files", "http", "mqtt")
    optional_columns = ("centre_id", "counted_at", "vehicles", "occupancy", "state", "event_id")
    path_keys = (*WideSource.path_keys, "counters")
    narrowing_keys = ("counters",)
    example = """\
[traffic]
kind = "mqtt"
broker = "mqtts://flow@broker.example"
topic = "traffic/+/count"
columns = { event_id = "uuid", vehicles = "q" }
"""

    place: Text | None = Field(
        None,
        description="The centre whose calendar, weather and local time all counters have. Without"
        " it each counter has those of the nearest one.",
    )
    time_zone: TimeZone | None = Field(
        None,
        description="IANA time zone of moments without an offset. Without it that of place, else"
        " Paris for layouts of Paris, else that of the centre nearest to the counter. Messages have"
        " that of Paris without it.",
    )
    values: Literal["count", "rate"] | None = Field(
        None,
        description="Kind files: what readings within an hour are. count: vehicles of each"
        " interval, which are added up; rate: vehicles an hour, which are averaged.",
    )
    stamp: Literal["end", "start"] = Field(
        "end",
        description="Kind files: the moment that a reading has, the end or the start of what was"
        " counted.",
    )
    step_minutes: Annotated[int, BeforeValidator(_step)] | None = Field(
        None,
        description="Kind files, with values: the minutes that each reading is of. Found by the"
        " gaps between a counter's readings if it is not set.",
    )
    areas: Annotated[Text, AfterValidator(_area)] | None = Field(
        None,
        description="What has a partition of its own: a counter, a square of a grid (grid) or a"
        " district. Without it the choice follows from the number of counters.",
    )
    delay_hours: Annotated[float, BeforeValidator(_delay)] = Field(
        0.0, description="Hours from the end of an hour until its reading is published."
    )
    dataset_url: Annotated[Text, AfterValidator(_dataset)] = Field(
        "https://opendata.paris.fr/api/explore/v2.1/catalog/datasets/comptages-routiers-permanents",
        description="Kind http: the address of the open-data set.",
    )
    counters: Text | None = Field(
        None,
        description="CSV of the counters, with centre_id, name, latitude, longitude and district.",
    )
    broker: Annotated[Text, AfterValidator(_broker)] = Field(
        "mqtt://127.0.0.1:1883", description="Kind mqtt: the address of the broker."
    )
    topic: Annotated[Text, AfterValidator(_topic)] = Field(
        "traffic/+/count",
        description="Kind mqtt: the topic to subscribe to; + matches the counter.",
    )
    client_id: Annotated[Text, AfterValidator(_client_id)] = Field(
        "flow-platform",
        description="Kind mqtt: the client id, by which the broker knows the session.",
    )

    @model_validator(mode="after")
    def _step_has_values(self) -> TrafficSource:
        if self.step_minutes is not None and self.values is None:
            raise refused(
                'step_minutes needs values: write values = "count" (vehicles of each interval) or'
                ' values = "rate" (vehicles an hour).'
            )
        return self
