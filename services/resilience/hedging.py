"""Hedging: if an answer is late, ask a second time, and take whichever comes first.

Idea      One call in a hundred is slow, for no reason of its own: a pause, a full queue, a cold cache.
          A page that needs 100 answers then nearly always waits for a slow one (1 - 0.99 ** 100 is
          63 %). A second try, sent after the time in which 95 % are done, is seldom slow as well. By
          definition of that time it costs one call in twenty more.
Not here  Which replica gets the second try (not the same one, if there is a choice).
Mind      Both tries may be done: only what is idempotent. And when *all* are slow all are sent twice,
          just when nobody has room: take the second tries from a RetryBudget.
Source    J. Dean, L. Barroso, "The Tail at Scale", CACM 2013. gRPC's hedgingPolicy (gRFC A6).
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.resilience.retry_budget import RetryBudget

T = TypeVar("T")
Observer = Callable[..., None]  # observer(kind, **data), such as node.record


class Latencies:
    """The last `keep` latencies, and their percentiles."""

    def __init__(self, keep: int = 200) -> None:
        self._last: deque[float] = deque(maxlen=keep)

    def add(self, seconds: float) -> None:
        self._last.append(seconds)

    def percentile(self, share: float) -> float | None:
        """The least latency such that at least `share` of them (0.95: 95 %) are not longer. None: no data."""
        if not 0 < share <= 1:
            raise ValueError(f"share is from above 0 to 1, such as 0.95; got {share!r}")
        if not self._last:
            return None
        return sorted(self._last)[math.ceil(share * len(self._last) - 1e-9) - 1]


async def hedge(
    call: Callable[[], Awaitable[T]],
    *,
    after: float,
    budget: RetryBudget | None = None,
    observer: Observer | None = None,
) -> T:
    """Await call(); if it is not done within `after` seconds, a second call(), too. The first result wins.

    after:    the 95th percentile of its latencies, say.
    budget:   pays for the second try, or there is none.
    observer: observer("hedge", after=) when a second try goes out: count these, they are the price.
    The other try is cancelled. An error is raised only when no try is left that could still succeed (the
    first error then); one before `after` is raised at once, for that is a matter for a retry.
    """
    clock = asyncio.get_running_loop().time
    if budget is not None:
        budget.deposit(clock())
    tries = [asyncio.ensure_future(call())]
    try:
        await asyncio.wait(tries, timeout=after)
        if not tries[0].done() and (budget is None or budget.try_withdraw(clock())):
            if observer is not None:
                observer("hedge", after=after)
            tries.append(asyncio.ensure_future(call()))
        waiting = set(tries)
        while waiting:
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for one in tries:
                if one.done() and not one.cancelled() and one.exception() is None:
                    return one.result()
        return tries[0].result()  # raises
    finally:
        for one in tries:
            if not one.cancel() and not one.cancelled():
                one.exception()  # seen: asyncio need not complain of it
