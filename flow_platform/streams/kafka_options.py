"""How a Kafka consumer is set: brokers, group, topics, settings of librdkafka.

Nothing is connected here; that is done in `kafka.py`. Which section of sources.toml sets it is up
to the flow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flow_platform.ground.errors import ConfigurationError

# That each message is settled once depends on these: nobody may set them.
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
# Partitions that a topic has more than before are found so late.
_METADATA_MILLISECONDS = 60_000


@dataclass(frozen=True)
class KafkaOptions:
    """`topics` maps the broker's names to the flow's; `client` may hold a password."""

    brokers: str
    group: str
    topics: Mapping[str, str]
    client: Mapping[str, str] = field(default_factory=dict, repr=False)

    def topic(self, name: str) -> str:
        """The flow's name of a topic of the broker. Raises ConfigurationError if it is not read."""
        if name not in self.topics:
            raise ConfigurationError(
                f"Topic {name!r} is not read. Use one of: {', '.join(self.topics)}."
            )
        return self.topics[name]

    def client_settings(self) -> dict[str, Any]:
        """The settings of librdkafka for asking about topics; those of consumers mean nothing."""
        return {
            "client.id": "flow-platform",
            "log_level": 0,
            **self.client,
            "bootstrap.servers": self.brokers,
        }

    def settings(self) -> dict[str, Any]:
        """The settings of librdkafka.

        Positions are kept in the database: nothing is committed automatically, and where an offset
        no longer exists the client must not choose another one.
        """
        return {
            "client.id": "flow-platform",
            "topic.metadata.refresh.interval.ms": _METADATA_MILLISECONDS,
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


def client_settings(named: Mapping[str, Any], given: Sequence[str] = ()) -> dict[str, str]:
    """Settings of librdkafka by `named`, and above them by `given`, texts key=value.

    Raises ConfigurationError for a setting that must not be changed.
    """
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
