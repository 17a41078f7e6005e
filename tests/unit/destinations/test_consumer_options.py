"""How sources.toml and options of the command set the consumer of orders."""

from __future__ import annotations

from typing import Any

import pytest

from flow_platform.destinations.deliveries.consumer_options import consumer_options
from flow_platform.flows.deliveries.options import DeliveriesSource
from flow_platform.ground.errors import ConfigurationError
from flow_platform.streams.kafka_options import KafkaOptions


def made(**options: Any) -> KafkaOptions:
    return consumer_options(DeliveriesSource(kind="kafka", **options))


def test_topics_have_the_prefix_of_the_broker() -> None:
    assert made(topic_prefix="shop.").topics["shop.payments"] == "payments"
    assert made().topic("orders") == "orders"
    with pytest.raises(
        ConfigurationError, match=r"'orders' is not read\. Use one of: shop\.orders"
    ):
        made(topic_prefix="shop.").topic("orders")
    with pytest.raises(ConfigurationError, match="'reviews' is unknown"):
        consumer_options(DeliveriesSource(kind="kafka"), topics=["reviews"])


def test_options_of_the_command_take_precedence_over_sources_toml() -> None:
    config = DeliveriesSource(
        kind="kafka",
        brokers="a:1",
        group="g",
        client={"client.id": "x", "acks": 1},
    )
    assert consumer_options(config).settings()["bootstrap.servers"] == "a:1"
    chosen = consumer_options(config, brokers="b:2", group="h", client=["client.id=y=z"])
    settings = chosen.settings()
    assert (settings["bootstrap.servers"], settings["group.id"]) == ("b:2", "h")
    assert (settings["client.id"], settings["acks"]) == ("y=z", "1")


def test_what_settling_once_depends_on_cannot_be_set() -> None:
    for key in ("enable.auto.commit", "auto.offset.reset", "group.id", "isolation.level"):
        with pytest.raises(ConfigurationError, match="cannot be set"):
            made(client={key: "x"})
    settings = made().settings()
    assert settings["enable.auto.commit"] is False and settings["auto.offset.reset"] == "error"
    with pytest.raises(ConfigurationError, match="key=value"):
        consumer_options(DeliveriesSource(kind="kafka"), client=["sasl.password"])


def test_a_password_does_not_show() -> None:
    assert "secret" not in repr(made(client={"sasl.password": "secret"}))
