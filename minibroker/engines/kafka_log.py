"""Writing to Kafka's log, and reading it without a group: the operations of log_operations.py.

Idea      As for a queue, a Topic is a name and one function; this is another one. A key is hashed as
          Kafka hashes it, so that a record lands where minibroker would have put it.
Times     A record's is its producer's (CreateTime), seconds since 1970.
Not here  Members of a group (kafka_consumer.py); a group's offsets, which are asked for here.
Source    Kafka documentation, "Design"; confluent-kafka's API reference.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from confluent_kafka import KafkaError, Message, Producer, TopicPartition
from confluent_kafka.aio import AIOConsumer

from minibroker.arguments import headers_or_none, seconds, to_json, topic_name, whole_number
from minibroker.engines.capabilities import Capability
from minibroker.engines.kafka_capabilities import CAPABILITIES
from minibroker.engines.kafka_records import check_offset, consume, key_of, record_of
from minibroker.engines.kafka_settings import CONSUMER, broker_error, translated
from minibroker.errors import (
    FencedMember,
    GroupNotEmpty,
    InvalidArgument,
    NoAnswer,
    NoSuchTopic,
)
from minibroker.group_offsets import Lag
from minibroker.topic_snapshot import PartitionSnapshot

Json = dict[str, Any]


class KafkaLog:
    """The topics of one cluster. `servers` are the options that lead there; `timeout` in seconds."""

    def __init__(
        self,
        servers: Mapping[str, Any],
        producer: Producer,
        *,
        timeout: float,
        clock: Callable[[], float],
    ) -> None:
        self.servers = servers
        self.timeout = timeout
        self._producer = producer
        self._clock = clock
        self._sizes: dict[str, int] = {}  # partitions of each topic that was seen
        self._idle: list[AIOConsumer] = []  # readers that nobody uses now
        self._operations: dict[str, Callable[..., Awaitable[Json]]] = {
            "append": self._append,
            "fetch": self._fetch,
            "offset": self._offset,
            "describe": self._describe,
            "committed": self._committed,
            "lag": self._lag,
            "reset": self._reset,
        }

    async def close(self) -> None:
        """End the readers."""
        for reader in self._idle:
            await reader.close()

    async def sizes(self) -> dict[str, int]:
        """How many partitions each topic has. No topic is asked for by name, or a broker might make it."""
        with translated("list the topics"):
            metadata = await asyncio.to_thread(self._producer.list_topics, timeout=self.timeout)
        self._sizes = {name: len(topic.partitions) for name, topic in metadata.topics.items()}
        return self._sizes

    async def size(self, topic: str) -> int:
        """How many partitions this topic has; NoSuchTopic if there is none of that name."""
        if topic not in self._sizes and topic not in await self.sizes():
            there_are = ", ".join(sorted(self._sizes)) or "none yet"
            raise NoSuchTopic(f"no topic {topic[:80]!r}; there are: {there_are}")
        return self._sizes[topic]

    async def call(self, topic: str, operation: str, arguments: Json) -> Json:
        """Do one operation of log_operations.py on that topic, as far as Kafka has it."""
        if operation == "producer":
            CAPABILITIES.require(Capability.SEQUENCE)
        if operation == "append_many":
            CAPABILITIES.require(Capability.APPEND_MANY)
        if operation not in self._operations:  # join, sync...: Kafka's own client does it
            raise InvalidArgument(f"no operation {operation!r} on Kafka: use topic.consumer(group)")
        return await self._operations[operation](topic, **arguments)

    # -- the operations ------------------------------------------------------------------------------------

    async def _append(
        self,
        topic: str,
        *,
        key: Any,
        value: Any,
        headers: Any = None,
        partition: Any = None,
        producer: Any = None,
        sequence: Any = None,
    ) -> Json:
        """Done when all in-sync replicas have it."""
        if producer is not None or sequence is not None:
            CAPABILITIES.require(Capability.SEQUENCE)
        await self._check(topic, partition)
        loop = asyncio.get_running_loop()
        written: asyncio.Future[tuple[KafkaError | None, Message]] = loop.create_future()

        def delivered(error: KafkaError | None, message: Message) -> None:  # in flush's thread
            loop.call_soon_threadsafe(written.set_result, (error, message))

        with translated(f"append to {topic!r}"):
            self._producer.produce(
                topic,
                key=key_of(key),
                value=None if value is None else to_json(value).encode(),
                headers=[(name, text.encode()) for name, text in headers_or_none(headers).items()],
                partition=-1 if partition is None else partition,
                on_delivery=delivered,
            )
        await asyncio.to_thread(self._producer.flush, self.timeout)
        if not (await asyncio.wait([written], timeout=1.0))[0]:
            raise NoAnswer(
                f"appended to {topic!r}, and Kafka did not say within {self.timeout:g}s that it has it"
            )
        error, message = written.result()
        if error is not None:
            raise broker_error(error, f"append to {topic!r}")
        record = record_of(message)
        return {"partition": record.partition, "offset": record.offset, "timestamp": record.timestamp}

    async def _fetch(self, topic: str, *, offsets: Any, max_records: Any = 500, wait: Any = 0.0) -> Json:
        whole_number("max_records", max_records, at_least=1)
        wait = seconds("wait", wait)
        wanted = {int(number): offset for number, offset in offsets.items()}
        for number, offset in wanted.items():
            earliest, latest = await self.ends(topic, number)
            check_offset(topic, number, offset, earliest, latest)
        async with self._reader() as reader:
            with translated(f"fetch from {topic!r}"):
                await reader.assign([TopicPartition(topic, n, offset) for n, offset in wanted.items()])
                messages = await consume(reader, max_records, wait)
        order = list(wanted)
        records = sorted((record_of(message) for message in messages), key=lambda r: order.index(r.partition))
        return {"records": [record.to_json() for record in records]}

    async def _offset(self, topic: str, *, partition: Any, to: Any = None, time: Any = None) -> Json:
        return {"offset": await self.resolve(topic, partition, to=to, time=time)}

    async def _describe(self, topic: str) -> Json:
        """`records` is end - start: how many compaction has taken out between, Kafka does not tell."""
        ends = [await self.ends(topic, number) for number in range(await self.size(topic))]
        return {"partitions": [asdict(PartitionSnapshot(start, end, end - start)) for start, end in ends]}

    async def _committed(self, topic: str, *, group: Any) -> Json:
        return {"offsets": {str(n): offset for n, offset in (await self.committed(topic, group)).items()}}

    async def _lag(self, topic: str, *, group: Any) -> Json:
        lags = []
        for number, committed in (await self.committed(topic, group)).items():
            start, end = await self.ends(topic, number)
            position = max(start, committed or 0)
            age = 0.0
            if position < end:
                unread = await self._fetch(
                    topic, offsets={number: position}, max_records=1, wait=self.timeout
                )
                age = self._clock() - unread["records"][0]["timestamp"]
            lags.append(Lag(topic, number, committed, end, end - position, max(0.0, age)).to_json())
        return {"lag": lags}

    async def _reset(
        self,
        topic: str,
        *,
        group: Any,
        partition: Any = None,
        to: Any = None,
        time: Any = None,
        offset: Any = None,
    ) -> Json:
        """A commit by nobody, which Kafka takes only from a group without members."""
        await self._check(topic, partition)
        numbers = range(await self.size(topic)) if partition is None else [partition]
        chosen = {n: await self.resolve(topic, n, to=to, time=time, offset=offset) for n in numbers}
        async with self._of_group(group) as consumer:
            try:
                with translated(f"reset group {group!r}"):
                    await consumer.commit(
                        offsets=[TopicPartition(topic, n, at) for n, at in chosen.items()], asynchronous=False
                    )
            except FencedMember as refused:
                raise GroupNotEmpty(f"group {group!r} has members: stop them first ({refused})") from refused
        return {"offsets": {str(n): at for n, at in chosen.items()}}

    # -- what a group's member asks, too ------------------------------------------------------------------

    async def ends(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset that there is, and the one that the next record will get."""
        await self._check(topic, partition)
        async with self._reader() as reader:
            with translated(f"look up the ends of {topic}/{partition}"):
                start, end = await reader.get_watermark_offsets(
                    TopicPartition(topic, partition), timeout=self.timeout
                )
        return start, end

    async def committed(self, topic: str, group: str) -> dict[int, int | None]:
        """The next offset that the group will read, for each partition."""
        partitions = [TopicPartition(topic, number) for number in range(await self.size(topic))]
        async with self._of_group(group) as consumer:
            with translated(f"look up what group {group!r} committed"):
                found = await consumer.committed(partitions, timeout=self.timeout)
        return {p.partition: p.offset if p.offset >= 0 else None for p in found}

    async def resolve(
        self, topic: str, partition: int, *, to: Any = None, time: Any = None, offset: Any = None
    ) -> int:
        """The offset that is meant: the `earliest`, the `latest`, that of a time, or this one."""
        if [to, time, offset].count(None) != 2:
            raise InvalidArgument('say one of to="earliest", to="latest", time=SECONDS and offset=NUMBER')
        start, end = await self.ends(topic, partition)
        if offset is not None:
            check_offset(topic, partition, whole_number("offset", offset, at_least=0), start, end)
            return int(offset)
        if time is not None:
            at = TopicPartition(topic, partition, round(seconds("time", time) * 1000))
            async with self._reader() as reader:
                with translated(f"look up a time in {topic}/{partition}"):
                    [found] = await reader.offsets_for_times([at], timeout=self.timeout)
            return found.offset if found.offset >= 0 else end  # nothing is as young
        if to not in ("earliest", "latest"):
            raise InvalidArgument(f"to is 'earliest' or 'latest'; got {str(to)[:40]!r}")
        return start if to == "earliest" else end

    async def _check(self, topic: str, partition: Any) -> None:
        size = await self.size(topic)
        if partition is not None and whole_number("partition", partition, at_least=0) >= size:
            raise NoSuchTopic(f"topic {topic!r} has partitions 0 to {size - 1}, not {partition}")

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[AIOConsumer]:
        """A consumer in no group, for one question: others may be waiting with theirs."""
        options = {
            **self.servers,
            **CONSUMER,
            "group.id": "minibroker-reader",
        }  # it is asked for, and not joined
        reader = self._idle.pop() if self._idle else AIOConsumer(options, max_workers=2)
        try:
            yield reader
        finally:
            self._idle.append(reader)

    @asynccontextmanager
    async def _of_group(self, group: str) -> AsyncIterator[AIOConsumer]:
        """A consumer that speaks of the group and does not join it."""
        consumer = AIOConsumer({**self.servers, **CONSUMER, "group.id": topic_name(group)}, max_workers=2)
        try:
            yield consumer
        finally:
            await consumer.close()
