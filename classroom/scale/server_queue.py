"""Whom a busy server serves next, and whom it turns away: the server's side of a storm.

Idea      A server that is asked for more than it can do must choose, and the choice decides whether
          what it does is of use to anybody. Each way to choose is one small class.
Not here  The server itself and its clients (retry_storm.py).
Source    "Handling Overload" and "Addressing Cascading Failures" in the SRE book (Beyer et al., 2016).
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol


class Waiting(Protocol):
    """A try that waits for a worker. leaves_at: when its caller gives up, in seconds since the run began."""

    leaves_at: float


class ServerQueue(Protocol):
    """Tries that wait for a worker."""

    def admit(self, trial: Waiting, *, now: float, in_service: int) -> bool:
        """Let this one wait, or (False) answer 503 at once. in_service: tries that have a worker."""
        ...

    def take(self, now: float, service_time: float) -> Waiting | None:
        """The next one to be served, or None if nobody waits. service_time: seconds that it will take."""
        ...

    def __len__(self) -> int: ...


class Fifo:
    """The first come is the first served. That is fair, and what nearly every server does.

    bound: the most tries that may wait *or be served*; None, the default of many servers, sets no bound.
    """

    def __init__(self, *, bound: int | None = None) -> None:
        if bound is not None and bound < 1:
            raise ValueError(f"bound counts tries, from 1 up, or is None for no bound; got {bound}")
        self.bound = bound
        self._waiting: deque[Waiting] = deque()

    def admit(self, trial: Waiting, *, now: float, in_service: int) -> bool:
        if self.bound is not None and len(self._waiting) + in_service >= self.bound:
            return False
        self._waiting.append(trial)
        return True

    def take(self, now: float, service_time: float) -> Waiting | None:
        return self._waiting.popleft() if self._waiting else None

    def __len__(self) -> int:
        return len(self._waiting)


class Lifo(Fifo):
    """The last come is the first served: unfair, and of use, since the last come is still there."""

    def take(self, now: float, service_time: float) -> Waiting | None:
        return self._waiting.pop() if self._waiting else None


class DropLate(Fifo):
    """Passes over those whose caller has left already."""

    def take(self, now: float, service_time: float) -> Waiting | None:
        return self._first(now)

    def _first(self, needed_at: float) -> Waiting | None:
        while self._waiting:
            trial = self._waiting.popleft()
            if trial.leaves_at > needed_at:
                return trial
        return None


class DropHopeless(DropLate):
    """Passes over those whose caller will have left before the work is done."""

    def take(self, now: float, service_time: float) -> Waiting | None:
        return self._first(now + service_time)


class Admission(Fifo):
    """Asks a function of yours: admit(queue_length, remaining) -> bool.

    queue_length: tries that wait or are served. remaining: seconds until the caller of this one leaves.
    """

    def __init__(self, admit: Callable[[int, float], bool]) -> None:
        super().__init__()
        self._admit = admit

    def admit(self, trial: Waiting, *, now: float, in_service: int) -> bool:
        if not self._admit(len(self._waiting) + in_service, trial.leaves_at - now):
            return False
        self._waiting.append(trial)
        return True
