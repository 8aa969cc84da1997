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
Not here  When to clean: TopicLog.advance() does, every check_interval seconds.
Source    Kafka documentation, "Design", "Log Compaction"; KIP-534 for the tombstone's clock.
          Kafka stores segments (files of 1 GiB or 7 days) and deletes whole ones, never
          the one being written: there, "7 days" may be 14. It counts bytes
          (retention.bytes); here it is records, each by itself, to the last one. Kafka
          leaves the newest segment uncompacted, and waits until half of a log is
          dirty; here each cleaning compacts all of it.
"""

from dataclasses import dataclass
from itertools import takewhile

from minibroker.arguments import seconds, whole_number
from minibroker.errors import InvalidArgument
from minibroker.partition import Partition

DAY = 86_400.0  # seconds


@dataclass(frozen=True, slots=True)
class Cleanup:
    """What a topic forgets. Times are seconds; the defaults are Kafka's.

    retention          how long a record is kept at least; None for ever
    retention_records  how many records a partition keeps at most; None for all
    compact            keep the last record of each key *instead* of deleting by age or number (Kafka's
                       cleanup.policy=compact; its "compact,delete" is not here)
    delete_retention   how long a tombstone outlives the first cleaning that met it
    check_interval     how often to clean; so what is too old may be seen for that much longer
    """

    retention: float | None = 7 * DAY
    retention_records: int | None = None
    compact: bool = False
    delete_retention: float = DAY
    check_interval: float = 300.0

    def __post_init__(self) -> None:
        if self.retention is not None:
            seconds("retention", self.retention, above_zero=True)
        if self.retention_records is not None:
            whole_number("retention_records", self.retention_records, at_least=1)
            if self.compact:
                raise InvalidArgument("a topic is cleaned by compact or by retention_records: choose one")
        if not isinstance(self.compact, bool):
            raise InvalidArgument(f"compact is True or False; got {self.compact!r}")
        seconds("delete_retention", self.delete_retention)
        seconds("check_interval", self.check_interval, above_zero=True)

    @property
    def ever(self) -> bool:
        """Is there anything that it would ever forget?"""
        return self.compact or self.retention is not None or self.retention_records is not None


def trim(partition: Partition, cleanup: Cleanup, *, now: float) -> int:
    """Delete from the front what is older than `retention` or more than `retention_records`: how many."""
    too_many = max(0, len(partition) - (cleanup.retention_records or len(partition)))
    too_old = 0
    if cleanup.retention is not None:
        limit = now - cleanup.retention
        too_old = sum(1 for _ in takewhile(lambda record: record.timestamp < limit, partition.records()))
    going = max(too_many, too_old)
    if going:
        partition.trim(going)
    return going


def compact(partition: Partition, cleanup: Cleanup, met: dict[int, float], *, now: float) -> int:
    """Keep the last record of each key, and tombstones while they are due: how many were removed.

    `met` is when each tombstone (by offset) was first met by a cleaning; it is kept between cleanings,
    and changed here.
    """
    last = {record.key: record.offset for record in partition.records()}
    going: set[int] = set()
    for record in partition.records():
        goes = last[record.key] != record.offset
        if not goes and record.value is None:
            goes = now - met.setdefault(record.offset, now) >= cleanup.delete_retention
        if goes:
            going.add(record.offset)
    for offset in going:
        met.pop(offset, None)
    if going:
        partition.remove(going)
    return len(going)
