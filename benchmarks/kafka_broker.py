"""A Kafka of librdkafka's own mock brokers in a process of its own, for benchmarks and tests.

Run as a script it is the broker: it prints its address, and obeys lines of JSON on its standard
input. The class starts such a process. Topics keep 5 MiB or 100,000 messages a partition.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import confluent_kafka

from flow_platform.flows.deliveries.events import TOPICS


class KafkaBroker:
    """See the module. What was produced lives as long as the process."""

    def __init__(self, partitions: int = 2, topics: tuple[str, ...] = TOPICS) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(partitions), *topics],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        if not self.address:
            raise RuntimeError("The mock brokers do not start")

    def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """Delete what is older, as retention does."""
        self._send("delete_before", topic, partition, offset)

    def add_topic(self, topic: str, partitions: int) -> None:
        self._send("add_topic", topic, partitions)

    def recreate_topic(self, topic: str, partitions: int) -> None:
        """Delete a topic with its messages and create it again, as another topic of that name."""
        self._send("recreate_topic", topic, partitions)

    def down(self) -> None:
        self._send("down")

    def up(self) -> None:
        self._send("up")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def _send(self, *command: Any) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if answer != "0":
            raise RuntimeError(f"The mock brokers refuse {command}: {answer}")


def _library() -> ctypes.CDLL:
    """The librdkafka that the wheel of confluent-kafka brings."""
    folder = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    library = ctypes.CDLL(str(next(folder.glob("librdkafka-*"))))
    for name, result, arguments in (
        ("rd_kafka_conf_new", ctypes.c_void_p, ()),
        (
            "rd_kafka_new",
            ctypes.c_void_p,
            (ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t),
        ),
        ("rd_kafka_mock_cluster_new", ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_int)),
        ("rd_kafka_mock_cluster_bootstraps", ctypes.c_char_p, (ctypes.c_void_p,)),
        (
            "rd_kafka_mock_topic_create",
            ctypes.c_int,
            (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int),
        ),
        (
            "rd_kafka_mock_group_initial_rebalance_delay_ms",
            None,
            (ctypes.c_void_p, ctypes.c_int32),
        ),
        (
            "rd_kafka_mock_partition_delete_records",
            ctypes.c_int,
            (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int64),
        ),
        ("rd_kafka_mock_topic_delete", ctypes.c_int, (ctypes.c_void_p, ctypes.c_char_p)),
        ("rd_kafka_mock_set_controller_id", ctypes.c_int, (ctypes.c_void_p, ctypes.c_int32)),
        ("rd_kafka_mock_broker_set_down", ctypes.c_int, (ctypes.c_void_p, ctypes.c_int32)),
        ("rd_kafka_mock_broker_set_up", ctypes.c_int, (ctypes.c_void_p, ctypes.c_int32)),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, list(arguments)
    return library


def _recreate(kafka: ctypes.CDLL, cluster: Any, topic: bytes, partitions: int) -> int:
    """The mock brokers create a topic when a client asks for it: between the two, one may."""
    for _ in range(50):
        kafka.rd_kafka_mock_topic_delete(cluster, topic)
        if kafka.rd_kafka_mock_topic_create(cluster, topic, partitions, 1) == 0:
            return 0
    return -1


def main() -> None:
    partitions, *topics = sys.argv[1:]
    kafka = _library()
    fault = ctypes.create_string_buffer(500)
    client = kafka.rd_kafka_new(0, kafka.rd_kafka_conf_new(), fault, 500)
    cluster = kafka.rd_kafka_mock_cluster_new(client, 1)
    # Three seconds otherwise, at each start of a group.
    kafka.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 100)
    # Ids of topics are asked from the controller.
    kafka.rd_kafka_mock_set_controller_id(cluster, 1)
    for topic in topics:
        kafka.rd_kafka_mock_topic_create(cluster, topic.encode(), int(partitions), 1)
    print(kafka.rd_kafka_mock_cluster_bootstraps(cluster).decode(), flush=True)
    for line in sys.stdin:
        verb, *arguments = json.loads(line)
        match verb, arguments:
            case "delete_before", [topic, number, offset]:
                answer = kafka.rd_kafka_mock_partition_delete_records(
                    cluster, topic.encode(), number, offset
                )
            case "add_topic", [topic, number]:
                answer = kafka.rd_kafka_mock_topic_create(cluster, topic.encode(), number, 1)
            case "recreate_topic", [topic, number]:
                answer = _recreate(kafka, cluster, topic.encode(), number)
            case "down", []:
                answer = kafka.rd_kafka_mock_broker_set_down(cluster, -1)
            case "up", []:
                answer = kafka.rd_kafka_mock_broker_set_up(cluster, -1)
            case _:
                answer = -1
        print(answer, flush=True)


if __name__ == "__main__":
    main()
