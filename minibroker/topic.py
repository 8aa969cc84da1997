"""A topic: a log in several partitions, so that several readers can share it.

Idea      Order is kept in a partition and nowhere else. So what must stay in order gets the
          same key, and with it the same partition; what need not is spread. More
          partitions are more readers at once and less order.
No key    A record without a key goes to the next partition in turn: round-robin. (Kafka
          since 2.4 stays with one partition until a batch is full, then goes on: sticky.
          With batches of one record, that is this.)
Time      `now` (seconds, never going back) is handed in; next_deadline() says when somebody
          should call advance(), which cleans (retention.py).
Not here  The hash (partitioner.py), offsets (partition.py), readers (consumer_group.py).
Source    Kafka documentation, "Introduction", "Main Concepts"; BuiltInPartitioner.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any

from minibroker import retention
from minibroker.arguments import topic_name, whole_number
from minibroker.errors import InvalidArgument, NoSuchTopic
from minibroker.partition import Observer, Partition
from minibroker.partitioner import partition_for
from minibroker.record import Record
from minibroker.retention import Cleanup


@dataclass(frozen=True, slots=True)
class PartitionSnapshot:
    """One partition in numbers. `records` is end - start, or fewer where compaction left holes."""

    start_offset: int
    end_offset: int
    records: int


class TopicLog:
    """Partitions 0 to n - 1. `cleanup` says what is forgotten (default: what is older than 7 days).

    To what a partition tells the `observer` (None costs nothing), cleaning adds:

    | kind        | data                                                              |
    |-------------|-------------------------------------------------------------------|
    | `trimmed`   | topic, partition, records (how many were deleted), start_offset   |
    | `compacted` | topic, partition, records (how many were removed), kept           |
    """

    def __init__(
        self,
        name: str,
        *,
        partitions: int = 1,
        cleanup: Cleanup | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.name = topic_name(name)
        self.cleanup = cleanup or Cleanup()
        self._observer = observer
        self._partitions: list[Partition] = []
        self._tombstones: list[dict[int, float]] = []  # of each partition: when cleaning first met them
        self._turn = count()
        self._next_cleaning: float | None = None  # None: nothing was written since there was nothing to clean
        self.grow(whole_number("partitions", partitions, at_least=1))

    @property
    def partitions(self) -> Sequence[Partition]:
        """All of them, by number."""
        return tuple(self._partitions)

    def partition(self, number: int) -> Partition:
        """The partition of that number; NoSuchTopic if there is none."""
        whole_number("partition", number, at_least=0)
        if number >= len(self._partitions):
            raise NoSuchTopic(
                f"topic {self.name!r} has partitions 0 to {len(self._partitions) - 1}, not {number}"
            )
        return self._partitions[number]

    def partition_of(self, key: str) -> int:
        """The number of the partition in which records of `key` are put."""
        try:
            return partition_for(_checked(key), len(self._partitions))
        except UnicodeEncodeError as error:
            raise InvalidArgument(f"a key is hashed as UTF-8, and this one cannot be: {error}") from None

    def grow(self, partitions: int) -> None:
        """Have `partitions` of them. New records of most keys go elsewhere from now on; the old ones stay.

        So the order of a key is broken across the change, as in Kafka. There is no way back: fewer
        partitions would mean to move records.
        """
        whole_number("partitions", partitions, at_least=1)
        if partitions < len(self._partitions):
            raise InvalidArgument(
                f"topic {self.name!r} has {len(self._partitions)} partitions and cannot have {partitions}: "
                f"partitions can be added, never taken away"
            )
        for number in range(len(self._partitions), partitions):
            self._partitions.append(Partition(self.name, number, observer=self._observer))
            self._tombstones.append({})

    # -- writing and reading ---------------------------------------------------------------------------

    def append(
        self,
        key: str | None,
        value: Any,
        *,
        now: float,
        headers: Mapping[str, str] | None = None,
        partition: int | None = None,
        producer: str | None = None,
        sequence: int | None = None,
    ) -> Record:
        """Write one record: to `partition`, or to that of its `key`, or in turn if it has none.

        Returns the record, with its partition and offset. `producer` and `sequence`: see producers.py; a
        sequence counts within a partition, so a producer that numbers names the partition too.
        """
        if partition is not None:
            chosen = self.partition(partition)
            if key is not None:
                _checked(key)
        elif key is not None:
            chosen = self._partitions[self.partition_of(key)]
        else:
            chosen = self._partitions[next(self._turn) % len(self._partitions)]
        if key is None and self.cleanup.compact:
            raise InvalidArgument(f"topic {self.name!r} is compacted by key: a record needs one")
        if self._next_cleaning is None:
            self._next_cleaning = now + self.cleanup.check_interval
        return chosen.append(key, value, now=now, headers=headers, producer=producer, sequence=sequence)

    def fetch(self, partition: int, offset: int, *, max_records: int = 500) -> list[Record]:
        """Up to `max_records` of `partition`, from `offset` on. OffsetOutOfRange: see Partition.fetch."""
        return self.partition(partition).fetch(offset, max_records=max_records)

    def snapshot(self) -> list[PartitionSnapshot]:
        """Each partition in numbers, by number."""
        return [PartitionSnapshot(p.start_offset, p.end_offset, len(p)) for p in self._partitions]

    # -- time ---------------------------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Clean, if it is time to."""
        if self._next_cleaning is not None and self._next_cleaning <= now:
            self.clean(now)
            self._next_cleaning = now + self.cleanup.check_interval if self._gets_dirty_by_itself() else None

    def next_deadline(self) -> float | None:
        """When to clean next, in seconds; None while there is nothing to clean."""
        return self._next_cleaning if self.cleanup.ever else None

    def clean(self, now: float) -> None:
        """Forget what the cleanup says, now."""
        for partition, met in zip(self._partitions, self._tombstones, strict=True):
            if self.cleanup.compact:
                removed = retention.compact(partition, self.cleanup, met, now=now)
                self._observe("compacted", partition, removed, kept=len(partition))
            else:
                removed = retention.trim(partition, self.cleanup, now=now)
                self._observe("trimmed", partition, removed, start_offset=partition.start_offset)

    def _gets_dirty_by_itself(self) -> bool:
        """Is there something that time alone will make removable? (An append asks for a cleaning anyway.)"""
        if self.cleanup.compact:
            return any(self._tombstones)
        return self.cleanup.retention is not None and any(self._partitions)

    def _observe(self, kind: str, partition: Partition, records: int, **data: Any) -> None:
        if self._observer is not None and records:
            self._observer(kind, topic=self.name, partition=partition.number, records=records, **data)


def settings(topic: TopicLog) -> dict[str, Any]:
    """What a topic was made with, as JSON values."""
    return {"partitions": len(topic.partitions), **asdict(topic.cleanup)}


def _checked(key: Any) -> str:
    if isinstance(key, str):
        return key
    raise InvalidArgument(f"a record's key is a string, or None; got a {type(key).__name__}")
