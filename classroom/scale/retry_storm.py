"""A retry storm as a model: many callers, one server, one stall; in SimPy.

Idea      Only what feeds the storm is modelled: when tries come, wait, are served and are given up.
          A try is served although its caller has left, since nobody tells the server. So each
          second of a run with 320 tries is about a thousand events and no message at all, which is
          what makes a map of hundreds of runs, and 100,000 callers, possible.
          Events are SimPy's, handled by callbacks: a generator process for each try, as SimPy's own
          examples have it, takes about five times as long.
Not here  What a rejection costs the server; the network's latency; a caller who tells the server that
          she has left. The same system by real services: lesson 05.
Source    Bronson et al., "Metastable Failures in Distributed Systems" (HotOS 2021).
"""

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

import simpy

from classroom.scale.server_queue import Fifo, ServerQueue
from classroom.scale.storm_counts import Storm

MOST_TRIES = 50  # of one request: a policy that never gives up is a slip, and is told so


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a try failed.

    status:     the HTTP status of the answer; None if no answer came in time.
    idempotent: may the request be sent again without harm if it was carried out already?
    """

    status: int | None
    idempotent: bool = True

    def __str__(self) -> str:
        what = "no answer in time" if self.status is None else f"status {self.status}"
        return what if self.idempotent else f"{what}, not idempotent"


TIMED_OUT, REJECTED = Failure(None), Failure(503)


class RetryPolicy(Protocol):
    """Decides when a request is tried again; one object serves one caller of many requests.

    It is made by RetryPolicy(rng=...), or RetryPolicy(rng=..., clock=...) if it asks for the clock. If it has
    a method `allow() -> bool`, that is asked before each try; False ends the request without sending it.
    """

    def on_first_try(self) -> None:
        """A request begins."""
        ...

    def delay(self, attempt: int, failure: Failure, remaining: float) -> float | None:
        """Try number `attempt` (1 is the first) failed: seconds to wait before the next, None for no more.

        remaining: seconds until whoever asked will no longer wait.
        """
        ...

    def on_success(self) -> None:
        """A request succeeded."""
        ...


Policy = Callable[..., Any]  # what makes one, such as its class


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """The callers, the server, and what befalls it. Durations and moments are seconds.

    load:      requests a second, over all callers.
    clients:   callers, each with a policy object of its own; they ask in turn.
    timeout:   that a caller waits for the answer to one try.
    deadline:  for a request with all its tries; none is begun after it.
    workers, service_time: the server; it can serve workers / service_time tries a second.
    queue:     makes the server's queue.
    stall:     how long the server stands still, from `stall_at` on.
    lasts:     how long the run is.
    failures:  the chance of each try to be answered 503 in place of being served.
    steady:    requests evenly spaced (+-20 %) and work of equal length; else both at random, as in a crowd.
    Raises ValueError for a system that cannot be.
    """

    load: float = 80.0
    clients: int = 1
    timeout: float = 1.0
    deadline: float = 10.0
    workers: int = 10
    service_time: float = 0.1
    queue: Callable[[], ServerQueue] = Fifo
    stall: float = 3.0
    stall_at: float = 20.0
    lasts: float = 140.0
    failures: float = 0.0
    steady: bool = False

    def __post_init__(self) -> None:
        for name in ("load", "clients", "timeout", "deadline", "workers", "service_time", "lasts"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is more than 0; got {getattr(self, name)!r}")
        if not (self.stall >= 0 and self.stall_at >= 0 and 0 <= self.failures < 1):
            raise ValueError(
                "stall and stall_at are seconds from 0 up, failures is a chance below 1; "
                f"got {self.stall!r}, {self.stall_at!r} and {self.failures!r}"
            )

    @property
    def capacity(self) -> float:
        """Tries a second."""
        return self.workers / self.service_time


def storm(policy: Policy, *, seed: int = 0, **system: Any) -> Storm:
    """Run the model: storm(FullJitter, load=80, stall=3).

    policy: makes each caller's RetryPolicy: its class, or any function of rng=.
    system: what to change of a System.

    Raises ValueError for a system that cannot be, BadPolicy for an answer that no caller can follow.
    """
    model = Model(policy, System(**system), seed=seed)
    model.run_until(model.system.lasts)
    return model.counts()


class BadPolicy(ValueError):
    """A policy's answer that no caller can follow."""


@dataclass(slots=True, eq=False)
class _Trial:
    """One try of a request. `over`: its caller waits for it no more."""

    policy: Any
    begun: float  # when its request began
    attempt: int
    leaves_at: float
    over: bool = False


