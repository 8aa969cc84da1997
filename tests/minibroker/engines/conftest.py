"""What the contract runs on: each engine, reached by its url.

Idea      A test is a scenario that gets a broker and says what must be true of it. minibroker
          runs it on a virtual clock, a real engine on a real one. Names are new for each
          test, since a real broker outlives it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest

from minibroker.engines import Capabilities, Engine, connect
from tests.minibroker.conftest import JumpingLoop

PATIENCE = 40.0  # seconds for one scenario


class Bench:
    """One engine, to run scenarios on. `moment`: seconds after which what has not come does not come."""

    def __init__(self, name: str, url: str, *, moment: float, loop_factory: Any = None) -> None:
        self.engine, self.url, self.moment = name, url, moment
        self._loop_factory = loop_factory
        self._numbers = count(1)

    def __repr__(self) -> str:
        return f"Bench({self.url})"

    @property
    def capabilities(self) -> Capabilities:
        return connect(self.url).capabilities

    def name(self, word: str) -> str:
        """A name that no test had before."""
        return f"{word}-{next(self._numbers)}"

    def topic_name(self, word: str) -> str:
        """The same, of a topic with four partitions that can be created, or was."""
        return self.name(word)

    def run(self, scenario: Callable[[Engine], Awaitable[Any]]) -> Any:
        """What `scenario(broker)` returns, on a connection of its own."""

        async def connected() -> Any:
            async with asyncio.timeout(PATIENCE), connect(self.url) as broker:
                return await scenario(broker)

        with asyncio.Runner(loop_factory=self._loop_factory) as runner:
            return runner.run(connected())


def bench(name: str, request: pytest.FixtureRequest) -> Bench:
    if name == "memory":
        return Bench("memory", "memory:", moment=1.0, loop_factory=JumpingLoop)
    return Bench(name, request.getfixturevalue(f"{name}_url"), moment=0.3)


MEMORY = "memory"


@pytest.fixture(scope="session", params=[MEMORY])
def queues(request: pytest.FixtureRequest) -> Bench:
    """Each engine that has queues."""
    return bench(request.param, request)


@pytest.fixture(scope="session", params=[MEMORY])
def topics(request: pytest.FixtureRequest) -> Bench:
    """Each engine that has topics."""
    return bench(request.param, request)


@pytest.fixture(scope="session", params=[MEMORY])
def any_engine(request: pytest.FixtureRequest) -> Bench:
    """Each engine."""
    return bench(request.param, request)
