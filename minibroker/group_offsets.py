"""How far a group has read: committed offsets, and the lag behind the end.

Idea      A group's memory is one number a partition: the offset that it will read *next*. It
          is the group's and not a member's, so whoever takes a partition over goes on
          there; what was read but not committed is read again (at least once).
Lag       In records, and in seconds: how long the first unread record has been waiting. Alarm
          on seconds: 10,000 records may be a second's work or a day's.
Not here  Who may commit (consumer_group.py).
Source    Kafka documentation, "Design", "Consumer Position". Kafka forgets the offsets of an
          empty group after 7 days; here they stay.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from minibroker.arguments import whole_number
from minibroker.assignment import TopicPartition
from minibroker.errors import InvalidArgument
from minibroker.markup import table
from minibroker.topic import TopicLog


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a group is behind in one partition. After compaction `records` counts holes too."""

    topic: str
    partition: int
    committed: int | None  # the next offset to read; None: nothing committed yet, lag counts from the start
    end_offset: int
    records: int
    seconds: float  # since the first unread record was written; 0 if there is none

    def to_json(self) -> dict[str, Any]:
        """The lag as JSON values."""
        return asdict(self)


class Lags(list[Lag]):
    """A group's lag, by partition; a notebook shows it as a table."""

    @property
    def records(self) -> int:
        """How many records wait in all partitions together."""
        return sum(lag.records for lag in self)

    def _repr_html_(self) -> str:
        rows = [
            (
                f"{lag.topic}/{lag.partition}",
                _or_dash(lag.committed),
                lag.end_offset,
                lag.records,
                lag.seconds,
            )
            for lag in self
        ]
        return table("Lag", ("partition", "committed", "end", "records", "seconds"), rows)


def _or_dash(number: int | None) -> int | str:
    return "-" if number is None else number


class GroupOffsets:
    """The committed offsets of one group. `find` gives the topic of a name."""

    def __init__(self, find: Callable[[str], TopicLog]) -> None:
        self._find = find
        self._next: dict[TopicPartition, int] = {}

    def committed(self, topic: str, partition: int) -> int | None:
        """The next offset to read; None if none was committed."""
        return self._next.get((topic, partition))

    def all(self) -> list[tuple[TopicPartition, int]]:
        """Every partition of which something was committed, and the next offset to read there."""
        return sorted(self._next.items())

    def check(self, topic: str, partition: int, offset: int) -> None:
        """Refuse an offset that no reader can have come to (Kafka would store it)."""
        end = self._find(topic).partition(partition).end_offset
        if whole_number("offset", offset, at_least=0) > end:
            raise InvalidArgument(
                f"commit {offset} of {topic}/{partition}, which ends at {end}? Commit the offset of the "
                f"*next* record to read: that of the last one handled, plus 1"
            )

    def store(self, topic: str, partition: int, offset: int) -> None:
        """Read on here next time. Going back is allowed: that is a replay."""
        self._next[topic, partition] = offset

    def resolve(
        self,
        topic: str,
        partition: int,
        *,
        to: str | None = None,
        time: float | None = None,
        offset: int | None = None,
    ) -> int:
        """The offset that is meant: `to` "earliest" or "latest", or that of a `time`, or this `offset`."""
        log = self._find(topic).partition(partition)
        if [to, time, offset].count(None) != 2:
            raise InvalidArgument('say one of to="earliest", to="latest", time=SECONDS and offset=NUMBER')
        if time is not None:
            return log.offset_at(time)
        if offset is not None:
            whole_number("offset", offset, at_least=0)
            log.check_offset(offset)
            return offset
        if to not in ("earliest", "latest"):
            raise InvalidArgument(f"to is 'earliest' or 'latest'; got {str(to)[:40]!r}")
        return log.start_offset if to == "earliest" else log.end_offset

    def resolve_all(self, topic: str, partition: int | None, **where: Any) -> dict[int, int]:
        """As resolve, for one partition, or (None) for each: partition -> offset."""
        numbers = [p.number for p in self._find(topic).partitions] if partition is None else [partition]
        return {number: self.resolve(topic, number, **where) for number in numbers}

    def lags(self, topic: str, *, now: float) -> Lags:
        """How far behind, at `now`, for each partition."""
        return Lags(self.lag(topic, p.number, now=now) for p in self._find(topic).partitions)

    def lag(self, topic: str, partition: int, *, now: float) -> Lag:
        """How far behind, at `now`."""
        log = self._find(topic).partition(partition)
        committed = self.committed(topic, partition)
        position = max(log.start_offset, committed or 0)
        waiting = log.first_from(position)
        return Lag(
            topic=topic,
            partition=partition,
            committed=committed,
            end_offset=log.end_offset,
            records=log.end_offset - position,
            seconds=now - waiting.timestamp if waiting else 0.0,
        )
