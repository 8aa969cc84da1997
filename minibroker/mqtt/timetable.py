"""Timetable: what happens later, all of it under one timer.

Idea      A keep alive, the end of a session, a delayed will: thousands of them wait, and hardly any
          happens. So each is an entry in a heap, and only the earliest has the event loop's
          attention. Cancelling marks an entry; the heap is swept when most of it is marked.
Not here  The deadlines of messages: a queue has its own (deadlines.py), from its own clock's readings.
"""

import heapq
from collections.abc import Callable
from itertools import count

from minibroker.waiting import Alarm


class Appointment:
    """One entry. `cancel()` it, and it will not happen; twice, or too late, is no error."""

    __slots__ = ("_timetable", "action")

    def __init__(self, timetable: "Timetable", action: Callable[[], None]) -> None:
        self._timetable = timetable
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """It will not happen."""
        if self.action is not None:
            self.action = None
            self._timetable.cancelled()


class Timetable:
    """Appointments by time, in seconds on `clock`; the earliest first, and in order of asking."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Appointment]] = []
        self._numbers = count()
        self._cancelled = 0
        self._alarm = Alarm(clock, self._ring)

    def __len__(self) -> int:
        """How many entries are kept: no more than twice as many (and 64) as will happen."""
        return len(self._heap)

    def at(self, when: float, action: Callable[[], None]) -> Appointment:
        """Call `action()` at `when`, in this event loop. It must not raise."""
        appointment = Appointment(self, action)
        heapq.heappush(self._heap, (when, next(self._numbers), appointment))
        self._alarm.no_later_than(when)
        return appointment

    def cancelled(self) -> None:
        """One of the entries will not happen."""
        self._cancelled += 1
        if self._cancelled > 32 + len(self._heap) / 2:
            self._heap = [entry for entry in self._heap if entry[2].action is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def stop(self) -> None:
        """Nothing happens any more."""
        self._heap.clear()
        self._alarm.stop()

    def _ring(self) -> None:
        now = self._clock()
        while self._heap and self._heap[0][0] <= now:
            appointment = heapq.heappop(self._heap)[2]
            action, appointment.action = appointment.action, None
            if action is None:
                self._cancelled -= 1
            else:
                action()
        if self._heap:
            self._alarm.no_later_than(self._heap[0][0])