class Model:
    """The run itself, step by step if need be: each method is what happens at one kind of moment."""

    def __init__(self, policy: Policy, system: System, *, seed: int = 0) -> None:
        self.system, self.seed = system, seed
        self.env = simpy.Environment()
        self.policies = list(made(policy, system.clients, rng=self._rng("shop/policy"), clock=self._now))
        self.queue = system.queue()
        self.arrivals, self.work, self.chance = map(self._rng, ("shop/arrivals", "work", "failures"))
        self.busy = 0
        self.stalled = False
        seconds = int(-(-system.lasts // 1))
        self.demand, self.offered, self.goodput, self.in_vain, self.rejected, self.served, self.retries = (
            [0] * seconds for _ in range(7)
        )
        if system.stall:
            self._at(system.stall_at, self._stall)
        self._at(self._gap(), self._begin, 0)

    def run_until(self, moment: float) -> None:
        """Go on to `moment`, seconds since the run began and not beyond system.lasts."""
        with _no_collector():
            self.env.run(until=moment)

    def counts(self) -> Storm:
        """What has been counted so far."""
        return Storm(
            demand=tuple(self.demand),
            offered=tuple(self.offered),
            retries=tuple(self.retries),
            goodput=tuple(self.goodput),
            in_vain=tuple(self.in_vain),
            rejected=tuple(self.rejected),
            served=tuple(self.served),
            stall=(self.system.stall_at, self.system.stall_at + self.system.stall),
            capacity=self.system.capacity,
            deadline=self.system.deadline,
            seed=self.seed,
        )

    # ---- the callers -----------------------------------------------------------------

    def _begin(self, number: int) -> None:
        """Request `number` begins, and the next one is on its way."""
        self._at(self._gap(), self._begin, number + 1)
        policy = self.policies[number % len(self.policies)]
        self.demand[int(self.env.now)] += 1
        policy.on_first_try()
        self._try(policy, self.env.now, 1)

    def _try(self, policy: Any, begun: float, attempt: int) -> None:
        now = self.env.now
        if not getattr(policy, "allow", _always)():
            return
        trial = _Trial(policy, begun, attempt, now + self.system.timeout)
        self.offered[int(now)] += 1
        self._at(self.system.timeout, self._waited_long_enough, trial)
        if not self.queue.admit(trial, now=now, in_service=self.busy):
            self.rejected[int(now)] += 1
            self._failed(trial, REJECTED)
        else:
            self._serve_next()

    def _waited_long_enough(self, trial: _Trial) -> None:
        if not trial.over:
            self._failed(trial, TIMED_OUT)

    def _failed(self, trial: _Trial, failure: Failure) -> None:
        trial.over = True
        remaining = trial.begun + self.system.deadline - self.env.now
        if remaining <= 0:
            return
        wait = as_wait(trial.policy.delay(trial.attempt, failure, remaining), trial.attempt)
        if wait is None:
            return
        if trial.attempt >= MOST_TRIES:
            raise BadPolicy(f"delay({trial.attempt}, ...) still asks for another try: when does it give up?")
        self.retries[int(self.env.now)] += 1
        if wait < remaining:
            self._at(wait, self._try, trial.policy, trial.begun, trial.attempt + 1)

    def _succeeded(self, trial: _Trial) -> None:
        trial.over = True
        self.goodput[int(self.env.now)] += 1
        self.served[int(trial.begun)] += 1
        trial.policy.on_success()

    # ---- the server ------------------------------------------------------------------

    def _serve_next(self) -> None:
        while self.busy < self.system.workers and not self.stalled:
            trial = self.queue.take(self.env.now, self.system.service_time)
            if trial is None:
                return
            self.busy += 1
            self._at(self._work(), self._done, trial)

    def _done(self, trial: _Trial) -> None:
        if self.stalled:  # its last step must wait, too
            self._at(self.stalled_until - self.env.now, self._done, trial)
            return
        self.busy -= 1
        if trial.over:
            self.in_vain[int(self.env.now)] += 1
        elif self.system.failures and self.chance.random() < self.system.failures:
            self._failed(trial, REJECTED)
        else:
            self._succeeded(trial)
        self._serve_next()

    def _stall(self) -> None:
        self.stalled = True
        self.stalled_until = self.env.now + self.system.stall
        self._at(self.system.stall, self._go_on)

    def _go_on(self) -> None:
        self.stalled = False
        self._serve_next()

    # ---- time and chance -------------------------------------------------------------

    def _at(self, delay: float, what: Callable[..., None], *args: Any) -> None:
        """Call what(*args) in `delay` seconds."""
        self.env.timeout(delay).callbacks.append(lambda _: what(*args))

    def _now(self) -> float:
        return float(self.env.now)

    def _rng(self, label: str) -> Random:
        return Random(f"{self.seed}/{label}")

    def _gap(self) -> float:
        """Seconds until the next request."""
        if self.system.steady:
            return self.arrivals.uniform(0.8, 1.2) / self.system.load
        return self.arrivals.expovariate(self.system.load)

    def _work(self) -> float:
        """Seconds that a worker needs for a try."""
        mean = self.system.service_time
        return mean if self.system.steady else self.work.expovariate(1 / mean)


def as_wait(wait: Any, attempt: int) -> float | None:
    """What delay(attempt, ...) answered. Raises BadPolicy for what nobody can wait."""
    if wait is not None and not (isinstance(wait, int | float) and wait >= 0):
        raise BadPolicy(f"delay({attempt}, ...) is seconds from 0 up, or None; it was {wait!r}")
    return wait


def made(policy: Policy, clients: int, *, rng: Random, clock: Callable[[], float]) -> Iterator[Any]:
    """A policy object for each caller; each is given the clock if it asks for one."""
    given: dict[str, Any] = {"rng": rng}
    if "clock" in inspect.signature(policy).parameters:
        given["clock"] = clock
    return (policy(**given) for _ in range(clients))


@contextmanager
def _no_collector() -> Iterator[None]:
    """A run makes no cycles, and walking its long line again and again takes a fifth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _always() -> bool:
    return True
