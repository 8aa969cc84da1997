"""What these tests share: a world without services, for its clock, and an observer that remembers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from classroom import simulate
from classroom.world.world import World


class History(list[dict[str, Any]]):
    def __call__(self, kind: str, **data: Any) -> None:
        self.append({"kind": kind, **data})

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self if event["kind"] == kind]


@pytest.fixture
def history() -> History:
    return History()


@pytest.fixture(scope="session")
def virtually() -> Callable[[Callable[[], Awaitable[Any]]], Any]:
    """Run ``async def main()`` on the world's clock, which begins at 0 and jumps; return what it returned."""

    def run(main: Callable[[], Awaitable[Any]]) -> Any:
        async def scenario(world: World) -> Any:
            return await main()

        done = simulate(scenario, seed=0)
        done.raise_error()
        return done.result

    return run
