"""How the consumer of orders is set: brokers, group, topics. Read from [deliveries] and options.

Nothing is connected here; that is done in `kafka.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flow_platform.ground.errors import ConfigurationError
from flow_platform.sources.config import SourceConfig, deliveries_option
from flow_platform.sources.delivery_events import TOPICS

# What decides whether a message is settled once; no one may set it otherwise.
_OURS = (
    "auto.offset.reset",
    "bootstrap.servers",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "group.id",
    "group.protocol",
    "isolation.level",
    "metadata.broker.list",
    "partition.assignment.strategy",
)
# Bounds of what waits in librdkafka; a batch of ours and the one being written come on top.
_QUEUED_KBYTES = 16 * 1024
_FETCH_BYTES = 8 * 1024 * 1024
_PARTITION_FETCH_BYTES = 1024 * 1024
# How long the partitions of a consumer that was killed wait for another.
_SESSION_MILLISECONDS = 10_000


@dataclass(frozen=True)
class KafkaOptions:
    """See the module. `topics` maps the broker's names to ours; `client` may hold a password."""

    brokers: str
    group: str
    topics: Mapping[str, str]
    regions: frozenset[str] | None
    client: Mapping[str, str] = field(default_factory=dict, repr=False)

    def topic(self, name: str) -> str:
        """Our name of a topic of the broker. Raises ConfigurationError where it is none of ours."""
        if name not in self.topics:
            raise ConfigurationError(
                f"Topic {name!r} is not read. Use one of: {', '.join(self.topics)}."
            )
        return self.topics[name]

    def settings(self) -> dict[str, Any]:
        """The settings of librdkafka.

        The offset is the database's: nothing is committed by itself, and where an offset is not
        there any more the client must not choose another.
        """
        return {
            "client.id": "flow-platform",
            "session.timeout.ms": _SESSION_MILLISECONDS,
            "queued.max.messages.kbytes": _QUEUED_KBYTES,
            "fetch.max.bytes": _FETCH_BYTES,
            "max.partition.fetch.bytes": _PARTITION_FETCH_BYTES,
            **self.client,
            "bootstrap.servers": self.brokers,
            "group.id": self.group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "partition.assignment.strategy": "range,roundrobin",
        }


def kafka_options(
    config: SourceConfig,
    *,
    brokers: str | None = None,
    group: str | None = None,
    topics: Sequence[str] | None = None,
    client: Sequence[str] = (),
) -> KafkaOptions:
    """The options by [deliveries] of sources.toml; what is given here stands above it.

    `topics` are ours (orders, payments, ...), without the prefix; `client` holds texts key=value.
    Raises ConfigurationError where [deliveries] is not of kind kafka and no brokers are given, or
    where a value cannot be used.
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
    prefix = deliveries_option(config, "topic_prefix")
    regions = deliveries_option(config, "regions")
    return KafkaOptions(
        brokers or deliveries_option(config, "brokers"),
        group or deliveries_option(config, "group"),
        {f"{prefix}{topic}": topic for topic in chosen},
        frozenset(map(str, regions)) if regions else None,
        _client(deliveries_option(config, "client") or {}, client),
    )


def _client(named: Mapping[str, Any], given: Sequence[str]) -> dict[str, str]:
    found = {str(key): str(value) for key, value in named.items()}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ConfigurationError(f"--client {key!r} is not written as key=value.")
        found[key.strip()] = value
    if taken := [key for key in found if key in _OURS]:
        raise ConfigurationError(
            f"{taken[0]} cannot be set: that each message is settled once depends on it. Leave it"
            " out; brokers and group have keys of their own."
        )
    return found
