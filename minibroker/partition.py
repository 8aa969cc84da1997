"""A partition: records in a row, each under an offset. Reading removes nothing.

Idea      One writer's order is kept for ever: a record gets the next offset, and neither a
          reader nor retention nor compaction ever gives it another. A reader is only a
          number, the offset that it wants next; so a second reader costs nothing, and
          one that was born today can read last week.
Offsets   start_offset is the first that may be asked for, end_offset the one that the next
          record will get. Between them may be holes, where compaction took records out:
          a fetch from a hole goes on with the next record there is.
Time      `now` (seconds, never going back) is handed in, so timestamps rise with offsets.
Journal   What must outlive the process is told to `journal`, a list of JSON values a fact
          (log_facts.py); restore() takes such a fact back.
Not here  Which partition (topic.py), who has read how far (consumer_group.py), what is
          deleted, and when (retention.py), which offset stands where (rows.py).
Source    Kafka documentation, "Design", "The Log". A Kafka partition has replicas, and a
          reader sees it only up to the high watermark; here is one copy, seen whole.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from minibroker import log_facts
from minibroker.arguments import headers_or_none, seconds, whole_number
from minibroker.errors import OffsetOutOfRange
from minibroker.log_facts import Journal
from minibroker.message import NO_HEADERS
from minibroker.producers import Batch, Producers
from minibroker.record import Record, Row, row_of
from minibroker.rows import Rows

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
        self,
        topic: str,
        number: int,
        *,
        measured: bool = False,
        observer: Observer | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.topic = topic
        self.number = number
        self._observer = observer
        self._journal = journal
        self._rows = Rows(measured=measured)
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
        return self._rows.start

    @property
    def end_offset(self) -> int:
        """The offset that the next record will get: one past the last."""
        return self._rows.end

    @property
    def bytes(self) -> int | None:
        """What it holds, in bytes as record.bytes_of counts them; None if it is not `measured`."""
        return self._rows.bytes

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
        row = (key, value, copied) if headers else (key, value)
        offset = self._write((row,), now, producer, sequence)
        return _new(Record, (self.number, offset, key, value, copied, now))

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
        if not rows:
            return range(self._rows.end, self._rows.end)
        first = self._write(rows, now, producer, sequence)
        return range(first, first + len(rows))

    def _known(self, producer: str, sequence: int | None, records: int) -> Batch | None:
        """The batch that this is a retry of, if it is one."""
        written = self._producers.duplicate_of(producer, sequence, records)
        if written is not None:
            self._observe("duplicate", offset=written.offset, producer=producer, sequence=sequence)
        return written

    def _write(self, rows: Sequence[Row], now: float, producer: str | None, sequence: int | None) -> int:
        first = self._rows.add(rows, now)
        if producer is not None and sequence is not None:
            self._producers.remember(producer, Batch(sequence, first, now, rows))
        if self._journal is not None:
            self._journal(log_facts.batch(self.topic, self.number, first, now, rows, producer, sequence))
        if self._observer is not None:
            for offset, row in enumerate(rows, first):
                self._observe("appended", offset=offset, key=row[0], value=row[1])
        return first

    # -- reading -------------------------------------------------------------------------------------

    def fetch(self, offset: int, *, max_records: int = 500) -> list[Record]:
        """Up to `max_records` from `offset` on, in order; [] at the end. It changes nothing.

        OffsetOutOfRange, with the earliest and the latest that there are, if `offset` was deleted by
        retention or was never written: the reader must decide what to do about it, and know that it did.
        """
        whole_number("offset", offset, at_least=0)
        whole_number("max_records", max_records, at_least=1)
        self.check_offset(offset)
        return self._records(self._rows.index_of(offset), max_records)

    def check_offset(self, offset: int) -> None:
        """OffsetOutOfRange if no fetch can begin there."""
        start, end = self._rows.start, self._rows.end
        if start <= offset <= end:
            return
        if offset < start:
            why = f"retention deleted what was before {start}: those records are lost to you"
        else:
            why = f"the next record will be {end}: this offset is of another log, or of a lost one"
        raise OffsetOutOfRange(
            f"{self.name} has offsets {start} to {end}, not {offset}; {why}. "
            f"Seek to the earliest or the latest, and say which in your history",
            earliest=start,
            latest=end,
        )

    def offset_at(self, time: float) -> int:
        """The offset of the first record written at `time` (seconds) or later; end_offset if none was."""
        return self._rows.offset_at(seconds("time", time))

    def offset_of_newest(self, *, records: int | None = None, bytes: int | None = None) -> int:
        """The offset from which on there are at most so many `records` or `bytes`, but one record always."""
        start = 0 if records is None else self._rows.offset_of(max(0, len(self) - records))
        return start if bytes is None else max(start, self._rows.offset_of_newest_bytes(bytes))

    def first_from(self, offset: int) -> Record | None:
        """The record at `offset`, or the next one after it; None at the end."""
        return next(iter(self._records(self._rows.index_of(offset), 1)), None)

    def records(self) -> Iterator[Record]:
        """All of them, in order."""
        return iter(self._records(0, len(self)))

    # -- making room (retention.py says what, and when) -------------------------------------------------

    def trim(self, start_offset: int) -> int:
        """Delete what is before `start_offset`, and start there; how many records that were."""
        return self._rows.trim(start_offset)

    def remove(self, offsets: Iterable[int]) -> int:
        """Take these offsets out, and leave holes: no other record moves, start and end stay. How many."""
        return self._rows.remove(offsets)

    # -- a journal: all that it holds, and back -------------------------------------------------------

    def facts(self) -> Iterator[log_facts.Fact]:
        """What a journal must know to make this partition anew, in facts of at most 1,000 records."""
        ends = (self.start_offset, self.end_offset, len(self) < self.end_offset - self.start_offset)
        yield log_facts.holds(self.topic, self.number, *ends, self._producers.state())
        for offset, time, rows in self._rows.batches(1_000):
            yield log_facts.batch(self.topic, self.number, offset, time, rows)

    def begin(self, start: int, end: int, holes: bool, producers: Mapping[str, Any]) -> None:
        """As a `holds` fact says. The partition must be new; so for restore(). Nothing is observed."""
        self._rows.begin(start, end, holes=holes)
        self._producers.restore(producers)

    def restore(
        self, offset: int, time: float, numbers: Sequence[Any] | None, rows: Iterable[Sequence[Any]]
    ) -> None:
        """As a `batch` fact says: these rows were written then, the first under this offset.

        They are taken as they are, since they were checked when they were written. Nothing is observed or
        written down.
        """
        if offset > self.end_offset:  # what a damaged frame told is missing: a hole; no other offset moves
            self._rows.skip_to(offset)
        kept = list(map(tuple, rows))
        self._rows.put_back(offset, kept, time)
        if numbers is not None:
            producer, sequence = numbers
            self._producers.remember(producer, Batch(sequence, offset, time, kept))

    # -- helpers ------------------------------------------------------------------------------------------

    def _record(self, offset: int, time: float, row: Row) -> Record:
        headers = row[2] if len(row) > 2 else NO_HEADERS
        return _new(Record, (self.number, offset, row[0], row[1], headers, time))

    def _records(self, index: int, count: int) -> list[Record]:
        """So many from this place on, as they are read: what follows from where they stand put with them."""
        number = self.number
        return [
            _new(Record, (number, offset, row[0], row[1], row[2] if len(row) > 2 else NO_HEADERS, time))
            for offset, time, row in self._rows.read(index, count)
        ]

    def _observe(self, kind: str, **data: Any) -> None:
        if self._observer is not None:
            self._observer(kind, topic=self.topic, partition=self.number, **data)
