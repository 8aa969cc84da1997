"""Who is next: the messages that a receive may take, in order of place.

Idea      Nearly all come in with a larger place than all before them: those stand in a
          plain line. Only what comes *back* (given back, expired, delayed) belongs
          ahead of some: those wait in a heap beside it. The next one is the smaller of two.
Not here  Which messages may be received at all (work_queue.py, fifo.py).
"""

import heapq
import math
from collections import deque
from collections.abc import Callable

from minibroker.entry import Entry


class ReadyLine:
    """A priority queue by place, made for entries that mostly come in order.

    `arrived()` is called for each that comes to stand here: whoever waits for one may look again.
    """

    def __init__(self, arrived: Callable[[], None] | None = None) -> None:
        self._arrived = arrived
        self._line: deque[Entry] = deque()
        self._back: list[tuple[int, Entry]] = []  # heap; places differ, so entries are never compared

    def __len__(self) -> int:
        return len(self._line) + len(self._back)

    def append(self, entry: Entry) -> None:
        """Let `entry` stand behind all others: its place is the largest that there was."""
        self._line.append(entry)
        if self._arrived is not None:
            self._arrived()

    def add(self, entry: Entry) -> None:
        """Let `entry` stand in its place."""
        line = self._line
        if not line or line[-1].place < entry.place:
            line.append(entry)
        else:
            heapq.heappush(self._back, (entry.place, entry))
        if self._arrived is not None:
            self._arrived()

    def first(self) -> Entry | None:
        """The one with the smallest place; None if nobody stands here."""
        if self._back and (not self._line or self._back[0][0] < self._line[0].place):
            return self._back[0][1]
        return self._line[0] if self._line else None

    def pop(self, now: float = -math.inf) -> Entry | None:
        """Take out the first; None if nobody stands here, or the first one's time to live is over `now`."""
        line, back = self._line, self._back
        if back and (not line or back[0][0] < line[0].place):
            return heapq.heappop(back)[1] if now < back[0][1].expires_at else None
        return line.popleft() if line and now < line[0].expires_at else None

    def keep(self, stays: Callable[[Entry], bool]) -> None:
        """Take out all but those for which stays(entry) is true. It looks at each."""
        self._line = deque(entry for entry in self._line if stays(entry))
        self._back = [item for item in self._back if stays(item[1])]
        heapq.heapify(self._back)
