"""A circuit breaker: stop asking who cannot answer, and ask again, softly, after a while.

Idea      While it is closed, calls go through and their outcomes are counted over the last `window`
          seconds. If too many failed, or were too slow, it opens: calls fail at once, which frees the
          caller and leaves the other side in peace. After `sleep_window` it is half open: a few
          probes go through, all others still fail. Good probes close it, a bad one opens it again.
Not here  What to answer instead (a fallback); how many calls run at once (bulkhead.py).
Mind      It repairs nothing. It needs a timeout below it, or a call that hangs is never counted. One
          breaker a dependency, better one a shard: a sick shard must not close the way to a well one.
Source    M. Nygard, "Release It!". Defaults are Hystrix's: 20 requests in 10 s, 50 %, 5 s, one probe.
          (It counts in 10 slices of 1 s.) Slow calls are resilience4j's.
At work   purgatory, which goes by the wall clock. Envoy calls *limits* "circuit breaking", and what is
          nearest to this "outlier detection".
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import TypeVar

from services.resilience.failures import is_refusal, is_transient

T = TypeVar("T")
Observer = Callable[..., None]  # observer(kind, **data), such as node.record


class State(StrEnum):
    """What a breaker does with calls."""

    CLOSED = "closed"  # calls go through
    OPEN = "open"  # calls fail at once
    HALF_OPEN = "half_open"  # a few probes go through


class Event(StrEnum):
    """What can happen to a breaker."""

    TRIP = "trip"  # too many of the last calls failed or were slow
    PROBE = "probe"  # the sleep is over, and somebody calls
    RECOVER = "recover"  # the probes were good
    RELAPSE = "relapse"  # a probe was bad


# Every move that a breaker can make. A lesson draws its diagram from this table.
TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.CLOSED, Event.TRIP): State.OPEN,
    (State.OPEN, Event.PROBE): State.HALF_OPEN,
    (State.HALF_OPEN, Event.RECOVER): State.CLOSED,
    (State.HALF_OPEN, Event.RELAPSE): State.OPEN,
}


class CircuitOpen(Exception):
    """The call was not made. retry_after: seconds until a probe may go out (0 while others probe)."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call. An outcome that comes after the state has changed no longer counts."""

    period: int  # how many changes of state there had been
    at: float  # when it was given, in seconds


@dataclass(frozen=True, slots=True)
class BreakerSnapshot:
    """What a breaker knows. failures and slow are shares of `calls`, those of the last window."""

    state: State
    calls: int
    failures: int
    slow: int
    opens_for: float  # seconds until a probe may go out; 0 unless it is open


