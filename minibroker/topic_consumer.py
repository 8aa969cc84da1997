"""A consumer of a topic: what a reader must remember.

Idea      Its member name, its generation, and its position in each partition that it owns.
          poll() does everything: it joins, goes along with a rebalance, says "I live", and
          fetches. So the time between two polls must stay below session_timeout. (Kafka's
          client heartbeats from a thread, and watches polls by max.poll.interval: KIP-62.)
Positions are its own until commit(): after a rebalance or a crash it, or another, goes on at
          what was committed. Nothing is committed by itself.
Not here  What to do with a record: yours. Nor an own buffer: a record that you did not get from
          poll() is still only in the log.
"""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from minibroker.errors import BrokerError, FencedMember, InvalidArgument, OffsetOutOfRange, StaleGeneration
from minibroker.record import Record

if TYPE_CHECKING:
    from minibroker.log_client import Topic

HEARTBEAT_INTERVAL = 3.0  # seconds, as Kafka's: so long may a rebalance have begun and we not know


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
        topic: "Topic",
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
