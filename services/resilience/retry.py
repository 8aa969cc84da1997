"""Try again: only what may help, only where it is safe, only while somebody waits.

Idea      A loop with five questions after each failure, in this order: was this the last attempt? may
          it be sent twice (idempotent)? can another try help (transient)? is there time for the wait?
          does the budget pay? One "no", and the error is raised, with a note that says which.
Not here  How long to wait (backoff.py), how much a client may retry in all (retry_budget.py).
Mind      Retry in one layer. Three layers of 3 attempts are 27 calls.
Source    RFC 9110, section 9.2.2: a client should not retry a method that is not idempotent by itself,
          unless it knows that the request is. AWS Builders' Library, "Timeouts, retries, and backoff
          with jitter".
At work   stamina.retry(on=..., attempts=..., timeout=...): capped exponential backoff with jitter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from random import Random
from typing import TypeVar

from services.resilience.backoff import Backoff, full_jitter
from services.resilience.deadline import Deadline, DeadlineExceeded, enforce
from services.resilience.failures import is_transient
from services.resilience.retry_budget import RetryBudget

T = TypeVar("T")
Observer = Callable[..., None]  # observer(kind, **data), such as node.record

IDEMPOTENT_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE")


def is_idempotent(method: str, headers: Mapping[str, str] | None = None) -> bool:
    """May this request be sent twice? By its method, or since it carries an Idempotency-Key."""
    named = {name.lower() for name in headers or {}}
    return method.upper() in IDEMPOTENT_METHODS or "idempotency-key" in named


async def retry(
    call: Callable[[], Awaitable[T]],
    *,
    idempotent: bool,
    rng: Random,
    attempts: int = 3,
    backoff: Backoff = full_jitter,
    base: float = 0.1,
    cap: float = 5.0,
    deadline: Deadline | None = None,
    budget: RetryBudget | None = None,
    retryable: Callable[[Exception], bool] = is_transient,
    observer: Observer | None = None,
) -> T:
    """Await `call()` until it succeeds, at most `attempts` times, the first one counted.

    call:      makes one attempt and raises if it failed (`response.raise_for_status()`). Its own timeout
               should be shorter than the deadline, or there is time for one attempt only.
    base, cap: seconds, for the backoff.
    deadline:  for all attempts and waits together; when it is over the attempt is cancelled.
    observer:  observer("retry", attempt=, wait=, error=) before each wait.

    Raises the last attempt's error, with a note why there was no further one; DeadlineExceeded.
    """
    if attempts < 1:
        raise ValueError(f"attempts counts the first try, so it is 1 or more; got {attempts}")
    clock = asyncio.get_running_loop().time
    wait: float | None = None
    if budget is not None:
        budget.deposit(clock())
    attempt = 1
    while True:
        try:
            async with enforce(deadline) if deadline is not None else nullcontext():
                return await call()
        except DeadlineExceeded:
            raise  # nobody waits for another one
        except Exception as error:
            why_not = None
            wait = backoff(attempt, base=base, cap=cap, rng=rng, previous=wait)
            if attempt == attempts:
                why_not = "that was the last one"
            elif not idempotent:
                why_not = "it is not idempotent, and it may have been done"
            elif not retryable(error):
                why_not = "another one would not help"
            elif deadline is not None and wait >= deadline.remaining(clock()):
                why_not = f"a wait of {wait:.3f} s, and {deadline.remaining(clock()):.3f} s remain"
            elif budget is not None and not budget.try_withdraw(clock()):
                why_not = f"the retry budget is empty ({budget.balance(clock()):.1f} tokens)"
            if why_not is not None:
                error.add_note(f"gave up after attempt {attempt} of {attempts}: {why_not}")
                raise
            if observer is not None:
                observer("retry", attempt=attempt, wait=wait, error=f"{type(error).__name__}: {error}")
        await asyncio.sleep(wait)
        attempt += 1
