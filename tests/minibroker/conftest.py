"""What these tests share: a history that an observer fills, and asyncio on a clock that jumps."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest


class History(list[dict[str, Any]]):
    """An observer that keeps what it is told."""

    def __call__(self, kind: str, **data: Any) -> None:
        self.append({"kind": kind, **data})

    def kinds(self, message: int | None = None) -> list[str]:
        return [event["kind"] for event in self if message in (None, event["message"])]

    def last(self, kind: str) -> dict[str, Any]:
        return [event for event in self if event["kind"] == kind][-1]


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of sleeping until the next timer, move the loop's clock there."""

    loop: "JumpingLoop"

    def select(self, timeout: float | None = None) -> Any:
        events = super().select(0)
        if not events:
            if timeout is None:
                raise RuntimeError(f"t={self.loop.time():g}s: every task waits for ever")
            self.loop.now += timeout
        return events


class JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.now = 0.0
        selector = _JumpingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now


@pytest.fixture
def history() -> History:
    return History()


@pytest.fixture
def virtually() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine on a loop whose time starts at 0 and jumps: nothing sleeps."""

    def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            return runner.run(coroutine)

    return run
