"""How [traffic] of sources.toml sets the subscriber of road counters."""

from __future__ import annotations

from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.ground.errors import ConfigurationError
from flow_platform.sources.messages import TOPIC
from flow_platform.streams.mqtt_options import MqttOptions, mqtt_options

BROKER = "mqtt://127.0.0.1:1883"


def subscriber_options(
    config: TrafficSource,
    *,
    broker: str | None = None,
    topic: str | None = None,
    client_id: str | None = None,
    password: str | None = None,
) -> MqttOptions:
    """The options by [traffic] of sources.toml; arguments take precedence over it.

    Raises ConfigurationError if [traffic] is not of kind mqtt and no broker is given, or if a value
    cannot be used.
    """
    if config.kind != "mqtt" and broker is None:
        raise ConfigurationError(
            f'[traffic] in sources.toml has kind = "{config.kind}": there is nothing to subscribe.'
            f' Write there kind = "mqtt", broker = "{BROKER}", topic = "{TOPIC}", or give --broker.'
        )
    return mqtt_options(
        broker or config.broker,
        topic or config.topic,
        client_id or config.client_id,
        password=password,
        usual_topic=TOPIC,
    )
