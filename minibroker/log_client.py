"""The log's client: a topic, and a consumer of it, wherever the broker is.

Idea      As a Queue, a Topic is a name and one function that reaches the broker. A Consumer adds
          what a reader must remember: its member name, its generation, and its position in
          each partition that it owns.
Consumer  poll() does everything: it joins, goes along with a rebalance, says "I live", and
          fetches. So the time between two polls must stay below session_timeout. (Kafka's
          client heartbeats from a thread, and watches polls by max.poll.interval: KIP-62.)
          Positions are its own until commit(): after a rebalance or a crash it, or
          another, goes on at what was committed. Nothing is committed by itself.
Not here  What to do with a record: yours. Nor an own buffer: a record that you did not get from
          poll() is still only in the log.
"""

import asyncio
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

from minibroker.client import Call
from minibroker.errors import BrokerError, FencedMember, InvalidArgument, OffsetOutOfRange, StaleGeneration
from minibroker.group_offsets import Lag
from minibroker.record import Record
from minibroker.topic import PartitionSnapshot

HEARTBEAT_INTERVAL = 3.0  # seconds, as Kafka's: so long may a rebalance have begun and we not know


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

    async def committed(self, group: str) -> dict[int, int | None]:
        """The next offset that a group will read, for each partition; None where nothing was committed."""
        answer = await self.ask("committed", {"group": group})
        return {int(partition): offset for partition, offset in answer["offsets"].items()}

    async def lag(self, group: str) -> list[Lag]:
        """How far a group is behind, in records and seconds, by partition."""
        return [Lag(**lag) for lag in (await self.ask("lag", {"group": group}))["lag"]]

    async def reset(self, group: str, **where: Any) -> dict[int, int]:
        """Set an empty group's offsets: to="earliest" or "latest", time=SECONDS or offset=N; partition=N."""
        answer = await self.ask("reset", {"group": group, **where})
        return {int(partition): offset for partition, offset in answer["offsets"].items()}

    def consumer(self, group: str, *, member: str = "", **settings: Any) -> "TopicConsumer":
        """A member of `group` under the name `member` (by default this client's). See TopicConsumer."""
        return TopicConsumer(self, group, member or self.member, **settings)


