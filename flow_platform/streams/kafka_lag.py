"""How far the broker's partitions reach, asked with little patience: for people who look.

How far they are settled is in `state.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flow_platform.streams.kafka_options import KafkaOptions
from flow_platform.streams.logs import Position, why_begin_again

_SECONDS = 2.0


@dataclass(frozen=True)
class Reach:
    """How far a partition reaches: `end` is the offset after its last message.

    `behind` is how many offsets the consumer has to read. `is_other_log`: the broker's log is not
    the one that is settled, and all of it is to be read.
    """

    end: int
    behind: int
    is_other_log: bool = False


def reaches(options: KafkaOptions, positions: Mapping[str, Position]) -> dict[str, Reach]:
    """How far the partitions with these positions (topic/partition) reach.

    Empty where the broker does not answer; a partition that the broker does not have is left out.
    """
    from confluent_kafka import KafkaException

    from flow_platform.streams.kafka_topics import BrokerLogs

    places = [name.rpartition("/") for name in positions]
    try:
        logs = BrokerLogs(options, _SECONDS).of(
            [(topic, int(number)) for topic, _, number in places]
        )
    except KafkaException:
        return {}
    found = {}
    for name, log in logs.items():
        is_other = why_begin_again(positions[name], log) is not None
        first = log.oldest if is_other else max(positions[name].offset, log.oldest)
        found[name] = Reach(log.end, max(0, log.end - first), is_other)
    return found
