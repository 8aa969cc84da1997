"""Waiting, for a queue that never waits itself: consumers in line, and one alarm.

Idea      A long poll is a consumer that stands in line until somebody says "look again".
          It takes its lease itself, in the same step in which it returns: so a consumer
          that is cancelled while it waits holds nothing, and no message is lost with it.
          For deadlines there is one timer, set to the earliest: none a message.
Not here  What there is to look at (work_queue.py).
Source    Amazon SQS Developer Guide, "Short and long polling".
"""

import asyncio
import contextvars
import math
from bisect import insort
from collections.abc import Callable
from itertools import count
from typing import TypeVar

T = TypeVar("T")
Place = tuple[int, "asyncio.Future[bool]"]  # in line: a ticket, and who is called


class WaitingLine:
    """Consumers that wait for the same thing: first come, first woken."""

    def __init__(self) -> None:
        self._tickets = count()
        self._line: list[Place] = []  # in order of ticket

    def __len__(self) -> int:
        return len(self._line)

    async def first(self, attempt: Callable[[], T], *, wait: float) -> T:
        """attempt(), again at each wake(), until its result is true or `wait` seconds have passed.

        In the latter case the result is the last, empty one. Who was woken and found nothing (another
        was faster) keeps its place.
        """
        result = attempt()
        if result or wait == 0:
            return result
        ticket, until = next(self._tickets), asyncio.get_running_loop().time() + wait
        while not result:
            woken = await self._stand(ticket, until)
            try:
                result = attempt()
            except BaseException:
                self.wake()  # what this one was called for is still there
                raise
            if not woken:
                break
        return result

    def wake(self, how_many: int = 1) -> None:
        """Let the first `how_many` in line look again."""
        while self._line and how_many > 0:
            _, waiter = self._line.pop(0)
            if not waiter.done():  # else it was cancelled, and has not yet left the line
                waiter.set_result(True)
                how_many -= 1

    def dissolve(self) -> None:
        """Send everybody home: each looks once more and returns."""
        for _, waiter in self._line:
            if not waiter.done():
                waiter.set_result(False)
        self._line.clear()

    async def _stand(self, ticket: int, until: float) -> bool:
        """True: woken. False: time is up."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        place = (ticket, waiter)
        insort(self._line, place)  # no two tickets are the same, so that waiters are never compared
        timer = loop.call_at(until, self._time_is_up, place)
        try:
            return await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():  # woken and cancelled in one breath: the call is for the next in line
                self.wake()
            elif place in self._line:
                self._line.remove(place)
            raise
        finally:
            timer.cancel()

    def _time_is_up(self, place: Place) -> None:
        if not place[1].done():
            place[1].set_result(False)
            self._line.remove(place)


class SteadyClock:
    """`clock` (seconds), but never going back. not_before(since): nor before that.

    A clock that shows less than `since` then, because it began anew with the machine, goes on from there.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ahead = 0.0
        self._latest = -math.inf

    def not_before(self, since: float) -> None:
        """It is `since` or later."""
        self._ahead = max(self._ahead, since - self._clock())
        self._latest = max(self._latest, since)

    def __call__(self) -> float:
        self._latest = max(self._latest, self._clock() + self._ahead)
        return self._latest


class Alarm:
    """One timer for the earliest of many deadlines; it calls `ring()`, which sets it anew.

    `clock` gives the deadlines' seconds. The timer runs in the context in which the Alarm was made, not
    in that of the call that happened to set it: a client does not own the broker's timer.
    """

    def __init__(self, clock: Callable[[], float], ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._context = contextvars.copy_context()
        self.at = math.inf  # when it will ring; inf: not at all
        self._timer: asyncio.TimerHandle | None = None

    def no_later_than(self, deadline: float | None) -> None:
        """Ring at `deadline`, if it would not ring before; None asks for nothing."""
        if deadline is None or deadline >= self.at:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # nobody can wait outside of a loop; the next operation inside of one asks again
            return
        self.stop()
        self.at = deadline
        delay = max(0.0, deadline - self._clock())
        self._timer = loop.call_later(delay, self._fire, context=self._context)

    def stop(self) -> None:
        """Do not ring until asked again."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self.at = None, math.inf

    def _fire(self) -> None:
        self._timer, self.at = None, math.inf
        self._ring()