class TopicConsumer:
    """A member of a group. `async with` leaves the group at its end; `async for` polls for ever.

        async with topic.consumer("billing") as consumer:
            async for record in consumer:
                ...
                await consumer.commit(record)

    start               where to begin in a partition of which nothing was committed, or whose offset was
                        deleted: "earliest" or "latest" (the default, as Kafka's auto.offset.reset), or
                        "none": raise OffsetOutOfRange
    assignor, session_timeout, rebalance_timeout   of the group, seconds: all members must say the same

    Two processes must not share a member name: the one that joins last fences the other.
    """

    def __init__(
        self,
        topic: Topic,
        group: str,
        member: str,
        *,
        start: str = "latest",
        assignor: str = "range",
        session_timeout: float = 45.0,
        rebalance_timeout: float = 300.0,
    ) -> None:
        self.topic = topic
        self.group = group
        self.member = member
        self.generation: int | None = None  # None: not (or no more) a member. Hand it to a sink as its fence
        self.positions: dict[int, int] = {}  # partition that it owns -> next offset to fetch
        self._start = start
        self._settings = {
            "assignor": assignor,
            "session_timeout": session_timeout,
            "rebalance_timeout": rebalance_timeout,
        }
        self._joining = False
        self._heartbeat_interval = min(HEARTBEAT_INTERVAL, session_timeout / 3)
        self._next_heartbeat = 0.0

    async def __aenter__(self) -> "TopicConsumer":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.leave()
        except BrokerError:
            if kind is None:
                raise  # else what went wrong in the block is what its owner wants to hear

    def __aiter__(self) -> "TopicConsumer":
        return self

    async def __anext__(self) -> Record:
        """The next record, one at a time: what is fetched is what you get, so nothing waits in a buffer."""
        while not (records := await self.poll(max_records=1, wait=HEARTBEAT_INTERVAL)):
            pass
        return records[0]

    async def poll(self, *, max_records: int = 500, wait: float = 1.0) -> list[Record]:
        """The next records, up to `max_records`; [] if none come within `wait` seconds.

        Also [] while a rebalance goes on. Moves `positions` behind them. Commit before the next poll what
        shall not come again: poll may find that a rebalance has begun, and go along with it.
        """
        if self.generation is not None:
            await self._heartbeat()
        if self.generation is None and not await self._join(wait):
            return []
        if not self.positions:  # more members than partitions: nothing to do but to be there
            await asyncio.sleep(wait)
            return []
        try:
            records = await self.topic.fetch_many(self.positions, max_records=max_records, wait=wait)
        except OffsetOutOfRange:
            await self._find_positions(self.positions, {})
            return []
        for record in records:
            self.positions[record.partition] = record.offset + 1
        if records:  # the partition that was read goes to the end, so that a busy one starves no other
            self.positions[records[0].partition] = self.positions.pop(records[0].partition)
        return records

    async def commit(self, record: Record | None = None) -> None:
        """Store that everything polled so far is done, or all up to `record` in its partition.

        FencedMember or StaleGeneration if the group has gone on without you: what you did since your
        last commit is being done again by another. Poll goes on, as a new member.
        """
        offsets = {record.partition: record.offset + 1} if record is not None else self.positions
        if not offsets:
            return
        await self._as_member(
            "commit",
            {
                "generation": self.generation or 0,
                "offsets": {str(p): offset for p, offset in offsets.items()},
            },
        )

    def seek(self, partition: int, offset: int) -> None:
        """Poll on from here, in a partition that it owns. Only a commit makes the group know of it."""
        if partition not in self.positions:
            raise InvalidArgument(
                f"{self.member!r} does not own partition {partition}; it owns {sorted(self.positions)}"
            )
        self.positions[partition] = offset

    async def leave(self) -> None:
        """Give the partitions back at once. What was not committed is read again by others."""
        if self.generation is not None or self._joining:
            try:
                await self._as_member("leave", {})
            except FencedMember:
                pass  # it is out already
        self.generation, self.positions, self._joining = None, {}, False

    # -- membership ------------------------------------------------------------------------------------

    async def _join(self, wait: float) -> bool:
        """Join and wait for the others; True: positions are known."""
        if not self._joining:
            await self.topic.ask("join", {"group": self.group, "member": self.member, **self._settings})
            self._joining = True
        try:
            answer = await self._as_member("sync", {"wait": wait})
        except (FencedMember, StaleGeneration):
            return False  # the next poll joins anew
        if answer["generation"] is None:
            return False
        committed = await self.topic.committed(self.group)
        await self._find_positions(answer["partitions"], committed)
        self.generation, self._joining = answer["generation"], False
        self._next_heartbeat = asyncio.get_running_loop().time() + self._heartbeat_interval
        return True

    async def _heartbeat(self) -> None:
        """Say "I live", if it is time to. Afterwards generation is None if it must join again."""
        now = asyncio.get_running_loop().time()
        if now < self._next_heartbeat:
            return
        self._next_heartbeat = now + self._heartbeat_interval
        try:
            answer = await self._as_member("heartbeat", {"generation": self.generation})
        except (FencedMember, StaleGeneration):
            return
        if not answer["stable"]:
            self.generation, self.positions = None, {}

    async def _find_positions(self, partitions: Any, committed: Mapping[int, int | None]) -> None:
        """Begin at what is committed; where nothing is, or it was deleted, at `start`."""
        for partition, log in enumerate(await self.topic.partitions()):
            position = committed.get(partition, self.positions.get(partition))
            if partition not in partitions:
                self.positions.pop(partition, None)
            elif position is not None and log.start_offset <= position <= log.end_offset:
                self.positions[partition] = position
            elif self._start in ("earliest", "latest"):
                self.positions[partition] = await self.topic.offset(partition, to=self._start)
            else:
                raise OffsetOutOfRange(
                    f"group {self.group!r} has no offset in {self.topic.name}/{partition} (committed: "
                    f"{position}), and start={self._start!r} says not to choose one",
                    earliest=log.start_offset,
                    latest=log.end_offset,
                )

    async def _as_member(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self.topic.ask(operation, {"group": self.group, "member": self.member, **arguments})
        except (FencedMember, StaleGeneration):
            self.generation, self.positions, self._joining = None, {}, False
            raise
