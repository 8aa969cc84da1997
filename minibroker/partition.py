"""A partition: records in a row, each under an offset. Reading removes nothing.

Idea      One writer's order is kept for ever: a record gets the next offset, and neither a
          reader nor retention nor compaction ever gives it another. A reader is only a
          number, the offset that it wants next; so a second reader costs nothing, and
          one that was born today can read last week.
Offsets   start_offset is the first that may be asked for, end_offset the one that the next
          record will get. Between them may be holes, where compaction took records out:
          a fetch from a hole goes on with the next record there is.
Time      `now` (seconds, never going back) is handed in, so timestamps rise with offsets.
Not here  Which partition (topic.py), who has read how far (consumer_group.py), when records
          are deleted (retention.py), a disk (the journal).
Source    Kafka documentation, "Design", "The Log". A Kafka partition has replicas, and a
          reader sees it only up to the high watermark; here is one copy, seen whole.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from minibroker.arguments import headers_or_none, seconds, whole_number
from minibroker.errors import OffsetOutOfRange
from minibroker.producers import Producers
from minibroker.record import Record

Observer = Callable[..., None]  # observer(kind, **data), after the fact
_NO_HEADERS: Mapping[str, str] = {}


class Partition:
    """One log. `name` is "topic/number", for people; `observer` sees (None costs nothing):

    | kind        | data                                                              |
    |-------------|-------------------------------------------------------------------|
    | `appended`  | topic, partition, offset, key, value                              |
    | `duplicate` | topic, partition, offset, producer, sequence: a retry, recognised |
    """

    def __init__(self, topic: str, number: int, *, observer: Observer | None = None) -> None:
        self.topic = topic
        self.number = number
        self._observer = observer
        self._records: list[Record] = []  # in order of offset, and so of timestamp
        self._start = 0
        self._end = 0
        self._producers = Producers()

    def __len__(self) -> int:
        """How many records it holds: no more than end_offset - start_offset, and fewer after compaction."""
        return len(self._records)

    @property
    def name(self) -> str:
        """ "orders/3": partition 3 of topic orders."""
        return f"{self.topic}/{self.number}"

    @property
    def start_offset(self) -> int:
        """The first offset that may be fetched. It rises when retention deletes, never otherwise."""
        return self._start

    @property
    def end_offset(self) -> int:
        """The offset that the next record will get: one past the last."""
        return self._end

    # -- writing -------------------------------------------------------------------------------------

    def append(
        self,
        key: str | None,
        value: Any,
        *,
        now: float,
        headers: Mapping[str, str] | None = None,
        producer: str | None = None,
        sequence: int | None = None,
    ) -> Record:
        """Write one record at the end; returns it, with its offset. `value` is kept, not copied.

        With a `producer` id and its `sequence` number (0, 1, 2... to this partition) a retry is
        recognised: it gets the record of the first time, and nothing is written.
        """
        if producer is not None:
            written = self._producers.duplicate_of(producer, sequence)
            if written is not None:
                self._observe("duplicate", offset=written.offset, producer=producer, sequence=sequence)
                return written
        checked = headers_or_none(headers) if headers else _NO_HEADERS
        record = Record(self.number, self._end, key, value, checked, now)
        self._records.append(record)
        self._end += 1
        if producer is not None and sequence is not None:
            self._producers.remember(producer, sequence, record)
        if self._observer is not None:
            self._observe("appended", offset=record.offset, key=key, value=value)
        return record

    # -- reading -------------------------------------------------------------------------------------

    def fetch(self, offset: int, *, max_records: int = 500) -> list[Record]:
        """Up to `max_records` from `offset` on, in order; [] at the end. It changes nothing.

        OffsetOutOfRange, with the earliest and the latest that there are, if `offset` was deleted by
        retention or was never written: the reader must decide what to do about it, and know that it did.
        """
        whole_number("offset", offset, at_least=0)
        whole_number("max_records", max_records, at_least=1)
        self.check_offset(offset)
        first = self._index_of(offset)
        return self._records[first : first + max_records]

    def check_offset(self, offset: int) -> None:
        """OffsetOutOfRange if no fetch can begin there."""
        if self._start <= offset <= self._end:
            return
        if offset < self._start:
            why = f"retention deleted what was before {self._start}: those records are lost to you"
        else:
            why = f"the next record will be {self._end}: this offset is of another log, or of a lost one"
        raise OffsetOutOfRange(
            f"{self.name} has offsets {self._start} to {self._end}, not {offset}; {why}. "
            f"Seek to the earliest or the latest, and say which in your history",
            earliest=self._start,
            latest=self._end,
        )

    def offset_at(self, time: float) -> int:
        """The offset of the first record written at `time` (seconds) or later; end_offset if none was."""
        seconds("time", time)
        index = bisect_left(self._records, time, key=lambda record: record.timestamp)
        return self._records[index].offset if index < len(self._records) else self._end

    def first_from(self, offset: int) -> Record | None:
        """The record at `offset`, or the next one after it; None at the end."""
        index = self._index_of(offset)
        return self._records[index] if index < len(self._records) else None

    def records(self) -> Iterator[Record]:
        """All of them, in order."""
        return iter(self._records)

    # -- making room (retention.py says what, and when) -------------------------------------------------

    def trim(self, records: int) -> None:
        """Delete the first so many records: start_offset moves on to the first one that is left."""
        del self._records[:records]
        self._start = self._records[0].offset if self._records else self._end

    def remove(self, offsets: Iterable[int]) -> None:
        """Take these offsets out, and leave holes: no other record moves, start and end stay."""
        gone = set(offsets)
        self._records = [record for record in self._records if record.offset not in gone]

    # -- helpers ------------------------------------------------------------------------------------------

    def _index_of(self, offset: int) -> int:
        """Where in the list the first record is that has this offset or a later one."""
        if len(self._records) == self._end - self._start:  # no holes
            return max(0, offset - self._start)
        return bisect_left(self._records, offset, key=lambda record: record.offset)

    def _observe(self, kind: str, **data: Any) -> None:
        if self._observer is not None:
            self._observer(kind, topic=self.topic, partition=self.number, **data)
