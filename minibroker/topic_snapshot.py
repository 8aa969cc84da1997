"""A topic at one moment, as numbers.

Idea      As for a queue (snapshot.py): inspection is public and frozen, and a notebook shows it as a
          small table. What readers have made of it is another question: their lag
          (group_offsets.py).
Source    Kafka's GetOffsetShell and kafka-log-dirs: where each partition begins and ends, how large it is.
"""

from dataclasses import dataclass

from minibroker.markup import table


@dataclass(frozen=True, slots=True)
class PartitionSnapshot:
    """One partition in numbers. `records` is end - start, or fewer where compaction left holes."""

    start_offset: int
    end_offset: int
    records: int
    bytes: int | None = None  # None: nobody counts them, since the topic has no retention_bytes


@dataclass(frozen=True, slots=True)
class TopicSnapshot:
    """All partitions of a topic, by number."""

    name: str
    partitions: tuple[PartitionSnapshot, ...]

    @property
    def records(self) -> int:
        """How many it holds."""
        return sum(partition.records for partition in self.partitions)

    def _repr_html_(self) -> str:
        """What a notebook shows beside the text: a line for each partition."""
        measured = any(partition.bytes is not None for partition in self.partitions)
        head = ("partition", "start", "end", "records", *(("bytes",) if measured else ()))
        rows = [
            (number, p.start_offset, p.end_offset, p.records, *((p.bytes or 0,) if measured else ()))
            for number, p in enumerate(self.partitions)
        ]
        return table(f"Topic {self.name}", head, rows)
