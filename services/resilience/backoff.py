"""How long to wait before the next try.

Idea      The wait doubles with each try, up to a cap. Without chance in it, all who failed at one
          instant come back at one instant. Jitter spreads them out; it takes no load away.
          Each function here answers for one `attempt` (1 = before the first retry), in seconds:

              v = min(cap, base * 2 ** (attempt - 1))
              immediately           0
              exponential           v
              plus_minus_20         v * uniform(0.8, 1.2)
              equal_jitter          v / 2 + uniform(0, v / 2)
              full_jitter           uniform(0, v)
              decorrelated_jitter   min(cap, uniform(base, 3 * previous))

Not here  Whether to try again at all (retry.py, retry_budget.py).
Source    M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015, and its simulator,
          for all but plus_minus_20, which is gRPC's (gRFC A6; until August 2024 it said full jitter).
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

Backoff = Callable[..., float]  # backoff(attempt, base=, cap=, rng=, previous=)


def immediately(
    attempt: int, *, base: float, cap: float, rng: Random, previous: float | None = None
) -> float:
    """No wait at all: how one makes a storm."""
    _ceiling(attempt, base, cap)
    return 0.0


def exponential(
    attempt: int, *, base: float, cap: float, rng: Random, previous: float | None = None
) -> float:
    """The wait doubles; everybody waits the same."""
    return _ceiling(attempt, base, cap)


def plus_minus_20(
    attempt: int, *, base: float, cap: float, rng: Random, previous: float | None = None
) -> float:
    """A fifth more or less, so it may be a little over the cap."""
    return _ceiling(attempt, base, cap) * rng.uniform(0.8, 1.2)


def equal_jitter(
    attempt: int, *, base: float, cap: float, rng: Random, previous: float | None = None
) -> float:
    """Half of the wait is certain, half is chance."""
    half = _ceiling(attempt, base, cap) / 2
    return half + rng.uniform(0, half)


def full_jitter(
    attempt: int, *, base: float, cap: float, rng: Random, previous: float | None = None
) -> float:
    """All of the wait is chance: the widest spread."""
    return rng.uniform(0, _ceiling(attempt, base, cap))


def decorrelated_jitter(
    attempt: int, *, base: float, cap: float, rng: Random, previous: float | None = None
) -> float:
    """The wait grows out of the `previous` one (None before the first retry), not out of the count."""
    _ceiling(attempt, base, cap)
    return min(cap, rng.uniform(base, 3 * (base if previous is None else previous)))


BACKOFFS: dict[str, Backoff] = {
    function.__name__: function
    for function in (
        immediately, exponential, plus_minus_20, equal_jitter, full_jitter, decorrelated_jitter,
    )
}  # fmt: skip


def _ceiling(attempt: int, base: float, cap: float) -> float:
    if attempt < 1:
        raise ValueError(f"attempt counts from 1 (the first retry); got {attempt}")
    if not 0 < base <= cap:
        raise ValueError(f"base and cap are in seconds, 0 < base <= cap; got base={base}, cap={cap}")
    return float(min(cap, base * 2.0 ** min(attempt - 1, 100)))  # 2 ** 100 is past any cap, and still a float
