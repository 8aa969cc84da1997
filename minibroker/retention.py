"""Retention and compaction: how a log that only grows does not grow for ever.

Idea      Two ways to forget. *Retention* deletes from the front, what is too old or too
          much: a reader that lags further behind has lost something. *Compaction* keeps
          the last record of each key: enough to rebuild a table, and no more a history.
          Neither moves a record: order and offsets never change.
Deletes   A value of None is a tombstone: "this key is gone". Compaction removes what stood
          before it at once, and the tombstone itself `delete_retention` seconds after the
          first cleaning that met it. A reader that goes from the start to the end within
          that time misses no delete; one that takes longer may have read the record and
          not find the tombstone any more, and keeps a row that nobody else has.
Fact      What a cleaning does depends on when it happens. So here it is decided and nothing is
          changed: a Cleaning says which offsets go, and can be stored, and done again.
Not here  When to clean, and to do it: TopicLog.advance(), every check_interval seconds.
Source    Kafka documentation, "Design", "Log Compaction"; KIP-534 for the tombstone's clock.
          Kafka stores segments (files of 1 GiB or 7 days) and deletes whole ones, never
          the one being written: there, "7 days" may be 14, and retention.bytes (of batches
          as they lie in the file) is what is kept at least; here each record goes by itself.
          Kafka leaves the newest segment uncompacted, and waits until half of a log is
          dirty; here each cleaning compacts all of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from minibroker.arguments import seconds, whole_number
from minibroker.errors import InvalidArgument
from minibroker.partition import Partition

DAY = 86_400.0  # seconds


@dataclass(frozen=True, slots=True)
class Cleanup:
    """What a topic forgets. Times are seconds; the defaults are Kafka's.

    retention          how long a record is kept at least; None for ever
    retention_records  how many records a partition keeps at most; None for all
    retention_bytes    how many bytes of records a partition keeps at most, but always the newest one; None
                       for all. A record's bytes are those of [key, value], or of [key, value, headers], as
                       JSON without spaces, all but ASCII escaped (Kafka's retention.bytes)
    compact            keep the last record of each key *instead* of deleting by age, number or bytes
                       (Kafka's cleanup.policy=compact; its "compact,delete" is not here)
    delete_retention   how long a tombstone outlives the first cleaning that met it
    check_interval     how often to clean; so what is too old or too much may be seen for that much longer
    """

    retention: float | None = 7 * DAY
    retention_records: int | None = None
    retention_bytes: int | None = None
    compact: bool = False
    delete_retention: float = DAY
    check_interval: float = 300.0

    def __post_init__(self) -> None:
        if self.retention is not None:
            seconds("retention", self.retention, above_zero=True)
        if not isinstance(self.compact, bool):
            raise InvalidArgument(f"compact is True or False; got {self.compact!r}")
        for name in ("retention_records", "retention_bytes"):
            if getattr(self, name) is not None:
                whole_number(name, getattr(self, name), at_least=1)
                if self.compact:
                    raise InvalidArgument(f"a topic is cleaned by compact or by {name}: choose one")
        seconds("delete_retention", self.delete_retention)
        seconds("check_interval", self.check_interval, above_zero=True)

    @property
    def ever(self) -> bool:
        """Is there anything that it would ever forget?"""
        kept = (self.retention, self.retention_records, self.retention_bytes)
        return self.compact or any(limit is not None for limit in kept)


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What one cleaning does to one partition. TopicLog.apply does it, now or after a restart."""

    partition: int
    at: float  # seconds on the broker's clock
    start_offset: int  # what is before it is deleted
    removed: tuple[int, ...] = ()  # the offsets that compaction takes out
    met: tuple[int, ...] = ()  # the offsets of tombstones that no cleaning met before

    def to_list(self) -> list[Any]:
        """The fact as JSON values; `from_list` turns them back."""
        return [self.partition, self.at, list(self.removed), list(self.met), self.start_offset]

    @classmethod
    def from_list(cls, values: Sequence[Any]) -> "Cleaning":
        """The fact that `to_list` wrote."""
        partition, at, removed, met, start_offset = values
        return cls(partition, at, start_offset, tuple(removed), tuple(met))


def trimming(
    partition: Partition, cleanup: Cleanup, met: Mapping[int, float], *, now: float
) -> Cleaning | None:
    """The cleaning that deletes what is older than `retention`, or more than a partition keeps."""
    start = partition.start_offset
    if cleanup.retention is not None and now > cleanup.retention:
        start = max(start, partition.offset_at(now - cleanup.retention))
    most = {"records": cleanup.retention_records, "bytes": cleanup.retention_bytes}
    start = max(start, partition.offset_of_newest(**most))
    return Cleaning(partition.number, now, start) if start > partition.start_offset else None


def compaction(
    partition: Partition, cleanup: Cleanup, met: Mapping[int, float], *, now: float
) -> Cleaning | None:
    """The cleaning that keeps the last record of each key, and tombstones while they are due.

    `met` is when each tombstone (by offset) was first met by a cleaning.
    """
    last = {record.key: record.offset for record in partition.records()}
    removed, first_met = [], []
    for record in partition.records():
        if last[record.key] != record.offset:
            removed.append(record.offset)
        elif record.value is None:
            if record.offset not in met:
                first_met.append(record.offset)
            if now - met.get(record.offset, now) >= cleanup.delete_retention:
                removed.append(record.offset)
    if not removed and not first_met:
        return None
    return Cleaning(partition.number, now, partition.start_offset, tuple(removed), tuple(first_met))
