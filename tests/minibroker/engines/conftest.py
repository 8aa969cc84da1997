"""What the contract runs on: each engine, reached by its url.

Idea      A test is a scenario that gets a broker and says what must be true of it. minibroker
          runs it on a virtual clock, a real engine on a real one. Names are new for each
          test, since a real broker outlives it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from typing import Any

import pytest

from minibroker.engines import Capabilities, Engine, connect
from tests.minibroker.conftest import JumpingLoop
from tests.minibroker.engines.servers import RabbitMQ

PATIENCE = 40.0  # seconds for one scenario
NUMBERS = count(1)


class Bench:
    """One engine, to run scenarios on. `moment`: seconds after which what has not come does not come."""

    def __init__(self, name: str, url: str, *, moment: float, loop_factory: Any = None) -> None:
        self.engine, self.url, self.moment = name, url, moment
        self._loop_factory = loop_factory

    def __repr__(self) -> str:
        return f"Bench({self.url})"

    @property
    def capabilities(self) -> Capabilities:
        return connect(self.url).capabilities

    def name(self, word: str) -> str:
        """A name that no test had before."""
        return f"{word}-{next(NUMBERS)}"

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
RABBITMQ = pytest.param("rabbitmq", marks=pytest.mark.engines("rabbitmq-server"))


@pytest.fixture(scope="session")
def rabbit(request: pytest.FixtureRequest) -> Bench:
    """RabbitMQ alone."""
    return bench("rabbitmq", request)


@pytest.fixture(scope="session", params=[MEMORY, RABBITMQ])
def queues(request: pytest.FixtureRequest) -> Bench:
    """Each engine that has queues."""
    return bench(request.param, request)


@pytest.fixture(scope="session", params=[MEMORY])
def topics(request: pytest.FixtureRequest) -> Bench:
    """Each engine that has topics."""
    return bench(request.param, request)


@pytest.fixture(scope="session", params=[MEMORY, RABBITMQ])
def any_engine(request: pytest.FixtureRequest) -> Bench:
    """Each engine."""
    return bench(request.param, request)


# -- the servers ---------------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def rabbitmq(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RabbitMQ | None]:
    """Started as soon as it is known that it will be needed: it boots while the other engines are tried."""
    wanting = [item for item in request.session.items if "rabbitmq-server" in _servers(item)]
    if all(item.get_closest_marker("skip") for item in wanting):
        yield None
        return
    server = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def rabbitmq_url(rabbitmq: RabbitMQ) -> str:
    return rabbitmq.url


def _servers(item: pytest.Item) -> tuple[object, ...]:
    mark = item.get_closest_marker("engines")
    return mark.args if mark else ()
