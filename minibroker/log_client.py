"""The log's client: a topic, wherever the broker is.

Idea      As a Queue, a Topic is a name and one function that reaches the broker. It remembers nothing
          but its name: which offset comes next is the reader's to know.
Not here  A reader that shares partitions with others, and remembers (topic_consumer.py).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from minibroker.client import Call
from minibroker.group_offsets import Lag, Lags
from minibroker.record import Record
from minibroker.topic_consumer import TopicConsumer
from minibroker.topic_snapshot import PartitionSnapshot, TopicSnapshot


class Topic:
    """One topic of a broker. `consumer` is your name: by default that of a member that you make here.

    Each method may raise NoSuchTopic or InvalidArgument; over a network also BrokerUnreachable (it surely
    did not happen) and NoAnswer (it may have: see `append`).
    """

    def __init__(self, name: str, call: Call, *, consumer: str = "") -> None:
        self.name = name
        self.member = consumer
        self._call = call

    def __repr__(self) -> str:
        return f"Topic({self.name!r}, consumer={self.member!r})"

    async def ask(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """One operation of log_operations.py on this topic; the methods below say it better."""
        return await self._call(self.name, operation, arguments)

    async def append(
        self,
        key: str | None,
        value: Any,
        *,
        headers: Mapping[str, str] | None = None,
        partition: int | None = None,
        producer: str | None = None,
        sequence: int | None = None,
    ) -> Record:
        """Write `value` (a JSON value) to the partition of `key`; returns the record with its offset.

        After NoAnswer it may be written, and appending again may write it twice; unless you number: with a
        `producer` id (from new_producer()) and a `sequence` that counts 0, 1, 2... for each `partition`,
        a retry with the same number gets the record of the first time.
        """
        arguments = {"key": key, "value": value, "headers": dict(headers or {}), "partition": partition}
        if producer is not None:
            arguments |= {"producer": producer, "sequence": sequence}
        answer = await self.ask("append", arguments)
        return Record(key=key, value=value, headers=dict(headers or {}), **answer)

    async def append_many(
        self,
        records: Iterable[Any],
        *,
        partition: int | None = None,
        producer: str | None = None,
        sequence: int | None = None,
    ) -> dict[int, range]:
        """Write a batch, all or none: (key, value), or (key, value, headers), each.

        Returns {partition: the offsets that its records got, in their order}. To number a batch, name its
        `partition`; `sequence` is the number of its first record, and a retry brings the same records.
        Over HTTP a batch is one body, and so at most http.MAX_BODY bytes.
        """
        arguments: dict[str, Any] = {"records": list(records), "partition": partition}
        if producer is not None:
            arguments |= {"producer": producer, "sequence": sequence}
        answer = await self.ask("append_many", arguments)
        return {int(number): range(first, end) for number, (first, end) in answer["offsets"].items()}

    async def new_producer(self) -> str:
        """An id for an idempotent producer, that nobody had before."""
        producer: str = (await self.ask("producer", {}))["producer"]
        return producer

    async def fetch(
        self, partition: int, offset: int, *, max_records: int = 500, wait: float = 0.0
    ) -> list[Record]:
        """Up to `max_records` from `offset` on; at the end wait up to `wait` seconds for the first.

        OffsetOutOfRange, with `earliest` and `latest`, if retention has deleted it. It needs no group.
        """
        return await self.fetch_many({partition: offset}, max_records=max_records, wait=wait)

    async def fetch_many(
        self, offsets: Mapping[int, int], *, max_records: int = 500, wait: float = 0.0
    ) -> list[Record]:
        """As fetch, from several partitions (partition -> offset), in their order."""
        wanted = {str(partition): offset for partition, offset in offsets.items()}
        answer = await self.ask("fetch", {"offsets": wanted, "max_records": max_records, "wait": wait})
        return [Record.from_json(record) for record in answer["records"]]

    async def offset(self, partition: int, *, to: str | None = None, time: float | None = None) -> int:
        """The offset of `to` "earliest" or "latest", or of the first record at `time` (seconds) or later."""
        answer = await self.ask("offset", {"partition": partition, "to": to, "time": time})
        offset: int = answer["offset"]
        return offset

    async def partitions(self) -> list[PartitionSnapshot]:
        """Each partition in numbers, by number."""
        answer = await self.ask("describe", {})
        return [PartitionSnapshot(**partition) for partition in answer["partitions"]]

    async def snapshot(self) -> TopicSnapshot:
        """The same as one value, which a notebook shows as a table."""
        return TopicSnapshot(self.name, tuple(await self.partitions()))

    async def committed(self, group: str) -> dict[int, int | None]:
        """The next offset that a group will read, for each partition; None where nothing was committed."""
        answer = await self.ask("committed", {"group": group})
        return {int(partition): offset for partition, offset in answer["offsets"].items()}

    async def lag(self, group: str) -> Lags:
        """How far a group is behind, in records and seconds, by partition."""
        return Lags(Lag(**lag) for lag in (await self.ask("lag", {"group": group}))["lag"])

    async def reset(self, group: str, **where: Any) -> dict[int, int]:
        """Set an empty group's offsets: to="earliest" or "latest", time=SECONDS or offset=N; partition=N."""
        answer = await self.ask("reset", {"group": group, **where})
        return {int(partition): offset for partition, offset in answer["offsets"].items()}

    def consumer(self, group: str, *, member: str = "", **settings: Any) -> TopicConsumer:
        """A member of `group` under the name `member` (by default this client's). See TopicConsumer."""
        return TopicConsumer(self, group, member or self.member, **settings)
