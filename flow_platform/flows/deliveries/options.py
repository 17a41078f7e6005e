"""The section [deliveries] of sources.toml."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from flow_platform.ground.source_config import (
    SourceConfig,
    Text,
    TimeZone,
    expected,
    is_url,
    refused,
)
from flow_platform.sources.ids import why_not_an_id
from flow_platform.sources.public_holidays import known_country

# Kafka: names of topics have these characters, at most 249; ours add a word of up to eight.
_TOPIC_PREFIX = re.compile(r"[A-Za-z0-9._-]{0,240}", re.ASCII)


def _cost(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 < value < float("inf"):
        raise expected("a number above 0")
    return float(value)


def _regions(value: Any) -> Any:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise expected('a list of region ids, such as ["SP", "RJ"]; leave it out to take all')
    for region in value:
        if (fault := why_not_an_id(region)) is not None:
            text = fault.replace("centre_id", "id")
            raise expected(f"region ids that can be partition keys ({text})")
    if len(set(value)) < len(value):
        raise expected("each region once")
    return value


def _client(value: Any) -> Any:
    fits = isinstance(value, dict) and all(
        isinstance(one, str | int | float) for one in value.values()
    )
    if not fits:
        raise expected('librdkafka\'s keys, such as {"security.protocol" = "SASL_SSL"}')
    return value


def _topic_prefix(value: Any) -> Any:
    if not isinstance(value, str) or _TOPIC_PREFIX.fullmatch(value) is None:
        raise expected("letters, digits, dots, underscores and hyphens, such as shop.")
    return value


def _country(value: str) -> str:
    if not known_country(value):
        raise expected("the ISO 3166 code of a country whose public holidays are known, such as BR")
    return value


def _is_broker(text: str) -> bool:
    return is_url(f"kafka://{text.strip()}", ("kafka",)) and text.rpartition(":")[2].isdecimal()


def _brokers(value: str) -> str:
    if not all(_is_broker(one) for one in value.split(",")):
        raise expected("host:port, several separated by commas")
    return value


class DeliveriesSource(SourceConfig):
    """Where orders of a marketplace come from: a folder of its tables, topics, or the simulator."""

    section = "deliveries"
    kinds = ("simulated", "files", "kafka")
    path_hint = "the folder of its tables, or"
    takes_folder = True
    narrowing_keys = ("regions",)
    example = """\
[deliveries]
kind = "files"
path = "olist"
time_zone = "America/Sao_Paulo"
country = "BR"
"""
    # One name for every table of a marketplace that has the column.
    optional_columns = (
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
    )

    regions: Annotated[list[str], BeforeValidator(_regions)] | None = Field(
        None,
        description="Regions to keep; orders to other regions go to quarantine. Without it all.",
    )
    time_zone: TimeZone | None = Field(
        None, description="IANA time zone of moments without an offset."
    )
    country: Annotated[Text, AfterValidator(_country)] | None = Field(
        None, description="ISO 3166 code of the country whose public holidays count."
    )
    brokers: Annotated[Text, AfterValidator(_brokers)] = Field(
        "127.0.0.1:9092",
        description="Kind kafka: the brokers as host:port, separated by commas.",
    )
    group: Text = Field("flow-platform", description="Kind kafka: the consumer group.")
    topic_prefix: Annotated[str, BeforeValidator(_topic_prefix)] = Field(
        "",
        description="Kind kafka: text before orders, payments, tracking and logs in topic names.",
    )
    client: Annotated[dict[str, Any], BeforeValidator(_client)] = Field(
        default_factory=dict,
        description="Kind kafka: settings of librdkafka, such as security.protocol.",
    )
    cost_late: Annotated[float, BeforeValidator(_cost)] = Field(
        10.0, description="Cost of an order that arrives late."
    )
    cost_call: Annotated[float, BeforeValidator(_cost)] = Field(
        1.0,
        description="Cost of acting on an order. An order is high risk from a probability of being"
        " late of cost_call / cost_late on.",
    )

    @model_validator(mode="after")
    def _a_call_can_pay(self) -> DeliveriesSource:
        if self.cost_call >= self.cost_late:
            raise refused(
                f"cost_call is {self.cost_call} and cost_late {self.cost_late}: no"
                " call would ever pay. Write a cost_call that is less than cost_late."
            )
        return self
