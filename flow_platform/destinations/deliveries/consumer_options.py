"""How [deliveries] of sources.toml sets the consumer of orders."""

from __future__ import annotations

from collections.abc import Sequence

from flow_platform.flows.deliveries.options import DeliveriesSource
from flow_platform.ground.errors import ConfigurationError
from flow_platform.sources.delivery_events import TOPICS
from flow_platform.streams.kafka_options import KafkaOptions, client_settings


def consumer_options(
    config: DeliveriesSource,
    *,
    brokers: str | None = None,
    group: str | None = None,
    topics: Sequence[str] | None = None,
    client: Sequence[str] = (),
) -> KafkaOptions:
    """The options by [deliveries] of sources.toml; arguments take precedence over it.

    `topics` are the flow's names (orders, payments, ...), without the prefix; `client` holds texts
    key=value. Raises ConfigurationError if [deliveries] is not of kind kafka and no brokers are
    given, or if a value cannot be used.
    """
    if config.kind != "kafka" and brokers is None:
        raise ConfigurationError(
            f'[deliveries] in sources.toml has kind = "{config.kind}": there is nothing to consume.'
            ' Write there kind = "kafka", brokers = "host:9092", or give --brokers.'
        )
    chosen = tuple(topics or TOPICS)
    if unknown := [topic for topic in chosen if topic not in TOPICS]:
        raise ConfigurationError(
            f"Topic {unknown[0]!r} is unknown. Use some of: {', '.join(TOPICS)}; what the broker"
            " puts before them is topic_prefix in sources.toml."
        )
    return KafkaOptions(
        brokers or config.brokers,
        group or config.group,
        {f"{config.topic_prefix}{topic}": topic for topic in chosen},
        client_settings(config.client, client),
    )
