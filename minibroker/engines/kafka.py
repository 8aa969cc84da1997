"""Kafka behind the client of a topic.

Idea      A topic is found by name, or made. Writing and reading it is another `call` (kafka_log.py),
          and a group's member is Kafka's own consumer (kafka_consumer.py).
Threads   librdkafka works in threads of its own; what waits for it waits in one, not in the event loop.
Not here  Options and errors (kafka_settings.py). Replicas, partitions that are added later.
Source    Kafka documentation, "Design"; confluent-kafka's API reference. Tried on librdkafka's mock
          cluster, and on another broker that speaks Kafka's protocol (Tansu 0.6), since the mock
          cluster knows neither CreateTopics nor offsets by time.
"""

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, ClassVar
from urllib.parse import urlsplit

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from minibroker.arguments import topic_name, whole_number
from minibroker.engines.capabilities import Capabilities, Capability
from minibroker.engines.engine import Engine
from minibroker.engines.kafka_capabilities import CAPABILITIES
from minibroker.engines.kafka_consumer import KafkaTopic
from minibroker.engines.kafka_log import KafkaLog
from minibroker.engines.kafka_settings import PRODUCER, translated
from minibroker.errors import InvalidArgument, TopicExists
from minibroker.log_client import Topic
from minibroker.retention import Cleanup


class Kafka(Engine):
    """One cluster.

    url      kafka://host:port, with more of them after commas
    timeout  seconds for an answer
    clock    () -> seconds since 1970, for the age of what a group has not read
    """

    capabilities: ClassVar[Capabilities] = CAPABILITIES

    def __init__(self, url: str, *, timeout: float = 30.0, clock: Callable[[], float] = time.time) -> None:
        self._servers: dict[str, Any] = {"bootstrap.servers": urlsplit(url).netloc, "log_level": 2}
        self._timeout = timeout
        self._clock = clock

    async def __aenter__(self) -> "Kafka":
        with translated("connect to Kafka"):
            self._producer = Producer({**self._servers, **PRODUCER})
            self._log = KafkaLog(self._servers, self._producer, timeout=self._timeout, clock=self._clock)
        await self._log.sizes()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._producer.flush, self._timeout)
        await self._log.close()

    def topic(self, name: str, *, consumer: str = "") -> Topic:
        return KafkaTopic(topic_name(name), self._log, consumer=consumer)

    async def create_topic(self, name: str, *, partitions: int = 1, **cleanup: Any) -> Topic:
        """As Broker.create_topic. Of a topic that is there, the number of partitions alone is compared."""
        topic_name(name)
        whole_number("partitions", partitions, at_least=1)
        unknown = cleanup.keys() - {"retention", "retention_records", "compact", "delete_retention"}
        if unknown:
            raise InvalidArgument(f"create_topic on Kafka does not know {', '.join(sorted(unknown))}")
        if cleanup.get("retention_records") is not None:
            self.capabilities.require(Capability.RETENTION_RECORDS)
        config = _config(Cleanup(**cleanup))
        there = (await self._log.sizes()).get(name)
        if there is None:
            new = NewTopic(name, num_partitions=partitions, replication_factor=-1, config=config)
            admin = AdminClient(self._servers)  # it has to live until the answer is there
            with translated(f"create topic {name!r}"):
                asked = admin.create_topics([new], request_timeout=self._timeout)
                await asyncio.wrap_future(asked[name])
        elif there != partitions:
            raise TopicExists(
                f"topic {name!r} exists with {there} partitions; asked for {partitions}. Use it as it is, or "
                f"choose another name"
            )
        return self.topic(name)


def _config(cleanup: Cleanup) -> dict[str, str]:
    """A topic's options, all of them said."""
    retention = -1 if cleanup.retention is None else round(cleanup.retention * 1000)
    return {
        "cleanup.policy": "compact" if cleanup.compact else "delete",
        "retention.ms": str(retention),
        "delete.retention.ms": str(round(cleanup.delete_retention * 1000)),
    }
