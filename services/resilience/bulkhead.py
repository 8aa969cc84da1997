"""A bulkhead: one dependency may hold so many of our calls and no more.

Idea      A service has room for some number of calls at once. If one dependency is slow, its calls
          stay, and soon the room holds nothing else: an endpoint that never touches it dies, too. So
          each dependency gets a compartment of its own. If that is full, a call waits in a short
          line, or fails at once, and the rest of the ship stays dry.
Not here  How often calls may begin (rate_limit.py), whether they fail (circuit_breaker.py), what the
          server itself takes in (load_shedding.py).
Mind      A long line is the same trouble again: who waits holds the caller, too.
Source    M. Nygard, "Release It!". Hystrix's semaphore lets 10 in, resilience4j's bulkhead 25, and with
          their defaults nobody waits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

Observer = Callable[..., None]  # observer(kind, **data), such as node.record


class BulkheadFull(Exception):
    """The call was not made: the compartment is full, and so is its line."""


@dataclass(frozen=True, slots=True)
class BulkheadSnapshot:
    running: int
    waiting: int
    rejected: int  # ever


class Bulkhead:
    """At most `limit` calls at once, at most `waiting` more in line, first come, first served.

    max_wait: seconds in the line, then BulkheadFull; None: as long as the caller likes (its deadline).
    observer: observer("bulkhead", name=, running=, waiting=) after each change, and
              observer("bulkhead_rejected", name=, running=, waiting=).
    """

    def __init__(
        self,
        name: str,
        *,
        limit: int,
        waiting: int = 0,
        max_wait: float | None = None,
        observer: Observer | None = None,
    ) -> None:
        if limit < 1 or waiting < 0:
            raise ValueError(
                f"limit is 1 or more and waiting 0 or more; got limit={limit}, waiting={waiting}"
            )
        self.name = name
        self.limit = limit
        self._most_waiting = waiting
        self._max_wait = max_wait
        self._observer = observer
        self._running = 0
        self._line: deque[asyncio.Future[None]] = deque()
        self._rejected = 0

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """``async with bulkhead.slot():`` holds a place during the block. BulkheadFull if there is none."""
        if self._running < self.limit:
            self._running += 1
            self._tell("bulkhead")
        elif len(self._line) < self._most_waiting:
            await self._wait()
        else:
            self._reject(f"{self._running} of {self.limit} calls run and {len(self._line)} wait")
        try:
            yield
        finally:
            self._leave()

    def snapshot(self) -> BulkheadSnapshot:
        return BulkheadSnapshot(self._running, len(self._line), self._rejected)

    async def _wait(self) -> None:
        """Stand in line until somebody who leaves gives us the place."""
        turn = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        self._tell("bulkhead")
        try:
            async with asyncio.timeout(self._max_wait):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._leave()  # we got the place at the very moment at which we gave up: pass it on
            elif turn in self._line:
                self._line.remove(turn)
                self._tell("bulkhead")
            if isinstance(error, TimeoutError):
                self._reject(f"no place came free within {self._max_wait:g} s")
            raise

    def _leave(self) -> None:
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)  # the place goes to the next one, so `running` stays
                self._tell("bulkhead")
                return
        self._running -= 1
        self._tell("bulkhead")

    def _reject(self, why: str) -> None:
        self._rejected += 1
        self._tell("bulkhead_rejected")
        raise BulkheadFull(f"{self.name} is full: {why}. Answer without it, or later.")

    def _tell(self, kind: str) -> None:
        if self._observer is not None:
            self._observer(kind, name=self.name, running=self._running, waiting=len(self._line))
