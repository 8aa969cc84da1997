"""A member of a group on Kafka, behind the names of TopicConsumer.

Idea      Kafka's client joins, heartbeats and follows a rebalance by itself, in a thread, whenever it
          is polled. Here it is only told where to begin, since that is decided as
          minibroker does: at what is committed, else at `start`, looked up at once and not
          when the first record comes (what is written between would be missed).
Session   So session_timeout bounds how long the *process* may be silent; how long may pass between two
          polls is rebalance_timeout's business (Kafka: max.poll.interval.ms, KIP-62).
Names     A member's is for logs alone. Two of one name are two members, and neither fences the other.
Source    confluent-kafka's API reference, AIOConsumer; KIP-62.
"""

import asyncio
import struct
from typing import Any

from confluent_kafka import TopicPartition
from confluent_kafka.aio import AIOConsumer

from minibroker.arguments import seconds, topic_name, whole_number
from minibroker.engines.capabilities import Capability
from minibroker.engines.kafka_capabilities import CAPABILITIES
from minibroker.engines.kafka_log import KafkaLog
from minibroker.engines.kafka_records import consume, record_of
from minibroker.engines.kafka_settings import CONSUMER, of_group, translated
from minibroker.errors import (
    BrokerError,
    BrokerFault,
    FencedMember,
    InvalidArgument,
    OffsetOutOfRange,
    StaleGeneration,
)
from minibroker.log_client import Topic
from minibroker.record import Record
from minibroker.topic_consumer import TopicConsumer

_MARK = b"CGMDv2:"


class KafkaTopic(Topic):
    """As Topic; its consumers are Kafka's."""

    def __init__(self, name: str, log: KafkaLog, *, consumer: str = "") -> None:
        super().__init__(name, log.call, consumer=consumer)
        self.log = log

    def consumer(self, group: str, *, member: str = "", **settings: Any) -> TopicConsumer:
        return KafkaConsumer(self, group, member or self.member, **settings)


class KafkaConsumer(TopicConsumer):
    """As TopicConsumer; `assignor` is "range" or "round_robin", all times are seconds."""

    topic: KafkaTopic

    def __init__(
        self,
        topic: KafkaTopic,
        group: str,
        member: str,
        *,
        start: str = "latest",
        assignor: str = "range",
        session_timeout: float = 45.0,
        rebalance_timeout: float = 300.0,
    ) -> None:
        if assignor == "sticky":
            CAPABILITIES.require(Capability.STICKY)
        self.topic = topic
        self.group = topic_name(group)
        self.member = member
        self.generation = None
        self.positions = {}
        self._start = start
        self._options = of_group(
            group,
            member,
            assignor=assignor,
            session_timeout=seconds("session_timeout", session_timeout, above_zero=True),
            rebalance_timeout=seconds("rebalance_timeout", rebalance_timeout, above_zero=True),
        )
        self._kafka: AIOConsumer | None = None
        self._moved: set[int] = set()  # partitions whose position is not where Kafka's client would go on
        self._trouble: BrokerError | None = None  # in a callback, to be told by the next poll

    async def poll(self, *, max_records: int = 500, wait: float = 1.0) -> list[Record]:
        whole_number("max_records", max_records, at_least=1)
        wait = seconds("wait", wait)
        kafka = await self._member()
        with translated(f"poll {self.topic.name!r} as {self.group!r}"):
            for partition in sorted(self._moved & self.positions.keys()):
                await kafka.seek(TopicPartition(self.topic.name, partition, self.positions[partition]))
            self._moved.clear()
            try:
                messages = await consume(kafka, max_records, wait)
            except asyncio.CancelledError:
                self._moved |= self.positions.keys()  # what came meanwhile is asked for again
                raise
        if self._trouble is not None:
            trouble, self._trouble = self._trouble, None
            raise trouble
        records = [record for record in map(record_of, messages) if record.partition in self.positions]
        for record in records:
            self.positions[record.partition] = record.offset + 1
        return records

    async def commit(self, record: Record | None = None) -> None:
        offsets = {record.partition: record.offset + 1} if record is not None else dict(self.positions)
        if self._kafka is None:
            raise FencedMember(
                f"{self.member!r} is not in group {self.group!r}: it has not polled, or it left"
            )
        if lost := offsets.keys() - self.positions.keys():
            raise StaleGeneration(
                f"{self.member!r} does not own {self.topic.name}/{min(lost)} (any more): another reads it, "
                f"and would be set back. Poll, and go on with what you get"
            )
        if not offsets:
            return
        with translated(f"commit as {self.group!r}"):
            await self._kafka.commit(
                offsets=[TopicPartition(self.topic.name, p, offset) for p, offset in offsets.items()],
                asynchronous=False,
            )

    def seek(self, partition: int, offset: int) -> None:
        if partition not in self.positions:
            raise InvalidArgument(
                f"{self.member!r} does not own partition {partition}; it owns {sorted(self.positions)}"
            )
        self.positions[partition] = offset
        self._moved.add(partition)

    async def leave(self) -> None:
        kafka, self._kafka = self._kafka, None
        if kafka is not None:
            with translated(f"leave {self.group!r}"):
                await kafka.close()
        self.generation, self.positions = None, {}

    # -- membership ------------------------------------------------------------------------------------

    async def _member(self) -> AIOConsumer:
        """Kafka's consumer; the first poll makes it join."""
        if self._kafka is None:
            await self.topic.log.size(self.topic.name)  # NoSuchTopic, before a broker makes one
            self._kafka = AIOConsumer({**self.topic.log.servers, **CONSUMER, **self._options}, max_workers=4)
            await self._kafka.subscribe(
                [self.topic.name], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
            )
        return self._kafka

    async def _assigned(self, kafka: AIOConsumer, partitions: list[TopicPartition]) -> None:
        try:
            with translated(f"begin as {self.group!r}"):
                found = await kafka.committed(partitions)
                self.positions = {p.partition: await self._begin(kafka, p) for p in found}
                self.generation = generation_of(await kafka.consumer_group_metadata())
        except BrokerError as error:
            self._trouble = error
        await kafka.assign([TopicPartition(self.topic.name, p, at) for p, at in self.positions.items()])

    async def _revoked(self, kafka: AIOConsumer, partitions: list[TopicPartition]) -> None:
        self.generation, self.positions = None, {}
        await kafka.unassign()

    async def _begin(self, kafka: AIOConsumer, committed: TopicPartition) -> int:
        """At what is committed; where nothing is, or it was deleted, at `start`."""
        earliest, latest = await kafka.get_watermark_offsets(
            TopicPartition(committed.topic, committed.partition), timeout=self.topic.log.timeout
        )
        position: int = committed.offset
        if earliest <= position <= latest:  # nothing committed: below zero
            return position
        if self._start in ("earliest", "latest"):
            return int(earliest if self._start == "earliest" else latest)
        raise OffsetOutOfRange(
            f"group {self.group!r} has no offset in {self.topic.name}/{committed.partition} (committed: "
            f"{position if position >= 0 else None}), and start={self._start!r} says not to choose one",
            earliest=earliest,
            latest=latest,
        )


def generation_of(metadata: bytes) -> int:
    """The group's generation, out of what librdkafka hands to transactions.

    It has no name for it in Python; it is the number behind the mark CGMDv2 (rdkafka_cgrp.c).
    """
    if not metadata.startswith(_MARK):
        raise BrokerFault(f"this librdkafka writes a group's metadata in another form: {metadata[:40]!r}")
    [generation] = struct.unpack_from("<i", metadata, len(_MARK))
    return int(generation)
