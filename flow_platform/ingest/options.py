"""How a subscriber is set: broker, topic, session, names of keys. Read from [traffic] and options.

Nothing is connected here; that is done in `mqtt.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from flow_platform.ground.errors import ConfigurationError
from flow_platform.sources.config import SourceConfig
from flow_platform.sources.messages import TOPIC

BROKER = "mqtt://127.0.0.1:1883"
CLIENT_ID = "flow-platform"
_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True)
class Options:
    """See the module. `columns` maps our names to the keys of the payloads."""

    host: str
    port: int
    tls: bool
    username: str | None
    password: str | None = field(repr=False)
    topic: str
    client_id: str
    columns: Mapping[str, str]

    @property
    def address(self) -> str:
        """The broker as logs may show it."""
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


def subscriber_options(
    config: SourceConfig,
    *,
    broker: str | None = None,
    topic: str | None = None,
    client_id: str | None = None,
    password: str | None = None,
) -> Options:
    """The options by [traffic] of sources.toml; what is given here stands above it.

    Raises ConfigurationError where [traffic] is not of kind mqtt and no broker is given, or where a
    value cannot be used.
    """
    if config.kind != "mqtt" and broker is None:
        raise ConfigurationError(
            f'[traffic] in sources.toml has kind = "{config.kind}": there is nothing to subscribe.'
            f' Write there kind = "mqtt", broker = "{BROKER}", topic = "{TOPIC}", or give --broker.'
        )
    url = broker or str(getattr(config, "broker", BROKER))
    chosen_topic = topic or str(getattr(config, "topic", TOPIC))
    _check_topic(chosen_topic)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _unusable(url) from error
    if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query:
        raise _unusable(url)
    return Options(
        parts.hostname,
        port or _PORTS[parts.scheme],
        parts.scheme == "mqtts",
        unquote(parts.username) if parts.username else None,
        password or (unquote(parts.password) if parts.password else None),
        chosen_topic,
        client_id or str(getattr(config, "client_id", CLIENT_ID)),
        config.columns,
    )


def _unusable(url: str) -> ConfigurationError:
    # What stands before the @ may be a password.
    shown = url.rpartition("@")[2]
    return ConfigurationError(
        f"Broker {shown!r} cannot be used. Write it as mqtt://host:port or mqtts://host:port, with"
        " user:password@ before the host where the broker asks for them."
    )


def _check_topic(topic: str) -> None:
    levels = topic.split("/")
    shared = topic.startswith("$share/")
    wrong = any(
        ("+" in level and level != "+")
        or ("#" in level and (level != "#" or place < len(levels) - 1))
        for place, level in enumerate(levels)
    )
    if not topic or shared or wrong or "\0" in topic:
        raise ConfigurationError(
            f"Topic {topic!r} cannot be subscribed. Write it as {TOPIC}: + stands for the counter,"
            " # at the end for any levels. Shared subscriptions would lose the order."
        )
