"""Load shedding: refuse at the door what would be served too late.

Idea      A server that can do 100 requests a second, with 150 inside, answers each after 1.5 s. If
          callers wait 1 s, all of that work is for nobody, and so it stays: a full line keeps itself
          full. Refusing 60 of them at the door costs next to nothing and saves the other 90. So bound what
          is inside, the line *and* the work in service, below capacity x timeout: safe_bound().
Also      LIFO serves the newest first: those in front of a long line have left already. And with
          `service_time`, who cannot be done by its deadline is dropped when its turn comes. (To drop
          only who is late *already* does not help: each is then served just too late.)
Not here  What a client may send (rate_limit.py), what a caller keeps open (bulkhead.py). CoDel, which
          finds the bound by itself from how long requests wait.
Source    AWS Builders' Library, "Using load shedding to avoid overload"; SRE book, "Addressing Cascading
          Failures"; B. Maurer, "Fail at Scale", ACM Queue 2015 (LIFO while there is a line).
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum

from services.resilience.deadline import Deadline

Observer = Callable[..., None]  # observer(kind, **data), such as node.record


class Order(StrEnum):
    """Who is next."""

    FIFO = "fifo"  # the oldest first: fair
    LIFO = "lifo"  # the newest first: what is served is served in time


class Overloaded(Exception):
    """Refused, before any work was done: answer 503, quickly."""


def safe_bound(*, workers: int, service_time: float, timeout: float, share: float = 0.9) -> int:
    """How many requests may be inside, so that the last one is done before its caller leaves.

        workers / service_time * timeout * share

    service_time, timeout: seconds. share: what is left for the way and for slow moments. At least 1.
    """
    if not (workers >= 1 and service_time > 0 and timeout > 0 and 0 < share <= 1):
        raise ValueError(
            f"workers is 1 or more, service_time and timeout are seconds, more than 0, share is from above 0 "
            f"to 1; got workers={workers}, service_time={service_time}, timeout={timeout}, share={share}"
        )
    return max(1, math.floor(workers / service_time * timeout * share + 1e-9))


@dataclass(eq=False, slots=True)
class _Waiting:
    turn: asyncio.Future[None]
    deadline: Deadline | None


@dataclass(frozen=True, slots=True)
class ShedderSnapshot:
    in_service: int
    waiting: int
    refused: int  # ever, at the door
    dropped: int  # ever, when their turn came


class LoadShedder:
    """Stands before a server: so many workers, a line to them, a bound on both together.

    bound:        requests inside, in the line or in service; None: no bound, and so no mercy.
    order:        who is next, Order.FIFO or Order.LIFO.
    service_time: seconds that a request takes. With it, who has a deadline and cannot be done by then is
                  dropped when its turn comes; None drops nobody.
    observer:     observer("shed", why=, in_service=, waiting=) for each one refused or dropped.
    """

    def __init__(
        self,
        *,
        workers: int,
        bound: int | None,
        order: Order = Order.FIFO,
        service_time: float | None = None,
        observer: Observer | None = None,
    ) -> None:
        if workers < 1 or (bound is not None and bound < workers):
            raise ValueError(
                f"workers is 1 or more, and bound not below; got workers={workers}, bound={bound}"
            )
        self.workers = workers
        self.bound = bound
        self.order = order
        self._service_time = service_time
        self._observer = observer
        self._in_service = 0
        self._line: deque[_Waiting] = deque()
        self._refused = 0
        self._dropped = 0

    @asynccontextmanager
    async def worker(self, deadline: Deadline | None = None) -> AsyncIterator[None]:
        """``async with shedder.worker(deadline):`` waits for a worker and holds it. Raises Overloaded."""
        inside = self._in_service + len(self._line)
        if self.bound is not None and inside >= self.bound:
            self._refused += 1
            raise self._overloaded(f"{inside} requests are inside, and {self.bound} may be")
        if self._in_service < self.workers:
            if self._too_late(deadline):
                raise self._drop()
            self._in_service += 1
        else:
            await self._wait(deadline)
        try:
            yield
        finally:
            self._next()

    def snapshot(self) -> ShedderSnapshot:
        return ShedderSnapshot(self._in_service, len(self._line), self._refused, self._dropped)

    async def _wait(self, deadline: Deadline | None) -> None:
        waiting = _Waiting(asyncio.get_running_loop().create_future(), deadline)
        self._line.append(waiting)
        try:
            await waiting.turn
        except asyncio.CancelledError:
            if waiting in self._line:
                self._line.remove(waiting)
            elif waiting.turn.done() and not waiting.turn.cancelled() and waiting.turn.exception() is None:
                self._next()  # a worker was given to us as we left
            raise

    def _next(self) -> None:
        """A worker is free: give it to the next one who can still be served in time."""
        while self._line:
            waiting = self._line.pop() if self.order is Order.LIFO else self._line.popleft()
            if waiting.turn.done():
                continue  # cancelled
            if self._too_late(waiting.deadline):
                waiting.turn.set_exception(self._drop())
                continue
            waiting.turn.set_result(None)
            return
        self._in_service -= 1

    def _too_late(self, deadline: Deadline | None) -> bool:
        if self._service_time is None or deadline is None:
            return False
        return deadline.remaining(asyncio.get_running_loop().time()) < self._service_time

    def _drop(self) -> Overloaded:
        self._dropped += 1
        return self._overloaded(f"it takes {self._service_time:g} s, and its caller waits less than that")

    def _overloaded(self, why: str) -> Overloaded:
        if self._observer is not None:
            self._observer("shed", why=why, in_service=self._in_service, waiting=len(self._line))
        return Overloaded(f"overloaded: {why}. Come back later, and with fewer requests.")
