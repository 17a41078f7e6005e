"""What sources.toml may say: for each flow, where its rows come from.

Reading the sources themselves is in the module of each flow.
"""

from __future__ import annotations

import re
import tomllib
import zoneinfo
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flow_platform.ground.columns import WEATHER_COLUMNS
from flow_platform.ground.errors import ConfigurationError
from flow_platform.sources.centres import why_not_an_id
from flow_platform.sources.public_holidays import known_country

KINDS: dict[str, tuple[str, ...]] = {
    "parcels": ("simulated", "files"),
    "weather": ("simulated", "files", "open_meteo", "http"),
    "retail": ("simulated", "files"),
    "traffic": ("simulated", "files", "http", "mqtt"),
    "trips": ("simulated", "files", "http"),
    "deliveries": ("simulated", "files", "kafka"),
}
# Our names that a section's `columns` may map. The first tuple must be mapped where `columns` is
# given at all; the second may be.
_COLUMNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "parcels": (("centre_id", "day", "parcels"), ("available_at",)),
    "retail": (
        ("invoice", "stock_code", "quantity", "sold_at", "price", "customer", "country"),
        ("description", "available_at"),
    ),
    "weather": (
        (),
        (
            "time",
            "day",
            "centre_id",
            "issued_at",
            "temperature",
            "precipitation",
            "snowfall",
            "wind",
            *WEATHER_COLUMNS,
        ),
    ),
    "traffic": (
        (),
        ("centre_id", "counted_at", "vehicles", "occupancy", "state", "event_id"),
    ),
    "trips": (
        (),
        (
            "pickup_at",
            "dropoff_at",
            "pickup_zone",
            "dropoff_zone",
            "distance_miles",
            "distance_km",
            "fare",
            "total",
            "passengers",
        ),
    ),
    # One name for every table of a marketplace that has the column.
    "deliveries": (
        (),
        (
            "order_id",
            "customer_id",
            "person_id",
            "status",
            "placed_at",
            "approved_at",
            "handed_over_at",
            "delivered_at",
            "promised_at",
            "cancelled_at",
            "carrier",
            "region",
            "postal_code",
            "item_number",
            "product_id",
            "seller_id",
            "price",
            "freight",
            "payment_number",
            "method",
            "installments",
            "value",
            "category",
            "weight_g",
            "length_cm",
            "height_cm",
            "width_cm",
            "category_translated",
            "seller_postal_code",
            "geo_postal_code",
            "latitude",
            "longitude",
        ),
    ),
}
# Keys that only the section of one flow has, beside those of every section.
_OPTIONS: dict[str, tuple[str, ...]] = {
    "parcels": (),
    "weather": (),
    "retail": ("shop_country",),
    "traffic": (
        "place",
        "areas",
        "delay_hours",
        "dataset_url",
        "counters",
        "broker",
        "topic",
        "client_id",
    ),
    "trips": ("zones", "geometry", "place", "services", "url"),
    "deliveries": (
        "regions",
        "time_zone",
        "country",
        "brokers",
        "group",
        "topic_prefix",
        "client",
        "cost_late",
        "cost_call",
    ),
}
AREAS = ("counter", "grid", "district")
# What a key of [traffic] is where sources.toml does not give it; None where it has no default.
TRAFFIC_DEFAULTS: dict[str, Any] = {
    "place": None,
    "areas": None,
    "delay_hours": 0.0,
    "dataset_url": (
        "https://opendata.paris.fr/api/explore/v2.1/catalog/datasets/comptages-routiers-permanents"
    ),
    "counters": None,
    "broker": "mqtt://127.0.0.1:1883",
    "topic": "traffic/+/count",
    "client_id": "flow-platform",
}
TRIP_SERVICES = ("green", "yellow")
# What a key of [trips] is where sources.toml does not give it; None where it has no default.
TRIPS_DEFAULTS: dict[str, Any] = {
    "zones": None,
    "geometry": None,
    "place": None,
    "services": ["green"],
    "url": "https://d37ci6vzurychx.cloudfront.net/trip-data",
}
# What a key of [deliveries] is where sources.toml does not give it; None where it has no default.
# The costs are those of an order that comes late and of a call that warns its customer.
DELIVERIES_DEFAULTS: dict[str, Any] = {
    "regions": None,
    "time_zone": None,
    "country": None,
    "brokers": "127.0.0.1:9092",
    "group": "flow-platform",
    "topic_prefix": "",
    "client": {},
    "cost_late": 10.0,
    "cost_call": 1.0,
}
# Keys of options that name a file beside sources.toml.
_PATHS = ("counters", "zones", "geometry")
# No counter's readings come a year late; a longer delay is a slip of the pen.
_LONGEST_DELAY_HOURS = 24 * 366
# MQTT 3.1.1, 3.1.3.1: the client id is an UTF-8 string of at most this many bytes.
_LONGEST_CLIENT_ID = 65535
# Kafka: names of topics have these characters, at most 249; ours add a word of up to eight.
_TOPIC_PREFIX = re.compile(r"[A-Za-z0-9._-]{0,240}", re.ASCII)


