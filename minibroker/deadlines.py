"""When does the next lease or delay end? One heap for all, cleaned lazily.

Idea      Acking a message would have to find and delete its deadline in the heap, which
          is slow. So the deadline stays and is skipped when it comes up, or thrown out
          with others when they are the most of the heap. No timer a message.
Source    The heapq documentation, "Priority Queue Implementation Notes"; asyncio's event
          loop does the same with its cancelled timers.
"""

import heapq
import math
from collections.abc import Callable

Deadline = tuple[float, int, int]  # seconds on the queue's clock, place in the queue, message id


class Deadlines:
    """The pending deadlines, the earliest first (of two at the same time, that of the earlier place).

    `runs(deadline)` says whether one still counts; the heap asks before it believes.
    """

    def __init__(self, runs: Callable[[Deadline], bool]) -> None:
        self._runs = runs
        self._heap: list[Deadline] = []

    def __len__(self) -> int:
        """How many are kept: those that count, and no more than as many again (and 64) that do not."""
        return len(self._heap)

    def add(self, deadline: Deadline, *, running: int) -> None:
        """Remember `deadline`; `running` is how many count at present, this one included."""
        heapq.heappush(self._heap, deadline)
        if len(self._heap) > 2 * running + 64:
            self._heap = [deadline for deadline in self._heap if self._runs(deadline)]
            heapq.heapify(self._heap)

    def floor(self) -> float:
        """No deadline that counts is before this; inf if there is none. At no cost: it asks nobody."""
        return self._heap[0][0] if self._heap else math.inf

    def earliest(self) -> Deadline | None:
        """The first deadline that counts; None if there is none."""
        while self._heap:
            if self._runs(self._heap[0]):
                return self._heap[0]
            heapq.heappop(self._heap)
        return None

    def pop_due(self, now: float) -> Deadline | None:
        """Take out the first deadline that counts, if it is due by `now`."""
        first = self.earliest()
        if first is None or first[0] > now:
            return None
        return heapq.heappop(self._heap)