class CircuitBreaker:
    """Ask admit() before each call, tell settle() after it; call() does both.

    window:         seconds over which outcomes are counted.
    minimum_volume: calls in that window, below which nothing is concluded.
    failure_rate:   share of failed calls, from which on it opens.
    slow_call:      seconds, from which on a call was slow, however it ended; None: none is.
    slow_rate:      share of slow calls, from which on it opens.
    sleep_window:   seconds that it stays open, at most; `jitter` is the share of them that chance may
                    take off, so that a thousand clients do not probe at one instant.
    probes:         good probes that close it, and how many go out.
    observer:       observer("breaker", name=, was=, event=, state=, calls=, failures=, slow=) after each
                    change, and observer("breaker_rejected", name=, state=) for each call not made.
    """

    def __init__(
        self,
        name: str,
        *,
        rng: Random,
        window: float = 10.0,
        minimum_volume: int = 20,
        failure_rate: float = 0.5,
        slow_call: float | None = None,
        slow_rate: float = 0.5,
        sleep_window: float = 5.0,
        jitter: float = 0.2,
        probes: int = 1,
        observer: Observer | None = None,
    ) -> None:
        if not (window > 0 and sleep_window > 0 and 0 <= jitter < 1):
            raise ValueError(
                f"window and sleep_window are seconds, more than 0, and jitter a share from 0 to below 1; "
                f"got window={window}, sleep_window={sleep_window}, jitter={jitter}"
            )
        if not (0 < failure_rate <= 1 and 0 < slow_rate <= 1):
            raise ValueError(
                f"rates are shares, more than 0 and at most 1; got failure_rate={failure_rate}, "
                f"slow_rate={slow_rate}"
            )
        if minimum_volume < 1 or probes < 1:
            raise ValueError(f"counts are 1 or more; got minimum_volume={minimum_volume}, probes={probes}")
        self.name = name
        self.state = State.CLOSED
        self._rng = rng
        self._window = window
        self._minimum_volume = minimum_volume
        self._failure_rate = failure_rate
        self._slow_call = slow_call
        self._slow_rate = slow_rate
        self._sleep_window = sleep_window
        self._jitter = jitter
        self._probes = probes
        self._observer = observer
        self._period = 0
        self._outcomes: deque[tuple[float, bool, bool]] = deque()  # when, failed, slow
        self._failures = 0
        self._slow = 0
        self._probe_at = 0.0  # while open: when the next probe may go out
        self._probing = 0  # while half open: probes that are out
        self._good = 0  # ... and those that came back well

    # -- the rules; `now` is handed in, in seconds -------------------------------------------------

    def admit(self, now: float) -> Permit:
        """May a call go out? Raises CircuitOpen if not. Each permit must be settled."""
        if self.state is State.OPEN and now >= self._probe_at:
            self._move(Event.PROBE, now)
        if self.state is State.OPEN:
            wait = self._probe_at - now
            self._reject(f"the next probe may go out in {wait:.3f} s", wait)
        if self.state is State.HALF_OPEN:
            if self._probing + self._good >= self._probes:
                self._reject(f"{self._probing} of {self._probes} probes are out", 0.0)
            self._probing += 1
        return Permit(self._period, now)

    def settle(self, permit: Permit, *, failed: bool | None, now: float) -> None:
        """The call is over. failed=None: it was given up, and nobody knows; it counts only if it was slow."""
        if permit.period != self._period:
            return  # it set out in another time
        slow = self._slow_call is not None and now - permit.at >= self._slow_call
        unknown = failed is None and not slow
        if self.state is State.HALF_OPEN:
            self._probing -= 1
            if failed or slow:
                self._move(Event.RELAPSE, now)
            elif not unknown:
                self._good += 1
                if self._good == self._probes:
                    self._move(Event.RECOVER, now)
        elif not unknown:
            self._count(now, bool(failed), slow)
            if self._is_bad():
                self._move(Event.TRIP, now)

    def snapshot(self, now: float) -> BreakerSnapshot:
        self._forget(now)
        wait = max(0.0, self._probe_at - now) if self.state is State.OPEN else 0.0
        return BreakerSnapshot(self.state, len(self._outcomes), self._failures, self._slow, wait)

    # -- around a call, on the loop's clock --------------------------------------------------------

    async def call(self, function: Callable[[], Awaitable[T]]) -> T:
        """Await function() through the breaker. CircuitOpen if it is not made.

        Failed is what is_transient() (failures.py) says. A refusal, 400 to 499, is a good answer here:
        the other side is well. Any other error, and being cancelled, says nothing, unless it was slow.
        """
        clock = asyncio.get_running_loop().time
        permit = self.admit(clock())
        failed: bool | None = None
        try:
            result = await function()
            failed = False
            return result
        except Exception as error:
            if is_transient(error):
                failed = True
            elif is_refusal(error):
                failed = False
            raise
        finally:
            self.settle(permit, failed=failed, now=clock())

    # -- inside ------------------------------------------------------------------------------------

    def _count(self, now: float, failed: bool, slow: bool) -> None:
        self._outcomes.append((now, failed, slow))
        self._failures += failed
        self._slow += slow
        self._forget(now)

    def _forget(self, now: float) -> None:
        """Let go of what is older than the window."""
        while self._outcomes and self._outcomes[0][0] <= now - self._window:
            _, failed, slow = self._outcomes.popleft()
            self._failures -= failed
            self._slow -= slow

    def _is_bad(self) -> bool:
        calls = len(self._outcomes)
        if calls < self._minimum_volume:
            return False
        return self._failures >= self._failure_rate * calls or self._slow >= self._slow_rate * calls

    def _move(self, event: Event, now: float) -> None:
        was, self.state = self.state, TRANSITIONS[self.state, event]
        counts = {"calls": len(self._outcomes), "failures": self._failures, "slow": self._slow}
        self._period += 1
        self._probing = self._good = self._failures = self._slow = 0
        self._outcomes.clear()
        if self.state is State.OPEN:
            self._probe_at = now + self._sleep_window * self._rng.uniform(1 - self._jitter, 1)
        if self._observer is not None:
            self._observer("breaker", name=self.name, was=was, event=event, state=self.state, **counts)

    def _reject(self, why: str, retry_after: float) -> None:
        if self._observer is not None:
            self._observer("breaker_rejected", name=self.name, state=self.state)
        raise CircuitOpen(
            f"{self.name} is {self.state.replace('_', ' ')}: {why}. Answer without it, or later.",
            retry_after=retry_after,
        )
