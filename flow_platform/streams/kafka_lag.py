"""How far the broker's partitions reach, asked with little patience: for people who look.

How far they are settled is in `state.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from flow_platform.streams.kafka_options import KafkaOptions

_SECONDS = 2.0


def end_offsets(options: KafkaOptions, partitions: Sequence[str]) -> dict[str, int]:
    """The offset after the last message of each partition (topic/partition).

    Empty where the broker does not answer.
    """
    from confluent_kafka import Consumer, KafkaException, TopicPartition

    if not partitions:
        return {}
    settings = options.settings() | {"group.id": f"{options.group}-status", "log_level": 0}
    client = Consumer(settings)
    ends: dict[str, int] = {}
    try:
        for name in partitions:
            topic, _, number = name.rpartition("/")
            _, ends[name] = client.get_watermark_offsets(
                TopicPartition(topic, int(number)), _SECONDS
            )
    except KafkaException:
        return {}
    finally:
        client.close()
    return ends
