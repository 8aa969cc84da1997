"""Retry policies as the lesson writes them, for the tests of the model."""

from __future__ import annotations

from random import Random
from typing import Any


class NoRetry:
    def __init__(self, *, rng: Random) -> None:
        self.rng = rng

    def on_first_try(self) -> None: ...

    def on_success(self) -> None: ...

    def delay(self, attempt: int, failure: Any, remaining: float) -> float | None:
        return None


class Immediate(NoRetry):
    def delay(self, attempt: int, failure: Any, remaining: float) -> float | None:
        return 0.0 if attempt < 4 else None


class FullJitter(NoRetry):
    def delay(self, attempt: int, failure: Any, remaining: float) -> float | None:
        return self.rng.uniform(0, 0.1 * 2 ** (attempt - 1)) if attempt < 4 else None


class Budget(FullJitter):
    """One retry for ten first tries, and ten at once."""

    def __init__(self, *, rng: Random) -> None:
        super().__init__(rng=rng)
        self.tokens = 10.0

    def on_first_try(self) -> None:
        self.tokens = min(10.0, self.tokens + 0.1)

    def delay(self, attempt: int, failure: Any, remaining: float) -> float | None:
        wait = super().delay(attempt, failure, remaining)
        if wait is None or self.tokens < 1:
            return None
        self.tokens -= 1
        return wait
