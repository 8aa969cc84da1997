"""What a partition holds, and which offset stands where.

Idea      Rows in a list, as their producers handed them over. While nothing was taken out of the
          middle the offset of each follows from its place; once compaction has left holes,
          a second list says it. Times are kept where they change (timestamps.py), bytes
          only if somebody counts them.
Not here  What may be asked for, retries, observers (partition.py).
Source    A Kafka partition's segments: files named by their first offset, with an index of offsets
          and one of times beside each. Here is one, and in memory.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from minibroker.record import Row, bytes_of
from minibroker.timestamps import Timestamps


class Rows:
    """Rows from offset `start` on; `end` is the offset of the next one. `measured`: count their bytes."""

    def __init__(self, *, measured: bool = False) -> None:
        self.start = 0
        self.end = 0
        self._rows: list[Row] = []  # in order of offset
        self._offsets: list[int] | None = None  # of each row; None: no holes, they follow from the end
        self._sizes: list[int] | None = [] if measured else None  # of each row, in bytes
        self._times = Timestamps()

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, rows: Sequence[Row], time: float) -> int:
        """Put these at the end; returns the offset of the first."""
        first = self.end
        if self._sizes is not None:
            self._sizes += [bytes_of(row) for row in rows]  # before all else: it may refuse a value
        self._rows += rows
        self.end = first + len(rows)
        if time != self._times.last:
            self._times.note(first, time)
        if self._offsets is not None:
            self._offsets += range(first, self.end)
        return first

    # -- where -------------------------------------------------------------------------------------------

    def index_of(self, offset: int) -> int:
        """The place of the first row that has this offset or a later one."""
        if self._offsets is None:
            return max(0, offset - (self.end - len(self._rows)))
        return bisect_left(self._offsets, offset)

    def offset_of(self, index: int) -> int:
        """The offset of the row at this place; `end` one past the last."""
        if self._offsets is None:
            return self.end - len(self._rows) + index
        return self._offsets[index] if index < len(self._offsets) else self.end

    def offset_at(self, time: float) -> int:
        """The offset of the first row that was written at `time` or later; `end` if none was."""
        first = self._times.first_at(time)
        return self.end if first is None else self.offset_of(self.index_of(first))

    def offset_of_newest_bytes(self, limit: int) -> int:
        """The offset from which on there are at most `limit` bytes, or one row that has more."""
        excess, index = (self.bytes or 0) - limit, 0
        for size in (self._sizes or [])[:-1]:
            if excess <= 0:
                break
            excess -= size
            index += 1
        return self.offset_of(index)

    @property
    def bytes(self) -> int | None:
        """Of all rows together; None if they are not measured."""
        return None if self._sizes is None else sum(self._sizes)

    # -- what --------------------------------------------------------------------------------------------

    def read(self, index: int, count: int) -> Iterator[tuple[int, float, Row]]:
        """So many from this place on: the offset, the time and the row of each."""
        rows = self._rows[index : index + count]
        first = self.offset_of(index)
        offsets = self._offsets[index : index + count] if self._offsets else range(first, first + len(rows))
        return zip(offsets, self._times.of(offsets), rows, strict=True)

    def batches(self, most: int) -> Iterator[tuple[int, float, list[Row]]]:
        """All of them: what stands in a row and is of one time together, up to `most`; the first's offset."""
        first, at, batch = 0, 0.0, list[Row]()
        for offset, time, row in self.read(0, len(self)):
            if batch and (time != at or offset != first + len(batch) or len(batch) == most):
                yield first, at, batch
                batch = []
            if not batch:
                first, at = offset, time
            batch.append(row)
        if batch:
            yield first, at, batch

    # -- less --------------------------------------------------------------------------------------------

    def trim(self, start: int) -> int:
        """Delete what is before offset `start`, and start there; how many rows that were."""
        index = self.index_of(start)
        for column in (self._rows, self._offsets, self._sizes):
            if column is not None:
                del column[:index]
        self.start = max(self.start, min(start, self.end))
        self._times.forget_before(self.start)
        return index

    def remove(self, offsets: Iterable[int]) -> int:
        """Take these offsets out, and leave holes: no other row moves, start and end stay. How many."""
        before, gone = len(self), set(offsets)
        kept = [index for index in range(before) if self.offset_of(index) not in gone]
        if len(kept) < before:
            self._offsets = [self.offset_of(index) for index in kept]
            self._rows = [self._rows[index] for index in kept]
            if self._sizes is not None:
                self._sizes = [self._sizes[index] for index in kept]
            self._times.keep(self._offsets)
        return before - len(kept)

    # -- back, after a restart -----------------------------------------------------------------------------

    def begin(self, start: int, end: int, *, holes: bool) -> None:
        """Be empty, from `start` to `end`: what is put back comes between, without `holes` all of it."""
        self.start, self.end = start, end
        self._offsets = [] if holes else None

    def skip_to(self, offset: int) -> None:
        """Let the next row have this offset, and leave a hole before it."""
        if self._offsets is None:
            self._offsets = list(range(self.end - len(self._rows), self.end))
        self.end = offset

    def put_back(self, offset: int, rows: Sequence[Row], time: float) -> None:
        """As add, of rows that have an offset already: later than all that are here."""
        end, self.end = self.end, offset
        self.add(rows, time)
        self.end = max(end, self.end)
