"""When were they written? One time for a whole batch.

Idea      What is appended together was written at one time. So the log keeps a time where it
          changes, (offset, time), and not with each record: a batch of 1,000 costs one line.
          Offsets and times both rise, so either finds the other by bisection.
Not here  The records (partition.py).
Source    Kafka's record batch: one base offset and one base timestamp, and in each record only
          the difference; its time index (KIP-33) is this list, with lines left out.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from operator import itemgetter

_OFFSET, _TIME = itemgetter(0), itemgetter(1)
_END = (math.inf, math.inf)  # after the last change there is none


class Timestamps:
    """The times (seconds) of one partition's offsets. Both must rise, as they do in a log."""

    def __init__(self) -> None:
        self._changes: list[tuple[int, float]] = []  # from this offset on, this time
        self.last: float | None = None  # of what was written last

    def note(self, offset: int, time: float) -> None:
        """What is written from `offset` on is written at `time`, another than the `last`."""
        self._changes.append((offset, time))
        self.last = time

    def of(self, offsets: Sequence[int]) -> Iterator[float]:
        """The time of each of these offsets, which rise."""
        if not offsets:
            return
        line = self._line_of(offsets[0])
        lines = iter(self._changes[line : line + len(offsets) + 1])
        _, time = next(lines)
        following, later = next(lines, _END)
        for offset in offsets:
            while offset >= following:
                time = later
                following, later = next(lines, _END)
            yield time

    def first_at(self, time: float) -> int | None:
        """The first offset that was written at `time` or later; None if none was."""
        line = bisect_left(self._changes, time, key=_TIME)
        return self._changes[line][0] if line < len(self._changes) else None

    def forget_before(self, offset: int) -> None:
        """No offset before this one will be asked for again."""
        del self._changes[: max(0, self._line_of(offset))]

    def keep(self, offsets: Sequence[int]) -> None:
        """Only these offsets, which rise, will be asked for again: compaction leaves no more."""
        before = None
        kept = []
        for offset, time in zip(offsets, self.of(offsets), strict=True):
            if time != before:
                kept.append((offset, time))
            before = time
        self._changes = kept
        self.last = before

    def _line_of(self, offset: int) -> int:
        return bisect_right(self._changes, offset, key=_OFFSET) - 1
