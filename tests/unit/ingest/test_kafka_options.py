"""What sources.toml and options say of the consumer of orders."""

from __future__ import annotations

import pytest

from flow_platform.flows.deliveries.options import DeliveriesSource
from flow_platform.ground.errors import ConfigurationError
from flow_platform.ingest.kafka_options import KafkaOptions, kafka_options


def made(**options: object) -> KafkaOptions:
    return kafka_options(DeliveriesSource(kind="kafka", **options))


def test_topics_bear_the_prefix_of_the_broker() -> None:
    assert made(topic_prefix="shop.").topics["shop.payments"] == "payments"
    assert made().topic("orders") == "orders"
    with pytest.raises(
        ConfigurationError, match=r"'orders' is not read\. Use one of: shop\.orders"
    ):
        made(topic_prefix="shop.").topic("orders")
    with pytest.raises(ConfigurationError, match="'reviews' is unknown"):
        kafka_options(DeliveriesSource(kind="kafka"), topics=["reviews"])


def test_what_is_given_stands_above_what_is_written() -> None:
    config = DeliveriesSource(
        kind="kafka",
        brokers="a:1",
        group="g",
        client={"client.id": "x", "acks": 1},
    )
    assert kafka_options(config).settings()["bootstrap.servers"] == "a:1"
    chosen = kafka_options(config, brokers="b:2", group="h", client=["client.id=y=z"])
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
        kafka_options(DeliveriesSource(kind="kafka"), client=["sasl.password"])


def test_a_password_does_not_show() -> None:
    assert "secret" not in repr(made(client={"sasl.password": "secret"}))
