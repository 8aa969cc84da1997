"""A Kafka for the contract: librdkafka's mock cluster, which speaks the protocol on a port of 127.0.0.1.

Idea      confluent-kafka can start one (test.mock.num.brokers), but not tell it anything. Its C interface
          can: make a topic, and let the first rebalance of a group begin at once instead of after 3 s.
          It is called by ctypes, in the very library that confluent-kafka has loaded.
Not here  What the mock cluster does not know: transactions, CreateTopics, offsets by time.
Source    librdkafka, rdkafka_mock.h.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

PRODUCER = 0
FOLDERS = ("../confluent_kafka.libs", ".dylibs", "../confluent_kafka.dylibs")  # Linux and Windows; macOS


def library() -> Path | None:
    """Where confluent-kafka's own librdkafka is; None if it was built against another."""
    import confluent_kafka

    home = Path(confluent_kafka.__file__).parent
    found = [path for folder in FOLDERS for path in (home / folder).resolve().glob("librdkafka*")]
    return found[0] if found else None


class MockKafka:
    """One broker. `servers` is its address."""

    def __init__(self, path: Path) -> None:
        self._c = c = ctypes.CDLL(str(path))
        handle, text, number, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_size_t
        for function, result, arguments in (
            (c.rd_kafka_conf_new, handle, []),
            (c.rd_kafka_conf_set, number, [handle, text, text, text, size]),
            (c.rd_kafka_new, handle, [number, handle, text, size]),
            (c.rd_kafka_destroy, None, [handle]),
            (c.rd_kafka_handle_mock_cluster, handle, [handle]),
            (c.rd_kafka_mock_cluster_bootstraps, text, [handle]),
            (c.rd_kafka_mock_group_initial_rebalance_delay_ms, None, [handle, ctypes.c_int32]),
            (c.rd_kafka_mock_topic_create, number, [handle, text, number, number]),
        ):
            function.restype, function.argtypes = result, arguments
        conf, why = c.rd_kafka_conf_new(), ctypes.create_string_buffer(512)
        for option, value in ((b"test.mock.num.brokers", b"1"), (b"log_level", b"2")):
            if c.rd_kafka_conf_set(conf, option, value, why, len(why)) != 0:
                raise RuntimeError(why.value.decode())
        self._client = c.rd_kafka_new(PRODUCER, conf, why, len(why))
        if not self._client:
            raise RuntimeError(why.value.decode())
        self._cluster = c.rd_kafka_handle_mock_cluster(self._client)
        self.servers = c.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        c.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)

    def create_topic(self, name: str, partitions: int) -> None:
        """As an operator would, ahead of the clients."""
        error = self._c.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1)
        if error:
            raise RuntimeError(f"topic {name!r} could not be made: error {error}")

    def stop(self) -> None:
        self._c.rd_kafka_destroy(self._client)
