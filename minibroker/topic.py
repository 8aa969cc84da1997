"""A topic: a log in several partitions, so that several readers can share it.

Idea      Order is kept in a partition and nowhere else. So what must stay in order gets the
          same key, and with it the same partition; what need not is spread. More
          partitions are more readers at once and less order.
Time      `now` (seconds, never going back) is handed in; next_deadline() says when somebody
          should call advance(), which cleans (retention.py).
Journal   facts() is what a journal must know to make it anew, restore() takes such a fact back.
Not here  The hash (partitioner.py), offsets (partition.py), readers (consumer_group.py).
Source    Kafka documentation, "Introduction", "Main Concepts".
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from minibroker.arguments import text, to_json, topic_name, whole_number
from minibroker.errors import InvalidArgument, NoSuchTopic
from minibroker.log_facts import Fact, Journal
from minibroker.partition import Observer, Partition
from minibroker.partitioner import Partitioner
from minibroker.record import Record, row_of
from minibroker.retention import Cleaning, Cleanup, compaction, trimming
from minibroker.topic_snapshot import PartitionSnapshot, TopicSnapshot


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
        journal: Journal | None = None,
    ) -> None:
        self.name = topic_name(name)
        self.cleanup = cleanup or Cleanup()
        self._forgets = self.cleanup.ever
        self._observer = observer
        self._journal = journal
        self._partitions: list[Partition] = []
        self._tombstones: list[dict[int, float]] = []  # of each partition: when cleaning first met them
        self._partitioner = Partitioner(0)
        self._next_cleaning: float | None = None  # None: nothing was written since there was nothing to clean
        self._have(whole_number("partitions", partitions, at_least=1))

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
        return self._partitioner.choose(text("key", key))

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
        self._have(partitions)
        if self._journal is not None:
            self._journal(["topic", self.name, settings(self)])

    def _have(self, partitions: int) -> None:
        measured = self.cleanup.retention_bytes is not None
        for number in range(len(self._partitions), partitions):
            made = Partition(
                self.name, number, measured=measured, observer=self._observer, journal=self._journal
            )
            self._partitions.append(made)
            self._tombstones.append({})
        turn = self._partitioner.turn
        self._partitioner = Partitioner(partitions, turn=turn, keyless=not self.cleanup.compact)

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
        if partition is None:
            chosen = self._partitions[self._partitioner.choose(key)]
        else:
            chosen = self.partition(partition)
            self._partitioner.check(key)
        self._ask_for_cleaning(now)
        return chosen.append(key, value, now=now, headers=headers, producer=producer, sequence=sequence)

    def append_many(
        self,
        records: Iterable[Any],
        *,
        now: float,
        partition: int | None = None,
        producer: str | None = None,
        sequence: int | None = None,
    ) -> dict[int, range]:
        """Write many at one time, all or on an error none: (key, value), or (key, value, headers), each.

        Each goes where append would put it, and the records of a partition stay in their order. Returns
        the offsets that they got: {partition: range}. A batch with `producer` and `sequence` (the number
        of its first record) names its `partition`, and is retried whole.

        Far cheaper than as many calls of append: tests/benchmarks/log.py has the figures.
        """
        if isinstance(records, str | bytes) or not isinstance(records, Iterable):
            raise InvalidArgument(f"records are (key, value), each; got a {type(records).__name__}")
        if partition is not None:
            rows = [row_of(record) for record in records]
            for row in rows:
                self._partitioner.check(row[0])
            batches = {self.partition(partition): rows}
        elif producer is not None:
            raise InvalidArgument(f"producer {producer!r} counts by partition: name the one of this batch")
        else:
            batches = dict(zip(self._partitions, self._partitioner.group(records), strict=True))
        if self.cleanup.retention_bytes is not None:
            to_json(list(batches.values()))  # a value that has no size is refused before anything is written
        self._ask_for_cleaning(now)
        return {
            chosen.number: chosen.extend(rows, now=now, producer=producer, sequence=sequence)
            for chosen, rows in batches.items()
            if rows
        }

    def fetch(self, partition: int, offset: int, *, max_records: int = 500) -> list[Record]:
        """Up to `max_records` of `partition`, from `offset` on. OffsetOutOfRange: see Partition.fetch."""
        return self.partition(partition).fetch(offset, max_records=max_records)

    def snapshot(self) -> TopicSnapshot:
        """Where each partition begins and ends, and what it holds."""
        found = [PartitionSnapshot(p.start_offset, p.end_offset, len(p), p.bytes) for p in self._partitions]
        return TopicSnapshot(self.name, tuple(found))

    def __repr__(self) -> str:
        return (
            f"TopicLog({self.name!r}, partitions={len(self._partitions)}, records={self.snapshot().records})"
        )

    def _repr_html_(self) -> str:
        """A notebook shows its snapshot. Looking cleans nothing, not even what is due."""
        return self.snapshot()._repr_html_()

    # -- time ---------------------------------------------------------------------------------------------

    def advance(self, now: float) -> list[Cleaning]:
        """Clean, if it is time to; what that did."""
        if self._next_cleaning is None or now < self._next_cleaning:
            return []
        cleanings = self.clean(now)
        self._next_cleaning = now + self.cleanup.check_interval if self._gets_dirty_by_itself() else None
        return cleanings

    def next_deadline(self) -> float | None:
        """When to clean next, in seconds; None while there is nothing to clean."""
        return self._next_cleaning if self._forgets else None

    def clean(self, now: float) -> list[Cleaning]:
        """Forget what the cleanup says, now; what that did, a line for each partition that was changed."""
        found = []
        for partition, met in zip(self._partitions, self._tombstones, strict=True):
            decide = compaction if self.cleanup.compact else trimming
            cleaning = decide(partition, self.cleanup, met, now=now)
            if cleaning is not None:
                found.append(cleaning)
                trimmed, removed = self.apply(cleaning)
                if self._journal is not None:
                    self._journal(["cleaned", self.name, *cleaning.to_list()])
                self._observe("trimmed", partition, trimmed, start_offset=partition.start_offset)
                self._observe("compacted", partition, removed, kept=len(partition))
        return found

    def apply(self, cleaning: Cleaning) -> tuple[int, int]:
        """Do what was decided; to do it twice is to do it once. How many were trimmed, and removed."""
        partition, met = self._partitions[cleaning.partition], self._tombstones[cleaning.partition]
        met.update((offset, cleaning.at) for offset in cleaning.met)
        for offset in cleaning.removed:
            met.pop(offset, None)
        return partition.trim(cleaning.start_offset), partition.remove(cleaning.removed)

    # -- a journal: all that it holds, and back -------------------------------------------------------

    def facts(self) -> Iterator[Fact]:
        """What a journal must know to make this topic anew (log_facts.py), and no more."""
        yield ["topic", self.name, settings(self)]
        for partition, met in zip(self._partitions, self._tombstones, strict=True):
            yield from partition.facts()
            if met:
                yield ["met", self.name, partition.number, [list(each) for each in met.items()]]

    def restore(self, fact: Fact) -> None:
        """Take back what a journal was told of this topic. Nothing is observed, or written down again."""
        if fact[0] == "batch":  # nearly all are
            _, _, partition, *written = fact
            self._partitions[partition].restore(*written)
            self._ask_for_cleaning(written[1])
            return
        match fact:
            case ["cleaned", _, *cleaning]:
                made = Cleaning.from_list(cleaning)
                self.apply(made)
                self._next_cleaning = made.at + self.cleanup.check_interval
            case ["topic", _, {"partitions": partitions}]:
                self._have(partitions)
            case ["holds", _, partition, start, end, holes, producers]:
                self._partitions[partition].begin(start, end, holes, producers)
            case ["met", _, partition, tombstones]:
                self._tombstones[partition].update(tombstones)
            case _:
                raise InvalidArgument(f"no fact of topic {self.name!r}: {str(fact)[:80]}")

    def _ask_for_cleaning(self, now: float) -> None:
        if self._next_cleaning is None:
            self._next_cleaning = now + self.cleanup.check_interval

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
