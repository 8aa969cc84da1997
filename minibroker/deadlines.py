"""When does the next lease or delay end? One heap for all, cleaned lazily.

Idea      Acking a message would have to find and delete its deadline in the heap, which
          is slow. So the deadline stays and is skipped when it comes up, or thrown out
          with others when the heap has grown to twice what counted in it. No timer a message.
Source    The heapq documentation, "Priority Queue Implementation Notes"; asyncio's event
          loop does the same with its cancelled timers.
"""

import heapq
from collections.abc import Callable

FEW = 64  # so many deadlines that no longer count are no matter
Deadline = tuple[float, int, int]  # seconds on the queue's clock, place in the queue, message id


class Deadlines:
    """The pending deadlines, the earliest first (of two at the same time, that of the earlier place).

    `runs(deadline)` says whether one still counts; the heap asks before it believes.
    """

    def __init__(self, runs: Callable[[Deadline], bool]) -> None:
        self._runs = runs
        self._heap: list[Deadline] = []
        self._clean_at = FEW

    def __len__(self) -> int:
        """How many are kept: at most twice as many as counted when they were cleaned last, and FEW."""
        return len(self._heap)

    def add(self, deadline: Deadline) -> None:
        """Remember `deadline`."""
        heapq.heappush(self._heap, deadline)
        if len(self._heap) > self._clean_at:
            self._heap = [deadline for deadline in self._heap if self._runs(deadline)]
            heapq.heapify(self._heap)
            self._clean_at = 2 * len(self._heap) + FEW

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
