"""Asks the brokers of Kafka which logs they have: ids of topics, and how far partitions reach.

Whether a log is the one that was settled is decided in `logs.py`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures import wait as wait_for_futures
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from flow_platform.ground.errors import FlowError
from flow_platform.ground.json_log import log_warning
from flow_platform.streams.kafka_messages import partition_name
from flow_platform.streams.kafka_options import KafkaOptions
from flow_platform.streams.logs import BrokerLog

# What brokers without ids of topics (before Kafka 2.8) answer.
_NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"
GONE = (
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.UNKNOWN_TOPIC_ID,
    KafkaError.INCONSISTENT_TOPIC_ID,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError._UNKNOWN_TOPIC,
)
NO_RIGHT = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
)
_WITHOUT_IDS_SECONDS = 300.0
TopicIds = Mapping[str, "Future[Any]"]


class LogReplacedError(FlowError):
    """Messages may be of another log than the one whose position they would move."""


class BrokerLogs:
    """The logs of one cluster.

    Example: BrokerLogs(options).of([("orders", 0)]) is {"orders/0": BrokerLog(0, 20, "x1...")}.
    """

    def __init__(self, options: KafkaOptions, seconds: float = 5.0) -> None:
        self._client, self._seconds = AdminClient(options.client_settings()), seconds
        self._ask_from = 0.0

    def ask_ids(self, topics: Iterable[str]) -> TopicIds:
        """Ask for the ids of topics without waiting; see `ids_of`."""
        wanted = sorted(set(topics))
        if not wanted or time.monotonic() < self._ask_from:
            return {}
        return self._client.describe_topics(TopicCollection(wanted), request_timeout=self._seconds)

    def of(self, partitions: Iterable[tuple[str, int]]) -> dict[str, BrokerLog]:
        """The logs of partitions by their names; one without topic or leader is left out.

        Raises KafkaException if the brokers do not answer, or refuse.
        """
        wanted = [TopicPartition(topic, number) for topic, number in partitions]
        if not wanted:
            return {}
        asked = self.ask_ids(one.topic for one in wanted)
        oldest = self._offsets(wanted, OffsetSpec.earliest())
        ends = self._offsets(wanted, OffsetSpec.latest())
        ids = ids_of(asked)
        if asked and not ids and ends:
            # They answer all but this: it would cost the patience of a request each time.
            self._ask_from = time.monotonic() + _WITHOUT_IDS_SECONDS
            log_warning("topic_ids_unknown", topics=sorted(asked))
        return {
            partition_name(one.topic, one.partition): BrokerLog(
                oldest[one].offset, ends[one].offset, ids.get(one.topic), _epoch(ends[one])
            )
            for one in wanted
            if one in oldest and one in ends
        }

    def _offsets(self, wanted: list[TopicPartition], spec: OffsetSpec) -> dict[TopicPartition, Any]:
        asked = self._client.list_offsets(
            dict.fromkeys(wanted, spec), request_timeout=self._seconds
        )
        found, failed = {}, list[KafkaException]()
        for one, future in asked.items():
            try:
                found[one] = future.result()
            except KafkaException as error:
                if error.args[0].code() not in GONE:
                    failed.append(error)
        # One partition without a leader must not keep the others waiting.
        refused = [error for error in failed if error.args[0].code() in NO_RIGHT]
        if refused or (failed and not found):
            raise (refused or failed)[0]
        return found


def ids_of(asked: TopicIds) -> dict[str, str]:
    """The ids of the topics that were asked for; waits for the answers, which end in time.

    Left out are topics that do not exist, and all where the brokers do not give ids.
    """
    wait_for_futures(asked.values())
    found = {}
    for topic, future in asked.items():
        if future.exception() is None and (log_id := str(future.result().topic_id)) != _NO_ID:
            found[topic] = log_id
    return found


def check_ids(log_ids: Mapping[str, str], asked: TopicIds) -> None:
    """Part of a batch's transaction: its messages must be of the topics whose positions it moves.

    Where the brokers do not answer nothing is known, and the batch counts: if the topic is another
    one, all of that is read again.
    """
    for topic, log_id in ids_of(asked).items():
        if log_id != log_ids[topic]:
            raise LogReplacedError(
                f"Topic {topic} was created again while messages of it were received. Nothing of"
                " them was written; they are read again."
            )


def _epoch(offset: Any) -> int | None:
    epoch = offset.leader_epoch
    return None if epoch is None or epoch < 0 else int(epoch)