class SourceConfig(BaseModel):
    """Where the rows of one flow come from.

    `path` is a glob, absolute after reading; `columns` maps our names to the source's; `encoding`,
    `separator` and `decimal` concern CSV, `sheet` Excel; `date_format` is a strptime format for
    days that are not ISO. `centres` maps file names (without folder and suffix; a part of the name
    serves too) to centre ids. The rest concerns sources that are asked over HTTP. Keys that
    only one flow has are in `options`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: str = "simulated"
    path: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    encoding: str | None = None
    separator: str | None = Field(default=None, min_length=1, max_length=1)
    decimal: str = Field(default=".", pattern=r"^[.,]$")
    sheet: str | None = None
    date_format: str | None = None
    centres: dict[str, str] = Field(default_factory=dict)
    forecast_url: str = "https://api.open-meteo.com/v1/forecast"
    previous_runs_url: str = "https://previous-runs-api.open-meteo.com/v1/forecast"
    archive_url: str = "https://archive-api.open-meteo.com/v1/archive"
    timeout_seconds: float = Field(default=10.0, gt=0, le=300)
    retries: int = Field(default=3, ge=0, le=10)
    back_off_seconds: float = Field(default=0.5, ge=0, le=60)
    cache_dir: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class Sources:
    """The sources of every flow; simulated where sources.toml says nothing.

    `base` is the folder of sources.toml: relative paths start there.
    """

    sections: dict[str, SourceConfig] = field(default_factory=dict)
    base: Path = field(default_factory=Path.cwd)

    def __getitem__(self, flow: str) -> SourceConfig:
        if flow not in KINDS:
            raise KeyError(flow)
        return self.sections.get(flow, SourceConfig())

    @property
    def parcels(self) -> SourceConfig:
        """Where parcel counts come from."""
        return self["parcels"]

    @property
    def traffic(self) -> SourceConfig:
        """Where the readings of road counters come from."""
        return self["traffic"]

    @property
    def weather(self) -> SourceConfig:
        """Where the weather comes from."""
        return self["weather"]


def _absolute(base: Path, path: str) -> str:
    place = Path(path).expanduser()
    return str(place if place.is_absolute() else base / place)


def _explain(problem: Any, allowed: list[str]) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown key {name!r} (allowed: {', '.join(allowed)})"
    return f"{name}: {problem['msg']}, not {problem['input']!r}"


def _check_columns(section: str, config: SourceConfig, where: str) -> None:
    for ours, theirs in config.columns.items():
        if not theirs:
            raise ConfigurationError(f"{where}: columns.{ours} is empty. Name the source's column.")
    if not config.columns:
        return
    required, optional = _COLUMNS[section]
    unknown = sorted(set(config.columns) - set(required) - set(optional))
    if unknown:
        raise ConfigurationError(
            f"{where}: columns maps {', '.join(unknown)}, which {section} do not have. Allowed:"
            f" {', '.join(required + optional)} (ours on the left, the source's on the right)."
        )
    missing = [name for name in required if name not in config.columns]
    if missing:
        example = ", ".join(f'{name} = "..."' for name in required)
        raise ConfigurationError(
            f"{where}: columns does not map {', '.join(missing)}. Write columns = {{{example}}}."
        )


def traffic_option(config: SourceConfig, name: str) -> Any:
    """A key of [traffic], or its default. Raises KeyError where [traffic] has no such key."""
    return config.options.get(name, TRAFFIC_DEFAULTS[name])


def _traffic_fault(name: str, value: Any) -> str | None:
    """Why a key of [traffic] cannot have this value, with the remedy, or None."""
    if name == "delay_hours":
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 <= value <= _LONGEST_DELAY_HOURS:
            return (
                f"a number of hours from 0 to {_LONGEST_DELAY_HOURS}, after which a reading is"
                " published"
            )
        return None
    if not isinstance(value, str) or not value.strip():
        return "a text that is not empty"
    if name == "areas" and value not in AREAS:
        return f"one of {', '.join(AREAS)}; leave it out to have it chosen"
    if name == "dataset_url" and not _is_url(value, ("http", "https")):
        return "the address of a data set, such as https://host/api/explore/v2.1/catalog/datasets/x"
    if name == "broker" and not _is_url(value, ("mqtt", "mqtts")):
        return "mqtt://host:port or mqtts://host:port"
    if name == "topic":
        return _topic_fault(value)
    if name == "client_id" and ("\0" in value or len(value.encode()) > _LONGEST_CLIENT_ID):
        return "an MQTT client id: at most 65,535 bytes, without NUL"
    return None


def _is_url(text: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # a port that is no number, a bracket that is not closed
        return False


def _topic_fault(topic: str) -> str | None:
    """MQTT 3.1.1, 4.7: `+` stands for one whole level, `#` for all that follow."""
    levels = topic.split("/")
    whole = all(level in ("+", "#") or not set("+#") & set(level) for level in levels)
    if not whole or "#" in levels[:-1] or "\0" in topic:
        return "an MQTT filter, such as traffic/+/count: + is one whole level, # only the last"
    return None


def _check_traffic(options: dict[str, Any], where: str) -> dict[str, Any]:
    for name, value in options.items():
        if (expected := _traffic_fault(name, value)) is not None:
            raise ConfigurationError(f"{where}: {name} is {value!r}. Write {expected}.")
    if "delay_hours" in options:
        return {**options, "delay_hours": float(options["delay_hours"])}
    return options


def trips_option(config: SourceConfig, name: str) -> Any:
    """A key of [trips], or its default. Raises KeyError where [trips] has no such key."""
    return config.options.get(name, TRIPS_DEFAULTS[name])


def _check_trips(kind: Any, options: dict[str, Any], where: str) -> None:
    for name, value in options.items():
        if (expected := _trips_fault(name, value)) is not None:
            raise ConfigurationError(f"{where}: {name} is {value!r}. Write {expected}.")
    if kind in ("files", "http") and "zones" not in options:
        raise ConfigurationError(
            f'{where}: kind "{kind}" needs zones, the CSV file of the zones that trips begin and'
            ' end in, such as "taxi_zone_lookup.csv".'
        )


def _trips_fault(name: str, value: Any) -> str | None:
    """Why a key of [trips] cannot have this value, with the remedy, or None."""
    if name == "services":
        known = ", ".join(f'"{service}"' for service in TRIP_SERVICES)
        is_list = isinstance(value, list) and len(value) > 0
        if not is_list or not all(one in TRIP_SERVICES for one in value):
            return f"a list of {known}"
        return "each service once" if len(set(value)) < len(value) else None
    if not isinstance(value, str) or not value.strip():
        return "a text that is not empty"
    if name == "url" and not _is_url(value, ("http", "https")):
        return f"the address of the folder of monthly files, such as {TRIPS_DEFAULTS['url']}"
    return None


def deliveries_option(config: SourceConfig, name: str) -> Any:
    """A key of [deliveries], or its default. Raises KeyError where it has no such key."""
    return config.options.get(name, DELIVERIES_DEFAULTS[name])


def _check_deliveries(options: dict[str, Any], where: str) -> dict[str, Any]:
    for name, value in options.items():
        if (expected := _deliveries_fault(name, value)) is not None:
            raise ConfigurationError(f"{where}: {name} is {value!r}. Write {expected}.")
    costs = {name: options.get(name, DELIVERIES_DEFAULTS[name]) for name in _COSTS}
    if costs["cost_call"] >= costs["cost_late"]:
        raise ConfigurationError(
            f"{where}: cost_call is {costs['cost_call']} and cost_late {costs['cost_late']}: no"
            " call would ever pay. Write a cost_call that is less than cost_late."
        )
    return {name: float(value) if name in _COSTS else value for name, value in options.items()}


_COSTS = ("cost_late", "cost_call")


def _deliveries_fault(name: str, value: Any) -> str | None:
    """Why a key of [deliveries] cannot have this value, with the remedy, or None."""
    if name in _COSTS:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return None if is_number and 0 < value < float("inf") else "a number above 0"
    if name == "regions":
        return _regions_fault(value)
    if name == "client":
        fits = isinstance(value, dict) and all(
            isinstance(one, str | int | float) for one in value.values()
        )
        return None if fits else 'librdkafka\'s keys, such as {"security.protocol" = "SASL_SSL"}'
    if name == "topic_prefix":
        fits = isinstance(value, str) and _TOPIC_PREFIX.fullmatch(value) is not None
        return None if fits else "letters, digits, dots, underscores and hyphens, such as shop."
    if not isinstance(value, str) or not value.strip():
        return "a text that is not empty"
    if name == "time_zone" and value not in zoneinfo.available_timezones():
        return "an IANA time zone, such as America/Sao_Paulo"
    if name == "country" and not known_country(value):
        return "the ISO 3166 code of a country whose public holidays are known, such as BR"
    if name == "brokers" and not all(_is_broker(one) for one in value.split(",")):
        return "host:port, several separated by commas"
    return None


def _regions_fault(value: Any) -> str | None:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        return 'a list of region ids, such as ["SP", "RJ"]; leave it out to take those that come'
    for region in value:
        if (fault := why_not_an_id(region)) is not None:
            return (
                "region ids that can be partition keys (" + fault.replace("centre_id", "id") + ")"
            )
    return "each region once" if len(set(value)) < len(value) else None


def _is_broker(text: str) -> bool:
    return _is_url(f"kafka://{text.strip()}", ("kafka",)) and text.rpartition(":")[2].isdecimal()


def _section(name: str, raw: Any, path: Path) -> SourceConfig:
    where = f"{path}, section [{name}]"
    if not isinstance(raw, dict):
        raise ConfigurationError(f"{path}: {name} is not a section. Write [{name}] above its keys.")
    values = dict(raw)
    allowed = [key for key in SourceConfig.model_fields if key != "options"]
    own = _OPTIONS[name]
    allowed += own
    if "options" in values:
        raise ConfigurationError(
            f"{where}: unknown key 'options' (allowed: {', '.join(allowed)}). Remove it."
        )
    extra = {key: values.pop(key) for key in own if key in values}
    if name == "traffic":
        extra = _check_traffic(extra, where)
    if name == "trips":
        _check_trips(values.get("kind"), extra, where)
    if name == "deliveries":
        extra = _check_deliveries(extra, where)
    if extra:
        values["options"] = extra
    if isinstance(values.get("timeout_seconds"), int):
        values["timeout_seconds"] = float(values["timeout_seconds"])
    if isinstance(values.get("back_off_seconds"), int):
        values["back_off_seconds"] = float(values["back_off_seconds"])
    if "kind" not in values:
        raise ConfigurationError(
            f"{where}: kind is missing. Write kind = one of {', '.join(KINDS[name])}."
        )
    try:
        config = SourceConfig(**values)
    except ValidationError as error:
        problems = "; ".join(_explain(problem, allowed) for problem in error.errors())
        raise ConfigurationError(f"{where}: {problems}. Correct sources.toml.") from error
    if config.kind not in KINDS[name]:
        raise ConfigurationError(
            f"{where}: unknown kind {config.kind!r}. Allowed: {', '.join(KINDS[name])}."
        )
    if config.kind == "files" and not config.path:
        wanted = "the folder of its tables, or" if name == "deliveries" else "a file or"
        raise ConfigurationError(
            f'{where}: kind "files" needs path, {wanted} a pattern such as "data/*.csv".'
        )
    if config.encoding is not None:
        try:
            "".encode(config.encoding)
        except (LookupError, ValueError) as error:
            raise ConfigurationError(
                f"{where}: unknown encoding {config.encoding!r}. Use a name that Python knows,"
                " such as utf-8, cp1252, gb18030 or utf-16."
            ) from error
    _check_columns(name, config, where)
    updates: dict[str, Any] = {}
    if name in ("traffic", "trips"):
        named = {key: value for key, value in config.options.items() if key in _PATHS}
        declared = {key: _absolute(path.parent, value) for key, value in named.items()}
        updates["options"] = {**config.options, **declared}
    if config.path:
        updates["path"] = _absolute(path.parent, config.path)
    if config.cache_dir:
        updates["cache_dir"] = _absolute(path.parent, config.cache_dir)
    return config.model_copy(update=updates)


def read_sources(path: Path | None) -> Sources:
    """The sources that a sources.toml names; everything simulated without one.

    Raises ConfigurationError naming file, section and remedy.
    """
    if path is None:
        return Sources()
    path = Path(path).expanduser().absolute()
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(
            f"Sources file {path} cannot be read: {error.strerror or error}. Correct FLOW_SOURCES,"
            " or unset it to simulate every source."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"Sources file {path} is not UTF-8 (byte {error.start}). Save it as UTF-8."
        ) from error
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"Sources file {path} is not valid TOML: {error}. Correct that line."
        ) from error
    sections: dict[str, SourceConfig] = {}
    for name, raw in document.items():
        if name not in KINDS:
            raise ConfigurationError(
                f"Sources file {path}: unknown section [{name}]. Allowed: {', '.join(KINDS)}."
                " The calendar comes from FLOW_CENTRES and FLOW_EVENTS."
            )
        sections[name] = _section(name, raw, path)
    return Sources(sections, path.parent)
