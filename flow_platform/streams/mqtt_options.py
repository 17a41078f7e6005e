"""How an MQTT subscriber is set: broker, topic, session.

Nothing is connected here; that is done in `mqtt.py`. Which section of sources.toml sets it is up to
the flow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from flow_platform.ground.errors import ConfigurationError

_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True)
class MqttOptions:
    """One session with a broker, which keeps messages for `client_id` while it is away."""

    host: str
    port: int
    tls: bool
    username: str | None
    password: str | None = field(repr=False)
    topic: str
    client_id: str

    @property
    def address(self) -> str:
        """The broker as logs may show it."""
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


def mqtt_options(
    broker: str, topic: str, client_id: str, *, password: str | None = None, usual_topic: str
) -> MqttOptions:
    """The options of a broker's URL; `password` takes precedence over the one in it.

    `usual_topic` is shown as an example. Raises ConfigurationError if broker or topic cannot be
    used.

    >>> mqtt_options("mqtts://me@city.example", "a/+", "me", usual_topic="a/+").address
    'mqtts://city.example:8883'
    """
    _check_topic(topic, usual_topic)
    try:
        parts = urlsplit(broker)
        port = parts.port
    except ValueError as error:
        raise _unusable(broker) from error
    if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query:
        raise _unusable(broker)
    return MqttOptions(
        parts.hostname,
        port or _PORTS[parts.scheme],
        parts.scheme == "mqtts",
        unquote(parts.username) if parts.username else None,
        password or (unquote(parts.password) if parts.password else None),
        topic,
        client_id,
    )


def _unusable(url: str) -> ConfigurationError:
    # The part before the @ may be a password.
    shown = url.rpartition("@")[2]
    return ConfigurationError(
        f"Broker {shown!r} cannot be used. Write it as mqtt://host:port or mqtts://host:port, with"
        " user:password@ before the host if the broker requires them."
    )


def _check_topic(topic: str, usual: str) -> None:
    levels = topic.split("/")
    shared = topic.startswith("$share/")
    wrong = any(
        ("+" in level and level != "+")
        or ("#" in level and (level != "#" or place < len(levels) - 1))
        for place, level in enumerate(levels)
    )
    if not topic or shared or wrong or "\0" in topic:
        raise ConfigurationError(
            f"Topic {topic!r} cannot be subscribed. Write it as {usual}: + matches one level, such"
            " as the counter, # at the end any number of levels. Shared subscriptions would lose"
            " the order."
        )
