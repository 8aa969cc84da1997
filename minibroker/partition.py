"""A partition: records in a row, each under an offset. Reading removes nothing.

Idea      One writer's order is kept for ever: a record gets the next offset, and neither a
          reader nor retention nor compaction ever gives it another. A reader is only a
          number, the offset that it wants next; so a second reader costs nothing, and
          one that was born today can read last week.
Offsets   start_offset is the first that may be asked for, end_offset the one that the next
          record will get. Between them may be holes, where compaction took records out:
          a fetch from a hole goes on with the next record there is.
Time      `now` (seconds, never going back) is handed in, so timestamps rise with offsets.
Not here  Which partition (topic.py), who has read how far (consumer_group.py), what is
          deleted, and when (retention.py), a disk (the journal).
Source    Kafka documentation, "Design", "The Log". A Kafka partition has replicas, and a
          reader sees it only up to the high watermark; here is one copy, seen whole.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from minibroker.arguments import headers_or_none, seconds, whole_number
from minibroker.errors import OffsetOutOfRange
from minibroker.message import NO_HEADERS
from minibroker.producers import Batch, Producers
from minibroker.record import Record, Row, bytes_of, row_of
from minibroker.timestamps import Timestamps

Observer = Callable[..., None]  # observer(kind, **data), after the fact
_new = tuple.__new__  # _new(Record, values) is Record(*values), only faster


class Partition:
    """One log. `name` is "topic/number", for people; `measured` True: keep count of its bytes.

    The `observer` sees (None costs nothing):

    | kind        | data                                                              |
    |-------------|-------------------------------------------------------------------|
    | `appended`  | topic, partition, offset, key, value                              |
    | `duplicate` | topic, partition, offset, producer, sequence: a retry, recognised |
    """

    def __init__(
        self, topic: str, number: int, *, measured: bool = False, observer: Observer | None = None
    ) -> None:
        self.topic = topic
        self.number = number
        self._observer = observer
        self._rows: list[Row] = []  # in order of offset
        self._offsets: list[int] | None = None  # of each row; None: no holes, so they follow from the end
        self._sizes: list[int] | None = [] if measured else None  # of each row, in bytes
        self._times = Timestamps()
        self._start = 0
        self._end = 0
        self._producers = Producers()

    def __len__(self) -> int:
        """How many records it holds: no more than end_offset - start_offset, and fewer after compaction."""
        return len(self._rows)

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

    @property
    def bytes(self) -> int | None:
        """What it holds, in bytes as record.bytes_of counts them; None if it is not `measured`."""
        return None if self._sizes is None else sum(self._sizes)

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
            written = self._known(producer, sequence, 1)
            if written is not None:
                return self._record(written.offset, written.timestamp, written.rows[0])
        copied = headers_or_none(headers) if headers else NO_HEADERS
        record = _new(Record, (self.number, self._end, key, value, copied, now))
        self._write(((key, value, copied) if headers else (key, value),), now)
        if producer is not None and sequence is not None:
            self._producers.remember(producer, Batch(sequence, record.offset, now, self._rows[-1:]))
        return record

    def append_many(
        self,
        records: Iterable[Any],
        *,
        now: float,
        producer: str | None = None,
        sequence: int | None = None,
    ) -> range:
        """Write (key, value) pairs, or (key, value, headers), all or on an error none: returns their offsets.

        With a `producer`, `sequence` is the number of the first; a retry must bring the same records.
        """
        return self.extend([row_of(r) for r in records], now=now, producer=producer, sequence=sequence)

    def extend(
        self,
        rows: Sequence[Row],
        *,
        now: float,
        producer: str | None = None,
        sequence: int | None = None,
    ) -> range:
        """As append_many, for rows that somebody has checked: as record.row_of returns them."""
        if producer is not None:
            written = self._known(producer, sequence, len(rows))
            if written is not None:
                return range(written.offset, written.offset + len(rows))
        first = self._end
        if rows:
            self._write(rows, now)
            if producer is not None and sequence is not None:
                self._producers.remember(producer, Batch(sequence, first, now, rows))
        return range(first, self._end)

    def _known(self, producer: str, sequence: int | None, records: int) -> Batch | None:
        """The batch that this is a retry of, if it is one."""
        written = self._producers.duplicate_of(producer, sequence, records)
        if written is not None:
            self._observe("duplicate", offset=written.offset, producer=producer, sequence=sequence)
        return written

    def _write(self, rows: Sequence[Row], now: float) -> None:
        first = self._end
        if self._sizes is not None:
            self._sizes += [bytes_of(row) for row in rows]  # first: it may refuse a value
        self._rows += rows
        self._end += len(rows)
        if now != self._times.last:
            self._times.note(first, now)
        if self._offsets is not None:
            self._offsets += range(first, self._end)
        if self._observer is not None:
            for offset, row in enumerate(rows, first):
                self._observe("appended", offset=offset, key=row[0], value=row[1])

    # -- reading -------------------------------------------------------------------------------------

    def fetch(self, offset: int, *, max_records: int = 500) -> list[Record]:
        """Up to `max_records` from `offset` on, in order; [] at the end. It changes nothing.

        OffsetOutOfRange, with the earliest and the latest that there are, if `offset` was deleted by
        retention or was never written: the reader must decide what to do about it, and know that it did.
        """
        whole_number("offset", offset, at_least=0)
        whole_number("max_records", max_records, at_least=1)
        self.check_offset(offset)
        return self._records(self._index_of(offset), max_records)

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
        first = self._times.first_at(seconds("time", time))
        return self._offset_of(self._index_of(first)) if first is not None else self._end

    def offset_of_newest(self, records: int) -> int:
        """The offset from which on there are only so many records (all of them, if there are no more)."""
        return self._offset_of(max(0, len(self) - records))

    def offset_of_newest_bytes(self, limit: int) -> int:
        """The offset from which on there are at most `limit` bytes, or one record that is larger."""
        excess, index = (self.bytes or 0) - limit, 0
        for size in (self._sizes or [])[:-1]:
            if excess <= 0:
                break
            excess -= size
            index += 1
        return self._offset_of(index)

    def first_from(self, offset: int) -> Record | None:
        """The record at `offset`, or the next one after it; None at the end."""
        return next(iter(self._records(self._index_of(offset), 1)), None)

    def records(self) -> Iterator[Record]:
        """All of them, in order."""
        return iter(self._records(0, len(self)))

    # -- making room (retention.py says what, and when) -------------------------------------------------

    def trim(self, start_offset: int) -> int:
        """Delete what is before `start_offset`, and start there; how many records that were."""
        index = self._index_of(start_offset)
        for column in (self._rows, self._offsets, self._sizes):
            if column is not None:
                del column[:index]
        self._start = max(self._start, min(start_offset, self._end))
        self._times.forget_before(self._start)
        return index

    def remove(self, offsets: Iterable[int]) -> int:
        """Take these offsets out, and leave holes: no other record moves, start and end stay. How many."""
        before, gone = len(self), set(offsets)
        kept = [index for index in range(before) if self._offset_of(index) not in gone]
        if len(kept) < before:
            self._offsets = [self._offset_of(index) for index in kept]
            self._rows = [self._rows[index] for index in kept]
            if self._sizes is not None:
                self._sizes = [self._sizes[index] for index in kept]
            self._times.keep(self._offsets)
        return before - len(kept)

    # -- helpers ------------------------------------------------------------------------------------------

    def _index_of(self, offset: int) -> int:
        """Where in the list the first record is that has this offset or a later one."""
        if self._offsets is None:
            return max(0, offset - (self._end - len(self._rows)))
        return bisect_left(self._offsets, offset)

    def _offset_of(self, index: int) -> int:
        """The offset of the record there; end_offset one past the last."""
        if self._offsets is None:
            return self._end - len(self._rows) + index
        return self._offsets[index] if index < len(self._offsets) else self._end

    def _record(self, offset: int, time: float, row: Row) -> Record:
        headers = row[2] if len(row) > 2 else NO_HEADERS
        return _new(Record, (self.number, offset, row[0], row[1], headers, time))

    def _records(self, index: int, count: int) -> list[Record]:
        """So many from this place on, as they are read: what follows from where they stand put with them."""
        rows = self._rows[index : index + count]
        first = self._offset_of(index)
        offsets = self._offsets[index : index + count] if self._offsets else range(first, first + len(rows))
        number, times = self.number, self._times.of(offsets)
        return [
            _new(Record, (number, offset, row[0], row[1], row[2] if len(row) > 2 else NO_HEADERS, time))
            for offset, time, row in zip(offsets, times, rows, strict=True)
        ]

    def _observe(self, kind: str, **data: Any) -> None:
        if self._observer is not None:
            self._observer(kind, topic=self.topic, partition=self.number, **data)
